"""One neuron's or synapse's update, or one layer's, as a small network: no batch."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal, check_word

Fed = Literal["side by side", "product", "both"]
FEATURES = {"side by side": 2, "product": 1, "both": 3}
OP = Literal["MLP", "MLP-tanh", "LSTM", "LSTM-sigma", "LSTM-id", "GATED"]  # of 001
Part = Float[Array, "..."]  # (*where, numbers); 1 in `where` is the same for all there
Parts = tuple[Part, ...]
Units = Float[Array, "units"]
Activation = Literal["linear", "tanh", "relu", "sigmoid"]
ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}


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
        into, out = jnp.zeros((hidden, inputs)), jnp.zeros((outputs, hidden))
        return cls(into, into, jnp.zeros(hidden), out, jnp.zeros(outputs))

    @property
    def outputs(self) -> int:
        """Numbers put out."""
        return self.b3.shape[0]

    def __call__(self, a: Float[Array, "inputs"]) -> Float[Array, "outputs"]:
        """The new state of one neuron, from all that it hears."""
        product = jax.nn.sigmoid(self.M1 @ a) * jnp.tanh(self.M2 @ a)
        return self.M3 @ (product + self.b1) + self.b3  # Eq. (3)


class MLP(eqx.Module):
    """The plain network with one hidden layer: W2 f(W1 a + b1) + b2, f tanh or ReLU."""

    W1: Float[Array, "hidden inputs"]
    b1: Float[Array, "hidden"]
    W2: Float[Array, "outputs hidden"]
    b2: Float[Array, "outputs"]
    f: Literal["tanh", "relu"] = eqx.field(static=True, default="tanh")

    @classmethod
    def zeros(
        cls, inputs: int, hidden: int, outputs: int, f: Literal["tanh", "relu"] = "tanh"
    ) -> Self:
        """All parameters zero."""
        into, out = jnp.zeros((hidden, inputs)), jnp.zeros((outputs, hidden))
        return cls(into, jnp.zeros(hidden), out, jnp.zeros(outputs), f)

    @property
    def outputs(self) -> int:
        """Numbers put out."""
        return self.b2.shape[0]

    @classmethod
    def random(cls, key: PRNGKeyArray, inputs: int, hidden: int, outputs: int) -> Self:
        """Weights N(0, 1 / fan in), biases zero, tanh."""
        into, out = matrices(key, None, (hidden, inputs), (outputs, hidden))
        return cls(into, jnp.zeros(hidden), out, jnp.zeros(outputs))

    def __call__(self, a: Float[Array, "inputs"]) -> Float[Array, "outputs"]:
        """The new state of one neuron, from all that it hears."""
        return self.W2 @ ACTIVATIONS[self.f](self.W1 @ a + self.b1) + self.b2

    def of(self, parts: Parts) -> Part:
        """The same of many at once, whose inputs are parts side by side."""
        hidden = ACTIVATIONS[self.f](affine(self.W1, parts, self.b1))
        return affine(self.W2, (hidden,), self.b2)


class Dense(eqx.Module):
    """A fully connected layer: f(W x + b)."""

    W: Float[Array, "outputs inputs"]
    b: Float[Array, "outputs"]
    f: Activation = eqx.field(static=True, default="linear")

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        inputs: int,
        outputs: int,
        f: Activation,
        scale: float | None,
    ) -> Self:
        """Weights N(0, scale^2), or N(0, 1 / fan in) without a scale; biases zero."""
        return cls(matrix(key, (outputs, inputs), scale), jnp.zeros(outputs), f)

    def __call__(self, x: Float[Array, "inputs"]) -> Float[Array, "outputs"]:
        """What the layer puts out."""
        return ACTIVATIONS[self.f](self.W @ x + self.b)


def stacked(
    key: PRNGKeyArray, widths: Sequence[int], last: Activation, scale: float
) -> tuple[Dense, ...]:
    """Layers of these widths, ReLU but for the last, weights N(0, scale^2)."""
    keys = jax.random.split(key, len(widths) - 1)
    inner: tuple[Activation, ...] = ("relu",)
    kinds = (*inner * (len(keys) - 1), last)
    sizes = zip(keys, pairwise(widths), kinds, strict=True)
    return tuple(Dense.random(k, pre, post, f, scale) for k, (pre, post), f in sizes)


def through(layers: tuple[Dense, ...], x: Float[Array, "in"]) -> Float[Array, "out"]:
    """One layer after another."""
    for layer in layers:
        x = layer(x)
    return x


class LSTM(eqx.Module):
    """The standard LSTM cell, gates in the order input, forget, output, candidate.

    The forget gate's bias starts at 1, so that a newborn's memory is kept.
    """

    W_x: Float[Array, "gates inputs"]
    W_h: Float[Array, "gates units"]
    b: Float[Array, "gates"]

    @classmethod
    def random(
        cls, key: PRNGKeyArray, inputs: int, units: int, scale: float | None = None
    ) -> Self:
        """Weights N(0, scale^2) or 1 / fan in; biases zero, the forget gate's 1."""
        W_x, W_h = matrices(key, scale, (4 * units, inputs), (4 * units, units))
        return cls(W_x, W_h, jnp.zeros((4, units)).at[1].set(1.0).ravel())

    def newborn(self) -> tuple[Units, Units]:
        """Hidden state and cell at zero."""
        zero = jnp.zeros(self.W_h.shape[1])
        return zero, zero

    def __call__(
        self, memory: tuple[Units, Units], x: Float[Array, "inputs"]
    ) -> tuple[Units, Units]:
        """The next hidden state and cell."""
        h, c = memory
        return opened(self.W_x @ x + self.W_h @ h + self.b, c, "tanh")


def opened(gates: Part, c: Part, seen: str) -> tuple[Part, Part]:
    """An LSTM's next hidden state and cell; `seen` is how the cell is squashed."""
    i, f, o, g = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * ACTIVATIONS[seen](c), c


class RNN(eqx.Module):
    """The plain recurrent cell: h = tanh(W_x x + W_h h + b)."""

    W_x: Float[Array, "units inputs"]
    W_h: Float[Array, "units units"]
    b: Float[Array, "units"]

    @classmethod
    def random(
        cls, key: PRNGKeyArray, inputs: int, units: int, scale: float | None = None
    ) -> Self:
        """Weights N(0, scale^2), or 1 / fan in; biases zero."""
        W_x, W_h = matrices(key, scale, (units, inputs), (units, units))
        return cls(W_x, W_h, jnp.zeros(units))

    def newborn(self) -> tuple[Units]:
        """The hidden state at zero."""
        return (jnp.zeros(self.W_h.shape[1]),)

    def __call__(self, memory: tuple[Units], x: Float[Array, "inputs"]) -> tuple[Units]:
        """The next hidden state."""
        (h,) = memory
        return (jnp.tanh(self.W_x @ x + self.W_h @ h + self.b),)


class SplitLSTM(eqx.Module):
    """An LSTM as an update: its hidden state and cell are halves of one state vector.

    From (state, inputs) to the next state, all in one vector (000, section 5).
    """

    cell: LSTM

    @classmethod
    def zeros(cls, inputs: int, state: int) -> Self:
        """All parameters zero; `inputs` counts what comes beside the state."""
        if state % 2:
            raise Refusal(
                f"an LSTM splits a state into hidden and cell halves, got {state} "
                f"numbers; take {state + 1}"
            )
        W_x, W_h = jnp.zeros((2 * state, inputs)), jnp.zeros((2 * state, state // 2))
        return cls(LSTM(W_x, W_h, jnp.zeros(2 * state)))

    @property
    def outputs(self) -> int:
        """Numbers put out: both halves of the state."""
        return 2 * self.cell.W_h.shape[1]

    def __call__(self, a: Float[Array, "state_and_inputs"]) -> Float[Array, "state"]:
        """The next state, hidden half first."""
        units = self.cell.W_h.shape[1]
        h, c, x = a[:units], a[units : 2 * units], a[2 * units :]
        return jnp.concatenate(self.cell((h, c), x))


class Synapse(eqx.Module):
    """The update of a weight with a small state, by a network (000, 5 and 6.2).

    The network sees the weight's state and `fed`: pre[2] and post[3] side by side,
    their product (what the Hebbian update adds), or both. What it puts out `replaces`
    the weight or is added to it. Component 0 of the state is what multiplies.
    """

    update: PMLP | SplitLSTM
    fed: Fed = eqx.field(static=True, default="side by side")
    replaces: bool = eqx.field(static=True, default=False)

    @classmethod
    def zeros(
        cls, kind: str, state: int, hidden: int, fed: Fed, replaces: bool
    ) -> Self:
        """All parameters zero; `kind` is "pmlp" or "lstm", which always replaces."""
        check_word("what a synapse is fed", fed, FEATURES)
        check_word("a synapse that is a network", kind, ("pmlp", "lstm"))
        features = FEATURES[fed]
        if kind == "lstm":
            return cls(SplitLSTM.zeros(features, state), fed, True)
        return cls(PMLP.zeros(state + features, hidden, state), fed, replaces)

    @property
    def state(self) -> int:
        """Numbers in the weight's state, n_w."""
        return self.update.outputs

    def newborn(self, number: Float[Array, "post pre"]) -> Float[Array, "post pre n_w"]:
        """Weights whose component 0 is `number`; an LSTM's cell begins with it too."""
        w = jnp.zeros((*number.shape, self.state)).at[..., 0].set(number)
        if isinstance(self.update, SplitLSTM):  # else the first tick would forget it
            w = w.at[..., self.state // 2].set(number)
        return w

    def __call__(
        self, w: Float[Array, "n_w"], pre: Float[Array, ""], post: Float[Array, ""]
    ) -> Float[Array, "n_w"]:
        """The weight's next state."""
        features = {
            "side by side": (pre, post),
            "product": (pre * post,),
            "both": (pre, post, pre * post),
        }[self.fed]
        new = self.update(jnp.concatenate([w, jnp.stack(features)]))
        return new if self.replaces else w + new

    def of(
        self,
        w: Float[Array, "post pre n_w"],
        pre: Float[Array, "pre"],
        post: Float[Array, "post"],
    ) -> Float[Array, "post pre n_w"]:
        """The next states of all weights of an edge."""
        over_pre = jax.vmap(self, (0, 0, None))
        return jax.vmap(over_pre, (0, None, 0))(w, pre, post)


def affine(W: Float[Array, "outputs inputs"], parts: Parts, b: Part) -> Part:
    """W times the parts side by side, plus b, for all synapses or neurons at once.

    Each part is multiplied as it is and then broadcast: what many synapses hear of
    one neuron is multiplied once a neuron.
    """
    ends = list(accumulate(part.shape[-1] for part in parts))
    blocks = jnp.split(W, ends[:-1], axis=1)
    first, *others = [part @ M.T for part, M in zip(parts, blocks, strict=True)]
    return sum(others, first) + jnp.expand_dims(b, range(first.ndim - 1))


def matrix(
    key: PRNGKeyArray, shape: tuple[int, ...], scale: float | None
) -> Float[Array, "post pre"]:
    """A matrix N(0, scale^2), or N(0, 1 / fan in) without a scale."""
    normal = jax.random.normal(key, shape)
    return normal / jnp.sqrt(shape[-1]) if scale is None else scale * normal


def matrices(
    key: PRNGKeyArray, scale: float | None, *shapes: tuple[int, int]
) -> list[Float[Array, "_ _"]]:
    """Such matrices of several shapes, each sampled with a key of its own."""
    keys = jax.random.split(key, len(shapes))
    return [matrix(k, shape, scale) for k, shape in zip(keys, shapes, strict=True)]
