"""Finding online neural update rules by learning to remember (paper 001)."""

from dataclasses import dataclass, replace

import jax

from plastica import ranges
from plastica.baselines import Recurrent
from plastica.cells import OP
from plastica.data import Corpus
from plastica.experiment import Experiment, experiment
from plastica.experiments.parts import Budget, Descent, Reads, Worlds
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.ranges import Count, CountOrZero, NotNegative
from plastica.rules import VectorNeuron
from plastica.rules.vector_neuron import Effect, Kinds
from plastica.shown import Remembering
from plastica.tasks import FreshLives, RememberPast, Text
from plastica.tasks.remember import Counted, Memory

EVALUATED = 8  # lives of every evaluation, always the same
UPDATES = 100  # between reports


@dataclass(frozen=True)
class Asked(Reads):
    """Lives in a text that are asked for snippets of their past."""

    delay: Count = 10
    """how far back beyond a window is asked, P"""
    window: Count = 10
    """symbols of a window and of a snippet, T"""
    present: NotNegative = 0.0
    """weight of the current window's own loss"""
    counted: Counted = "beyond the window"
    """how the delay is counted"""
    memory: Memory = "reset"
    """activations at a replay; an LSTM's are all it has"""
    lives: Count = 1
    """independent lives side by side"""

    def worlds(self) -> Worlds:
        """Lives go on in the training part; newborns are judged in the others."""
        return self.within(self.corpus(self.text))

    def within(self, corpus: Corpus) -> Worlds:
        """The same in a text of one's own."""
        how = self.delay, self.window, self.lives, self.present
        text = Text.whole(corpus, "training")
        past = RememberPast(text, *how, self.counted, self.memory)
        validation, test = (
            FreshLives(replace(past, task=Text.whole(corpus, part), lives=EVALUATED))
            for part in ("validation", "test")
        )
        source = (corpus.name, corpus.sha256)
        return Worlds([past], validation, Remembering(test), (source,))


@dataclass(frozen=True)
class Past(Asked):
    """The same for so long."""

    ticks: Count = 50_000
    """ticks of a life, replays not counted"""

    def descended(
        self, corpus: Corpus, learner: AbstractLearner, search: Descent, seed: int
    ) -> Experiment:
        """Searched by short back-propagation while it lives, as the paper does."""
        updates = max(self.ticks // self.window, 1)
        each = min(UPDATES, updates)
        generations = -(-updates // each)
        budget = Budget(generations, max(generations // 10, 1), seed)
        made = search.made(updates=each)
        return self.within(corpus).experiment(learner, made, budget)


@dataclass(frozen=True)
class Vectors:
    """Neurons and synapses with vectors as their states."""

    neuron: OP = "LSTM"
    """how neurons are renewed"""
    synapse: OP = "GATED"
    """how synapses are renewed"""
    state: Count = 6
    """numbers in a neuron's state, n_a"""
    hidden: CountOrZero = 5
    """neurons of the hidden layer, 0 for none"""
    update_hidden: Count = 20
    """hidden units of a layer's update network"""
    embedding: CountOrZero = 4
    """numbers in the embedding of a layer"""
    sends: Effect = "product"
    """what a synapse sends: weight times activation, or an OP's output"""
    one_component: bool = False
    """of a body, for all purposes"""
    self_connections: bool = True
    """of the input layer"""

    def rule(self, symbols: int, seed: int) -> VectorNeuron:
        """Theta sampled, all layers joined."""
        sizes = (symbols, self.hidden) if self.hidden else (symbols,)
        network = Network.full(*sizes)
        if not self.self_connections:
            network = Network(sizes, tuple(e for e in network.edges if e != (0, 0)))
        sizes = self.state, self.update_hidden, self.embedding
        kinds = Kinds(self.neuron, self.synapse, *sizes, self.sends, self.one_component)
        return VectorNeuron.random(jax.random.key(seed), network, kinds)


@dataclass(frozen=True)
class Units:
    """A recurrent network."""

    hidden: Count = 16
    """units of a recurrent network"""


@dataclass(frozen=True)
class Seed:
    """Where random numbers begin; generations follow from the ticks."""

    seed: ranges.Seed = 0
    """of everything that is sampled"""


@experiment
def remember(
    past: Past = Past(),
    vectors: Vectors = Vectors(),
    search: Descent = Descent(rate=3e-3),
    seed: Seed = Seed(),
) -> Experiment:
    """Train a rule to remember, in a life that goes on (figure 1)."""
    corpus = past.corpus(past.text)
    rule = vectors.rule(corpus.alphabet.size, seed.seed)
    return past.descended(corpus, rule, search, seed.seed)


@experiment
def remember_lstm(
    past: Past = Past(),
    units: Units = Units(),
    search: Descent = Descent(rate=1e-2),
    seed: Seed = Seed(),
) -> Experiment:
    """The baseline: an LSTM whose weights are searched (figure 1, right)."""
    corpus = past.corpus(past.text)
    symbols, key = corpus.alphabet.size, jax.random.key(seed.seed)
    lstm = Recurrent.lstm(key, symbols, units.hidden, symbols)
    return past.descended(corpus, lstm, search, seed.seed)
