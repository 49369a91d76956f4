"""Plastic recurrent networks: a rule of its own for every synapse (paper 002).

Evolution finds the weights a network is born with and, for every plastic synapse, four
numbers that say how it changes: W_A with pre and post, W_B with pre, W_C with post, W_D
always, all scaled by what a modulator says of the post-synaptic neuron.

Where the text is garbled or silent, and what is done here:

- Eq. (5) and (6) write h_{t+1} both for the activity of Eq. (2) and for that activity
  times m, and "W_D m_t" for a product that must be a matrix. Eq. (1) has one m before
  the bracket. So m_i stands once before each of the four terms.
- The activation of Eq. (2) is tanh, that of Eq. (7) the logistic function, as in the
  authors' program. Eq. (7) has lost a bracket: the function goes around the whole sum.
"""

from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.cells import Dense, matrices, matrix, through
from plastica.learner import AbstractLearner, Feedback, State

Plastic = Literal["taught", "always"]
Passes = Literal["h", "m h"]

SCALE = 0.1  # deviation of the weights that evolution starts from


class ABCD(eqx.Module):
    """How every synapse of one matrix changes (Eq. 1)."""

    A: Float[Array, "post pre"]
    B: Float[Array, "post pre"]
    C: Float[Array, "post pre"]
    D: Float[Array, "post pre"]

    @classmethod
    def zeros(cls, post: int, pre: int) -> Self:
        """Nothing is plastic yet."""
        zero = jnp.zeros((post, pre))
        return cls(zero, zero, zero, zero)

    def change(
        self,
        post: Float[Array, "post"],
        pre: Float[Array, "pre"],
        m: Float[Array, "post"],
    ) -> Float[Array, "post pre"]:
        """Eq. (5), where post-synaptic activity is m h' by Eq. (6): m is a factor."""
        y, x = post[:, None], pre[None, :]
        return m[:, None] * ((self.A * y + self.B) * x + self.C * y + self.D)


class Modulator(eqx.Module):
    """How much each neuron's synapses may change (Eq. 7)."""

    W_h: Float[Array, "post pre"]
    W_i: Float[Array, "post in"]
    b: Float[Array, "post"]

    def __call__(
        self, h: Float[Array, "pre"], i: Float[Array, "in"]
    ) -> Float[Array, "post"]:
        """Between 0 and 1."""
        return jax.nn.sigmoid(self.W_h @ h + self.W_i @ i + self.b)  # Eq. (7)


class PlasticState(NamedTuple):
    """Activations, plastic weights, and what the next change is made of."""

    h: Float[Array, "units"]
    W: Float[Array, "post pre"]
    pre: Float[Array, "pre"]
    post: Float[Array, "post"]
    m: Float[Array, "post"]


class AbstractPlastic(AbstractLearner):
    """A layer with one plastic matrix: it changes when "taught", or "always"."""

    rule: eqx.AbstractVar[ABCD]
    plastic: eqx.AbstractVar[Plastic]
    needs: ClassVar[frozenset[str]] = frozenset()

    def learn(self, state: PlasticState, feedback: Feedback) -> PlasticState:
        """Changes the plastic weights; nothing of the feedback is looked at."""
        return self._changed(state, when="taught")

    def rest(self, state: PlasticState) -> PlasticState:
        """Activations at zero, weights kept."""
        return jax.tree.map(jnp.zeros_like, state)._replace(W=state.W)

    def _changed(self, state: PlasticState, when: str) -> PlasticState:
        if self.plastic != when:
            return state
        change = self.rule.change(state.post, state.pre, state.m)
        return state._replace(W=state.W + change)  # Eq. (4)


class PlasticRNN(AbstractPlastic):
    """EPRNN: a recurrent layer whose recurrent weights are plastic.

    Observations have the shape `(in,)`, answers are the activations, shape `(units,)`.
    Each synapse has a rule of its own, so theta depends on the sizes.

    Departs from the paper, as the authors' program does, whose numbers the paper
    prints: h_0 is evolved, and Eq. (9) does not list it; h' goes on to the next tick
    and the layers above, and not m h' as in Eq. (6); weights do not change in the exam.

    Args:
        W_i: input weights, fixed within a life, shape `(units, in)`.
        W_0: first recurrent weights, shape `(units, units)`.
        b: biases, shape `(units,)`.
        h_0: first activations, shape `(units,)`.
        rule: A, B, C and D of Eq. (5), each of shape `(units, units)`.
        modulator: the neuron modulator m of Eq. (7); None: m is 1.
        plastic: when weights change: "taught", in taught ticks, or "always".
        passes: the activations that go on: "h", or "m h" as in Eq. (6).

    Raises:
        Refusal: if `plastic` or `passes` is another word.

    Source: paper 002, section 3, Eq. (2) to (7).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rule = pl.PlasticRNN.random(jax.random.key(0), inputs=2, units=3)
        >>> state = rule.init(jax.random.key(1), jnp.zeros(2))
        >>> state, y = rule.predict(state, jnp.ones(2))
        >>> y.shape, state.W.shape
        ((3,), (3, 3))
    """

    W_i: Float[Array, "units in"]
    W_0: Float[Array, "units units"]
    b: Float[Array, "units"]
    h_0: Float[Array, "units"]
    rule: ABCD
    modulator: Modulator | None = None
    plastic: Plastic = eqx.field(static=True, default="taught")
    passes: Passes = eqx.field(static=True, default="h")

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        inputs: int,
        units: int,
        modulated: bool = True,
        scale: float = SCALE,
    ) -> Self:
        """Random weights N(0, scale^2); A, B, C, D, biases and h_0 are zero.

        Args:
            key: a PRNG key.
            inputs: numbers in an observation.
            units: number of recurrent neurons.
            modulated: whether there is a modulator; False: EPRNN (w/o m), section 4.2.
            scale: standard deviation of the weights.

        Returns:
            The rule.
        """
        shapes = 2 * [(units, inputs)] + 2 * [(units, units)]
        W_i, W_im, W_0, W_hm = matrices(key, scale, *shapes)
        zero = jnp.zeros(units)
        modulator = Modulator(W_hm, W_im, zero) if modulated else None
        rule = ABCD.zeros(units, units)
        return cls(W_i=W_i, W_0=W_0, b=zero, h_0=zero, rule=rule, modulator=modulator)

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> PlasticState:
        """The evolved activations and weights."""
        zero = jnp.zeros_like(self.b)
        return PlasticState(self.h_0, self.W_0, zero, zero, zero)

    def predict(
        self, state: PlasticState, x: Float[Array, "in"]
    ) -> tuple[PlasticState, Float[Array, "units"]]:
        """One tick; `learn` then changes the weights, if anybody teaches."""
        h, W, i = state.h, state.W, x
        m = self.modulator(h, i) if self.modulator else jnp.ones_like(h)
        new_h = jnp.tanh(W @ h + self.W_i @ i + self.b)  # Eq. (2)
        passed = m * new_h if self.passes == "m h" else new_h  # Eq. (6)
        after = PlasticState(passed, W, h, new_h, m)
        return self._changed(after, when="always"), passed  # for Eq. (3)


class PlasticMLP(AbstractPlastic):
    """EPMLP: a fully connected layer whose weights are plastic; it has no recurrence.

    Observations have the shape `(in,)`, answers the shape `(units,)`. The modulator
    sees the observation only. Theta depends on the sizes.

    Args:
        W_0: first weights, shape `(units, in)`; None: random at birth, N(0, scale^2),
            which is EPMLP (Random).
        b: biases, shape `(units,)`.
        rule: A, B, C and D of Eq. (5), each of shape `(units, in)`.
        modulator: a layer from the observation to m, shape `(units,)`.
        plastic: when weights change: "taught", in taught ticks, or "always".
        scale: standard deviation of random first weights.

    Raises:
        Refusal: if `plastic` is another word.

    Source: paper 002, section 4.2.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> rule = pl.PlasticMLP.random(jax.random.key(0), inputs=2, units=3)
        >>> state = rule.init(jax.random.key(1), jnp.zeros(2))
        >>> rule.predict(state, jnp.ones(2))[1].shape
        (3,)
    """

    W_0: Float[Array, "units in"] | None
    b: Float[Array, "units"]
    rule: ABCD
    modulator: Dense
    plastic: Plastic = eqx.field(static=True, default="taught")
    scale: float = eqx.field(static=True, default=SCALE)

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        inputs: int,
        units: int,
        evolved: bool = True,
        scale: float = SCALE,
    ) -> Self:
        """Random weights N(0, scale^2); A, B, C, D and biases are zero.

        Args:
            key: a PRNG key.
            inputs: numbers in an observation.
            units: number of neurons.
            evolved: whether the first plastic weights are a part of theta; False: EPMLP
                (Random).
            scale: standard deviation of the weights.

        Returns:
            The rule.
        """
        key_w, key_m = jax.random.split(key)
        return cls(
            W_0=matrix(key_w, (units, inputs), scale) if evolved else None,
            b=jnp.zeros(units),
            rule=ABCD.zeros(units, inputs),
            modulator=Dense.random(key_m, inputs, units, "sigmoid", scale),
            scale=scale,
        )

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> PlasticState:
        """The evolved weights, or random ones."""
        zero = jnp.zeros_like(self.b)
        if (W := self.W_0) is None:
            W = matrix(key, self.rule.A.shape, self.scale)
        return PlasticState(zero, W, jnp.zeros_like(W[0]), zero, zero)

    def predict(
        self, state: PlasticState, x: Float[Array, "in"]
    ) -> tuple[PlasticState, Float[Array, "units"]]:
        """One tick; the pre-synaptic activity is the input's."""
        y = jnp.tanh(state.W @ x + self.b)
        after = PlasticState(y, state.W, x, y, self.modulator(x))
        return self._changed(after, when="always"), y


class Layers(AbstractLearner):
    """Fully connected layers before and after a core, which alone remembers and learns.

    Args:
        before: layers from the observation to the core; may be empty.
        core: any learner without needs: `PlasticRNN`, `PlasticMLP` or `Cell`.
        after: layers from the core to the answer; may be empty.

    Source: paper 002, section 4.2, and figure 6, which has the sizes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> from plastica.cells import stacked
        >>> keys = jax.random.split(jax.random.key(0), 3)
        >>> before = stacked(keys[0], (2, 4), "relu", 0.1)
        >>> core = pl.PlasticRNN.random(keys[1], inputs=4, units=4)
        >>> learner = pl.Layers(before, core, stacked(keys[2], (4, 1), "linear", 0.1))
        >>> state = learner.init(jax.random.key(1), jnp.zeros(2))
        >>> learner.predict(state, jnp.ones(2))[1].shape
        (1,)
    """

    before: tuple[Dense, ...]
    core: AbstractLearner
    after: tuple[Dense, ...]
    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> State:
        """A newborn core."""
        return self.core.init(key, through(self.before, x))

    def predict(
        self, state: State, x: Float[Array, "in"]
    ) -> tuple[State, Float[Array, "out"]]:
        """Through all layers."""
        state, y = self.core.predict(state, through(self.before, x))
        return state, through(self.after, y)

    def learn(self, state: State, feedback: Feedback) -> State:
        """The core's own."""
        return self.core.learn(state, feedback)

    def rest(self, state: State) -> State:
        """The core's own."""
        return self.core.rest(state)
