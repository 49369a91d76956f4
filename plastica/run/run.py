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
    """An experiment in its folder: what was found, and what the rule found shows.

    `train` and `resume` return one. Nothing is read or written when it is made.

    Args:
        experiment: the experiment.
        folder: the folder of the run.

    Example:
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> experiment = pl.Experiment(learner, judge, pl.SNES(2), 2, evaluation=judge)
        >>> run = pl.Run(experiment, "runs/mine")
        >>> run.path.name, sorted(run.yardsticks)
        ('mine', ['chance'])
    """

    def __init__(self, experiment: Experiment, folder: str | Path) -> None:
        """See the class."""
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
        """The best learner so far, by evaluation on held-out data.

        Returns:
            The learner.

        Raises:
            Refusal: if there is none yet.
        """
        return load(self.folder.best, like=self.experiment.learner)

    def rows(self) -> list[dict]:
        """The metrics so far.

        Returns:
            A dictionary for each generation.
        """
        return self.folder.rows()

    def shown(self) -> Shown:
        """What the rule found showed on data that the search did not see.

        Returns:
            The table, curves and pictures that the end of the run wrote.

        Raises:
            Refusal: if the run has not ended.
        """
        return Shown.read(read_scores(self.folder.scores))

    def show(self, beside: Mapping[str, AbstractLearner] | None = None) -> Shown:
        """Runs the best rule and others on unseen data, and writes what they show.

        Args:
            beside: other learners by the names under which they are shown.

        Returns:
            The table, curves and pictures.

        Raises:
            Refusal: if a learner does not fit.
        """
        learners = {"this rule": self.best()} | dict(beside or {})
        if is_bundle(self.folder.start):
            start = load(self.folder.start, like=self.experiment.learner)
            learners["where it began"] = start
        key = jax.random.key(self.experiment.seed)
        shown = self.experiment.shown(learners, key)
        scores = shown.described() | {"yardsticks": self.yardsticks}
        write_json(self.folder.scores, scores)
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
