"""An experiment: differentiable plasticity in a T-maze, with a search of its own."""

import jax
from maze import TMaze
from plasticity import Plasticity

import plastica as pl


def turns(corridor: int = 2, units: int = 8, generations: int = 6, seed: int = 0):
    """Evolve a plastic network that finds the rewarded arm."""
    task = TMaze(corridor)
    learner = Plasticity.create(jax.random.key(seed), 3, 1, units)
    return pl.Experiment(
        learner=learner,
        objective=pl.Lifetime.of(task, lives=8),
        search=pl.SNES(32, 0.3),
        generations=generations,
        evaluation=pl.Lifetime.of(task, lives=32),
        every=2,
        seed=seed,
    )
