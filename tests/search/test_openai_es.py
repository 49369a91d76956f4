"""OpenAI-ES against its formula, against evosax, and on a bowl."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float

from plastica.errors import Refusal
from plastica.search import OpenAIES, optimiser
from plastica.search.openai_es import sizes_of
from tests.naive import plastic_rnn as naive
from tests.search.points import Bowl, Point, bowl, gone, height, origin

KEY = jax.random.key(0)

SEARCH = OpenAIES(32, optimiser("momentum", 0.05), sigma=0.3)


class Parts(Point):
    """A point in two tensors."""

    second: Float[Array, "..."]

    def __init__(self, first, second):
        self.at, self.second = first, second

    @property
    def first(self):
        return self.at


class BowlOfParts(Bowl):
    """The bowls of both tensors together."""

    def __call__(self, learner, carry, key):
        both = jnp.concatenate([learner.first, learner.second])
        return super().__call__(Point(both), carry, key)


def test_it_climbs_down_a_bowl():
    state, metrics = gone(SEARCH, 150)
    assert height(origin()) > 15
    assert height(SEARCH.best(state)) < 0.1
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]


def test_the_gradient_is_the_formula(rng):
    search = OpenAIES(6, optimiser(), sigma=0.3)
    half, losses = 0.3 * rng.normal(size=(3, 4)), rng.normal(size=6)
    with jax.enable_x64(True):
        ours = search.descent(
            jnp.asarray(half), jnp.asarray(losses), jnp.full(4, 0.3, float)
        )
    noise = np.concatenate([half, -half]) / 0.3
    ranks = np.argsort(np.argsort(losses))  # 0 is best
    by_hand = sum((ranks[i] / 5 - 0.5) * noise[i] for i in range(6)) / (6 * 0.3)
    np.testing.assert_allclose(ours, by_hand, rtol=1e-6)


def test_the_gradient_is_that_of_evosax(rng):
    evosax = pytest.importorskip("evosax.algorithms")
    half = jnp.asarray(rng.normal(size=(4, 5)), jnp.float32)
    noise = jnp.concatenate([half, -half])
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
    search = OpenAIES(8, optimiser(), sigma=0.2)
    ours = search.descent(0.2 * half, losses, jnp.full(5, 0.2))
    np.testing.assert_allclose(-ours, state.mean, rtol=1e-4)


def test_members_come_in_pairs_of_opposite_sign():
    """On a slope, which is straight, the two of a pair differ from the mean alike."""
    search = OpenAIES(2, optimiser("sgd", 1.0), sigma=0.1)
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
        OpenAIES(7, optimiser())


def test_a_generation_is_that_of_the_authors_program(rng):
    """Paper 002's: deviations of their own, standardised ranks, a sum, a penalty."""
    sizes = {"before": (3, 2), "rule": (4,)}
    theta = {name: rng.normal(size=shape) for name, shape in sizes.items()}
    normals = {name: rng.normal(size=(4, *shape)) for name, shape in sizes.items()}
    signs = {name: rng.choice([-1, 1], 4) for name in sizes}
    fitness, sigmas = rng.normal(size=8), {"before": 0.01, "rule": 0.001}
    theirs = naive.antithetic_step(
        theta, sigmas, normals, signs, fitness, elite=2, penalty_factor=0.3
    )
    search = OpenAIES(
        8,
        optimiser("sgd", 0.02),
        estimate="sum",
        jitter=0.1,
        elite=2,
    )
    with jax.enable_x64(True):
        own = np.stack(
            [sigmas[name] * (1 + 0.1 * signs[name]) for name in sizes], axis=1
        )
        steps = [own[:, [i]] * normals[n].reshape(4, -1) for i, n in enumerate(sizes)]
        half = jnp.asarray(np.concatenate(steps, axis=1))
        both = np.concatenate([half, -half])
        mean = np.concatenate([a.ravel() for a in theta.values()])
        of = sizes_of(
            jnp.asarray(mean + both), Parts(*map(jnp.asarray, theta.values()))
        )
        losses = jnp.asarray(-fitness[[0, 2, 4, 6, 1, 3, 5, 7]]) + 0.3 * of
        descent = search.descent(half, losses, jnp.ones(10, float))
        sigma = search.moved(jnp.asarray([0.01, 0.001]), jnp.asarray(own), losses)
        ours = np.asarray(-0.02 * descent)
    expected = [theirs["theta"][n] - theta[n] for n in sizes]
    expected = np.concatenate([a.ravel() for a in expected])
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sigma, list(theirs["sigmas"].values()), rtol=1e-9)


def test_a_step_is_eq_10_of_002(rng):
    theta = {"at": rng.normal(size=4)}
    half, losses = 0.1 * rng.normal(size=(3, 4)), rng.normal(size=6)
    candidates = [{"at": theta["at"] + step} for step in [*half, *-half]]
    theirs = naive.paper_step(theta, candidates, -losses, standardise=True)["theta"]
    with jax.enable_x64(True):
        search = OpenAIES(6, optimiser(), estimate="mean")
        descent = search.descent(*map(jnp.asarray, (half, losses, np.ones(4))))
        descent = np.asarray(descent)
    np.testing.assert_allclose(theta["at"] - 0.2 * descent, theirs["at"], rtol=1e-9)


def test_every_tensor_has_the_deviation_of_its_name():
    """Those of another name hardly move."""
    search = OpenAIES(
        16,
        optimiser("sgd", 1.0),
        sigma=0.1,
        sigmas=(("second*", 1e-4),),
        estimate="sum",
        jitter=0.1,
        elite=2,
    )
    start = Parts(jnp.zeros(10), jnp.zeros(10))
    state, (first, *_, last) = gone(search, 20, bowl(kind=BowlOfParts), start)
    np.testing.assert_allclose(search.init(start, bowl(), KEY).sigma, [0.1, 1e-4])
    assert last["train/loss"] < first["train/loss"]
    assert np.linalg.norm(state.mean.second) < 0.05 * np.linalg.norm(state.mean.first)
    assert np.all(state.sigma >= 1e-5) and np.all(state.sigma != jnp.array([0.1, 1e-4]))


def test_an_elite_that_is_more_than_half_is_refused():
    with pytest.raises(Refusal, match="9 best and 9 worst of 16 members overlap"):
        OpenAIES(16, optimiser(), elite=9)
