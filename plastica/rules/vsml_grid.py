"""A grid of LSTMs, one for each pair of neurons, all with one theta (paper 003)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from plastica.cells import LSTM

HALF = (0.5, 0.5, 0.5, 1.0)  # of gates i, f, o, g: sigmoids are tanhs of half of it


def lstm_grid(
    cell: LSTM,
    memory: tuple[Float[Array, "N post pre"], Float[Array, "N post pre"]],
    from_pre: Float[Array, "M pre"],
    from_post: Float[Array, "M post"],
    shift: tuple[float, float, float, float],
) -> tuple[Float[Array, "N post pre"], Float[Array, "N post pre"]]:
    """The next h and c of a cell for each pair of neurons, all cells with one theta.

    The cell between j and i hears x = (from_pre[:, j], from_post[:, i]), and `shift` is
    added to its gates:

        i, f, o, g = W_x x + W_h h + b + shift
        c = sigmoid(f) c + sigmoid(i) tanh(g)
        h = sigmoid(o) tanh(c)

    It is computed in another way, which is faster and equal to rounding. W_x x is two
    products, one for each neuron and not for each pair. sigmoid(x) is
    (1 + tanh(x / 2)) / 2, so that one tanh serves all four gates; halves and shifts go
    into theta, before it meets the cells.
    """
    h, c = memory
    halves, shifts = (jnp.repeat(jnp.array(each), len(h)) for each in (HALF, shift))
    W_pre, W_post = jnp.split(halves[:, None] * cell.W_x, 2, axis=1)
    post = W_post @ from_post + (halves * (cell.b + shifts))[:, None]  # 4N post
    heard = post[:, :, None] + (W_pre @ from_pre)[:, None, :]  # 4N post pre
    own = (halves[:, None] * cell.W_h) @ h.reshape(len(h), -1)  # 4N post*pre
    i, f, o, g = jnp.split(jnp.tanh(own.reshape(heard.shape) + heard), 4)
    c = (1 + f) / 2 * c + (1 + i) / 2 * g
    return (1 + o) / 2 * jnp.tanh(c), c
