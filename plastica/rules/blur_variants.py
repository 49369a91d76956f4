"""What 004 varies in its rule: non-linearities, sweeps, and what bounds synapses."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from plastica.errors import check_word, check_words

VARIANCE_FLOOR, SQUARES_FLOOR, STEEPNESS = 1e-5, 1e-9, 1e-3
SIGMA = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu_tanh": lambda x: jax.nn.relu(jnp.tanh(x)),
}


class Variant(eqx.Module):
    """Which of the paper's variants (C.7); its own by default, with tanh throughout.

    A non-linearity is one of `SIGMA`; its name with "_pair" has it on state 0 and its
    derivative on the others, Eq. (4). With `told` "error" state 1 of the last layer is
    multiplied by softmax - label, the derivative of the cross-entropy, and not replaced
    by the label. Summed over a batch, an update grows with it, so that a genome found
    with sums learns as much faster from larger batches; with a mean it does not, but
    what no batch enters (f~, Eq. 8) then weighs more against it. Normalised over a
    batch, the last layer gives each answer to as many samples; with `normalised`
    "hidden" it is left as it is, for classes of which some are rarer.
    """

    backward: Literal["additive", "multiplicative", "second state"] = "additive"
    synapses: Literal["symmetric", "two sets"] = "symmetric"
    synapse_states: Literal["one", "k"] = "k"
    sigma: str = "tanh"
    sigma_last: str = "tanh"
    sigma_back: str = "tanh"
    told: Literal["label", "error"] = "label"
    batch: Literal["sum", "mean"] = "sum"
    normalised: Literal["all", "hidden"] = "all"  # layers, where a genome does that
    oja: Literal["none", "first", "whole", "released", "activations"] = "none"
    unit_synapses: Literal["none", "inside", "stored"] = "none"
    saturation: Literal["none", "tanh", "exp"] = "none"

    def __check_init__(self) -> None:
        """Refuse words that name no variant."""
        check_words(self)
        for name in ("sigma", "sigma_last", "sigma_back"):
            words = (*SIGMA, *(f"{sigma}_pair" for sigma in SIGMA))
            check_word(name, getattr(self, name), words)


def activated(name: str, z: Float[Array, "k batch n"]) -> Float[Array, "k batch n"]:
    """The non-linearity of every state; of a pair, its derivative but for state 0."""
    sigma = SIGMA[name.removesuffix("_pair")]
    if not name.endswith("_pair"):
        return sigma(z)
    slopes = jax.jvp(sigma, (z[1:],), (jnp.ones_like(z[1:]),))[1]
    return jnp.concatenate([sigma(z[:1]), slopes])


def with_unit(a: Float[Array, "k batch n"]) -> Float[Array, "k batch n_and_unit"]:
    """A layer and its unit element, whose states are all 1: the source of biases."""
    return jnp.concatenate([a, jnp.ones((*a.shape[:2], 1), a.dtype)], -1)


def mixed(
    matrix: Float[Array, "c d"], a: Float[Array, "d batch n"]
) -> Float[Array, "c batch n"]:
    """Each neuron's states mixed: sum over d of matrix[c, d] a[d]."""
    return jnp.tensordot(matrix, a, 1)


def standardised(z: Float[Array, "k batch n"]) -> Float[Array, "k batch n"]:
    """Mean 0 and deviation 1 over the batch, for every unit and state."""
    centred = z - jnp.mean(z, 1, keepdims=True)
    variance = jnp.mean(centred**2, 1, keepdims=True)
    return centred / jnp.sqrt(variance + VARIANCE_FLOOR)


def of_unit_norm(w: Float[Array, "s post pre"]) -> Float[Array, "s post pre"]:
    """Each target's synapses divided by the root of their sum of squares (C.6)."""
    return w / jnp.sqrt(jnp.sum(w**2, -1, keepdims=True) + SQUARES_FLOOR)


def oja(
    form: str,
    g: Float[Array, ""],
    f: Float[Array, ""],
    eta: Float[Array, ""],
    w: Float[Array, "s post pre"],
    phi: Float[Array, "s post pre"],
    post_squares: Float[Array, "s post 1"],
) -> Float[Array, "s post pre"]:
    """What is taken from synapses so that they stay bounded.

    "first" and "whole" are Eq. (8), its first part times g, without and with its
    second. The others are the authors' program's: squares of the synapses into a
    target ("released"), or of the target's own states ("activations").
    """
    w_squares = jnp.sum(w**2, -1, keepdims=True)  # over the sources r
    first = g * (f - 1) * w * w_squares
    return {
        "first": lambda: first,
        "whole": lambda: first + eta * w * jnp.sum(w * phi, -1, keepdims=True),
        "released": lambda: jnp.abs(g * eta) * w * w_squares,
        "activations": lambda: jnp.abs(g * eta) * w * post_squares,
    }[form]()


def saturated(
    form: str,
    size: Float[Array, ""],
    w: Float[Array, "s post pre"],
    new: Float[Array, "s post pre"],
) -> Float[Array, "s post pre"]:
    """New synapses, bounded by alpha tanh(w / alpha) (3.4), or slower where large."""
    if form == "tanh":
        return size * jnp.tanh(new / size)
    return w + (new - w) * jnp.exp(-jnp.abs(w) * (STEEPNESS + jnp.abs(size)))
