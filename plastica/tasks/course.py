"""A course: lessons that are taught, then exams that are not."""

import abc
import math
from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.network import Network
from plastica.task import AbstractTask, Loss, World

Label = Literal["one-hot", "signs"]


class AbstractCourse(AbstractTask):
    """Things to be classified, `batch` of them at a tick, or one if that is None.

    `lessons` ticks are taught; then come `exams` that are not. The answer is taken as
    logits; the loss is its cross-entropy in nats, the mean over the exams, or over all
    ticks if there are none. From lesson `honest` on each in a batch hears the answer
    of another, which is as good as none. A world has a `tick`.
    """

    answers: eqx.AbstractVar[int]
    batch: int | None = eqx.field(static=True, kw_only=True)
    lessons: int = eqx.field(static=True, kw_only=True)
    exams: int = eqx.field(static=True, kw_only=True, default=1)
    label: Label = eqx.field(static=True, kw_only=True, default="one-hot")
    honest: int | None = eqx.field(static=True, kw_only=True, default=None)
    gives: ClassVar[frozenset[str]] = frozenset({"target"})
    asks: ClassVar[str] = "logits"

    def __check_init__(self) -> None:
        """Refuse a course without ticks or without enough in a batch."""
        least = 1 if self.honest is None else 2
        few = (1 if self.batch is None else self.batch) < least
        if self.lessons < 1 or self.exams < 0 or few:
            raise Refusal(
                f"a course has a lesson at least and batches of {least} at least, got "
                f"{self.lessons} lessons, {self.exams} exams, batches of {self.batch}"
            )

    @abc.abstractmethod
    def shown(
        self, world: World
    ) -> tuple[Float[Array, "*batch in"], Integer[Array, "*batch"]]:
        """What this tick shows, and the right answers."""

    @property
    def ticks(self) -> int:
        """Lessons and exams."""
        return self.lessons + self.exams

    @property
    def outputs(self) -> int:
        """A logit for every answer."""
        return self.answers

    def yardsticks(self) -> dict[str, float]:
        """All answers alike."""
        return {"chance": math.log(self.answers)}

    def network(self, *hidden: int) -> Network:
        """A chain from what is shown over hidden layers to the answers."""
        world = eqx.filter_eval_shape(self.init, jax.random.key(0))
        x = eqx.filter_eval_shape(self.observe, world)
        return Network.chain(x.shape[-1], *hidden, self.answers)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what is shown at a tick, without its own axes."""
        return () if self.batch is None else (self.batch,)

    def observe(self, world: World) -> Float[Array, "*batch in"]:
        """What this tick shows."""
        return self.shown(world)[0]

    def respond(
        self, world: World, y: Float[Array, "*batch answers"]
    ) -> tuple[World, Feedback, Loss]:
        """The right answers, and how far these were from them."""
        right = jax.nn.one_hot(self.shown(world)[1], self.answers)
        lesson = world.tick < self.lessons
        judged = jnp.logical_not(lesson) if self.exams else jnp.bool_(True)
        miss = jnp.argmax(y, -1) != jnp.argmax(right, -1)
        loss = Loss(
            value=jnp.mean(-jnp.sum(right * jax.nn.log_softmax(y), -1)),
            weight=jnp.where(judged, 1.0 / (self.exams or self.ticks), 0.0),
            miss=jnp.mean(miss.astype(y.dtype)),
        )
        honest = self.honest is None or world.tick < self.honest
        shown = jnp.where(honest, right, jnp.roll(right, 1, axis=0))
        feedback = Feedback(
            target=shown if self.label == "one-hot" else 2 * shown - 1,
            reward=-loss.value,
            taught=lesson,
            ended=world.tick == self.lessons - 1,
        )
        return world._replace(tick=world.tick + 1), feedback, loss
