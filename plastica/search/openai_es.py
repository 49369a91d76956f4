"""Evolution strategies in antithetic pairs, by Salimans et al. (2017)."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry
from plastica.search.population import Population
from plastica.search.search import AbstractSearch, Metrics, summary
from plastica.search.shaping import by_rank, centred_ranks


class OpenAIESState(NamedTuple):
    """The mean, as a learner, and the optimiser's state for it."""

    mean: AbstractLearner
    optimiser: optax.OptState
    carries: Carry


class OpenAIES(AbstractSearch):
    """Noise in pairs of opposite sign, centred ranks, any optax optimiser.

    `sigma` is the deviation of the noise, in theta's own units.
    """

    population: Population
    optimiser: optax.GradientTransformation = eqx.field(static=True)
    sigma: float = 0.1

    def __check_init__(self) -> None:
        """Refuse an odd number of members."""
        if self.members % 2:
            raise Refusal(
                f"OpenAI-ES samples in pairs, got {self.members} members; take "
                f"{self.members + 1}"
            )

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> OpenAIESState:
        """The learner's theta as the mean."""
        carries = self.population.begin(learner, objective, key)
        return OpenAIESState(learner, self.optimiser.init(flatten(learner)[0]), carries)

    @eqx.filter_jit
    def generation(
        self, state: OpenAIESState, objective: AbstractObjective, key: PRNGKeyArray
    ) -> tuple[OpenAIESState, Metrics]:
        """One step along the estimated gradient of the ranks."""
        key_noise, key_lives = jax.random.split(key)
        mu, learner_of = flatten(state.mean)
        half = Population(self.members // 2).noise(key_noise, mu.size)
        noise = jnp.concatenate([half, -half])
        losses, carries = self.population.live(
            mu[None] + self.sigma * noise,
            learner_of,
            objective,
            state.carries,
            key_lives,
        )
        gradient = self.gradient(noise, losses)
        step, optimiser = self.optimiser.update(gradient, state.optimiser, mu)
        mu = optax.apply_updates(mu, step)
        metrics = summary(losses) | {"gradient": jnp.linalg.norm(gradient)}
        return OpenAIESState(learner_of(mu), optimiser, carries), metrics

    def gradient(
        self, noise: Float[Array, "members theta"], losses: Float[Array, "members"]
    ) -> Float[Array, "theta"]:
        """The estimated gradient of the expected rank, to be descended."""
        u = by_rank(losses, centred_ranks(len(losses)))
        return -(u @ noise) / (len(losses) * self.sigma)

    def best(self, state: OpenAIESState) -> AbstractLearner:
        """The learner at the mean."""
        return state.mean
