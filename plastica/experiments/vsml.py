"""Variable sharing: cloned back-propagation, and rules from scratch (paper 003)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp

from plastica.baselines import GradientDescent, Recurrent
from plastica.data import ImageSet, load_images
from plastica.experiment import Experiment, experiment
from plastica.experiments.parts import AnySearch, Budget, Descent, Worlds
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.ranges import Count, CountOrZero, Positive
from plastica.rules import VSML, Cloning
from plastica.shown import Exams, Square
from plastica.tasks import Classification

STANDARD: dict[str, Any] = {
    "mean": 0.1307,
    "deviation": 0.3081,
}  # of MNIST's pixels, for every set
PASS = 60_000  # images of one pass over MNIST
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # of the gradient descents shown beside
UNSEEN, SHOWN = 8, 32  # lives of every evaluation, and at the end
EXAM, LATE = 2_000, 100  # questions after the last lesson: in few lives, in many
LATER = 5  # times as many lessons as a search's lives have


@dataclass(frozen=True)
class Cloned:
    """Where a clone is shown, which has never seen images."""

    images: tuple[str, ...] = ("mnist", "fashion-mnist")
    """sets of images on which the clone is shown"""
    learns: Positive = 0.005
    """the rate at which a weight descends"""
    lessons: Count = PASS
    """images of a life, one a tick"""
    hidden: tuple[Count, ...] = ()
    """neurons of each hidden layer where it is shown"""
    lives: Count = 1
    """lives of the clone in each set"""


@dataclass(frozen=True)
class Online:
    """Lives of an image a tick."""

    images: str = "mnist"
    """images to learn from: digits, mnist, fashion-mnist, kmnist, sum-sign, random, or
    a folder of idx or PNG files"""
    others: tuple[str, ...] = ("fashion-mnist",)
    """sets of images that the search never sees, shown at the end"""
    side: Count = 8
    """images are resized to so many pixels a side"""
    lessons: Count = 200
    """images of a life, one a tick"""
    lives: Count = 4
    """lives of every member in a generation"""

    def course(
        self, part: str, images: str = "", longer: int = 1, exams: int = 0, **knobs
    ) -> Classification:
        """Lives in a part of a set (see `course`), `longer` times as long."""
        size = self.side, longer * self.lessons
        return course(images or self.images, part, *size, exams, **knobs)

    def worlds(self, pixels: Mapping[str, Any], **knobs) -> Worlds:
        """Searched on lives of training images, shown on lives of images set apart.

        Those searched on come last, where rivals' lives are plotted.
        """
        training = self.course("training", **pixels, **knobs)
        held_out = self.course("validation", **pixels)
        courses = {}
        for each in (*self.others[::-1], self.images):
            late = LATER * self.lessons
            first, after = f"{each}, first {self.lessons:,}", f"{each}, after {late:,}"
            courses[first] = self.course("unseen", each, **pixels)
            courses[after] = self.course("unseen", each, LATER, LATE, **pixels)
        source = load_images(self.images)
        return Worlds(
            [Lifetime.of(training, lives=self.lives)],
            Lifetime.of(held_out, lives=UNSEEN),
            _beside(courses, RATES, SHOWN),
            ((source.name, source.sha256),),
        )


@dataclass(frozen=True)
class Prolonged(Online):
    """The same, at the end for longer."""

    longer: CountOrZero = 0
    """last generations, whose lives are five times as long"""


@dataclass(frozen=True)
class MetaLearner:
    """Who is meta-trained from scratch, and what is done to make it learn."""

    learner: Literal["vsml", "meta-rnn"] = "vsml"
    """a rule of variable sharing, or a recurrent network that hears its errors"""
    units: Count = 16
    """of a sub-LSTM, or of the Meta RNN"""
    warm_up: CountOrZero = 500
    """generations of short lives before: two classes, 16 pixels"""
    projected: bool = False
    """each life sees through its own matrix"""
    relabelled: bool = False
    """each life has its own order of labels"""

    def newborn(self, seed: int, pixels: int, classes: int) -> AbstractLearner:
        """Where its search begins."""
        key = jax.random.key(seed)
        if self.learner == "meta-rnn":
            return Recurrent.lstm(key, pixels, self.units, classes, "error")
        return lively(VSML.random(key, Network.chain(pixels, classes), self.units))


@experiment
def forward(
    search: Descent = Descent(rate=1e-2), budget: Budget = Budget(every=200)
) -> Experiment:
    """A sub-LSTM learns to compute tanh(x) w on random data (figure 4, Eq. 13)."""
    cloning = Cloning(descent=False)
    return _cloning(cloning, Square(cloning), search, budget)


@experiment
def clone(
    clone: Cloned = Cloned(),
    search: Descent = Descent(rate=1e-2),
    budget: Budget = Budget(every=200),
) -> Experiment:
    """A sub-LSTM learns back-propagation on random data (figure 5, blue)."""
    courses = {i: course(i, "test", 28, clone.lessons, EXAM) for i in clone.images}
    cloning = Cloning(rate=clone.learns, bias_rate=clone.learns / 50)
    shown = _beside(courses, (clone.learns,), clone.lives, clone.hidden)
    return _cloning(cloning, shown, search, budget, clone.hidden)


@experiment
def improve(
    online: Prolonged = Prolonged(side=14, lives=1),
    search: AnySearch = AnySearch(
        search="cma-es", rate=1e-2, sigma=0.01, population=16
    ),
    budget: Budget = Budget(generations=200, every=10),
) -> Experiment:
    """Evolve the clone that --init-from names, to learn faster (figure 5, orange)."""
    worlds = online.worlds({})
    if online.longer:
        long = online.course("training", longer=LATER)
        held_out = online.course("validation", longer=LATER)
        worlds = replace(
            worlds,
            training=[*worlds.training, Lifetime.of(long, lives=online.lives)],
            validation=Lifetime.of(held_out, lives=UNSEEN // 2),
            starts=[0, budget.generations - online.longer],
        )
    start = backpropagating(budget.seed, online.side**2)
    return worlds.experiment(start, search.made(budget.generations), budget)


@experiment
def from_scratch(
    online: Online = Online(),
    meta: MetaLearner = MetaLearner(),
    search: AnySearch = AnySearch(search="gradient", rate=5e-3, sigma=0.05),
    budget: Budget = Budget(generations=3_000, every=100),
) -> Experiment:
    """Meta-train a rule on online lives of images, from scratch (3.2, figure 6).

    A rule does not know the size of its network, so it can begin where lives are cheap
    and a little learning shows at once. A Meta RNN cannot: it has no warm-up.
    """
    classes = load_images(online.images).classes
    start = meta.newborn(budget.seed, online.side**2, classes)
    answers = classes if meta.relabelled else None
    worlds = online.worlds(STANDARD, projected=meta.projected, answers=answers)
    if meta.warm_up and isinstance(start, VSML):
        short = course(online.images, "training", 4, 20, answers=2, **STANDARD)
        easy = Lifetime.of(Entry(short, short.network()), lives=64)
        training = [easy, *worlds.training]
        worlds = replace(worlds, training=training, starts=[0, meta.warm_up])
    return worlds.experiment(start, search.made(budget.generations), budget)


def backpropagating(seed: int, *layers: int) -> VSML:
    """What is cloned into: sums, as Eq. (13) has them, and a sweep back."""
    key, network = jax.random.key(seed), Network.chain(*layers, 10)
    return VSML.random(key, network, aggregate="sum", error="sweeps back")


def lively(rule: VSML) -> VSML:
    """Loud messages and open input gates, so that what is learned shows in answers.

    As sampled, all logits stay near zero, and the gradient with them.
    """
    b = jnp.asarray(rule.cell.b).at[: rule.C.shape[1]].set(4.0)
    return replace(rule, cell=replace(rule.cell, b=b), C=10 * rule.C)


def course(
    images: str, part: str, side: int, lessons: int, exams: int = 0, **knobs
) -> Classification:
    """Lives of an image a tick, "unseen" ones and "validation" of images of their own.

    The former are those set apart, the latter the last fifth of the others; in each,
    the last fifth is for exams.
    """
    there = load_images(images)
    if there.images.shape[1:] != (side, side):
        there = there.resized(side)
    rest = len(there.labels) - there.tests
    own = {"validation": slice(rest * 4 // 5, rest), "unseen": slice(rest, None)}
    if part in own:
        there, part = _kept(there, own[part]), "test"
    taught = {"batch": None, "lessons": lessons, "exams": exams}
    return Classification.of(there, part, **taught | knobs)


def _kept(there: ImageSet, which: slice) -> ImageSet:
    """Some images, the last fifth of them set apart."""
    images, labels = there.images[which], there.labels[which]
    return replace(there, images=images, labels=labels, tests=len(labels) // 5)


def _cloning(cloning, exhibit, search, budget, hidden=()) -> Experiment:
    """A sub-LSTM that clones, on 28 by 28 pixels."""
    worlds = Worlds([cloning], cloning, exhibit)
    start = backpropagating(budget.seed, 28 * 28, *hidden)
    return worlds.experiment(start, search.made(budget.generations), budget)


def _beside(
    courses: dict[str, Classification], rates: Sequence[float], lives: int, hidden=()
) -> Exams:
    """Courses beside gradient descent at every rate."""
    network = next(iter(courses.values())).network(*hidden)
    rivals = {
        f"{method} at {rate:g}": GradientDescent.at(rate, network, method)
        for method in ("sgd", "adam")
        for rate in rates
    }
    return Exams(courses, rivals, lives)
