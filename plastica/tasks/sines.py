"""Sines: some ticks are shown, the rest is to be predicted unseen (paper 002, 4.1)."""

from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.task import AbstractTask, Loss

Counts = Literal["exam", "all"]
First = Literal["zero", "last action"]


class Waves(NamedTuple):
    """One sine a dimension, the answer to be heard next, and the tick."""

    amplitude: Float[Array, "dimensions"]
    period: Float[Array, "dimensions"]
    phase: Float[Array, "dimensions"]
    heard: Float[Array, "dimensions"]
    tick: Int[Array, ""]


class Sines(AbstractTask):
    """Prediction of random sines: some ticks are shown, the rest is predicted unseen.

    Each dimension has a sine A sin(2 pi t / n + phase) with A from U(1, 3), n from
    U(10, 100) ticks and phase from U(0, 2 pi). For the first K = `shots` ticks the
    learner sees y_t and learns y_{t+1}. Then comes the exam, in which it sees its own
    last answer instead. The life's loss is the mean squared error over the exam, minus
    the paper's fitness.

    Departs from the paper, by default, as the authors' program does, whose numbers the
    paper prints: N = `horizon` is the length of the exam, and the first tick of the
    exam shows zeros.

    Args:
        dimensions: number of sines, l in the paper.
        shots: taught ticks, K.
        horizon: N, the length of the exam, or of all ticks; see `counts`.
        counts: what N counts: "exam", or "all" ticks as in the paper.
        first: the first observation of the exam: "zero", or the "last action", the
            guess at y_K, as in the paper. That guess is not judged.

    Raises:
        Refusal: if there is no dimension, no taught tick or no exam, or a word is
            another.

    Source: paper 002, section 4.1.

    Example:
        >>> import plastica as pl
        >>> task = pl.Sines(dimensions=3, shots=10, horizon=20)
        >>> task.ticks, task.outputs, pl.Sines(horizon=20, counts="all").ticks
        (30, 3, 20)
    """

    dimensions: int = eqx.field(static=True, default=1)
    shots: int = eqx.field(static=True, default=10)
    horizon: int = eqx.field(static=True, default=20)
    counts: Counts = eqx.field(static=True, default="exam")
    first: First = eqx.field(static=True, default="zero")
    gives: ClassVar[frozenset[str]] = frozenset({"target"})
    asks: ClassVar[str] = "numbers"
    shows_target: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Refuse what leaves nothing to hear or to predict."""
        if min(self.dimensions, self.shots, self.horizon, self.exam) < 1:
            raise Refusal(
                "sines in D dimensions are shown for K and asked for N ticks, got "
                f"D = {self.dimensions}, K = {self.shots} and N = {self.horizon}, "
                f"counting {self.counts}; take all three from 1 on, and N above K "
                "where N counts all ticks"
            )

    @property
    def exam(self) -> int:
        """Ticks of the exam."""
        return self.horizon - (self.shots if self.counts == "all" else 0)

    @property
    def ticks(self) -> int:
        """Taught ticks and those of the exam."""
        return self.shots + self.exam

    @property
    def outputs(self) -> int:
        """A number for every sine."""
        return self.dimensions

    def init(self, key: PRNGKeyArray) -> Waves:
        """New waves."""
        shape = (self.dimensions,)
        keys = jax.random.split(key, 3)
        return Waves(
            amplitude=jax.random.uniform(keys[0], shape, minval=1.0, maxval=3.0),
            period=jax.random.uniform(keys[1], shape, minval=10.0, maxval=100.0),
            phase=jax.random.uniform(keys[2], shape, maxval=2 * jnp.pi),
            heard=jnp.zeros(shape),
            tick=jnp.zeros((), int),
        )

    def observe(self, world: Waves) -> Float[Array, "dimensions"]:
        """The waves where they are shown, else the learner's own last answer."""
        shown = world.tick < self.shots
        return jnp.where(shown, self.waves(world, world.tick), world.heard)

    def respond(
        self, world: Waves, y: Float[Array, "dimensions"]
    ) -> tuple[Waves, Feedback, Loss]:
        """The squared error at the next tick's waves."""
        target = self.waves(world, world.tick + 1)
        taught, ended = world.tick < self.shots, world.tick == self.shots - 1
        error = jnp.mean(jnp.square(y - target))
        loss = Loss(error, jnp.where(taught, 0.0, 1.0 / self.exam), error)
        feedback = Feedback(jnp.where(taught, target, 0.0), -error, taught, ended)
        heard = jnp.where(ended, 0.0, y) if self.first == "zero" else y
        return world._replace(heard=heard, tick=world.tick + 1), feedback, loss

    def waves(self, world: Waves, tick: Int[Array, ""]) -> Float[Array, "dimensions"]:
        """The sines at a tick, A sin(2 pi t / n + phase).

        Args:
            world: a world of this task.
            tick: the tick t.

        Returns:
            Their values, shape `(dimensions,)`.
        """
        return world.amplitude * jnp.sin(2 * jnp.pi * tick / world.period + world.phase)
