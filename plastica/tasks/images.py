"""Telling images apart: lessons, then an exam on images that were not in them."""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Key, PRNGKeyArray, UInt8

from plastica.data import ImageSet
from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.task import AbstractTask, Loss


class Course(NamedTuple):
    """Which class each answer stands for, and how far the course has come."""

    key: Key[Array, ""]
    classes: Integer[Array, "answers"]
    tick: Integer[Array, ""]
    projection: Float[Array, "pixels pixels"] | None = None


class Classification(AbstractTask):
    """Images to be named, a batch at a tick, or one image if `batch` is None.

    `lessons` ticks are taught; then come `exams` that are not, on other images. The
    answer is taken as logits; the loss is its cross-entropy in nats, the mean over the
    exams, or over all ticks if there are none. With `redraw` each life has classes of
    its own, drawn with their answers; else `classes` stand in the order given. Images
    are drawn anew at each tick, each as likely as any other of its life's classes.
    Pixels from 0 to 1 are shown less `mean`, over `deviation`; if `projected`, through
    a random matrix, N(0, 1 / pixels), which each life has of its own.
    """

    images: UInt8[Array, "images pixels"]  # class by class, those for exams last
    first: Integer[Array, "2 classes"]  # where a class begins: for lessons, for exams
    count: Integer[Array, "2 classes"]
    classes: Integer[Array, "choice"]
    answers: int = eqx.field(static=True)
    batch: int | None = eqx.field(static=True)
    lessons: int = eqx.field(static=True)
    exams: int = eqx.field(static=True, default=1)
    redraw: bool = eqx.field(static=True, default=False)
    label: Literal["one-hot", "signs"] = eqx.field(static=True, default="one-hot")
    mean: float = 0.0
    deviation: float = 1.0
    projected: bool = eqx.field(static=True, default=False)
    gives: ClassVar[frozenset[str]] = frozenset({"target"})

    def __check_init__(self) -> None:
        """Refuse a course without ticks, or with more answers than classes."""
        if (
            self.lessons < 1
            or self.exams < 0
            or (self.batch is not None and self.batch < 1)
        ):
            raise Refusal(
                "a course has a lesson at least and batches of an image at least, got "
                f"{self.lessons} lessons, {self.exams} exams, batches of {self.batch}"
            )
        if not 1 <= self.answers <= self.classes.shape[0]:
            raise Refusal(
                f"there are {self.classes.shape[0]} classes to choose from, got "
                f"{self.answers} answers; ask for fewer"
            )

    @classmethod
    def of(
        cls,
        images: ImageSet,
        part: str,
        classes: Sequence[int] | None = None,
        answers: int | None = None,
        **course,
    ) -> Self:
        """A course on a part of an image set, on some of its classes or all.

        With `answers`, each life has so many classes drawn from them. `course` holds
        `batch`, `lessons`, and, if not as usual, `exams` and `label`.
        """
        taught, asked = images.part(part)
        exam = np.repeat([0, 1], [len(taught), len(asked)])
        chosen = np.concatenate([taught, asked])
        labels = images.labels[chosen]
        order = np.lexsort((exam, labels))
        there = np.unique(labels)
        wanted = np.asarray(there if classes is None else classes)
        if not np.isin(wanted, there).all():
            raise Refusal(
                f"the {part} part of {images.name!r} has classes {there[0]} to "
                f"{there[-1]}, got {wanted.tolist()}; choose among them"
            )
        pairs = 2 * labels + exam
        count = np.bincount(pairs, minlength=2 * images.classes)
        first = np.cumsum(count) - count
        return cls(
            images=jnp.asarray(images.images[chosen[order]].reshape(len(order), -1)),
            first=jnp.asarray(first.reshape(-1, 2).T),
            count=jnp.asarray(count.reshape(-1, 2).T),
            classes=jnp.asarray(wanted),
            answers=answers or len(wanted),
            redraw=answers is not None,
            **course,
        )

    @property
    def ticks(self) -> int:
        """Lessons and exams."""
        return self.lessons + self.exams

    def init(self, key: PRNGKeyArray) -> Course:
        """The classes of a life."""
        key_classes, key_images = jax.random.split(key)
        classes = self.classes
        if self.redraw:
            classes = jax.random.permutation(key_classes, classes)[: self.answers]
        course = Course(key_images, classes, jnp.zeros((), int))
        if not self.projected:
            return course
        pixels = self.images.shape[1]
        drawn = jax.random.normal(jax.random.fold_in(key, 1), (pixels, pixels))
        return course._replace(projection=drawn / jnp.sqrt(pixels))

    def observe(self, world: Course) -> Float[Array, "*batch pixels"]:
        """Images, one in a row."""
        shown = self.images[self._drawn(world)[0]] / jnp.asarray(255.0)
        x = (shown - self.mean) / self.deviation
        return x if world.projection is None else x @ world.projection

    def respond(
        self, world: Course, y: Float[Array, "*batch answers"]
    ) -> tuple[Course, Feedback, Loss]:
        """The right answers, and how far these were from them."""
        right = jax.nn.one_hot(self._drawn(world)[1], self.answers)
        lesson = world.tick < self.lessons
        judged = jnp.logical_not(lesson) if self.exams else jnp.bool_(True)
        miss = jnp.argmax(y, -1) != jnp.argmax(right, -1)
        loss = Loss(
            value=jnp.mean(-jnp.sum(right * jax.nn.log_softmax(y), -1)),
            weight=jnp.where(judged, 1.0 / (self.exams or self.ticks), 0.0),
            miss=jnp.mean(miss.astype(y.dtype)),
        )
        feedback = Feedback(
            target=right if self.label == "one-hot" else 2 * right - 1,
            reward=-loss.value,
            taught=lesson,
            ended=world.tick == self.lessons - 1,
        )
        return world._replace(tick=world.tick + 1), feedback, loss

    def _drawn(self, world: Course) -> tuple[Integer[Array, "*batch"], ...]:
        """Which images this tick shows, and their answers."""
        exam = (world.tick >= self.lessons).astype(int)
        first, count = (a[exam, world.classes] for a in (self.first, self.count))
        ends = jnp.cumsum(count)
        shape = () if self.batch is None else (self.batch,)
        key = jax.random.fold_in(world.key, world.tick)
        drawn = jax.random.randint(key, shape, 0, ends[-1])
        answer = jnp.searchsorted(ends, drawn, side="right")
        return (first - ends + count)[answer] + drawn, answer
