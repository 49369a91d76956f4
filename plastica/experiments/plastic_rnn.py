"""Evolving plastic recurrent neural networks for task generalization (paper 002)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import jax
import numpy as np
from tyro.conf import arg

from plastica.baselines import Cell
from plastica.cells import LSTM, RNN, Activation, Dense
from plastica.errors import Refusal
from plastica.exhibit import Panel, Table
from plastica.exhibits import Foretelling
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.experiments.figures import Scale, argument
from plastica.learner import AbstractLearner
from plastica.objective import Lifetime
from plastica.rules import Layers, PlasticMLP, PlasticRNN
from plastica.search import (
    SNES,
    AbstractSearch,
    OpenAIES,
    Population,
    optimiser,
)
from plastica.sweep import Record, Sweep, grid
from plastica.tasks import Sines

Method = Annotated[
    Literal["eprnn", "eprnn-without-m", "epmlp", "epmlp-random", "rnn", "lstm"],
    arg(help="who lives: the paper's methods"),
]
SearchName = Annotated[
    Literal["program", "paper", "adam", "snes"],
    arg(
        help="the authors' program's evolution, the paper's Eq. (10), or others: Adam "
        "on the mean, SNES"
    ),
]
Said = Annotated[
    Literal["program", "paper"],
    arg(help="where the two differ, whom to follow in plasticity and in the exam"),
]
Members = Annotated[int, arg(help="members of a generation; the program has 398")]
Units = Annotated[int, arg(help="neurons of every layer")]

SCALE = 0.1  # deviation of the weights that evolution starts from
META_TEST = 1_600  # tasks
RULES = (("*.rule.*", 0.001),)  # names of theta that vary less than the others' 0.01


def foretell(
    *,
    method: Method = "eprnn",
    dimensions: Annotated[int, arg(help="sines at once, l")] = 1,
    shots: Annotated[int, arg(help="ticks shown, K")] = 10,
    horizon: Annotated[int, arg(help="ticks asked for, N")] = 20,
    said: Said = "program",
    units: Units = 64,
    search: SearchName = "program",
    population: Members = 398,
    generations: knobs.Generations = 1_500,
    lives: Annotated[int, arg(help="tasks of a generation")] = 16,
    every: knobs.Every = 100,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a network that goes on with sines that it was shown (table 2)."""
    paper = said == "paper"
    task = Sines(
        dimensions,
        shots,
        horizon,
        counts="all" if paper else "exam",
        first="last action" if paper else "zero",
    )
    key = jax.random.key(seed)
    learner = _network(method, key, (dimensions, units, dimensions), 1, "linear", said)
    return Experiment(
        learner=learner,
        objective=Lifetime.of(task, lives=lives),
        search=_search(search, population),
        generations=generations,
        evaluation=Lifetime.of(task, lives=META_TEST),
        every=every,
        exhibit=Foretelling(task),
        seed=seed,
    )


def table2(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """EPRNN predicts sines best: before its variants, RNN, LSTM and MAML (claim P1)."""
    methods = ["eprnn", "eprnn-without-m", "epmlp", "epmlp-random", "rnn", "lstm"]
    columns = {
        "laptop": [(1, 10, 20)],
        "paper": [(l, K, N) for l in (1, 3) for K, N in ((10, 20), (25, 50))],
    }[scale]
    generations = {"laptop": 1_500, "paper": 15_000}[scale]
    runs = tuple(
        run
        for l, K, N in columns
        for run in grid(
            "plastic_rnn.foretell",
            method=methods,
            dimensions=[l],
            shots=[K],
            horizon=[N],
            generations=[generations],
            seed=range(seeds),
        )
    )
    return Sweep(runs, _table2, table2.__doc__ or "")


def meta_test(record: Record) -> float:
    """The mean of the 3 best of the last 10 meta-tests (the tables' summary)."""
    return float(np.mean(sorted(loss for _, loss in record["curve"][-10:])[:3]))


def _network(
    method: str,
    key,
    sizes: tuple[int, int, int],
    depth: int,
    last: Activation,
    said: str,
) -> AbstractLearner:
    """A core between `depth` layers before and two after; sizes: in, units, out."""
    inputs, units, outputs = sizes
    *keys, key_core, key_hidden, key_out = jax.random.split(key, depth + 3)
    widths = [inputs] + [units] * depth
    before = tuple(
        Dense.random(k, width, units, "relu", SCALE)
        for k, width in zip(keys, widths[:depth], strict=True)
    )
    after = (
        Dense.random(key_hidden, units, units, "relu", SCALE),
        Dense.random(key_out, units, outputs, last, SCALE),
    )
    return Layers(before, _core(method, key_core, units, said), after)


def _core(method: str, key, units: int, said: str) -> AbstractLearner:
    if method in ("rnn", "lstm"):
        cell = {"rnn": RNN, "lstm": LSTM}[method]
        return Cell(cell.random(key, units, units, SCALE))
    if method in ("eprnn", "eprnn-without-m"):
        core = PlasticRNN.random(key, units, units, modulated=method == "eprnn")
        passes = "m h" if said == "paper" else "h"
        core = replace(core, passes=passes)
    elif method in ("epmlp", "epmlp-random"):
        core = PlasticMLP.random(key, units, units, evolved=method == "epmlp")
    else:
        raise Refusal(f"no method {method!r}; see --help for those that there are")
    return replace(core, plastic="always" if said == "paper" else "taught")


def _search(name: str, members: int) -> AbstractSearch:
    population = Population(members)
    if name == "snes":
        return SNES(population, sigma=0.01)
    ways = {  # optimiser, its rate, estimate
        "program": ("sgd", 0.02, "sum"),
        "paper": ("sgd", 0.2, "mean"),
        "adam": ("adam", 0.003, "sum"),
    }
    if name not in ways:
        raise Refusal(f"no search {name!r}; there are snes, {', '.join(ways)}")
    how, rate, estimate = ways[name]
    adapts = name != "paper"
    return OpenAIES(
        population,
        optimiser(how, rate),
        sigma=0.01,
        sigmas=RULES,
        estimate=estimate,
        jitter=0.1 if adapts else 0.0,
        elite=(members + 2) // 25 if adapts else 0,
        penalty=1e-6 if adapts else 0.0,
    )


def _table2(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    return _summary(records, ("dimensions", "shots", "horizon"))


def _summary(records, columns: tuple[str, ...]) -> tuple[Table, list[Panel]]:
    """Fitness by method and column, as the paper's tables have it."""
    groups: dict[tuple, list[float]] = {}
    for record in records:
        column = tuple(argument(record, name) for name in columns)
        groups.setdefault((argument(record, "method"), column), []).append(
            -meta_test(record)
        )
    heads = sorted({column for _, column in groups})
    rows = [
        (method, tuple(_spread(groups.get((method, head), [])) for head in heads))
        for method in dict.fromkeys(method for method, _ in groups)
    ]
    spelled = [
        ", ".join(f"{n} {v}" for n, v in zip(columns, head, strict=True))
        for head in heads
    ]
    return Table("fitness", tuple(spelled), tuple(rows)), []


def _spread(fitness: list[float]) -> str:
    """Mean and deviation over runs, and how many there are."""
    if not fitness:
        return "-"
    return f"{np.mean(fitness):.3f} ± {np.std(fitness):.3f} ({len(fitness)})"
