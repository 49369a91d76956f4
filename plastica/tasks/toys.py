"""Shapes in the plane, to be separated from what is around them (004, figures 3 and 4).

The text does not say how the sets are made, nor which of them are for training beyond
its figure's left half; the shapes' sizes, and which Boolean functions there are, are
ours, so that about half of the square is inside (of "small circle" and "pie slice"
less; whoever always says "outside" is right in 0.80 and 0.75).
"""

from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, Key, PRNGKeyArray

from plastica.errors import unknown
from plastica.tasks.course import AbstractCourse

REGIONS = {  # of the square from -1 to 1, all its points equally likely
    "xor": lambda x, y: x * y > 0,
    "and": lambda x, y: (x > 0) & (y > 0),
    "or": lambda x, y: (x > 0) | (y > 0),
    "centre circle": lambda x, y: x**2 + y**2 < 0.8**2,
    "small circle": lambda x, y: x**2 + y**2 < 0.5**2,
    "pie slice": lambda x, y: jnp.abs(y) < x,
    "cross": lambda x, y: (jnp.abs(x) < 0.3) | (jnp.abs(y) < 0.3),
    "triangle": lambda x, y: (jnp.abs(x) + y < 1) & (y > -0.5),
}
TRAINING = ("xor", "and", "or", "two moons", "centre circle")
HELD_OUT = ("small circle", "pie slice", "cross", "triangle", "blobs")
BLOBS, SPREAD, NOISE = 5, 0.1, 0.1


class Plane(NamedTuple):
    """Where the blobs are, and how far the course has come."""

    key: Key[Array, ""]
    centres: Float[Array, "blobs 2"]
    tick: Integer[Array, ""]


class Toy(AbstractCourse):
    """Classification of random points of the plane, sampled anew at each tick.

    The classes are outside and inside of a shape in the square from -1 to 1; of "two
    moons" which moon, and of "blobs" which of five normal clouds, whose centres are
    random in each life. Answers are logits; the loss is the cross-entropy in nats.

    Args:
        name: for training "xor", "and", "or", "two moons" or "centre circle"; held-out
            "small circle", "pie slice", "cross", "triangle" or "blobs".
        batch: samples shown at a tick; None: one, without an axis of samples.
        lessons: taught ticks, at the beginning of a life.
        exams: ticks after them, which are not taught. The loss is the mean over exams,
            or over all ticks if there are none.
        label: what a target is: "one-hot" (0 and 1) or "signs" (-1 and 1).
        honest: from this lesson on each sample gets the answer of another; None: never.

    Raises:
        Refusal: if there is no such toy, or a count is too small.

    Source: paper 004, section 4.1, figures 3 and 4; the shapes' sizes are ours.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> task = pl.Toy(name="xor", batch=6, lessons=10)
        >>> task.observe(task.init(jax.random.key(0))).shape, task.ticks, task.outputs
        ((6, 2), 11, 2)
    """

    name: str = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Refuse a name that there is not."""
        if self.name not in TRAINING + HELD_OUT:
            raise unknown("there is no toy", self.name, TRAINING + HELD_OUT)

    @classmethod
    def each(cls, names: tuple[str, ...], **course) -> tuple[Self, ...]:
        """A task for each of several toys.

        Args:
            names: names of toys.
            **course: the other fields of the class, the same for all.

        Returns:
            The tasks, in the order of the names.

        Raises:
            Refusal: as the class.
        """
        return tuple(cls(name=name, **course) for name in names)  # type: ignore[call-arg]

    @property
    def answers(self) -> int:
        """How many there are."""
        return BLOBS if self.name == "blobs" else 2

    def init(self, key: PRNGKeyArray) -> Plane:
        """Blobs anywhere in the square."""
        key_centres, key_points = jax.random.split(key)
        centres = jax.random.uniform(key_centres, (BLOBS, 2), minval=-1.0)
        return Plane(key_points, centres, jnp.zeros((), int))

    def shown(
        self, world: Plane
    ) -> tuple[Float[Array, "*batch 2"], Integer[Array, "*batch"]]:
        """Points, and the answer to each."""
        keys = jax.random.split(jax.random.fold_in(world.key, world.tick))
        if self.name in REGIONS:
            x = jax.random.uniform(keys[0], (*self.shape, 2), minval=-1.0)
            return x, REGIONS[self.name](x[..., 0], x[..., 1]).astype(int)
        noise = jax.random.normal(keys[0], (*self.shape, 2))
        answer = jax.random.randint(keys[1], self.shape, 0, self.answers)
        if self.name == "blobs":
            return world.centres[answer] + SPREAD * noise, answer
        angle = jax.random.uniform(keys[1], self.shape, maxval=jnp.pi)
        way = 1.0 - 2.0 * answer  # the second moon is the first one turned round
        moon = jnp.stack([jnp.cos(angle) - 0.5, jnp.sin(angle) - 0.25], -1)
        return (way[..., None] * moon + NOISE * noise) / 1.5, answer
