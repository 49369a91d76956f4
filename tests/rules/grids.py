"""Grids that tests use: of simple cells, and of sub-LSTMs with theta as transcribed."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from plastica.cells import LSTM
from plastica.learner import Feedback, flatten
from plastica.network import Network
from plastica.rules import VSML

KEY = jax.random.key(0)
RATE, SMALL = 0.3, 1e-5  # of descent; the unit in which two cells hold a weight


class Grid(eqx.Module):
    """Simple cells in a grid, s[a, b] from neuron a to b: Eq. (3), (5) and (14).

    `U` adds the backward interactions of Eq. (14); `multiplied` makes the sum of Eq.
    (3) the product of Eq. (5), whose operator is lost in the text: the sentence before
    it asks for multiplicative interactions.
    """

    b: Float[Array, "N"]
    W: Float[Array, "N N"]
    C: Float[Array, "N N"]
    U: Float[Array, "N N"] | None = None
    multiplied: bool = eqx.field(static=True, default=False)

    def __call__(self, s: Float[Array, "A A N"]) -> Float[Array, "A A N"]:
        """The next state of every cell."""
        own = s @ self.W.T
        heard = jnp.sum(s, 0)[:, None] @ self.C.T  # a 1 N: of all cells that end at a
        if self.multiplied:
            return jnp.tanh(self.b[None, None] + own * heard)  # Eq. (5)
        total = self.b[None, None] + own + heard
        if self.U is not None:
            total += jnp.sum(s, 1)[None] @ self.U.T  # 1 b N: of all that start at b
        return jnp.tanh(total)  # Eq. (3), (14)

    def as_one(self, side: int) -> Float[Array, "cells cells"]:
        """The sparse shared matrix of the one network that this grid is, Eq. (4).

        Rows (a, b, j) and columns (c, d, i), the last index fastest.
        """
        same, every = jnp.eye(side), jnp.ones(side)
        shared = jnp.einsum("da,b,c,ji->abjcdi", same, every, every, self.C)
        shared += jnp.einsum("ca,db,ji->abjcdi", same, same, self.W)  # Eq. (4)
        if self.U is not None:
            shared += jnp.einsum("cb,a,d,ji->abjcdi", same, every, every, self.U)
        size = side * side * len(self.b)
        return shared.reshape(size, size)


def by_hand(network):
    """Theta by hand: the sum and the difference of two cells are a weight and a bias.

    Both gates of the units are sigmoid(-2x) and sigmoid(2x), whose difference is
    -tanh(x) and whose sum is 1; they admit e and -e. So h_1 - h_0 is half of
    (c_0 + c_1) tanh(x) + (c_1 - c_0), and each of these two descends its gradient.
    """
    rule = VSML.random(
        KEY,
        network,
        units=2,
        messages=2,
        micro_ticks=1,
        aggregate="sum",
        error="sweeps back",
        bound=0.0,
    )
    W_x, b = np.zeros((4, 2, 4)), np.zeros((4, 2))  # gates i f o g; hears x, -, e, -
    W_x[0, :, 0] = W_x[2, :, 0] = -2, 2
    W_x[3, :, 2] = 2 * RATE * SMALL, -2 * RATE * SMALL
    b[0], b[1] = 5, 60  # admitted as they are, and never forgotten
    C = np.array([[-1, 1], [-1, 1]]) / SMALL
    cell = LSTM(
        jnp.asarray(W_x.reshape(8, 4)), jnp.zeros((8, 2)), jnp.asarray(b.ravel())
    )
    return replace(rule, cell=cell, C=jnp.asarray(C))


def drawn(sizes, choices, units=4, messages=3):
    """A rule of lively theta, gains and biases too, as wide as the precision."""
    rule = VSML.random(KEY, Network.chain(*sizes), units, messages, **choices)
    theta, rule_of = flatten(rule)
    noise = np.random.default_rng(1).normal(0, 0.5, theta.size)
    return rule_of(theta + jnp.asarray(noise, theta.dtype))


def told(target):
    return Feedback(target, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))


def transcribed(rule):
    """Theta as the transcription has it: gates input, candidate, forget, output."""

    def turned(rows):
        i, f, o, g = np.split(np.asarray(rows, np.float64), 4)
        return np.concatenate([i, g, f, o])

    cell = {name: turned(getattr(rule.cell, name)) for name in ("W_x", "W_h", "b")}
    sent = {name: np.float64(getattr(rule, name)) for name in ("C", "b_C", "U", "b_U")}
    if rule.gain is None:
        return cell | sent
    norms = {
        f"{kind}_{way}": np.float64(getattr(rule, kind)[row])
        for kind in ("gain", "offset")
        for row, way in enumerate("CU")
    }
    return cell | sent | norms
