"""Neurons and synapses with vector states that learn to remember (paper 001).

A neuron's body h_i and a synapse w_ij are small vectors, renewed at every tick by two
networks that all neurons and all synapses share; the types of neurons, one a layer, are
told apart by an embedding tau. Component 0 of a body is what it sends; component 1 is
the pre-synaptic factor of the Hebbian product.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import MLP, OP, Feedforward, Gated, Halved, op
from plastica.errors import Refusal
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network

Update = Feedforward | Halved | Gated
Effect = Literal["product", "put out"]


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


class VectorNeuronState(NamedTuple):
    """Bodies of every layer, and synapses into every layer, `w[l][post, pre]`.

    `pre` counts the neurons of all layers that layer l hears, one layer after another.
    """

    h: tuple[Float[Array, "n_l n"], ...]
    w: tuple[Float[Array, "post pre n"], ...]


class VectorNeuron(AbstractRule):
    """Eq. (2) to (18) of 001: layers in turn, each from the newest values.

    Meets symbols one-hot, `x: (n_0,)`, and answers with log-probabilities of the next
    one, `y: (n_0,)`: layer 0 is both the input and the output. What the text calls f
    and g changes places between its sections 2 and 6; here they are `neuron` and
    `synapse`. It leaves the order of the layers open: hidden ones first, here, so that
    an answer rests on all that was heard. `effect`, if there is one, is a second OP
    that puts out u_ij in place of Eq. (5): the variant that "fails to learn".

    Departs from the paper: `predict` writes x into component 0 of the input layer. In
    a text that is what `learn` wrote there already, Eq. (18); it lets the rule live
    where what it sees next is not what it was taught. Where Eq. (18) prints n + 1
    components, the first and the last of n are replaced, as the sentence below it says.
    """

    synapse: Update
    neuron: Update | None  # None without hidden layers
    answer: MLP
    tau: Float[Array, "types e"]
    network: Network = eqx.field(static=True)
    effect: Update | None = None
    hebbian: int = eqx.field(static=True, default=1)  # component of h_j, Eq. (6), (13)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

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
        """Theta drawn: matrices N(0, 1 / fan in), embeddings N(0, 1), biases zero."""
        kinds = kinds or Kinds()
        n, e, hidden = kinds.state, kinds.embedding, kinds.hidden
        if e < 1 or hidden < 1 or kinds.effect not in get_args(Effect):
            raise Refusal(
                "embeddings and hidden layers have at least one number, and an effect "
                f"is {' or '.join(get_args(Effect))}; got {e}, {hidden}, "
                f"{kinds.effect!r}"
            )
        product = n if kinds.effect == "product" else 0
        synapse = (n, 3 * n + product + 2 * e, hidden)
        keys = jax.random.split(key, 5)
        deep = len(network.sizes) > 1
        return cls(
            synapse=op(keys[0], kinds.synapse, "synapse", synapse),
            neuron=op(keys[1], kinds.neuron, "neuron", (n, n + e, hidden))
            if deep
            else None,
            answer=MLP.random(keys[2], 2 * n + e, hidden, n),
            tau=jax.random.normal(keys[3], (len(network.sizes), e)),
            network=network,
            effect=None if product else op(keys[4], kinds.synapse, "synapse", synapse),
            hebbian=0 if kinds.one_component else 1,
        )

    def init(self, key: PRNGKeyArray, x: Float[Array, "n_0"]) -> VectorNeuronState:
        """Bodies at zero; synapses N(0, 1 / neurons heard) in every component."""
        n, sizes = self.answer.outputs, self.network.sizes
        keys = jax.random.split(key, len(sizes))
        heard = [sum(sizes[k] for k in self._heard(l)) for l in range(len(sizes))]
        w = tuple(
            jax.random.normal(k, (size, many, n)) / jnp.sqrt(many)
            for k, size, many in zip(keys, sizes, heard, strict=True)
        )
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
        sizes = [self.network.sizes[k] for k in heard]
        tau_j = jnp.concatenate(
            [jnp.tile(self.tau[k], (s, 1)) for k, s in zip(heard, sizes, strict=True)]
        )[None]  # 1 pre e
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
