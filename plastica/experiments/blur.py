"""Bidirectional learned update rules (paper 004)."""

from collections.abc import Sequence
from typing import Annotated, Literal

import jax
from tyro.conf import arg

from plastica.baselines import GradientDescent
from plastica.data import ImageSet, load_images
from plastica.errors import Refusal
from plastica.exhibit import Panel, Table
from plastica.exhibits import Exams
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.experiments.figures import Scale, table
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.rules import BLUR, Variant
from plastica.search import CMAES, MetaGradient, Population, SideBySide, optimiser
from plastica.sweep import Record, Sweep, grid
from plastica.tasks import Classification, Toy
from plastica.tasks.course import AbstractCourse
from plastica.tasks.toys import HELD_OUT, TRAINING

RATES = (0.01, 0.1, 1.0, 10.0)  # of SGD with and without momentum (figure 6)
EVALUATED, SHOWN = 8, 20  # lives

Layers = Annotated[tuple[int, ...], arg(help="neurons of each hidden layer")]
States = Annotated[int, arg(help="states of a neuron, k")]
Words = Annotated[
    tuple[str, ...], arg(help="fields of Variant, as in oja=first sigma_last=identity")
]
Start = Annotated[
    Literal["random", "gradient"], arg(help="random genomes, or back-propagation's")
]
Deviation = Annotated[float, arg(help="of a random genome's matrices")]
Normalised = Annotated[bool, arg(help="normalise activations (section 3.4)")]
Batch = Annotated[int, arg(help="samples of a batch")]
Unrolls = Annotated[int, arg(help="batches of a life, the last one without an update")]
Runs = Annotated[int, arg(help="runs side by side, set to the best at each stage")]
Stages = Annotated[
    int, arg(help="equal parts of the generations, each with 5 unrolls more (C.4)")
]
Names = Annotated[tuple[str, ...], arg(help="image sets, or folders of them")]


def toys(
    *,
    hidden: Layers = (20,),
    states: States = 2,
    variant: Words = (),
    start: Start = "random",
    deviation: Deviation = 0.3,
    normalised: Normalised = True,
    batch: Batch = 128,
    unrolls: Unrolls = 10,
    rate: knobs.Rate = 3e-3,
    clip: knobs.Clip = 10.0,
    runs: Runs = 1,
    stages: Stages = 1,
    generations: knobs.Generations = 5_000,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Search a genome on five toys; five others judge it (figures 3 and 4)."""

    def objective(unrolls):
        courses = Toy.each(TRAINING, batch=batch, lessons=unrolls - 1)
        return Lifetime.of(*(_entry(course, hidden) for course in courses))

    evaluation = Toy.each(TRAINING, batch=512, lessons=unrolls - 1)
    shown = Toy.each(HELD_OUT, batch=512, lessons=unrolls - 1)
    genomes = _genomes(hidden, states, variant, start, deviation, normalised)
    return _experiment(
        [genomes(seed * runs + run) for run in range(runs)],
        [objective(unrolls + 5 * stage) for stage in range(stages)],
        MetaGradient(optimiser=optimiser("adam", rate, clip)),
        generations=generations,
        evaluation=Lifetime.of(
            *(_entry(course, hidden) for course in evaluation),
            lives=EVALUATED,
            judge="miss",
        ),
        every=every,
        exhibit=Exams({toy.name: toy for toy in shown}, _rivals(hidden), SHOWN),
        seed=seed,
    )


def images(
    *,
    source: Annotated[str, arg(help="an image set, or a folder of one")] = "digits",
    side: Annotated[int | None, arg(help="pixels to a side; as it is")] = None,
    crop: Annotated[int | None, arg(help="pixels of the middle to keep")] = None,
    answers: Annotated[
        int | None, arg(help="classes drawn anew for each life; all, in order")
    ] = None,
    halves: Annotated[
        bool, arg(help="also the first five and the last five of ten classes")
    ] = False,
    hidden: Layers = (64,),
    states: States = 2,
    variant: Words = (),
    start: Start = "random",
    deviation: Deviation = 0.3,
    normalised: Normalised = True,
    batch: Batch = 128,
    unrolls: Unrolls = 10,
    search: Literal["gradient", "cma_es"] = "gradient",
    population: knobs.Members = 16,
    rate: knobs.Rate = 3e-3,
    clip: knobs.Clip = 10.0,
    runs: Runs = 1,
    stages: Stages = 1,
    generations: knobs.Generations = 2_000,
    every: knobs.Every = 50,
    show: Names = (),
    lessons: Annotated[int, arg(help="batches taught before what is shown")] = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Search a genome on images, by cross-entropy or accuracy (figures 5 to 17)."""
    resized = load_images(source)
    if side or crop:
        resized = resized.resized(side or crop or 1, crop)
    choices = [None, range(5), range(5, 10)] if halves else [None]

    def courses(part, lessons):
        return [
            Classification.of(
                resized, part, classes, answers, batch=batch, lessons=lessons
            )
            for classes in choices
        ]

    def objective(unrolls):
        entries = (_entry(c, hidden) for c in courses("training", unrolls - 1))
        return Lifetime.of(*entries, judge="miss" if search == "cma_es" else "value")

    searches = {
        "gradient": lambda: MetaGradient(optimiser=optimiser("adam", rate, clip)),
        "cma_es": lambda: CMAES(Population(population), sigma=0.3),
    }
    sets = {source: resized} | {name: _shown(name) for name in show if name != source}
    shown = {
        name: Classification.of(
            found,
            "test",
            None,
            answers or (10 if found.classes_apart else None),
            batch=batch,
            lessons=lessons,
            exams=4,
        )
        for name, found in sets.items()
    }
    genomes = _genomes(hidden, states, variant, start, deviation, normalised)
    longest = unrolls + 5 * (stages - 1)
    return _experiment(
        [genomes(seed * runs + run) for run in range(runs)],
        [objective(unrolls + 5 * stage) for stage in range(stages)],
        searches[search](),
        generations=generations,
        evaluation=Lifetime.of(
            *(_entry(c, hidden) for c in courses("validation", longest - 1)),
            lives=EVALUATED,
            judge="miss",
        ),
        every=every,
        exhibit=Exams(shown, _rivals(hidden), SHOWN // 4),
        sources=tuple((name, found.sha256) for name, found in sets.items()),
        seed=seed,
    )


def figure4(*, scale: Scale = "laptop", seeds: knobs.Seeds = 8) -> Sweep:
    """Genomes from some toys work on others (claim B2)."""
    generations = {"laptop": 5_000, "paper": 100_000}[scale]
    runs = grid("blur.toys", generations=[generations], seed=range(seeds))
    return Sweep(runs, _tables("generations"))


def figure5(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """A genome from small digits trains larger images of other kinds (B3, B4)."""
    show = ("mnist", "fashion-mnist", "omniglot")
    knobs_of = {
        "laptop": {"hidden": [(64,)], "generations": [1_500], "stages": [3]},
        "paper": {
            "hidden": [(256,), (256, 128)],
            "states": [4],
            "generations": [90_000],
            "stages": [9],
            "runs": [8],
        },
    }[scale]
    mnist = {"source": ["mnist"], "side": [10], "crop": [20], "halves": [True]}
    shown = [(*show, "emnist-byclass") if scale == "paper" else show]
    runs = grid("blur.images", **mnist, **knobs_of, show=shown, seed=range(seeds))
    return Sweep(runs, _tables("hidden"))


def figure7(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """CMA-ES on accuracy alone comes as far as gradients do (claim B5)."""
    sizes = {
        "laptop": {"hidden": [(64,)], "generations": [200], "population": [16]},
        "paper": {"hidden": [(512,)], "generations": [400], "population": [80]},
    }[scale]
    mnist = {"source": ["mnist"], "side": [14], "unrolls": [16], "lessons": [15]}
    runs = grid(
        "blur.images",
        **mnist,
        **sizes,
        search=["cma_es", "gradient"],
        seed=range(seeds),
    )
    return Sweep(runs, _tables("search"))


def figure8(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Without normalisation genomes do not carry over (claim B6)."""
    return _on_mnist(figure8, scale, seeds, normalised=[True, False])


def figure9(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Kinds of synapses, of backward sweep and of start (claim B7, figure 17)."""
    variants = [
        (f"synapses={synapses}", f"synapse_states={count}", f"backward={backward}")
        for backward in ("additive", "multiplicative", "second state")
        for synapses in ("symmetric", "two sets")
        for count in ("one", "k")
        if scale == "paper" or (backward == "additive" and synapses == "symmetric")
    ]
    return _on_mnist(
        figure9, scale, seeds, variant=variants, start=["random", "gradient"]
    )


def figure10(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Genomes from deep networks work in shallow ones, not the other way (B8)."""
    depths = range(1, 4) if scale == "laptop" else range(2, 5)
    hidden = [(20,) * depth for depth in depths]
    return _on_mnist(figure10, scale, seeds, hidden=hidden)


def figure13(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Non-linearities matter little; more states help, if not linear (B10)."""
    sigmas = [
        tuple(f"{name}={sigma}" for name in ("sigma", "sigma_back"))
        for sigma in ("relu_tanh", "tanh", "identity")
    ]
    states = [2, 4] if scale == "laptop" else [2, 4, 8]
    return _on_mnist(figure13, scale, seeds, variant=sigmas, states=states)


def figure16(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Oja's term and normalised synapses, past the horizon (B11, figure 15)."""
    variants = [
        (f"oja={oja}", f"unit_synapses={unit}")
        for oja in ("none", "released")
        for unit in ("none", "inside")
    ] + [("saturation=tanh",)]
    lessons = [{"laptop": 200, "paper": 800}[scale]]
    return _on_mnist(figure16, scale, seeds, variant=variants, lessons=lessons)


def _on_mnist(figure, scale, seeds, **choices) -> Sweep:
    """Genomes from 10 by 10 MNIST, shown on it as it is."""
    usual = {"source": ["mnist"], "side": [10], "crop": [20], "show": [("mnist",)]}
    usual["generations"] = [{"laptop": 600, "paper": 20_000}[scale]]
    runs = grid("blur.images", **usual | choices, seed=range(seeds))
    return Sweep(runs, _tables(*choices))


def _tables(*names: str):
    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        return table(records, "mean share wrong in exams", *names), []

    return draw


def _shown(name: str) -> ImageSet:
    """An image set as it is, or as 28 by 28 pixels if it is larger."""
    found = load_images(name)
    return found if found.images.shape[1] <= 28 else found.resized(28)


def _entry(course: AbstractCourse, hidden: tuple[int, ...]) -> Entry:
    return Entry(course, course.network(*hidden))


def _rivals(hidden: tuple[int, ...]) -> dict[str, GradientDescent]:
    network = Network.chain(1, *hidden, 1)
    return {
        f"{method} {rate:g}": GradientDescent.at(rate, network, method)
        for method in ("sgd", "momentum")
        for rate in RATES
    } | {"adam 0.01": GradientDescent.at(0.01, network, "adam")}


def _genomes(hidden, states, words, start, deviation, normalised):
    """From a seed to a genome on a network of one input and output, to be moved."""
    pairs = dict(word.partition("=")[::2] for word in words)
    try:
        variant = Variant(**pairs)
    except TypeError as error:
        raise Refusal(f"Variant has no such field: {error}") from error
    network = Network.chain(1, *hidden, 1)

    def genome(seed: int) -> BLUR:
        if start == "gradient":
            return BLUR.gradient_descent(
                network, variant=variant, normalised=normalised
            )
        key = jax.random.key(seed)
        return BLUR.random(key, network, states, deviation, variant, normalised)

    return genome


def _experiment(learners, objectives, search, *, generations, **rest) -> Experiment:
    """From the first of the learners, the others beside it, an objective a stage."""
    starts = [generations * i // len(objectives) for i in range(len(objectives))]
    others = tuple(learners[1:])
    return Experiment(
        learner=learners[0],
        objective=objectives[0],
        search=SideBySide.of(search, *others) if others else search,
        generations=generations,
        stages=tuple(zip(starts, objectives, strict=True))[1:],
        **rest,
    )
