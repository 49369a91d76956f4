"""How a learner classifies online: an image a tick, then questions to what it is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.lifetime import birth, live
from plastica.plots import lines
from plastica.tasks.images import Classification

SHOWN = 1_000  # lessons of a life in the pictures


class Online(AbstractExhibit):
    """Image sets that no search has seen, each met online in `lives` lives.

    The cumulative accuracy is that of all answers of a life, each given before its
    image is taught; the final one that of questions to the state then reached, none of
    which leaves a trace. `beside` are learners that are shown with every other.
    """

    tasks: tuple[Classification, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    lives: int = eqx.field(static=True, default=5)
    beside: tuple[tuple[str, AbstractLearner], ...] = ()
    unit: ClassVar[str] = "accuracy"

    def yardsticks(self) -> dict[str, float]:
        """None in the unit of a loss."""
        return {}

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Cumulative and final accuracies, with standard errors over lives."""
        rows = []
        for name, learner in (*learners, *self.beside):
            met = [self._met(learner, task, key) for task in self.tasks]
            scores = [
                Score.of(s) for right, final in met for s in (right.mean(1), final)
            ]
            rows.append((name, tuple(scores)))
        lessons = f"{self.tasks[0].lessons:,} lessons"
        return Table(
            title=f"accuracy, {self.lives} lives of {lessons}",
            columns=tuple(
                f"{name}, {what}" for name in self.names for what in ("all", "final")
            ),
            rows=tuple(rows),
            note="all: of every answer, given before its image was taught; final: of "
            "test images after the last lesson.",
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "lessons"]]:
        """Cumulative accuracy as the first lessons go by, on every set."""
        shown = [replace(t, lessons=min(t.lessons, SHOWN)) for t in self.tasks]
        rights = [self._met(learner, task, key)[0].mean(0) for task in shown]
        return {
            name: np.cumsum(right) / np.arange(1, len(right) + 1)
            for name, right in zip(self.names, rights, strict=True)
        }

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Cumulative accuracy beside the other learners, a picture a set."""
        learners = (("this rule", learner), *self.beside)
        lived = {name: self.over_a_life(who, key) for name, who in learners}
        return [
            Panel(
                f"Learning {name} online",
                f"Accuracy of all answers so far, means over {self.lives} lives.",
                lines({k: v[name] for k, v in lived.items()}, "lesson", self.unit),
            )
            for name in self.names
        ]

    def _met(self, learner, task, key):
        keys = jax.random.split(key, self.lives)
        return jax.tree.map(np.asarray, _met(learner, task, keys))


@eqx.filter_jit
def _met(
    learner: AbstractLearner, task: Classification, keys
) -> tuple[Float[Array, "lives lessons"], Float[Array, "lives"]]:
    """Whether each answer was right, and the share of final questions that were."""

    def life(key):
        born = birth(learner, task, key)
        state, world, losses, _ = live(learner, task, *born, task.lessons)

        def question(world, _):
            y = learner.predict(state, task.observe(world))[1]
            world, _, loss = task.respond(world, y)
            return world, loss.miss

        missed = jax.lax.scan(question, world, length=task.exams)[1]
        return 1 - losses.miss, 1 - jnp.mean(missed)

    return jax.lax.map(life, keys)
