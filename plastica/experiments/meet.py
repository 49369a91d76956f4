"""Any rule, any task, any search: whether they can meet is checked before they do."""

from dataclasses import dataclass
from typing import Literal

import jax

from plastica.baselines import Recurrent
from plastica.baselines.recurrent import Told
from plastica.cells import Dense
from plastica.data import load
from plastica.errors import Refusal
from plastica.experiment import Experiment, experiment
from plastica.experiments.learning_to_remember import Past
from plastica.experiments.parts import AnySearch, Budget, Passages
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.rules import VSML, Layers, PlasticRNN, PMLPHebb, VectorNeuron

RuleName = Literal["pmlp_hebb", "plastic_rnn", "vsml", "vector_neuron", "lstm", "rnn"]
READINGS = {"memorise": 2, "predict": 1}


@dataclass(frozen=True)
class Who:
    """A learner of symbols."""

    rule: RuleName = "pmlp_hebb"
    """who lives"""
    hidden: int = 20
    """units of its hidden layer"""
    told: Told = "nothing"
    """what a recurrent network is told at the next tick"""

    def learner(self, symbols: int, by_gradient: bool, seed: int) -> AbstractLearner:
        """Where a search of that kind can begin.

        At zero a gradient would vanish, and a step too large shuts a ReLU for good.
        """
        key = jax.random.key(seed)
        sizes = symbols, self.hidden, symbols
        network = Network.layered(*sizes)
        born = {
            "pmlp_hebb": lambda: (
                PMLPHebb.random(key, network, readout="softmax")
                if by_gradient
                else PMLPHebb.zeros(network)
            ),
            "plastic_rnn": lambda: layered(key, *sizes),
            "vsml": lambda: VSML.random(key, Network.chain(symbols, symbols)),
            "vector_neuron": lambda: VectorNeuron.random(
                key, Network.full(symbols, self.hidden)
            ),
            "lstm": lambda: Recurrent.lstm(key, *sizes, self.told),
            "rnn": lambda: Recurrent.rnn(key, *sizes, self.told),
        }
        if self.rule not in born:
            raise Refusal(f"no rule {self.rule!r}; there are {', '.join(born)}")
        return born[self.rule]()


@dataclass(frozen=True)
class Where:
    """What is asked of it."""

    task: Literal["memorise", "predict", "remember"] = "memorise"
    """where it lives"""
    delay: int = 10
    """how far back beyond a window is asked, P"""


@experiment
def meet(
    who: Who = Who(),
    where: Where = Where(),
    passages: Passages = Passages(length=30),
    search: AnySearch = AnySearch(rate=1e-2),
    budget: Budget = Budget(generations=1_000),
) -> Experiment:
    """Put any rule to any task under any search (claim X1)."""
    if where.task == "remember":  # lives that go on; under evolution, a member its own
        corpus = load(passages.text, passages.alphabet, passages.collapse)
        past = Past(delay=where.delay, lives=passages.lives)
        symbols, worlds = corpus.alphabet.size, past.worlds(corpus)
    else:
        symbols, worlds = passages.worlds(READINGS[where.task])
    learner = who.learner(symbols, search.search == "gradient", budget.seed)
    return worlds.experiment(learner, search.made(), budget)


def layered(key, inputs: int, hidden: int, outputs: int) -> Layers:
    """A plastic recurrent layer between two fully connected ones."""
    key_before, key_core, key_after = jax.random.split(key, 3)
    before = Dense.random(key_before, inputs, hidden, "relu", 0.1)
    after = Dense.random(key_after, hidden, outputs, "linear", 0.1)
    return Layers((before,), PlasticRNN.random(key_core, hidden, hidden), (after,))
