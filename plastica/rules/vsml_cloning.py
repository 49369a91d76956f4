"""Learning algorithm cloning: a sub-LSTM is taught to be a weight (003, section 3.1).

On random normal numbers it learns to compute y = tanh(x) w + b, to send back
e' = e dy/dx, and to change w and b by the gradient times the error. A grid of such
sub-LSTMs then learns by back-propagation, with no gradient anywhere.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.rules.vsml import VSML

LIVELY = 0.3  # deviation of what the cells that hold nothing are begun with
BLACK = 0.3  # the share of inputs that are exactly zero, as most of an image is


class Errors(NamedTuple):
    """Mean squared errors of sub-LSTMs, sample by sample."""

    y: Float[Array, "samples"]  # of tanh(x) w + b, Eq. (13)
    e: Float[Array, "samples"]  # of the error sent back, e w (1 - tanh(x)^2)
    w: Float[Array, "samples"]  # of the change of w, in units of the rate
    b: Float[Array, "samples"]  # of the change of b, in units of its rate


class Cloning(AbstractObjective):
    """How far a sub-LSTM is from a weight that back-propagation trains, by Eq. (13).

    A sample is a sweep forward, where no error comes, and a sweep back, where one does;
    `samples` of them follow one another, so that what a sweep leaves behind is met.
    Without `descent` only y counts, and that nothing changes w and b.

    h is bounded and c is not, so w and b are kept in c: w = scale (c_0 + c_1) and
    b = scale (c_1 - c_0) bias_rate / rate, where `scale` keeps c where tanh is nearly
    linear. A bias has a rate of its own because every neuron has one for each of its
    inputs, and they add up.
    """

    rate: float = 0.01
    bias_rate: float = 0.001
    scale: float = 4.0
    samples: int = eqx.field(static=True, default=3)
    members: int = eqx.field(static=True, default=256)
    descent: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        """Refuse what cannot be cloned."""
        if min(self.rate, self.bias_rate, self.scale) <= 0 or self.samples < 1:
            raise Refusal(
                "rates and scale are above zero and there is a sample at least, got "
                f"rates {self.rate} and {self.bias_rate}, scale {self.scale} and "
                f"{self.samples} samples"
            )

    def __call__(
        self, learner: AbstractLearner, carry: tuple[()], key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], tuple[()]]:
        """The sum of all errors that count."""
        errors = self.errors(learner, key)
        judged = errors if self.descent else errors._replace(e=jnp.zeros(()))
        return sum(map(jnp.mean, judged), jnp.zeros(())), carry

    def errors(self, rule: AbstractLearner, key: PRNGKeyArray) -> Errors:
        """Errors of `members` sub-LSTMs, each a life of some samples."""
        assert isinstance(rule, VSML)  # as `check` has seen
        one = jax.vmap(lambda key: self._life(rule, key))
        errors = one(jax.random.split(key, self.members))
        return jax.tree.map(lambda each: jnp.mean(each, 0), errors)

    def check(self, learner: AbstractLearner) -> None:
        """Refuse what has no sub-LSTMs."""
        if not isinstance(learner, VSML):
            raise Refusal(
                f"only VSML is cloned into, got {type(learner).__name__}; judge it by "
                "its lives"
            )

    @property
    def ticks(self) -> int:
        """Sweeps of all sub-LSTMs."""
        return 2 * self.samples * self.members

    def read(self, c: Float[Array, "N *grid"]) -> tuple[Array, Array]:
        """The weight and the bias that cells hold."""
        ratio = self.bias_rate / self.rate
        return self.scale * (c[0] + c[1]), self.scale * ratio * (c[1] - c[0])

    def written(self, c: Float[Array, "N *grid"], w, b) -> Float[Array, "N *grid"]:
        """The same cells holding another weight and bias."""
        total = w / self.scale
        difference = b / self.scale * self.rate / self.bias_rate
        return c.at[0].set((total - difference) / 2).at[1].set((total + difference) / 2)

    def _life(self, rule, key):
        key_w, key_b, key_c, key_samples = jax.random.split(key, 4)
        b = jax.random.normal(key_b) * self.bias_rate / self.rate
        c = LIVELY * jax.random.normal(key_c, (rule.C.shape[1], 1, 1))
        c = self.written(c, jax.random.normal(key_w), b)

        def sample(state, key):
            key_x, key_black, key_e = jax.random.split(key, 3)
            black = jax.random.bernoulli(key_black, BLACK)
            x = jnp.where(black, 0.0, jax.random.normal(key_x))
            e = jax.random.normal(key_e) / 2
            state, ahead = self._sweep(rule, state, x, jnp.zeros_like(e))
            state, back = self._sweep(rule, state, x, e * self.descent)
            both = Errors(ahead.y, back.e, ahead.w + back.w, ahead.b + back.b)
            return state, both

        keys = jax.random.split(key_samples, self.samples)
        return jax.lax.scan(sample, (jnp.zeros_like(c), c), keys)[1]

    def _sweep(self, rule, state, x, e):
        """One sweep of one sub-LSTM, and how far it is from what is wanted."""
        h, c = state
        w, b = self.read(c[:, 0, 0])
        h, c = rule.layer(h, c, rule.message(x[None]), rule.message(e[None]))
        sent, back = rule.sent_forward(h)[:2, 0], rule.sent_backward(h)[0, 0]
        new_w, new_b = self.read(c[:, 0, 0])
        y = jnp.tanh(x) * w + b  # a hidden layer hears component 0, an answer is 1
        errors = Errors(
            y=jnp.mean((sent - y) ** 2),  # Eq. (13)
            e=jnp.mean((back - e * w * (1 - jnp.tanh(x) ** 2)) ** 2),
            w=jnp.mean(((new_w - w) / self.rate + e * jnp.tanh(x)) ** 2),
            b=jnp.mean(((new_b - b) / self.bias_rate + e) ** 2),
        )
        return (h, c), errors
