"""What is true of every learner, whatever it is: each learner meets each property."""

from dataclasses import replace
from functools import lru_cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool

from plastica.baselines import (
    MAML,
    Apart,
    Cell,
    GradientDescent,
    Hears,
    OnlineLSTM,
    PolicyMAML,
    Recurrent,
)
from plastica.cells import LSTM, Dense
from plastica.learner import flatten, names, theta
from plastica.lifetime import birth, live, total
from plastica.network import Network
from plastica.rules import (
    BLUR,
    VSML,
    Layers,
    PlasticMLP,
    PlasticRNN,
    PMLPHebb,
    VectorNeuron,
)
from plastica.rules.vector_neuron import Kinds
from plastica.tasks import Text

K, UNITS = 4, 3


def pmlp_hebb(readout):
    network = Network.layered(K, UNITS, K)
    rule = PMLPHebb.random(jax.random.key(8), network, scale=0.1)  # lively, not wild
    return PMLPHebb(layers=rule.layers, network=network, readout=readout)


def vector_neuron(neuron, synapse):
    kinds = Kinds(neuron, synapse, state=4, hidden=5, embedding=2)
    return VectorNeuron.random(jax.random.key(0), Network.full(K, UNITS), kinds)


def blur():
    network = Network.chain(K, UNITS, K)
    return BLUR.random(jax.random.key(8), network, normalised=False)


def recurrent(kind, told):
    return getattr(Recurrent, kind)(jax.random.key(0), K, UNITS, K, told)


def between(core):
    """A core of two inputs and three units between layers, all of theta drawn."""
    keys = jax.random.split(jax.random.key(1), 3)
    before = (Dense.random(keys[0], K, 2, "relu", 1.0),)
    after = (Dense.random(keys[1], UNITS, K, "linear", 1.0),)
    vector, learner_of = flatten(Layers(before, core, after))
    return learner_of(0.05 * jax.random.normal(keys[2], vector.shape))


def plastic(kind, plastic="taught", **how):
    core = kind.random(jax.random.key(0), 2, UNITS, **how)
    return between(replace(core, plastic=plastic))


def maml(kind):
    keys = jax.random.split(jax.random.key(0), 2)
    layers = (
        Dense.random(keys[0], K, UNITS, "tanh", 0.5),
        Dense.random(keys[1], UNITS, K, "linear", 0.5),
    )
    return kind(layers=layers, rates=jnp.full(2, 0.1), shots=5)


def vsml(error):
    return VSML.random(
        jax.random.key(8), Network.chain(K, UNITS, K), units=4, messages=3, error=error
    )


def hears():
    """An LSTM that hears the error of its last answer."""
    learner = Recurrent.lstm(jax.random.key(0), 2 * K, UNITS, K)
    return Hears(learner, K, "error")


def apart():
    """Neurons that answer beside those that see."""
    kinds = Kinds("LSTM", "GATED", state=4, hidden=5, embedding=2)
    network = Network.full(2 * K, UNITS)
    return Apart(VectorNeuron.random(jax.random.key(0), network, kinds), K, K)


LEARNERS = {
    "PMLPHebb, relu": partial(pmlp_hebb, "relu"),
    "PMLPHebb, softmax": partial(pmlp_hebb, "softmax"),
    "VSML, the error waits": partial(vsml, "waits"),
    "VSML, the error sweeps back": partial(vsml, "sweeps back"),
    "BLUR": blur,
    **{
        method: partial(GradientDescent.at, 0.1, Network.chain(K, UNITS, K), method)
        for method in ("sgd", "momentum", "adam")
    },
    "VectorNeuron": partial(vector_neuron, "LSTM", "GATED"),
    **{
        f"{kind}, told {told}": partial(recurrent, kind, told)
        for kind in ("lstm", "rnn")
        for told in ("nothing", "target", "error")
    },
    "LSTM trained online": partial(OnlineLSTM.of, UNITS, K, window=4),
    "PlasticRNN, plastic when taught": partial(plastic, PlasticRNN),
    "PlasticMLP, random weights": partial(plastic, PlasticMLP, evolved=False),
    "PlasticRNN, plastic always, told nothing": partial(plastic, PlasticRNN, "always"),
    "Hears the error": hears,
    "Apart": apart,
    "MAML": partial(maml, MAML),
    "PolicyMAML": partial(maml, PolicyMAML),
    "lstm between layers, told nothing": lambda: between(
        Cell(LSTM.random(jax.random.key(0), 2, UNITS))
    ),
}
PMLPS = {
    "layers.0.M1": (14, 8),
    "layers.0.M2": (14, 8),
    "layers.0.b1": (14,),
    "layers.0.M3": (6, 14),
    "layers.0.b3": (6,),
    "layers.1.M1": (14, 12),
    "layers.1.M2": (14, 12),
    "layers.1.b1": (14,),
    "layers.1.M3": (6, 14),
    "layers.1.b3": (6,),
    "layers.2.M1": (14, 8),
    "layers.2.M2": (14, 8),
    "layers.2.b1": (14,),
    "layers.2.M3": (6, 14),
    "layers.2.b3": (6,),
}


GRID = {
    "cell.W_x": (16, 6),
    "cell.W_h": (16, 4),
    "cell.b": (16,),
    "C": (3, 4),
    "b_C": (3,),
    "U": (3, 4),
    "b_U": (3,),
}


def cell(gates, hears):
    return {
        "cell.W_x": (gates * UNITS, hears),
        "cell.W_h": (gates * UNITS, UNITS),
        "cell.b": (gates * UNITS,),
        "V": (K, UNITS),
        "c": (K,),
    }


def layered(core):
    """The names of a network of layers: `core` are its core's."""
    before = {"before.0.W": (2, K), "before.0.b": (2,)}
    after = {"after.0.W": (K, UNITS), "after.0.b": (K,)}
    return before | {f"core.{name}": shape for name, shape in core.items()} | after


EPRNN = {
    "W_i": (UNITS, 2),
    "W_0": (UNITS, UNITS),
    "b": (UNITS,),
    "h_0": (UNITS,),
    **{f"rule.{name}": (UNITS, UNITS) for name in "ABCD"},
    "modulator.W_h": (UNITS, UNITS),
    "modulator.W_i": (UNITS, 2),
    "modulator.b": (UNITS,),
}
EPMLP = {
    "b": (UNITS,),
    **{f"rule.{name}": (UNITS, 2) for name in "ABCD"},
    "modulator.W": (UNITS, 2),
    "modulator.b": (UNITS,),
}
MAMLS = {
    "layers.0.W": (UNITS, K),
    "layers.0.b": (UNITS,),
    "layers.1.W": (K, UNITS),
    "layers.1.b": (K,),
    "rates": (2,),
}
VECTORS = {
    "synapse.mlp.W1": (5, 24),
    "synapse.mlp.b1": (5,),
    "synapse.mlp.W2": (8, 5),
    "synapse.mlp.b2": (8,),
    "neuron.cell.W_x": (8, 6),
    "neuron.cell.W_h": (8, 2),
    "neuron.cell.b": (8,),
    "answer.W1": (5, 10),
    "answer.b1": (5,),
    "answer.W2": (4, 5),
    "answer.b2": (4,),
    "tau": (2, 2),
}
GATES = {"W_x": (4 * UNITS, 2), "W_h": (4 * UNITS, UNITS), "b": (4 * UNITS,)}
THETA = {
    "PMLPHebb, relu": PMLPS,
    "PMLPHebb, softmax": PMLPS,
    "VSML, the error waits": GRID,
    "VSML, the error sweeps back": GRID,
    "BLUR": {name: () for name in ("f", "eta", "f_tilde", "eta_tilde")}
    | {name: (2, 2) for name in ("nu", "mu", "nu_tilde", "mu_tilde")},
    **{method: {"log_rate": ()} for method in ("sgd", "momentum", "adam")},
    "VectorNeuron": VECTORS,
    "Apart": {f"learner.{name}": shape for name, shape in VECTORS.items()},
    "Hears the error": {
        f"learner.{name}": shape for name, shape in cell(4, 2 * K).items()
    },
    "lstm, told nothing": cell(4, K),
    "lstm, told target": cell(4, 2 * K),
    "lstm, told error": cell(4, 2 * K),
    "rnn, told nothing": cell(1, K),
    "rnn, told target": cell(1, 2 * K),
    "rnn, told error": cell(1, 2 * K),
    "LSTM trained online": {"log_rate": ()},
    "PlasticRNN, plastic when taught": layered(EPRNN),
    "PlasticMLP, random weights": layered(EPMLP),
    "PlasticRNN, plastic always, told nothing": layered(EPRNN),
    "MAML": MAMLS,
    "PolicyMAML": MAMLS,
    "lstm between layers, told nothing": layered(
        {f"cell.{name}": shape for name, shape in GATES.items()}
    ),
}
KEPT = ("w.", "W", "net.", "moments.")  # weights: they outlast a rest
TEXT = np.random.default_rng(0).integers(0, K, 40)


class Lesson(Text):
    """A text that is taught, or not."""

    taught: Bool[Array, ""] | bool = True

    def respond(self, world, y):
        world, feedback, loss = super().respond(world, y)
        return world, feedback._replace(taught=self.taught), loss


def lesson(taught=True):
    text = jnp.asarray(TEXT)
    return Lesson(text, K, length=5, readings=2, taught=jnp.asarray(taught))


@pytest.fixture(params=LEARNERS, scope="module")
def name(request):
    return request.param


@pytest.fixture
def learner(name):
    return LEARNERS[name]()


@lru_cache
def born(name, seed=0):
    """A newborn and its world."""
    return birth(LEARNERS[name](), lesson(), jax.random.key(seed))


def answer(state, world, y):
    return y


@lru_cache(maxsize=1)
def compiled(name):
    """From state, world and `taught` to state, world, losses and answers, 10 on."""
    learner = LEARNERS[name]()

    def ten(state, world, taught):
        return live(learner, lesson(taught), state, world, 10, answer)

    return jax.jit(ten)


@lru_cache(maxsize=1)
def old(name):
    """A state after 1,000 ticks, and the loss until then."""
    (state, world), loss = born(name), 0.0
    for _ in range(100):
        state, world, losses, _ = compiled(name)(state, world, True)
        loss += total(losses)[0]
    return state, loss


def alike(a, b):
    """Whether two pytrees have the same structure and the same numbers."""
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        jax.tree.leaves(jax.tree.map(np.array_equal, a, b))
    )


def is_floating(leaf):
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def kinds(tree):
    """Shape, dtype and weakness of every leaf."""
    return jax.tree.map(lambda a: (a.shape, str(a.dtype), a.weak_type), tree)


def test_theta_has_these_names_and_shapes(name, learner):
    leaves = jax.tree.leaves(theta(learner))
    assert (
        dict(zip(names(learner), [a.shape for a in leaves], strict=True))
        == (THETA[name])
    )
    assert flatten(learner)[0].size == sum(np.prod(s) for s in THETA[name].values())


def test_a_learner_has_no_leaf_but_theta(learner):
    leaves = jax.tree.leaves(learner)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    assert all(leaf.dtype == np.float32 for leaf in leaves)


def test_learners_made_alike_have_one_structure(name, learner):
    """Otherwise each would be compiled anew."""
    assert jax.tree.structure(learner) == jax.tree.structure(LEARNERS[name]())
    assert hash(jax.tree.structure(learner)) == hash(jax.tree.structure(learner))


@pytest.mark.parametrize("x64", [False, True], ids=["float32", "float64"])
def test_shapes_and_dtypes_stay_as_they_were_born(name, x64):
    def states(key):
        learner, task = LEARNERS[name](), lesson()
        state, world = birth(learner, task, key)
        predicted, y = learner.predict(state, task.observe(world))
        _, feedback, _ = task.respond(world, y)
        return state, predicted, learner.learn(predicted, feedback)

    with jax.enable_x64(x64):
        born, predicted, learned = jax.eval_shape(states, jax.random.key(0))
        assert kinds(born) == kinds(predicted) == kinds(learned)
        floats = jax.tree.leaves(eqx.filter(born, is_floating))
        dtypes = {str(leaf.dtype) for leaf in floats}
        assert dtypes == {"float64" if x64 else "float32"}


def test_lives_side_by_side_are_lives_one_by_one(name):
    lives = [born(name, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *lives)
    together = jax.jit(jax.vmap(compiled(name), (0, 0, None)))(*stacked, True)
    apart = [compiled(name)(*life, True) for life in lives]
    jax.tree.map(
        lambda all, *each: np.testing.assert_allclose(all, each, rtol=1e-4, atol=1e-5),
        together,
        *apart,
    )


def test_the_same_key_gives_the_same_life_and_another_one_another(name, learner):
    again = birth(learner, lesson(), jax.random.key(0))
    first, second, other = (
        compiled(name)(*life, True) for life in (born(name), again, born(name, seed=1))
    )
    assert alike(first, second)
    assert not alike(first, other)


def test_after_1000_ticks_all_is_finite_or_the_loss_says_that_it_is_not(name):
    state, loss = old(name)
    sound = all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state))
    assert sound or not np.isfinite(loss)
    assert sound and np.isfinite(loss)  # none of these diverges


def test_untaught_ticks_leave_no_trace_of_learn(name, learner):
    state, world = born(name)
    after, _, _, ys = compiled(name)(state, world, False)
    taught = compiled(name)(state, world, True)[0]
    predict = eqx.filter_jit(learner.predict)
    for y in ys:
        state, expected = predict(state, lesson().observe(world))
        world = world._replace(tick=world.tick + 1)
        np.testing.assert_allclose(y, expected, atol=1e-5)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), after, state)
    tells = "told nothing" not in name
    assert alike(taught, after) != tells


def test_rest_zeroes_activations_and_keeps_weights(name, learner):
    state, _ = old(name)
    rested = learner.rest(state)
    assert kinds(rested) == kinds(state)
    assert alike(rested, learner.rest(rested))
    leaves = zip(
        names(state), jax.tree.leaves(state), jax.tree.leaves(rested), strict=True
    )
    kept = ("h.", "c.") if isinstance(learner, VSML) else KEPT
    for leaf, before, after in leaves:
        assert np.array_equal(after, before if leaf.startswith(kept) else 0 * before)
