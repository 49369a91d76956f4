"""What a report shows of a learner that reads: measured, coloured, and complete."""

import html
import math
import re
from html.parser import HTMLParser

import jax
import numpy as np
import pytest

import plastica as pl
from plastica.data import ALPHABETS, Corpus
from plastica.run.report import page
from plastica.shown import Panel, Reading, Score, Table
from plastica.shown.plots import lines

from .runs import small

KEY = jax.random.key(7)
SPAN = re.compile(
    r'<span style="background:rgb\(255 (\d+) (\d+)\)" title="([\d.]+|nan|inf) nats">'
    r"(.*?)</span>"
)


@pytest.fixture(scope="module")
def reading(corpus):
    return small(corpus).exhibit


@pytest.fixture(scope="module")
def rule():
    return pl.Recurrent.rnn(jax.random.key(1), 27, 5, 27, "error")


def closely(reading, learner):
    """The panels of what is seen of one learner alone."""
    extras = reading.shown([("this rule", learner)], KEY).extras
    return [panel for name, each in extras.items() for panel in each.panels(name)]


def coloured(panel):
    """The spans of every reading of a panel: two colours, nats, and a character."""
    readings = re.findall(r'<p class="reading">(.*?)</p>', panel.html, re.S)
    return [SPAN.findall(reading) for reading in readings]


def test_the_tables_numbers_are_those_of_evaluate(reading, rule):
    shown = reading.shown([("this rule", rule)], KEY, closely=False)
    table, over = shown.table, shown.life
    told = pl.evaluate(rule, reading.task, reading.passages, KEY)
    (name, scores), *yardsticks = table.rows
    assert name == "this rule" and table.columns == ("first reading", "second reading")
    assert scores[-1] == pytest.approx(told.loss, rel=1e-5)
    assert [name for name, _ in yardsticks] == [
        "uniform",
        "adaptive order 0",
        "adaptive order 2",
    ]
    for score in yardsticks[0][1]:
        assert score == pytest.approx((math.log(27), 0.0))
    for column, score in zip(table.columns, scores, strict=True):
        assert len(over[column]) == 8
        assert np.mean(over[column]) == pytest.approx(score.mean, rel=1e-5)


def test_every_character_of_both_readings_is_coloured_as_measured(reading, rule):
    measured = pl.live(rule, reading.task, KEY)["value"].reshape(2, 8)
    key_world, _ = jax.random.split(KEY)
    passage = reading.task.passage(reading.task.init(key_world))
    expected = reading.alphabet.decode(np.asarray(passage))
    shown = coloured(closely(reading, rule)[0])
    assert len(shown) == 2
    for spans, nats in zip(shown, measured, strict=True):
        assert "".join(html.unescape(span[3]) for span in spans) == expected
        for (green, blue, said, _), value in zip(spans, nats, strict=True):
            share = min(value / math.log(27), 1)
            assert float(said) == pytest.approx(value, abs=0.006)
            assert int(green) == pytest.approx(255 - 165 * share, abs=1)
            assert int(blue) == pytest.approx(255 - 205 * share, abs=1)


def test_the_norms_of_all_that_lives_are_drawn(reading, rule):
    life = closely(reading, rule)[1].html
    for name in ("memory.0", "y", "heard"):
        assert f"<!-- {name} -->" in life


@pytest.mark.parametrize("name", ["bytes", "padded-bytes"])
def test_a_character_of_several_bytes_is_one_character(name):
    text = 'für <b>"Öl" & Käse</b>\n  — ja! '.encode()
    alphabet = ALPHABETS[name]
    corpus = Corpus("tale", np.tile(alphabet.encode(text), 12), alphabet, "")
    task = pl.Text.predict(corpus, "test", len(text))
    told = Reading(task, alphabet, passages=2)
    size = alphabet.size
    rnn = pl.Recurrent.rnn(KEY, size, 2, size)
    (spans,) = coloured(closely(told, rnn)[0])
    assert len(spans) == len(text)  # every byte has its own surprisal
    shown = html.unescape("".join(span[3] for span in spans))
    start = int(task.init(jax.random.split(KEY)[0]).start)
    symbols = np.asarray(task.text)[start : start + len(text)]
    decoded = alphabet.decode(symbols).replace("\n", "·")
    assert shown.strip("�") == decoded.strip("�") and "ö" in shown.lower()
    assert "<b>" not in "".join(span[3] for span in spans)


class Strict(HTMLParser):
    """Every element that is opened is closed, but for those that need not be."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br", "tr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_whole_and_says_what_it_is_given():
    table = Table("<scores>", ("a & b",), (("it's", (Score(1.5, 0.25),)),))
    panels = [Panel("<script>", "a caption & more", table.html())]
    text = page("A <title>", panels)
    Strict().feed(text)
    assert "<script>" not in text and "&lt;scores&gt;" in text and "a &amp; b" in text
    assert "1.500 ± 0.250" in text
    assert "| it's | 1.500 ± 0.250 |" in table.markdown()


def test_one_life_has_no_error():
    assert np.isnan(Score.of(np.array([2.0])).error)
    assert Score.of(np.array([1.0, 3.0])) == (2.0, 1.0)


def test_plots_stand_by_themselves_and_are_the_same_for_the_same_curves():
    curves = {
        "with $holes": np.array([1.0, np.nan, 3.0, np.inf]),
        "and points": (np.array([0, 5]), np.array([2.0, 1.0])),
    }
    drawn = lines(curves, "generation", "nats", levels={"uniform": 3.3})
    assert drawn == lines(curves, "generation", "nats", levels={"uniform": 3.3})
    assert drawn.startswith("<svg") and drawn.rstrip().endswith("</svg>")
    outside = [link for link in re.findall(r'href="([^"]*)"', drawn) if link[0] != "#"]
    assert not outside and "<script" not in drawn and "@import" not in drawn
    assert lines({}, "x", "y").startswith("<svg")
    assert lines({"zeros": np.zeros(3)}, "x", "y", log=True).startswith("<svg")
