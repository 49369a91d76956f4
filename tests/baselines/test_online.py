"""An LSTM trained as it reads: its step is Adam's on the last surprisal."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from plastica.ask import evaluate
from plastica.baselines import OnlineLSTM, Recurrent
from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.lifetime import life, total
from plastica.tasks import Text

K, UNITS, WINDOW = 3, 4, 3
SYMBOLS = jax.nn.one_hot(jnp.array([0, 2, 1, 1, 0, 2]), K)


def told(target):
    true = jnp.bool_(True)
    return Feedback(target, jnp.zeros(()), true, true)


def test_a_tick_is_adams_step_through_the_window_from_the_memory_of_then():
    learner = OnlineLSTM.of(UNITS, K, rate=0.05, window=WINDOW)
    state = learner.init(jax.random.key(0), SYMBOLS[0])
    adam = optax.adam(0.05)
    net, moments = state.net, adam.init(state.net)
    memories = [net.cell.newborn()]

    def surprisal(net: Recurrent, memory, xs, target):
        for x in xs:
            memory = net.cell(memory, x)
        return -target @ jax.nn.log_softmax(net.V @ memory[0] + net.c)

    for t, (x, target) in enumerate(pairwise(SYMBOLS)):
        state, y = learner.predict(state, x)
        memories.append(net.cell(memories[-1], x))
        np.testing.assert_allclose(y, net.V @ memories[-1][0] + net.c, atol=1e-6)
        state = learner.learn(state, told(target))
        if t + 1 < WINDOW:  # its window begins with ticks at which nothing was seen
            net, moments = (
                state.net,
                (optax.ScaleByAdamState(*state.moments), moments[1]),
            )
            continue
        first = t + 1 - WINDOW
        gradient = jax.grad(surprisal)(
            net, memories[first], SYMBOLS[first : t + 1], target
        )
        step, moments = adam.update(gradient, moments)
        net = optax.apply_updates(net, step)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), state.net, net
        )


def test_it_learns_a_passage_as_it_reads_it():
    text = jnp.asarray(np.tile([0, 1, 2, 1], 60))
    task = Text(text, K, length=200)
    loss = evaluate(OnlineLSTM.of(8, K, rate=0.03), task, lives=2, key=0).loss.mean
    assert loss < 0.4 < np.log(K)


def test_sizes_that_are_none_are_refused():
    with pytest.raises(Refusal, match="at least one unit, output and tick"):
        OnlineLSTM.of(0, K)


def test_its_rate_has_a_gradient_although_some_weights_are_never_moved():
    """Those of a symbol that does not come: their moments stay at zero."""
    task = Text(jnp.array([0, 1] * 10), K, length=6)  # symbol 2 does not come

    def loss(log_rate):
        learner = OnlineLSTM(log_rate, UNITS, K, WINDOW)
        return total(life(learner, task, jax.random.key(0)))[0]

    slope = jax.grad(loss)(jnp.log(jnp.asarray(0.05)))
    assert np.isfinite(slope) and abs(slope) > 1e-3
