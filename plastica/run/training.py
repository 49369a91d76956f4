"""Training an experiment in a folder, and going on with one."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import jax

from plastica import cluster, machine, store
from plastica.errors import Diverged, Refusal
from plastica.experiment import Experiment
from plastica.kernels import library
from plastica.learner import AbstractLearner, theta
from plastica.run import report
from plastica.run.chunks import measured, members_of
from plastica.run.folder import BEATS
from plastica.run.generations import key_for
from plastica.run.keeper import Keeper
from plastica.run.run import Display, Run
from plastica.saving import arrays_of, save
from plastica.search import Engine
from plastica.search.search import SearchState

log = logging.getLogger(__name__)


def train(
    experiment: Experiment,
    out: str | Path | None = None,
    display: Display | None = None,
    init_from: AbstractLearner | None = None,
    beside: Mapping[str, AbstractLearner] | None = None,
    engine: Engine = Engine(),
    page: bool = True,
) -> Run:
    """Trains an experiment in a new folder, and shows the best rule at the end.

    The rule is shown on data that the search did not see.

    Args:
        experiment: the experiment.
        out: the folder; None: a new one under `runs/`.
        display: what is shown while it runs; None: nothing.
        init_from: a learner to start from instead of the experiment's own.
        beside: other learners to show at the end, by name.
        engine: how lives are computed.
        page: whether report.html is written.

    Returns:
        The run.

    Raises:
        Refusal: if the folder is in use or not empty, or `engine` or `init_from` do not
            fit.
        Diverged: if every member of a generation diverged.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=1, outputs=2)
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=None, lessons=2))
        >>> experiment = pl.Experiment(rnn, judge, pl.SNES(2), 2, evaluation=judge)
        >>> run = pl.train(experiment, "mine", page=False, engine=pl.Engine(chunk=2))
        >>> [row["generation"] for row in run.rows()]
        [0, 1, 2]
    """
    if init_from is not None:
        experiment = replace(experiment, learner=init_from)
    run = Run(experiment, cluster.leader_says(_named(out, experiment.source)))
    cluster.led(run.folder.refuse_if_used)

    def go() -> None:
        settled, chunks = _settled(experiment, engine)
        state = _newborn(experiment)
        config, whole = _config(experiment, settled, chunks), cluster.whole(state)
        cluster.led(lambda: run.folder.create(config, whole))
        if init_from is not None:
            cluster.led(lambda: save(experiment.learner, run.folder.start))
        Keeper(run, state, 0, 0.0, display).keep(settled)

    return _to_the_end(run, go, beside, page)


def resume(
    folder: str | Path,
    experiment: Experiment,
    generations: int | None = None,
    display: Display | None = None,
    page: bool = True,
) -> Run:
    """Goes on with a run from its newest whole checkpoint.

    On the same machine the result is, to the bit, that of a run never stopped.

    Args:
        folder: the run's folder.
        experiment: the experiment with which it was started.
        generations: a new total of generations; None: as it was.
        display: what is shown while it runs; None: nothing.
        page: whether report.html is written.

    Returns:
        The run.

    Raises:
        Refusal: if the folder is no run, is in use, or was started on other data; if
            the experiment does not fit its checkpoint; or if `generations` is less than
            it has.
        Diverged: if every member of a generation diverged.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=1, outputs=2)
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=None, lessons=2))
        >>> experiment = pl.Experiment(rnn, judge, pl.SNES(2), 2, evaluation=judge)
        >>> run = pl.train(experiment, "mine", page=False, engine=pl.Engine(chunk=2))
        >>> run = pl.resume("mine", experiment, generations=3, page=False)
        >>> [row["generation"] for row in run.rows()]
        [0, 1, 2, 3]
    """
    run = Run(experiment, folder)
    begun = run.folder.config()  # refuses what is no run, before anything is written
    if (had := begun.get("data", {})) != (have := dict(experiment.data)):
        names = sorted({name for name, _ in had.items() ^ have.items()})
        raise Refusal(
            f"{folder} was started on other data: {', '.join(names)} is not what it "
            "was; bring it back, or start a new run"
        )
    total = begun["generations"] if generations is None else generations
    run.experiment = replace(experiment, generations=total)

    def go() -> None:
        config = run.folder.config()
        _warn_of_other_rounding(config)
        state, generation, seconds = run.folder.restore(_newborn(experiment))
        if total < generation:
            raise Refusal(
                f"{folder} has lived {generation} generations already, more than the "
                f"{total} asked for; ask for more, as in --generations +{generation}"
            )
        source = experiment.source or config["source"]  # its code may have changed
        cluster.led(lambda: run.folder.amend(generations=total, source=source))
        engine = Engine(config.get("engine", "auto"), config.get("chunk"))
        Keeper(run, state, generation, seconds, display).keep(engine)

    return _to_the_end(run, go, None, page)


def _to_the_end(
    run: Run, go: Callable[[], None], beside: Mapping | None, page: bool
) -> Run:
    """Goes while the folder is this run's alone; then shows the rule found.

    Of a search that diverged the best rule until then is shown.
    """
    try:
        with cluster.led_context(run.folder.held), cluster.watched(run.path / BEATS):
            go()
    except Diverged:
        _finish(run, beside, page)
        raise
    _finish(run, beside, page)
    return run


def _finish(run: Run, beside: Mapping | None, page: bool) -> None:
    if cluster.leads():
        run.show(beside)
        if page:
            report.write(run.folder)


def _newborn(experiment: Experiment) -> SearchState:
    """The state before the first generation."""
    key = key_for(jax.random.key(experiment.seed), "init")
    return experiment.search.init(experiment.learner, experiment.objective, key)


def _settled(experiment: Experiment, engine: Engine) -> tuple[Engine, dict[int, float]]:
    """An engine that all processes have, with the best chunk, and what was measured."""
    learner, objective = experiment.learner, experiment.objective
    native = engine.settled(learner, objective) == "native"
    engine = replace(engine, kind="native" if cluster.unanimous(native) else "xla")
    key = jax.random.key(experiment.seed)
    engine, chunks = measured(engine, experiment.search, learner, objective, key)
    chunk = cluster.leader_says(str(engine.chunk or ""))  # clocks differ
    return replace(engine, chunk=int(chunk) if chunk else None), chunks


def _warn_of_other_rounding(config: Mapping) -> None:
    """A run that goes on elsewhere may come to differ from one never stopped."""
    until = "and agrees with one never stopped until rounding changes a rank"
    if config.get("engine") == "native" and config.get("kernel") != library.checksum():
        log.warning(
            "the native kernel is another build than this run's; the run goes on, %s",
            until,
        )
    had, now = config.get("processes", 1), cluster.count()
    if had != now:
        log.warning(
            "this run had %s processes and goes on with %s, %s", had, now, until
        )


def _config(experiment: Experiment, engine: Engine, chunks: dict) -> dict:
    shapes = arrays_of(theta(experiment.learner))
    return {
        "format": "plastica run",
        "version": 1,
        "command": machine.command(),
        "source": experiment.source,
        "generations": experiment.generations,
        "planned": experiment.generations,
        "seed": experiment.seed,
        "theta": {name: list(array.shape) for name, array in shapes.items()},
        "processes": cluster.count(),
        "members": members_of(experiment.search),
        "chunk": engine.chunk,
        "engine": engine.kind,
        "kernel": library.checksum(),
        "chunk_seconds": {str(k): round(v, 5) for k, v in chunks.items()},
        "data": dict(experiment.data),
        "started": machine.now(),
        **machine.description(),
    }


def _named(out: str | Path | None, source: dict | None) -> str:
    """The folder that is asked for, or a new one, which no other process has made."""
    if out or not cluster.leads():
        return str(out)
    name = (source or {}).get("experiment", "experiment")
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    stem = f"runs/{name.replace('/', '-').replace(':', '.')}-{now}"
    number = 1
    while True:
        path = Path(f"{stem}-{number}" if number > 1 else stem)
        with store.said_clearly(path), suppress(FileExistsError):
            path.mkdir(parents=True)
            return str(path)
        number += 1
