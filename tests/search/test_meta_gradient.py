"""The meta-gradient's steps are its optimiser's, and bad ones are skipped."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from plastica.baselines import Recurrent
from plastica.data import load
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.objective import Lifetime
from plastica.search import MetaGradient, optimiser
from plastica.tasks import Text
from tests.search.points import Counted, Point, bowl, gone, height, origin, same


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum"])
def test_it_climbs_down_a_bowl(name):
    rate = {"adam": 0.1, "sgd": 0.05, "momentum": 0.01}[name]
    search = MetaGradient(optimiser(name, rate))
    state, metrics = gone(search, 100)
    assert height(search.best(state)) < 0.01
    assert metrics[0]["train/loss"] == pytest.approx(height(origin()))
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]


def test_a_step_is_that_of_the_optimiser_after_clipping():
    search = MetaGradient(optimiser("sgd", 0.1, clip=1.0))
    state, (metrics,) = gone(search, 1)
    gradient = -2.0 * (1.0 + np.arange(10) % 3)  # at the origin
    assert metrics["gradient"] == pytest.approx(np.linalg.norm(gradient))
    expected = -0.1 * gradient / np.linalg.norm(gradient)
    np.testing.assert_allclose(search.best(state).at, expected, rtol=1e-5)


def test_lives_go_on_from_step_to_step():
    assert gone(MetaGradient(optimiser()), 3, bowl(kind=Counted))[0].carry == 3


def test_a_generation_of_many_updates_is_as_many_generations_of_one():
    at_once, (metrics,) = gone(MetaGradient(optimiser(), updates=6), 1)
    one_by_one, each = gone(MetaGradient(optimiser()), 6)
    np.testing.assert_allclose(at_once.learner.at, one_by_one.learner.at, rtol=1e-6)
    losses = [one["train/loss"] for one in each]
    np.testing.assert_allclose(metrics["train/loss"], np.mean(losses), rtol=1e-6)
    assert (
        gone(MetaGradient(optimiser(), updates=6), 1, bowl(kind=Counted))[0].carry == 6
    )
    assert MetaGradient(optimiser(), updates=6).evaluations == 6
    with pytest.raises(Refusal, match="`updates` must be .* from 1 .*, got 0"):
        MetaGradient(optimiser(), updates=0)


def test_patience_is_counted_within_a_generation_too():
    lost = Point(jnp.full(10, 2.0))
    for updates, failed in ((2, False), (3, True)):
        search = MetaGradient(optax.adam(0.1), patience=3, updates=updates)
        _, (metrics,) = gone(search, 1, bowl(wall=1.0), lost)
        assert metrics["diverged"] == updates and metrics["failed"] == failed
        assert np.isnan(metrics["train/loss"])


def test_a_step_that_is_not_finite_is_skipped_and_counted():
    search = MetaGradient(optax.adam(0.1), patience=3)
    lost = Point(jnp.full(10, 2.0))
    before = search.init(lost, bowl(), jax.random.key(0))
    state, metrics = gone(search, 3, bowl(wall=1.0), lost)
    assert [int(m["diverged"]) for m in metrics] == [1, 1, 1]
    assert [bool(m["failed"]) for m in metrics] == [False, False, True]
    assert state.skipped == 3
    assert same(state._replace(skipped=before.skipped), before)


def test_a_good_step_ends_the_count_of_bad_ones():
    search = MetaGradient(optimiser("sgd", 0.01), patience=3)
    state = search.init(origin(), bowl(), jax.random.key(0))
    state = state._replace(skipped=jnp.array(2))
    state, metrics = search.generation(state, bowl(), jax.random.key(0))
    assert state.skipped == 0 and metrics["diverged"] == 0 and not metrics["failed"]


def test_it_lives_one_member():
    assert MetaGradient(optimiser()).evaluations == 1


def test_lives_are_split_over_devices_and_their_gradients_averaged(
    two_devices, monkeypatch
):
    text = Text.of(load("python-docs"), "training", 10, 2)
    objective = Lifetime.of(text, lives=4)
    start = Recurrent.lstm(jax.random.key(0), 27, 5, 27)
    search, key = MetaGradient(optimiser("sgd", 1.0)), jax.random.key(1)

    def step():
        jax.clear_caches()
        state = search.init(start, objective, key)
        state, metrics = search.generation(state, objective, key)
        return flatten(state.learner)[0], metrics["train/loss"]

    apart, loss = step()
    assert len(apart.sharding.device_set) == 2
    monkeypatch.setattr(jax, "devices", lambda: two_devices[:1])
    together, same_loss = step()
    np.testing.assert_allclose(loss, same_loss, rtol=1e-6)
    np.testing.assert_allclose(apart, together, rtol=1e-4, atol=1e-6)
    assert np.abs(together - flatten(start)[0]).max() > 1e-3
