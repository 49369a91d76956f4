"""OpenAI-ES against its formula, against evosax, and on a bowl."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from plastica.errors import Refusal
from plastica.search import OpenAIES, Population, optimiser
from tests.search.points import bowl, gone, height, origin

SEARCH = OpenAIES(Population(32), optimiser("momentum", 0.05), sigma=0.3)


def test_it_climbs_down_a_bowl():
    state, metrics = gone(SEARCH, 150)
    assert height(origin()) > 15
    assert height(SEARCH.best(state)) < 0.1
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]


def test_the_gradient_is_the_formula(rng):
    search = OpenAIES(Population(6), optimiser(), sigma=0.3)
    noise, losses = rng.normal(size=(6, 4)), rng.normal(size=6)
    with jax.enable_x64(True):
        ours = search.gradient(jnp.asarray(noise), jnp.asarray(losses))
    ranks = np.argsort(np.argsort(losses))  # 0 is best
    by_hand = sum((ranks[i] / 5 - 0.5) * noise[i] for i in range(6)) / (6 * 0.3)
    np.testing.assert_allclose(ours, by_hand, rtol=1e-6)


def test_the_gradient_is_that_of_evosax(rng):
    evosax = pytest.importorskip("evosax.algorithms")
    noise = jnp.asarray(rng.normal(size=(8, 5)), jnp.float32)
    losses = jnp.asarray(rng.normal(size=8), jnp.float32)
    with jax.numpy_rank_promotion("allow"):
        theirs = evosax.Open_ES(
            8,
            jnp.zeros(5),
            optimizer=optax.sgd(1.0),
            std_schedule=optax.constant_schedule(0.2),
        )
        params = theirs.default_params
        state = theirs.init(jax.random.key(0), jnp.zeros(5), params)
        state, _ = theirs.tell(jax.random.key(0), 0.2 * noise, losses, state, params)
    ours = OpenAIES(Population(8), optimiser(), sigma=0.2).gradient(noise, losses)
    np.testing.assert_allclose(-ours, state.mean, rtol=1e-4)


def test_members_come_in_pairs_of_opposite_sign():
    """On a slope, which is straight, the two of a pair differ from the mean alike."""
    search = OpenAIES(Population(2), optimiser("sgd", 1.0), sigma=0.1)
    _, (metrics,) = gone(search, 1, learner=origin(1))
    step = abs(1 - np.sqrt(metrics["train/best"]))  # the better one is closer to 1
    expected = ((1 - step) ** 2 + (1 + step) ** 2) / 2
    assert metrics["train/loss"] == pytest.approx(expected, rel=1e-5)


def test_the_optimiser_has_the_step():
    state, (metrics,) = gone(SEARCH, 1)
    assert np.linalg.norm(state.mean.at) == pytest.approx(0.05 * metrics["gradient"])


def test_a_diverging_member_is_counted_and_ranks_last():
    state, metrics = gone(SEARCH, 100, bowl(wall=0.0))
    assert 4 < metrics[0]["diverged"] < 28 and not metrics[0]["failed"]
    mean = SEARCH.best(state).at
    assert mean[0] < 0 and np.all(np.isfinite(mean))
    assert np.mean(mean[1:]) == pytest.approx(1, abs=0.2)


def test_if_all_diverge_the_search_has_failed_and_has_not_moved():
    state, (metrics,) = gone(SEARCH, 1, bowl(wall=-100.0))
    assert metrics["failed"] and np.isnan(metrics["train/loss"])
    np.testing.assert_allclose(SEARCH.best(state).at, 0, atol=1e-6)


def test_an_odd_number_of_members_is_refused():
    with pytest.raises(Refusal, match="in pairs, got 7 members; take 8"):
        OpenAIES(Population(7), optimiser())
