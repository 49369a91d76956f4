"""Covariance matrix adaptation, by pycma: for up to a few thousand numbers."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from plastica import cluster
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry
from plastica.ranges import Positive, Several
from plastica.search.engine import Engine, begin
from plastica.search.search import AbstractEvolution, Metrics, summary


class CMAESState(eqx.Module):
    """Where the search began, and all losses so far.

    From the same losses pycma goes the same way, so nothing of its own has to be
    stored. `strategy` is that pycma object, once it is made.
    """

    start: AbstractLearner
    seed: Int[Array, ""]
    told: Float[np.ndarray, "generations members"]
    carries: Carry
    strategy: Any = eqx.field(static=True, default=None)


class CMAES(AbstractEvolution):
    """Covariance matrix adaptation by pycma, with its defaults.

    It is for up to a few thousand numbers in theta. Members that diverge get one loss
    above all others'.

    Args:
        members: population size, at least 2.
        sigma: first standard deviation of all of theta.

    Raises:
        Refusal: if pycma is not installed, or a number is out of range.

    Source: paper 004, section 4.4, and paper 003, section 4, use this search.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> learner = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=1, outputs=2)
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=None, lessons=1))
        >>> search = pl.CMAES(members=4)
        >>> state = search.init(learner, judge, jax.random.key(1))
        >>> state, metrics = search.generation(state, judge, jax.random.key(2))
        >>> metrics["failed"].tolist(), type(search.best(state)).__name__
        (False, 'Recurrent')
    """

    members: Several = eqx.field(static=True)
    sigma: Positive = 0.1
    compiled: ClassVar[bool] = False

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
        carries = begin(self.members, learner, objective, key_lives)
        return CMAESState(learner, seed, np.zeros((0, self.members)), carries)

    def generation(
        self,
        state: CMAESState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[CMAESState, Metrics]:
        """Asks pycma for members, lives them, and tells it their losses."""
        strategy = self._awake(state)
        own = np.stack(strategy.ask())
        asked = list(cluster.spoken(own))  # of one process, for all
        thetas = jnp.asarray(np.stack(asked), flatten(state.start)[0].dtype)
        losses, carries = _live(
            engine, thetas, state.start, objective, state.carries, key
        )
        metrics = summary(losses)
        told = _worst_for_diverged(np.asarray(losses, np.float64))
        if told is not None:
            strategy.tell(asked, list(told))
            state = dataclasses.replace(state, told=np.vstack([state.told, told]))
        state = dataclasses.replace(state, carries=carries, strategy=strategy)
        return state, metrics | {"sigma": float(strategy.sigma)}

    def best(self, state: CMAESState) -> AbstractLearner:
        """The learner at the mean."""
        strategy = self._awake(state)
        mu, learner_of = flatten(state.start)
        return learner_of(jnp.asarray(strategy.mean, mu.dtype))

    def _awake(self, state):
        """A pycma object that has been told what the state says, and no more.

        It draws from a generator of its own: NumPy's global one stays as it was.
        """
        if state.strategy and state.strategy.countiter == len(state.told):
            return state.strategy
        import cma

        own = np.random.RandomState(int(state.seed))
        options = {"popsize": self.members, "randn": own.randn, "verbose": -9}
        mu = np.asarray(flatten(state.start)[0], np.float64)
        strategy = cma.CMAEvolutionStrategy(mu, self.sigma, options | {"seed": np.nan})
        for losses in state.told:
            strategy.tell(strategy.ask(), list(losses))
        return strategy


@eqx.filter_jit
def _live(engine, thetas, learner, objective, carries, key):
    return engine.live(thetas, flatten(learner)[1], objective, carries, key)


def _worst_for_diverged(losses):
    """Since NaN cannot be ranked, the diverged get one loss above all others'."""
    finite = np.isfinite(losses)
    if not finite.any():
        return None
    worst = losses[finite].max()
    return np.where(finite, losses, worst + abs(worst) + 1.0)
