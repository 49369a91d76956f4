"""Evolving neural update rules for sequence learning (paper 000)."""

from collections.abc import Sequence
from typing import Literal

import jax

from plastica.baselines import Recurrent
from plastica.data import load
from plastica.exhibit import Panel, Table
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.experiments.figures import Scale, best_seeds, table
from plastica.experiments.passages import Passages
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.search import SNES, MetaGradient, Population, optimiser
from plastica.sweep import Record, Sweep, grid


def memorise(
    *,
    text: knobs.TextSource = "python-docs",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 60,
    hidden: knobs.Hidden = 30,
    state: knobs.NeuronState = 6,
    update_hidden: knobs.UpdateHidden = 14,
    readout: knobs.Readout = "relu",
    population: knobs.Members = 128,
    generations: knobs.Generations = 4_000,
    lives: knobs.Lives = 1,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a rule that memorises text: a passage is read twice (figure 2, left)."""
    corpus = load(text, alphabet, collapse)
    network = Network.layered(corpus.alphabet.size, hidden, corpus.alphabet.size)
    rule = PMLPHebb.zeros(network, state, update_hidden, readout)
    passages = Passages(corpus, length, readings=2, lives=lives)
    return passages.experiment(
        rule, SNES(Population(population, engine=engine)), generations, every, seed
    )


def predict(
    *,
    text: knobs.TextSource = "python-docs",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 2_000,
    hidden: knobs.Hidden = 40,
    state: knobs.NeuronState = 6,
    update_hidden: knobs.UpdateHidden = 14,
    readout: knobs.Readout = "relu",
    population: knobs.Members = 128,
    generations: knobs.Generations = 10_000,
    lives: knobs.Lives = 1,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a rule that models a text as it reads it, once (figure 4, left)."""
    corpus = load(text, alphabet, collapse)
    network = Network.layered(corpus.alphabet.size, hidden, corpus.alphabet.size)
    rule = PMLPHebb.zeros(network, state, update_hidden, readout)
    passages = Passages(corpus, length, readings=1, lives=lives)
    return passages.experiment(
        rule, SNES(Population(population, engine=engine)), generations, every, seed
    )


def memorise_lstm(
    *,
    text: knobs.TextSource = "python-docs",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 60,
    hidden: knobs.Hidden = 30,
    told: knobs.Told = "nothing",
    search: Literal["gradient", "snes"] = "gradient",
    rate: knobs.Rate = 3e-3,
    clip: knobs.Clip = 1.0,
    population: knobs.Members = 128,
    generations: knobs.Generations = 2_000,
    lives: knobs.Lives = 32,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """The baseline of 6.4: an LSTM whose weights are searched (figure 3, right)."""
    corpus = load(text, alphabet, collapse)
    symbols = corpus.alphabet.size
    key = jax.random.key(seed)
    lstm = Recurrent.lstm(key, symbols, hidden, symbols, told)
    searches = {
        "gradient": lambda: MetaGradient(optimiser=optimiser("adam", rate, clip)),
        "snes": lambda: SNES(Population(population, engine=engine)),
    }
    passages = Passages(corpus, length, readings=2, lives=lives)
    return passages.experiment(lstm, searches[search](), generations, every, seed)


def figure2_left(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Memory of a text improves with hidden size; n >= T/3 suffices (claim R1)."""
    sizes = {
        "laptop": {30: (5, 10, 20), 100: (10, 20, 40)},
        "paper": {t: (10, 40, 100, 300, 1000) for t in (30, 100, 300, 1000)},
    }[scale]
    generations = {"laptop": 3_000, "paper": 10_000}[scale]
    runs = tuple(
        run
        for length, hiddens in sizes.items()
        for run in grid(
            "evolved_rules.memorise",
            length=[length],
            hidden=hiddens,
            generations=[generations],
            seed=range(seeds),
        )
    )
    return Sweep(runs, _memory, figure2_left.__doc__ or "")


def _memory(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    title = "nats per symbol, second reading of unseen passages"
    picture = best_seeds(records, "length", "hidden", "log-likelihood, nats per symbol")
    return table(records, title, "length", "hidden"), [picture]
