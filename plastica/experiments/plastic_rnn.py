"""Evolving plastic recurrent neural networks for task generalization (paper 002)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import jax
import jax.numpy as jnp

from plastica.baselines import MAML, Cell, PolicyMAML
from plastica.baselines.maml import RATE, STEPS
from plastica.cells import LSTM, RNN, Activation, Dense, stacked
from plastica.errors import check_word, check_words
from plastica.experiment import Experiment, experiment
from plastica.experiments.parts import Budget, Worlds
from plastica.learner import AbstractLearner
from plastica.objective import Lifetime
from plastica.ranges import Count, NotNegative, Positive, Several
from plastica.rules import Layers, PlasticMLP, PlasticRNN
from plastica.search import SNES, AbstractSearch, OpenAIES, optimiser
from plastica.search.openai_es import Estimate
from plastica.search.optimisers import Name
from plastica.shown import Driving, Foretelling
from plastica.tasks import Robot, Sines

RULES = (("*.rule.*", 0.001),)  # deviations of the search's noise in rules
META_TEST = 1_600  # tasks
Said = Literal["program", "paper"]
Core = Literal["eprnn", "eprnn-without-m", "epmlp", "epmlp-random", "rnn", "lstm"]


@dataclass(frozen=True)
class Method:
    """A network of the paper's."""

    method: Core | Literal["maml"] = "eprnn"
    """who lives: the paper's methods"""
    said: Said = "program"
    """whom to follow where the two differ, in plasticity and in the exam"""
    units: Count = 64
    """neurons of every layer"""
    start: NotNegative = 0.1
    """deviation of the weights evolution starts from"""

    def dense(self, key, widths: Sequence[int], last: Activation) -> tuple[Dense, ...]:
        """Layers of these widths, ReLU but for the last, from N(0, start^2)."""
        return stacked(key, widths, last, self.start)

    def network(
        self, key, widths: Sequence[int], outputs: int, last: Activation
    ) -> Layers:
        """A core between layers: as many as there are widths before, two after."""
        key_before, key_core, key_after = jax.random.split(key, 3)
        return Layers(
            before=self.dense(key_before, widths, "relu"),
            core=self.core(key_core),
            after=self.dense(key_after, [self.units, self.units, outputs], last),
        )

    def core(self, key) -> AbstractLearner:
        """What alone remembers and learns."""
        check_word("`method`", self.method, get_args(Core))  # MAML has no core
        name, units = self.method, self.units
        cells = {"rnn": RNN, "lstm": LSTM}
        if name in cells:
            return Cell(cells[name].random(key, units, units, self.start))
        paper = self.said == "paper"
        if name in ("eprnn", "eprnn-without-m"):
            core = PlasticRNN.random(key, units, units, name == "eprnn", self.start)
            core = replace(core, passes="m h" if paper else "h")
        else:
            core = PlasticMLP.random(key, units, units, name == "epmlp", self.start)
        return replace(core, plastic="always" if paper else "taught")


@dataclass(frozen=True)
class Driver(Method):
    """A network of the paper's that drives."""

    method: Core | Literal["maml-zero-shot", "maml-one-rollout"] = "eprnn"  # type: ignore[assignment]
    """who drives: the paper's methods"""


@dataclass(frozen=True)
class Evolved:
    """The search of paper 002, or another."""

    search: Literal["program", "paper", "adam", "snes"] = "program"
    """the authors' program's evolution, Eq. (10), Adam on the mean, or SNES"""
    sigma: Positive = 0.01
    """deviation of the search's noise in weights"""
    population: Several = 398
    """members of a generation; the program has 398"""

    def made(self) -> AbstractSearch:
        """The search of that name."""
        check_words(self)
        name, members = self.search, self.population
        if name == "snes":
            return SNES(members, self.sigma)
        ways: dict[str, tuple[Name, float, Estimate]] = {
            "program": ("sgd", 0.02, "sum"),
            "paper": ("sgd", 0.2, "mean"),
            "adam": ("adam", 0.003, "sum"),
        }
        how, rate, estimate = ways[name]
        adapts = name != "paper"
        return OpenAIES(
            members,
            optimiser(how, rate),
            sigma=self.sigma,
            sigmas=RULES,
            estimate=estimate,
            jitter=0.1 if adapts else 0.0,
            elite=(members + 2) // 25 if adapts else 0,
            penalty=1e-6 if adapts else 0.0,
        )


@dataclass(frozen=True)
class Foretold:
    """Sines that are shown, and asked for."""

    dimensions: Count = 1
    """sines at once, l"""
    shots: Count = 10
    """ticks shown, K"""
    horizon: Count = 20
    """ticks asked for, N"""
    lives: Count = 16
    """tasks of a generation, the same for all members"""

    def worlds(self, said: Said = "program") -> Worlds:
        """The sines, with the exam of the program or of the paper."""
        how = {"counts": "exam", "first": "zero"}
        if said == "paper":
            how = {"counts": "all", "first": "last action"}
        task = Sines(self.dimensions, self.shots, self.horizon, **how)  # type: ignore[arg-type]
        return _trials(Foretelling(task), self.lives)


@dataclass(frozen=True)
class Driven:
    """A robot that hears a signal."""

    noise: NotNegative = 0.05
    """deviation of the signal's noise"""
    lives: Count = 16
    """tasks of a generation, the same for all members"""

    def worlds(self, rollouts: int = 2, longest: int = 101) -> Worlds:
        """A robot's roll-outs, of which the last counts."""
        task = Robot(self.noise, rollouts, longest)  # type: ignore[arg-type]
        return _trials(Driving(task), self.lives)


@experiment
def foretell(
    network: Method = Method(),
    sines: Foretold = Foretold(),
    search: Evolved = Evolved(),
    budget: Budget = Budget(generations=1_500, every=100),
) -> Experiment:
    """Evolve a network that goes on with sines that it was shown (table 2)."""
    l, shots = sines.dimensions, sines.shots
    key, widths = jax.random.key(budget.seed), [l, network.units]
    if network.method == "maml":
        more = [network.units, network.units, l]
        layers = network.dense(key, [*widths, *more], "linear")
        learner = MAML(layers, jnp.full(STEPS, RATE), shots)
    else:
        learner = network.network(key, widths, l, "linear")
    worlds = sines.worlds(network.said)
    return worlds.experiment(learner, search.made(), budget)


@experiment
def drive(
    network: Driver = Driver(units=16, start=0.3),
    signal: Driven = Driven(),
    search: Evolved = Evolved(sigma=0.05, population=128),
    budget: Budget = Budget(generations=1_000, every=100),
) -> Experiment:
    """Evolve a network that steers a robot to a signal it learns to read (table 3).

    The paper's networks, 64 units from weights of 0.1, noise of 0.01, 398 members and 4
    tasks, stand still for far longer.
    """
    method, paper = network.method, network.said == "paper"
    once = method == "maml-zero-shot" or (paper and method != "maml-one-rollout")
    longest = 100 if paper else 101
    key, widths = jax.random.key(budget.seed), [3, network.units, network.units]
    if method.startswith("maml"):
        layers = network.dense(key, [*widths, *widths[1:], 2], "linear")
        exploring = 0.0 if method == "maml-zero-shot" else 0.1
        learner = PolicyMAML(layers, jnp.full(STEPS, RATE), longest, exploring)
    else:
        learner = network.network(key, widths, 2, "tanh")
    worlds = signal.worlds(1 if once else 2, longest)
    return worlds.experiment(learner, search.made(), budget)


def _trials(exhibit: Foretelling | Driving, lives: int) -> Worlds:
    """New worlds of a task for search and for meta-tests alike."""
    task = exhibit.task
    training, meta_test = (Lifetime.of(task, lives=n) for n in (lives, META_TEST))
    return Worlds([training], meta_test, exhibit)
