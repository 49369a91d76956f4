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
    """A course on images; those of its exams are in none of its lessons.

    With `redraw` each life has classes of its own, drawn with their answers; else
    `classes` stand in the order given. Images are drawn anew at each tick, each as
    likely as any other of its life's classes. Pixels from 0 to 1 are shown less `mean`,
    over `deviation`; if `projected`, through a random matrix of each life's own,
    N(0, 1 / pixels).
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
        """A course on a part of an image set, on some of its classes or all.

        With `answers`, each life has so many classes drawn from them. `course` holds
        `batch`, `lessons`, and, if not as usual, `exams` and `label`.
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
        drawn = jax.random.normal(jax.random.fold_in(key, 1), (pixels, pixels))
        return images._replace(projection=drawn / jnp.sqrt(pixels))

    def shown(
        self, world: Images
    ) -> tuple[Float[Array, "*batch pixels"], Integer[Array, "*batch"]]:
        """Images, and which answer each one's class is."""
        exam = (world.tick >= self.lessons).astype(int)
        first, count = (a[exam, world.classes] for a in (self.first, self.count))
        ends = jnp.cumsum(count)
        key = jax.random.fold_in(world.key, world.tick)
        drawn = jax.random.randint(key, self.shape, 0, ends[-1])
        answer = jnp.searchsorted(ends, drawn, side="right")
        images = self.images[(first - ends + count)[answer] + drawn]
        x = (images / jnp.asarray(255.0) - self.mean) / self.deviation
        return x if world.projection is None else x @ world.projection, answer
