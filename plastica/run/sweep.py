"""Many runs that make a figure or a table: one after another, resumable run by run."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain, product
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import MappingProxyType
from typing import Any

from plastica.errors import Refusal
from plastica.files import in_file
from plastica.run.record import Record, Records, finished, record, write_records
from plastica.shown import Panel, Table
from plastica.store import suffixed

INTERRUPTED = (75, 130, -2, -15)  # exit statuses of runs that a signal ended
Figure = tuple[Table, list[Panel]]  # what a sweep's records become
LONGEST = 240  # bytes of a folder's name, and room for a suffix


@dataclass(frozen=True)
class Planned:
    """One run of a sweep: an experiment function and its arguments.

    With a `start`, another run of the sweep, it begins from the rule found there.
    """

    experiment: str
    arguments: dict[str, Any]
    start: "Planned | None" = None

    @property
    def name(self) -> str:
        """Of its folder; the end of one that file systems do not take is a digest."""
        words = [self.experiment.rpartition(".")[2]]
        words += [f"{name}={value}" for name, value in self.arguments.items()]
        words += [f"from=({self.start.name})"] if self.start else []
        name = ",".join(words).replace("/", "-").replace(" ", "")
        encoded = name.encode()
        if len(encoded) <= LONGEST:
            return name
        shortened = encoded[: LONGEST // 2].decode(errors="ignore")
        return f"{shortened}-{sha256(encoded).hexdigest()[:16]}"


Runs = tuple[Planned, ...]


def grid(experiment: str, **knobs: Any) -> Runs:
    """A run for every combination of the knobs' values, the last one varying fastest.

    A list or a range holds several values; any other value is given to every run.
    """
    several = [c if isinstance(c, list | range) else [c] for c in knobs.values()]
    return tuple(
        Planned(experiment, dict(zip(knobs, chosen, strict=True)))
        for chosen in product(*several)
    )


def begun(runs: Iterable[Planned], starts: Iterable[Planned]) -> Runs:
    """Runs each of which begins from the rule that another one found, in order."""
    pairs = zip(runs, starts, strict=True)
    return tuple(replace(run, start=start) for run, start in pairs)


@dataclass(frozen=True)
class Sweep:
    """Runs of experiment functions, and how their records become a figure.

    `draw` makes a table and pictures of the records. The claim that they bear on is
    what the docstring of the function says that returns the sweep.
    """

    runs: Runs
    draw: Callable[[Records], Figure]


def run_sweep(
    sweep: Sweep,
    folder: Path,
    processes: int = 1,
    say: Callable[[str], None] = print,
    elsewhere: Mapping[str, Record] = MappingProxyType({}),
) -> list[Record]:
    """Runs what is not finished, each in a process of its own; the records of all.

    Runs stand beside the sweep's folder, in `runs/`, where sweeps that ask for the same
    run share it. One that fails leaves its output in its folder's `.log` and the others
    go on. `elsewhere` has records of runs made elsewhere, by the runs' names: those
    are not made again.
    """
    runs = folder.parent / "runs"
    for place in (folder, runs):
        place.mkdir(parents=True, exist_ok=True)
    missing = [run for run in sweep.runs if run.name not in elsewhere]
    todo = [run for run in missing if not finished(runs / run.name)]
    say(f"{len(sweep.runs)} runs, {len(sweep.runs) - len(todo)} of them made before")

    interrupted, alive = Event(), set()

    def one(run: Planned) -> tuple[Path, int]:
        status = -2 if interrupted.is_set() else _in_process(run, runs, alive)
        if status in INTERRUPTED:
            interrupted.set()
        return runs / run.name, status

    waves = [r for r in todo if not r.start], [r for r in todo if r.start]
    with _passed_on(interrupted, alive), ThreadPoolExecutor(max(processes, 1)) as pool:
        ended = chain.from_iterable(pool.map(one, wave) for wave in waves)
        for done, (place, status) in enumerate(ended, 1):
            if status in INTERRUPTED:
                raise Refusal(f"interrupted; the same command goes on in {folder}")
            how = "done" if status == 0 else f"failed ({status}), see {place}.log"
            say(f"{done} of {len(todo)}: {place.name} {how}")
    places = {run.name: runs / run.name for run in sweep.runs}
    made = {name: record(place) for name, place in places.items() if finished(place)}
    known = {**elsewhere, **made}
    records = [known[name] for name in places if name in known]
    write_records(folder / "records.jsonl", records)
    return records


def made_elsewhere(
    sweep: Sweep,
    known: Records,
    complete: Callable[[str, dict[str, Any]], dict[str, Any] | None],
) -> dict[str, Record]:
    """Records that stand for runs of a sweep: of the same arguments, all of them.

    `complete(experiment, arguments)` adds the defaults, and gives None for experiments
    that are not the package's: what a record names is never executed. A run that begins
    from another, or that another begins from, needs its folder.
    """

    def asked(experiment: str, arguments: dict[str, Any]) -> str | None:
        full = complete(experiment, arguments)
        return None if full is None else json.dumps([experiment, full], sort_keys=True)

    records = {}
    for each in known:
        by_row = "where it began" in (each["scores"] or {}).get("rows", {})  # of old
        if each["source"] and not each.get("warm_start", by_row):
            source = each["source"]["experiment"], each["source"]["arguments"]
            records[asked(*source)] = each
    begun_from = {run.start.name for run in sweep.runs if run.start}
    alone = (r for r in sweep.runs if not r.start and r.name not in begun_from)
    return {
        run.name: records[key]
        for run in alone
        if (key := asked(run.experiment, run.arguments)) and key in records
    }


def flags(arguments: dict[str, Any]) -> Iterable[str]:
    """An experiment's arguments as the command line spells them."""
    for name, value in arguments.items():
        knob = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{knob}" if value else f"--no-{knob}"
        else:
            yield f"--{knob}"
            yield from map(str, value if isinstance(value, tuple) else (value,))


@contextmanager
def _passed_on(interrupted: Event, alive: set[subprocess.Popen]) -> Iterator[None]:
    """SIGTERM ends the runs that are alive, each saved, and no more begin.

    A Ctrl-C reaches them by itself.
    """
    if current_thread() is not main_thread():
        yield
        return

    def end(number, frame):
        interrupted.set()
        for process in tuple(alive):
            process.terminate()

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_process(run: Planned, runs: Path, alive: set[subprocess.Popen]) -> int:
    place = runs / run.name
    if (place / "config.json").is_file():
        own = {"experiment": run.experiment} | run.arguments
        files = {
            n: own[n] for n in ("experiment", "rule", "task") if in_file(own.get(n))
        }
        words = ["resume", str(place), *flags(files)]
    else:
        words = ["train", run.experiment, "--out", str(place), *flags(run.arguments)]
        words += ["--init-from", str(runs / run.start.name)] if run.start else []
    with suffixed(place, ".log").open("a") as log:
        command = [sys.executable, "-m", "plastica", *words]
        with subprocess.Popen(command, stdout=log, stderr=log) as process:
            alive.add(process)
            status = process.wait()
            alive.discard(process)
    return status
