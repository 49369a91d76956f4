"""Telling images apart, in lessons and exams."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Key, PRNGKeyArray, UInt8

from plastica.data import ImageSet
from plastica.errors import Refusal
from plastica.tasks.course import AbstractCourse


class Images(NamedTuple):
    """Which class each answer stands for, and how far the course has come."""

    key: Key[Array, ""]
    classes: Integer[Array, "answers"]
    tick: Integer[Array, ""]
    projection: Float[Array, "pixels pixels"] | None = None


class Classification(AbstractCourse):
    """Classification of images; those of its exams are in none of its lessons.

    Images are sampled anew at each tick, each as likely as any other of the life's
    classes. Answers are logits; the loss is the cross-entropy in nats. Use `of` to make
    one.

    Args:
        images: pixels from 0 to 255, class by class, those for exams last, shape
            `(images, pixels)`.
        first: where each class begins, for lessons and for exams, shape `(2, classes)`.
        count: images of each class, for lessons and for exams, shape `(2, classes)`.
        classes: the classes that a life can have, shape `(choice,)`.
        answers: number of classes in a life.
        redraw: whether each life has random classes in a random order; False: the first
            `answers` of `classes`, as they stand.
        mean, deviation: pixels from 0 to 1 are shown less `mean`, over `deviation`.
        projected: whether each life multiplies images by a random matrix of its own,
            N(0, 1 / pixels).
        batch: samples shown at a tick; None: one, without an axis of samples.
        lessons: taught ticks, at the beginning of a life.
        exams: ticks after them, which are not taught. The loss is the mean over exams,
            or over all ticks if there are none.
        label: what a target is: "one-hot" (0 and 1) or "signs" (-1 and 1).
        honest: from this lesson on each sample gets the answer of another; None: never.

    Raises:
        Refusal: if there are more answers than classes, or a count is too small.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> digits = pl.load_images("digits").resized(4)
        >>> task = pl.Classification.of(digits, "training", batch=3, lessons=10)
        >>> task.observe(task.init(jax.random.key(0))).shape, task.ticks, task.outputs
        ((3, 16), 11, 10)
    """

    images: UInt8[Array, "images pixels"]  # class by class, those for exams last
    first: Integer[Array, "2 classes"]  # where a class begins: for lessons, for exams
    count: Integer[Array, "2 classes"]
    classes: Integer[Array, "choice"]
    answers: int = eqx.field(static=True)
    redraw: bool = eqx.field(static=True, default=False)
    mean: float = 0.0
    deviation: float = 1.0
    projected: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        """Refuse more answers than there are classes."""
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
        """A task on a part of an image set, on some of its classes or all.

        Args:
            images: an image set, from `load_images`.
            part: "training", "validation" or "test".
            classes: numbers of the classes; None: all that the part has.
            answers: number of classes in a life, sampled from `classes`; None: all of
                them.
            **course: `batch` and `lessons`, and any other field that is not as usual.

        Returns:
            The task.

        Raises:
            Refusal: if the part does not have such classes, or there are too few.
        """
        taught, asked = images.part(part)
        chosen = np.concatenate([taught, asked])
        labels = images.labels[chosen]
        pairs = 2 * labels + np.repeat([0, 1], [len(taught), len(asked)])
        order = chosen[np.argsort(pairs, kind="stable")]
        there = np.unique(labels)
        wanted = np.asarray(there if classes is None else classes)
        if not np.isin(wanted, there).all():
            raise Refusal(
                f"the {part} part of {images.name!r} has classes {there[0]} to "
                f"{there[-1]}, got {wanted.tolist()}; choose among them"
            )
        count = np.bincount(pairs, minlength=2 * images.classes)
        first = np.cumsum(count) - count
        return cls(
            images=jnp.asarray(images.images[order].reshape(len(order), -1)),
            first=jnp.asarray(first.reshape(-1, 2).T),
            count=jnp.asarray(count.reshape(-1, 2).T),
            classes=jnp.asarray(wanted),
            answers=answers or len(wanted),
            redraw=answers is not None,
            **course,
        )

    def init(self, key: PRNGKeyArray) -> Images:
        """The classes of a life."""
        key_classes, key_images = jax.random.split(key)
        classes = self.classes
        if self.redraw:
            classes = jax.random.permutation(key_classes, classes)[: self.answers]
        images = Images(key_images, classes, jnp.zeros((), int))
        if not self.projected:
            return images
        pixels = self.images.shape[1]
        number = jax.random.normal(jax.random.fold_in(key, 1), (pixels, pixels))
        return images._replace(projection=number / jnp.sqrt(pixels))

    def shown(
        self, world: Images
    ) -> tuple[Float[Array, "*batch pixels"], Integer[Array, "*batch"]]:
        """Images, and which answer each one's class is."""
        exam = (world.tick >= self.lessons).astype(int)
        first, count = (a[exam, world.classes] for a in (self.first, self.count))
        ends = jnp.cumsum(count)
        key = jax.random.fold_in(world.key, world.tick)
        number = jax.random.randint(key, self.shape, 0, ends[-1])
        answer = jnp.searchsorted(ends, number, side="right")
        images = self.images[(first - ends + count)[answer] + number]
        x = (images / jnp.asarray(255.0) - self.mean) / self.deviation
        return x if world.projection is None else x @ world.projection, answer
