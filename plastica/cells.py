"""One neuron's or synapse's update as a small network: no batch, no layer."""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class PMLP(eqx.Module):
    """Product-MLP: one hidden layer of sigmoid times tanh (000, Eq. 3).

    M3 (sigma(M1 a) * tanh(M2 a) + b1) + b3, from `inputs` numbers to `outputs`.
    """

    M1: Float[Array, "hidden inputs"]
    M2: Float[Array, "hidden inputs"]
    b1: Float[Array, "hidden"]
    M3: Float[Array, "outputs hidden"]
    b3: Float[Array, "outputs"]

    @classmethod
    def zeros(cls, inputs: int, hidden: int, outputs: int) -> Self:
        """All parameters zero: where SNES starts its mean (000, table 1)."""
        square, column = jnp.zeros((hidden, inputs)), jnp.zeros((hidden,))
        return cls(
            square, square, column, jnp.zeros((outputs, hidden)), jnp.zeros(outputs)
        )

    def __call__(self, a: Float[Array, "inputs"]) -> Float[Array, "outputs"]:
        """The new state of one neuron, from all that it hears."""
        product = jax.nn.sigmoid(self.M1 @ a) * jnp.tanh(self.M2 @ a)
        return self.M3 @ (product + self.b1) + self.b3  # Eq. (3)


class LSTM(eqx.Module):
    """The standard LSTM cell, gates in the order input, forget, output, candidate.

    The forget gate's bias starts at 1, so that a newborn's memory is kept.
    """

    W_x: Float[Array, "gates inputs"]
    W_h: Float[Array, "gates units"]
    b: Float[Array, "gates"]

    @classmethod
    def random(cls, key: PRNGKeyArray, inputs: int, units: int) -> Self:
        """Weights N(0, 1 / fan in), biases zero but for the forget gate's."""
        key_x, key_h = jax.random.split(key)
        bias = jnp.zeros((4, units)).at[1].set(1.0).ravel()
        return cls(
            jax.random.normal(key_x, (4 * units, inputs)) / jnp.sqrt(inputs),
            jax.random.normal(key_h, (4 * units, units)) / jnp.sqrt(units),
            bias,
        )

    def newborn(self) -> tuple[Float[Array, "units"], Float[Array, "units"]]:
        """Hidden state and cell at zero."""
        zero = jnp.zeros(self.W_h.shape[1])
        return zero, zero

    def __call__(
        self,
        memory: tuple[Float[Array, "units"], Float[Array, "units"]],
        x: Float[Array, "inputs"],
    ) -> tuple[Float[Array, "units"], Float[Array, "units"]]:
        """The next hidden state and cell."""
        h, c = memory
        gates = self.W_x @ x + self.W_h @ h + self.b
        i, f, o, g = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c


class RNN(eqx.Module):
    """The plain recurrent cell: h = tanh(W_x x + W_h h + b)."""

    W_x: Float[Array, "units inputs"]
    W_h: Float[Array, "units units"]
    b: Float[Array, "units"]

    @classmethod
    def random(cls, key: PRNGKeyArray, inputs: int, units: int) -> Self:
        """Weights N(0, 1 / fan in), biases zero."""
        key_x, key_h = jax.random.split(key)
        return cls(
            jax.random.normal(key_x, (units, inputs)) / jnp.sqrt(inputs),
            jax.random.normal(key_h, (units, units)) / jnp.sqrt(units),
            jnp.zeros(units),
        )

    def newborn(self) -> tuple[Float[Array, "units"]]:
        """The hidden state at zero."""
        return (jnp.zeros(self.W_h.shape[1]),)

    def __call__(
        self, memory: tuple[Float[Array, "units"]], x: Float[Array, "inputs"]
    ) -> tuple[Float[Array, "units"]]:
        """The next hidden state."""
        (h,) = memory
        return (jnp.tanh(self.W_x @ x + self.W_h @ h + self.b),)
