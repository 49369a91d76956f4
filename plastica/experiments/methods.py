"""The learners of paper 002 at its sizes, and the ways to search them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import jax

from plastica.baselines import Cell
from plastica.cells import LSTM, RNN, Activation, Dense
from plastica.errors import Refusal
from plastica.learner import AbstractLearner
from plastica.rules import Layers, PlasticMLP, PlasticRNN
from plastica.search import SNES, AbstractSearch, OpenAIES, Population, optimiser
from plastica.search.openai_es import Estimate
from plastica.search.optimisers import Name

RULES = (("*.rule.*", 0.001),)  # deviations of the search's noise in rules


def dense(
    key, widths: Sequence[int], last: Activation, start: float
) -> tuple[Dense, ...]:
    """Layers of these widths, ReLU but for the last, from weights N(0, start^2)."""
    keys = jax.random.split(key, len(widths) - 1)
    return tuple(
        Dense.random(k, pre, post, "relu" if i < len(keys) - 1 else last, start)
        for i, (k, (pre, post)) in enumerate(zip(keys, pairwise(widths), strict=True))
    )


def network(method, key, widths, outputs, last: Activation, said, start) -> Layers:
    """A core between layers: as many as there are widths before, two after."""
    key_before, key_core, key_after = jax.random.split(key, 3)
    units = widths[-1]
    return Layers(
        before=dense(key_before, widths, "relu", start),
        core=core_of(method, key_core, units, said, start),
        after=dense(key_after, [units, units, outputs], last, start),
    )


def core_of(method: str, key, units: int, said: str, start: float) -> AbstractLearner:
    """What alone remembers and learns, `said` by the paper or by its program."""
    if method in ("rnn", "lstm"):
        cell = {"rnn": RNN, "lstm": LSTM}[method]
        return Cell(cell.random(key, units, units, start))
    paper = said == "paper"
    if method in ("eprnn", "eprnn-without-m"):
        core = PlasticRNN.random(key, units, units, method == "eprnn", start)
        core = replace(core, passes="m h" if paper else "h")
    elif method in ("epmlp", "epmlp-random"):
        core = PlasticMLP.random(key, units, units, method == "epmlp", start)
    else:
        raise Refusal(f"no method {method!r}; see --help for those that there are")
    return replace(core, plastic="always" if paper else "taught")


def search(name: str, members: int, sigma: float) -> AbstractSearch:
    """A search by its name; `sigma` is the deviation of its noise in weights."""
    population = Population(members)
    if name == "snes":
        return SNES(population, sigma=sigma)
    ways: dict[str, tuple[Name, float, Estimate]] = {
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
        sigma=sigma,
        sigmas=RULES,
        estimate=estimate,
        jitter=0.1 if adapts else 0.0,
        elite=(members + 2) // 25 if adapts else 0,
        penalty=1e-6 if adapts else 0.0,
    )
