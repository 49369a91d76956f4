"""SNES against its formula, against evosax, and on a bowl."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.learner import flatten
from plastica.search import SNES
from tests.search.points import Counted, Point, bowl, gone, height, origin

SEARCH = SNES(32, sigma=0.3)


def test_it_climbs_down_a_bowl():
    state, metrics = gone(SEARCH, 150)
    assert height(origin()) > 15
    assert height(SEARCH.best(state)) < 1e-3
    assert metrics[-1]["train/loss"] < 0.01 < metrics[0]["train/loss"]
    assert metrics[-1]["sigma"] < metrics[0]["sigma"]


def test_a_step_is_that_of_the_appendix(rng):
    """Algorithm 1 of 000, A.3, with (s^2 - 1), in float64."""
    search = SNES(6, rate_mean=0.7, rate_sigma=0.3)
    mu, log_sigma = rng.normal(size=4), rng.normal(size=4)
    s, losses = rng.normal(size=(6, 4)), rng.normal(size=6)
    with jax.enable_x64(True):
        ours = search.updated(*map(jnp.asarray, (mu, log_sigma, s, losses)))
    raw = np.maximum(0, np.log(6 / 2 + 1) - np.log(np.arange(1, 7)))
    u = (raw / raw.sum() - 1 / 6)[np.argsort(np.argsort(losses))]
    sigma = np.exp(log_sigma)
    expected_mu = mu + 0.7 * sigma * sum(u[i] * s[i] for i in range(6))
    grad_sigma = sum(u[i] * (s[i] ** 2 - 1) for i in range(6))
    np.testing.assert_allclose(ours[0], expected_mu, rtol=1e-6)
    np.testing.assert_allclose(np.exp(ours[1]), sigma * np.exp(0.15 * grad_sigma), 1e-6)


def test_100_generations_are_those_of_evosax():
    """Fed the same samples and losses, the means and deviations stay the same."""
    evosax = pytest.importorskip("evosax.algorithms")
    members, size = 16, 12
    ours = SNES(members, sigma=0.1, rate_mean=1.0, rate_sigma=0.1)
    heights = jax.jit(jax.vmap(lambda at: bowl()(Point(at), (), None)[0]))
    updated = jax.jit(ours.updated)
    with jax.numpy_rank_promotion("allow"):
        theirs = evosax.SNES(members, jnp.zeros(size))
        params = theirs.default_params.replace(std_init=0.1, lr_std_init=0.1)
        state = theirs.init(jax.random.key(0), jnp.zeros(size), params)
        mu, log_sigma = flatten(origin(size))[0], jnp.full(size, jnp.log(0.1))
        for generation in range(100):
            key = jax.random.key(generation)
            population, state = theirs.ask(key, state, params)
            losses = heights(population)
            s = (population - state.mean) / state.std
            state, _ = theirs.tell(key, population, losses, state, params)
            mu, log_sigma = updated(mu, log_sigma, s, losses)
    assert np.linalg.norm(mu) > 1  # it has gone somewhere
    assert not np.allclose(state.std, 0.1, rtol=0.1)
    np.testing.assert_allclose(mu, state.mean, atol=1e-4)
    np.testing.assert_allclose(np.exp(log_sigma), state.std, rtol=1e-4)


def test_a_diverging_member_is_counted_and_ranks_last():
    """The wall cuts off a part of what is sampled, and the mean moves away from it."""
    state, (metrics,) = gone(SEARCH, 1, bowl(wall=0.0))
    assert 4 < metrics["diverged"] < 28
    assert np.isfinite(metrics["train/loss"]) and not metrics["failed"]
    mean = SEARCH.best(state).at
    assert mean[0] < -0.05 and np.mean(mean[1:]) > 0.05
    state, metrics = gone(SEARCH, 100, bowl(wall=0.0))
    mean = SEARCH.best(state).at
    assert mean[0] < 0 and np.all(np.isfinite(mean))
    assert np.mean(mean[1:]) == pytest.approx(1, abs=0.1)


def test_if_all_diverge_the_search_has_failed_and_has_not_moved():
    state, (metrics,) = gone(SEARCH, 1, bowl(wall=-100.0))
    assert metrics["failed"] and metrics["diverged"] == 32
    assert np.isnan(metrics["train/loss"])
    np.testing.assert_allclose(SEARCH.best(state).at, 0, atol=1e-6)
    np.testing.assert_allclose(state.log_sigma, np.log(0.3), rtol=1e-6)


def test_every_member_has_lives_of_its_own():
    state, _ = gone(SNES(5), 3, bowl(kind=Counted))
    np.testing.assert_array_equal(state.carries, [3] * 5)


def test_one_seed_gives_one_search():
    first, again = (gone(SEARCH, 3)[0].mean.at for _ in range(2))
    other = gone(SEARCH, 3, seed=5)[0].mean.at
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
