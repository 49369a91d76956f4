"""PMLPHebb against a naive transcription of Algorithm 1, and what must be true of it."""

from functools import lru_cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.cells import PMLP
from plastica.errors import Refusal
from plastica.learner import Feedback, flatten, names
from plastica.lifetime import birth, lifetime, live, total
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import PMLPHebb
from plastica.search import SNES, Population
from plastica.tasks import Text
from tests.naive import pmlp_hebb as naive

LETTERS = Network.layered(27, 20, 27)
SMALL = Network.layered(5, 8, 5)
NETWORKS = {
    "letters": LETTERS,
    "one way": Network((6, 5, 6), ((1, 0), (2, 1))),
    "depth 4": Network.layered(5, 4, 3, 5),
    "skips and loops": Network((5, 4, 5), ((0, 0), (0, 2), (1, 0), (2, 0), (2, 2))),
    "one layer": Network((5,), ((0, 0),)),
}
TICKS = 200


class Untold(PMLPHebb):
    """Algorithm 1 as printed: nothing tells the output layer which symbol came."""

    def learn(self, state, feedback):
        return state


def drawn(network, deviation, seed=0):
    """A rule with theta from N(0, deviation^2), in the default precision."""
    return PMLPHebb.random(jax.random.key(seed), network, scale=deviation)


def passage(symbols, length, readings, seed=0):
    """A random text that is one passage long."""
    text = np.random.default_rng(seed).integers(0, symbols, length)
    return Text(jnp.asarray(text), symbols, length, readings)


# Against the naive transcription


def naive_life(rule, weights, symbols):
    """Activations and weights after every tick, by the transcription's loops."""
    theta = [
        {
            name: np.asarray(getattr(cell, name))
            for name in ("M1", "M2", "b1", "M3", "b3")
        }
        for cell in rule.layers
    ]
    w = {e: np.array(a) for e, a in zip(rule.network.edges, weights, strict=True)}
    h = [np.zeros((n, len(theta[0]["b3"]))) for n in rule.network.sizes]
    ticks = []
    for symbol in symbols:
        naive.write_symbol(h[0], symbol)
        if symbol != -1:
            naive.write_symbol(h[-1], symbol)
        naive.sweep(theta, w, h)
        ticks.append(([layer.copy() for layer in h], [w[e].copy() for e in w]))
    return jax.tree.map(lambda *a: np.stack(a), *ticks)


@lru_cache
def naive_and_ours(name, deviation):
    """A life of 200 ticks in float64: the rule, task, naive ticks and the rule's own.

    The rule's own are five lives: theta as it is, and four times with every number
    changed by a relative 1e-15 of random sign.
    """
    network = NETWORKS[name]
    task = passage(network.sizes[-1], TICKS // 2, readings=2)
    rule = drawn(network, deviation)
    born, world = birth(rule, task, jax.random.key(1))
    with jax.enable_x64(True):
        rule, born = jax.tree.map(lambda a: a.astype(np.float64), (rule, born))
        text = [int(symbol) for symbol in task.text]
        ticks = naive_life(rule, born.w, [-1, *text, *text][:TICKS])
        mu, rule_of = flatten(rule)
        signs = jax.random.rademacher(jax.random.key(2), (5, mu.size)).at[0].set(0)

        @jax.jit
        @jax.vmap
        def lives(sign):
            def watch(state, world, y):
                return state, y

            theta = mu * (1 + 1e-15 * sign)
            return live(rule_of(theta), task, born, world, TICKS, watch)[3]

        own = jax.tree.map(np.asarray, lives(signs))
    return rule, task, ticks, own


def apart(a, b):
    """How far two lives have been apart up to every tick, over all numbers (ticks,)."""
    gaps = [
        np.abs(x - y).reshape(TICKS, -1).max(axis=1) for x, y in zip(a, b, strict=True)
    ]
    return np.maximum.accumulate(np.max(gaps, axis=0))


CASES = [("letters", 0.05), ("letters", 0.2), ("letters", 0.5)] + [
    (name, deviation) for name in list(NETWORKS)[1:] for deviation in (0.1, 0.3, 1.0)
]


@pytest.mark.parametrize(("name", "deviation"), CASES)
def test_each_of_200_ticks_is_the_naive_tick(name, deviation):
    rule, task, (h, w), _ = naive_and_ours(name, deviation)
    with jax.enable_x64(True):
        symbols = jax.nn.one_hot(jnp.tile(task.text, 2)[: TICKS - 1], task.symbols)
        before = jax.tree.map(lambda a: jnp.asarray(a[:-1]), (tuple(h), tuple(w)))

        @jax.jit
        @jax.vmap
        def tick(h, w, x):
            told = Feedback(x, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
            born = rule.init(jax.random.key(0), x)
            return rule.predict(rule.learn(born._replace(h=h, w=w), told), x)[0]

        state = tick(*before, symbols)
    after = jax.tree.map(lambda a: a[1:], (tuple(h), tuple(w)))
    assert after[0][0].dtype == np.float64
    for ours, theirs in zip(jax.tree.leaves(tuple(state)), jax.tree.leaves(after)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("readout", ["relu", "softmax"])
@pytest.mark.parametrize(("name", "deviation"), CASES)
def test_a_life_of_200_ticks_is_the_naive_life(name, deviation, readout):
    """To 1e-9, or where theta is chaotic, to ten times what the last digit matters.

    Half of all theta at deviation 0.2 turn a change of 1e-16 into one of 1e-6 or more
    within 200 ticks, and no two orders of summation can agree on those to 1e-9.
    """
    rule, _, (h, w), (state, y) = naive_and_ours(name, deviation)
    p = np.array([naive.probabilities(last, readout) for last in h[-1]])
    if readout == "relu":
        np.testing.assert_allclose(np.exp(y).sum(axis=2), 1.0, rtol=1e-12)
    else:
        read = eqx.tree_at(lambda r: r.readout, rule, "softmax", is_leaf=None)
        with jax.enable_x64(True):
            y = jax.jit(jax.vmap(jax.vmap(read._read)))(state.h[-1][..., -1])
    theirs = [p, *h, *w]
    ours = [np.exp(y), *state.h, *state.w]
    error = apart([a[0] for a in ours], theirs)
    noise = np.max(
        [apart([a[0] for a in ours], [a[i] for a in ours]) for i in range(1, 5)], axis=0
    )
    assert np.all(np.isfinite(error))
    assert np.all(error <= np.maximum(1e-9, 10 * noise)), (error / noise).max()
    if deviation <= 0.1:
        assert error[-1] <= 1e-9
