"""Carrying out an experiment: generations, evaluations, checkpoints, and going on."""

import contextlib
import dataclasses
import logging
import math
import signal
import threading
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np

from plastica import machine
from plastica.errors import Refusal
from plastica.experiment import Experiment
from plastica.folder import RunFolder
from plastica.kernels import library
from plastica.learner import AbstractLearner, flatten, theta
from plastica.saving import arrays_of, load
from plastica.search.population import measured, placed

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 20.0
METRICS_SECONDS = 2.0
SNAPSHOTS = 50  # of theta, along the generations first asked for


class Diverged(RuntimeError):
    """Every member of a generation diverged; the last good state is on disk."""


class Interrupted(SystemExit):
    """A signal ended the run, its generation saved; carries the exit status."""

    def __init__(self, status: int, path: Path) -> None:
        """The exit status and the run's folder."""
        super().__init__(status)
        self.path = path


@runtime_checkable
class Display(Protocol):
    """What watches a run: it is shown every line of the metrics."""

    def begin(self, run: "Run", rows: list[dict]) -> None:
        """The run starts or goes on, with these lines behind it."""

    def show(self, row: dict) -> None:
        """Another generation."""

    def end(self) -> None:
        """The run stops, for whatever reason."""


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

    def best(self) -> AbstractLearner:
        """The best learner so far by evaluation."""
        return load(self.folder.best, like=self.experiment.learner)

    def rows(self) -> list[dict]:
        """The metrics so far, a dictionary a generation."""
        return self.folder.rows()


def train(
    experiment: Experiment,
    out: str | Path | None = None,
    source: dict | None = None,
    display: Display | None = None,
    init_from: AbstractLearner | None = None,
) -> Run:
    """Carries out an experiment in a new folder (by default under `runs/`).

    `source` says where the experiment comes from, for `resume`; `init_from` is a
    learner to start from instead of the experiment's own.
    """
    if init_from is not None:
        experiment = dataclasses.replace(experiment, learner=init_from)
    run = Run(experiment, out or _new_folder(source))
    run.folder.refuse_if_used()
    vector, learner_of = flatten(experiment.learner)
    key = jax.random.key(experiment.seed)
    search = experiment.search
    population, chunks = measured(
        search.population, learner_of, vector, experiment.objective, key
    )
    search = dataclasses.replace(search, population=population)
    run.experiment = dataclasses.replace(experiment, search=search)
    state = search.init(run.experiment.learner, experiment.objective, _key(key, "init"))
    run.folder.create(_config(run.experiment, source, chunks), state)
    return _carry_out(run, state, 0, 0.0, display)


def resume(
    folder: str | Path,
    experiment: Experiment,
    generations: int | None = None,
    display: Display | None = None,
) -> Run:
    """Goes on with a run from its newest whole checkpoint.

    The experiment must be the one that it was started with. `generations` is a new
    total. On the same machine the result is, to the bit, that of a run never stopped.
    """
    run = Run(experiment, folder)
    config = run.folder.config()
    total = config["generations"] if generations is None else generations
    population = dataclasses.replace(
        experiment.search.population,
        chunk=config.get("chunk"),
        engine=config.get("engine", "auto"),
    )
    search = dataclasses.replace(experiment.search, population=population)
    run.experiment = dataclasses.replace(experiment, search=search, generations=total)
    key = _key(jax.random.key(experiment.seed), "init")
    like = search.init(experiment.learner, experiment.objective, key)
    if config.get("engine") == "native" and config.get("kernel") != library.checksum():
        log.warning(
            "the native kernel is another build than this run's; the run goes on, and "
            "agrees with one never stopped until rounding changes a rank"
        )
    state, generation, seconds = run.folder.restore(like)
    if total < generation:
        raise Refusal(
            f"{folder} has lived {generation} generations already, more than the "
            f"{total} asked for; ask for more, as in --generations +{generation}"
        )
    run.folder.amend(generations=total)
    return _carry_out(run, state, generation, seconds, display)


def _carry_out(run, state, generation, seconds, display):
    rows = run.folder.cut_after(generation)
    if display:
        display.begin(run, rows)
    try:
        with _signals_wait() as received:
            loop = _Loop(run, placed(state), generation, seconds, rows)
            loop.go(display, received)
    finally:
        if display:
            display.end()
    if received:
        raise Interrupted(75 if received[0] == signal.SIGTERM else 130, run.path)
    run.folder.save_rule(run.best(), _made(run, _plain(loop.best)))
    return run


class _Loop:
    """The generations of one run, from one state on."""

    def __init__(self, run, state, generation, seconds, rows):
        experiment = run.experiment
        self.run, self.state, self.generation = run, state, generation
        self.key = jax.random.key(experiment.seed)
        self.spacing = max(run.folder.config()["planned"] // SNAPSHOTS, 1)
        scores = [row["eval/loss"] for row in rows if _finite(row.get("eval/loss"))]
        self.best = min(scores, default=math.inf)
        self.unwritten: list[dict] = []
        self.started = time.monotonic() - seconds
        self.saved = self.written = time.monotonic()

    def go(self, display: Display | None, received: list[int]) -> None:
        """Generations until all are lived or a signal came; the last state is saved."""
        experiment = self.run.experiment
        if self.generation == 0 and not self.run.rows():
            self._note({"generation": 0} | self._evaluated() | self._times(), display)
        while self.generation < experiment.generations and not received:
            lived, metrics = experiment.search.generation(
                self.state, experiment.objective, self._key("generation")
            )
            metrics = {name: _plain(value) for name, value in metrics.items()}
            if metrics.pop("failed"):
                self._save()
                raise Diverged(
                    f"generation {self.generation + 1}: every member diverged (NaN or "
                    f"infinite losses); the state before it is in {self.run.path}; try "
                    "a smaller deviation or rate"
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
                self.run.folder.snapshot(vector, self.generation)
            if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self._save()
        self._save()

    def _evaluated(self):
        """The held-out loss of the mean; the best rule so far is kept."""
        experiment = self.run.experiment
        learner = experiment.search.best(self.state)
        loss = _plain(
            _judged(learner, experiment.evaluation, _key(self.key, "evaluation"))
        )
        better = _finite(loss) and loss < self.best
        if better:
            self.best = loss
        if better or self.generation == 0:
            made = {"generation": self.generation, "eval/loss": loss}
            self.run.folder.save_best(learner, made)
        return {"eval/loss": loss}

    def _times(self):
        experiment = self.run.experiment
        evaluations = self.generation * experiment.search.members
        return {
            "evaluations": evaluations,
            "ticks": evaluations * experiment.objective.ticks,
            "seconds": round(time.monotonic() - self.started, 3),
        }

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
        self.run.folder.save_state(self.state, self.generation, seconds)
        self.saved = time.monotonic()

    def _write(self):
        self.run.folder.append(self.unwritten)
        self.unwritten, self.written = [], time.monotonic()

    def _key(self, purpose):
        return jax.random.fold_in(_key(self.key, purpose), self.generation)


@eqx.filter_jit
def _judged(learner, objective, key):
    return objective(learner, objective.init(learner, key), key)[0]


@contextlib.contextmanager
def _signals_wait():
    """Collects Ctrl-C and SIGTERM, so that a generation can end; a second one kills."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def keep(number, frame):
        received.append(number)
        signal.signal(number, before[number])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, keep)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _config(experiment: Experiment, source: dict | None, chunks: dict) -> dict:
    population = experiment.search.population
    shapes = arrays_of(theta(experiment.learner))
    return {
        "format": "plastica run",
        "version": 1,
        "source": source,
        "generations": experiment.generations,
        "planned": experiment.generations,
        "seed": experiment.seed,
        "theta": {name: list(array.shape) for name, array in shapes.items()},
        "members": population.members,
        "chunk": population.chunk,
        "engine": population.lived_by(experiment.learner, experiment.objective),
        "kernel": library.checksum(),
        "chunk_seconds": {str(k): round(v, 5) for k, v in chunks.items()},
        "data": dict(experiment.sources),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine.description(),
    }


def _made(run: Run, score: float | None) -> dict:
    config = run.folder.config()
    told = ("source", "data", "versions", "commit")
    return {"eval/loss": score} | {name: config.get(name) for name in told}


def _new_folder(source: dict | None) -> Path:
    name = (source or {}).get("experiment", "experiment")
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{name.replace('/', '-').replace(':', '.')}-{now}"


def _key(key, purpose: str):
    """A key for a purpose, the same whatever other purposes there are."""
    return jax.random.fold_in(key, zlib.crc32(purpose.encode()))


def _plain(value: Any) -> Any:
    """A Python number, or None for what is none: JSON has no NaN."""
    number = np.asarray(value).item()
    return number if math.isfinite(number) else None


def _finite(value: Any) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)
