"""The compiled lives against `lifetime`, and both against a life in float64."""

import dataclasses
import functools
import logging
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica import kernels, lifetime
from plastica.baselines.recurrent import Recurrent
from plastica.cells import MLP, SplitLSTM, Synapse
from plastica.errors import Refusal
from plastica.kernels import library
from plastica.kernels.native import surprisals
from plastica.learner import flatten
from plastica.lifetime import birth
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.rules import PMLPHebb
from plastica.rules.pmlp_hebb import Forms
from plastica.search import SNES, Engine
from plastica.tasks.text import Text
from tests.conftest import all_but

pytestmark = pytest.mark.skipif(
    library.library() is None,
    reason="plastica-native is not installed: pip install ./native",
)

NATIVE = Path(__file__).parents[2] / "native"
MEMBERS = 12
CHAOS = 1e-5  # an error in nats, far above rounding: only a chaotic life grows to it
DRAWS = 4  # of thetas one rounding away: one life's error alone may be luck
AS_USED = {"xla_backend_optimization_level": 3}  # the rival's rounding, with its FMAs
ROUNDING = 3e-7  # of one number of about 3, in float32
ANY_EDGES = ((0, 2), (2, 0), (1, 0), (1, 1), (2, 2))  # the driver has stranger ones
SMALL = Network.layered(9, 17, 9)
LIVES = {
    "letters": (Network.layered(27, 20, 27), 100, "relu", 0.1),
    "any edges": (Network((9, 8, 9), ANY_EDGES), 100, "softmax", 0.05),
    "shared weights": (Network.layered(27, 400, 27), 20, "relu", 0.05),
    "tanh": (Network.layered(9, 20, 9), 100, "softmax", 0.1, Forms("tanh")),
    "ReLU": (Network.layered(9, 17, 9), 100, "softmax", 0.07, Forms("relu")),
    "one component": (SMALL, 50, "relu", 0.1, Forms(one_component=True)),
    "one way": (SMALL, 50, "relu", 0.1, Forms(transposed=False)),
    "LSTMs": (SMALL, 50, "softmax", 0.1, Forms("lstm", "lstm", 2, fed="both")),
    "PMLP weights": (SMALL, 50, "softmax", 0.1, Forms("pmlp", "pmlp", 2)),
}
MORE_LIVES = {
    "softmax": (Network.layered(27, 17, 27), 100, "softmax", 0.1),
    "hundred": (Network.layered(27, 100, 27), 100, "relu", 0.05),
    "deep": (Network.layered(16, 15, 17, 16), 100, "relu", 0.1),
    "one neuron": (Network.layered(2, 1, 2), 100, "softmax", 0.3),
    "one layer": (Network((6,), ((0, 0),)), 100, "relu", 0.1),
    "no edges": (Network((5, 7, 5), ()), 100, "relu", 0.3),
    "bytes": (Network.layered(259, 9, 259), 20, "softmax", 0.05),
    "tanh, any edges": (
        Network((9, 8, 9), ANY_EDGES),
        100,
        "softmax",
        0.1,
        Forms("tanh"),
    ),
    "tanh, hundred": (Network.layered(27, 100, 27), 100, "relu", 0.05, Forms("tanh")),
    "ReLU, shared weights": (
        Network.layered(27, 400, 27),
        20,
        "softmax",
        0.05,
        Forms("relu"),
    ),
    "ReLU, deep": (
        Network.layered(16, 15, 17, 16),
        100,
        "softmax",
        0.07,
        Forms("relu"),
    ),
    "one component, both": (
        SMALL,
        50,
        "relu",
        0.1,
        Forms("lstm", "pmlp", 3, 5, "both", True, False, True),
    ),
    "LSTM neurons": (SMALL, 50, "softmax", 0.1, Forms("lstm")),
    "product": (
        Network((9, 8, 9), ANY_EDGES),
        50,
        "softmax",
        0.1,
        Forms("pmlp", "lstm", 4, fed="product"),
    ),
}
SIMILAR = ("shared weights", "tanh", "ReLU", "one way", "one component")
slowly = [pytest.param(name, marks=pytest.mark.slow) for name in MORE_LIVES]


def posed(network, length, readout, scale, forms=None, readings=2):
    """Thetas, a rule, its passage, a key, and lives of thetas on both engines."""
    symbols = network.sizes[0]
    text = np.random.default_rng(1).integers(0, symbols, 500)
    rule = PMLPHebb.zeros(network, readout=readout, forms=forms)
    vector, learner_of = flatten(rule)
    task = Text(jnp.asarray(text), symbols, length, readings)
    key = jax.random.key(7)

    @functools.partial(jax.jit, compiler_options=AS_USED)
    @jax.vmap
    def on_xla(theta):
        return lifetime.life(learner_of(theta), task, key).value

    @functools.partial(jax.jit, static_argnames="threads")
    def natively(thetas, threads=2):
        return surprisals(thetas, rule, task, key, threads)

    return SimpleNamespace(
        rule=rule,
        learner_of=learner_of,
        thetas=scale * jax.random.normal(jax.random.key(3), (MEMBERS, vector.size)),
        task=task,
        key=key,
        on_xla=on_xla,
        natively=natively,
    )


@functools.cache
def life(name):
    """One of the lives above, compiled once for all tests."""
    return posed(*(LIVES | MORE_LIVES)[name])


def in_float64(p):
    """The same births and worlds, lived in double precision."""
    state, world = birth(p.rule, p.task, p.key)

    def doubled(tree):
        return jax.tree.map(
            lambda a: (
                jnp.asarray(np.asarray(a, np.float64)) if eqx.is_inexact_array(a) else a
            ),
            tree,
        )

    with jax.enable_x64(True):
        learner_of = flatten(doubled(p.rule))[1]
        state, thetas = doubled(state), doubled(p.thetas)

        def one(theta):
            learner = learner_of(theta)

            def tick(carry, _):
                state, world = carry
                state, y = learner.predict(state, p.task.observe(world))
                world, feedback, loss = p.task.respond(world, y)
                return (learner.learn(state, feedback), world), loss.value

            return jax.lax.scan(tick, (state, world), length=p.task.ticks)[1]

        losses = np.asarray(jax.jit(jax.vmap(one))(thetas))
    assert losses.dtype == np.float64
    return losses


@functools.cache
def witnesses(name):
    """The worst error of XLA, of thetas as they are or next to them; exact losses."""
    p, draw = life(name), np.random.default_rng(0)
    exact, thetas = in_float64(p), np.asarray(p.thetas)
    ways = draw.choice(np.float32([-np.inf, np.inf]), (DRAWS, *thetas.shape))
    near = [thetas, *(np.nextafter(thetas, way) for way in ways)]
    return np.max([rms(np.asarray(p.on_xla(t)) - exact) for t in near], 0), exact


def rms(error):
    return np.sqrt(np.mean(error**2, axis=1))


@pytest.mark.parametrize("isa", ["avx512", "avx2", "portable"])
@pytest.mark.parametrize("name", [*all_but(LIVES, *SIMILAR), *slowly])
def test_errs_no_more_than_xla(name, isa, monkeypatch):
    monkeypatch.setenv("PLASTICA_NATIVE_ISA", isa)
    if library.isa() != isa:
        pytest.skip(f"this machine has no {isa}")
    p, (of_xla, exact) = life(name), witnesses(name)
    native = np.asarray(p.natively(p.thetas))
    assert native.shape == (MEMBERS, p.task.ticks)
    of_native = rms(native - exact)
    calm = (of_xla < CHAOS) & (of_native < CHAOS)
    assert np.mean(calm) > 0.5
    assert np.all(of_native[calm] <= 2 * of_xla[calm] + ROUNDING)
    few = slice(0, 3)  # before chaos has grown
    np.testing.assert_allclose(native[:, few], exact[:, few], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "least", "most"), [("letters", 3, 14), ("tanh", 3, 36), ("ReLU", 0, 4)]
)
def test_reports_the_same_members_as_diverged(name, least, most):
    p = life(name)
    thetas = p.thetas * jnp.logspace(least, most, MEMBERS)[:, None]  # floats overflow
    native, xla = p.natively(thetas), p.on_xla(thetas)
    lost, lost_on_xla = (~np.isfinite(x).all(1) for x in (native, xla))
    assert 0 < lost.sum() < MEMBERS
    assert np.sum(lost != lost_on_xla) <= 1  # at the edge


def test_threads_change_nothing():
    p = life("letters")
    few, many = p.natively(p.thetas), p.natively(p.thetas, threads=5)
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("entries", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_judges_as_the_objective_does(entries):
    """Several tasks, networks, weights and lives, under jit and over a mesh."""
    p = posed(Network.layered(27, 12, 27), 10, "relu", 0.05)
    wider = Network.layered(27, 21, 27)
    whole = (Entry(Text(p.task.text, 27, 15, 1), wider, 2.0), Entry(p.task, None, 1.0))
    objective = Lifetime.of(*whole[:entries], lives=3)
    assert kernels.reason(p.rule, objective) is None
    native = eqx.filter_jit(kernels.losses)(p.thetas, p.learner_of, objective, p.key)
    xla = jax.jit(jax.vmap(lambda t: objective(p.learner_of(t), (), p.key)[0]))(
        p.thetas
    )
    np.testing.assert_allclose(native, xla, atol=2e-5)

    mesh = jax.make_mesh((1,), ("members",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("members")
    sharded = jax.shard_map(
        lambda thetas: kernels.losses(thetas, p.learner_of, objective, p.key, 1),
        mesh=mesh,
        in_specs=spec,
        out_specs=spec,
        check_vma=False,
    )
    np.testing.assert_array_equal(jax.jit(sharded)(p.thetas), native)


def test_says_why_it_does_not_fit():
    p = life("letters")
    fits = Lifetime.of(p.task)
    assert kernels.reason(p.rule, fits) is None
    assert "judge" in kernels.reason(p.rule, Lifetime.of(p.task, judge="miss"))
    lstm = Recurrent.lstm(p.key, 27, 4, 27)
    assert "PMLPHebb" in kernels.reason(lstm, fits)
    for name in LIVES:
        assert kernels.reason(life(name).rule, fits) is None
    layers = life("tanh").rule.layers
    for odd in (life("ReLU").rule.layers[2], SplitLSTM.zeros(2, 6), p.rule.layers[2]):
        mixed = dataclasses.replace(life("tanh").rule, layers=(*layers[:2], odd))
        assert "all of one kind" in kernels.reason(mixed, fits)
    synapses = life("PMLP weights").rule.synapses
    wider = Synapse.zeros("pmlp", 2, 15, "side by side", False)
    for odd in (dataclasses.replace(synapses[0], replaces=True), wider):
        mixed = dataclasses.replace(p.rule, synapses=(odd, *synapses[1:]))
        assert "all of one kind" in kernels.reason(mixed, fits)
    plain = eqx.tree_at(lambda s: s.update, synapses[0], MLP.zeros(4, 14, 2))
    all_plain = dataclasses.replace(p.rule, synapses=(plain,) * len(synapses))
    assert "all of one kind" in kernels.reason(all_plain, fits)
    wide = PMLPHebb.zeros(p.rule.network, state=66)
    assert "at most 64" in kernels.reason(wide, fits)
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), p.rule)
    assert "float32" in kernels.reason(half, fits)


def test_is_missed_once(monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "plastica_native", None)
    library.library.cache_clear()
    p = life("letters")
    with caplog.at_level(logging.INFO, "plastica"):
        assert "no plastica-native" in kernels.reason(p.rule, Lifetime.of(p.task))
        kernels.reason(p.rule, Lifetime.of(p.task))
        with pytest.raises(Refusal, match="pip install"):
            surprisals(p.thetas, p.rule, p.task, p.key)
    assert len(caplog.records) == 1
    library.library.cache_clear()


def test_a_library_built_for_another_version_is_not_called(monkeypatch):
    monkeypatch.setattr(__import__("plastica_native"), "CALL", library.CALL - 1)
    library.library.cache_clear()
    p = life("letters")
    assert "no plastica-native that fits" in kernels.reason(p.rule, Lifetime.of(p.task))
    library.library.cache_clear()


def test_refuses_symbols_that_do_not_fit():
    p = life("letters")
    task = Text(p.task.text + 20, 27, 100, 2)
    with pytest.raises(jax.errors.JaxRuntimeError, match="symbol"):
        np.asarray(surprisals(p.thetas, p.rule, task, p.key))


def test_library_has_a_checksum(monkeypatch):
    assert re.fullmatch("[0-9a-f]{64}", library.checksum())
    monkeypatch.setattr(library, "library", lambda: None)
    library.checksum.cache_clear()
    assert library.checksum() is None
    library.checksum.cache_clear()


@pytest.mark.slow
def test_driver_is_clean_under_sanitizers(tmp_path):
    """Builds the C++ driver with address and undefined-behaviour sanitizers."""
    if shutil.which("cmake") is None:
        pytest.skip("no cmake here")
    flags = "-fsanitize=address,undefined -fno-sanitize-recover=all"
    configure = ["cmake", "-S", NATIVE, "-B", tmp_path, "-DPLASTICA_DRIVER=ON"]
    configure += [f"-DCMAKE_CXX_FLAGS={flags}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
    configure += ["-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run(
        ["cmake", "--build", tmp_path, "-j2"], check=True, capture_output=True
    )
    for isa in ("portable", "avx2", "avx512"):
        done = subprocess.run(
            [tmp_path / "driver"],
            env={"PLASTICA_NATIVE_ISA": isa},
            capture_output=True,
            text=True,
        )
        if "does not run here" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr


def test_the_same_losses_give_the_same_update_whatever_lived_them(monkeypatch):
    """So that two engines part only where their losses do."""
    rule = PMLPHebb.zeros(Network.layered(4, 3, 4))
    task = Text(jnp.arange(40) % 4, 4, length=5, readings=2)
    recorded = np.random.default_rng(0).normal(3.0, 0.1, MEMBERS).astype(np.float32)

    def live(self, thetas, learner_of, objective, carries, key):
        self.settled(learner_of(thetas[0]), objective)
        return jnp.asarray(recorded), carries

    monkeypatch.setattr(Engine, "live", live)
    moved, search, objective = [], SNES(MEMBERS), Lifetime.of(task)
    for kind in ("xla", "native"):
        state = search.init(rule, objective, jax.random.key(0))
        key, engine = jax.random.key(1), Engine(kind)
        moved.append(search.generation(state, objective, key, engine)[0])
    jax.tree.map(np.testing.assert_array_equal, *moved)
