"""An experiment names a learner, how it is judged, and how it is improved."""

from dataclasses import dataclass
from itertools import pairwise

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
    names and checksums of the data, to be recorded. `stages` are a curriculum: from a
    generation on, counted from 0, another objective instead.
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
    stages: tuple[tuple[int, AbstractObjective], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, before anything is."""
        if self.generations < 1 or self.every < 1:
            raise Refusal(
                "an experiment has at least one generation and evaluates every so many "
                f"of them, got {self.generations} generations and every {self.every}"
            )
        begins = [0, *(generation for generation, _ in self.stages)]
        if begins != sorted(set(begins)):
            raise Refusal(
                f"stages begin one after another, and after generation 0, got {begins}"
            )
        for _, objective in ((0, self.objective), *self.stages):
            objective.check(self.learner)
        self.evaluation.check(self.learner)

    def objective_at(self, generation: int) -> AbstractObjective:
        """What the generation after so many is judged by."""
        begun = [self.objective]
        begun += [later for start, later in self.stages if start <= generation]
        return begun[-1]

    def ticks_until(self, generation: int) -> int:
        """Ticks that a member of each generation until then has lived, all together."""
        starts = [0, *(start for start, _ in self.stages), generation]
        return sum(
            self.objective_at(start).ticks * max(min(end, generation) - start, 0)
            for start, end in pairwise(starts)
        )
