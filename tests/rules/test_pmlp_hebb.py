"""PMLPHebb against a naive transcription of Algorithm 1, and what it promises."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.cells import PMLP
from plastica.errors import Refusal
from plastica.learner import Feedback, flatten, names
from plastica.lifetime import birth, life, live, total
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import PMLPHebb
from plastica.rules.pmlp_hebb import PMLPHebbState
from plastica.search import SNES, Engine
from plastica.search.engine import placed
from plastica.tasks import Text
from tests.naive import pmlp_hebb as naive

LETTERS = Network.layered(27, 20, 27)
SMALL = Network.layered(5, 8, 5)
PAIR = Network.layered(5, 5)
NETWORKS = {
    "letters": LETTERS,
    "one way": Network((6, 5, 6), ((1, 0), (2, 1))),
    "depth 4": Network.layered(5, 4, 3, 5),
    "skips and loops": Network((5, 4, 5), ((0, 0), (0, 2), (1, 0), (2, 0), (2, 2))),
}
TICKS = 200
KEY = jax.random.key(0)


def drawn(network, deviation, seed=0):
    """A rule with theta from N(0, deviation^2), in the default precision."""
    zero, rule_of = flatten(PMLPHebb.zeros(network))
    theta = np.random.default_rng(seed).normal(0, deviation, zero.size)
    return rule_of(jnp.asarray(theta, zero.dtype))


def newborn(network):
    """Activations at zero, six a neuron, and random weights; quicker than `init`."""
    rng = np.random.default_rng(1)
    w = [
        rng.normal(size=(network.sizes[i], network.sizes[j])) for i, j in network.edges
    ]
    h = [jnp.zeros((size, 6)) for size in network.sizes]
    return PMLPHebbState(tuple(h), tuple(jnp.asarray(a / a.shape[1] ** 0.5) for a in w))


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
]
WHOLE = [case for case in CASES if case[0] == "letters"]


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
    born, world = newborn(network), task.init(KEY)
    with jax.enable_x64(True):
        rule, born = jax.tree.map(lambda a: a.astype(np.float64), (rule, born))
    text = np.asarray(task.text).tolist()
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


@pytest.mark.parametrize("case", WHOLE, ids=str)
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
    if case[2] <= 0.1:  # calm
        assert error[-1] <= 1e-9


def test_the_naive_life_is_the_one_that_its_author_wrote():
    rule, task, born, _, (h, w, p) = setting("one way", "softmax", 0.1)
    theta = [jax.tree.map(np.asarray, vars(cell)) for cell in rule.layers]
    weights = dict(zip(rule.network.edges, born.w, strict=True))
    symbols = [-1, *(np.asarray(task.text).tolist() * 2)][:TICKS]
    own = naive.life(theta, rule.network.sizes, weights, symbols, "softmax")
    np.testing.assert_array_equal(own["p"], p)
    np.testing.assert_array_equal(own["w"][1, 0], w[0][-1])
    np.testing.assert_array_equal(own["h"][1], h[1][-1])


def apart(ours, theirs):
    """How far apart two lives have been by each tick, over all numbers: (ticks,)."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    gaps = [np.abs(a - b).reshape(len(a), -1).max(axis=1) for a, b in pairs]
    return np.maximum.accumulate(np.max(gaps, axis=0))


# In float32

MEMBERS = 64


@eqx.filter_jit
def activations(rule, task, born, world, thetas):
    """What every neuron of every member holds after every tick of a life."""
    rule_of = flatten(rule)[1]

    def watch(state, world, y):
        return jnp.concatenate([layer.ravel() for layer in state.h])

    def life(theta):
        return live(rule_of(theta), task, born, world, TICKS, watch)[3]

    return jax.vmap(life)(thetas)


@pytest.mark.slow
def test_float32_errs_by_no_more_than_theta_changed_by_a_millionth():
    """Up to every tick, over all activations, for 64 members at deviation 0.2.

    `change` is the largest of four in float64, for theta changed by 1e-6 of itself with
    random signs. Activations, since the answers of a ReLU hide what is below zero.
    """
    rule, task = PMLPHebb.zeros(LETTERS), passage(27, TICKS // 2, readings=2)
    size = flatten(rule)[0].size
    thetas = 0.2 * jax.random.normal(jax.random.key(0), (MEMBERS, size))
    born, world = birth(rule, task, jax.random.key(1))
    single = np.asarray(activations(rule, task, born, world, thetas))
    with jax.enable_x64(True):
        rule, born = jax.tree.map(lambda a: a.astype(np.float64), (rule, born))
        signs = jax.random.rademacher(jax.random.key(2), (5, MEMBERS, size))
        changed = thetas[None] * (1 + 1e-6 * signs.at[0].set(0))
        double = activations(rule, task, born, world, changed.reshape(-1, size))
        double = np.asarray(double).reshape(5, *single.shape)
    assert single.dtype == np.float32 and double.dtype == np.float64

    error = np.maximum.accumulate(np.abs(single - double[0]).max(axis=2), axis=1)
    change = np.abs(double[1:] - double[0]).max(axis=(0, 3))
    change = np.maximum.accumulate(change, axis=1)
    chaotic = change >= 1e-5  # members, ticks
    print(
        f"of {MEMBERS} members {np.sum(error[:, -1] > 1e-4)} err by more than 1e-4; "
        f"{np.sum(chaotic[:, -1])} change by 1e-5 or more, and err by "
        f"{np.max(error / change, where=chaotic, initial=0):.2g} times that at most; "
        f"{np.sum(~chaotic[:, -1])} by less, and at less the error is at most "
        f"{np.max(error, where=~chaotic, initial=0):.2g}"
    )
    assert 0 < np.sum(chaotic[:, -1]) < MEMBERS
    assert np.all(error[chaotic] <= 10 * change[chaotic])
    assert np.all(error[~chaotic] <= 1e-4)


# What shows the symbol, and what happens without


class Untold(PMLPHebb):
    """Algorithm 1 as printed: nothing tells the output layer which symbol came."""

    def learn(self, state, feedback):
        return state


def evolved(kind):
    """The loss on 160 new passages after 100 generations of SNES; 27 symbols."""
    text = jnp.asarray(np.random.default_rng(0).integers(0, 27, 2_000))
    objective = Lifetime.of(Text(text, 27, length=4, readings=2), lives=16)
    search, engine = SNES(32), Engine("xla")
    rule = kind.zeros(Network.layered(27, 27))
    state = placed(search.init(rule, objective, jax.random.key(0)))
    for generation in range(100):
        state, _ = search.generation(
            state, objective, jax.random.key(generation), engine
        )
    at_the_mean = state._replace(log_sigma=state.log_sigma - 20)
    keys = jax.random.split(jax.random.key(1_000), 10)
    metrics = [
        search.generation(at_the_mean, objective, key, engine)[1] for key in keys
    ]
    return np.mean([m["train/loss"] for m in metrics])


@pytest.mark.slow
def test_shown_the_symbol_a_rule_evolves_and_not_shown_it_stays_at_chance():
    assert abs(evolved(Untold) - np.log(27)) < 0.02
    assert evolved(PMLPHebb) < 0.5 * np.log(27)


@pytest.mark.parametrize("kind", [Untold, PMLPHebb])
def test_only_the_shown_symbol_tells_output_neurons_apart(kind):
    """Without it, output neurons born in another order answer in that order."""
    order = np.array([3, 0, 4, 1, 2])
    rule = kind(layers=drawn(PAIR, 0.3).layers, network=PAIR, readout="softmax")
    task = passage(5, 20, readings=2)
    born, world = birth(rule, task, jax.random.key(0))
    back, forth = born.w  # from the last layer to the first, and forth
    reordered = born._replace(w=(back[:, order], forth[order]))

    @jax.jit
    def answers(born):
        return live(rule, task, born, world, 40, lambda state, world, y: y)[3]

    same = np.allclose(answers(reordered), answers(born)[:, order], atol=1e-4)
    assert same == (kind is Untold)


# Newborns, gradients, and what is refused


def test_theta_is_named_as_in_the_paper_and_counts_1096():
    rule = PMLPHebb.zeros(LETTERS, state=6, hidden=14)
    parameters = ("M1", "M2", "b1", "M3", "b3")
    assert names(rule) == [
        f"layers.{l}.{name}" for l in range(3) for name in parameters
    ]
    assert flatten(rule)[0].shape == (1096,)
    assert flatten(PMLPHebb.zeros(SMALL))[0].shape == (1096,)  # whatever the sizes
    assert [cell.M1.shape for cell in rule.layers] == [(14, 8), (14, 12), (14, 8)]
    assert [cell.M3.shape for cell in rule.layers] == [(6, 14)] * 3


def test_a_newborn_is_at_rest_with_weights_of_variance_one_over_n_pre():
    network = Network.layered(100, 300)
    state = PMLPHebb.zeros(network).init(KEY, jnp.zeros(100))
    assert all(np.all(layer == 0) for layer in state.h)
    for (post, pre), w in zip(network.edges, state.w, strict=True):
        assert w.shape == (network.sizes[post], network.sizes[pre])
        assert np.var(w) * network.sizes[pre] == pytest.approx(1, rel=0.05)
        assert np.mean(w) == pytest.approx(0, abs=0.01)


def test_newborns_live_200_ticks_at_any_scale():
    """Activations are bounded by M3, b1 and b3, so weights grow no faster than time."""
    rule, task = PMLPHebb.zeros(LETTERS), passage(27, TICKS // 2, readings=2)
    scales = jnp.repeat(jnp.array([0.1, 0.3, 1.0, 10.0]), MEMBERS // 4)[:, None]
    size = flatten(rule)[0].size
    thetas = scales * jax.random.normal(jax.random.key(0), (MEMBERS, size))
    born, world = birth(rule, task, jax.random.key(1))
    assert np.all(np.isfinite(activations(rule, task, born, world, thetas)))


def gradient(theta, rule, task, key):
    """Of the loss of one life, for theta."""

    def loss(theta):
        return total(life(flatten(rule)[1](theta), task, key))[0]

    return jax.grad(loss)(theta)


def test_a_meta_gradient_vanishes_at_zeros_and_not_at_random():
    loop = Network((5,), ((0, 0),))
    rule, task, key = PMLPHebb.zeros(loop), passage(5, 10, readings=2), KEY
    zero = flatten(rule)[0]
    shut = [flatten(drawn(loop, 0.1, seed))[0] for seed in range(7)]
    random = [flatten(PMLPHebb.random(jax.random.key(i), loop))[0] for i in range(7)]
    at = jax.jit(jax.vmap(lambda theta: gradient(theta, rule, task, key)))
    norms = np.linalg.norm(at(jnp.stack([zero, *shut, *random])), axis=1)
    assert np.all(np.isfinite(norms))
    assert norms[0] == 0
    assert np.any(norms[1:8] == 0)  # those answer nothing: the ReLU is shut for all
    assert np.all(norms[8:] > 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.03, 0.1, 0.2, 0.3, 0.5])
def test_gradients_through_200_ticks_explode_above_a_scale_of_a_tenth(scale):
    """Lives do not: all losses are finite at every scale (see above)."""
    rule, task = PMLPHebb.zeros(LETTERS), passage(27, TICKS // 2, readings=2)
    rules = [drawn(LETTERS, scale, seed) for seed in range(64)]
    thetas = jnp.stack([flatten(each)[0] for each in rules])
    at = jax.jit(lambda theta: gradient(theta, rule, task, KEY))
    norms = np.linalg.norm(np.float64(jax.lax.map(at, thetas, batch_size=8)), axis=1)
    finite = np.isfinite(norms)
    print(
        f"scale {scale}: {np.mean(finite):.0%} of gradients finite, "
        f"{np.mean(norms[finite] == 0):.0%} zero; quartiles and largest norm "
        + " ".join(f"{q:.2g}" for q in np.quantile(norms[finite], [0.25, 0.5, 0.75, 1]))
    )
    if scale <= 0.1:
        assert np.all(finite) and np.median(norms) < 10
    if scale >= 0.3:
        assert np.mean(~finite) > 0.05 or np.median(norms[finite]) > 1e3


def test_theta_lives_on_any_network_with_the_same_edges():
    rule = drawn(SMALL, 0.1)
    moved = rule.on(Network((7, 3, 7), tuple(reversed(SMALL.edges))))
    assert moved.network.sizes == (7, 3, 7)
    for ours, theirs in zip(moved.layers, rule.layers, strict=True):
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, ours, theirs)))


@pytest.mark.parametrize(
    "network",
    [Network((5, 8, 5), ((1, 0), (2, 1))), Network.layered(5, 8, 8, 5)],
    ids=["other edges", "another depth"],
)
def test_theta_is_refused_on_other_kinds_of_edges(network):
    with pytest.raises(
        Refusal, match=r"knows layers joined by the edges .* change the"
    ):
        drawn(SMALL, 0.1).on(network)


def test_fewer_than_four_components_are_refused():
    assert PMLPHebb.zeros(SMALL, state=4).layers[0].b3.shape == (4,)
    with pytest.raises(Refusal, match="4 components for 4 purposes, got 3"):
        PMLPHebb.zeros(SMALL, state=3)


def test_updates_that_do_not_fit_the_network_are_refused():
    cells = PMLPHebb.zeros(SMALL).layers
    with pytest.raises(Refusal, match="3 layers need as many updates"):
        PMLPHebb(layers=cells[:2], network=SMALL)
    other = PMLP.zeros(12, 14, 5)
    with pytest.raises(Refusal, match="one size of state"):
        PMLPHebb(layers=(cells[0], other, cells[2]), network=SMALL)


def test_an_unknown_readout_is_refused():
    cells = PMLPHebb.zeros(SMALL).layers
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        PMLPHebb(layers=cells, network=SMALL, readout="argmax")


def test_the_symbol_is_shown_to_the_output_layer_and_nothing_else_is_touched():
    rule = drawn(SMALL, 0.3)
    state = jax.tree.map(jnp.ones_like, newborn(SMALL))
    target = jnp.eye(5)[3]
    told = Feedback(target, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
    after = rule.learn(state, told)
    np.testing.assert_array_equal(after.h[-1][:, 0], target)
    np.testing.assert_array_equal(after.h[-1][:, 1:], state.h[-1][:, 1:])
    untouched = (state.h[:-1], state.w), (after.h[:-1], after.w)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, *untouched)))
