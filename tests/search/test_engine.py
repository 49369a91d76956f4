"""Lives are the same whatever their chunks, devices and compiled loops are."""

import logging
from contextlib import contextmanager
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica import machine
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import PMLPHebb
from plastica.run.chunks import measured
from plastica.run.memory import needed
from plastica.search import (
    CMAES,
    SNES,
    Engine,
    MetaGradient,
    OpenAIES,
    SideBySide,
    advance,
    optimiser,
)
from plastica.search.engine import noise, placed
from plastica.tasks import Text
from tests.search.points import Bowl, Counted, Point, bowl, height, origin, same

KEY = jax.random.key(0)
MU, POINT_OF = flatten(origin())


@lru_cache
def lives(engine):
    counted = bowl(kind=Counted)
    return jax.jit(lambda a, b, c: engine.live(a, POINT_OF, counted, b, c))


def around(members):
    rng = np.random.default_rng(0)
    return jnp.asarray(0.1 * rng.normal(size=(members, MU.size)))


def losses(members, engine=Engine()):
    """Losses and carries of a population around the origin."""
    return lives(engine)(around(members), jnp.arange(members), KEY)


def by_hand(members):
    return [height(Point(theta)) for theta in around(members)]


@pytest.mark.parametrize("chunk", [None, 4, 100])
def test_chunks_do_not_matter(chunk):
    """Also those that do not divide the members of a device."""
    each, carries = losses(12, Engine(chunk=chunk))
    np.testing.assert_allclose(each, by_hand(12), rtol=1e-6)
    np.testing.assert_array_equal(carries, 1 + np.arange(12))


@pytest.mark.parametrize("members", [1, 7])
def test_members_need_not_be_divisible_by_devices(two_devices, members):
    each, carries = losses(members)
    assert each.shape == (members,)
    np.testing.assert_allclose(each, by_hand(members), rtol=1e-6)
    np.testing.assert_array_equal(carries, 1 + np.arange(members))


def test_the_lives_are_spread_over_all_devices(two_devices):
    each, _ = losses(12)
    assert set(each.devices()) == set(jax.devices())


def test_one_generation_is_the_same_on_one_device_and_on_two(two_devices, monkeypatch):
    def step(chunk):  # of its own, so that it is traced anew
        search = SNES(8)
        state = search.init(origin(), bowl(), KEY)
        return search.generation(state, bowl(), KEY, Engine(chunk=chunk))

    on_two, metrics_two = step(chunk=8)
    monkeypatch.setattr(jax, "devices", lambda: two_devices[:1])
    on_one, metrics_one = step(chunk=9)
    np.testing.assert_allclose(on_one.mean.at, on_two.mean.at, atol=1e-6)
    np.testing.assert_allclose(on_one.log_sigma, on_two.log_sigma, atol=1e-6)
    for name in metrics_one:
        np.testing.assert_allclose(metrics_one[name], metrics_two[name], rtol=1e-6)


def test_noise_is_a_members_own():
    """Whatever the number of members, and whether devices divide it."""
    few, many = (noise(KEY, n, 7) for n in (3, 64))
    np.testing.assert_array_equal(few, many[:3])
    assert len(np.unique(many)) == many.size
    assert np.mean(many) == pytest.approx(0, abs=0.15)
    assert np.std(many) == pytest.approx(1, abs=0.1)
    assert not np.any(np.isin(noise(jax.random.key(1), 3, 7), few))


@pytest.mark.parametrize("chunk", [1, 3, 4, 5, 9])
def test_chunks_cover_every_member_once(chunk):
    """Also where the last one overlaps the one before."""
    each, carries = losses(9, Engine(chunk=chunk))
    np.testing.assert_allclose(each, by_hand(9), rtol=1e-6)
    np.testing.assert_array_equal(carries, 1 + np.arange(9))


@contextmanager
def compilations(caplog):
    """What has been compiled within, by the names of functions."""
    names = []
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        caplog.clear()
        yield names
        for record in caplog.records:
            message = record.getMessage()
            if message.startswith("Compiling "):
                names.append(message.split()[1])


SEARCHES = {
    "SNES": SNES(6),
    "OpenAIES": OpenAIES(6, optimiser("adam", 0.1)),
    "MetaGradient": MetaGradient(optimiser("adam", 0.1)),
}
ALL = SEARCHES | {
    "CMAES": CMAES(6),
    "SideBySide": SideBySide(SNES(6), (origin(),)),
}


def lived(search, counts, objective):
    """The state and the metrics after as many generations as the counts make."""
    state = placed(search.init(origin(), objective, KEY))
    metrics = []
    for count in counts:
        state, rows = advance(
            search, state, objective, KEY, Engine(), len(metrics), count
        )
        metrics += rows
    return state, metrics


@pytest.mark.parametrize("name", ALL)
def test_generations_do_not_depend_on_how_they_are_counted_out(name):
    """To the bit, with lives that go on."""
    one, each = lived(ALL[name], [1] * 5, bowl(kind=Counted))
    other, together = lived(ALL[name], [2, 3], bowl(kind=Counted))
    assert same(one, other) and len(each) == 5
    for a, b in zip(each, together, strict=True):
        assert a.keys() == b.keys() and {"train/loss", "failed"} <= a.keys()
        for metric in a:
            np.testing.assert_array_equal(a[metric], b[metric])


@pytest.mark.parametrize("name", ["SNES", "CMAES"])
def test_a_loop_ends_with_the_state_before_a_generation_that_failed(name):
    search = ALL[name]
    state, rows = lived(search, [4], bowl(wall=-jnp.inf))
    assert [bool(row["failed"]) for row in rows] == [True]
    assert same(search.best(state), origin())


@pytest.mark.parametrize("name", SEARCHES)
def test_ten_generations_are_traced_and_compiled_once(name, caplog):
    compiled_once(SEARCHES[name], bowl(), caplog)


def test_lives_that_go_on_are_compiled_once_too(two_devices, caplog):
    compiled_once(SEARCHES["SNES"], bowl(kind=Counted), caplog)


def compiled_once(search, objective, caplog):
    learner = origin(size=11)  # lived by no other test
    state = placed(search.init(learner, objective, KEY))
    Bowl.traces.clear()
    with compilations(caplog) as compiled:
        for generation in range(10):
            key = jax.random.key(generation)
            state, _ = search.generation(state, objective, key)
    assert len(Bowl.traces) == 1
    assert compiled.count("jit(generation)") == 1


def test_searches_and_populations_made_alike_are_traced_once():
    learner = origin(size=12)
    Bowl.traces.clear()
    for generation in range(3):
        search = MetaGradient(optimiser("adam", 0.1), patience=5)
        state = placed(search.init(learner, bowl(), KEY))
        search.generation(state, bowl(), jax.random.key(generation))
    assert len(Bowl.traces) == 1


def test_the_chunk_that_is_measured_is_one_of_those_tried():
    engine, seconds = measured(Engine(), SNES(20), origin(), bowl(), KEY)
    share = -(-20 // len(jax.devices()))
    assert set(seconds) == {4, min(16, share), share}
    assert engine == Engine(chunk=min(seconds, key=seconds.get))


def test_a_chunk_that_memory_does_not_hold_is_not_tried(monkeypatch):
    least = needed(SNES(200), origin(), bowl(), 4 * len(jax.devices()))
    monkeypatch.setattr(machine, "room", lambda: least)
    engine, seconds = measured(Engine(), SNES(200), origin(), bowl(), KEY)
    assert engine.chunk == 4 and list(seconds) == [4]


def test_a_chunk_that_was_asked_for_is_not_measured():
    asked = Engine(chunk=7)
    assert measured(asked, SNES(20), origin(), bowl(), KEY) == (asked, {})


def test_there_is_room_in_this_machine():
    assert 2**20 < machine.room() < 2**50


@pytest.mark.parametrize("search", [SNES(2), MetaGradient(optimiser())])
def test_one_learner_is_not_measured(search):
    assert measured(Engine(), search, origin(), bowl(), KEY) == (Engine(), {})


class Untold(PMLPHebb):
    """Another rule: it learns nothing."""

    def learn(self, state, feedback):
        return state


def test_a_derived_rule_is_lived_as_itself():
    """Not by a kernel that knows only what it derives from."""
    derived = Untold.zeros(Network.layered(4, 4))
    objective = Lifetime.of(Text(jnp.array([0, 1, 2, 3]), 4, length=4))
    assert Engine().settled(derived, objective) == "xla"
    with pytest.raises(Refusal, match="PMLPHebb only, not Untold"):
        Engine("native").settled(derived, objective)


@pytest.mark.parametrize("members", [0, -2])
def test_a_population_without_members_is_refused(members):
    for search in (SNES, lambda n: OpenAIES(n, optimiser()), CMAES):
        with pytest.raises(Refusal, match=f"`members` must be .*, got {members}"):
            search(members)
    with pytest.raises(Refusal, match="`chunk` must be a whole number from 1"):
        Engine(chunk=members)
