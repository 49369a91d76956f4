"""Differentiable plasticity: fixed weights, and Hebbian traces beside them.

Miconi, Stanley and Clune (2018), Differentiable plasticity: training plastic neural
networks with backpropagation. Eq. (1): x_j = tanh(sum_i (w_ij + alpha_ij Hebb_ij) x_i).
Eq. (2): Hebb_ij becomes eta x_i x_j + (1 - eta) Hebb_ij.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import plastica as pl


class Trace(NamedTuple):
    """Activations, and what synapses remember of them."""

    x: Float[Array, "units"]
    hebb: Float[Array, "units heard"]


class Plasticity(pl.AbstractLearner):
    """A recurrent layer of such synapses, and a linear read-out."""

    w: Float[Array, "units heard"]
    alpha: Float[Array, "units heard"]
    eta: Float[Array, ""]
    out: Float[Array, "outputs units"]
    needs: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def create(cls, key, inputs, outputs, units: int = 20, scale: float = 0.1):
        """Weights N(0, scale^2), and as large coefficients of plasticity."""
        keys, heard = jax.random.split(key, 3), (units, units + inputs)
        w, alpha = (scale * jax.random.normal(k, heard) for k in keys[:2])
        out = scale * jax.random.normal(keys[2], (outputs, units))
        return cls(w, alpha, jnp.asarray(0.1), out)

    def init(self, key, x):
        """Nothing remembered."""
        return Trace(jnp.zeros(len(self.w)), jnp.zeros_like(self.w))

    def predict(self, state, x):
        """Eq. (1) and (2)."""
        heard = jnp.concatenate([state.x, x])
        units = jnp.tanh((self.w + self.alpha * state.hebb) @ heard)
        new = self.eta * jnp.outer(units, heard) + (1 - self.eta) * state.hebb
        return Trace(units, new), self.out @ units

    def learn(self, state, feedback):
        """Nothing: it is not told anything."""
        return state
