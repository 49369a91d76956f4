"""Separable natural evolution strategies (000, appendix A.3; Wierstra et al., 2014)."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry
from plastica.ranges import NotNegative, Positive, Several
from plastica.search.engine import Engine, begin, noise
from plastica.search.search import AbstractEvolution, Metrics, summary
from plastica.search.shaping import by_rank, natural_utilities


class SNESState(NamedTuple):
    """The distribution N(mu, diag(sigma^2)); `mean` is a learner with theta mu."""

    mean: AbstractLearner
    log_sigma: Float[Array, "theta"]
    carries: Carry


class SNES(AbstractEvolution):
    """Separable natural evolution strategies.

    A generation samples members from N(mu, diag(sigma^2)), ranks their losses, and
    follows the natural gradient in mu and log sigma. mu begins at the learner that is
    given.

    Departs from the paper: the appendix prints (s - 1) in the gradient of sigma; what
    it cites has (s^2 - 1), which alone is zero on average and is used here.

    Args:
        members: population size, at least 2.
        sigma: first standard deviation of all of theta.
        rate_mean: learning rate of mu.
        rate_sigma: learning rate of log sigma.

    Raises:
        Refusal: if a number is out of range.

    Source: paper 000, appendix A.3, Algorithm 1 and table 1, which has the defaults.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> search = pl.SNES(members=4)
        >>> state = search.init(learner, judge, jax.random.key(0))
        >>> state, metrics = search.generation(state, judge, jax.random.key(1))
        >>> int(metrics["diverged"]), search.best(state).network.sizes
        (0, (2, 3, 2))
    """

    members: Several = eqx.field(static=True, default=128)
    sigma: Positive = 0.1
    rate_mean: Positive = 1.0
    rate_sigma: NotNegative = 0.1

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> SNESState:
        """The learner's theta as the mean, one deviation for all of it."""
        mu, _ = flatten(learner)
        carries = begin(self.members, learner, objective, key)
        log_sigma = jnp.full(mu.shape, math.log(self.sigma), mu.dtype)
        return SNESState(learner, log_sigma, carries)

    @eqx.filter_jit
    def generation(
        self,
        state: SNESState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[SNESState, Metrics]:
        """Algorithm 1 of the appendix."""
        key_noise, key_lives = jax.random.split(key)
        mu, learner_of = flatten(state.mean)
        s = noise(key_noise, self.members, mu.size)
        z = mu[None] + jnp.exp(state.log_sigma)[None] * s
        losses, carries = engine.live(
            z, learner_of, objective, state.carries, key_lives
        )
        mu, log_sigma = self.updated(mu, state.log_sigma, s, losses)
        metrics = summary(losses) | {"sigma": jnp.exp(jnp.mean(log_sigma))}
        return SNESState(learner_of(mu), log_sigma, carries), metrics

    def updated(
        self,
        mu: Float[Array, "theta"],
        log_sigma: Float[Array, "theta"],
        s: Float[Array, "members theta"],
        losses: Float[Array, "members"],
    ) -> tuple[Float[Array, "theta"], Float[Array, "theta"]]:
        """Mean and log standard deviation after a generation.

        Args:
            mu: mean, shape `(theta,)`.
            log_sigma: log standard deviation, shape `(theta,)`.
            s: standard normal noise of each member, shape `(members, theta)`.
            losses: losses at mu + sigma s, shape `(members,)`.

        Returns:
            The new mean and the new log standard deviation.
        """
        u = by_rank(losses, natural_utilities(len(losses)))
        grad_mu = u @ s
        grad_sigma = u @ (s**2 - 1)
        mu = mu + self.rate_mean * jnp.exp(log_sigma) * grad_mu
        return mu, log_sigma + self.rate_sigma / 2 * grad_sigma

    def best(self, state: SNESState) -> AbstractLearner:
        """The learner at the mean."""
        return state.mean
