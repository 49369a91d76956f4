"""Variable sharing: cloned back-propagation, and rules from scratch (paper 003)."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from tyro.conf import arg

from plastica.baselines import GradientDescent, Recurrent
from plastica.data import load_images
from plastica.exhibits import Exams, Square
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.rules import VSML, Cloning
from plastica.search import (
    CMAES,
    AbstractSearch,
    MetaGradient,
    OpenAIES,
    Population,
    optimiser,
)
from plastica.tasks import Classification

Others = Annotated[
    tuple[str, ...],
    arg(help="sets of images that the search never sees, shown at the end"),
]
SearchName = Literal["gradient", "cma-es", "openai-es"]
Sigma = Annotated[float, arg(help="deviation of an evolution's noise, or its first")]
STANDARD: dict[str, Any] = {
    "mean": 0.1307,
    "deviation": 0.3081,
}  # of MNIST's pixels, for every set
PASS = 60_000  # images of one pass over MNIST
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # of the gradient descents shown beside
UNSEEN, SHOWN = 8, 32  # lives of every evaluation, and at the end
EXAM, LATE = 2_000, 100  # questions after the last lesson: in few lives, in many
LATER = 5  # times as many lessons as a search's lives have


def forward(
    *,
    rate: knobs.Rate = 1e-2,
    generations: knobs.Generations = 4_000,
    every: knobs.Every = 200,
    seed: knobs.Seed = 0,
) -> Experiment:
    """A sub-LSTM learns to compute tanh(x) w on random data (figure 4, Eq. 13)."""
    cloning = Cloning(descent=False)
    return _cloned(cloning, Square(cloning), rate, (generations, every, seed))


def clone(
    *,
    images: Annotated[
        tuple[str, ...], arg(help="sets of images on which the clone is shown")
    ] = ("mnist", "fashion-mnist"),
    learns: Annotated[float, arg(help="the rate at which a weight descends")] = 0.005,
    lessons: knobs.Lessons = PASS,
    hidden: Annotated[
        tuple[int, ...], arg(help="neurons of each hidden layer where it is shown")
    ] = (),
    lives: knobs.Lives = 1,
    rate: knobs.Rate = 1e-2,
    generations: knobs.Generations = 4_000,
    every: knobs.Every = 200,
    seed: knobs.Seed = 0,
) -> Experiment:
    """A sub-LSTM learns back-propagation on random data (figure 5, blue)."""
    courses = {each: _course(each, "test", (28, lessons), EXAM) for each in images}
    cloning = Cloning(rate=learns, bias_rate=learns / 50)
    shown = _shown(courses, (learns,), lives, hidden)
    return _cloned(cloning, shown, rate, (generations, every, seed), hidden)


def improve(
    *,
    images: knobs.Images = "mnist",
    others: Others = ("fashion-mnist",),
    side: knobs.Side = 14,
    lessons: knobs.Lessons = 200,
    lives: knobs.Lives = 1,
    search: SearchName = "cma-es",
    rate: knobs.Rate = 1e-2,
    sigma: Sigma = 0.01,
    population: knobs.Members = 16,
    generations: knobs.Generations = 200,
    longer: Annotated[
        int, arg(help="last generations, whose lives are five times as long")
    ] = 0,
    every: knobs.Every = 10,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve the clone that --init-from names, to learn faster (figure 5, orange)."""
    start = _backpropagating(seed, side * side)
    found = _search(search, rate, sigma, population, generations)
    sets, lived = (images, *others), (side, lessons, lives)
    whole = _online(start, found, sets, lived, (generations, every, seed), {})
    if not longer:
        return whole
    long, held_out = (
        _course(images, part, (side, LATER * lessons))
        for part in ("training", "validation")
    )
    return replace(
        whole,
        evaluation=Lifetime.of(held_out, lives=UNSEEN // 2),
        stages=((generations - longer, Lifetime.of(long, lives=lives)),),
    )


def from_scratch(
    *,
    images: knobs.Images = "mnist",
    others: Others = ("fashion-mnist",),
    side: knobs.Side = 8,
    learner: Literal["vsml", "meta-rnn"] = "vsml",
    units: Annotated[int, arg(help="of a sub-LSTM, or of the Meta RNN")] = 16,
    lessons: knobs.Lessons = 200,
    lives: knobs.Lives = 4,
    warm_up: Annotated[
        int, arg(help="generations of short lives before: two classes, 16 pixels")
    ] = 500,
    search: SearchName = "gradient",
    rate: knobs.Rate = 5e-3,
    sigma: Sigma = 0.05,
    population: knobs.Members = 128,
    projected: Annotated[
        bool, arg(help="each life sees through its own matrix")
    ] = False,
    relabelled: Annotated[
        bool, arg(help="each life has its own order of labels")
    ] = False,
    generations: knobs.Generations = 3_000,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Meta-train a rule on online lives of images, from scratch (3.2, figure 6).

    A rule does not know the size of its network, so it can begin where lives are cheap
    and a little learning shows at once. A Meta RNN cannot: it has no warm-up.
    """
    key, pixels = jax.random.key(seed), side * side
    classes = load_images(images).classes
    start: AbstractLearner = {
        "vsml": lambda: _lively(
            VSML.random(key, Network.chain(pixels, classes), units)
        ),
        "meta-rnn": lambda: Recurrent.lstm(key, pixels, units, classes, "error"),
    }[learner]()
    found = _search(search, rate, sigma, population, generations)
    sets, lived = (images, *others), (side, lessons, lives)
    counts, answers = (generations, every, seed), classes if relabelled else None
    drawn = {"projected": projected, "answers": answers}
    whole = _online(start, found, sets, lived, counts, STANDARD, **drawn)
    if not warm_up or isinstance(start, Recurrent):
        return whole
    short = _course(images, "training", (4, 20), answers=2, **STANDARD)
    easy = Lifetime.of(Entry(short, short.network()), lives=64)
    return replace(whole, objective=easy, stages=((warm_up, whole.objective),))


def _cloned(cloning: Cloning, exhibit, rate, counts, hidden=()) -> Experiment:
    generations, every, seed = counts
    return Experiment(
        learner=_backpropagating(seed, 28 * 28, *hidden),
        objective=cloning,
        search=_search("gradient", rate, 0.0, 1, generations),
        generations=generations,
        evaluation=cloning,
        every=every,
        exhibit=exhibit,
        seed=seed,
    )


def _search(name, rate, sigma, population, generations) -> AbstractSearch:
    members = Population(population)
    fading = optimiser("adam", rate, 1.0, generations)
    return {
        "gradient": lambda: MetaGradient(optimiser=fading),
        "cma-es": lambda: CMAES(members, sigma),
        "openai-es": lambda: OpenAIES(members, optimiser("adam", rate), sigma),
    }[name]()


def _backpropagating(seed: int, *layers: int) -> VSML:
    """What is cloned into: sums, as Eq. (13) has them, and a sweep back."""
    network = Network.chain(*layers, 10)
    return VSML.random(
        jax.random.key(seed), network, aggregate="sum", error="sweeps back"
    )


def _lively(rule: VSML) -> VSML:
    """Loud messages and open input gates, so that what is learned shows in answers.

    As drawn, all logits stay near zero, and the gradient with them.
    """
    b = jnp.asarray(rule.cell.b).at[: rule.C.shape[1]].set(4.0)
    return replace(rule, cell=replace(rule.cell, b=b), C=10 * rule.C)


def _course(images: str, part: str, lived, exams=0, **choices) -> Classification:
    """Lives of an image a tick, "unseen" ones and "validation" of images of their own.

    The former are those set apart, the latter the last fifth of the others; in each,
    the last fifth is for exams.
    """
    side, lessons = lived
    there = load_images(images)
    if there.images.shape[1:] != (side, side):
        there = there.resized(side)
    rest = len(there.labels) - there.tests
    own = {"validation": slice(rest * 4 // 5, rest), "unseen": slice(rest, None)}
    if part in own:
        kept, labels = there.images[own[part]], there.labels[own[part]]
        there = replace(there, images=kept, labels=labels, tests=len(labels) // 5)
        part = "test"
    taught = {"batch": None, "lessons": lessons, "exams": exams}
    return Classification.of(there, part, **taught, **choices)


def _shown(courses: dict[str, Classification], rates, lives, hidden=()) -> Exams:
    """Courses beside gradient descent at every rate."""
    network = next(iter(courses.values())).network(*hidden)
    rivals = {
        f"{method} at {rate:g}": GradientDescent.at(rate, network, method)
        for method in ("sgd", "adam")
        for rate in rates
    }
    return Exams(courses, rivals, lives)


def _online(start, search, sets, lived, counts, pixels, **choices) -> Experiment:
    """Searched on lives of training images, shown on lives of images set apart.

    Those searched on come last, where rivals' lives are drawn.
    """
    side, lessons, lives = lived
    generations, every, seed = counts
    size, late, source = (side, lessons), (side, LATER * lessons), load_images(sets[0])
    training = _course(sets[0], "training", size, **pixels, **choices)
    held_out = _course(sets[0], "validation", size, **pixels)
    courses = {}
    for each in reversed(sets):
        first, after = f"{each}, first {lessons:,}", f"{each}, after {late[1]:,}"
        courses[first] = _course(each, "unseen", size, **pixels)
        courses[after] = _course(each, "unseen", late, LATE, **pixels)
    return Experiment(
        learner=start,
        objective=Lifetime.of(training, lives=lives),
        search=search,
        generations=generations,
        evaluation=Lifetime.of(held_out, lives=UNSEEN),
        every=every,
        exhibit=_shown(courses, RATES, SHOWN),
        sources=((source.name, source.sha256),),
        seed=seed,
    )
