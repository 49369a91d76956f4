"""A search improves what a learner was born with: the interface of every search."""

import abc
from dataclasses import replace
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.search.population import Population
from plastica.search.shaping import diverged

SearchState = Any  # a pytree of arrays, and the learner's static fields
Metrics = dict[str, Any]  # scalars of one generation


class AbstractSearch(eqx.Module):
    """An outer loop over theta, one generation at a time.

    A generation lives a population of learners; the metrics always hold `train/loss`,
    `diverged` (members) and `failed` (the search cannot go on).
    """

    population: eqx.AbstractVar[Population]

    @property
    def members(self) -> int:
        """How many learners a generation lives."""
        return self.population.members

    def with_population(self, population: Population) -> Self:
        """The same search, its members lived otherwise."""
        return replace(self, population=population)

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
        self, state: SearchState, objective: AbstractObjective, key: PRNGKeyArray
    ) -> tuple[SearchState, Metrics]:
        """One generation: lives, losses, an update, and what to record of it."""

    @abc.abstractmethod
    def best(self, state: SearchState) -> AbstractLearner:
        """The learner that the search stands for: the mean of its distribution."""


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
