"""Bidirectional learned update rules: a genome sweeps up, back, and over the synapses.

Paper 004. Neurons and synapses have k states. A batch goes up through the layers, the
label is written into state 1 of the last one and goes down again, and each synapse then
changes by the states of its two ends. All three passes mix states by small matrices,
which all neurons and synapses share: the genome.

Where the text is garbled or silent, and what is done here:

- The meta-loss has lost its sign and its softmax (3.3). It is the cross-entropy.
- Section 3.1 has mu, nu~ and mu~ as vectors, section 4.5 as matrices. The vectors are
  row 1 of mu, column 0 of nu~ and row 0 of mu~.
- With one state a synapse, Eq. (7) is that of channel 0. A sum over channels would not
  contain Eq. (4).
- eta~ has a minus before it in Eq. (3) and (4), and none in Eq. (7). Here it has none,
  so that a genome that descends has a negative eta~.
- A multiplicative backward sweep multiplies by f too, in every state, as in the
  authors' program. That of Eq. (4) hands state 0 on and multiplies all the others.
- Sums over pre-synaptic neurons (Oja, synapses of unit norm) count the bias.
- "Per-channel" normalisation is one for each unit and state, by biased variances.
"""

from dataclasses import replace
from typing import ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractChainRule, Feedback
from plastica.network import Network, normal
from plastica.rules.blur_variants import (
    Variant,
    activated,
    mixed,
    of_unit_norm,
    oja,
    saturated,
    standardised,
    with_unit,
)


class Synapses(NamedTuple):
    """Up from layer l to l + 1, a bias last; down from layer 2 on, or none."""

    up: tuple[Float[Array, "s post pre_and_bias"], ...]
    down: tuple[Float[Array, "s post pre"], ...]


class BLURState(NamedTuple):
    """States of every layer's neurons, one sample a row, and the synapses."""

    a: tuple[Float[Array, "k batch n_l"], ...]
    w: Synapses


class BLUR(AbstractChainRule):
    """Bidirectional learned update rules: one genome for all neurons and synapses.

    Observations have the shape `(batch, n_1)` or `(n_1,)`. Answers are logits: state 0
    of the last layer. The label is +1 where the target is positive, else -1. All
    neurons begin a forward sweep at zero, so f counts in the backward one only.

    Args:
        f, eta, f_tilde, eta_tilde: what of a neuron and of a synapse is kept and added.
        nu, mu: forward and backward mixing of states, `(k, k)`.
        nu_tilde, mu_tilde: pre- and post-synaptic mixing, `(k, k)`.
        network, variant: a chain of layers, and which variant of the rule.
        mean, deviation: of normalised activations (3.4), shape `(3, k)`: hidden layers,
            last layer, backward sweep. None: they are not normalised.
        oja: factor of Eq. (8)'s first part, which is zero where f~ is 1; None: no term.
        saturation: alpha of tanh, or s of exp; None: synapses are not bounded.
        rescale_to: norm of stored synapses (C.6); None: 1.

    Raises:
        Refusal: if matrices differ in size, k is less than 2, or the network is no
            chain; in `init`, if a normalising genome gets a batch of one.

    Source: paper 004, 3.2, Eq. (5) to (8). Departs from the paper: see the module.

    Example:
        >>> import jax, plastica as pl
        >>> rule = pl.BLUR.random(jax.random.key(0), pl.Network.chain(4, 3, 2))
        >>> x = jax.numpy.ones((5, 4))
        >>> rule.predict(rule.init(jax.random.key(1), x), x)[1].shape
        (5, 2)
    """

    f: Float[Array, ""]
    eta: Float[Array, ""]
    f_tilde: Float[Array, ""]
    eta_tilde: Float[Array, ""]
    nu: Float[Array, "k k"]
    mu: Float[Array, "k k"]
    nu_tilde: Float[Array, "k k"]
    mu_tilde: Float[Array, "k k"]
    network: Network = eqx.field(static=True)
    variant: Variant = eqx.field(static=True, default=Variant())
    mean: Float[Array, "3 k"] | None = None
    deviation: Float[Array, "3 k"] | None = None
    oja: Float[Array, ""] | None = None
    saturation: Float[Array, ""] | None = None  # alpha of tanh, s of exp
    rescale_to: Float[Array, ""] | None = None  # norm of stored synapses; None: 1
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})
    batches: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Refuse matrices of several sizes."""
        matrices = (self.nu, self.mu, self.nu_tilde, self.mu_tilde)
        shapes = {getattr(matrix, "shape", None) for matrix in matrices}
        if len(shapes) > 1 or self.k < 2:
            raise Refusal(
                "a genome has four matrices of k by k, k at least 2, got "
                f"{sorted(shapes, key=str)}; make them of one size"
            )

    @property
    def k(self) -> int:
        """How many states a neuron has."""
        return self.nu.shape[0]

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        network: Network,
        states: int = 2,
        scale: float = 1.0,
        variant: Variant | None = None,
        normalised: bool = True,
    ) -> Self:
        """The paper's usual start: matrices N(0, scale^2), all else fixed.

        Args:
            key: a PRNG key.
            network: a chain of layers.
            states: states of a neuron, k.
            scale: standard deviation of the matrices.
            variant: which variant of the rule; None: the paper's own.
            normalised: whether activations are normalised over the batch.

        Returns:
            The rule, with f = eta = f~ = 1 and eta~ = -0.001.
        """
        variant, one = variant or Variant(), jnp.ones(())
        nu, mu, nu_tilde, mu_tilde = scale * jax.random.normal(key, (4, states, states))
        theta = {"f": one, "eta": one, "f_tilde": one, "eta_tilde": -1e-3 * one}
        theta |= {"nu": nu, "mu": mu, "nu_tilde": nu_tilde, "mu_tilde": mu_tilde}
        return cls(
            **theta,
            network=network,
            variant=variant,
            mean=jnp.zeros((3, states)) if normalised else None,
            deviation=jnp.ones((3, states)) if normalised else None,
            oja=None if variant.oja == "none" else one,
            saturation=None if variant.saturation == "none" else one,
        )

    @classmethod
    def gradient_descent(
        cls,
        network: Network,
        rate: float = 1e-3,
        sigma: str = "sigmoid",
        variant: Variant | None = None,
        normalised: bool = False,
    ) -> Self:
        """The two-state genome of Eq. (4), by default as SGD on cross-entropy.

        Args:
            network: a chain of layers.
            rate: step size.
            sigma: non-linearity of hidden layers, unless there is a `variant`.
            variant: another variant, which then starts at this genome (4.5).
            normalised: whether activations are normalised over the batch.

        Returns:
            The rule.
        """
        variant = variant or Variant(
            backward="second state",
            synapse_states="one",
            sigma=f"{sigma}_pair",
            sigma_last="identity_pair",
            sigma_back="identity",
            hears="error",
        )
        start = cls.random(jax.random.key(0), network, 2, 1.0, variant, normalised)
        return replace(
            start,
            eta_tilde=jnp.asarray(-rate),
            nu=jnp.array([[1.0, 0.0], [1.0, 0.0]]),
            mu=jnp.eye(2),
            nu_tilde=jnp.eye(2),
            mu_tilde=jnp.array([[0.0, 1.0], [1.0, 0.0]]),
        )

    def init(self, key: PRNGKeyArray, x: Float[Array, "*batch n_1"]) -> BLURState:
        """Neurons at zero, synapses and biases N(0, 1 / n_pre), each state its own."""
        batch, sizes = x.reshape(-1, x.shape[-1]).shape[0], self.network.sizes
        if self.mean is not None and batch < 2:
            raise Refusal(
                "activations are normalised over a batch, got one sample at a time; "
                "make the batch larger, or a rule with normalised=False"
            )
        s = 1 if self.variant.synapse_states == "one" else self.k
        layers = list(zip(sizes[1:], sizes[:-1], strict=True))
        shapes, sources = [(s, post, pre + 1) for post, pre in layers], [*sizes[:-1]]
        if self.variant.synapses == "two sets":
            shapes += [(s, pre, post) for post, pre in layers[1:]]
            sources += sizes[2:]
        w = normal(key, shapes, sources)
        a = tuple(jnp.zeros((self.k, batch, n)) for n in sizes)
        return BLURState(a, Synapses(w[: len(layers)], w[len(layers) :]))

    def predict(
        self, state: BLURState, x: Float[Array, "*batch n_1"]
    ) -> tuple[BLURState, Float[Array, "*batch n_L"]]:
        """The forward sweep, Eq. (5), in which all neurons begin at zero."""
        w = self._stored(state.w)
        samples = x.reshape(-1, x.shape[-1])
        a = [jnp.zeros((self.k, *samples.shape)).at[0].set(samples)]
        for l, w_l in enumerate(w.up):
            z = self.eta * mixed(self.nu, with_unit(a[l])) @ self._transposed(w_l)
            a.append(self._activated(z, last=l == len(w.up) - 1))  # Eq. (5)
        return BLURState(tuple(a), w), a[-1][0].reshape(*x.shape[:-1], -1)

    def learn(self, state: BLURState, feedback: Feedback) -> BLURState:
        """The label, the backward sweep, Eq. (6), and the synapses, Eq. (7) and (8)."""
        a, (up, down) = list(state.a), state.w
        a[-1] = self._labelled(a[-1], feedback.target.reshape(a[-1].shape[1:]))
        back = down or [w[..., :-1].swapaxes(-1, -2) for w in up[1:]]
        for l in range(len(a) - 2, 0, -1):
            z = mixed(self.mu, a[l + 1]) @ self._transposed(back[l - 1])
            a[l] = self._swept_back(a[l], z)  # Eq. (6)
        up = [self._changed(w, with_unit(a[l]), a[l + 1]) for l, w in enumerate(up)]
        down = [self._changed(w, a[l + 1], a[l]) for l, w in enumerate(down, 1)]
        return BLURState(tuple(a), Synapses(tuple(up), tuple(down)))

    def rest(self, state: BLURState) -> BLURState:
        """Activations at zero, synapses kept."""
        return state._replace(a=jax.tree.map(jnp.zeros_like, state.a))

    def _changed(
        self,
        w: Float[Array, "s post pre"],
        a_i: Float[Array, "k batch pre"],
        a_j: Float[Array, "k batch post"],
    ) -> Float[Array, "s post pre"]:
        """Synapses from sources i to targets j after a batch, Eq. (7) and (8)."""
        f, eta, s, variant = self.f_tilde, self.eta_tilde, len(w), self.variant
        batch = a_j.shape[1] if variant.batch == "mean" else 1
        post = mixed(self.mu_tilde[:s], a_j)
        pre = mixed(self.nu_tilde[:, :s].T, a_i)
        phi = post.swapaxes(-1, -2) @ pre / batch
        new = f * w + eta * phi  # Eq. (7)
        if self.oja is not None:
            squares = jnp.sum(post**2, 1)[..., None] / batch
            new -= oja(variant.oja, self.oja, f, eta, w, phi, squares)  # Eq. (8)
        if self.saturation is None:
            return new
        return saturated(variant.saturation, self.saturation, w, new)

    def _stored(self, w: Synapses) -> Synapses:
        """Synapses as they are kept: of unit norm, if that is asked for (C.6)."""
        if self.variant.unit_synapses != "stored":
            return w
        scale = 1.0 if self.rescale_to is None else self.rescale_to
        return jax.tree.map(lambda each: scale * of_unit_norm(each), w)

    def _transposed(self, w: Float[Array, "s post pre"]) -> Float[Array, "s pre post"]:
        """From sources to targets, of unit norm where a sweep asks for that (C.6)."""
        inside = self.variant.unit_synapses == "inside"
        return (of_unit_norm(w) if inside else w).swapaxes(-1, -2)

    def _activated(
        self, z: Float[Array, "k batch n"], last: bool
    ) -> Float[Array, "k batch n"]:
        """The non-linearity of the forward sweep, after the normalisation of 3.4."""
        variant = self.variant
        if not last or variant.normalised == "all":
            z = self._normalised(z, 1 if last else 0)
        return activated(variant.sigma_last if last else variant.sigma, z)

    def _labelled(
        self, a: Float[Array, "k batch n_L"], target: Float[Array, "batch n_L"]
    ) -> Float[Array, "k batch n_L"]:
        """The last layer's states when the label has come (3.3)."""
        right = target > 0
        if self.variant.hears == "error":
            error = jax.nn.softmax(a[0]) - right.astype(a.dtype)
            return a.at[1].multiply(error).at[2:].set(0.0)
        return a.at[1].set(jnp.where(right, 1.0, -1.0)).at[2:].set(0.0)

    def _swept_back(
        self, a: Float[Array, "k batch n"], z: Float[Array, "k batch n"]
    ) -> Float[Array, "k batch n"]:
        """What the backward sweep makes of a layer, Eq. (6), or as in Eq. (4)."""
        f, eta = self.f, self.eta
        a = {
            "additive": lambda: f * a + eta * z,  # Eq. (6)
            "multiplicative": lambda: f * a * z,
            "second state": lambda: f * a.at[1:].multiply(z[1:]),  # Eq. (4)
        }[self.variant.backward]()
        return activated(self.variant.sigma_back, self._normalised(a, 2))

    def _normalised(
        self, z: Float[Array, "k batch n"], place: int
    ) -> Float[Array, "k batch n"]:
        """Units' states over the batch, brought to a mean and deviation (3.4)."""
        if self.mean is None or self.deviation is None:
            return z
        mean, deviation = (m[place][:, None, None] for m in (self.mean, self.deviation))
        return mean + deviation * standardised(z)
