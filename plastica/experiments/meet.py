"""Any rule, any task, any search: whether they can meet is checked before they do."""

from typing import Annotated, Literal

import jax
from tyro.conf import arg

from plastica.baselines import Recurrent
from plastica.cells import Dense
from plastica.data import load
from plastica.errors import Refusal
from plastica.experiment import Experiment
from plastica.experiments import knobs
from plastica.experiments.learning_to_remember import Past
from plastica.experiments.passages import Passages
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.rules import VSML, Layers, PlasticRNN, PMLPHebb, VectorNeuron
from plastica.search import (
    CMAES,
    SNES,
    AbstractSearch,
    MetaGradient,
    OpenAIES,
    Population,
    optimiser,
)

RuleName = Literal["pmlp_hebb", "plastic_rnn", "vsml", "vector_neuron", "lstm", "rnn"]
TaskName = Literal["memorise", "predict", "remember"]
SearchName = Literal["snes", "openai_es", "cma_es", "gradient"]
READINGS = {"memorise": 2, "predict": 1}


def meet(
    *,
    rule: Annotated[RuleName, arg(help="who lives")] = "pmlp_hebb",
    task: Annotated[TaskName, arg(help="where")] = "memorise",
    search: Annotated[SearchName, arg(help="how theta is improved")] = "snes",
    text: knobs.TextSource = "python-docs",
    length: knobs.Length = 30,
    hidden: knobs.Units = 20,
    told: knobs.Told = "nothing",
    delay: knobs.Delay = 10,
    sigma: Annotated[float, arg(help="deviation of the noise, or the first one")] = 0.1,
    rate: knobs.Rate = 1e-2,
    clip: knobs.Clip = 1.0,
    population: knobs.Members = 128,
    generations: knobs.Generations = 1_000,
    lives: knobs.Lives = 1,
    every: knobs.Every = 50,
    engine: knobs.Engine = "auto",
    seed: knobs.Seed = 0,
) -> Experiment:
    """Put any rule to any task under any search (claim X1)."""
    corpus = load(text)
    learner = _learner(rule, search, corpus.alphabet.size, hidden, told, seed)
    members = Population(population, engine=engine)
    found = _search(search, members, sigma, rate, clip)
    if task == "remember":  # lives that go on; under evolution, every member its own
        past = Past.of(corpus, delay, lives=lives)
        return past.experiment(learner, found, generations, every, seed)
    passages = Passages(corpus, length, READINGS[task], lives)
    return passages.experiment(learner, found, generations, every, seed)


def _learner(rule, search, symbols, hidden, told, seed) -> AbstractLearner:
    key = jax.random.key(seed)
    network = Network.layered(symbols, hidden, symbols)
    sizes = symbols, hidden, symbols
    born = {
        # at zero a gradient would vanish, and a step too large shuts a ReLU for good
        "pmlp_hebb": lambda: (
            PMLPHebb.random(key, network, readout="softmax")
            if search == "gradient"
            else PMLPHebb.zeros(network)
        ),
        "plastic_rnn": lambda: _layers(key, *sizes),
        "vsml": lambda: VSML.random(key, Network.chain(symbols, symbols)),
        "vector_neuron": lambda: VectorNeuron.random(
            key, Network.full(symbols, hidden)
        ),
        "lstm": lambda: Recurrent.lstm(key, *sizes, told),
        "rnn": lambda: Recurrent.rnn(key, *sizes, told),
    }
    if rule not in born:
        raise Refusal(f"no rule {rule!r}; there are {', '.join(born)}")
    return born[rule]()


def _layers(key, inputs, hidden, outputs) -> Layers:
    key_before, key_core, key_after = jax.random.split(key, 3)
    before = Dense.random(key_before, inputs, hidden, "relu", 0.1)
    after = Dense.random(key_after, hidden, outputs, "linear", 0.1)
    return Layers((before,), PlasticRNN.random(key_core, hidden, hidden), (after,))


def _search(search, members, sigma, rate, clip) -> AbstractSearch:
    if search == "gradient":
        return MetaGradient(optimiser=optimiser("adam", rate, clip))
    if search == "openai_es":
        return OpenAIES(
            population=members, optimiser=optimiser("adam", rate), sigma=sigma
        )
    searches = {"snes": SNES, "cma_es": CMAES}
    if search not in searches:
        raise Refusal(
            f"no search {search!r}; there are openai_es, gradient, snes, cma_es"
        )
    return searches[search](population=members, sigma=sigma)
