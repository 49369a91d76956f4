"""Any learner, any task, any search; whether they can meet is checked first."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, Literal

import jax
from typing_extensions import Doc

from plastica.baselines import Hears
from plastica.data import load_images
from plastica.errors import Refusal
from plastica.experiment import Experiment, chooses, experiment
from plastica.experiments.chosen import Chosen, looked_up, part_of, refuse_shared
from plastica.experiments.learners import LEARNERS, Fit
from plastica.experiments.learning_to_remember import Asked
from plastica.experiments.parts import (
    EVALUATED,
    AnySearch,
    Budget,
    Passages,
    Worlds,
)
from plastica.experiments.plastic_rnn import Driven, Foretold
from plastica.experiments.vsml import STANDARD, course
from plastica.files import Own
from plastica.learner import AbstractLearner
from plastica.lifetime import observed
from plastica.objective import AbstractObjective, Lifetime
from plastica.ranges import Count, check_number
from plastica.task import AbstractTask
from plastica.tasks import FreshLives, Toy

OWN = "FILE.py:CLASS"
Heard = Literal["auto", "nothing", "target", "error", "reward"]


@dataclass(frozen=True)
class Who(Chosen):
    """A learner, made to fit a task."""

    rule: Annotated[str, Doc(f"who lives: {', '.join(LEARNERS)}, or {OWN}")]
    hears: Heard = "auto"
    """what it hears of its last answer beside the observation; auto: the target, where
    it learns from nothing else, sees one sample, and the next one does not show it"""

    def learner(self, task: AbstractTask, by_gradient: bool, seed: int):
        """Where a search of that kind can begin."""
        key, outputs = jax.random.key(seed), task.outputs
        x = observed(task).shape
        check_number(f"{type(task).__name__}.outputs", outputs, Count)
        how = task.ticks, len(x) > 1, task.shows_target, by_gradient

        def fitting(more: int) -> AbstractLearner:
            fit = Fit(key, x[-1] + more, outputs, *how)
            made = self.made({"fit": fit} | vars(fit))
            if not isinstance(made, AbstractLearner):
                kind = type(made).__name__
                raise Refusal(f"{self.rule} makes a {kind}; a learner is wanted")
            return made

        alone, hears = fitting(0), self.hears
        if hears == "auto":
            deaf = not alone.needs and "target" in task.gives and not task.shows_target
            deaf = deaf and len(x) == 1
            hears = "target" if deaf else "nothing"
        if hears == "nothing":
            return alone
        if len(x) > 1:
            raise Refusal(
                f"--hears {hears} cannot be added to observations in batches, of shape "
                f"{x}; show one sample, or choose --hears nothing"
            )
        more = 1 if hears == "reward" else outputs
        logits = task.asks != "numbers"
        return Hears(fitting(more), outputs, hears, logits)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Toys:
    """Points of the plane to be classified."""

    toy: str = "xor"
    """xor, and, or, two moons, centre circle, small circle, pie slice, cross, triangle
    or blobs"""
    batch: Count | None = None
    """points shown at a tick; one"""
    lessons: Count = 100
    """ticks of a life"""
    lives: Count = 16
    """lives of every member in a generation"""

    def worlds(self) -> Worlds:
        """All ticks count, before they are taught."""
        task = Toy(name=self.toy, batch=self.batch, lessons=self.lessons, exams=0)  # type: ignore[call-arg]
        return _new_worlds(task, self.lives)


@dataclass(frozen=True)
class Stream:
    """Images to be classified."""

    images: str = "digits"
    """digits, mnist, fashion-mnist, kmnist, omniglot, or a folder of images"""
    side: Count = 8
    """images are resized to so many pixels a side"""
    batch: Count | None = None
    """images shown at a tick; one"""
    lessons: Count = 100
    """ticks of a life"""
    lives: Count = 4
    """lives of every member in a generation"""

    def worlds(self) -> Worlds:
        """All ticks count; lives of validation and test have images of their own."""
        source = load_images(self.images)
        how: dict[str, Any] = STANDARD | {"batch": self.batch}
        training, held_out, unseen = (
            course(self.images, part, self.side, self.lessons, **how)
            for part in ("training", "validation", "unseen")
        )
        return Worlds(
            [Lifetime.of(training, lives=self.lives)],
            Lifetime.of(held_out, lives=EVALUATED),
            data=((source.name, source.sha256),),
            unseen=Lifetime.of(unseen),
        )


TASKS: dict[str, tuple[Any, Callable[[Any], Worlds]]] = {
    "memorise": (Passages(length=30), lambda passages: passages.worlds(2)[1]),
    "predict": (Passages(length=30), lambda passages: passages.worlds(1)[1]),
    "remember": (Asked(), Asked.worlds),
    "toys": (Toys(), Toys.worlds),
    "images": (Stream(), Stream.worlds),
    "sines": (Foretold(), Foretold.worlds),
    "robot": (Driven(), Driven.worlds),
}


@dataclass(frozen=True)
class Where(Chosen):
    """A task of the user's own: new worlds are sampled for search and for showing."""

    task: Annotated[str, Doc(f"where it lives: {', '.join(TASKS)}, or {OWN}")]
    lives: Count = 16
    """lives of every member in a generation"""

    def there(self) -> Worlds:
        """Worlds of the task that these knobs make."""
        task = self.made({})
        if not isinstance(task, AbstractTask):
            kind = type(task).__name__
            raise Refusal(f"{self.task} makes a {kind}; a task is wanted")
        return _new_worlds(task, self.lives)


def choose(given: Mapping[str, Any]) -> dict[str, Any]:
    """The learner's and the task's part, of arguments that have their names or them."""
    rule, task = given.get("rule", "pmlp_hebb"), given.get("task", "memorise")
    parts = {"rule": rule, "task": task}
    if not isinstance(rule, Who):
        parts["rule"] = _who(looked_up(rule, "rule", LEARNERS))
    if inspect.isclass(task) or not hasattr(task, "there"):
        parts["task"] = _where(looked_up(task, "task", TASKS))
    rest = {"the search": AnySearch(), "the budget": Budget()}
    refuse_shared({f"the {name}": part for name, part in parts.items()} | rest)
    return parts


def _who(own: Own) -> Who:
    make = own.value
    if inspect.isclass(make):
        make = getattr(make, "create", None)
        if make is None:
            raise Refusal(
                f"{own.name} does not say how it is made to fit a task; give it a "
                "class method create(cls, key, inputs, outputs, ...) with its knobs"
            )
    return part_of(Who, own, make, ["fit", *(f.name for f in fields(Fit))])


def _where(own: Own) -> Any:
    if own.sha256 is not None:
        return part_of(Where, own, own.value)
    part, there = own.value
    named = ("task", Where.__annotations__["task"], field(default=own.name))
    kind = make_dataclass(
        type(part).__name__,
        [named],
        bases=(type(part),),
        namespace={"there": there},
        frozen=True,
    )
    return kind(**vars(part))


@experiment
@chooses(choose)
def meet(
    rule: Who = choose({})["rule"],
    task: Any = choose({})["task"],
    search: AnySearch = AnySearch(rate=1e-2),
    budget: Budget = Budget(generations=1_000),
) -> Experiment:
    """Put any learner to any task under any search (claim X1).

    Knobs are those of the learner, the task and the search that are named.

    Args:
        rule: a learner by name, FILE.py:CLASS, or a class.
        task: a task by name, FILE.py:CLASS, or a class.
        search: the search; its fields are knobs, as `search`, `population`, `sigma`,
            `rate`.
        budget: how long: `generations`, `every` and `seed`.

    Returns:
        The experiment.

    Raises:
        Refusal: if the learner does not fit the task, or there is no such name or knob.

    Example:
        >>> import plastica as pl
        >>> experiment = pl.meet(rule="lstm", task="toys", toy="cross", generations=5)
        >>> type(experiment.search).__name__, experiment.evaluation.entries[0].task.name
        ('SNES', 'cross')
    """
    worlds = task.there()
    where = _task(worlds.validation)
    learner = rule.learner(where, search.search == "gradient", budget.seed)
    return worlds.experiment(learner, search.made(), budget)


def _new_worlds(task: AbstractTask, lives: int) -> Worlds:
    """New worlds of a task for the search, for evaluations, and for what is shown."""
    return Worlds([Lifetime.of(task, lives=lives)], Lifetime.of(task, lives=EVALUATED))


def _task(objective: AbstractObjective) -> AbstractTask:
    """The task in which an objective's lives are."""
    if isinstance(objective, FreshLives):
        return objective.remember.task
    assert isinstance(objective, Lifetime)
    return objective.entries[0].task
