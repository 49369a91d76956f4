"""Gradient descent as a learner: SGD, momentum and Adam; theta is the log step size."""

from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network

Method = Literal["sgd", "momentum", "adam"]
DECAY, DECAY_SQUARES, FLOOR = 0.9, 0.999, 1e-8

Weights = tuple[Float[Array, "post pre_and_bias"], ...]


class Learned(NamedTuple):
    """Weights with a bias last, and what the method remembers of their gradients."""

    weights: Weights
    means: Weights
    squares: Weights
    steps: Float[Array, ""]


class GradientState(NamedTuple):
    """What was last shown, and what has been learned."""

    x: Float[Array, "*batch in"]
    w: Learned


class GradientDescent(AbstractRule):
    """A plain network that descends the softmax cross-entropy of what it is told.

    Meets batches or single samples; answers are logits. A batch's loss is its mean.
    Momentum is 0.9, `v = 0.9 v + gradient`; Adam has its usual constants.
    """

    log_rate: Float[Array, ""]
    network: Network = eqx.field(static=True)
    method: Method = eqx.field(static=True, default="sgd")
    sigma: Literal["tanh", "relu", "sigmoid"] = eqx.field(static=True, default="relu")
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def __check_init__(self) -> None:
        """Refuse an unknown method."""
        if self.method not in ("sgd", "momentum", "adam"):
            raise Refusal(
                f'the method is "sgd", "momentum" or "adam", got {self.method!r}'
            )

    @classmethod
    def at(cls, rate: float, network: Network, method: Method = "sgd", **how) -> Self:
        """With a step size."""
        log_rate = jnp.log(jnp.asarray(rate, float))
        return cls(log_rate=log_rate, network=network, method=method, **how)

    def on(self, network: Network) -> Self:
        """The same method and step size on another chain of layers, of any depth."""
        return replace(self, network=network)

    def init(self, key: PRNGKeyArray, x: Float[Array, "*batch in"]) -> GradientState:
        """Weights N(0, 1 / n_pre), biases zero, nothing remembered."""
        chain = Network.chain(*self.network.sizes)
        weights = tuple(
            jnp.concatenate([w, jnp.zeros((len(w), 1))], 1)
            for w in chain.draw_weights(key)
        )
        nothing = tuple(map(jnp.zeros_like, weights))
        start = Learned(weights, nothing, nothing, jnp.zeros(()))
        return GradientState(jnp.zeros_like(x), start)

    def predict(
        self, state: GradientState, x: Float[Array, "*batch in"]
    ) -> tuple[GradientState, Float[Array, "*batch out"]]:
        """The network's logits."""
        return state._replace(x=x), self._logits(state.w.weights, x)

    def learn(self, state: GradientState, feedback: Feedback) -> GradientState:
        """One step down the gradient of what was last shown."""

        def loss(weights):
            logs = jax.nn.log_softmax(self._logits(weights, state.x))
            right = (feedback.target > 0).astype(logs.dtype)
            return -jnp.mean(jnp.sum(right * logs, -1))

        weights, means, squares, steps = state.w
        slopes = jax.grad(loss)(weights)
        steps = steps + 1.0
        step: Any = slopes
        if self.method == "momentum":
            means = step = _each(lambda m, g: DECAY * m + g, means, slopes)
        if self.method == "adam":
            keep, keep_squares = 1 - DECAY**steps, 1 - DECAY_SQUARES**steps
            means = _each(lambda m, g: DECAY * m + (1 - DECAY) * g, means, slopes)
            squares = _each(
                lambda v, g: DECAY_SQUARES * v + (1 - DECAY_SQUARES) * g**2,
                squares,
                slopes,
            )
            step = _each(
                lambda m, v: m / keep / (jnp.sqrt(v / keep_squares) + FLOOR),
                means,
                squares,
            )
        rate = jnp.exp(self.log_rate)
        weights = _each(lambda w, s: w - rate * s, weights, step)
        return state._replace(w=Learned(weights, means, squares, steps))

    def rest(self, state: GradientState) -> GradientState:
        """Nothing shown; weights kept, and what is remembered of gradients."""
        return state._replace(x=jnp.zeros_like(state.x))

    def _logits(self, weights, x):
        for l, w in enumerate(weights):
            x = x @ w[:, :-1].T + jnp.broadcast_to(w[:, -1], (*x.shape[:-1], len(w)))
            if l < len(weights) - 1:
                x = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[
                    self.sigma
                ](x)
        return x


def _each(function, *trees) -> Any:
    return jax.tree.map(function, *trees)
