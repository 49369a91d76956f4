"""Any learner on any task: which pairs live, and what stands around a learner."""

import re
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plastica as pl
from examples.maze import TMaze
from examples.plasticity import Plasticity
from plastica.baselines import Apart, Hears
from plastica.cli.source import complete, find
from plastica.errors import Refusal
from plastica.experiments.learners import LEARNERS, Fit
from plastica.experiments.meet import TASKS, meet
from plastica.figures.meet import PLACES, reason
from plastica.learner import theta
from plastica.lifetime import birth, live
from plastica.run.record import read_records
from plastica.run.sweep import made_elsewhere
from plastica.tasks import Toy

ROOT = Path(__file__).resolve().parents[2]
KEY = jax.random.key(0)
LISTED = [
    re.split(r" *\| *", line.strip("| "))
    for line in (ROOT / "docs" / "pairs.md").read_text().splitlines()
    if line.startswith("| ") and "---" not in line
][: len(LEARNERS) + 1]
PAIRS = [
    (rule, place, word)
    for rule, *words in LISTED[1:]
    for place, word in zip(LISTED[0][1:], words, strict=True)
]


def test_the_list_is_of_all_learners_and_all_tasks():
    assert [rule for rule, *_ in LISTED[1:]] == list(LEARNERS)
    assert LISTED[0][1:] == list(PLACES)
    assert {task for task, _ in PLACES.values()} == set(TASKS)


@pytest.mark.parametrize(("rule", "place", "word"), PAIRS)
def test_a_pair_lives_or_is_refused_for_the_reason_that_is_listed(rule, place, word):
    task, knobs = PLACES[place]
    said = {
        "feedback": "learns from",
        "output": "answers with",
        "batches": "sees one sample at a time",
    }
    assert (reason(rule, place) or "lives") == word
    if word == "lives":
        assert meet(rule=rule, task=task, **knobs).learner
    else:
        with pytest.raises(Refusal, match=said[word]):
            meet(rule=rule, task=task, **knobs)


@pytest.mark.parametrize("hears", ["nothing", "target", "error", "reward"])
def test_what_a_learner_hears_is_the_feedback_on_its_last_answer(hears):
    task, inputs = ("robot", 3) if hears == "reward" else ("toys", 2)
    met = meet(rule="rnn", task=task, hears=hears, hidden=3).learner
    if hears == "nothing":
        assert not isinstance(met, Hears)
        return
    x, heard = jnp.ones(inputs), 1 if hears == "reward" else 2
    assert met.learner.core.cell.W_x.shape == (3, inputs + heard)
    state, y = met.predict(met.init(KEY, x), x)
    assert not np.any(state.heard)
    feedback = pl.Feedback(
        jnp.array([0.0, 1.0]), jnp.asarray(-2.0), jnp.bool_(True), jnp.bool_(False)
    )
    expected = {
        "target": [0, 1],
        "error": jax.nn.softmax(y) - jnp.array([0.0, 1.0]),
        "reward": [-2],
    }[hears]
    state = met.learn(state, feedback)
    np.testing.assert_allclose(state.heard, expected, rtol=1e-6)
    _, answer = met.learner.predict(state.own, jnp.append(x, state.heard))
    after, again = met.predict(state, x)
    np.testing.assert_array_equal(answer, again)
    assert not np.any(after.heard) and not np.any(met.rest(state).heard)


def test_an_error_of_numbers_is_their_difference():
    met = meet(rule="rnn", task="sines", hears="error", hidden=3).learner
    state, y = met.predict(met.init(KEY, jnp.ones(1)), jnp.ones(1))
    hears = pl.Feedback(jnp.ones(1), -y[0], jnp.bool_(True), jnp.bool_(False))
    np.testing.assert_allclose(met.learn(state, hears).heard, y - 1)


def test_neurons_that_answer_stand_apart_from_those_that_see():
    met = meet(rule="vector_neuron", task="toys", toy="blobs", hidden=4).learner
    assert isinstance(met, Apart) and met.learner.network.sizes == (2 + 5, 4)
    toy = Toy(name="blobs", batch=None, lessons=3)
    state, world = birth(met, toy, KEY)
    x = toy.observe(world)
    _, y = met.learner.predict(state, jnp.append(x, jnp.zeros(5)))
    after, answer = met.predict(state, x)
    np.testing.assert_array_equal(answer, y[2:])
    feedback = toy.respond(world, answer)[1]
    taught = met.learn(after, feedback)
    np.testing.assert_array_equal(taught.h[0][:, 0], [0, 0, *feedback.target])
    losses = live(met, toy, state, world, 3)[2]
    assert np.all(np.isfinite(losses.value))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"rule": "vmsl"}, "no rule 'vmsl'; did you mean vsml.*FILE.py:CLASS"),
        ({"task": "sine"}, "no task 'sine'; did you mean sines"),
        ({"rule": "lstm", "states": 3}, "no knob 'states'"),
        ({"rule": pl.MAML}, "does not say how it is made to fit a task.*create"),
        ({"task": Toy}, "asks for `name`, which nobody tells it; give"),
        ({"rule": "nowhere.py:Mine"}, "there is no file nowhere.py"),
        ({"task": "robot", "rule": "vsml"}, "learns from targets, and Robot gives"),
    ],
)
def test_what_cannot_meet_is_refused_in_one_line(knobs, said):
    with pytest.raises(Refusal, match=said) as refused:
        meet(**knobs)
    assert "\n" not in str(refused.value)


class Rated(Plasticity):
    """A rule with a knob that the search has too."""

    @classmethod
    def create(cls, key, inputs, outputs, rate: float = 0.1):
        return super().create(key, inputs, outputs)


class Silent(TMaze):
    """A task that does not say how many numbers an answer has."""

    outputs: ClassVar[property] = pl.AbstractTask.outputs


def test_a_class_of_the_user_s_is_refused_with_what_it_lacks():
    with pytest.raises(Refusal, match="has a knob `rate`, and so has the search"):
        meet(rule=Rated)
    with pytest.raises(Refusal, match="does not say how many numbers an answer has"):
        meet(rule=Plasticity, task=Silent)


def test_a_class_of_the_user_s_is_as_good_as_a_name():
    met = meet(rule=Plasticity, task=TMaze, units=3, corridor=4, trials=5, seed=2)
    assert met.objective.ticks == 16 * 5 * 5
    assert met.learner.w.shape == (3, 3 + 3)
    told = met.source["arguments"]
    assert told["rule"].endswith("plasticity.py:Plasticity") and told["corridor"] == 4
    assert met.source["files"].keys() == {"rule", "task"}
    named = meet(**told)
    assert theta(named.learner) is not None and named.source == met.source


def test_records_made_before_a_pair_had_knobs_of_its_own_are_found():
    records = read_records(ROOT / "results/learning_to_remember/elsewhere.jsonl")
    sweep = find("learning_to_remember.elsewhere").call({})
    assert made_elsewhere(sweep, records, complete).keys() == {
        run.name for run in sweep.runs
    }


def test_a_learner_is_told_what_it_is_made_for():
    asked = {}

    class Curious(Plasticity):
        @classmethod
        def create(cls, fit: Fit, key, ticks, by_gradient, units: int = 2):
            asked.update(locals())
            return Plasticity.create(key, fit.inputs, fit.outputs, units)

    meet(rule=Curious, task="sines", search="gradient", horizon=7)
    assert asked["ticks"] == 17 and asked["by_gradient"] and asked["fit"].shows_target


def test_every_pair_that_lives_was_trained():
    records = read_records(ROOT / "results/meet/pairs.jsonl")
    table = find("meet.pairs").call({}).draw(records)[0]
    told = {
        rule: dict(zip(table.columns, cells, strict=True)) for rule, cells in table.rows
    }
    for rule, place, word in PAIRS:
        cell = told[rule][place]
        assert " to " in cell if word == "lives" else cell == word, (rule, place)
