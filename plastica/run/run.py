"""An experiment in its folder: what was found, and what the rule found shows."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import jax

from plastica.experiment import Experiment
from plastica.learner import AbstractLearner
from plastica.run.folder import RunFolder
from plastica.run.record import read_scores
from plastica.saving import load
from plastica.shown import Shown
from plastica.store import is_bundle, write_json


class Run:
    """An experiment in its folder."""

    def __init__(self, experiment: Experiment, folder: str | Path) -> None:
        """Binds the two; nothing is read or written yet."""
        self.experiment = experiment
        self.folder = RunFolder(folder)

    @property
    def path(self) -> Path:
        """The folder's path."""
        return self.folder.path

    @cached_property
    def yardsticks(self) -> dict[str, float]:
        """Losses of methods that search nothing, by name."""
        return self.experiment.shows.yardsticks()

    def best(self) -> AbstractLearner:
        """The best learner so far by evaluation."""
        return load(self.folder.best, like=self.experiment.learner)

    def rows(self) -> list[dict]:
        """The metrics so far, a dictionary a generation."""
        return self.folder.rows()

    def shown(self) -> Shown:
        """What the rule found showed on data that the search did not see."""
        return Shown.read(read_scores(self.folder.scores))

    def show(self, beside: Mapping[str, AbstractLearner] | None = None) -> Shown:
        """Lives the best rule, others beside it, and keeps what they show."""
        learners = {"this rule": self.best()} | dict(beside or {})
        if is_bundle(self.folder.start):
            start = load(self.folder.start, like=self.experiment.learner)
            learners["where it began"] = start
        key = jax.random.key(self.experiment.seed)
        shown = self.experiment.shown(learners, key)
        told = shown.described() | {"yardsticks": self.yardsticks}
        write_json(self.folder.scores, told)
        return shown


@runtime_checkable
class Display(Protocol):
    """What watches a run: it is shown every line of the metrics."""

    def begin(self, run: Run, rows: list[dict]) -> None:
        """The run starts or goes on, with these lines behind it."""

    def obeys(self, seconds: float) -> None:
        """A Ctrl-C is obeyed within so long; called once, when it is known."""

    def show(self, row: dict) -> None:
        """Another generation."""

    def end(self) -> None:
        """The run stops, for whatever reason."""
