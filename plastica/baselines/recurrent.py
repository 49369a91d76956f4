"""Recurrent networks whose theta is all their weights: LSTM and plain RNN (000, 6.4).

They learn nothing within a life but what their activations hold.
"""

from typing import Any, ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import LSTM, RNN
from plastica.learner import AbstractLearner, Feedback

Hearing = Literal["nothing", "target", "error"]


class RecurrentState(NamedTuple):
    """The cell's memory, the last answer, and what it hears of it."""

    memory: Any  # the cell's own arrays; its hidden state comes first
    y: Float[Array, "out"]
    heard: Float[Array, "out"]


class Recurrent(AbstractLearner):
    """A recurrent cell and a linear read-out; theta is all their weights.

    Within a life only the cell's activations change. Observations have the shape
    `(in,)`, answers `(out,)`.

    Args:
        cell: an LSTM or a plain RNN.
        V: read-out weights, shape `(out, units)`.
        c: read-out biases, shape `(out,)`.
        hears: what comes with the next observation: "nothing", the "target" of the last
            tick, or the "error" softmax(y) - target.

    Raises:
        Refusal: if `hears` is another word.

    Source: paper 000, section 6.4.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=3, outputs=4)
        >>> state = rnn.init(jax.random.key(1), jnp.zeros(2))
        >>> rnn.predict(state, jnp.ones(2))[1].shape
        (4,)
    """

    cell: LSTM | RNN
    V: Float[Array, "out units"]
    c: Float[Array, "out"]
    hears: Hearing = eqx.field(static=True, default="nothing")
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    @classmethod
    def lstm(
        cls,
        key: PRNGKeyArray,
        inputs: int,
        units: int,
        outputs: int,
        hears: Hearing = "nothing",
    ) -> Self:
        """An LSTM with random weights N(0, 1 / fan in); the forget gate's bias is 1.

        Args:
            key: a PRNG key.
            inputs: numbers in an observation.
            units: number of units.
            outputs: numbers in an answer.
            hears: "nothing", "target" or "error".

        Returns:
            The learner.
        """
        return cls._with(LSTM, key, inputs, units, outputs, hears)

    @classmethod
    def rnn(
        cls,
        key: PRNGKeyArray,
        inputs: int,
        units: int,
        outputs: int,
        hears: Hearing = "nothing",
    ) -> Self:
        """A plain recurrent network with random weights N(0, 1 / fan in).

        Args:
            key: a PRNG key.
            inputs: numbers in an observation.
            units: number of units.
            outputs: numbers in an answer.
            hears: "nothing", "target" or "error".

        Returns:
            The learner.
        """
        return cls._with(RNN, key, inputs, units, outputs, hears)

    @classmethod
    def _with(cls, kind, key, inputs, units, outputs, hears):
        key_cell, key_out = jax.random.split(key)
        heard = inputs + (0 if hears == "nothing" else outputs)
        V = jax.random.normal(key_out, (outputs, units)) / jnp.sqrt(units)
        return cls(kind.random(key_cell, heard, units), V, jnp.zeros(outputs), hears)

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> RecurrentState:
        """Memory at zero."""
        nothing = jnp.zeros_like(self.c)
        return RecurrentState(self.cell.newborn(), nothing, nothing)

    def predict(
        self, state: RecurrentState, x: Float[Array, "in"]
    ) -> tuple[RecurrentState, Float[Array, "out"]]:
        """One step of the cell, then the read-out."""
        if self.hears != "nothing":
            x = jnp.concatenate([x, state.heard])
        memory = self.cell(state.memory, x)
        y = self.read(memory)
        return RecurrentState(memory, y, jnp.zeros_like(y)), y

    def read(self, memory: tuple) -> Float[Array, "out"]:
        """The answer that is read from a memory.

        Args:
            memory: the cell's arrays, the hidden state first, shape `(units,)`.

        Returns:
            The answer, shape `(out,)`.
        """
        return self.V @ memory[0] + self.c

    def learn(self, state: RecurrentState, feedback: Feedback) -> RecurrentState:
        """Keeps what it hears for the next tick."""
        if self.hears == "nothing":
            return state
        target = feedback.target
        error = jax.nn.softmax(state.y) - target
        return state._replace(heard=target if self.hears == "target" else error)

    def rest(self, state: RecurrentState) -> RecurrentState:
        """Everything at zero: all that it remembers is activations."""
        return jax.tree.map(jnp.zeros_like, state)


class Cell(AbstractLearner):
    """A recurrent cell whose answer is its hidden state, to stand between `Layers`.

    Args:
        cell: an LSTM or a plain RNN, of `plastica.cells`.

    Source: paper 002, section 4.2, ES-RNN and ES-LSTM.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> from plastica.cells import RNN
        >>> core = pl.Cell(RNN.random(jax.random.key(0), inputs=2, units=3))
        >>> state = core.init(jax.random.key(1), jnp.zeros(2))
        >>> core.predict(state, jnp.ones(2))[1].shape
        (3,)
    """

    cell: LSTM | RNN
    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> tuple:
        """Memory at zero."""
        return self.cell.newborn()

    def predict(
        self, state: tuple, x: Float[Array, "in"]
    ) -> tuple[tuple, Float[Array, "units"]]:
        """One step of the cell."""
        memory = self.cell(state, x)
        return memory, memory[0]

    def learn(self, state: tuple, feedback: Feedback) -> tuple:
        """Nothing: it remembers, and does not learn."""
        return state

    def rest(self, state: tuple) -> tuple:
        """Everything at zero."""
        return jax.tree.map(jnp.zeros_like, state)
