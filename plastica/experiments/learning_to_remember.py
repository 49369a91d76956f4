"""Finding online neural update rules by learning to remember (paper 001)."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

import jax
from tyro.conf import arg

from plastica.baselines import Recurrent
from plastica.cells import OP
from plastica.data import Corpus, load
from plastica.exhibits import Remembering
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.rules import VectorNeuron
from plastica.rules.vector_neuron import Effect, Kinds
from plastica.search import MetaGradient, optimiser
from plastica.search.search import AbstractSearch
from plastica.tasks import FreshLives, RememberPast, Text
from plastica.tasks.remember import Counted, Memory

EVALUATED = 8  # lives of every evaluation, always the same
UPDATES = 100  # between reports
Ticks = Annotated[int, arg(help="ticks of a life, replays not counted")]
Hidden = Annotated[int, arg(help="neurons of the hidden layer, 0 for none")]
Neuron = Annotated[OP, arg(help="how neurons are renewed")]
Synapse = Annotated[OP, arg(help="how synapses are renewed")]
Embedding = Annotated[int, arg(help="numbers in the embedding of a layer")]
Sends = Annotated[
    Effect, arg(help="what a synapse sends: weight times activation, or an OP's output")
]
OneComponent = Annotated[bool, arg(help="of a body, for all purposes")]
SelfConnections = Annotated[bool, arg(help="of the input layer")]
Present = Annotated[float, arg(help="weight of the current window's own loss")]
CountedFrom = Annotated[Counted, arg(help="how the delay is counted")]
Held = Annotated[Memory, arg(help="activations at a replay; an LSTM's are all it has")]
Lives = Annotated[int, arg(help="independent lives side by side")]


@dataclass(frozen=True)
class Past:
    """Lives in a corpus that are asked for snippets of their past."""

    corpus: Corpus
    objective: RememberPast  # in the training part

    @classmethod
    def of(cls, corpus: Corpus, delay: int, window: int = 10, lives: int = 1) -> Self:
        """Asked from rest, in the training part."""
        text = Text.whole(corpus, "training")
        return cls(corpus, RememberPast(text, delay, window, lives))

    def fresh(self, part: str) -> FreshLives:
        """Newborns in another part."""
        text = Text.whole(self.corpus, part)
        return FreshLives(replace(self.objective, task=text, lives=EVALUATED))

    def experiment(
        self,
        learner: AbstractLearner,
        search: AbstractSearch,
        generations: int,
        every: int,
        seed: int,
    ) -> Experiment:
        """Lives go on in the training part; newborns are judged in the others."""
        return Experiment(
            learner=learner,
            objective=self.objective,
            search=search,
            generations=generations,
            evaluation=self.fresh("validation"),
            every=every,
            exhibit=Remembering(self.fresh("test")),
            sources=((self.corpus.name, self.corpus.sha256),),
            seed=seed,
        )

    def descended(
        self, learner: AbstractLearner, ticks: int, rate: float, clip: float, seed: int
    ) -> Experiment:
        """Searched by short back-propagation while it lives, as the paper does."""
        updates = max(ticks // self.objective.window, 1)
        each = min(UPDATES, updates)
        adam = optimiser("adam", rate, clip)
        search = MetaGradient(optimiser=adam, updates=each)
        generations = -(-updates // each)
        every = max(generations // 10, 1)
        return self.experiment(learner, search, generations, every, seed)


def remember(
    *,
    text: knobs.TextSource = "python-docs",
    delay: knobs.Delay = 10,
    window: knobs.Window = 10,
    neuron: Neuron = "LSTM",
    synapse: Synapse = "GATED",
    state: knobs.NeuronState = 6,
    hidden: Hidden = 5,
    update_hidden: knobs.UpdateHidden = 20,
    embedding: Embedding = 4,
    sends: Sends = "product",
    one_component: OneComponent = False,
    self_connections: SelfConnections = True,
    present: Present = 0.0,
    counted: CountedFrom = "beyond the window",
    ticks: Ticks = 50_000,
    lives: Lives = 1,
    rate: knobs.Rate = 3e-3,
    clip: knobs.Clip = 1.0,
    seed: knobs.Seed = 0,
) -> Experiment:
    """Train a rule to remember, in a life that goes on (figure 1)."""
    corpus = load(text)
    sizes = (corpus.alphabet.size, hidden) if hidden else (corpus.alphabet.size,)
    network = Network.full(*sizes)
    if not self_connections:
        network = Network(sizes, tuple(e for e in network.edges if e != (0, 0)))
    kinds = Kinds(
        neuron, synapse, state, update_hidden, embedding, sends, one_component
    )
    rule = VectorNeuron.random(jax.random.key(seed), network, kinds)
    text_of = Text.whole(corpus, "training")
    past = RememberPast(text_of, delay, window, lives, present, counted)
    return Past(corpus, past).descended(rule, ticks, rate, clip, seed)


def remember_lstm(
    *,
    text: knobs.TextSource = "python-docs",
    delay: knobs.Delay = 10,
    window: knobs.Window = 10,
    hidden: knobs.Units = 16,
    memory: Held = "reset",
    ticks: Ticks = 50_000,
    lives: Lives = 1,
    rate: knobs.Rate = 1e-2,
    clip: knobs.Clip = 1.0,
    seed: knobs.Seed = 0,
) -> Experiment:
    """The baseline: an LSTM whose weights are searched (figure 1, right)."""
    corpus = load(text)
    symbols = corpus.alphabet.size
    lstm = Recurrent.lstm(jax.random.key(seed), symbols, hidden, symbols)
    text_of = Text.whole(corpus, "training")
    past = RememberPast(text_of, delay, window, lives, memory=memory)
    return Past(corpus, past).descended(lstm, ticks, rate, clip, seed)
