"""What learners of any task show: losses, and the norms of what lives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from plastica.learner import AbstractLearner, names
from plastica.lifetime import birth, life, live
from plastica.objective import AbstractObjective, Lifetime
from plastica.shown.shown import AbstractExhibit, Curves, Extras, Outcome, plain
from plastica.task import AbstractTask, Loss, World

JUDGED = 5  # keys of an objective that says no more than its loss
NORMS = "Its life, tick by tick"


class General(AbstractExhibit):
    """The objective's lives in worlds that no search has seen.

    A loss is the weighted mean over the objective's entries; of an objective that is
    not over whole lives it is the objective's own, for a few keys.
    """

    objective: AbstractObjective
    untrained: AbstractLearner
    lives: int = eqx.field(static=True, default=100)
    unit: ClassVar[str] = "loss"

    def yardsticks(self) -> dict[str, float]:
        """Those that the tasks of all entries offer, if losses are what is judged."""
        whole = self.objective
        if not isinstance(whole, Lifetime) or whole.judge != "value":
            return {}
        levels = [entry.task.yardsticks() for entry in whole.entries]
        weights = [entry.weight for entry in whole.entries]
        common = [name for name in levels[0] if all(name in each for each in levels)]
        means = {
            n: np.average([each[n] for each in levels], 0, weights) for n in common
        }
        return {name: float(mean) for name, mean in means.items()}

    def heading(self) -> tuple[str, str]:
        """How many lives, or calls of the objective."""
        whole = isinstance(self.objective, Lifetime)
        many = f"{self.lives} lives" if whole else f"{JUDGED} calls"
        return f"{many} in new worlds", ""

    def beside(self) -> dict[str, AbstractLearner]:
        """What the search began with."""
        return {"untrained": self.untrained}

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Losses and misses of lives, means over entries; the first entry's by tick."""
        if not isinstance(self.objective, Lifetime):
            keys = jax.random.split(key, JUDGED)
            losses = _judged(self.objective, learner, keys)
            return Outcome(learner, {"loss": losses}, {})
        whole = replace(self.objective, lives=self.lives)
        losses_of = []
        for entry, keys in zip(whole.entries, whole.keys(key), strict=True):
            losses = every_loss(entry.moved(learner), entry.task, keys)
            value, weight, miss = map(np.asarray, losses)
            losses_of.append([weight * value, weight * miss])
        weights = [entry.weight for entry in whole.entries]
        sums = np.array([[each.sum(1) for each in own] for own in losses_of])
        loss, miss = np.average(sums, 0, weights)
        row = {"loss": loss, "miss": miss}
        return Outcome(learner, row, {"loss": losses_of[0][0].mean(0)})

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """The norms of one life, where there are whole ones."""
        if not isinstance(self.objective, Lifetime):
            return {}
        entry = self.objective.entries[0]
        return {NORMS: watched(entry.moved(outcomes[0].who), entry.task, key)[2]}


@eqx.filter_jit
def every_loss(learner: AbstractLearner, task: AbstractTask, keys) -> Loss:
    """Losses of every tick of lives."""
    return jax.lax.map(lambda key: life(learner, task, key), keys, batch_size=16)


def watched(
    learner: AbstractLearner, task: AbstractTask, key: PRNGKeyArray
) -> tuple[World, Loss, Curves]:
    """One life: the world that it ends in, its losses, how large its arrays are."""
    world, loss, norms = _watched(learner, task, key)
    caption = "Root mean square of every array of its state."
    curves = Curves(plain(norms), "tick", "", caption, log=True, recorded=False)
    return world, loss, curves


@eqx.filter_jit
def _watched(learner, task, key):
    """The same, with the norms by the dotted names of a state's arrays."""

    def norms(state, world, y):
        floats = eqx.filter(state, eqx.is_inexact_array)
        squares = (jnp.mean(jnp.square(leaf)) for leaf in jax.tree.leaves(floats))
        return dict(zip(names(floats), map(jnp.sqrt, squares), strict=True))

    return live(learner, task, *birth(learner, task, key), task.ticks, norms)[1:]


@eqx.filter_jit
def _judged(objective, learner, keys):
    """An objective's own loss."""

    def one(key):
        born, lives = jax.random.split(key)
        return objective(learner, objective.init(learner, born), lives)[0]

    return jax.lax.map(one, keys)
