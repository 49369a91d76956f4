"""What learners of courses show: how often they are wrong in exams, and as they go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner, AbstractRule
from plastica.lifetime import birth, live
from plastica.plots import lines
from plastica.tasks.course import AbstractCourse

FIRST = 1_000  # lessons of a life that are shown one by one


class Exams(AbstractExhibit):
    """Courses that no search has seen, each lived by newborns of every learner.

    A rule lives each on a network of its own hidden layers that fits the course;
    `rivals` are learners to stand beside it.
    """

    courses: Mapping[str, AbstractCourse]
    rivals: Mapping[str, AbstractRule]
    lives: int = eqx.field(static=True, default=20)
    unit: ClassVar[str] = "loss"  # a search is judged by nats or by the share wrong

    def yardsticks(self) -> dict[str, float]:
        """None: a search may be judged by nats, which rivals' logits put lower."""
        return {}

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """The share of exams' answers that are wrong, by course; last their mean."""
        rows = []
        for name, learner in (*learners, *self.rivals.items()):
            wrong = self._exams(learner, key)
            scores = (*map(Score.of, wrong), Score.of(wrong.mean(0)))
            rows.append((name, scores))
        lengths = {course.lessons for course in self.courses.values()}
        when = f" after {lengths.pop()} lessons" if len(lengths) == 1 else ""
        return Table(
            f"share wrong{when}, {self.lives} lives",
            (*self.courses, "mean"),
            tuple(rows),
            "Newborns on networks of the same sizes, taught by the same streams.",
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """Mean share wrong at each of the first lessons, before it is taught."""
        return {
            name: self._lives(learner, _begun(course), key)[0].mean(0)
            for name, course in self.courses.items()
        }

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """The last course, beside the rivals."""
        name, course = list(self.courses.items())[-1]
        curves = {
            who: self._lives(rule, _begun(course), key)[0].mean(0)
            for who, rule in {"this rule": learner, **self.rivals}.items()
        }
        picture = lines(curves, "tick", "share wrong")
        return [
            Panel(f"Learning {name}", "Means over lives, before each tick.", picture)
        ]

    def _exams(self, learner, key) -> Float[np.ndarray, "courses lives"]:
        courses = self.courses.values()
        return np.stack([self._lives(learner, course, key)[1] for course in courses])

    def _lives(self, learner, course, key):
        if isinstance(learner, AbstractRule):
            learner = learner.on(course.network(*learner.network.sizes[1:-1]))
        keys = jax.random.split(key, self.lives)
        return jax.tree.map(np.asarray, _misses(learner, course, keys))


def _begun(course: AbstractCourse) -> AbstractCourse:
    """Its first lessons, unexamined."""
    return replace(course, lessons=min(course.lessons, FIRST), exams=0)


@eqx.filter_jit
def _misses(learner, course, keys):
    """Every lesson's share wrong, and each life's in its exams, or else in all.

    Each exam is put to the same state, and leaves no trace.
    """

    def one(key):
        born = birth(learner, course, key)
        state, world, losses, _ = live(learner, course, *born, course.lessons)

        def exam(world, _):
            y = learner.predict(state, course.observe(world))[1]
            world, _, loss = course.respond(world, y)
            return world, loss.miss

        missed = jax.lax.scan(exam, world, length=course.exams)[1]
        return losses.miss, jnp.mean(missed if course.exams else losses.miss)

    return jax.lax.map(one, keys)
