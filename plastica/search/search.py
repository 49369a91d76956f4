"""A search improves what a learner was born with: the interface of every search."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.ranges import check_fields
from plastica.search.engine import Engine
from plastica.search.shaping import diverged

SearchState = Any  # a pytree of arrays, and the learner's static fields
Metrics = dict[str, Any]  # scalars of one generation, or arrays of several
MOST = 128  # generations in one call of the compiled loop


class AbstractSearch(eqx.Module):
    """An outer loop over theta, one generation at a time.

    The metrics of a generation always hold `train/loss`, `diverged` (learners) and
    `failed` (the search cannot go on). `compiled` says whether a generation can be
    traced, so that several become one compiled loop.
    """

    compiled: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Refuse numbers that make no search."""
        check_fields(self)

    @property
    @abc.abstractmethod
    def evaluations(self) -> int:
        """How many times a generation calls the objective."""

    def staged(self, state: SearchState) -> SearchState:
        """What becomes of the state when a stage of the experiment begins: nothing."""
        return state

    @abc.abstractmethod
    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> SearchState:
        """The state before the first generation, centred on `learner`."""

    @abc.abstractmethod
    def generation(
        self,
        state: SearchState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[SearchState, Metrics]:
        """One generation: lives, losses, an update, and what to record of it."""

    @abc.abstractmethod
    def best(self, state: SearchState) -> AbstractLearner:
        """The learner that the search stands for: the mean of its distribution."""


class AbstractEvolution(AbstractSearch):
    """A search that lives a population of `members` in every generation."""

    members: eqx.AbstractVar[int]

    @property
    def evaluations(self) -> int:
        """Every member once."""
        return self.members


def advance(
    search: AbstractSearch,
    state: SearchState,
    objective: AbstractObjective,
    key: PRNGKeyArray,
    engine: Engine,
    first: int,
    count: int,
) -> tuple[SearchState, list[Metrics]]:
    """`count` generations from number `first` on, at most `MOST`, in one compiled loop.

    Generation g draws from `fold_in(key, g)`, so that results do not depend, to the
    bit, on how generations are counted out. Returns the state and a dictionary of
    Python numbers a generation, the last of which may have `failed`: the state is then
    the one before it.
    """
    if search.compiled:
        asked = np.int32(first), np.int32(count)
        state, done, stacked = _looped(search, state, objective, key, engine, *asked)
        metrics = {name: np.asarray(each) for name, each in stacked.items()}
        rows = [{n: each[i] for n, each in metrics.items()} for i in range(int(done))]
        return state, rows
    rows = []
    for number in range(first, first + count):
        own = jax.random.fold_in(key, number)
        after, metrics = search.generation(state, objective, own, engine)
        rows.append({name: np.asarray(value) for name, value in metrics.items()})
        if metrics["failed"]:
            break
        state = after
    return state, rows


@eqx.filter_jit
def _looped(search, state, objective, key, engine, first, count):
    """The state, how many generations were lived, and their metrics, `(MOST,)` each.

    The number of rounds is an argument, and not a constant that would be compiled in:
    any number of generations runs the same program.
    """
    arrays, static = eqx.partition(state, eqx.is_array)

    def one(arrays, number):
        own = jax.random.fold_in(key, number)
        after, metrics = search.generation(
            eqx.combine(arrays, static), objective, own, engine
        )
        metrics = {name: jnp.asarray(value) for name, value in metrics.items()}
        return eqx.filter(after, eqx.is_array), metrics

    def round_of(going):
        arrays, done, _, stacked = going
        after, metrics = one(arrays, first + done)
        failed = metrics["failed"]
        kept = jax.tree.map(lambda a, b: jnp.where(failed, a, b), arrays, after)
        stacked = {name: stacked[name].at[done].set(m) for name, m in metrics.items()}
        return kept, done + 1, failed, stacked

    shapes = jax.eval_shape(one, arrays, first)[1]
    stacked = {name: jnp.zeros(MOST, shape.dtype) for name, shape in shapes.items()}
    going = arrays, jnp.zeros((), jnp.int32), jnp.zeros((), bool), stacked
    arrays, done, _, stacked = jax.lax.while_loop(
        lambda going: (going[1] < count) & ~going[2], round_of, going
    )
    return eqx.combine(arrays, static), done, stacked


def summary(losses: Float[Array, "members"]) -> Metrics:
    """The metrics that every population has: over members that did not diverge."""
    lost = diverged(losses)
    alive = jnp.maximum(jnp.sum(~lost), 1)
    mean = jnp.sum(jnp.where(lost, 0.0, losses)) / alive
    return {
        "train/loss": jnp.where(jnp.all(lost), jnp.nan, mean),
        "train/best": jnp.min(jnp.where(lost, jnp.inf, losses)),
        "diverged": jnp.sum(lost),
        "failed": jnp.all(lost),
    }
