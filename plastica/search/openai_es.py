"""Evolution strategies in antithetic pairs: Salimans et al. (2017), and paper 002's."""

from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, flatten, names, theta
from plastica.objective import AbstractObjective, Carry
from plastica.ranges import CountOrZero, NotNegative, Positive, Several
from plastica.search.engine import Engine, begin, noise
from plastica.search.search import AbstractEvolution, Metrics, summary
from plastica.search.shaping import by_rank, centred_ranks, diverged

Estimate = Literal["gradient", "sum", "mean"]

GROWTH, TOWARDS, FLOOR = 1e-6, 0.5, 1e-5  # of the deviations, in the program of 002


class OpenAIESState(NamedTuple):
    """The mean, as a learner, the optimiser's state for it, a deviation a tensor."""

    mean: AbstractLearner
    optimiser: optax.OptState
    carries: Carry
    sigma: Float[Array, "tensors"]


class OpenAIES(AbstractEvolution):
    """Evolution strategies of Salimans et al. (2017): pairs, ranks, an optimiser.

    Noise comes in pairs of opposite sign. What the optimiser descends is the
    `estimate`. With plain gradient descent and paper 002's numbers, "sum" at rate 0.02
    is its authors' program, and "mean" at rate 0.2 its Eq. (10). `jitter`, `elite` and
    `penalty` are that program's too.

    Args:
        members: population size, an even number.
        optimiser: an optax optimiser, as from `optimiser`.
        sigma: standard deviation of the noise, in theta's own units.
        sigmas: pairs of a pattern and the standard deviation of the tensors of theta
            whose dotted names match it; the first match counts.
        estimate: minus the "gradient" of the expected centred rank, or the "sum" or
            "mean" of the members' steps, weighted by their standardised ranks.
        jitter: share by which a pair's deviation in each tensor is larger or smaller.
        elite: so many best and worst members move the tensors' deviations; 0: fixed.
        penalty: factor of the size of theta, which is added to a member's loss.

    Raises:
        Refusal: if `members` is odd, the elite overlaps, or a number is out of range.

    Source: paper 002, section 3, Eq. (10).

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> search = pl.OpenAIES(4, pl.optimiser("adam", rate=0.01))
        >>> state = search.init(learner, judge, jax.random.key(0))
        >>> state, metrics = search.generation(state, judge, jax.random.key(1))
        >>> round(float(metrics["sigma"]), 3)
        0.1
    """

    members: Several = eqx.field(static=True)
    optimiser: optax.GradientTransformation = eqx.field(static=True)
    sigma: Positive = 0.1
    sigmas: tuple[tuple[str, float], ...] = eqx.field(static=True, default=())
    estimate: Estimate = eqx.field(static=True, default="gradient")
    jitter: NotNegative = eqx.field(static=True, default=0.0)
    elite: CountOrZero = eqx.field(static=True, default=0)
    penalty: NotNegative = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        """Refuse an odd number of members, and an elite that is most of them."""
        if self.members % 2:
            raise Refusal(
                f"OpenAI-ES samples in pairs, got {self.members} members; take "
                f"{self.members + 1}"
            )
        if 2 * self.elite > max(self.members, 0):
            raise Refusal(
                f"the {self.elite} best and {self.elite} worst of {self.members} "
                "members overlap; take a smaller elite"
            )

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> OpenAIESState:
        """The learner's theta as the mean."""
        carries = begin(self.members, learner, objective, key)
        mu = flatten(learner)[0]
        sigma = jnp.array([self._deviation(name) for name in names(theta(learner))])
        return OpenAIESState(learner, self.optimiser.init(mu), carries, sigma)

    @eqx.filter_jit
    def generation(
        self,
        state: OpenAIESState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[OpenAIESState, Metrics]:
        """One step of the optimiser along the estimate."""
        key_noise, key_lives = jax.random.split(key)
        mu, learner_of = flatten(state.mean)
        own = self._jittered(state.sigma, jax.random.fold_in(key, 2))
        pairs = self.members // 2
        half = noise(key_noise, pairs, mu.size, lambda i: _spread(own[i], state.mean))
        thetas = mu[None] + jnp.concatenate([half, -half])
        losses, carries = engine.live(
            thetas, learner_of, objective, state.carries, key_lives
        )
        metrics = summary(losses)
        if self.penalty:
            losses += self.penalty * sizes_of(thetas, state.mean)
        descent = self.descent(half, losses, _spread(state.sigma, state.mean))
        step, optimiser = self.optimiser.update(descent, state.optimiser, mu)
        mu = optax.apply_updates(mu, step)
        sigma = self.moved(state.sigma, own, losses) if self.elite else state.sigma
        metrics |= {"gradient": jnp.linalg.norm(descent), "sigma": jnp.mean(sigma)}
        return OpenAIESState(learner_of(mu), optimiser, carries, sigma), metrics

    def descent(
        self,
        half: Float[Array, "pairs theta"],
        losses: Float[Array, "members"],
        sigma: Float[Array, "theta"],
    ) -> Float[Array, "theta"]:
        """The vector that the optimiser descends.

        Args:
            half: noise of the first of each pair, shape `(pairs, theta)`.
            losses: losses at mu + half, then at mu - half, shape `(members,)`.
            sigma: standard deviation of each number of theta, shape `(theta,)`.

        Returns:
            The estimate, shape `(theta,)`.
        """
        u = by_rank(losses, centred_ranks(len(losses)))
        if self.estimate != "gradient":
            u = u / jnp.maximum(jnp.std(u), 1e-9)  # zero if all are equal
        uphill = -(u[: len(half)] - u[len(half) :]) @ half
        if self.estimate == "sum":
            return uphill
        mean = uphill / len(losses)
        return mean if self.estimate == "mean" else mean / sigma**2

    def moved(
        self,
        sigma: Float[Array, "tensors"],
        own: Float[Array, "pairs tensors"],
        losses: Float[Array, "members"],
    ) -> Float[Array, "tensors"]:
        """Deviations moved half way from the worst members' towards the best ones'.

        Args:
            sigma: deviation of each tensor, shape `(tensors,)`.
            own: deviations of each pair, shape `(pairs, tensors)`.
            losses: losses, shape `(members,)`.

        Returns:
            The new deviations, shape `(tensors,)`, at least 0.00001.
        """
        both = jnp.concatenate([own, own])
        order = jnp.argsort(jnp.where(diverged(losses), jnp.inf, losses))
        best, worst = both[order[: self.elite]], both[order[-self.elite :]]
        moved = sigma + GROWTH + TOWARDS * jnp.mean(best - worst, axis=0)
        return jnp.maximum(moved, FLOOR)

    def best(self, state: OpenAIESState) -> AbstractLearner:
        """The learner at the mean."""
        return state.mean

    def _deviation(self, name: str) -> float:
        matching = (sigma for like, sigma in self.sigmas if fnmatchcase(name, like))
        return next(matching, self.sigma)

    def _jittered(self, sigma, key):
        """Deviations a pair and tensor."""
        shape = (self.members // 2, sigma.size)
        if not self.jitter:
            return jnp.broadcast_to(sigma, shape)
        return sigma[None] * (1 + self.jitter * jax.random.rademacher(key, shape))


def sizes_of(
    thetas: Float[Array, "members theta"], like: AbstractLearner
) -> Float[Array, "members"]:
    """Roots of the means over theta's tensors of their mean squares."""
    tensors = jax.tree.leaves(theta(like))
    shares = jnp.array([1 / (len(tensors) * leaf.size) for leaf in tensors])
    weights = _spread(shares, like)
    return jnp.sqrt(thetas**2 @ weights)


def _spread(
    values: Float[Array, "tensors"], learner: AbstractLearner
) -> Float[Array, "theta"]:
    """A number a tensor, repeated for each of the tensor's numbers."""
    tensors = jax.tree.leaves(theta(learner))
    parts = [jnp.full(leaf.size, values[i]) for i, leaf in enumerate(tensors)]
    return jnp.concatenate(parts)
