"""What 004 varies in its rule: non-linearities, sweeps, and what bounds synapses."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from plastica.errors import check_word, check_words

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
