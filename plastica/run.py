"""Carrying out an experiment in a folder, and going on with one."""

import contextlib
import dataclasses
import logging
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from plastica import cluster, machine
from plastica.errors import Refusal
from plastica.experiment import Experiment
from plastica.folder import BEATS, RunFolder
from plastica.kernels import library
from plastica.learner import AbstractLearner, flatten, theta
from plastica.loop import Display, Diverged, Loop, key_for
from plastica.saving import arrays_of, load, read_rule, save
from plastica.search.population import Population, measured, placed

log = logging.getLogger(__name__)


class Interrupted(SystemExit):
    """A signal ended the run, its generation saved; carries the exit status."""

    def __init__(self, status: int, path: Path) -> None:
        """The exit status and the run's folder."""
        super().__init__(status)
        self.path = path


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
    run = Run(experiment, cluster.told(str(out or _new_folder(source))))
    cluster.led(run.folder.refuse_if_used)
    with _held(run):
        key = jax.random.key(experiment.seed)
        population, chunks = _settled(experiment, key)
        search = experiment.search.with_population(population)
        run.experiment = dataclasses.replace(experiment, search=search)
        state = search.init(
            run.experiment.learner, experiment.objective, key_for(key, "init")
        )
        config = _config(run.experiment, source, chunks)
        whole = cluster.whole(state)
        cluster.led(lambda: run.folder.create(config, whole))
        if init_from is not None:
            cluster.led(lambda: save(init_from, run.folder.start))
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
    run.folder.config()  # refuses what is no run before anything is written there
    with _held(run):
        return _go_on(run, generations, display)


@contextlib.contextmanager
def _held(run: Run):
    """The folder is this run's alone, and its processes watch each other."""
    with (
        cluster.led_context(run.folder.held),
        cluster.watched(run.path / BEATS),
    ):
        yield


def _go_on(run: Run, generations: int | None, display: Display | None) -> Run:
    experiment, folder, config = run.experiment, run.path, run.folder.config()
    total = config["generations"] if generations is None else generations
    population = dataclasses.replace(
        experiment.search.population,
        chunk=config.get("chunk"),
        engine=config.get("engine", "auto"),
    )
    search = experiment.search.with_population(population)
    run.experiment = dataclasses.replace(experiment, search=search, generations=total)
    key = key_for(jax.random.key(experiment.seed), "init")
    like = search.init(experiment.learner, experiment.objective, key)
    if config.get("engine") == "native" and config.get("kernel") != library.checksum():
        log.warning(
            "the native kernel is another build than this run's; the run goes on, and "
            "agrees with one never stopped until rounding changes a rank"
        )
    if config.get("processes", 1) != cluster.count():
        log.warning(
            "this run had %s processes and goes on with %s: it agrees with one never "
            "stopped until rounding changes a rank",
            config.get("processes", 1),
            cluster.count(),
        )
    state, generation, seconds = run.folder.restore(like)
    if total < generation:
        raise Refusal(
            f"{folder} has lived {generation} generations already, more than the "
            f"{total} asked for; ask for more, as in --generations +{generation}"
        )
    cluster.led(lambda: run.folder.amend(generations=total))
    return _carry_out(run, state, generation, seconds, display)


def _settled(experiment: Experiment, key) -> tuple[Population, dict[int, float]]:
    """The population with an engine that all processes have, and the best chunk."""
    population = experiment.search.population
    vector, learner_of = flatten(experiment.learner)
    engine = population.lived_by(experiment.learner, experiment.objective)
    if not cluster.unanimous(engine == "native"):
        population = dataclasses.replace(population, engine="xla")
    population, chunks = measured(
        population, learner_of, vector, experiment.objective, key
    )
    chunk = cluster.told(str(population.chunk or ""))  # clocks differ
    return dataclasses.replace(population, chunk=int(chunk) if chunk else None), chunks


def _carry_out(run, state, generation, seconds, display):
    cluster.led(lambda: run.folder.cut_after(generation))
    rows = run.folder.rows()
    if display:
        display.begin(run, rows)
    try:
        with _signals_wait() as received:
            loop = Loop(run, placed(state), generation, seconds, rows)
            finished = loop.go(display, received)
    except Diverged:
        cluster.led(lambda: _keep_rule(run))
        raise
    finally:
        if display:
            display.end()
    if not finished:
        by_hand = received and received[0] == signal.SIGINT
        raise Interrupted(130 if by_hand else cluster.LEFT, run.path)
    cluster.led(lambda: _keep_rule(run))
    return run


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
        "processes": cluster.count(),
        "members": population.members,
        "chunk": population.chunk,
        "engine": population.lived_by(experiment.learner, experiment.objective),
        "kernel": library.checksum(),
        "chunk_seconds": {str(k): round(v, 5) for k, v in chunks.items()},
        "data": dict(experiment.sources),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine.description(),
    }


def _keep_rule(run: Run) -> None:
    """The best by evaluation becomes the rule found, and says how it was made."""
    config, score = run.folder.config(), read_rule(run.folder.best)[1]["made"]
    told = {name: config.get(name) for name in ("source", "data", "versions", "commit")}
    run.folder.save_rule(run.best(), {"eval/loss": score["eval/loss"]} | told)


def _new_folder(source: dict | None) -> Path:
    name = (source or {}).get("experiment", "experiment")
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{name.replace('/', '-').replace(':', '.')}-{now}"
