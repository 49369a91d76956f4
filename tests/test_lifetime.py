"""The inner loop against a Python loop, and what it promises of memory and traces."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from plastica.baselines import Recurrent
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, Feedback, flatten
from plastica.lifetime import birth, check, examine, life, live, total
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.task import AbstractTask, Loss
from plastica.tasks import Text


class Leaky(AbstractLearner):
    """A number that leaks, and is corrected by a part of the error."""

    gain: Float[Array, ""]
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def init(self, key, x):
        return 0.1 * jax.random.normal(key, x.shape)

    def predict(self, state, x):
        state = jnp.tanh(self.gain * state + x)
        return state, state

    def learn(self, state, feedback):
        return state + 0.3 * (feedback.target - state)


class Numb(Leaky):
    """Another one, whose birth draws nothing."""

    def init(self, key, x):
        return jnp.zeros_like(x)


class Wave(AbstractTask):
    """Asks for the next point of a wave; two ticks of three are taught."""

    ticks: int = eqx.field(static=True, default=5)
    gives: ClassVar[frozenset[str]] = frozenset({"target"})

    def init(self, key):
        return jax.random.uniform(key), jnp.zeros((), int)

    def observe(self, world):
        phase, tick = world
        return jnp.sin(phase + tick)[None]

    def respond(self, world, y):
        phase, tick = world
        world = phase, tick + 1
        target = self.observe(world)
        error = jnp.sum((y - target) ** 2)
        told = Feedback(target, -error, tick % 3 != 1, tick == self.ticks - 1)
        return world, told, Loss(error, 1.0 / self.ticks, jnp.abs(error) > 0.1)


class Rewarded(Wave):
    """The same, for those who learn from rewards."""

    gives: ClassVar[frozenset[str]] = frozenset({"reward"})


LEAKY = Leaky(jnp.array(0.7))


def text(length, readings=2):
    symbols = np.random.default_rng(0).integers(0, 4, length + 10)
    return Text(jnp.asarray(symbols), 4, length, readings)


def small_rule():
    zeros = PMLPHebb.zeros(Network.layered(4, 3, 4), readout="softmax")
    theta, rule_of = flatten(zeros)
    return rule_of(jnp.asarray(np.random.default_rng(0).normal(0, 0.3, theta.shape)))


def recurrent(kind, units, hears="nothing"):
    return getattr(Recurrent, kind)(jax.random.key(0), 4, units, 4, hears)


def by_hand(learner, task, state, world, ticks):
    """The conversation, tick by tick, in Python."""
    losses, answers = [], []
    for _ in range(ticks):
        state, y = learner.predict(state, task.observe(world))
        world, feedback, loss = task.respond(world, y)
        if feedback.taught:
            state = learner.learn(state, feedback)
        losses.append(loss)
        answers.append((state, world[1], y))
    return state, world, losses, answers


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), a, b)


# Primes, squares, and numbers whose divisors are far from their roots
@pytest.mark.parametrize("ticks", [1, 2, 7, 12, 13, 22, 97])
def test_live_is_the_python_loop_for_any_number_of_ticks(ticks):
    task = Wave(ticks)
    state, world = birth(LEAKY, task, jax.random.key(0))

    def watch(state, world, y):
        return state, world[1], y

    seen = live(LEAKY, task, state, world, ticks, watch)
    state, world, losses, answers = by_hand(LEAKY, task, state, world, ticks)
    close(seen[:2], (state, world))
    close(seen[2], jax.tree.map(lambda *each: np.stack(each), *losses))
    close(seen[3], jax.tree.map(lambda *each: np.stack(each), *answers))
    assert [leaf.shape for leaf in seen[2]] == [(ticks,)] * 3


def test_a_life_lived_in_two_parts_is_the_same_life():
    task = Wave(20)
    state, world = birth(LEAKY, task, jax.random.key(0))
    whole = live(LEAKY, task, state, world, 20)
    state, world, first, _ = live(LEAKY, task, state, world, 7)
    *ends, second, _ = live(LEAKY, task, state, world, 13)
    close(whole[:2], tuple(ends))
    close(whole[2], jax.tree.map(lambda a, b: np.concatenate([a, b]), first, second))


def test_nothing_is_seen_without_a_watch():
    state, world = birth(LEAKY, Wave(5), jax.random.key(0))
    assert live(LEAKY, Wave(5), state, world, 5)[3] is None


def test_watching_changes_nothing():
    state, world = birth(LEAKY, Wave(5), jax.random.key(0))
    watched = live(LEAKY, Wave(5), state, world, 5, lambda *seen: seen)
    close(live(LEAKY, Wave(5), state, world, 5)[:3], watched[:3])


def test_a_lifetime_is_a_birth_and_a_life():
    task, key = Wave(6), jax.random.key(3)
    state, world = birth(LEAKY, task, key)
    close(life(LEAKY, task, key), live(LEAKY, task, state, world, 6)[2])


def test_the_world_does_not_depend_on_the_learner():
    key = jax.random.key(2)
    places = [birth(who, Wave(5), key)[1] for who in (LEAKY, Numb(LEAKY.gain))]
    assert places[0] == places[1]


def test_a_life_weighs_its_ticks():
    losses = Loss(jnp.array([1.0, 2.0, 4.0]), jnp.array([0.0, 0.5, 0.5]), jnp.eye(3)[1])
    assert total(losses) == (3.0, 0.5)


def test_the_gradient_is_that_of_the_python_loop():
    task = Wave(7)
    state, world = birth(LEAKY, task, jax.random.key(0))

    def loss(gain, lived):
        losses = lived(Leaky(gain), task, state, world, 7)[2]
        if isinstance(losses, list):
            losses = jax.tree.map(lambda *each: jnp.stack(each), *losses)
        return total(losses)[0]

    ours, theirs = (jax.grad(loss)(LEAKY.gain, lived) for lived in (live, by_hand))
    assert abs(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_the_memory_of_a_gradient_grows_as_the_root_of_the_ticks():
    theta, learner_of = flatten(recurrent("rnn", units=100))

    def bytes_needed(ticks):
        task = text(ticks // 2)

        def loss(theta):
            return total(life(learner_of(theta), task, jax.random.key(0)))[0]

        compiled = jax.jit(jax.grad(loss)).lower(theta).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    few, many = bytes_needed(100), bytes_needed(1_600)
    assert few > 20 * 100 * 4  # the states of 20 ticks are there
    assert many < 8 * few


def test_an_exam_leaves_no_trace_from_one_question_to_the_next():
    rule, task = small_rule(), text(5)
    asked = eqx.filter_jit(examine)
    state, _ = birth(rule, task, jax.random.key(0))
    before = jax.tree.map(np.array, state)
    xs = jnp.eye(4)[jnp.array([0, 1, 2, 3, 0, 1])]
    ys = asked(rule, state, xs)
    assert not np.allclose(ys[0], ys[1])
    close(ys[4:], ys[:2])
    close(asked(rule, state, xs[::-1]), ys[::-1])
    close(state, before)


# What `check` refuses


def refusal(learner, task):
    """The one line with which the two are kept apart."""
    with pytest.raises(Refusal) as refused:
        check(learner, task)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "learner",
    [small_rule, lambda: recurrent("rnn", 3, "error")],
    ids=["PMLPHebb", "Recurrent"],
)
def test_a_learner_that_fits_passes(learner):
    check(learner(), text(5))


def test_a_learner_that_the_task_cannot_teach_is_refused():
    message = refusal(LEAKY, Rewarded(5))
    assert "Leaky cannot live in Rewarded: it learns from targets" in message
    assert "Rewarded gives rewards" in message


def test_too_few_inputs_are_refused():
    message = refusal(Recurrent.lstm(jax.random.key(0), 3, 3, 4), text(5))
    assert "Recurrent does not fit Text, which shows arrays of shape (4,)" in message
    rule = PMLPHebb.zeros(Network.layered(5, 3, 4))
    assert "PMLPHebb does not fit Text" in refusal(rule, text(5))


def test_another_number_of_outputs_is_refused():
    lstm = Recurrent.lstm(jax.random.key(0), 4, 3, 6)
    assert "answers with shape (6,)" in refusal(lstm, text(5))
    assert "give the learner 4 outputs" in refusal(lstm, text(5))
    told = Recurrent.lstm(jax.random.key(0), 4, 3, 6, "error")
    assert "give the learner 4 outputs" in refusal(told, text(5))
