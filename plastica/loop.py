"""The generations of a run, one after another: judged, noted, kept."""

import math
import time
import zlib
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np

from plastica import cluster
from plastica.learner import flatten

if TYPE_CHECKING:
    from plastica.run import Run

CHECKPOINT_SECONDS = 20.0
METRICS_SECONDS = 2.0
SNAPSHOTS = 50  # of theta, along the generations first asked for


class Diverged(RuntimeError):
    """Every member of a generation diverged; the last good state is on disk."""

    def __init__(self, what: str, run: "Run") -> None:
        """What happened, and the run, whose rule is the best until then."""
        super().__init__(what)
        self.run = run


@runtime_checkable
class Display(Protocol):
    """What watches a run: it is shown every line of the metrics."""

    def begin(self, run: "Run", rows: list[dict]) -> None:
        """The run starts or goes on, with these lines behind it."""

    def show(self, row: dict) -> None:
        """Another generation."""

    def end(self) -> None:
        """The run stops, for whatever reason."""


class Loop:
    """The generations of one run, from one state on."""

    def __init__(self, run, state, generation, seconds, rows):
        experiment = run.experiment
        self.run, self.state, self.generation = run, state, generation
        self.key = jax.random.key(experiment.seed)
        self.spacing = max(run.folder.config()["planned"] // SNAPSHOTS, 1)
        scores = [row["eval/loss"] for row in rows if _finite(row.get("eval/loss"))]
        self.best = min(scores, default=math.inf)
        self.fresh = generation == 0 and not rows
        self.asked_again = self.begun = generation
        self.unwritten: list[dict] = []
        self.started = time.monotonic() - seconds
        self.saved = self.written = self.entered = time.monotonic()

    def go(self, display: Display | None, received: list[int]) -> bool:
        """Generations until all are lived or a signal came; the last state is saved.

        Returns whether all are lived; processes agree on that, and on when to save.
        """
        experiment = self.run.experiment
        if self.fresh:
            self._note({"generation": 0} | self._evaluated() | self._times(), display)
        while self.generation < experiment.generations:
            if self.generation >= self.asked_again:
                stop, save, self.asked_again = cluster.agreed(
                    bool(received), self._late(), self._a_second_on()
                )
                if save:
                    self._save()
                if stop:
                    break
            if self.generation in (start for start, _ in experiment.stages):
                self.state = experiment.search.staged(self.state)
            objective = experiment.objective_at(self.generation)
            lived, metrics = experiment.search.generation(
                self.state, objective, self._key("generation")
            )
            metrics = {name: plain(value) for name, value in metrics.items()}
            if metrics.pop("failed"):
                self._save()
                raise Diverged(
                    f"generation {self.generation + 1}: every member diverged (NaN or "
                    f"infinite losses); the state before it is in {self.run.path}; try "
                    "a smaller deviation or rate",
                    self.run,
                )
            self.state, self.generation = lived, self.generation + 1
            last = self.generation == experiment.generations
            if last or self.generation % experiment.every == 0:
                metrics |= self._evaluated()
            self._note(
                {"generation": self.generation} | metrics | self._times(), display
            )
            if self.generation % self.spacing == 0:
                learner = experiment.search.best(self.state)
                vector = np.asarray(flatten(learner)[0])
                if cluster.leads():
                    self.run.folder.snapshot(vector, self.generation)
        self._save()
        return self.generation == experiment.generations

    def _evaluated(self):
        """The held-out loss of the mean; the best rule so far is kept."""
        experiment = self.run.experiment
        learner = experiment.search.best(self.state)
        loss = plain(
            _judged(learner, experiment.evaluation, key_for(self.key, "evaluation"))
        )
        better = _finite(loss) and loss < self.best
        if better:
            self.best = loss
        if (better or self.generation == 0) and cluster.leads():
            made = {"generation": self.generation, "eval/loss": loss}
            self.run.folder.save_best(learner, made)
        return {"eval/loss": loss}

    def _times(self):
        experiment = self.run.experiment
        members = experiment.search.members
        return {
            "evaluations": self.generation * members,
            "ticks": experiment.ticks_until(self.generation) * members,
            "seconds": round(time.monotonic() - self.started, 3),
        }

    def _late(self):
        return time.monotonic() - self.saved > CHECKPOINT_SECONDS

    def _a_second_on(self):
        """The generation at about a second from now: talking costs milliseconds."""
        seconds = max(time.monotonic() - self.entered, 1e-3)
        return self.generation + int((self.generation - self.begun) / seconds) + 1

    def _note(self, row, display):
        self.unwritten.append(row)
        if time.monotonic() - self.written > METRICS_SECONDS:
            self._write()
        if display:
            display.show(row)

    def _save(self):
        """Metrics first: lines after the checkpoint are cut, missing ones were lost."""
        self._write()
        seconds = time.monotonic() - self.started
        state = cluster.whole(self.state)
        if cluster.leads():
            self.run.folder.save_state(state, self.generation, seconds)
        self.saved = time.monotonic()

    def _write(self):
        if cluster.leads():
            self.run.folder.append(self.unwritten)
        self.unwritten, self.written = [], time.monotonic()

    def _key(self, purpose):
        return jax.random.fold_in(key_for(self.key, purpose), self.generation)


@eqx.filter_jit
def _judged(learner, objective, key):
    return objective(learner, objective.init(learner, key), key)[0]


def key_for(key, purpose: str):
    """A key for a purpose, the same whatever other purposes there are."""
    return jax.random.fold_in(key, zlib.crc32(purpose.encode()))


def plain(value: Any) -> Any:
    """A Python number, or None for what is none: JSON has no NaN."""
    number = np.asarray(value).item()
    return number if math.isfinite(number) else None


def _finite(value: Any) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)
