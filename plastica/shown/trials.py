"""Many short lives in one kind of world, sines or a robot's: scores and pictures."""

import abc
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.analysis import mapped, readout, remembered
from plastica.learner import AbstractLearner, Feedback
from plastica.lifetime import birth, live
from plastica.rules import Layers
from plastica.shown.extras import GOAL, WALKS, Curves, Extras, Tracks, Walks
from plastica.shown.shown import AbstractExhibit, Learners, Outcome, Score, plain
from plastica.task import AbstractTask
from plastica.tasks.robot import BASE, TRAVEL, Arena, Robot
from plastica.tasks.sines import Sines, Waves

SHOWN = 3  # lives in a picture
SIGNAL = 0.5, 0.2  # A_0 and k of the paper's figure 9
MAPPED, POINTS = 12, 40  # lives on a map, and points of each


class AbstractTrials(AbstractExhibit):
    """New worlds of a task, lived once each by a newborn."""

    task: eqx.AbstractVar[AbstractTask]
    lives: eqx.AbstractVar[int]

    @abc.abstractmethod
    def hidden(self, world: Any) -> dict[str, Float[Array, "numbers"]]:
        """What the learner is not shown of its world, by name."""

    def manner(self, worlds: Any) -> dict[str, Float[np.ndarray, "lives"]]:
        """What else a table says of lives, from their worlds at every tick."""
        return {}

    def heading(self) -> tuple[str, str]:
        """How many worlds, and what a read-out is."""
        note = "R2: of a ridge read-out of what is hidden, on worlds of its own."
        return f"{self.lives:,} new worlds", note

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Losses over worlds; for networks, read-outs; worlds of the first few lives.

        A read-out is the R^2 of what was hidden, from what a life ends with. A tick's
        mean loss is weighted as it counts in the life's.
        """
        keys = jax.random.split(key, self.lives)
        losses, hidden, ends, worlds = whole_lives(self, learner, keys)
        row = {self.unit: losses.sum(axis=1)} | self.manner(worlds)
        row |= {
            f"R2 of {name} from {part}": Score(readout(end, values))
            for part, end in ends.items()
            for name, values in hidden.items()
        }
        few = jax.tree.map(lambda leaf: leaf[:SHOWN].copy(), worlds)
        return Outcome(learner, row, {"loss": losses.mean(axis=0)}, few)

    def below(self, learners: Learners, key: PRNGKeyArray) -> dict[str, dict]:
        """The yardsticks, which are sure."""
        levels = self.yardsticks().items()
        return {name: {self.unit: Score(loss, 0.0)} for name, loss in levels}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """Where weights and activations go over lives."""
        learner = outcomes[0].who
        if not isinstance(learner, Layers):
            return {}
        keys = jax.random.split(key, MAPPED)
        _, hidden, _, states = whole_lives(self, learner, keys, remembered)
        ticks = np.linspace(0, self.task.ticks - 1, POINTS).astype(int)
        maps = {
            part: mapped(walks[:, ticks].reshape(-1, walks.shape[-1]))
            for part, walks in states.items()
            if len(np.unique(walks)) > 1
        }
        maps = {part: plane.reshape(MAPPED, -1, 2) for part, plane in maps.items()}
        firsts = plain({name: each[:, 0] for name, each in hidden.items()}, 3)
        return {WALKS: Walks(firsts, plain(maps, 2))}


class Foretelling(AbstractTrials):
    """Sines that no search has seen."""

    task: Sines
    lives: int = eqx.field(static=True, default=1_600)
    unit: ClassVar[str] = "mean square error"

    def yardsticks(self) -> dict[str, float]:
        """Answering zero: half the mean square of an amplitude."""
        return {"zero": 13 / 6}

    def hidden(self, world: Waves) -> dict[str, Float[Array, "numbers"]]:
        """Amplitudes, periods, and phases on a circle."""
        turn = jnp.concatenate([jnp.cos(world.phase), jnp.sin(world.phase)])
        return {"A": world.amplitude, "n": world.period, "phase": turn}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """Waves and answers, and the maps."""
        worlds, curves = outcomes[0].seen, {}
        for life in range(len(worlds.tick)):
            own = jax.tree.map(lambda leaf, life=life: leaf[life], worlds)
            wave = jax.vmap(self.task.waves)(own, own.tick)
            answers = np.where(own.tick == self.task.shots, np.nan, own.heard[:, 0])
            curves |= {f"wave {life + 1}": wave[:, 0], f"answer {life + 1}": answers}
        caption = (
            f"The first {self.task.shots} ticks were shown; then it heard nothing but "
            "its own answers. The first dimension of new worlds."
        )
        waves = Curves(plain(curves), "tick", "y", caption, recorded=False)
        return {"Waves foretold": waves} | super().closely(outcomes, key)


class Wanderer(AbstractLearner):
    """The random controller of figure 9: wheel speeds from U(-1, 1)."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> Array:
        """Where its draws begin."""
        return jax.random.key_data(key)

    def predict(
        self, state: Array, x: Float[Array, "in"]
    ) -> tuple[Array, Float[Array, "2"]]:
        """Two new speeds."""
        following, now = jax.random.split(jax.random.wrap_key_data(state))
        speeds = jax.random.uniform(now, (2,), minval=-1.0, maxval=1.0)
        return jax.random.key_data(following), speeds

    def learn(self, state: Array, feedback: Feedback) -> Array:
        """Nothing."""
        return state


class Fixed(Robot):
    """A robot with figure 9's goal and signal."""

    def init(self, key: PRNGKeyArray) -> Arena:
        """The goal and the signal are fixed; the rest is sampled."""
        goal, A_0, k = map(jnp.asarray, (GOAL, *SIGNAL))
        return super().init(key)._replace(goal=goal, A_0=A_0, k=k)


class Driving(AbstractTrials):
    """Goals and signals that no search has seen."""

    task: Robot
    lives: int = eqx.field(static=True, default=1_600)
    unit: ClassVar[str] = "summed distance"

    def yardsticks(self) -> dict[str, float]:
        """Driving at random, and standing still, at the mean distance of a goal."""
        keys = jax.random.split(jax.random.key(0), self.lives)
        losses = whole_lives(self, Wanderer(), keys)[0].sum(axis=1)
        from_the_middle = (math.sqrt(2) + math.asinh(1)) / 6  # of a square of side 1
        still = from_the_middle * self.task.longest
        return {"random": float(np.mean(losses)), "still": still}

    def hidden(self, world: Arena) -> dict[str, Float[Array, "numbers"]]:
        """The signal's strength and fading, and the goal."""
        return {"A_0": world.A_0[None], "k": world.k[None], "goal": world.goal}

    def manner(self, worlds: Arena) -> dict[str, Float[np.ndarray, "lives"]]:
        """Radians turned a tick, over the whole life."""
        actions, driving = np.asarray(worlds.action), np.asarray(worlds.step) > 0
        turned = np.abs(actions[..., 1] - actions[..., 0]) * TRAVEL / BASE
        ticks = np.maximum(driving.sum(1), 1)  # 0 if it was there after one
        return {"turning": (turned * driving).sum(1) / ticks}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """Tracks to figure 9's goal, and those of a random controller; the maps."""
        drivers = {"this rule": outcomes[0].who, "random controller": Wanderer()}
        tracks = {name: self._tracks(who, key) for name, who in drivers.items()}
        return {"tracks": Tracks(tracks)} | super().closely(outcomes, key)

    def _tracks(self, learner, key) -> list[list[list[float]]]:
        """Tracks of the roll-out that counts, each as long as it was."""
        task = self.task
        fixed = replace(self, task=Fixed(task.sigma, task.rollouts, task.longest))  # type: ignore[arg-type]
        worlds = whole_lives(fixed, learner, jax.random.split(key, SHOWN))[3]
        counts = (worlds.rollout == task.rollouts - 1) & (worlds.step > 0)
        tracks = [places[on] for places, on in zip(worlds.place, counts, strict=True)]
        return [np.asarray(track, float).round(4).tolist() for track in tracks]


def whole_lives(trials, learner, keys, watch=None):
    """Weighted losses, what was hidden, what lives ended with, worlds by tick.

    With `watch` instead of worlds what it sees of states. All are NumPy arrays.
    """
    return jax.tree.map(np.asarray, _whole_lives(trials, learner, keys, watch))


@eqx.filter_jit
def _whole_lives(trials, learner, keys, watch):
    def one(key):
        state, world = birth(learner, trials.task, key)
        end, _, loss, seen = live(
            *(learner, trials.task, state, world, trials.task.ticks),
            lambda s, w, y: watch(s) if watch else w,
        )
        ends = remembered(end) if isinstance(learner, Layers) else {}
        return loss.weight * loss.value, trials.hidden(world), ends, seen

    return jax.lax.map(one, keys, batch_size=100)
