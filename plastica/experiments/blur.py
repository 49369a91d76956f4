"""Bidirectional learned update rules (paper 004)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from plastica.baselines import GradientDescent
from plastica.data import ImageSet, load_images
from plastica.errors import Refusal
from plastica.experiment import Experiment, experiment
from plastica.experiments.parts import AnySearch, Budget, Worlds
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.ranges import Count, CountOrZero, Positive, key_of
from plastica.rules import BLUR, Variant
from plastica.search import AbstractSearch, SideBySide
from plastica.shown import Exams, Update
from plastica.tasks import Classification, Toy
from plastica.tasks.toys import HELD_OUT, TRAINING

RATES = (0.001, 0.01, 0.1, 1.0, 10.0)  # of gradient descent shown beside (figure 6)
TOYS = (*TRAINING, *HELD_OUT)
EVALUATED, SHOWN, EXAMS = 8, 10, 4  # lives, and batches of exams
GROWTH = 5  # unrolls more in each stage (C.4)
Found = dict[str, ImageSet | None]  # images by name, None for a toy


@dataclass(frozen=True)
class Taught:
    """What genomes are searched on."""

    images: str = "digits"
    """toys, a set of images, or a folder"""
    side: Count | None = None
    """pixels to a side; as it is"""
    crop: Count | None = None
    """pixels of the middle to keep"""
    answers: Count | None = None
    """classes sampled for each life; all, in order"""
    halves: bool = False
    """also the first five and the last five of ten classes"""
    batch: Count = 128
    """samples of a batch"""
    unrolls: Count = 10
    """batches of a life, the last an exam"""

    @property
    def found(self) -> Found:
        """The sets to learn from."""
        names = TRAINING if self.images == "toys" else (self.images,)
        return _sets(names, self.side, self.crop)

    def judged(self, part: str, unrolls: int, hidden, **how) -> Lifetime:
        """The courses of a part, all of them, and of the halves of classes."""
        courses = (
            self.course(name, found, part, unrolls - 1, classes)
            for name, found in self.found.items()
            for classes in ((None, range(5), range(5, 10)) if self.halves else (None,))
        )
        return Lifetime.of(*(Entry(c, c.network(*hidden)) for c in courses), **how)

    def course(self, name, found, part, lessons, classes=None, **how):
        """On a toy or on images: a part of them, answers (of omniglot ten), classes."""
        how |= {"batch": self.batch, "lessons": lessons}
        if found is None:
            return Toy(name=name, **how)  # type: ignore[call-arg]
        answers = self.answers or (10 if found.classes_apart else None)
        return Classification.of(found, part, classes, answers, **how)


@dataclass(frozen=True)
class Genome:
    """A genome, and the network that it is searched on."""

    hidden: tuple[Count, ...] = (64,)
    """neurons of each layer"""
    states: Count = 2
    """states of a neuron, k"""
    variant: tuple[str, ...] = ()
    """fields of Variant, as in oja=first sigma=tanh"""
    start: Literal["random", "gradient"] = "random"
    """genomes, or back-propagation's"""
    deviation: Positive = 0.3
    """of a random genome's matrices"""
    normalised: bool = True
    """normalise activations (3.4)"""

    def sampled(self, seed: int) -> BLUR:
        """On a network of one input and output, to be moved."""
        try:
            pairs = (word.partition("=") for word in self.variant)
            fields: dict[str, Any] = {name: value for name, _, value in pairs}
            variant = Variant(**fields)
        except TypeError as error:
            raise Refusal(f"Variant has no such field: {error}") from error
        network = Network.chain(1, *self.hidden, 1)
        how = {"variant": variant, "normalised": self.normalised}
        if self.start == "gradient":
            return BLUR.gradient_descent(network, **how)
        key = key_of(seed)
        return BLUR.random(key, network, self.states, self.deviation, **how)


@dataclass(frozen=True)
class Runs(AnySearch):
    """A search, and how many of it there are side by side."""

    runs: Count = 1
    """runs side by side, set to the best at each stage"""
    stages: Count = 1
    """equal parts of the generations, each with 5 unrolls more (C.4)"""

    def beside(self, *others: BLUR) -> AbstractSearch:
        """From the experiment's learner and from each of the others."""
        each = self.made()
        return SideBySide(each, others) if others else each


@dataclass(frozen=True)
class Elsewhere:
    """Where genomes are shown."""

    show: tuple[str, ...] = ()
    """other toys and sets shown"""
    depths: tuple[Count, ...] = ()
    """hidden layers of what is shown; as trained"""
    lessons: Count = 100
    """batches taught before what is shown"""
    moments: tuple[CountOrZero, ...] = ()
    """lessons after which it is too"""
    honest: CountOrZero | None = None
    """the lesson from which on labels are random; none"""
    rivals: bool = False
    """show gradient descent beside it"""

    def exams(self, taught: Taught, shown: Found, hidden: tuple[int, ...]) -> Exams:
        """Courses of test images on networks of every depth."""
        layers = {f", {d} deep": hidden[:1] * d for d in self.depths} or {"": hidden}
        how = {"exams": EXAMS, "honest": self.honest}
        pairs = [(n, found, deep) for n, found in shown.items() for deep in layers]
        return Exams(
            {
                name + deep: taught.course(name, found, "test", self.lessons, **how)
                for name, found, deep in pairs
            },
            rivals(hidden) if self.rivals else {},
            SHOWN,
            self.moments,
            {name + deep: layers[deep] for name, _, deep in pairs},
        )


@experiment
def genome(
    taught: Taught = Taught(),
    genome: Genome = Genome(),
    search: Runs = Runs(
        search="gradient", rate=3e-3, clip=10.0, sigma=0.3, population=16
    ),
    elsewhere: Elsewhere = Elsewhere(),
    budget: Budget = Budget(generations=1_500),
) -> Experiment:
    """Search a genome on toys or images, and show it on others (figures 3 to 17)."""
    hidden, toys = genome.hidden, taught.images == "toys"
    shown = (dict.fromkeys(TOYS) if toys else taught.found) | _sets(elsewhere.show)
    unrolled = [taught.unrolls + GROWTH * stage for stage in range(search.stages)]
    judge = "miss" if search.search.startswith("cma") else "value"
    worlds = Worlds(
        [taught.judged("training", n, hidden, judge=judge) for n in unrolled],
        taught.judged(
            "validation", unrolled[-1], hidden, lives=EVALUATED, judge="miss"
        ),
        elsewhere.exams(taught, shown, hidden),
        tuple((name, found.sha256) for name, found in shown.items() if found),
    )
    seeds = range(budget.seed * search.runs, (budget.seed + 1) * search.runs)
    first, *others = map(genome.sampled, seeds)
    return worlds.experiment(first, search.beside(*others), budget)


@experiment
def update(budget: Budget = Budget(generations=2_000, every=100)) -> Experiment:
    """Search a genome on toys, and ask if its update is a gradient (figure 2)."""
    found = genome(images="toys", hidden=(20,), budget=budget)
    toy = Toy(name="xor", batch=64, lessons=1)  # type: ignore[call-arg]
    return replace(found, exhibit=Update(toy, BLUR.gradient_descent(toy.network(20))))


def rivals(hidden: tuple[int, ...]) -> dict[str, GradientDescent]:
    """Gradient descent at rates over four orders, with momentum, and Adam."""
    network = Network.chain(1, *hidden, 1)
    return {
        f"{method} {rate:g}": GradientDescent.at(rate, network, method)
        for method in ("sgd", "momentum")
        for rate in RATES
    } | {"adam 0.01": GradientDescent.at(0.01, network, "adam")}


def _sets(names: Sequence[str], side=None, crop=None) -> Found:
    """Images by name, at most 28 pixels to a side if not said; None for toys."""
    found = {}
    for name in names:
        there = None if name in TOYS else load_images(name)
        if there and (side or crop or there.images.shape[1] > 28):
            there = there.resized(side or crop or 28, crop)
        found[f"{name} {side}" if side else name] = there
    return found
