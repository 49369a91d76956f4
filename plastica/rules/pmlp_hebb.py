"""Evolved update rules: product-MLP activations, Hebbian weights (paper 000).

A neuron's state is a small vector whose components serve four purposes: 0 is sent
forward, 1 is sent back through the transposed weights, 2 is the pre-synaptic and 3
the post-synaptic factor of the Hebbian update. The last one is read out.
"""

from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import PMLP
from plastica.errors import Refusal
from plastica.learner import AbstractRule, Feedback
from plastica.network import Network

Readout = Literal["relu", "softmax"]

FORWARD, TRANSPOSED, PRE, POST = 0, 1, 2, 3  # which component serves which purpose
FLOOR = 0.001  # added before the output is normalised, Algorithm 1


class PMLPHebbState(NamedTuple):
    """Activations of every layer and weights of every edge, `w[post, pre]`."""

    h: tuple[Float[Array, "n_l n_a"], ...]
    w: tuple[Float[Array, "post pre"], ...]


class PMLPHebb(AbstractRule):
    """Algorithm 1 of 000 with the updates of Eq. (3) and (4).

    Meets symbols one-hot, `x: (n_1,)`, and answers with log-probabilities of the next
    one, `y: (n_L,)`. Theta is one PMLP per layer, whatever the sizes of the layers.

    Departs from the paper: the symbol that came is also written into component 0 of
    the output layer, before the next sweep. As printed, nothing tells the output
    neurons apart but random weights, and nothing can be learned.
    """

    layers: tuple[PMLP, ...]
    network: Network = eqx.field(static=True)
    readout: Readout = eqx.field(static=True, default="relu")
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def __check_init__(self) -> None:
        """Refuse updates that do not fit the network."""
        state_sizes = {cell.b3.shape[-1] for cell in self.layers}
        if len(self.layers) != len(self.network.sizes) or len(state_sizes) > 1:
            raise Refusal(
                f"{len(self.network.sizes)} layers need as many updates with one "
                f"size of state, got {len(self.layers)} updates for {state_sizes}"
            )
        if self.readout not in ("relu", "softmax"):
            raise Refusal(f'readout is "relu" or "softmax", got {self.readout!r}')

    @classmethod
    def zeros(
        cls,
        network: Network,
        state: int = 6,
        hidden: int = 14,
        readout: Readout = "relu",
    ) -> Self:
        """Theta at zero, where SNES starts (table 1); `state` is the paper's n_a."""
        if state < 4:
            raise Refusal(
                f"a neuron's state needs 4 components for 4 purposes, got {state}"
            )
        sizes = [state + messages for messages in _messages(network)]
        cells = tuple(PMLP.zeros(inputs, hidden, state) for inputs in sizes)
        return cls(layers=cells, network=network, readout=readout)

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        network: Network,
        state: int = 6,
        hidden: int = 14,
        scale: float = 0.3,
    ) -> Self:
        """Theta drawn from N(0, scale^2), where gradients can start.

        At zero a meta-gradient vanishes: every message is zero. 0.3 is the largest
        scale at which nearly all newborns live through 200 ticks (see the test).
        """
        at_zero = cls.zeros(network, state, hidden)
        leaves, shape = jax.tree.flatten(at_zero)
        keys = jax.random.split(key, len(leaves))
        drawn = [
            scale * jax.random.normal(k, leaf.shape)
            for k, leaf in zip(keys, leaves, strict=True)
        ]
        return jax.tree.unflatten(shape, drawn)

    def init(self, key: PRNGKeyArray, x: Float[Array, "n_1"]) -> PMLPHebbState:
        """Activations zero and a new draw of the weights, N(0, 1 / n_pre)."""
        n_a = self.layers[0].b3.shape[0]
        h = tuple(jnp.zeros((size, n_a)) for size in self.network.sizes)
        return PMLPHebbState(h, self.network.draw_weights(key))

    def predict(
        self, state: PMLPHebbState, x: Float[Array, "n_1"]
    ) -> tuple[PMLPHebbState, Float[Array, "n_L"]]:
        """One sweep over the layers, each reading the newest values (Algorithm 1)."""
        edges = self.network.edges
        h, w = list(state.h), dict(zip(edges, state.w, strict=True))
        h[0] = h[0].at[:, FORWARD].set(x)
        for l, AU in enumerate(self.layers):
            alpha = [h[l]]
            for k in range(len(h)):
                if (l, k) in w:
                    alpha.append((w[l, k] @ h[k][:, FORWARD])[:, None])
                if (k, l) in w:
                    alpha.append((w[k, l].T @ h[k][:, TRANSPOSED])[:, None])
            h[l] = jax.vmap(AU)(jnp.concatenate(alpha, axis=1))  # n_l n_a, Eq. (3)
            for k in range(len(h)):
                if (l, k) in w:
                    w[l, k] += jnp.outer(h[l][:, POST], h[k][:, PRE])  # Eq. (4)
        state = PMLPHebbState(tuple(h), tuple(w[edge] for edge in edges))
        return state, self._read(h[-1][:, -1])

    def learn(self, state: PMLPHebbState, feedback: Feedback) -> PMLPHebbState:
        """Shows the symbol that came to the output layer, for the next sweep."""
        *before, last = state.h
        shown = last.at[:, FORWARD].set(feedback.target)
        return state._replace(h=(*before, shown))

    def rest(self, state: PMLPHebbState) -> PMLPHebbState:
        """Activations at zero, weights kept."""
        return state._replace(h=jax.tree.map(jnp.zeros_like, state.h))

    def _read(self, out: Float[Array, "n_L"]) -> Float[Array, "n_L"]:
        if self.readout == "softmax":
            return jax.nn.log_softmax(out)
        positive = jax.nn.relu(out) + FLOOR
        return jnp.log(positive / jnp.sum(positive))


def _messages(network: Network) -> list[int]:
    """How many messages a neuron of each layer hears: two for every connected layer."""
    ends = [layer for edge in network.edges for layer in edge]
    return [ends.count(layer) for layer in range(len(network.sizes))]
