"""Recurrent networks against NumPy, what they are hears, and a small victory."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.baselines import Recurrent
from plastica.cells import LSTM, RNN
from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.objective import Lifetime
from plastica.search import MetaGradient, optimiser
from plastica.tasks import Text

KEY = jax.random.key(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(cell, h, c, x):
    """Gate by gate: input, forget, output, candidate."""
    blocks = [
        np.split(np.asarray(part, float), 4) for part in (cell.W_x, cell.W_h, cell.b)
    ]
    i, f, o, g = (W_x @ x + W_h @ h + b for W_x, W_h, b in zip(*blocks, strict=True))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def test_the_lstm_is_its_formula_over_20_ticks(rng):
    with jax.enable_x64(True):
        cell = LSTM.random(KEY, inputs=3, units=5)
        step = eqx.filter_jit(cell)
        ours, (h, c) = cell.newborn(), np.zeros((2, 5))
        for x in rng.normal(size=(20, 3)):
            ours = step(ours, jnp.asarray(x))
            h, c = lstm_by_hand(cell, h, c, x)
            np.testing.assert_allclose(ours, (h, c), rtol=1e-12)


def test_the_rnn_is_its_formula_over_20_ticks(rng):
    with jax.enable_x64(True):
        cell = RNN.random(KEY, inputs=3, units=5)
        step, ours, h = eqx.filter_jit(cell), cell.newborn(), np.zeros(5)
        W_x, W_h, b = (np.asarray(part) for part in (cell.W_x, cell.W_h, cell.b))
        for x in rng.normal(size=(20, 3)):
            ours = step(ours, jnp.asarray(x))
            h = np.tanh(W_x @ x + W_h @ h + b)
            np.testing.assert_allclose(ours[0], h, rtol=1e-12)


def test_a_newborn_lstm_forgets_little():
    cell = LSTM.random(KEY, inputs=30, units=50)
    assert np.var(cell.W_x) * 30 == pytest.approx(1, rel=0.1)
    assert np.var(cell.W_h) * 50 == pytest.approx(1, rel=0.1)
    np.testing.assert_array_equal(cell.b, np.repeat([0, 1, 0, 0], 50))


def test_the_answer_is_read_out_of_the_hidden_state():
    learner = Recurrent.lstm(KEY, 3, 5, 4)
    x = jnp.array([1.0, 0.0, 0.0])
    state, y = learner.predict(learner.init(KEY, x), x)
    (h, _), zero = learner.cell(learner.cell.newborn(), x), np.zeros(4)
    np.testing.assert_allclose(y, learner.V @ h + learner.c, rtol=1e-5)
    np.testing.assert_array_equal(state.y, y)
    np.testing.assert_array_equal(state.heard, zero)


@pytest.mark.parametrize("hears", ["nothing", "target", "error"])
@pytest.mark.parametrize("kind", ["lstm", "rnn"])
def test_what_it_hears_reaches_the_next_tick_and_no_other(kind, hears):
    learner = getattr(Recurrent, kind)(KEY, 3, 5, 4, hears)
    x, target = jnp.array([0.0, 1.0, 0.0]), jnp.eye(4)[2]
    feedback = Feedback(target, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
    state, y = learner.predict(learner.init(KEY, x), x)
    after = learner.learn(state, feedback)

    p = np.exp(y) / np.exp(y).sum()
    expected = {"nothing": 0 * p, "target": target, "error": p - target}[hears]
    np.testing.assert_allclose(after.heard, expected, atol=1e-6)
    assert after._replace(heard=0) == state._replace(heard=0) or hears == "nothing"

    inputs = x if hears == "nothing" else jnp.concatenate([x, after.heard])
    (h, *_) = learner.cell(state.memory, inputs)
    following, z = learner.predict(after, x)
    np.testing.assert_allclose(z, learner.V @ h + learner.c, rtol=1e-5)
    np.testing.assert_array_equal(following.heard, np.zeros(4))


def test_an_unknown_word_for_what_it_hears_is_refused():
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        Recurrent.lstm(KEY, 3, 5, 4, "everything")


def test_rest_zeroes_all_that_is_remembered():
    learner = Recurrent.lstm(KEY, 3, 5, 4, "error")
    state, _ = learner.predict(learner.init(KEY, jnp.ones(3)), jnp.ones(3))
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(learner.rest(state)))


@pytest.mark.slow
def test_a_meta_gradient_teaches_an_lstm_a_text_that_repeats_itself():
    """Of four symbols in a fixed circle, started anywhere: chance is ln 4."""
    task = Text(jnp.tile(jnp.array([0, 1, 2, 3]), 10), 4, length=12)
    objective = Lifetime.of(task, lives=4)
    search = MetaGradient(optimiser("adam", 0.05, clip=1.0))
    state = search.init(Recurrent.lstm(KEY, 4, 8, 4), objective, KEY)
    for generation in range(100):
        state, metrics = search.generation(state, objective, jax.random.key(generation))
    assert metrics["train/loss"] < 0.5 * np.log(4)  # the first symbol is not known
