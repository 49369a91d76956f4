"""Bidirectional learned update rules (paper 004)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import jax
from tyro.conf import arg

from plastica.baselines import GradientDescent
from plastica.data import ImageSet, load_images
from plastica.errors import Refusal
from plastica.exhibits import Exams
from plastica.exhibits.update import Update
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.rules import BLUR, Variant
from plastica.search import CMAES, MetaGradient, Population, SideBySide, optimiser
from plastica.tasks import Classification, Toy
from plastica.tasks.toys import HELD_OUT, TRAINING

RATES = (0.001, 0.01, 0.1, 1.0, 10.0)  # of gradient descent shown beside (figure 6)
TOYS = (*TRAINING, *HELD_OUT)
EVALUATED, SHOWN, EXAMS = 8, 10, 4  # lives, and batches of exams
GROWTH, CLIP = 5, 10.0  # unrolls more in each stage (C.4); norm of a gradient (C.1)


def genome(
    *,
    source: Annotated[str, arg(help="toys, a set of images, or a folder")] = "digits",
    side: Annotated[int | None, arg(help="pixels to a side; as it is")] = None,
    crop: Annotated[int | None, arg(help="pixels of the middle to keep")] = None,
    answers: Annotated[
        int | None, arg(help="classes drawn anew for each life; all, in order")
    ] = None,
    halves: Annotated[
        bool, arg(help="also the first five and the last five of ten classes")
    ] = False,
    hidden: Annotated[tuple[int, ...], arg(help="neurons of each layer")] = (64,),
    states: Annotated[int, arg(help="states of a neuron, k")] = 2,
    variant: Annotated[
        tuple[str, ...], arg(help="fields of Variant, as in oja=first sigma=tanh")
    ] = (),
    start: Annotated[
        Literal["random", "gradient"], arg(help="genomes, or back-propagation's")
    ] = "random",
    deviation: Annotated[float, arg(help="of a random genome's matrices")] = 0.3,
    normalised: Annotated[bool, arg(help="normalise activations (3.4)")] = True,
    batch: Annotated[int, arg(help="samples of a batch")] = 128,
    unrolls: Annotated[int, arg(help="batches of a life, the last an exam")] = 10,
    search: Literal["gradient", "cma_es"] = "gradient",
    population: knobs.Members = 16,
    rate: knobs.Rate = 3e-3,
    runs: Annotated[
        int, arg(help="runs side by side, set to the best at each stage")
    ] = 1,
    stages: Annotated[
        int, arg(help="equal parts of the generations, each with 5 unrolls more (C.4)")
    ] = 1,
    generations: knobs.Generations = 1_500,
    every: knobs.Every = 50,
    show: Annotated[tuple[str, ...], arg(help="other toys and sets shown")] = (),
    depths: Annotated[
        tuple[int, ...], arg(help="hidden layers of what is shown; as trained")
    ] = (),
    lessons: Annotated[int, arg(help="batches taught before what is shown")] = 100,
    moments: Annotated[tuple[int, ...], arg(help="lessons after which it is too")] = (),
    honest: Annotated[
        int | None, arg(help="the lesson from which on labels are random; none")
    ] = None,
    rivals: Annotated[bool, arg(help="show gradient descent beside it")] = False,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Search a genome on toys or images, and show it on others (figures 3 to 17)."""
    toys = source == "toys"
    taught = _sets(TRAINING if toys else (source,), side, crop)
    shown = (dict.fromkeys(TOYS) if toys else taught) | _sets(show)
    choices = [None, range(5), range(5, 10)] if halves else [None]

    def judged(part: str, unrolls: int, **how) -> Lifetime:
        courses = (
            _course(name, found, (part, answers, classes), batch, unrolls - 1)
            for name, found in taught.items()
            for classes in choices
        )
        return Lifetime.of(*(Entry(c, c.network(*hidden)) for c in courses), **how)

    judge = "miss" if search == "cma_es" else "value"
    unrolled = [unrolls + GROWTH * stage for stage in range(stages)]
    objectives = [judged("training", n, judge=judge) for n in unrolled]
    starts = [generations * stage // stages for stage in range(stages)]
    how = {"states": states, "scale": deviation, "normalised": normalised}
    seeds = range(seed * runs, (seed + 1) * runs)
    first, *others = (_genome(s, hidden, variant, start, **how) for s in seeds)
    each = {
        "gradient": lambda: MetaGradient(optimiser=optimiser("adam", rate, CLIP)),
        "cma_es": lambda: CMAES(Population(population), sigma=0.3),
    }[search]()
    told = partial(_course, batch=batch, lessons=lessons, exams=EXAMS, honest=honest)
    layers = {f", {d} deep": hidden[:1] * d for d in depths} or {"": hidden}
    return Experiment(
        learner=first,
        objective=objectives[0],
        search=SideBySide.of(each, *others) if others else each,
        generations=generations,
        evaluation=judged("validation", unrolled[-1], lives=EVALUATED, judge="miss"),
        every=every,
        exhibit=Exams(
            {
                name + deep: told(name, found, ("test", answers, None))
                for name, found in shown.items()
                for deep in layers
            },
            _rivals(hidden) if rivals else {},
            SHOWN,
            moments,
            {name + deep: n for name in shown for deep, n in layers.items()},
        ),
        sources=tuple((n, found.sha256) for n, found in shown.items() if found),
        seed=seed,
        stages=tuple(zip(starts, objectives, strict=True))[1:],
    )


def update(
    *,
    generations: knobs.Generations = 2_000,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Search a genome on toys, and ask if its update is a gradient (figure 2)."""
    toys = {"source": "toys", "hidden": (20,)}
    found = genome(**toys, generations=generations, every=every, seed=seed)
    toy = Toy(name="xor", batch=64, lessons=1)  # type: ignore[call-arg]
    return replace(found, exhibit=Update(toy, BLUR.gradient_descent(toy.network(20))))


def _sets(names: Sequence[str], side=None, crop=None) -> dict[str, ImageSet | None]:
    """Images by name, at most 28 pixels to a side if not said; None for toys."""
    found = {}
    for name in names:
        there = None if name in TOYS else load_images(name)
        if there and (side or crop or there.images.shape[1] > 28):
            there = there.resized(side or crop or 28, crop)
        found[f"{name} {side}" if side else name] = there
    return found


def _course(name: str, found: ImageSet | None, chosen, batch, lessons, **course):
    """On a toy or on images: a part of them, answers (of omniglot ten), classes."""
    course |= {"batch": batch, "lessons": lessons}
    if found is None:
        return Toy(name=name, **course)  # type: ignore[call-arg]
    part, answers, classes = chosen
    answers = answers or (10 if found.classes_apart else None)
    return Classification.of(found, part, classes, answers, **course)


def _rivals(hidden: tuple[int, ...]) -> dict[str, GradientDescent]:
    network = Network.chain(1, *hidden, 1)
    return {
        f"{method} {rate:g}": GradientDescent.at(rate, network, method)
        for method in ("sgd", "momentum")
        for rate in RATES
    } | {"adam 0.01": GradientDescent.at(0.01, network, "adam")}


def _genome(seed: int, hidden, words, start, **how) -> BLUR:
    """On a network of one input and output, to be moved."""
    try:
        variant = Variant(**dict(word.partition("=")[::2] for word in words))
    except TypeError as error:
        raise Refusal(f"Variant has no such field: {error}") from error
    network = Network.chain(1, *hidden, 1)
    if start == "gradient":
        normal = how["normalised"]
        return BLUR.gradient_descent(network, variant=variant, normalised=normal)
    return BLUR.random(jax.random.key(seed), network, variant=variant, **how)
