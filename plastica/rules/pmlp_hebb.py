"""Evolved update rules: product-MLP activations, Hebbian weights (paper 000).

A neuron's state is a small vector whose components serve four purposes: 0 is sent
forward, 1 is sent back through the transposed weights, 2 is the pre-synaptic and 3
the post-synaptic factor of the Hebbian update. The last one is read out.

What the text leaves open, and how it is settled here:

- Algorithm 1 never writes a target anywhere. As printed, nothing tells the output
  neurons apart but their random weights, and nothing can be learned. Here the symbol
  that came is written into component 0 of the output layer, before the next sweep.
- An update reads the state of this tick in layers below its own, and of the tick before
  in its own layer and those above. The weights update reads its layer's new state.
- It does not say whether edges share their weights update. Here each edge has its own.
- It does not say how a weight that is a vector multiplies. Here component 0 does.
- An LSTM's state is its hidden half and then its cell half, also in synapses. Its gates
  are in the order input, forget, output, candidate.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import MLP, PMLP, Fed, SplitLSTM, Synapse
from plastica.errors import Refusal, check_words
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network

Readout = Literal["relu", "softmax"]
Neuron = PMLP | MLP | SplitLSTM
Components = tuple[int, int, int, int]  # forward, transposed, pre, post
FLOOR = 0.001  # added before the output is normalised, Algorithm 1


@dataclass(frozen=True)
class Forms:
    """Functional forms of the updates (000, 6.2), and the ablations of section 7."""

    neuron: Literal["pmlp", "tanh", "relu", "lstm"] = "pmlp"
    synapse: Literal["hebb", "pmlp", "lstm"] = "hebb"
    weight_state: int = 1  # n_w, of synapses that are not Hebbian
    weight_hidden: int = 14  # of a PMLP synapse
    fed: Fed = "side by side"
    replaces: bool = False
    transposed: bool = True
    one_component: bool = False  # for all four purposes

    def __post_init__(self) -> None:
        """Refuse words that name no form."""
        check_words(self)

    def of_neuron(self, messages: int, state: int, hidden: int) -> Neuron:
        """The update of neurons that hear so many messages, theta at zero."""
        if self.neuron == "lstm":
            return SplitLSTM.zeros(messages, state)
        sizes = (state + messages, hidden, state)
        if self.neuron == "pmlp":
            return PMLP.zeros(*sizes)
        return MLP.zeros(*sizes, self.neuron)

    def of_synapses(self, edges: int) -> tuple[Synapse, ...]:
        """The update of every edge's weights, theta at zero; none: Hebbian."""
        sizes = (self.weight_state, self.weight_hidden)
        if self.synapse != "hebb":
            one = Synapse.zeros(self.synapse, *sizes, self.fed, self.replaces)
            return (one,) * edges
        if self.weight_state != 1:
            raise Refusal(
                f"the Hebbian update is of scalar weights, got {self.weight_state} "
                'numbers a weight; take synapse "pmlp" or "lstm"'
            )
        return ()


class PMLPHebbState(NamedTuple):
    """Activations of every layer and weights of every edge, `w[post, pre]`."""

    h: tuple[Float[Array, "n_l n_a"], ...]
    w: tuple[Float[Array, "post pre *n_w"], ...]


class PMLPHebb(AbstractRule):
    """Product-MLP updates of activations, Hebbian updates of weights, or other forms.

    Observations are one-hot symbols, shape `(n_1,)`. Answers are log-probabilities of
    the next symbol, shape `(n_L,)`. Theta is one update per layer, and one per edge
    where synapses are not Hebbian; it does not depend on layer sizes. Where an edge
    goes one way only, only its own messages exist. In an LSTM neuron the components are
    counted over its hidden half and then its cell, so that the read-out is a cell.

    Departs from the paper: the right symbol is also written into component 0 of the
    output layer, before the next sweep. As printed, Algorithm 1 gives a target to
    nothing.

    Args:
        layers: one activation update (AU) per layer, each with the same size of state
            n_a.
        network: layer sizes and edges.
        readout: how an output layer's last components become probabilities: "relu", by
            dividing max(0, h) + 0.001 by its sum, or "softmax".
        synapses: one weight update (WU) per edge; none: the Hebbian one of Eq. (4).
        transposed: whether an edge also sends component 1 back through the transposed
            weights.
        components: which component of a state is sent forward, is sent back, is the
            pre-synaptic factor, and is the post-synaptic factor.

    Raises:
        Refusal: if the updates do not fit the network's layers and edges.

    Source: paper 000, section 5, Algorithm 1, Eq. (3) and (4).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rule = pl.PMLPHebb.zeros(pl.Network.layered(4, 3, 4))
        >>> [cell.M1.shape for cell in rule.layers]  # (hidden, n_a + messages)
        [(14, 8), (14, 12), (14, 8)]
        >>> state = rule.init(jax.random.key(0), jnp.zeros(4))
        >>> state, y = rule.predict(state, jnp.eye(4)[0])
        >>> jnp.exp(y).round(3).tolist()  # theta is zero: all symbols are as likely
        [0.25, 0.25, 0.25, 0.25]
    """

    layers: tuple[Neuron, ...]
    network: Network = eqx.field(static=True)
    readout: Readout = eqx.field(static=True, default="relu")
    synapses: tuple[Synapse, ...] = ()  # one an edge; none: Hebbian, Eq. (4)
    transposed: bool = eqx.field(static=True, default=True)
    components: Components = eqx.field(static=True, default=(0, 1, 2, 3))
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})

    def __check_init__(self) -> None:
        """Refuse updates that do not fit the network."""
        state_sizes = {cell.outputs for cell in self.layers}
        if len(self.layers) != len(self.network.sizes) or len(state_sizes) > 1:
            raise Refusal(
                f"{len(self.network.sizes)} layers need as many updates with one "
                f"size of state, got {len(self.layers)} updates for {state_sizes}"
            )
        if len(self.synapses) not in (0, len(self.network.edges)):
            raise Refusal(
                f"{len(self.network.edges)} edges need as many synapses, or none for "
                f"the Hebbian update, got {len(self.synapses)}"
            )

    @classmethod
    def zeros(
        cls,
        network: Network,
        state: int = 6,
        hidden: int = 14,
        readout: Readout = "relu",
        forms: Forms | None = None,
    ) -> Self:
        """The rule with all of theta at zero, where SNES starts.

        Args:
            network: layer sizes and edges.
            state: numbers in a neuron's state, n_a.
            hidden: hidden units of each activation update.
            readout: "relu" or "softmax".
            forms: other functional forms of the updates; None: those of Eq. (3) and
                (4).

        Returns:
            The rule.

        Raises:
            Refusal: if `state` is less than 4, odd for an LSTM, or `forms` do not fit.

        Source: paper 000, table 1; `forms`: sections 6.2 and 7.
        """
        forms = forms or Forms()
        if state < 4:
            raise Refusal(
                f"a neuron's state needs 4 components for 4 purposes, got {state}"
            )
        ways = 2 if forms.transposed else 1  # an edge: to post, and back to pre
        ends = [layer for edge in network.edges for layer in edge[:ways]]
        layers = range(len(network.sizes))
        return cls(
            layers=tuple(forms.of_neuron(ends.count(l), state, hidden) for l in layers),
            network=network,
            readout=readout,
            synapses=forms.of_synapses(len(network.edges)),
            transposed=forms.transposed,
            components=(0, 0, 0, 0) if forms.one_component else (0, 1, 2, 3),
        )

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        network: Network,
        state: int = 6,
        hidden: int = 14,
        scale: float = 0.1,
        readout: Readout = "relu",
    ) -> Self:
        """Theta sampled from N(0, scale^2), where a meta-gradient can start.

        At zero a meta-gradient vanishes: every message is zero. So it does where the
        ReLU of the read-out is shut for all symbols; so the bias of the component that
        is read starts near 1. Lives stay finite at any scale, but gradients through 200
        ticks explode above about 0.1 (a slow test prints how many).

        Args:
            key: a PRNG key.
            network: layer sizes and edges.
            state: numbers in a neuron's state, n_a.
            hidden: hidden units of each activation update.
            scale: standard deviation of theta.
            readout: "relu" or "softmax".

        Returns:
            The rule.

        Raises:
            Refusal: if `state` is less than 4.
        """
        leaves, shape = jax.tree.flatten(cls.zeros(network, state, hidden, readout))
        keys = jax.random.split(key, len(leaves))
        leaves = [
            scale * jax.random.normal(k, leaf.shape)
            for k, leaf in zip(keys, leaves, strict=True)
        ]
        rule = jax.tree.unflatten(shape, leaves)
        if readout == "softmax":
            return rule
        b3 = rule.layers[-1].b3
        return eqx.tree_at(lambda rule: rule.layers[-1].b3, rule, b3.at[-1].add(1.0))

    def init(self, key: PRNGKeyArray, x: Float[Array, "n_1"]) -> PMLPHebbState:
        """Activations zero and a new draw of the weights, N(0, 1 / n_pre)."""
        n_a = self.layers[0].outputs
        h = tuple(jnp.zeros((size, n_a)) for size in self.network.sizes)
        w = self.network.draw_weights(key)
        if self.synapses:
            pairs = zip(self.synapses, w, strict=True)
            w = tuple(synapse.newborn(number) for synapse, number in pairs)
        return PMLPHebbState(h, w)

    def predict(
        self, state: PMLPHebbState, x: Float[Array, "n_1"]
    ) -> tuple[PMLPHebbState, Float[Array, "n_L"]]:
        """One sweep over the layers, each reading the newest values (Algorithm 1)."""
        edges, (FORWARD, BACK, PRE, POST) = self.network.edges, self.components
        h, w = list(state.h), dict(zip(edges, state.w, strict=True))
        updates = [each.of for each in self.synapses] or [hebb] * len(edges)
        WU = dict(zip(edges, updates, strict=True))
        h[0] = h[0].at[:, FORWARD].set(x)
        for l, AU in enumerate(self.layers):
            alpha = [h[l]]
            for k in range(len(h)):
                if (l, k) in w:
                    alpha.append((number(w[l, k]) @ h[k][:, FORWARD])[:, None])
                if (k, l) in w and self.transposed:
                    alpha.append((number(w[k, l]).T @ h[k][:, BACK])[:, None])
            h[l] = jax.vmap(AU)(jnp.concatenate(alpha, axis=1))  # n_l n_a, Eq. (3)
            for k in range(len(h)):
                if (l, k) in w:
                    w[l, k] = WU[l, k](w[l, k], h[k][:, PRE], h[l][:, POST])  # Eq. (4)
        state = PMLPHebbState(tuple(h), tuple(w[edge] for edge in edges))
        return state, self._read(h[-1][:, -1])

    def learn(self, state: PMLPHebbState, feedback: Feedback) -> PMLPHebbState:
        """Shows the symbol that came to the output layer, for the next sweep."""
        *before, last = state.h
        shown = last.at[:, self.components[0]].set(feedback.target)
        return state._replace(h=(*before, shown))

    def rest(self, state: PMLPHebbState) -> PMLPHebbState:
        """Activations at zero, weights kept."""
        return state._replace(h=jax.tree.map(jnp.zeros_like, state.h))

    def _read(self, out: Float[Array, "n_L"]) -> Float[Array, "n_L"]:
        if self.readout == "softmax":
            return jax.nn.log_softmax(out)
        positive = jax.nn.relu(out) + FLOOR
        return jnp.log(positive / jnp.sum(positive))


def hebb(
    w: Float[Array, "post pre"], pre: Float[Array, "pre"], post: Float[Array, "post"]
) -> Float[Array, "post pre"]:
    """WU of Eq. (4), for all synapses of an edge."""
    return w + jnp.outer(post, pre)


def number(w: Float[Array, "post pre *n_w"]) -> Float[Array, "post pre"]:
    """What multiplies: the weight, or component 0 of its state."""
    return w if w.ndim == 2 else w[..., 0]
