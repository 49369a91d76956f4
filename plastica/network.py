"""Layer sizes and edges of a network, and the drawing of initial weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal

Edge = tuple[int, int]  # (post, pre): from layer `pre` to layer `post`


@dataclass(frozen=True)
class Network:
    """Layer sizes and edges of a network; hashable, so that it can be static.

    An edge is a pair `(post, pre)` of layers, counted from 0. Its weights have the
    shape `(sizes[post], sizes[pre])`.

    Args:
        sizes: neurons of each layer, the first the input and the last the output.
        edges: pairs `(post, pre)`, each at most once.

    Raises:
        Refusal: if a layer is empty, or an edge is repeated or joins no layers.

    Example:
        >>> import plastica as pl
        >>> pl.Network.layered(27, 10, 27).edges
        ((0, 1), (1, 0), (1, 1), (1, 2), (2, 1))
        >>> pl.Network.chain(27, 10, 27).edges
        ((1, 0), (2, 1))
        >>> len(pl.Network.full(27, 10).edges)
        4
    """

    sizes: tuple[int, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be a network."""
        if not self.sizes or any(size < 1 for size in self.sizes):
            raise Refusal(
                f"a network needs layers of at least one unit, got sizes {self.sizes}"
            )
        layers = range(len(self.sizes))
        strange = [e for e in self.edges if e[0] not in layers or e[1] not in layers]
        if strange or len(set(self.edges)) < len(self.edges):
            raise Refusal(
                f"edges are distinct pairs (post, pre) of layers 0 to {layers[-1]}, "
                f"got {self.edges}"
            )

    @classmethod
    def layered(cls, *sizes: int) -> "Network":
        """Neighbours joined both ways, and each hidden layer to itself.

        Args:
            *sizes: neurons of each layer.

        Returns:
            The network.

        Source: paper 000, section 5, Algorithm 1.
        """
        last = len(sizes) - 1
        pairs = [(layer, layer + 1) for layer in range(last)]
        both_ways = pairs + [(post, pre) for pre, post in pairs]
        itself = [(layer, layer) for layer in range(1, last)]
        return cls(tuple(sizes), tuple(sorted(both_ways + itself)))

    @classmethod
    def full(cls, *sizes: int) -> "Network":
        """Each layer joined to all layers, itself included.

        Args:
            *sizes: neurons of each layer.

        Returns:
            The network.

        Source: paper 001, section 6.
        """
        layers = range(len(sizes))
        return cls(
            tuple(sizes), tuple((post, pre) for post in layers for pre in layers)
        )

    @classmethod
    def chain(cls, *sizes: int) -> "Network":
        """Each layer joined to the next one only.

        Args:
            *sizes: neurons of each layer.

        Returns:
            The network.
        """
        return cls(tuple(sizes), tuple((l + 1, l) for l in range(len(sizes) - 1)))

    def same_kinds(self, other: "Network") -> bool:
        """Whether two networks differ in the sizes of their layers only.

        Args:
            other: the other network.

        Returns:
            True if depth and edges are equal.
        """
        same_depth = len(self.sizes) == len(other.sizes)
        return same_depth and set(self.edges) == set(other.edges)

    def draw_weights(self, key: PRNGKeyArray) -> tuple[Float[Array, "post pre"], ...]:
        """Random initial weights, N(0, 1 / n_pre), n_pre the size of layer `pre`.

        Args:
            key: a PRNG key.

        Returns:
            One matrix an edge, in the order of `edges`, each of shape
            `(sizes[post], sizes[pre])`.
        """
        shapes = [(self.sizes[post], self.sizes[pre]) for post, pre in self.edges]
        return normal(key, shapes, [pre for _, pre in shapes])


def normal(
    key: PRNGKeyArray, shapes: Sequence[tuple[int, ...]], sources: Sequence[int]
) -> tuple[Array, ...]:
    """Arrays of these shapes N(0, 1 / sources), each by a key of its own."""
    keys = jax.random.split(key, len(shapes))
    each = zip(keys, shapes, sources, strict=True)
    return tuple(jax.random.normal(k, shape) / jnp.sqrt(n) for k, shape, n in each)
