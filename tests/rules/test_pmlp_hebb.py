"""PMLPHebb against a naive transcription of Algorithm 1, and what must be true of it."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

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
from plastica.rules.pmlp_hebb import PMLPHebbState
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


# Against the naive transcription, in float64

CASES = [
    *[("letters", "relu", deviation) for deviation in (0.05, 0.2, 0.5)],
    *[("one way", "softmax", deviation) for deviation in (0.1, 0.5)],
    *[("depth 4", "relu", deviation) for deviation in (0.1, 0.5)],
    *[("skips and loops", "relu", deviation) for deviation in (0.1, 0.5)],
    *[("one layer", "softmax", deviation) for deviation in (0.1, 0.5)],
]


def naive_life(rule, weights, symbols):
    """Activations, weights and probabilities after every tick, by the loops.

    At each tick one symbol is seen (at first none) and the next one is shown.
    """
    theta = [
        {name: np.asarray(value) for name, value in vars(cell).items()}
        for cell in rule.layers
    ]
    w = {e: np.array(a) for e, a in zip(rule.network.edges, weights, strict=True)}
    h = [np.zeros((n, len(theta[0]["b3"]))) for n in rule.network.sizes]
    ticks = []
    for seen, shown in pairwise([-1, *symbols]):
        naive.write_symbol(h[0], seen)
        naive.sweep(theta, w, h)
        p = naive.probabilities(h[-1], rule.readout)
        naive.write_symbol(h[-1], shown)
        ticks.append(
            (tuple(a.copy() for a in h), tuple(a.copy() for a in w.values()), p)
        )
    return jax.tree.map(lambda *a: np.stack(a), *ticks)


@eqx.filter_jit
def lives(rule, task, born, world, signs):
    """(h, w, p) of every tick, for theta changed by each sign times 1e-15 of itself."""
    mu, rule_of = flatten(rule)

    def watch(state, world, y):
        return state.h, state.w, jnp.exp(y)

    def life(sign):
        theta = mu * (1 + 1e-15 * sign)
        return live(rule_of(theta), task, born, world, TICKS, watch)[3]

    return jax.vmap(life)(signs)


@eqx.filter_jit
def one_tick(rule, h, w, seen, shown):
    """(h, w, p) one tick after each of the states (h, w)."""

    def tick(h, w, seen, shown):
        state, y = rule.predict(PMLPHebbState(h, w), seen)
        told = Feedback(shown, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
        state = rule.learn(state, told)
        return state.h, state.w, jnp.exp(y)

    return jax.vmap(tick)(h, w, seen, shown)


@lru_cache
def setting(name, readout, deviation):
    """A rule, a task, a newborn, its world, and the naive life of 200 ticks there."""
    network = NETWORKS[name]
    task = passage(network.sizes[-1], TICKS // 2, readings=2)
    rule = replace(drawn(network, deviation), readout=readout)
    born, world = birth(rule, task, jax.random.key(1))
    with jax.enable_x64(True):
        rule, born = jax.tree.map(lambda a: a.astype(np.float64), (rule, born))
    text = [int(symbol) for symbol in task.text]
    return rule, task, born, world, naive_life(rule, born.w, text * 2)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_of_200_ticks_is_the_naive_one(case):
    """Taken from the naive state before it, so that chaos has no say."""
    rule, task, _, _, (h, w, p) = setting(*case)
    with jax.enable_x64(True):
        before = jax.tree.map(lambda a: jnp.asarray(a[:-1]), (h, w))
        symbols = jax.nn.one_hot(jnp.tile(task.text, 2), task.symbols)
        ours = one_tick(rule, *before, symbols[:-1], symbols[1:])
    assert ours[2].dtype == np.float64
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves((h, w, p)), strict=True):
        np.testing.assert_allclose(a, b[1:], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_life_of_200_ticks_is_the_naive_one(case):
    """To 1e-9 at every tick; where theta is chaotic, to 10 times what 1e-15 of it does.

    Half of all theta at deviation 0.2 make more than 1e-6 of a change of 1e-16, and no
    two orders of summation agree on those to 1e-9.
    """
    rule, task, born, world, theirs = setting(*case)
    with jax.enable_x64(True):
        key = jax.random.key(2)
        signs = jax.random.rademacher(key, (5, flatten(rule)[0].size)).at[0].set(0)
        ours = lives(rule, task, born, world, signs)
    ours = [jax.tree.map(lambda a, i=i: np.asarray(a[i]), ours) for i in range(5)]
    error = apart(ours[0], theirs)
    matters = np.max([apart(ours[0], other) for other in ours[1:]], axis=0)
    assert not np.any(error > np.maximum(1e-9, 10 * matters))
    print(case, error[-1], (error / matters).max(), matters[-1])
    if case[2] <= 0.1:  # calm ones
        assert error[-1] <= 1e-9


def apart(ours, theirs):
    """How far apart two lives have been by each tick, over all numbers: (ticks,)."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    gaps = [np.abs(a - b).reshape(len(a), -1).max(axis=1) for a, b in pairs]
    return np.maximum.accumulate(np.max(gaps, axis=0))
