"""Evolving neural update rules for sequence learning (paper 000)."""

from typing import Literal

import jax
import numpy as np

from plastica.baselines import Recurrent
from plastica.data import load
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.experiments.passages import Passages
from plastica.rules import Forms, PMLPHebb
from plastica.search import SNES, MetaGradient, Population, optimiser


def memorise(
    *,
    text: knobs.TextSource = "python-docs",
    also: knobs.Also = "",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 60,
    hidden: knobs.Hidden = 30,
    state: knobs.NeuronState = 6,
    update_hidden: knobs.UpdateHidden = 14,
    readout: knobs.Readout = "relu",
    sigma: knobs.Sigma = 0.1,
    rate_mean: knobs.RateMean = 1.0,
    rate_sigma: knobs.RateSigma = 0.1,
    population: knobs.Members = 128,
    generations: knobs.Generations = 4_000,
    lives: knobs.Lives = 1,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a rule that memorises text: a passage is read twice (figure 2, left)."""
    other = load(also, alphabet, collapse) if also else None
    passages = Passages(load(text, alphabet, collapse), length, 2, lives, other)
    rule = PMLPHebb.zeros(passages.network(hidden), state, update_hidden, readout)
    members = Population(population, engine=engine)
    search = SNES(members, sigma, rate_mean, rate_sigma)
    return passages.experiment(rule, search, generations, every, seed)


def predict(
    *,
    text: knobs.TextSource = "python-docs",
    also: knobs.Also = "",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 2_000,
    shorter: knobs.Shorter = (),
    hidden: knobs.Hidden = 40,
    state: knobs.NeuronState = 6,
    update_hidden: knobs.UpdateHidden = 14,
    readout: knobs.Readout = "relu",
    sigma: knobs.Sigma = 0.1,
    population: knobs.Members = 128,
    generations: knobs.Generations = 10_000,
    lives: knobs.Lives = 1,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a rule that models a text as it reads it (figures 4, left, and 7)."""
    other = load(also, alphabet, collapse) if also else None
    corpus, neurons = load(text, alphabet, collapse), sum(np.atleast_1d(hidden))
    passages = Passages(corpus, length, 1, lives, other, int(neurons), shorter)
    rule = PMLPHebb.zeros(passages.network(hidden), state, update_hidden, readout)
    search = SNES(Population(population, engine=engine), sigma)
    return passages.experiment(rule, search, generations, every, seed)


def forms(
    *,
    text: knobs.TextSource = "python-docs",
    length: knobs.Length = 30,
    hidden: knobs.Hidden = 20,
    neuron: knobs.NeuronForm = "pmlp",
    synapse: knobs.SynapseForm = "hebb",
    weight_state: knobs.WeightState = 1,
    weight_hidden: knobs.WeightHidden = 14,
    fed: knobs.FedForm = "side by side",
    replaces: knobs.Replaces = False,
    transposed: knobs.Transposed = True,
    one_component: knobs.OneComponent = False,
    readout: knobs.Readout = "relu",
    population: knobs.Members = 128,
    generations: knobs.Generations = 4_000,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Evolve a memory with other forms of its updates (6.2), or without one (7)."""
    chosen = Forms(
        neuron=neuron,
        synapse=synapse,
        weight_state=weight_state,
        weight_hidden=weight_hidden,
        fed=fed,
        replaces=replaces,
        transposed=transposed,
        one_component=one_component,
    )
    passages = Passages(load(text), length, 2)
    rule = PMLPHebb.zeros(passages.network(hidden), readout=readout, forms=chosen)
    search = SNES(Population(population, engine=engine))
    return passages.experiment(rule, search, generations, every, seed)


def by_gradient(
    *,
    text: knobs.TextSource = "python-docs",
    length: knobs.Length = 30,
    hidden: knobs.Hidden = 20,
    readout: knobs.Readout = "relu",
    scale: knobs.Spread = 0.1,
    rate: knobs.Rate = 1e-3,
    clip: knobs.Clip = 1.0,
    generations: knobs.Generations = 4_000,
    lives: knobs.Lives = 16,
    every: knobs.Every = 50,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Search the rule that memorises by meta-gradient instead (figure 3, left)."""
    passages = Passages(load(text), length, 2, lives)
    network = passages.network(hidden)
    key = jax.random.key(seed)
    rule = PMLPHebb.random(key, network, scale=scale, readout=readout)
    search = MetaGradient(optimiser=optimiser("adam", rate, clip))
    return passages.experiment(rule, search, generations, every, seed)


def memorise_lstm(
    *,
    text: knobs.TextSource = "python-docs",
    alphabet: knobs.AlphabetName = "letters",
    collapse: knobs.Collapse = True,
    length: knobs.Length = 60,
    hidden: knobs.Units = 30,
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
    passages = Passages(load(text, alphabet, collapse), length, 2, lives)
    symbols = passages.corpus.alphabet.size
    lstm = Recurrent.lstm(jax.random.key(seed), symbols, hidden, symbols, told)
    searches = {
        "gradient": lambda: MetaGradient(optimiser=optimiser("adam", rate, clip)),
        "snes": lambda: SNES(Population(population, engine=engine)),
    }
    return passages.experiment(lstm, searches[search](), generations, every, seed)
