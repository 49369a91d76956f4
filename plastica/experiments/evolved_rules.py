"""Evolving neural update rules for sequence learning (paper 000)."""

from dataclasses import dataclass

import jax
import numpy as np

from plastica.baselines import Recurrent
from plastica.baselines.recurrent import Hearing
from plastica.experiment import Experiment, experiment
from plastica.experiments.parts import (
    AnySearch,
    Budget,
    Descent,
    Natural,
    Passages,
    through,
)
from plastica.learner import AbstractRule
from plastica.ranges import Count, Positive
from plastica.rules import Forms, PMLPHebb
from plastica.rules.pmlp_hebb import Readout


@dataclass(frozen=True)
class Neurons:
    """A network of the rule's neurons."""

    hidden: Count | tuple[Count, ...] = 30
    """neurons of the hidden layer, or of each, n"""
    state: Count = 6
    """numbers in a neuron's state, n_a"""
    update_hidden: Count = 14
    """hidden units of a layer's update network"""
    readout: Readout = "relu"
    """probabilities from the output as it is, normalised, or by softmax"""

    def rule(self, symbols: int, forms: Forms | None = None) -> PMLPHebb:
        """Theta at zero, on a network from symbols to symbols."""
        sizes = self.state, self.update_hidden, self.readout
        return PMLPHebb.zeros(through(symbols, self.hidden), *sizes, forms)


@dataclass(frozen=True)
class Scattered(Neurons):
    """The same, theta sampled."""

    scale: Positive = 0.1
    """deviation of the first theta"""


@dataclass(frozen=True)
class Memory:
    """An LSTM."""

    hidden: Count = 30
    """units of a recurrent network"""
    hears: Hearing = "nothing"
    """what a recurrent network hears at the next tick"""


@experiment
def memorise(
    passages: Passages = Passages(),
    neurons: Neurons = Neurons(),
    search: Natural = Natural(),
    budget: Budget = Budget(),
) -> Experiment:
    """Evolve a rule that memorises text: a passage is read twice (figure 2, left)."""
    symbols, worlds = passages.worlds(readings=2)
    return worlds.experiment(neurons.rule(symbols), search.made(), budget)


@experiment
def predict(
    passages: Passages = Passages(length=2_000),
    neurons: Neurons = Neurons(hidden=40),
    search: Natural = Natural(),
    budget: Budget = Budget(generations=10_000),
) -> Experiment:
    """Evolve a rule that models a text as it reads it (figures 4, left, and 7)."""
    units = int(sum(np.atleast_1d(neurons.hidden)))
    symbols, worlds = passages.worlds(readings=1, units=units)
    return worlds.experiment(neurons.rule(symbols), search.made(), budget)


@experiment
def forms(
    passages: Passages = Passages(length=30),
    neurons: Neurons = Neurons(hidden=20),
    forms: Forms = Forms(),
    search: Natural = Natural(),
    budget: Budget = Budget(),
) -> Experiment:
    """Evolve a memory with other forms of its updates (6.2), or without one (7)."""
    symbols, worlds = passages.worlds(readings=2)
    return worlds.experiment(neurons.rule(symbols, forms), search.made(), budget)


@experiment
def by_gradient(
    passages: Passages = Passages(length=30, lives=16),
    neurons: Scattered = Scattered(hidden=20),
    search: Descent = Descent(),
    budget: Budget = Budget(),
) -> Experiment:
    """Search the rule that memorises by meta-gradient instead (figure 3, left)."""
    symbols, worlds = passages.worlds(readings=2)
    rule: AbstractRule = PMLPHebb.random(
        jax.random.key(budget.seed),
        through(symbols, neurons.hidden),
        neurons.state,
        neurons.update_hidden,
        neurons.scale,
        neurons.readout,
    )
    return worlds.experiment(rule, search.made(), budget)


@experiment
def memorise_lstm(
    passages: Passages = Passages(lives=32),
    memory: Memory = Memory(),
    search: AnySearch = AnySearch(search="gradient", rate=3e-3),
    budget: Budget = Budget(generations=2_000),
) -> Experiment:
    """The baseline of 6.4: an LSTM whose weights are searched (figure 3, right)."""
    symbols, worlds = passages.worlds(readings=2)
    key, hears = jax.random.key(budget.seed), memory.hears
    lstm = Recurrent.lstm(key, symbols, memory.hidden, symbols, hears)
    return worlds.experiment(lstm, search.made(), budget)
