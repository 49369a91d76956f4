"""Many short lives in one kind of world: scores, and what a few of them looked like."""

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.lifetime import birth, live
from plastica.plots import lines
from plastica.task import AbstractTask
from plastica.tasks.sines import Sines

SHOWN = 3  # lives in a picture


class AbstractTrials(AbstractExhibit):
    """New worlds of a task, lived once each by a newborn."""

    task: eqx.AbstractVar[AbstractTask]
    lives: eqx.AbstractVar[int]

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """A life's mean loss, with its standard error over worlds."""
        keys = jax.random.split(key, self.lives)
        scores = [
            (name, (Score.of(_losses(self.task, who, keys).sum(axis=1)),))
            for name, who in learners
        ]
        fixed = [(n, (Score(loss, 0.0),)) for n, loss in self.yardsticks().items()]
        title = f"{self.lives:,} new worlds"
        return Table(title, (self.unit,), (*scores, *fixed))

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """The mean loss of every tick, weighted as it counts in the life's."""
        keys = jax.random.split(key, self.lives)
        return {"loss": _losses(self.task, learner, keys).mean(axis=0)}


class Foretelling(AbstractTrials):
    """Sines that no search has seen."""

    task: Sines
    lives: int = eqx.field(static=True, default=1_600)
    unit: ClassVar[str] = "mean square error"

    def yardsticks(self) -> dict[str, float]:
        """Answering zero: half the mean square of an amplitude."""
        return {"zero": 13 / 6}

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Waves and answers; what is left of the line was shown."""
        curves = {}
        for life, own in enumerate(jax.random.split(key, SHOWN)):
            wave, answer = map(np.asarray, _answers(self.task, learner, own))
            curves |= {f"wave {life + 1}": wave, f"answer {life + 1}": answer}
        caption = (
            f"The first {self.task.shots} ticks were shown; then it heard nothing but "
            "its own answers. The first dimension of three new worlds."
        )
        return [Panel("Waves foretold", caption, lines(curves, "tick", "y"))]


@eqx.filter_jit
def _tick_losses(task, learner, keys):
    def one(key):
        loss = live(learner, task, *birth(learner, task, key), task.ticks)[2]
        return loss.weight * loss.value

    return jax.lax.map(one, keys, batch_size=100)


def _losses(task, learner, keys) -> Float[np.ndarray, "lives ticks"]:
    return np.asarray(_tick_losses(task, learner, keys))


@eqx.filter_jit
def _answers(task, learner, key):
    """The next wave and the answer, tick by tick, in the first dimension."""

    def watch(state, world, y):  # the world is already a tick further
        return task.waves(world, world.tick)[0], y[0]

    state, world = birth(learner, task, key)
    return live(learner, task, state, world, task.ticks, watch)[3]
