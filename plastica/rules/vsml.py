"""Variable sharing: a grid of tiny LSTMs with one small theta (paper 003).

Between two layers of neurons stands a grid of sub-LSTMs, one for every pair, where
other networks have a weight. Their states hold what is learned; theta, the same for all
of them, says how they use it and how they change it. Neurons are only where their
messages meet: forward ones, into the next layer, and backward ones, into the one
before.

Where the authors' program departs from the text, and is followed here:

- Sub-LSTMs talk through messages of M < N numbers, each a projection of h with a bias.
  In Eq. (14) all of the state is sent.
- Messages that meet in a neuron are averaged, not summed (`aggregate`).
- All micro-ticks of a layer hear the same two messages, and only the last one sends.
- The forget gate is shifted by +5 and the input gate by -5, so that cells keep what
  they have.
- The error that a batch hears is the derivative of its mean cross-entropy.
- An answer is `bound` tanh(y / bound), and the text has y.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import LSTM
from plastica.errors import Refusal
from plastica.learner import AbstractChainRule, Feedback
from plastica.network import Network
from plastica.rules.vsml_grid import lstm_grid

Aggregate = Literal["mean", "sum"]
Error = Literal["waits", "sweeps back"]

OUTPUT = 1  # the component of the last forward message that is read out
SHIFT = (-5.0, 5.0, 0.0, 0.0)  # of gates i, f, o, g: cells keep what they have


class VSMLState(NamedTuple):
    """What all sub-LSTMs hold, and the messages on their way to them."""

    h: tuple[Float[Array, "*batch N post pre"], ...]
    c: tuple[Float[Array, "*batch N post pre"], ...]
    forward: tuple[Float[Array, "*batch M pre"], ...]
    backward: tuple[Float[Array, "*batch M post"], ...]
    y: Float[Array, "*batch out"]


class VSML(AbstractChainRule):
    """Layers of sub-LSTMs, one for each pair of neurons, which share one small theta.

    A sub-LSTM has N units and exchanges messages of M numbers. An observation, shape
    `(n_1,)`, is fed to the first layer as messages (x_i, 0, ...). The answer, shape
    `(n_L,)`, is logits y: component 1 of the last layer's forward messages. The error d
    loss / d y is the last layer's backward message. In a forward sweep a hidden layer
    hears this tick's forward message and the last sweep's backward one.

    A batch, shape `(B, n_1)`, is B grids side by side. Before each tick the first half
    of their units is averaged over them, and the error is of their mean loss.

    Departs from the paper: a message is a projection of h with a bias, M < N, and
    messages are averaged, as in the authors' program; so are all defaults.

    Args:
        cell: the LSTM of all sub-LSTMs; gates in the order of `cells.LSTM`.
        C: forward projection of h, shape `(M, N)`.
        b_C: its bias, shape `(M,)`.
        U: backward projection of h, shape `(M, N)`.
        b_U: its bias, shape `(M,)`.
        network: a chain of layers.
        gain: scale of layer-normalised messages, shape `(2, M)`: forward, backward.
            None: messages are not normalised.
        offset: shift of layer-normalised messages, shape `(2, M)`; None as `gain`.
        micro_ticks: LSTM steps of a layer in a sweep; all of them hear the same
            messages.
        aggregate: how messages meet in a neuron: "mean" or "sum".
        error: "waits" for the next forward sweep (section 3.2), or "sweeps back" at
            once with x still there (section 3.1).
        hears_target: whether the target stands beside the error.
        bound: answers are bound * tanh(y / bound); 0: y as it is.

    Raises:
        Refusal: if N is odd, M is less than 2, `micro_ticks` is less than 1, or the
            network is not a chain; in `predict` and `learn`, if sizes do not fit.

    Source: paper 003, section 3, Eq. (3), (6) and (14).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rule = pl.VSML.random(jax.random.key(0), pl.Network.chain(3, 2), 4, 2)
        >>> state = rule.init(jax.random.key(1), jnp.zeros(3))
        >>> state.h[0].shape  # units, post, pre
        (4, 2, 3)
        >>> rule.predict(state, jnp.ones(3))[1].shape
        (2,)
    """

    cell: LSTM
    C: Float[Array, "M N"]
    b_C: Float[Array, "M"]  # noqa: N815
    U: Float[Array, "M N"]
    b_U: Float[Array, "M"]  # noqa: N815
    network: Network = eqx.field(static=True)
    gain: Float[Array, "2 M"] | None = None  # forward, backward
    offset: Float[Array, "2 M"] | None = None
    micro_ticks: int = eqx.field(static=True, default=2)
    aggregate: Aggregate = eqx.field(static=True, default="mean")
    error: Error = eqx.field(static=True, default="waits")
    hears_target: bool = eqx.field(static=True, default=False)
    bound: float = eqx.field(static=True, default=100.0)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})
    batches: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Refuse a grid that cannot be."""
        M, N = self.C.shape
        if N % 2:
            raise Refusal(
                f"half of a sub-LSTM's units are random at birth, got {N}; take {N + 1}"
            )
        if M < 2:
            raise Refusal(f"a message holds an error and a target, got {M} numbers")
        if self.micro_ticks < 1:
            raise Refusal(
                f"a layer ticks at least once in a sweep, got {self.micro_ticks} "
                "micro-ticks"
            )

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        network: Network,
        units: int = 16,
        messages: int = 8,
        layer_norm: bool = False,
        **options,
    ) -> Self:
        """Random matrices N(0, 1 / fan in), cut at two deviations; biases zero.

        Args:
            key: a PRNG key.
            network: a chain of layers.
            units: units of a sub-LSTM, N; an even number.
            messages: numbers of a message, M.
            layer_norm: whether messages are layer-normalised.
            **options: fields of the class from `micro_ticks` on.

        Returns:
            The rule.

        Raises:
            Refusal: as the class.
        """
        keys = jax.random.split(key, 3)
        W = _normal(keys[0], (4 * units, 2 * messages + units))
        C, U = (_normal(key, (messages, units)) for key in keys[1:])
        cell = LSTM(W[:, : 2 * messages], W[:, 2 * messages :], jnp.zeros(4 * units))
        none, shape = jnp.zeros(messages), (2, messages)
        if layer_norm:
            options |= {"gain": jnp.ones(shape), "offset": jnp.zeros(shape)}
        theta = {"cell": cell, "C": C, "b_C": none, "U": U, "b_U": none}
        return cls(network=network, **theta, **options)

    def init(self, key: PRNGKeyArray, x: Float[Array, "*batch n_1"]) -> VSMLState:
        """Blank but for the first half of c, N(0, 1 / n_pre); all of a batch alike."""
        sizes, (M, N), batch = self.network.sizes, self.C.shape, x.shape[:-1]
        grids = list(zip(sizes[1:], sizes[:-1], strict=True))
        c = []
        for own, grid in zip(jax.random.split(key, len(grids)), grids, strict=True):
            half = _normal(own, (N // 2, *grid))
            newborn = jnp.concatenate([half, jnp.zeros_like(half)])
            c.append(jnp.broadcast_to(newborn, (*batch, N, *grid)))
        return VSMLState(
            h=tuple(map(jnp.zeros_like, c)),
            c=tuple(c),
            forward=tuple(jnp.zeros((*batch, M, pre)) for _, pre in grids),
            backward=tuple(jnp.zeros((*batch, M, post)) for post, _ in grids),
            y=jnp.zeros((*batch, sizes[-1])),
        )

    def predict(
        self, state: VSMLState, x: Float[Array, "*batch n_1"]
    ) -> tuple[VSMLState, Float[Array, "*batch n_L"]]:
        """A sweep forward; the error that waited is used up."""
        if x.shape[-1] != self.network.sizes[0]:
            raise Refusal(
                f"the grid has {self.network.sizes[0]} inputs, got an observation of "
                f"{x.shape[-1]} numbers; move the rule to a network that fits: "
                "rule.on(...)"
            )
        if x.ndim == 1:
            return self._predict(state, x)
        h, c = jax.tree.map(_averaged, (state.h, state.c))
        return jax.vmap(self._predict)(state._replace(h=h, c=c), x)

    def learn(self, state: VSMLState, feedback: Feedback) -> VSMLState:
        """Tells the last layer its error; a sweep back, if there is one, spends it."""
        target, members = feedback.target, state.y.size // state.y.shape[-1]
        if target.shape != state.y.shape:
            raise Refusal(
                f"the grid answers with {state.y.shape[-1]} classes, got a target of "
                f"{target.shape[-1]}; give its network as many outputs"
            )
        error = (jax.nn.softmax(state.y) - target) / members
        learn = self._learn if state.y.ndim == 1 else jax.vmap(self._learn)
        return learn(state, error, target)

    def rest(self, state: VSMLState) -> VSMLState:
        """No message on its way; what the sub-LSTMs hold is kept."""
        silent = jax.tree.map(jnp.zeros_like, state)
        return silent._replace(h=state.h, c=state.c)

    def _predict(self, state, x):
        state = state._replace(forward=(self.message(x), *state.forward[1:]))
        state = self._sweep(state, range(len(state.h)))
        y = self.sent_forward(state.h[-1])[OUTPUT]
        if self.bound:
            y = self.bound * jnp.tanh(y / self.bound)
        return self._heard(state._replace(y=y), jnp.zeros_like(y)), y

    def _learn(self, state, error, target):
        state = self._heard(state, error, *([target] if self.hears_target else []))
        if self.error == "waits":
            return state
        state = self._sweep(state, reversed(range(len(state.h))))
        return self._heard(state, jnp.zeros_like(error))

    def _sweep(self, state: VSMLState, layers: Iterable[int]) -> VSMLState:
        """The layers of sub-LSTMs in turn, each hearing the newest messages."""
        h, c, forward, backward = map(list, state[:4])
        for l in layers:
            h[l], c[l] = self.layer(h[l], c[l], forward[l], backward[l])
            if l + 1 < len(h):
                forward[l + 1] = self.sent_forward(h[l])  # Eq. (14), by C
            if l > 0:
                backward[l - 1] = self.sent_backward(h[l])  # Eq. (14), by U
        return VSMLState(tuple(h), tuple(c), tuple(forward), tuple(backward), state.y)

    def layer(self, h, c, forward, backward):
        """All micro-ticks of a layer of sub-LSTMs, Eq. (6).

        Args:
            h: hidden states, shape `(N, post, pre)`.
            c: cells, shape `(N, post, pre)`.
            forward: messages from the layer before, shape `(M, pre)`.
            backward: messages from the layer after, shape `(M, post)`.

        Returns:
            The new hidden states and cells.
        """
        for _ in range(self.micro_ticks):
            h, c = lstm_grid(self.cell, (h, c), forward, backward, SHIFT)  # Eq. (6)
        return h, c

    def sent_forward(self, h: Float[Array, "N post pre"]) -> Float[Array, "M post"]:
        """The messages into the next layer, Eq. (14), by C.

        Args:
            h: hidden states, shape `(N, post, pre)`.

        Returns:
            Messages, shape `(M, post)`.
        """
        return self._sent(h, self.C, self.b_C, 0)

    def sent_backward(self, h: Float[Array, "N post pre"]) -> Float[Array, "M pre"]:
        """The messages into the layer before, Eq. (14), by U.

        Args:
            h: hidden states, shape `(N, post, pre)`.

        Returns:
            Messages, shape `(M, pre)`.
        """
        return self._sent(jnp.swapaxes(h, 1, 2), self.U, self.b_U, 1)

    def _sent(self, h, C, b, way):
        """Messages met over the last axis; linear ones meet before they are made."""
        meet = {"mean": jnp.mean, "sum": jnp.sum}[self.aggregate]
        if self.gain is None or self.offset is None:
            senders = h.shape[2] if self.aggregate == "sum" else 1
            return C @ meet(h, 2) + senders * b[:, None]
        message = jnp.tensordot(C, h, 1) + b[:, None, None]
        normal = jax.nn.standardize(message, axis=0, epsilon=1e-5)
        gain, offset = self.gain[way], self.offset[way]
        return meet(gain[:, None, None] * normal + offset[:, None, None], 2)

    def message(self, *parts: Float[Array, "n"]) -> Float[Array, "M n"]:
        """The message (part, part, 0, ...) for every neuron.

        Args:
            *parts: arrays of shape `(n,)`, at most M of them.

        Returns:
            Messages, shape `(M, n)`.
        """
        silence = jnp.zeros((len(self.b_C) - len(parts), len(parts[0])))
        return jnp.concatenate([jnp.stack(parts), silence])

    def _heard(self, state, *parts) -> VSMLState:
        return state._replace(backward=(*state.backward[:-1], self.message(*parts)))


def _normal(key, shape):
    """N(0, 1 / n) for the last axis of length n, cut at two deviations."""
    return jax.random.truncated_normal(key, -2, 2, shape) / jnp.sqrt(shape[-1])


def _averaged(state: Float[Array, "B N post pre"]) -> Float[Array, "B N post pre"]:
    """The first half of the units as their mean over the batch."""
    shared, own = jnp.split(state, 2, axis=1)
    mean = jnp.mean(shared, axis=0, keepdims=True)
    return jnp.concatenate([jnp.broadcast_to(mean, shared.shape), own], axis=1)
