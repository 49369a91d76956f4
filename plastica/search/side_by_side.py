"""One search from several starts at once, of which the best goes on (004, C.4)."""

import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.search.engine import Engine
from plastica.search.search import AbstractSearch, Metrics, SearchState

MEMORY = 0.98  # of a run's recent loss, a generation


class SideBySideState(NamedTuple):
    """Every run's own state, and its recent training loss (infinite at first)."""

    runs: tuple[SearchState, ...]
    losses: Float[Array, "runs"]


class SideBySide(AbstractSearch):
    """One search from several starts at once.

    The runs have different worlds. When a stage of the experiment begins, all are set
    to the run with the least recent training loss. The search's best learner is that
    run's.

    Args:
        each: the search of every run.
        others: learners to start from, beside the experiment's own.

    Source: paper 004, section 4.2 and appendix C.4.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> net = pl.Network.chain(2, 2)
        >>> slow, fast = (pl.GradientDescent.at(rate, net) for rate in (0.1, 1.0))
        >>> search = pl.SideBySide(pl.SNES(members=4), others=(fast,))
        >>> search.evaluations
        8
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> len(search.init(slow, judge, jax.random.key(0)).runs)
        2
    """

    each: AbstractSearch
    others: tuple[AbstractLearner, ...]
    compiled: ClassVar[bool] = False  # one program serves all runs, one after another

    @property
    def evaluations(self) -> int:
        """Those of all runs together."""
        return self.each.evaluations * (1 + len(self.others))

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> SideBySideState:
        """Every run at its start."""
        runs = tuple(
            self.each.init(start, objective, jax.random.fold_in(key, i))
            for i, start in enumerate((learner, *self.others))
        )
        return SideBySideState(runs, jnp.full(len(runs), jnp.inf))

    def generation(
        self,
        state: SideBySideState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[SideBySideState, Metrics]:
        """A generation of every run; the metrics are means, but for the counts."""
        each_after = [
            self.each.generation(run, objective, jax.random.fold_in(key, i), engine)
            for i, run in enumerate(state.runs)
        ]
        now = jnp.stack(
            [jnp.asarray(metrics["train/loss"]) for _, metrics in each_after]
        )
        before = jnp.where(jnp.isfinite(state.losses), state.losses, now)
        recent = MEMORY * before + (1 - MEMORY) * now
        losses = jnp.where(jnp.isfinite(now), recent, state.losses)
        metrics_of = [metrics for _, metrics in each_after]
        finite = [float(loss) for loss in now if math.isfinite(loss)]
        return SideBySideState(tuple(run for run, _ in each_after), losses), {
            "train/loss": sum(finite) / max(len(finite), 1) if finite else math.nan,
            "train/best": jnp.min(losses),
            "diverged": sum(int(metrics["diverged"]) for metrics in metrics_of),
            "failed": all(bool(metrics["failed"]) for metrics in metrics_of),
        }

    def staged(self, state: SideBySideState) -> SideBySideState:
        """All runs as the best one."""
        best = int(jnp.argmin(state.losses))
        return SideBySideState(
            (state.runs[best],) * len(state.runs),
            jnp.full_like(state.losses, state.losses[best]),
        )

    def best(self, state: SideBySideState) -> AbstractLearner:
        """The best run's learner."""
        return self.each.best(state.runs[int(jnp.argmin(state.losses))])
