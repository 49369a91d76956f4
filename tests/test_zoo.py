"""Rules that are kept: each loads, has a card, and does what the card says."""

import re

import pytest

import plastica as pl
from plastica.cli import main
from plastica.errors import Refusal
from plastica.experiments.vsml import from_scratch

from .conftest import all_but


@pytest.mark.parametrize("name", pl.zoo.names())
def test_a_rule_has_a_card_that_says_how_to_make_it(name):
    assert isinstance(pl.zoo.load(name), pl.AbstractLearner)
    card = pl.zoo.card(name)
    assert card.startswith("# ") and "plastica train" in card
    assert f"plastica eval zoo:{name}" in card and "Apache-2.0" in card


def test_the_memory_does_what_its_card_says(shared_data):
    text = pl.load_text("wizard-of-oz", folder=shared_data)
    task = pl.Text.memorise(text, "test", length=100)
    found = pl.evaluate(pl.zoo.load("memorise-100"), task, lives=40, key=5).loss
    said = re.search(r"this rule \|.*\| (.*) ± (.*) \|", pl.zoo.card("memorise-100"))
    assert abs(found.mean - float(said[1])) < 4 * (found.error + float(said[2]))


@pytest.mark.slow
def test_the_longer_memory_does_what_its_card_says():
    task = pl.Text.memorise(pl.load_text("python-docs"), "test", length=300)
    found = pl.evaluate(pl.zoo.load("memorise-300"), task, lives=20, key=5).loss
    said = re.search(r"this rule \|.*\| (.*) ± (.*) \|", pl.zoo.card("memorise-300"))
    assert abs(found.mean - float(said[1])) < 4 * (found.error + float(said[2]))


@pytest.mark.slow
def test_the_model_does_what_its_card_says(shared_data):
    text = pl.load_text("wizard-of-oz", folder=shared_data)
    task = pl.Text.predict(text, "test", length=2_000)
    found = pl.evaluate(pl.zoo.load("predict-2000"), task, lives=10, key=5).loss
    said = re.search(r"this rule \| (\S*) ± (\S*) \|", pl.zoo.card("predict-2000"))
    assert abs(found.mean - float(said[1])) < 4 * (found.error + float(said[2]))


@pytest.mark.slow
def test_what_learns_images_does_what_its_card_says(shared_data, monkeypatch):
    monkeypatch.setenv("PLASTICA_DATA", str(shared_data))
    shown = from_scratch(others=()).exhibit.courses["mnist, first 200"]
    found = pl.evaluate(pl.zoo.load("learns-images"), shown, lives=20, key=5).miss
    said = re.search(r"this rule \| (\S*) ± (\S*) \|", pl.zoo.card("learns-images"))
    assert abs(found.mean - float(said[1])) < 4 * (found.error + float(said[2]))


@pytest.mark.slow
def test_what_trains_networks_trains_one_on_mnist(shared_data):
    mnist = pl.load_images("mnist", folder=shared_data)
    course = pl.Classification.of(mnist, "test", batch=128, lessons=100, exams=4)
    genome = pl.zoo.load("trains-networks").on(course.network(64))
    assert pl.evaluate(genome, course, lives=3, key=5).miss.mean < 0.15


def test_what_drives_to_a_signal_does_what_its_card_says():
    found = pl.evaluate(pl.zoo.load("drives-to-a-signal"), pl.Robot(0.05), 200, 5).loss
    said = re.search(
        r"this rule \| (\S*) ± (\S*) \|", pl.zoo.card("drives-to-a-signal")
    )
    assert abs(found.mean - float(said[1])) < 4 * (found.error + float(said[2]))


BY_NAME = {
    "drives-to-a-signal": (["--noise", "0.2", "--devices", "2"], "1,600 new"),
    "memorise-100": (["--length", "20", "--devices", "2"], "second reading"),
    "memorise-300": (["--length", "20", "--devices", "2"], "second reading"),
    "predict-2000": (["--length", "50", "--devices", "2"], "bits"),
    "learns-images": (["--lessons", "20"], "digits, first 20"),
    "trains-networks": (["--lessons", "31", "--devices", "2"], "after 31 lessons"),
}


@pytest.mark.parametrize(
    "name",
    all_but(
        BY_NAME, "memorise-300", "predict-2000", "learns-images", "trains-networks"
    ),
)
def test_a_rule_is_evaluated_by_name_without_any_data(name, capsys, monkeypatch):
    words, told = BY_NAME[name]
    monkeypatch.delenv("PLASTICA_DATA", raising=False)
    assert main(["eval", f"zoo:{name}", *words]) == 0
    assert told in capsys.readouterr().out


def test_a_name_that_is_none_is_refused(capsys):
    with pytest.raises(
        Refusal,
        match="no rule 'memorize'; did you mean memorise-[13]00 or memorise-[13]00",
    ):
        pl.zoo.load("memorize")
    assert main(["eval", "zoo:memorize"]) == 2
