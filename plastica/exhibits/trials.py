"""Many short lives in one kind of world: scores, and what they tell of the world."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.analysis import mapped, readout, remembered
from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.lifetime import birth, live
from plastica.plots import COLOURS, lines, new_figure, svg
from plastica.rules import Layers
from plastica.task import AbstractTask
from plastica.tasks.sines import Sines, Waves

SHOWN = 3  # lives in a picture
MAPPED, POINTS = 12, 40  # lives on a map, and points of each
PARTS = {"W": "plastic weights", "h": "activations"}


class AbstractTrials(AbstractExhibit):
    """New worlds of a task, lived once each by a newborn."""

    task: eqx.AbstractVar[AbstractTask]
    lives: eqx.AbstractVar[int]

    @abc.abstractmethod
    def hidden(self, world: Any) -> dict[str, Float[Array, "numbers"]]:
        """What the learner is not shown of its world, by name."""

    @abc.abstractmethod
    def manner(self, worlds: Any) -> dict[str, Float[np.ndarray, "lives"]]:
        """What else a table says of lives, from their worlds at every tick."""

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Mean losses with standard errors over worlds; for networks, read-outs.

        A read-out is the R^2 of what was hidden, from what a life ends with.
        """
        keys = jax.random.split(key, self.lives)
        rows = [(name, self._scores(who, keys)) for name, who in learners]
        columns = tuple(dict.fromkeys(c for _, scores in rows for c in scores))
        none = Score(np.nan, np.nan)
        table = [(n, tuple(s.get(c, none) for c in columns)) for n, s in rows]
        for name, loss in self.yardsticks().items():
            rest = (none,) * (len(columns) - 1)
            table.append((name, (Score(loss, 0.0), *rest)))
        note = "R2: of a ridge read-out of what is hidden, on worlds of its own."
        return Table(f"{self.lives:,} new worlds", columns, tuple(table), note)

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """The mean loss of every tick, weighted as it counts in the life's."""
        losses = _lived(self, learner, jax.random.split(key, self.lives))[0]
        return {"loss": np.asarray(losses).mean(axis=0)}

    def details(self, learner: AbstractLearner, key: PRNGKeyArray) -> dict[str, Any]:
        """Where weights and activations go over lives, and what was hidden in each."""
        if not isinstance(learner, Layers):
            return {}
        keys = jax.random.split(key, MAPPED)
        worlds, states = jax.tree.map(np.asarray, _walked(self, learner, keys))
        ticks = np.linspace(0, self.task.ticks - 1, POINTS).astype(int)
        planes = {
            part: mapped(walks[:, ticks].reshape(-1, walks.shape[-1]))
            for part, walks in states.items()
            if len(np.unique(walks)) > 1
        }
        return {
            "hidden": {name: listed(each[:, 0], 3) for name, each in worlds.items()},
            "maps": {n: listed(p.reshape(MAPPED, -1, 2), 2) for n, p in planes.items()},
        }

    def _scores(self, learner, keys) -> dict[str, Score]:
        losses, hidden, ends, worlds = jax.tree.map(
            np.asarray, _lived(self, learner, keys)
        )
        scores = {self.unit: Score.of(losses.sum(axis=1))}
        scores |= {n: Score.of(v) for n, v in self.manner(worlds).items()}
        return scores | {
            f"R2 of {name} from {part}": Score(readout(ends[part], values), np.nan)
            for part in ends
            for name, values in hidden.items()
        }


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

    def manner(self, worlds: Waves) -> dict[str, Float[np.ndarray, "lives"]]:
        """Nothing else."""
        return {}

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Waves and answers, and the maps."""
        worlds = _lived(self, learner, jax.random.split(key, SHOWN))[3]
        curves = {}
        for life in range(SHOWN):
            own = jax.tree.map(lambda leaf, life=life: leaf[life], worlds)
            wave = jax.vmap(self.task.waves)(own, own.tick)
            answers = np.where(own.tick == self.task.shots, np.nan, own.heard[:, 0])
            curves |= {f"wave {life + 1}": wave[:, 0], f"answer {life + 1}": answers}
        caption = (
            f"The first {self.task.shots} ticks were shown; then it heard nothing but "
            "its own answers. The first dimension of three new worlds."
        )
        waves = lines(jax.tree.map(np.asarray, curves), "tick", "y")
        maps = map_panels(self.details(learner, key))
        return [Panel("Waves foretold", caption, waves), *maps]


def map_panels(details: Mapping[str, Any], who: str = "") -> list[Panel]:
    """Where weights and activations go, coloured by what is hidden."""
    panels = []
    for part, walks in details.get("maps", {}).items():
        figure, axes = new_figure(9.0, 3.0, columns=len(details["hidden"]))
        for (name, values), own in zip(details["hidden"].items(), axes, strict=True):
            _coloured(own, np.array(walks), np.array(values), name)
        caption = f"t-SNE of {len(walks)} lives; a dot is where a life ends."
        panels.append(Panel(f"{who}Where {PARTS[part]} go", caption, svg(figure)))
    return panels


def listed(numbers: Float[np.ndarray, "..."], digits: int) -> list:
    """Numbers for a record, as exact as a picture needs them."""
    return np.round(np.asarray(numbers, float), digits).tolist()


@eqx.filter_jit
def _lived(trials, learner, keys):
    """Weighted losses, what was hidden, what lives ended with, worlds by tick."""

    def one(key):
        state, world = birth(learner, trials.task, key)
        end, _, loss, worlds = live(
            learner, trials.task, state, world, trials.task.ticks, lambda s, w, y: w
        )
        ends = remembered(end) if isinstance(learner, Layers) else {}
        return loss.weight * loss.value, trials.hidden(world), ends, worlds

    return jax.lax.map(one, keys, batch_size=100)


@eqx.filter_jit
def _walked(trials, learner, keys):
    """What was hidden, and what was remembered at every tick."""

    def one(key):
        state, world = birth(learner, trials.task, key)
        ticks = trials.task.ticks
        return trials.hidden(world), live(
            learner, trials.task, state, world, ticks, lambda s, w, y: remembered(s)
        )[3]

    return jax.vmap(one)(keys)


def _coloured(axes, walks, values, name: str) -> None:
    """Walks in a plane, the larger the value the redder."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("values", COLOURS[1::-1])
    low, high = values.min(), values.max()
    for walk, value in zip(walks, values, strict=True):
        colour = colours((value - low) / max(high - low, 1e-9))
        axes.plot(*walk.T, color=colour, linewidth=0.8)
        axes.plot(*walk[-1], "o", color=colour, markersize=4)
    axes.set(title=f"{name}, {low:.2g} to {high:.2g}", xticks=[], yticks=[])
