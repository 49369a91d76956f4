"""One neuron's or synapse's update, or one layer's, as a small network: no batch."""

from itertools import accumulate
from typing import Literal, Self, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal

Fed = Literal["side by side", "product", "both"]
FEATURES = {"side by side": 2, "product": 1, "both": 3}
Role = Literal["neuron", "synapse"]
OP = Literal["MLP", "MLP-tanh", "LSTM", "LSTM-sigma", "LSTM-id", "GATED"]
Part = Float[Array, "..."]  # (*where, numbers); 1 in `where` is the same for all there
Parts = tuple[Part, ...]
Activation = Literal["linear", "tanh", "relu", "sigmoid"]
ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}
SEEN: dict[str, Activation] = {
    "LSTM": "tanh",
    "LSTM-sigma": "sigmoid",
    "LSTM-id": "linear",
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
        square, column = jnp.zeros((hidden, inputs)), jnp.zeros((hidden,))
        return cls(
            square, square, column, jnp.zeros((outputs, hidden)), jnp.zeros(outputs)
        )

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
        key_in, key_out = jax.random.split(key)
        into = jax.random.normal(key_in, (hidden, inputs)) / jnp.sqrt(inputs)
        out = jax.random.normal(key_out, (outputs, hidden)) / jnp.sqrt(hidden)
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
        cls, key: PRNGKeyArray, inputs: int, outputs: int, f: Activation, scale: float
    ) -> Self:
        """Weights N(0, scale^2), biases zero."""
        return cls(
            scale * jax.random.normal(key, (outputs, inputs)), jnp.zeros(outputs), f
        )

    def __call__(self, x: Float[Array, "inputs"]) -> Float[Array, "outputs"]:
        """What the layer puts out."""
        return ACTIVATIONS[self.f](self.W @ x + self.b)


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
        key_x, key_h = jax.random.split(key)
        bias = jnp.zeros((4, units)).at[1].set(1.0).ravel()
        return cls(
            _drawn(key_x, 4 * units, inputs, scale),
            _drawn(key_h, 4 * units, units, scale),
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
        key_x, key_h = jax.random.split(key)
        return cls(
            _drawn(key_x, units, inputs, scale),
            _drawn(key_h, units, units, scale),
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
        units = state // 2
        return cls(
            LSTM(
                jnp.zeros((4 * units, inputs)),
                jnp.zeros((4 * units, units)),
                jnp.zeros(4 * units),
            )
        )

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
        if fed not in FEATURES:
            raise Refusal(f"a synapse is fed {', '.join(FEATURES)}, got {fed!r}")
        features = FEATURES[fed]
        if kind == "lstm":
            return cls(SplitLSTM.zeros(features, state), fed, True)
        if kind != "pmlp":
            raise Refusal(f'a synapse is "hebb", "pmlp" or "lstm", got {kind!r}')
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
        side_by_side = jnp.stack([pre, post])
        product = (pre * post)[None]
        features = {
            "side by side": side_by_side,
            "product": product,
            "both": jnp.concatenate([side_by_side, product]),
        }[self.fed]
        new = self.update(jnp.concatenate([w, features]))
        return new if self.replaces else w + new


def affine(W: Float[Array, "outputs inputs"], parts: Parts, b: Part) -> Part:
    """W times the parts side by side, plus b, for all synapses or neurons at once.

    Each part is multiplied as it is and then broadcast: what many synapses are told of
    one neuron is multiplied once a neuron.
    """
    ends = list(accumulate(part.shape[-1] for part in parts))
    blocks = jnp.split(W, ends[:-1], axis=1)
    products = [part @ M.T for part, M in zip(parts, blocks, strict=True)]
    return sum(products[1:], products[0]) + jnp.expand_dims(
        b, range(products[0].ndim - 1)
    )


class Feedforward(eqx.Module):
    """OP(s, x) = MLP([s, x]), squashed at the output (001, section 6)."""

    mlp: MLP
    squash: Activation = eqx.field(static=True)

    def __call__(self, s: Part, x: Parts, drawn: Part | float = 0.0) -> Part:
        """The next states of many neurons or synapses at once."""
        return ACTIVATIONS[self.squash](self.mlp.of((s, *x)))


class Halved(eqx.Module):
    """OP(s, x) by an LSTM: s is its hidden state, then its cell (001, section 6)."""

    cell: LSTM
    seen: Activation = eqx.field(static=True)

    def __call__(self, s: Part, x: Parts, drawn: Part | float = 0.0) -> Part:
        """The next states of many neurons or synapses at once."""
        h, c = jnp.split(s, 2, axis=-1)
        W = jnp.concatenate([self.cell.W_h, self.cell.W_x], axis=1)
        return jnp.concatenate(
            opened(affine(W, (h, *x), self.cell.b), c, self.seen), -1
        )


class Gated(eqx.Module):
    """OP(s, x) that moves s towards a new value through a gate (001, Eq. 10 to 13)."""

    mlp: MLP

    def __call__(self, s: Part, x: Parts, drawn: Part | float = 0.0) -> Part:
        """The next states of many at once; synapses are `drawn` to h_i h_j^1 too."""
        a, b = jnp.split(self.mlp.of((s, *x)), 2, axis=-1)  # Eq. (10)
        g = jax.nn.sigmoid(a)  # Eq. (11)
        r = jnp.tanh(b)  # Eq. (12)
        return (1 - g) * s + g * (r + drawn)  # Eq. (13)


def op(
    key: PRNGKeyArray, name: OP, role: Role, sizes: tuple[int, int, int]
) -> Feedforward | Halved | Gated:
    """An OP of 001 by its name, drawn; `sizes`: of the state, x, and hidden layer."""
    state, inputs, hidden = sizes
    if name not in get_args(OP):
        raise Refusal(f"there is no OP {name!r}; there are {', '.join(get_args(OP))}")
    if state < 2 or (name in SEEN and state % 2):
        raise Refusal(
            f"{name} wants a state of two numbers or more, an even number if an LSTM "
            f"is to halve it; got {state}, take {max(state + state % 2, 2)}"
        )
    if name in SEEN:
        return Halved(LSTM.random(key, inputs, state // 2), SEEN[name])
    if name == "GATED":
        return Gated(MLP.random(key, state + inputs, hidden, 2 * state))
    mlp = MLP.random(key, state + inputs, hidden, state)
    if name == "MLP-tanh":
        return Feedforward(mlp, "tanh")
    return Feedforward(mlp, "sigmoid" if role == "neuron" else "linear")


def _drawn(key, post: int, pre: int, scale: float | None) -> Float[Array, "post pre"]:
    normal = jax.random.normal(key, (post, pre))
    return normal / jnp.sqrt(pre) if scale is None else scale * normal
