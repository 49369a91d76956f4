"""Runs side by side: each lives its own, and the best goes on."""

import jax
import jax.numpy as jnp
import numpy as np

from plastica.search import SNES, MetaGradient, SideBySide, optimiser
from tests.search.points import Point, bowl, gone, height, origin, same


def beside(each, *starts):
    return SideBySide(each, tuple(Point(jnp.full(10, at)) for at in starts))


def test_every_run_is_the_search_by_itself():
    each = MetaGradient(optimiser("sgd", 0.01))
    state, _ = gone(beside(each, 0.5, -3.0), 3)
    for at, run in zip((0.0, 0.5, -3.0), state.runs, strict=True):
        alone, _ = gone(each, 3, learner=Point(jnp.full(10, at)))
        np.testing.assert_allclose(run.learner.at, alone.learner.at, rtol=1e-6)


def test_it_stands_for_the_run_with_the_least_recent_loss():
    search = beside(MetaGradient(optimiser("sgd", 0.001)), 0.9, -3.0)
    state, metrics = gone(search, 3)
    assert search.best(state).at[0] > 0.89
    assert height(search.best(state)) < height(origin())
    assert int(jnp.argmin(state.losses)) == 1
    assert metrics[-1]["train/best"] == state.losses[1]


def test_a_stage_sets_all_runs_to_the_best_and_then_they_part():
    search = beside(SNES(8, sigma=0.1), 0.9)
    state = search.staged(gone(search, 3)[0])
    assert same(state.runs[0], state.runs[1])
    state, _ = search.generation(state, bowl(), jax.random.key(9))
    assert not same(state.runs[0], state.runs[1])


def test_a_run_that_diverges_does_not_stop_the_others():
    search = beside(MetaGradient(optimiser("sgd", 0.01), patience=2), 5.0)
    state, metrics = gone(search, 4, bowl(wall=2.0))
    assert metrics[-1]["diverged"] == 1 and not metrics[-1]["failed"]
    assert np.isfinite(metrics[-1]["train/loss"])
    assert search.best(state).at[0] < 2.0
    _, metrics = gone(search, 3, bowl(wall=-1.0))
    assert metrics[-1]["failed"] and np.isnan(metrics[-1]["train/loss"])


def test_members_of_all_runs_are_counted_():
    search = beside(SNES(8), 1.0, 2.0)
    assert search.evaluations == 24
