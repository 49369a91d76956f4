"""Gradient descent as a learner: SGD, momentum and Adam; theta is the log step size."""

from dataclasses import replace
from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import ACTIVATIONS
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network

Method = Literal["sgd", "momentum", "adam"]
STEPS = {  # of length one; the rate is a learner's own
    "sgd": optax.identity(),
    "momentum": optax.trace(0.9),
    "adam": optax.scale_by_adam(eps_root=1e-30),  # a root at 0 has no derivative
}


def descended(log_rate: Array, method: Method, weights, remembered, slopes):
    """Weights a step further down, and what is remembered after it."""
    step, remembered = STEPS[method].update(slopes, remembered)
    rate = jnp.exp(log_rate)
    return jax.tree.map(lambda w, s: w - rate * s, weights, step), remembered


class Learned(NamedTuple):
    """Weights with a bias last, and what the method remembers of their gradients."""

    weights: tuple[Float[Array, "post pre_and_bias"], ...]
    remembered: optax.OptState


class GradientState(NamedTuple):
    """What was last shown, and what has been learned."""

    x: Float[Array, "*batch in"]
    w: Learned


class GradientDescent(AbstractRule):
    """Back-propagation as a learner: a plain network whose step size is theta.

    It descends the softmax cross-entropy of its targets, averaged over a batch.
    Observations have the shape `(*batch, in)`; answers are logits, `(*batch, out)`.
    Momentum is 0.9, v = 0.9 v + gradient; Adam has its usual constants.

    Args:
        log_rate: natural logarithm of the step size, a scalar.
        network: a chain of layers.
        method: "sgd", "momentum" or "adam".
        sigma: non-linearity of hidden layers: "tanh", "relu" or "sigmoid".

    Raises:
        Refusal: if a word is another one.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(4, 8, 3), "adam")
        >>> state = learner.init(jax.random.key(0), jnp.zeros(4))
        >>> learner.predict(state, jnp.ones(4))[1].shape
        (3,)
    """

    log_rate: Float[Array, ""]
    network: Network = eqx.field(static=True)
    method: Method = eqx.field(static=True, default="sgd")
    sigma: Literal["tanh", "relu", "sigmoid"] = eqx.field(static=True, default="relu")
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})
    batches: ClassVar[bool] = True

    @classmethod
    def at(cls, rate: float, network: Network, method: Method = "sgd", **how) -> Self:
        """The learner with a step size.

        Args:
            rate: step size, above 0.
            network: a chain of layers.
            method: "sgd", "momentum" or "adam".
            **how: other fields of the class, as `sigma`.

        Returns:
            The learner.

        Raises:
            Refusal: as the class.
        """
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
        start = Learned(weights, STEPS[self.method].init(weights))
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

        slopes = jax.grad(loss)(state.w.weights)
        learned = descended(self.log_rate, self.method, *state.w, slopes)
        return state._replace(w=Learned(*learned))

    def rest(self, state: GradientState) -> GradientState:
        """Nothing shown; weights kept, and what is remembered of gradients."""
        return state._replace(x=jnp.zeros_like(state.x))

    def _logits(self, weights, x):
        for l, w in enumerate(weights):
            x = x @ w[:, :-1].T + jnp.broadcast_to(w[:, -1], (*x.shape[:-1], len(w)))
            if l < len(weights) - 1:
                x = ACTIVATIONS[self.sigma](x)
        return x
