"""Plastic networks against a naive transcription, and what the paper implies."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.baselines import Cell
from plastica.cells import LSTM, RNN, Dense
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.lifetime import birth, live, total
from plastica.objective import Lifetime
from plastica.rules import Layers, PlasticMLP, PlasticRNN
from plastica.search import OpenAIES, optimiser
from plastica.search.engine import placed
from plastica.tasks import Sines
from tests.naive import plastic_rnn as naive

KEY = jax.random.key(0)
UNITS = 5
CORES = {
    "EPRNN": lambda key: PlasticRNN.random(key, 4, UNITS),
    "without m": lambda key: PlasticRNN.random(key, 4, UNITS, modulated=False),
    "EPMLP": lambda key: PlasticMLP.random(key, 4, UNITS),
    "EPMLP random": lambda key: PlasticMLP.random(key, 4, UNITS, evolved=False),
}


def layers(core, inputs=2, outputs=2):
    """A core of four inputs and five units between small layers."""
    keys = jax.random.split(KEY, 4)
    before = (Dense.random(keys[0], inputs, 4, "relu", 1.0),)
    after = (
        Dense.random(keys[1], UNITS, 3, "sigmoid", 1.0),
        Dense.random(keys[2], 3, outputs, "linear", 1.0),
    )
    return Layers(before, core, after)


def drawn(learner, deviation=0.4, seed=0):
    """The learner with all of theta drawn from N(0, deviation^2)."""
    zero, learner_of = flatten(learner)
    theta = np.random.default_rng(seed).normal(0, deviation, zero.size)
    return learner_of(jnp.asarray(theta, zero.dtype))


def transcribed(learner):
    """The same network for the naive functions."""

    def dense(layer):
        return {"kind": "dense", "W": layer.W, "b": layer.b, "f": layer.f}

    core = learner.core
    plastic = {f"W_{name}": getattr(core.rule, name) for name in "ABCD"}
    plastic |= {"b": core.b, "f": "tanh", "W_0": core.W_0}
    if isinstance(core, PlasticMLP):
        plastic |= {"W_i_m": core.modulator.W, "b_m": core.modulator.b}
        plastic["kind"] = "plastic dense"
    else:
        plastic |= {"kind": "plastic recurrent", "W_i": core.W_i, "h_0": core.h_0}
        if core.modulator:
            m = core.modulator
            plastic |= {"W_h_m": m.W_h, "W_i_m": m.W_i, "b_m": m.b}
    network = [*map(dense, learner.before), plastic, *map(dense, learner.after)]
    return [
        {k: v if isinstance(v, str | None) else np.asarray(v) for k, v in layer.items()}
        for layer in network
    ]


@eqx.filter_jit
def lived(learner, task, state, world):
    """Every tick's h, W and answer, and the life's loss."""
    _, _, loss, seen = live(
        learner, task, state, world, task.ticks, lambda s, w, y: (s.h, s.W, y)
    )
    return *seen, total(loss)[0]


CASES = [
    ("EPRNN", {}, {}),
    ("EPRNN", {"plastic": "always"}, {"first": "last action", "counts": "all"}),
    ("EPRNN", {"passes": "m h"}, {}),
    ("without m", {"plastic": "always"}, {}),
    ("EPMLP", {}, {"first": "last action"}),
    ("EPMLP random", {"plastic": "always"}, {"counts": "all"}),
]


@pytest.mark.parametrize(("name", "how", "exam"), CASES, ids=str)
@pytest.mark.parametrize("x64", [True, False], ids=["float64", "float32"])
def test_a_life_is_the_naive_one(name, how, exam, x64):
    with jax.enable_x64(x64):
        learner = drawn(layers(replace(CORES[name](KEY), **how)))
        task = Sines(2, shots=4, horizon=9, **exam)
        state, world = birth(learner, task, jax.random.key(3))
        h, W, y, loss = lived(learner, task, state, world)
        network = transcribed(learner)
    whole = jax.tree.map(np.float64, (state.W, world))
    theirs = naive.sines_life(
        network,
        naive.initial_states(network, {1: whole[0]}),
        A=whole[1].amplitude,
        n=whole[1].period,
        phase=whole[1].phase,
        K=4,
        N=9,
        plastic_exam=how.get("plastic") == "always",
        first_input=task.first,
        N_counts_all=task.counts == "all",
        modulated="state" if how.get("passes") == "m h" else "update",
    )
    near = {"rtol": 1e-9, "atol": 1e-9} if x64 else {"rtol": 2e-4, "atol": 2e-5}
    cores = [states[1] for states in theirs["states"]]
    np.testing.assert_allclose(y, theirs["outputs"], **near)
    np.testing.assert_allclose(W, [core["W"] for core in cores], **near)
    np.testing.assert_allclose(-loss, theirs["fitness"], **near)
    if "h" in cores[0]:
        np.testing.assert_allclose(h, [core["h"] for core in cores], **near)
    assert not np.allclose(W[0], state.W)  # it was plastic


def test_theta_has_as_many_numbers_as_the_authors_program():
    eprnn = {
        1: (Dense.random(KEY, 1, 64, "relu", 0.1),),
        3: tuple(Dense.random(KEY, n, 64, "relu", 0.1) for n in (3, 64)),
    }
    counts = {}
    for inputs, before in eprnn.items():
        after = [
            Dense.random(KEY, *sizes, "relu", 0.1)
            for sizes in ((64, 64), (64, {1: 1, 3: 2}[inputs]))
        ]
        learner = Layers(before, PlasticRNN.random(KEY, 64, 64), tuple(after))
        counts[inputs] = flatten(learner)[0].size
    assert counts == {1: 37_313, 3: 41_666}


def test_evolution_starts_from_small_weights_and_no_plasticity():
    core = PlasticRNN.random(KEY, 64, 64)
    for W in (core.W_i, core.W_0, core.modulator.W_h, core.modulator.W_i):
        assert np.std(W) == pytest.approx(0.1, rel=0.05)
    still = (*jax.tree.leaves(core.rule), core.b, core.modulator.b, core.h_0)
    assert all(np.all(array == 0) for array in still)


@lru_cache
def life(plastic, rules=0.1):
    """W of every tick, and the answers, for a life whose exam is after 4 ticks."""
    learner = drawn(layers(replace(CORES["EPRNN"](KEY), plastic=plastic)))
    rule = jax.tree.map(lambda a: rules * a, learner.core.rule)
    learner = replace(learner, core=replace(learner.core, rule=rule))
    task = Sines(2, shots=4, horizon=6)
    state, world = birth(learner, task, KEY)
    return learner, task, world, lived(learner, task, state, world)


def test_a_frozen_exam_leaves_the_weights_and_a_plastic_one_does_not():
    _, _, _, (_, W, *_) = life("taught")
    assert all(np.array_equal(w, W[3]) for w in W[4:])
    assert not np.array_equal(W[2], W[3])
    _, _, _, (_, W, *_) = life("always")
    assert all(not np.array_equal(a, b) for a, b in pairwise(W))


def test_without_rules_it_is_the_plain_network_life_by_life():
    learner, task, world, (h, W, y, loss) = life("taught", rules=0.0)
    core = learner.core
    plain = Cell(RNN(core.W_i, core.W_0, core.b))
    plain = replace(learner, core=plain)
    memory = (core.h_0,)  # the plain cell's is not evolved

    def hears(state, world, y):
        return state[0], y

    _, _, losses, (ours, answers) = live(plain, task, memory, world, 10, hears)
    np.testing.assert_allclose(ours, h, atol=1e-6)
    np.testing.assert_allclose(answers, y, atol=1e-6)
    assert total(losses)[0] == pytest.approx(loss)
    assert all(np.array_equal(w, core.W_0) for w in W)


def test_random_weights_are_drawn_at_birth_and_are_not_theta():
    random = CORES["EPMLP random"](KEY)
    x = jnp.zeros(4)
    first, again, other = (random.init(jax.random.key(k), x).W for k in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.std(first) == pytest.approx(0.1, rel=0.4)
    assert flatten(CORES["EPMLP"](KEY))[0].size - flatten(random)[0].size == first.size


def test_layers_take_the_cells_of_the_baselines():
    for cell in (LSTM.random(KEY, 4, UNITS), RNN.random(KEY, 4, UNITS)):
        learner = layers(Cell(cell))
        task = Sines(2, shots=2, horizon=2)
        state, world = birth(learner, task, KEY)
        losses = live(learner, task, state, world, task.ticks)[2]
        assert np.all(np.isfinite(losses.value))


@pytest.mark.parametrize("words", [{"plastic": "never"}, {"passes": "all"}], ids=str)
def test_unknown_words_are_refused(words):
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        replace(CORES["EPRNN"](KEY), **words)


def test_evolution_finds_plasticity_that_helps():
    """On short sines, in 60 generations, from weights that answer nothing."""
    keys = jax.random.split(KEY, 3)
    learner = Layers(
        (Dense.random(keys[0], 1, 8, "relu", 0.1),),
        PlasticRNN.random(keys[1], 8, 8),
        (Dense.random(keys[2], 8, 1, "linear", 0.1),),
    )
    objective = Lifetime.of(Sines(1, shots=5, horizon=5), lives=16)
    search = OpenAIES(
        64,
        optimiser("adam", 0.02),
        sigma=0.05,
        sigmas=(("*.rule.*", 0.02),),
    )
    state = placed(search.init(learner, objective, KEY))
    losses = []
    for generation in range(60):
        key = jax.random.key(generation)
        state, metrics = search.generation(state, objective, key)
        losses.append(float(metrics["train/loss"]))
    assert np.mean(losses[:5]) == pytest.approx(13 / 6, abs=0.5)  # of answering zero
    assert np.mean(losses[-10:]) < 1.5
    rule = search.best(state).core.rule
    assert all(np.any(np.abs(leaf) > 0.01) for leaf in jax.tree.leaves(rule))
