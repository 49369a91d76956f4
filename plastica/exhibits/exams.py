"""What learners of courses show: how often they are wrong in exams, and as they go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner, AbstractRule
from plastica.lifetime import birth, live
from plastica.plots import COLOURS, lines, svg
from plastica.rules import BLUR
from plastica.tasks import Toy
from plastica.tasks.course import AbstractCourse

FIRST = 1_000  # lessons of a life that are shown one by one
SIDE, REACH = 18, 1.5  # of the grid on which the plane is shown, beyond its square
POINTS = 50  # that are shown of a toy
WRONG = "share wrong"


class Exams(AbstractExhibit):
    """Courses that no search has seen, each lived by newborns of every learner.

    A rule lives a course on a network that fits it: with hidden layers of its own, or
    those in `hidden`. `rivals` stand beside it. The table says how often each is wrong
    in the exams, and also in the lesson after so many as `moments` has.
    """

    courses: Mapping[str, AbstractCourse]
    rivals: Mapping[str, AbstractRule]
    lives: int = eqx.field(static=True, default=20)
    moments: tuple[int, ...] = eqx.field(static=True, default=())
    hidden: Mapping[str, tuple[int, ...]] = eqx.field(static=True, default_factory=dict)
    unit: ClassVar[str] = WRONG

    def __check_init__(self) -> None:
        """Refuse moments that some course does not have."""
        shortest = min(course.lessons for course in self.courses.values())
        if max(self.moments, default=0) >= shortest:
            raise Refusal(
                f"moments lie before the last lesson, got {self.moments} in courses of "
                f"{shortest} lessons; choose earlier ones"
            )

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """The share of answers that are wrong, by course; last the mean of exams."""
        rows = []
        for name, learner in (*learners, *self.rivals.items()):
            lived = [self._lives(learner, course, key) for course in self.courses]
            early = [lessons[:, m] for lessons, _ in lived for m in self.moments]
            exams = np.stack([wrong for _, wrong in lived])
            rows.append((name, tuple(map(Score.of, (*early, *exams, exams.mean(0))))))
        early = [f"{name}, after {m}" for name in self.courses for m in self.moments]
        lengths = {course.lessons for course in self.courses.values()}
        when = f" after {lengths.pop()} lessons" if len(lengths) == 1 else ""
        return Table(
            f"share wrong{when}, {self.lives} lives",
            (*early, *self.courses, "mean"),
            tuple(rows),
            "Newborns, taught by the same streams.",
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """Mean share wrong at each of the first lessons, before it is taught."""
        return {name: self._begun(learner, name, key) for name in self.courses}

    def details(self, learner: AbstractLearner, key: PRNGKeyArray) -> dict[str, Any]:
        """Of toys how the plane is divided; of the last course more than misses.

        How rivals learn it, and how large a genome's synapses grow in it: the root of
        their mean square.
        """
        last = list(self.courses)[-1]
        told: dict[str, Any] = {
            name: self._begun(rival, last, key).tolist()
            for name, rival in self.rivals.items()
        }
        for name, course in self.courses.items():
            there = self._there(learner, name)
            if isinstance(course, Toy):
                x, answers, grids = map(np.asarray, _divided(there, course, key))
                told[name] = {
                    "points": x[:POINTS].tolist(),
                    "answers": answers[:POINTS].tolist(),
                    "grids": ["".join(map(str, grid)) for grid in grids],
                }
            if isinstance(there, BLUR) and name == last:
                told["synapses"] = np.asarray(_sizes(there, course, key)).tolist()
        return told

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """How toys are learned, and the last course beside the rivals."""
        last, panels = list(self.courses)[-1], []
        if any(isinstance(course, Toy) for course in self.courses.values()):
            panels.append(planes(self.details(learner, key)))
        if self.rivals:
            both = {"this rule": learner, **self.rivals}
            curves = {name: self._begun(who, last, key) for name, who in both.items()}
            picture = lines(curves, "tick", WRONG)
            panels.append(Panel(f"Learning {last}", "Means over lives.", picture))
        return panels

    def _there(self, learner, name: str):
        """A rule on the network that a course is lived on."""
        if not isinstance(learner, AbstractRule):
            return learner
        hidden = self.hidden.get(name, learner.network.sizes[1:-1])
        return learner.on(self.courses[name].network(*hidden))

    def _begun(self, learner, name: str, key) -> Float[np.ndarray, "lessons"]:
        """The mean share wrong in each of the first lessons."""
        return self._lives(learner, name, key, FIRST)[0].mean(0)

    def _lives(self, learner, name: str, key, most: int | None = None):
        """Shares wrong in the lessons of lives, `most` at most, and in their exams."""
        course, keys = self.courses[name], jax.random.split(key, self.lives)
        if most and most < course.lessons:
            course = replace(course, lessons=most, exams=0)
        there = self._there(learner, name)
        return jax.tree.map(np.asarray, _misses(there, course, keys))


def planes(details: Mapping[str, Any]) -> Panel:
    """Toys' points, and below them how a rule divides the plane as it learns."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    toys = {name: told for name, told in details.items() if "grids" in told}
    rows = 1 + max(len(told["grids"]) for told in toys.values())
    figure = Figure(figsize=(1.3 * len(toys), 1.4 * rows), layout="constrained")
    colours = ListedColormap(COLOURS[:5])
    among: dict[str, Any] = {"cmap": colours, "vmin": 0, "vmax": 4}
    columns = figure.subplots(rows, len(toys), squeeze=False).T
    for (name, told), (top, *below) in zip(toys.items(), columns, strict=True):
        top.scatter(*np.array(told["points"]).T, s=2, c=told["answers"], **among)
        top.set_title(name, fontsize=8)
        for axes, grid in zip(below, told["grids"], strict=True):
            cells = np.array(list(grid), int).reshape(SIDE, SIDE)
            axes.imshow(cells, origin="lower", alpha=0.6, interpolation="none", **among)
        for axes in (top, *below):
            axes.set(xticks=[], yticks=[], aspect="equal")
    caption = "Top: what is shown. Below: answers after 1, a third and all lessons."
    return Panel("The plane divided", caption, svg(figure))


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


@eqx.filter_jit
def _divided(learner, toy, key):
    """A life's last points and their answers, and answers on a grid at three times."""
    along = jnp.linspace(-REACH, REACH, SIDE)
    grid = jnp.stack(jnp.meshgrid(along, along), -1).reshape(-1, 2)

    def decided(state, world, y):
        return jnp.argmax(learner.predict(state, grid)[1], -1)

    born = birth(learner, toy, key)
    _, world, _, answers = live(learner, toy, *born, toy.lessons, decided)
    when = jnp.array([0, toy.lessons // 3, toy.lessons - 1])
    return *toy.shown(world), answers[when]


@eqx.filter_jit
def _sizes(learner, course, key):
    """The root of synapses' mean square as a life goes on."""

    def size(state, world, y):
        leaves = jax.tree.leaves(state.w)
        squares = sum(jnp.sum(w**2) for w in leaves)
        return jnp.sqrt(squares / sum(w.size for w in leaves))

    born = birth(learner, course, key)
    return live(learner, course, *born, course.lessons, size)[3]
