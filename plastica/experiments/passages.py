"""An experiment on passages of a text, for any learner and any search."""

from dataclasses import dataclass

from plastica.data import Corpus
from plastica.exhibits import Reading
from plastica.experiment import Experiment
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.search import AbstractSearch
from plastica.tasks import Text

EVALUATED = 32  # passages of every evaluation, always the same


@dataclass(frozen=True)
class Passages:
    """Passages of a corpus: their length, how often each is read, how many a life.

    `also` is another text, in the same alphabet, that is read at the end; `units` those
    of an LSTM trained online to stand beside the learner; `shorter` the lengths that a
    search begins with, each for an equal part of its generations.
    """

    corpus: Corpus
    length: int
    readings: int
    lives: int = 1
    also: Corpus | None = None
    units: int = 0
    shorter: tuple[int, ...] = ()

    def network(self, hidden: int | tuple[int, ...]) -> Network:
        """From symbols to symbols through one hidden layer, or several."""
        symbols = self.corpus.alphabet.size
        between = hidden if isinstance(hidden, tuple) else (hidden,)
        return Network.layered(symbols, *between, symbols)

    def task(self, part: str) -> Text:
        """The task on a part of the corpus."""
        return self._task(self.corpus, part)

    def _task(self, corpus: Corpus, part: str, length: int | None = None) -> Text:
        length = self.length if length is None else length
        corpus.require(length)
        return Text.of(corpus, part, length, self.readings)

    def experiment(
        self,
        learner: AbstractLearner,
        search: AbstractSearch,
        generations: int,
        every: int,
        seed: int,
    ) -> Experiment:
        """Searched on the training part, chosen on validation, shown on the test."""
        others = [self.also] if self.also else []
        lengths = (*self.shorter, self.length)
        starts = [generations * stage // len(lengths) for stage in range(len(lengths))]
        tasks = [self._task(self.corpus, "training", length) for length in lengths]
        objectives = [Lifetime.of(task, lives=self.lives) for task in tasks]
        return Experiment(
            learner=learner,
            objective=objectives[0],
            search=search,
            generations=generations,
            evaluation=Lifetime.of(self.task("validation"), lives=EVALUATED),
            every=every,
            exhibit=Reading(
                self.task("test"),
                self.corpus.alphabet,
                orders=(0, 1, 2, 3, 4) if self.readings == 1 else (0, 2),
                units=self.units,
                elsewhere=tuple((c.name, self._task(c, "test")) for c in others),
            ),
            sources=tuple((c.name, c.sha256) for c in (self.corpus, *others)),
            seed=seed,
            stages=tuple(zip(starts, objectives, strict=True))[1:],
        )
