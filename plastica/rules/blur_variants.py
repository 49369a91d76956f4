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
    """Which of paper 004's variants of BLUR; by default its own, with tanh throughout.

    A non-linearity is "identity", "relu", "sigmoid", "tanh" or "relu_tanh". With
    "_pair" after its name it acts on state 0, and its derivative on the others, Eq.
    (4).

    Args:
        backward: how the backward sweep changes neurons: "additive", Eq. (6),
            "multiplicative", or "second state", multiplicative as in Eq. (4).
        synapses: "symmetric", or "two sets", one for each direction.
        synapse_states: "k" channels a synapse, or "one".
        sigma: non-linearity of hidden layers in the forward sweep.
        sigma_last: non-linearity of the last layer.
        sigma_back: non-linearity of the backward sweep.
        hears: what state 1 of the last layer becomes: the "label" (3.3), or its product
            with the "error" softmax - label, the derivative of the cross-entropy.
        batch: whether an update is the "sum" or the "mean" over a batch. A sum grows
            with the batch. With a mean, what no batch enters (f~, Eq. 8) weighs more.
        normalised: layers of the forward sweep that a normalising genome normalises:
            "all", or "hidden". "all" makes each answer equally frequent in a batch.
        oja: the term that keeps synapses bounded: "none", "first" or "whole" of Eq.
            (8), or the authors' program's "released" or "activations".
        unit_synapses: synapses of unit norm (C.6): "none", "inside" the sweeps, or
            "stored".
        saturation: bound of synapses: "none", "tanh" (3.4), or "exp", slower where
            large.

    Raises:
        Refusal: if a word names no variant.

    Source: paper 004, sections 3.3, 3.4 and 4.5, appendices B, C.6 and C.7.

    Example:
        >>> import plastica as pl
        >>> pl.Variant(oja="first", sigma="relu").sigma_back
        'tanh'
    """

    backward: Literal["additive", "multiplicative", "second state"] = "additive"
    synapses: Literal["symmetric", "two sets"] = "symmetric"
    synapse_states: Literal["one", "k"] = "k"
    sigma: str = "tanh"
    sigma_last: str = "tanh"
    sigma_back: str = "tanh"
    hears: Literal["label", "error"] = "label"
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
