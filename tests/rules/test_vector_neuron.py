"""VectorNeuron against a naive transcription of paper 001, and what it promises."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.errors import Refusal
from plastica.learner import Feedback, flatten
from plastica.network import Network
from plastica.rules import Feedforward, Gated, VectorNeuron
from plastica.rules.vector_neuron import Kinds, VectorNeuronState
from tests.conftest import all_but
from tests.naive import vector_neuron as naive

TWO = Network.full(4, 3)
THREE = Network.full(4, 3, 3)
ALONE = Network((4,), ((0, 0),))
BLIND = Network((4, 3), ((0, 1), (1, 0), (1, 1)))  # no self-connections of the input
KEY = jax.random.key(0)
SYMBOLS = np.random.default_rng(3).integers(0, 4, 3)
CASES = {
    **{
        f"{a} x {b}": (TWO, Kinds(a, b, 4, hidden=5))
        for a, b in product(naive.OPS, naive.OPS)
    },
    "state 2": (ALONE, Kinds("LSTM", "LSTM-id", 2, hidden=5)),
    "three layers": (THREE, Kinds("LSTM", "GATED", 4, hidden=5)),
    "no hidden layer": (ALONE, Kinds("MLP", "GATED", 4, hidden=5)),
    "no self-connections of the input": (BLIND, Kinds("GATED", "LSTM-id", 4, hidden=5)),
    "one component": (TWO, Kinds("GATED", "GATED", 4, hidden=5, one_component=True)),
    "u put out": (TWO, Kinds("LSTM", "GATED", 4, hidden=5, effect="put out")),
    "u put out by an LSTM": (TWO, Kinds("MLP", "LSTM", 4, hidden=5, effect="put out")),
}


def mlp(cell):
    return {name: np.asarray(getattr(cell, name)) for name in ("W1", "b1", "W2", "b2")}


def numbers(update):
    """Theta of an OP as the transcription names it."""
    if update is None:
        return None
    if isinstance(update, Feedforward | Gated):
        return mlp(update.mlp)
    kinds = {"W": update.cell.W_x, "U": update.cell.W_h, "b": update.cell.b}
    return {
        kind + gate: np.asarray(block)
        for kind, whole in kinds.items()
        for gate, block in zip(naive.GATES, np.split(whole, 4), strict=True)
    }


def theta(rule):
    return {
        "embedding": np.asarray(rule.tau),
        "synapse": numbers(rule.synapse),
        "neuron": numbers(rule.neuron),
        "effect": numbers(rule.effect),
        "input": mlp(rule.answer),
    }


def by_edge(network, w):
    """Synapses as the transcription keeps them: an array an edge."""
    apart = {}
    for l, synapses in enumerate(w):
        heard = [pre for post, pre in sorted(network.edges) if post == l]
        ends = np.cumsum([network.sizes[k] for k in heard])[:-1]
        blocks = np.split(np.asarray(synapses), ends, axis=1)
        apart |= {(l, k): block for k, block in zip(heard, blocks, strict=True)}
    return apart


def words(kinds):
    """The transcription's own arguments."""
    return {
        "neuron": kinds.neuron,
        "synapse": kinds.synapse,
        "effect": "own" if kinds.effect == "put out" else "product",
        "hebb": 0 if kinds.one_component else 1,
    }


def life(rule, state, symbols):
    """State, prediction and loss after every tick, each symbol told as it comes."""
    size = rule.network.sizes[0]
    seen, ticks = jnp.zeros(size), []
    for symbol in symbols:
        state, y = rule.predict(state, seen)
        seen = jnp.eye(size)[symbol]
        told = Feedback(seen, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
        state = rule.learn(state, told)
        ticks.append((state, np.exp(y), -y[symbol]))
    return ticks


@pytest.mark.parametrize("case", all_but(CASES, "three layers", "state 2"))
def test_ticks_are_those_of_the_naive_transcription(case):
    """In float64 to 1e-9, and in float32, from the same numbers."""
    network, kinds = CASES[case]
    with jax.enable_x64(True):
        rule = VectorNeuron.random(KEY, network, kinds)
        born = rule.init(jax.random.key(1), jnp.zeros(4))
        w = by_edge(network, born.w)
        bodies = [np.asarray(layer) for layer in born.h]
        told = naive.run(theta(rule), bodies, w, SYMBOLS, **words(kinds))
        assert_same(network, life(rule, born, SYMBOLS), told, 1e-9)
    rule, born = jax.tree.map(lambda a: jnp.asarray(a, np.float32), (rule, born))
    assert_same(network, life(rule, born, SYMBOLS), told, 2e-5)


def assert_same(network, ticks, told, atol):
    for (state, p, loss), tick in zip(ticks, told["ticks"], strict=True):
        np.testing.assert_allclose(p, tick["p"], rtol=0, atol=atol)
        np.testing.assert_allclose(loss, tick["loss"], rtol=0, atol=atol)
        for ours, expected in zip(state.h, tick["h"], strict=True):
            np.testing.assert_allclose(ours, expected, rtol=0, atol=atol)
        edges = by_edge(network, state.w)
        assert edges.keys() == tick["w"].keys()
        for edge, expected in tick["w"].items():
            np.testing.assert_allclose(edges[edge], expected, rtol=0, atol=atol)


# What the equations say is conserved


def predicted():
    rule = VectorNeuron.random(KEY, TWO, Kinds(state=4, hidden=5))
    state = rule.init(KEY, jnp.zeros(4))
    state = state._replace(h=jax.tree.map(lambda a: a + 0.3, state.h))
    return rule, *rule.predict(state, jnp.eye(4)[2])


def test_every_component_of_the_input_layer_is_a_distribution_over_neurons():
    _, state, y = predicted()
    np.testing.assert_allclose(np.sum(state.h[0], axis=0), np.ones(4), rtol=1e-5)
    np.testing.assert_allclose(state.h[0][:, 0], np.exp(y), rtol=1e-5)


def test_what_is_learned_is_the_symbol_and_an_error_that_sums_to_zero():
    rule, state, y = predicted()
    target = jnp.eye(4)[1]
    told = Feedback(target, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
    after = rule.learn(state, told)
    np.testing.assert_array_equal(after.h[0][:, 0], target)
    np.testing.assert_allclose(after.h[0][:, -1], target - np.exp(y), atol=1e-6)
    assert abs(np.sum(after.h[0][:, -1])) < 1e-6
    np.testing.assert_array_equal(after.h[0][:, 1:-1], state.h[0][:, 1:-1])
    assert after.w is state.w and after.h[1] is state.h[1]


def test_in_a_text_the_input_is_what_was_taught():
    rule, state, _ = predicted()
    symbol = jnp.eye(4)[3]
    told = Feedback(symbol, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
    state = rule.learn(state, told)
    assert np.array_equal(state.h[0].at[:, 0].set(symbol), state.h[0])


def test_neurons_of_a_type_are_exchangeable():
    """Reordered with their synapses, hidden neurons give the same answers."""
    rule = VectorNeuron.random(KEY, TWO, Kinds(state=4, hidden=5))
    order = np.array([2, 0, 1])
    born = rule.init(KEY, jnp.zeros(4))
    pre = np.concatenate([np.arange(4), 4 + order])
    w = (born.w[0][:, pre], born.w[1][order][:, pre])
    lives = [life(rule, s, SYMBOLS) for s in (born, VectorNeuronState(born.h, w))]
    for (_, p, _), (_, expected, _) in zip(*lives, strict=True):
        np.testing.assert_allclose(p, expected, rtol=1e-4)


def test_embeddings_tell_layers_apart_and_theta_does_not_grow_with_them():
    small, large = (VectorNeuron.random(KEY, net) for net in (TWO, Network.full(27, 9)))
    assert flatten(small)[0].size == flatten(large)[0].size
    moved = small.on(Network.full(4, 8))
    assert moved.init(KEY, jnp.zeros(4)).w[1].shape == (8, 12, 6)
    with pytest.raises(Refusal, match="knows layers joined by the edges"):
        small.on(BLIND)


def test_newborn_synapses_are_drawn_like_the_weights_of_a_network():
    state = VectorNeuron.random(KEY, Network.full(80, 40)).init(KEY, jnp.zeros(80))
    for w, size in zip(state.w, (80, 40), strict=True):
        assert w.shape == (size, 120, 6)
        assert np.var(w) * 120 == pytest.approx(1, rel=0.05)


# What is refused


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"state": 1}, "two numbers or more.*got 1, take 2"),
        ({"synapse": "LSTM", "state": 5}, "an even number.*got 5, take 6"),
        ({"hidden": 0}, "at least one number"),
        ({"embedding": 0}, "at least one number"),
    ],
)
def test_sizes_that_cannot_be_are_refused(kinds, said):
    with pytest.raises(Refusal, match=said):
        VectorNeuron.random(KEY, TWO, Kinds(**kinds))


@pytest.mark.parametrize("kinds", [{"neuron": "GRU"}, {"synapse": "lstm"}])
def test_an_op_that_does_not_exist_is_refused(kinds):
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        VectorNeuron.random(KEY, TWO, Kinds(**kinds))


def test_a_layer_that_hears_nothing_is_refused():
    with pytest.raises(Refusal, match=r"layers \[1\] hear nothing"):
        VectorNeuron.random(KEY, Network((4, 3), ((0, 0), (0, 1))))
