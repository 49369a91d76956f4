"""An experiment on passages of a text, for any learner and any search."""

from dataclasses import dataclass

from plastica.data import Corpus
from plastica.exhibits import Reading
from plastica.experiment import Experiment
from plastica.learner import AbstractLearner
from plastica.objective import Lifetime
from plastica.search import AbstractSearch
from plastica.tasks import Text

EVALUATED = 32  # passages of every evaluation, always the same


@dataclass(frozen=True)
class Passages:
    """Passages of a corpus: their length, how often each is read, how many a life."""

    corpus: Corpus
    length: int
    readings: int
    lives: int = 1

    def task(self, part: str) -> Text:
        """The task on a part of the corpus."""
        self.corpus.require(self.length)
        return Text.of(self.corpus, part, self.length, self.readings)

    def experiment(
        self,
        learner: AbstractLearner,
        search: AbstractSearch,
        generations: int,
        every: int,
        seed: int,
    ) -> Experiment:
        """Searched on the training part, chosen on validation, shown on the test."""
        return Experiment(
            learner=learner,
            objective=Lifetime.of(self.task("training"), lives=self.lives),
            search=search,
            generations=generations,
            evaluation=Lifetime.of(self.task("validation"), lives=EVALUATED),
            every=every,
            exhibit=Reading(self.task("test"), self.corpus.alphabet),
            sources=((self.corpus.name, self.corpus.sha256),),
            seed=seed,
        )
