"""An experiment names a learner, how it is judged, and how it is improved."""

from dataclasses import dataclass

from plastica.errors import Refusal
from plastica.exhibit import AbstractExhibit
from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.search.search import AbstractSearch


@dataclass(frozen=True, eq=False)
class Experiment:
    """One learner, one objective, one search; a `Run` carries it out.

    `evaluation` judges, `every` so many generations, on what the search never sees;
    `exhibit` shows what the learner does, on what neither has seen. `sources` are the
    names and checksums of the data, to be recorded.
    """

    learner: AbstractLearner
    objective: AbstractObjective
    search: AbstractSearch
    generations: int
    evaluation: AbstractObjective
    every: int = 50
    exhibit: AbstractExhibit | None = None
    sources: tuple[tuple[str, str], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, before anything is."""
        if self.generations < 1 or self.every < 1:
            raise Refusal(
                "an experiment has at least one generation and evaluates every so many "
                f"of them, got {self.generations} generations and every {self.every}"
            )
        self.objective.check(self.learner)
        self.evaluation.check(self.learner)
