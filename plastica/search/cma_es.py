"""Covariance matrix adaptation, by pycma: for up to a few thousand numbers."""

import contextlib
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from plastica import cluster
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry
from plastica.search.population import Population
from plastica.search.search import AbstractSearch, Metrics, summary


class CMAESState(eqx.Module):
    """Where the search began, and every loss that it was told.

    That is all there is to it: told the same losses again, pycma goes the same way, so
    nothing of its own has to be stored. `strategy` is that pycma object, once awake.
    """

    start: AbstractLearner
    seed: Int[Array, ""]
    told: Float[np.ndarray, "generations members"]
    carries: Carry
    strategy: Any = eqx.field(static=True, default=None)


class CMAES(AbstractSearch):
    """CMA-ES as pycma does it, with its defaults; `sigma` is the first deviation."""

    population: Population
    sigma: float = 0.1

    def __check_init__(self) -> None:
        """Refuse where pycma is not installed."""
        try:
            import cma  # noqa: F401
        except ImportError as error:
            raise Refusal(
                "CMA-ES is pycma's, which is not installed; "
                "`pip install 'plastica[cma]'`, or search with SNES"
            ) from error

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> CMAESState:
        """Centred on the learner's theta; nothing told yet."""
        key_seed, key_lives = jax.random.split(key)
        seed = jax.random.randint(key_seed, (), 1, 2**31 - 1)
        carries = self.population.begin(learner, objective, key_lives)
        return CMAESState(learner, seed, np.zeros((0, self.members)), carries)

    def generation(
        self, state: CMAESState, objective: AbstractObjective, key: PRNGKeyArray
    ) -> tuple[CMAESState, Metrics]:
        """Asks pycma for members, lives them, and tells it their losses."""
        strategy = self._awake(state)
        own = np.stack(strategy.ask())
        asked = list(cluster.spoken(own))  # of one process, for all
        thetas = jnp.asarray(np.stack(asked), flatten(state.start)[0].dtype)
        losses, carries = _live(
            self.population, thetas, state.start, objective, state.carries, key
        )
        metrics = summary(losses)
        told = _worst_for_diverged(np.asarray(losses, np.float64))
        if told is not None:
            strategy.tell(asked, told)
            state = dataclasses.replace(state, told=np.vstack([state.told, told]))
        state = dataclasses.replace(state, carries=carries, strategy=strategy)
        return state, metrics | {"sigma": float(strategy.sigma)}

    def best(self, state: CMAESState) -> AbstractLearner:
        """The learner at the mean."""
        strategy = self._awake(state)
        mu, learner_of = flatten(state.start)
        return learner_of(jnp.asarray(strategy.mean, mu.dtype))

    def _awake(self, state):
        """A pycma object that has been told what the state says, and no more."""
        if state.strategy and state.strategy.told == len(state.told):
            return state.strategy
        strategy = _Strategy(
            np.asarray(flatten(state.start)[0], np.float64),
            self.sigma,
            {"popsize": self.members, "seed": int(state.seed), "verbose": -9},
        )
        for losses in state.told:
            strategy.tell(strategy.ask(), losses)
        return strategy


class _Strategy:
    """An object of pycma's, which draws from NumPy's generator, with one of its own."""

    def __init__(self, mean, sigma, options):
        import cma

        with _generator_kept():
            self._cma = cma.CMAEvolutionStrategy(mean, sigma, options)
            self._random = np.random.get_state()
        self.told = 0

    @property
    def mean(self):
        return self._cma.mean

    @property
    def sigma(self):
        return self._cma.sigma

    def ask(self):
        return self._own(self._cma.ask)

    def tell(self, asked, losses):
        self._own(lambda: self._cma.tell(asked, list(losses)))
        self.told += 1

    def _own(self, act):
        with _generator_kept():
            np.random.set_state(self._random)
            result = act()
            self._random = np.random.get_state()
        return result


@contextlib.contextmanager
def _generator_kept():
    """Leaves NumPy's global generator as it was found."""
    before = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(before)


@eqx.filter_jit
def _live(population, thetas, learner, objective, carries, key):
    return population.live(thetas, flatten(learner)[1], objective, carries, key)


def _worst_for_diverged(losses):
    """Since NaN cannot be ranked, the diverged get one loss above all others'."""
    finite = np.isfinite(losses)
    if not finite.any():
        return None
    worst = losses[finite].max()
    return np.where(finite, losses, worst + abs(worst) + 1.0)
