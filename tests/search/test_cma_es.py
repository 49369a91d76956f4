"""CMA-ES goes down a bowl, and the same way again from what is recorded."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.search.points import Counted, bowl, gone, height, origin, same

pytest.importorskip("cma")

from plastica.search import CMAES


@pytest.fixture
def search():
    return CMAES(10, sigma=0.3)


def on(search, state, generations, start=0):
    """The state so many generations later, as `gone` counts them."""
    for generation in range(start, start + generations):
        key = jax.random.fold_in(jax.random.key(1), generation)
        state, _ = search.generation(state, bowl(), key)
    return state


def asleep(state):
    """The state with nothing but its arrays, copied, as a checkpoint has it."""
    state = dataclasses.replace(state, strategy=None)
    return jax.tree.map(
        lambda a: jnp.array(a) if isinstance(a, jax.Array) else np.array(a), state
    )


def test_it_climbs_down_a_bowl(search):
    state, metrics = gone(search, 60)
    assert height(search.best(state)) < 0.01
    assert metrics[-1]["train/loss"] < 0.1 < metrics[0]["train/loss"]
    assert state.told.shape == (60, 10)


def test_every_member_has_lives_of_its_own(search):
    state, _ = gone(search, 3, bowl(kind=Counted))
    np.testing.assert_array_equal(state.carries, [3] * 10)


def test_told_the_same_losses_again_it_goes_the_same_way(search):
    through = on(search, search.init(origin(), bowl(), jax.random.key(0)), 8)
    half = on(search, search.init(origin(), bowl(), jax.random.key(0)), 5)
    resumed = on(search, asleep(half), 3, start=5)
    np.testing.assert_array_equal(resumed.told, through.told)
    assert same(search.best(resumed), search.best(through))


def test_the_mean_can_be_had_from_the_arrays_alone(search):
    state, _ = gone(search, 4)
    assert same(search.best(asleep(state)), search.best(state))


def test_a_generation_does_not_change_the_state_that_it_was_given(search):
    state, _ = gone(search, 3)
    key = jax.random.key(7)
    best = search.best(state)
    first, _ = search.generation(state, bowl(), key)
    assert same(search.best(state), best)
    again, _ = search.generation(state, bowl(), key)
    np.testing.assert_array_equal(first.told, again.told)


def test_numpys_own_generator_is_left_alone(search):
    np.random.seed(3)
    before = np.random.get_state()
    state, _ = gone(search, 2)
    search.best(asleep(state))
    after = np.random.get_state()
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


def test_what_others_draw_from_numpy_does_not_matter(search):
    quiet, _ = gone(search, 3)
    state = search.init(origin(), bowl(), jax.random.key(0))
    for generation in range(3):
        np.random.normal(size=generation + 1)
        state = on(search, state, 1, start=generation)
    np.testing.assert_array_equal(quiet.told, state.told)


def test_a_diverging_member_is_counted_and_ranks_last(search):
    state, metrics = gone(search, 40, bowl(wall=0.0))
    assert metrics[0]["diverged"] > 0 and not metrics[0]["failed"]
    assert np.all(np.isfinite(state.told))
    assert np.mean(search.best(state).at[1:]) == pytest.approx(1, abs=0.3)


def test_if_all_diverge_the_search_has_failed_and_was_told_nothing(search):
    state, (metrics,) = gone(search, 1, bowl(wall=-100.0))
    assert metrics["failed"] and np.isnan(metrics["train/loss"])
    assert state.told.shape == (0, 10)
    np.testing.assert_array_equal(search.best(state).at, 0)
