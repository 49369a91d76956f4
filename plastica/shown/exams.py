"""What learners of courses show: how often they are wrong in exams, and as they go."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, AbstractRule
from plastica.lifetime import birth, live
from plastica.rules import BLUR
from plastica.shown.extras import SIDE, WRONG, Curves, Extras, Planes, Rivals
from plastica.shown.shown import AbstractExhibit, Outcome, plain
from plastica.tasks import Toy
from plastica.tasks.course import AbstractCourse

FIRST = 1_000  # lessons of a life that are shown one by one
REACH = 1.5  # of the grid on which the plane is shown, beyond its square
POINTS = 50  # that are shown of a toy


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

    def heading(self) -> tuple[str, str]:
        """After how many lessons, where all courses have as many."""
        lengths = {course.lessons for course in self.courses.values()}
        when = f" after {lengths.pop()} lessons" if len(lengths) == 1 else ""
        title = f"share wrong{when}, {self.lives} lives"
        return title, "Newborns, taught by the same streams."

    def beside(self) -> dict[str, AbstractLearner]:
        """The rivals."""
        return dict(self.rivals)

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """The share of answers that are wrong, by course; last the mean of exams.

        Before the exams those at the moments. A life's losses are the mean share wrong
        in each of the first lessons, before teaching.
        """
        keys = jax.random.split(key, self.lives)
        early, exams, life = {}, {}, {}
        for name, course in self.courses.items():
            misses = _misses(self._there(learner, name), course, keys)
            lessons, exams[name] = map(np.asarray, misses)
            early |= {f"{name}, after {m}": lessons[:, m] for m in self.moments}
            life[name] = lessons[:, :FIRST].mean(0)
        mean = np.stack(list(exams.values())).mean(0)
        return Outcome(learner, early | exams | {"mean": mean}, life)

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """How toys are divided; of the last course synapses' sizes, and the rivals."""
        extras: Extras = {}
        there = {name: self._there(outcomes[0].who, name) for name in self.courses}
        toys = {
            name: _plane(there[name], course, key)
            for name, course in self.courses.items()
            if isinstance(course, Toy)
        }
        if toys:
            extras["planes"] = Planes(toys)
        last, course = list(self.courses.items())[-1]
        if isinstance(there[last], BLUR):
            sizes = plain({last: _sizes(there[last], course, key)})
            extras["synapses"] = Curves(sizes, "lesson", "root mean square")
        if self.rivals:
            own, *wrong = (plain(each.life)[last] for each in outcomes)
            curves = dict(zip(self.rivals, wrong[-len(self.rivals) :], strict=True))
            extras["rivals"] = Rivals(curves, own, last)
        return extras

    def _there(self, learner, name: str):
        """A rule on the network that a course is lived on."""
        if not isinstance(learner, AbstractRule):
            return learner
        hidden = self.hidden.get(name, learner.network.sizes[1:-1])
        return learner.on(self.courses[name].network(*hidden))


def _plane(learner, toy: Toy, key) -> dict[str, list]:
    """What `Planes` has of a toy, in one life."""
    x, answers, grids = map(np.asarray, _divided(learner, toy, key))
    return {
        "points": x[:POINTS].tolist(),
        "answers": answers[:POINTS].tolist(),
        "grids": ["".join(map(str, grid)) for grid in grids],
    }


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
