"""Neurons and synapses with vector states that learn to remember (paper 001).

A neuron's body h_i and a synapse w_ij are small vectors, renewed at every tick by two
networks that all neurons and all synapses share; the types of neurons, one a layer, are
distinguished by an embedding tau. Component 0 of a body is what it sends; component 1
is the pre-synaptic factor of the Hebbian product.

Where the text is garbled or silent, and what is done here:

- What it calls f and g changes places between its sections 2 and 6. Here the updates go
  by what they renew: `neuron` and `synapse`.
- It leaves the order of the layers open. Here hidden layers come first, so that an
  answer rests on all that was heard.
- Eq. (18) prints n + 1 components for a body of n. Here the first and the last are
  replaced, as the sentence below it says.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica import cells
from plastica.cells import LSTM, MLP, OP, Activation, Part, Parts
from plastica.errors import Refusal, check_words
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network, normal

Effect = Literal["product", "put out"]
Role = Literal["neuron", "synapse"]
SEEN: dict[str, Activation] = {
    "LSTM": "tanh",
    "LSTM-sigma": "sigmoid",
    "LSTM-id": "linear",
}


class Feedforward(eqx.Module):
    """OP(s, x) = MLP([s, x]), squashed at the output (001, section 6)."""

    mlp: MLP
    squash: Activation = eqx.field(static=True)

    def __call__(self, s: Part, x: Parts, hebb: Part | float = 0.0) -> Part:
        """The next states of many neurons or synapses at once."""
        return cells.ACTIVATIONS[self.squash](self.mlp.of((s, *x)))


class Halved(eqx.Module):
    """OP(s, x) by an LSTM: s is its hidden state, then its cell (001, section 6)."""

    cell: LSTM
    seen: Activation = eqx.field(static=True)

    def __call__(self, s: Part, x: Parts, hebb: Part | float = 0.0) -> Part:
        """The next states of many neurons or synapses at once."""
        h, c = jnp.split(s, 2, axis=-1)
        W = jnp.concatenate([self.cell.W_h, self.cell.W_x], axis=1)
        gates = cells.affine(W, (h, *x), self.cell.b)
        return jnp.concatenate(cells.opened(gates, c, self.seen), -1)


class Gated(eqx.Module):
    """OP(s, x) that moves s towards a new value through a gate (001, Eq. 10 to 13)."""

    mlp: MLP

    def __call__(self, s: Part, x: Parts, hebb: Part | float = 0.0) -> Part:
        """The next states of many at once; `hebb` is h_i h_j^1, of synapses."""
        a, b = jnp.split(self.mlp.of((s, *x)), 2, axis=-1)  # Eq. (10)
        g = jax.nn.sigmoid(a)  # Eq. (11)
        r = jnp.tanh(b)  # Eq. (12)
        return (1 - g) * s + g * (r + hebb)  # Eq. (13)


Update = Feedforward | Halved | Gated


def op(key: PRNGKeyArray, name: OP, role: Role, sizes: tuple[int, int, int]) -> Update:
    """An OP of 001 by its name, sampled; `sizes`: of the state, x, and hidden layer."""
    state, inputs, hidden = sizes
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


@dataclass(frozen=True)
class Kinds:
    """Which updates, and how large; section 7's failures are arguments too."""

    neuron: OP = "GATED"
    synapse: OP = "GATED"
    state: int = 6  # n, of neurons and of synapses
    hidden: int = 20  # of every MLP
    embedding: int = 4
    effect: Effect = "product"  # what a synapse sends: Eq. (5), or what an OP puts out
    one_component: bool = False  # the factor of the Hebbian product is what is sent

    def __post_init__(self) -> None:
        """Refuse words that name no update, and parts of no size."""
        check_words(self)
        if self.embedding < 1 or self.hidden < 1:
            raise Refusal(
                "embeddings and hidden layers have at least one number, got "
                f"{self.embedding} and {self.hidden}"
            )


class VectorNeuronState(NamedTuple):
    """Bodies of every layer, and synapses into every layer, `w[l][post, pre]`.

    `pre` counts the neurons of all layers that layer l hears, one layer after another.
    """

    h: tuple[Float[Array, "n_l n"], ...]
    w: tuple[Float[Array, "post pre n"], ...]


class VectorNeuron(AbstractRule):
    """Neurons and synapses with vector states, renewed by two shared networks.

    Observations are one-hot symbols, shape `(n_0,)`. Answers are log-probabilities of
    the next symbol, shape `(n_0,)`: layer 0 is both the input and the output. Layers
    are renewed in turn, each from the newest values.

    Departs from the paper: `predict` writes the observation into component 0 of the
    input layer. In a text that is what `learn` wrote there already, Eq. (18). So the
    rule also works where an observation is not the last target.

    Args:
        synapse: the operation (OP) that renews a synapse, Eq. (7).
        neuron: the OP that renews a hidden neuron, Eq. (9); None without hidden layers.
        answer: the MLP of the input layer's answer, Eq. (14).
        tau: an embedding of each layer's type of neuron, shape `(types, e)`.
        network: layer sizes and edges.
        effect: a second OP, which puts out u_ij in place of Eq. (5); None: Eq. (5). The
            paper finds that this variant fails to learn well.
        hebbian: the component of h_j in the Hebbian product, Eq. (6) and (13).

    Raises:
        Refusal: if a layer has no edge into it, or `tau` has not one row a layer.

    Source: paper 001, sections 2 and 6, Eq. (2) to (18).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rule = pl.VectorNeuron.random(jax.random.key(0), pl.Network.full(5, 3))
        >>> state = rule.init(jax.random.key(1), jnp.zeros(5))
        >>> [w.shape for w in state.w]  # from all 8 neurons, 6 numbers a synapse
        [(5, 8, 6), (3, 8, 6)]
    """

    synapse: Update
    neuron: Update | None  # None without hidden layers
    answer: MLP
    tau: Float[Array, "types e"]
    network: Network = eqx.field(static=True)
    effect: Update | None = None
    hebbian: int = eqx.field(static=True, default=1)  # component of h_j, Eq. (6), (13)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})

    def __check_init__(self) -> None:
        """Refuse a network that does not fit."""
        layers = range(len(self.network.sizes))
        deaf = [l for l in layers if not self._heard(l)]
        if deaf or len(self.tau) != len(layers):
            raise Refusal(
                f"every layer hears some layer and has an embedding; {len(layers)} "
                f"layers have {len(self.tau)} embeddings, and layers {deaf} hear "
                "nothing: give them edges"
            )

    @classmethod
    def random(
        cls, key: PRNGKeyArray, network: Network, kinds: Kinds | None = None
    ) -> Self:
        """Random theta: matrices N(0, 1 / fan in), embeddings N(0, 1), biases zero.

        Args:
            key: a PRNG key.
            network: layer sizes and edges.
            kinds: which operations renew neurons and synapses, and their sizes; None:
                GATED for both, states of 6 numbers, 20 hidden units, embeddings of 4
                numbers.

        Returns:
            The rule.

        Raises:
            Refusal: if a state has less than two numbers, or an odd number for an LSTM.

        Source: paper 001, section 6.
        """
        kinds = kinds or Kinds()
        n, e, hidden = kinds.state, kinds.embedding, kinds.hidden
        product = n if kinds.effect == "product" else 0
        of_synapse = (kinds.synapse, "synapse", (n, 3 * n + product + 2 * e, hidden))
        of_neuron = (kinds.neuron, "neuron", (n, n + e, hidden))
        keys, layers = jax.random.split(key, 5), len(network.sizes)
        return cls(
            synapse=op(keys[0], *of_synapse),
            neuron=op(keys[1], *of_neuron) if layers > 1 else None,
            answer=MLP.random(keys[2], 2 * n + e, hidden, n),
            tau=jax.random.normal(keys[3], (layers, e)),
            network=network,
            effect=None if product else op(keys[4], *of_synapse),
            hebbian=0 if kinds.one_component else 1,
        )

    def init(self, key: PRNGKeyArray, x: Float[Array, "n_0"]) -> VectorNeuronState:
        """Bodies at zero; synapses N(0, 1 / neurons heard) in every component."""
        n, sizes = self.answer.outputs, self.network.sizes
        heard = [sum(sizes[k] for k in self._heard(l)) for l in range(len(sizes))]
        shapes = [(size, many, n) for size, many in zip(sizes, heard, strict=True)]
        w = normal(key, shapes, heard)
        return VectorNeuronState(tuple(jnp.zeros((size, n)) for size in sizes), w)

    def predict(
        self, state: VectorNeuronState, x: Float[Array, "n_0"]
    ) -> tuple[VectorNeuronState, Float[Array, "n_0"]]:
        """Hidden layers in turn, then the input layer, which answers."""
        h, w, tau = list(state.h), list(state.w), self.tau
        h[0] = h[0].at[:, 0].set(x)
        for l in range(1, len(h)):
            u, w[l] = self._through(l, h, w[l])
            assert self.neuron is not None
            h[l] = self.neuron(h[l], (u, tau[l : l + 1]))  # Eq. (4), (9)
        u, w[0] = self._through(0, h, w[0])
        v = self.answer.of((h[0], u, tau[:1]))  # Eq. (14)
        h[0] = jax.nn.softmax(v, axis=0)  # over neurons, Eq. (15)
        state = VectorNeuronState(tuple(h), tuple(w))
        return state, jax.nn.log_softmax(v[:, 0])  # ln p, Eq. (16)

    def learn(self, state: VectorNeuronState, feedback: Feedback) -> VectorNeuronState:
        """The symbol that came, and the error of its prediction, to the input layer."""
        h, y = state.h[0], feedback.target
        p = h[:, 0]  # Eq. (16)
        h = h.at[:, 0].set(y).at[:, -1].set(y - p)  # Eq. (18)
        return state._replace(h=(h, *state.h[1:]))

    def rest(self, state: VectorNeuronState) -> VectorNeuronState:
        """Bodies at zero, synapses kept."""
        return state._replace(h=jax.tree.map(jnp.zeros_like, state.h))

    def _through(
        self, l: int, h: list[Float[Array, "_ n"]], w_ij: Float[Array, "post pre n"]
    ) -> tuple[Float[Array, "post n"], Float[Array, "post pre n"]]:
        """What layer l hears, and its synapses renewed: all of them at once."""
        heard = self._heard(l)
        h_i = h[l][:, None]  # post 1 n
        h_j = jnp.concatenate([h[k] for k in heard])[None]  # 1 pre n
        tau_i = self.tau[l][None, None]  # 1 1 e
        tau_j = [jnp.tile(self.tau[k], (len(h[k]), 1)) for k in heard]
        tau_j = jnp.concatenate(tau_j)[None]  # 1 pre e
        hh_ij = h_i * h_j[..., self.hebbian, None]  # h_i h_j^1, post pre n
        if self.effect is None:
            u_ij = w_ij * h_j[..., 0, None]  # Eq. (5)
            x_ij = (h_i, h_j, u_ij, hh_ij, tau_i, tau_j)  # Eq. (6)
        else:
            x_ij = (h_i, h_j, hh_ij, tau_i, tau_j)
            u_ij = self.effect(w_ij, x_ij, hh_ij)
        u_i = jnp.sum(u_ij, axis=1)  # Eq. (3), (8)
        return u_i, self.synapse(w_ij, x_ij, hh_ij)  # Eq. (2), (7)

    def _heard(self, l: int) -> list[int]:
        return sorted(pre for post, pre in self.network.edges if post == l)
