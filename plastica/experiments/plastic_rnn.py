"""Evolving plastic recurrent neural networks for task generalization (paper 002)."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from tyro.conf import arg

from plastica.baselines import MAML, PolicyMAML
from plastica.baselines.maml import RATE, STEPS
from plastica.exhibits import Driving, Foretelling
from plastica.exhibits.trials import AbstractTrials
from plastica.experiment import Experiment
from plastica.experiments import knobs, methods
from plastica.learner import AbstractLearner
from plastica.objective import Lifetime
from plastica.search import AbstractSearch
from plastica.tasks import Robot, Sines

Method = Annotated[
    Literal["eprnn", "eprnn-without-m", "epmlp", "epmlp-random", "rnn", "lstm", "maml"],
    arg(help="who lives: the paper's methods"),
]
Driver = Annotated[
    Literal[
        "eprnn",
        "eprnn-without-m",
        "epmlp",
        "epmlp-random",
        "rnn",
        "lstm",
        "maml-zero-shot",
        "maml-one-rollout",
    ],
    arg(help="who drives: the paper's methods"),
]
SearchName = Annotated[
    Literal["program", "paper", "adam", "snes"],
    arg(help="the authors' program's evolution, Eq. (10), Adam on the mean, or SNES"),
]
Said = Annotated[
    Literal["program", "paper"],
    arg(help="whom to follow where the two differ, in plasticity and in the exam"),
]
Members = Annotated[int, arg(help="members of a generation; the program has 398")]
Units = Annotated[int, arg(help="neurons of every layer")]
Start = Annotated[float, arg(help="deviation of the weights evolution starts from")]
Sigma = Annotated[float, arg(help="deviation of the search's noise in weights")]
Tasks = Annotated[int, arg(help="tasks of a generation, the same for all members")]

META_TEST = 1_600  # tasks


def foretell(
    *,
    method: Method = "eprnn",
    dimensions: Annotated[int, arg(help="sines at once, l")] = 1,
    shots: Annotated[int, arg(help="ticks shown, K")] = 10,
    horizon: Annotated[int, arg(help="ticks asked for, N")] = 20,
    said: Said = "program",
    units: Units = 64,
    start: Start = 0.1,
    search: SearchName = "program",
    sigma: Sigma = 0.01,
    population: Members = 398,
    generations: knobs.Generations = 1_500,
    lives: Tasks = 16,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a network that goes on with sines that it was shown (table 2)."""
    paper = said == "paper"
    counts, first = ("all", "last action") if paper else ("exam", "zero")
    task = Sines(dimensions, shots, horizon, counts=counts, first=first)
    key = jax.random.key(seed)
    widths = [dimensions, units]
    if method == "maml":
        every_width = [*widths, units, units, dimensions]
        layers = methods.dense(key, every_width, "linear", start)
        learner = MAML(layers, jnp.full(STEPS, RATE), shots)
    else:
        shape = widths, dimensions, "linear"
        learner = methods.network(method, key, *shape, said, start)
    return _experiment(
        learner,
        Foretelling(task),
        methods.search(search, population, sigma),
        (generations, lives, every, seed),
    )


def drive(
    *,
    method: Driver = "eprnn",
    noise: Annotated[float, arg(help="deviation of the signal's noise")] = 0.05,
    said: Said = "program",
    units: Units = 16,
    start: Start = 0.3,
    search: SearchName = "program",
    sigma: Sigma = 0.05,
    population: Members = 128,
    generations: knobs.Generations = 1_000,
    lives: Tasks = 16,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a network that steers a robot to a signal it learns to read (table 3).

    The paper's networks, 64 units from weights of 0.1, noise of 0.01, 398 members and 4
    tasks, stand still for far longer.
    """
    paper = said == "paper"
    once = method == "maml-zero-shot" or (paper and method != "maml-one-rollout")
    longest = 100 if paper else 101
    task = Robot(noise, 1 if once else 2, longest)  # type: ignore[arg-type]
    key = jax.random.key(seed)
    widths = [3, units, units]
    if method.startswith("maml"):
        layers = methods.dense(key, [*widths, units, units, 2], "linear", start)
        exploring = 0.0 if method == "maml-zero-shot" else 0.1
        learner = PolicyMAML(layers, jnp.full(STEPS, RATE), longest, exploring)
    else:
        learner = methods.network(method, key, widths, 2, "tanh", said, start)
    return _experiment(
        learner,
        Driving(task),
        methods.search(search, population, sigma),
        (generations, lives, every, seed),
    )


def _experiment(
    learner: AbstractLearner,
    exhibit: AbstractTrials,
    search: AbstractSearch,
    numbers: tuple[int, int, int, int],
) -> Experiment:
    generations, lives, every, seed = numbers
    return Experiment(
        learner=learner,
        objective=Lifetime.of(exhibit.task, lives=lives),
        search=search,
        generations=generations,
        evaluation=Lifetime.of(exhibit.task, lives=META_TEST),
        every=every,
        exhibit=exhibit,
        seed=seed,
    )
