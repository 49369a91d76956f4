"""What experiments are made of: parts that all papers share, and how data are split.

A part is a frozen dataclass: its fields are options of the command line, their
docstrings the help. An experiment has a handful of parts, and gives them its defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plastica.data import Corpus, load
from plastica.errors import check_words
from plastica.experiment import Experiment
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.objective import AbstractObjective, Lifetime
from plastica.ranges import Count, CountOrZero, NotNegative, Positive, Seed, Several
from plastica.search import (
    CMAES,
    SNES,
    AbstractSearch,
    MetaGradient,
    OpenAIES,
    optimiser,
)
from plastica.shown import AbstractExhibit, General, Reading
from plastica.tasks import Text

EVALUATED = 32  # passages of every evaluation, always the same


@dataclass(frozen=True)
class Plan:
    """How large a figure is made."""

    scale: Literal["laptop", "paper"] = "laptop"
    """laptop: up to two hours on two cores; paper: the document's own, on a GPU"""
    seeds: CountOrZero = 3
    """runs of each kind, differing in their seed"""

    def pick(self, laptop: Any, paper: Any) -> Any:
        """What belongs to its scale."""
        return {"laptop": laptop, "paper": paper}[self.scale]


@dataclass(frozen=True)
class Budget:
    """How long a search goes on."""

    generations: Count = 4_000
    """generations to search"""
    every: Count = 50
    """generations between evaluations on held-out data"""
    seed: Seed = 0
    """of everything that is sampled"""


@dataclass(frozen=True)
class Descent:
    """A meta-gradient, followed by Adam."""

    rate: Positive = 1e-3
    """step size of the optimiser"""
    clip: Positive = 1.0
    """largest norm of a gradient"""

    def made(self, fading: int | None = None, updates: int = 1) -> AbstractSearch:
        """The search; its rate falls to zero over `fading` steps, if they are given."""
        adam = optimiser("adam", self.rate, self.clip, fading)
        return MetaGradient(optimiser=adam, updates=updates)


@dataclass(frozen=True)
class Natural:
    """Separable natural evolution strategies."""

    population: Several = 128
    """members of a generation"""
    sigma: Positive = 0.1
    """deviation that SNES begins with; less from a rule that has learned"""
    rate_mean: Positive = 1.0
    """rate of the mean, of SNES"""
    rate_sigma: NotNegative = 0.1
    """rate of the deviation, of SNES"""

    def made(self) -> SNES:
        """The search."""
        return SNES(self.population, self.sigma, self.rate_mean, self.rate_sigma)


@dataclass(frozen=True)
class AnySearch(Descent):
    """Any of the searches, with the numbers of each."""

    search: Literal[
        "snes", "openai_es", "openai-es", "cma_es", "cma-es", "gradient"
    ] = "snes"
    """how theta is improved"""
    population: Several = 128
    """members of a generation, of an evolution"""
    sigma: Positive = 0.1
    """deviation of an evolution's noise, or its first"""

    def made(self, fading: int | None = None, updates: int = 1) -> AbstractSearch:
        """The search of that name."""
        check_words(self)
        members, adam = self.population, optimiser("adam", self.rate)
        made = {
            "snes": lambda: SNES(members, self.sigma),
            "openai_es": lambda: OpenAIES(members, adam, self.sigma),
            "cma_es": lambda: CMAES(members, self.sigma),
            "gradient": lambda: super(AnySearch, self).made(fading, updates),
        }
        return made[self.search.replace("-", "_")]()


@dataclass(frozen=True)
class Worlds:
    """Where a learner is searched, chosen and shown: three parts of the data.

    The objectives of the search come one after another, each from the generation in
    `starts` on; without those, each for an equal part of the generations.
    """

    training: Sequence[AbstractObjective]
    validation: AbstractObjective
    exhibit: AbstractExhibit | None = None
    data: tuple[tuple[str, str], ...] = ()  # names and checksums of the data
    unseen: AbstractObjective | None = None  # is shown where there is no exhibit
    starts: Sequence[int] | None = None

    def experiment(
        self, learner: AbstractLearner, search: AbstractSearch, budget: Budget
    ) -> Experiment:
        """A learner searched here for so long."""
        exhibit = self.exhibit
        if exhibit is None and self.unseen is not None:
            exhibit = General(self.unseen, learner)
        count, total = len(self.training), budget.generations
        equal = [total * stage // count for stage in range(count)]
        starts = equal if self.starts is None else self.starts
        return Experiment(
            learner=learner,
            objective=self.training[0],
            search=search,
            generations=total,
            evaluation=self.validation,
            every=budget.every,
            exhibit=exhibit,
            data=self.data,
            seed=budget.seed,
            stages=tuple(zip(starts, self.training, strict=True))[1:],
        )


def reading(
    corpus: Corpus,
    lengths: Sequence[int],
    readings: int,
    lives: int = 1,
    also: Corpus | None = None,
    units: int = 0,
) -> Worlds:
    """Passages of a text, read so often: the last of `lengths` is judged and shown.

    `also` is another text, in the same alphabet, that is read at the end; `units` those
    of an LSTM trained online to stand beside the learner.
    """

    def task(corpus: Corpus, part: str, length: int) -> Text:
        corpus.require(length)
        return Text.of(corpus, part, length, readings)

    *_, length = lengths
    others = [also] if also else []
    training = [task(corpus, "training", each) for each in lengths]
    exhibit = Reading(
        task(corpus, "test", length),
        corpus.alphabet,
        orders=(0, 1, 2, 3, 4) if readings == 1 else (0, 2),
        units=units,
        elsewhere=tuple((c.name, task(c, "test", length)) for c in others),
    )
    return Worlds(
        [Lifetime.of(each, lives=lives) for each in training],
        Lifetime.of(task(corpus, "validation", length), lives=EVALUATED),
        exhibit,
        tuple((c.name, c.sha256) for c in (corpus, *others)),
    )


@dataclass(frozen=True)
class Reads:
    """A text, and how it is read."""

    text: str = "python-docs"
    """a name (python-docs, wizard-of-oz, alice-de, enwik8, pg19), a text file, or a
    folder of .txt files"""
    alphabet: Literal["letters", "bytes", "padded-bytes"] = "letters"
    """27 letters, bytes, or the 259 symbols of paper 000"""
    collapse: bool = True
    """among letters, make one of a run of anything that is no letter"""

    def corpus(self, text: str) -> Corpus:
        """A text in this alphabet."""
        return load(text, self.alphabet, self.collapse)


@dataclass(frozen=True)
class Passages(Reads):
    """Passages of a text, and of another one at the end."""

    also: str = ""
    """another text that the rule reads at the end, as it is"""
    length: Count = 60
    """symbols of a passage, T"""
    shorter: tuple[Count, ...] = ()
    """lengths that the search begins with, each for an equal part of it"""
    lives: Count = 1
    """lives of every member in a generation"""

    def worlds(self, readings: int, units: int = 0) -> tuple[int, Worlds]:
        """How many symbols there are, and passages read so often; see `reading`."""
        corpus, *also = map(self.corpus, [self.text, *filter(None, [self.also])])
        lengths = (*self.shorter, self.length)
        other = also[0] if also else None
        worlds = reading(corpus, lengths, readings, self.lives, other, units)
        return corpus.alphabet.size, worlds


def through(symbols: int, hidden: int | tuple[int, ...]) -> Network:
    """From symbols to symbols through one hidden layer, or several."""
    between = hidden if isinstance(hidden, tuple) else (hidden,)
    return Network.layered(symbols, *between, symbols)
