"""MAML: a plain network whose first weights and step sizes are theta (002, 4.2).

Within a life it descends a gradient, once, when what is taught has ended: of its errors
(`MAML`), or of a policy's returns (`PolicyMAML`). Outside, evolution finds the rest.
"""

import abc
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import Dense, through
from plastica.learner import AbstractLearner, Feedback
from plastica.ranges import Count

STEPS, RATE = 4, 0.1  # gradient steps, and where their sizes start (the program's)
AHEAD, DISCOUNT = 10, 0.9  # ticks of a return, and what each one more is worth
CLIP = 1.0  # of an error, before it is propagated (the program's)


class MAMLState(NamedTuple):
    """Weights, and the last ticks that were taught, newest last."""

    w: tuple[Dense, ...]
    x: Float[Array, "in"]  # seen and answered now
    y: Float[Array, "out"]
    xs: Float[Array, "shots in"]
    ys: Float[Array, "shots out"]  # targets, or actions
    rewards: Float[Array, "shots"]
    shown: Float[Array, "shots"]  # 1 where there was a tick
    noise: Float[Array, "shots out"]  # of actions yet to come; MAML has none


class AbstractMAML(AbstractLearner):
    """Layers that keep what they are shown, and learn from it at the end."""

    layers: tuple[Dense, ...]
    rates: Float[Array, "steps"]
    shots: Count = eqx.field(static=True)
    answers: ClassVar[frozenset[str]] = frozenset({"numbers"})

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> MAMLState:
        """The evolved weights; nothing shown yet."""
        y = jnp.zeros_like(self.layers[-1].b)
        xs, ys = (jnp.zeros((self.shots, *a.shape), y.dtype) for a in (x, y))
        none = jnp.zeros(self.shots, y.dtype)
        noise = self.noise(key, ys)
        return MAMLState(self.layers, jnp.zeros_like(x), y, xs, ys, none, none, noise)

    def learn(self, state: MAMLState, feedback: Feedback) -> MAMLState:
        """Keeps the target, or the action and its reward; all the steps at the end."""

        def pushed(kept, new):
            return jnp.roll(kept, -1, axis=0).at[-1].set(new)

        def descended(state):
            def step(w, rate):
                through_all = jax.vmap(through, (None, 0))
                answers, back = jax.vjp(lambda w: through_all(w, state.xs), w)
                (gradient,) = back(share[:, None] * pull(answers))
                return jax.tree.map(lambda a, g: a - rate * g, w, gradient), None

            pull, share = self.pull(state), state.shown / jnp.sum(state.shown)
            w = lax.scan(step, state.w, self.rates)[0]
            return state._replace(w=w, noise=jnp.zeros_like(state.noise))

        state = state._replace(
            xs=pushed(state.xs, state.x),
            ys=pushed(state.ys, feedback.target if "target" in self.needs else state.y),
            rewards=pushed(state.rewards, feedback.reward),
            shown=pushed(state.shown, 1.0),
        )
        return lax.cond(feedback.ended, descended, lambda state: state, state)

    def rest(self, state: MAMLState) -> MAMLState:
        """Weights kept, all that was shown forgotten."""
        return jax.tree.map(jnp.zeros_like, state)._replace(w=state.w)

    def noise(
        self, key: PRNGKeyArray, ys: Float[Array, "shots out"]
    ) -> Float[Array, "shots out"]:
        """What is added to the answers: nothing."""
        return jnp.zeros_like(ys)

    @abc.abstractmethod
    def pull(self, state: MAMLState) -> Callable[[Array], Array]:
        """The derivative, in the answers, of a loss over what was kept."""


class MAML(AbstractMAML):
    """A plain network that descends its errors when its taught ticks end.

    It takes one gradient step for each of `rates` down the mean squared error, summed
    over dimensions, of what was taught. An error larger than 1 counts as 1 in the
    gradient, as in the authors' program. First weights and step sizes are theta.

    Args:
        layers: fully connected layers, with their first weights.
        rates: size of each gradient step, shape `(steps,)`.
        shots: most taught ticks that it keeps.

    Raises:
        Refusal: if `shots` is not from 1 on.

    Source: paper 002, section 4.2, ES-MAML.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> from plastica.cells import stacked
        >>> layers = stacked(jax.random.key(0), (1, 4, 1), "linear", 0.1)
        >>> learner = pl.MAML(layers, rates=jnp.full(4, 0.1), shots=10)
        >>> state = learner.init(jax.random.key(1), jnp.zeros(1))
        >>> state.xs.shape, learner.predict(state, jnp.ones(1))[1].shape
        ((10, 1), (1,))
    """

    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def predict(
        self, state: MAMLState, x: Float[Array, "in"]
    ) -> tuple[MAMLState, Float[Array, "out"]]:
        """Through the layers."""
        y = through(state.w, x)
        return state._replace(x=x, y=y), y

    def pull(self, state: MAMLState) -> Callable[[Array], Array]:
        """Of the square error, cut."""
        return lambda answers: 2 * jnp.clip(answers - state.ys, -CLIP, CLIP)


class PolicyMAML(AbstractMAML):
    """A plain network that follows a policy gradient after one noisy rollout.

    A tick's return is the next 10 rewards, discounted by 0.9, the last one repeated
    where they run out. Its advantage is that less the rollout's mean. First weights and
    step sizes are theta. Answers are clipped to [-1, 1].

    Args:
        layers: fully connected layers, with their first weights.
        rates: size of each gradient step, shape `(steps,)`.
        shots: most taught ticks that it keeps, and ticks of noisy actions.
        sigma: standard deviation of the noise; 0: no noise and no learning, the
            zero-shot row of table 3.

    Raises:
        Refusal: if `shots` is not from 1 on.

    Source: paper 002, section 4.2, ES-MAML, and table 3.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> from plastica.cells import stacked
        >>> layers = stacked(jax.random.key(0), (3, 4, 2), "linear", 0.1)
        >>> learner = pl.PolicyMAML(layers, rates=jnp.full(4, 0.1), shots=10, sigma=0.0)
        >>> state = learner.init(jax.random.key(1), jnp.zeros(3))
        >>> learner.predict(state, jnp.ones(3))[1].shape
        (2,)
    """

    sigma: float = eqx.field(static=True, default=0.1)
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def predict(
        self, state: MAMLState, x: Float[Array, "in"]
    ) -> tuple[MAMLState, Float[Array, "out"]]:
        """Through the layers, and noise as long as there is some; cut to [-1, 1]."""
        y = jnp.clip(through(state.w, x) + state.noise[0], -1.0, 1.0)
        noise = jnp.roll(state.noise, -1, axis=0).at[-1].set(0.0)
        return state._replace(x=x, y=y, noise=noise), y

    def learn(self, state: MAMLState, feedback: Feedback) -> MAMLState:
        """As all do, if it is to learn at all."""
        return super().learn(state, feedback) if self.sigma else state

    def noise(
        self, key: PRNGKeyArray, ys: Float[Array, "shots out"]
    ) -> Float[Array, "shots out"]:
        """Normal noise for as many ticks as a roll-out has."""
        return self.sigma * jax.random.normal(key, ys.shape, ys.dtype)

    def pull(self, state: MAMLState) -> Callable[[Array], Array]:
        """Of the advantages times the distances from the actions taken."""
        rewards, shown = state.rewards, state.shown
        last = jnp.full(AHEAD - 1, rewards[-1])
        discounts = DISCOUNT ** jnp.arange(AHEAD, dtype=rewards.dtype)
        returns = jnp.correlate(jnp.concatenate([rewards, last]), discounts, "valid")
        advantage = returns - jnp.sum(shown * returns) / jnp.sum(shown)
        return lambda answers: advantage[:, None] * (answers - state.ys)
