"""Many runs that make a figure or a table: one after another, resumable run by run."""

import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, product
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

from plastica.errors import Refusal
from plastica.exhibit import Panel, Table
from plastica.folder import RunFolder
from plastica.source import find_shipped, shipped
from plastica.store import read_json, suffixed, write_aside

INTERRUPTED = (75, 130, -2, -15)  # exit statuses of runs that a signal ended
CURVE_POINTS = 100  # that a record keeps
LONGEST = 240  # bytes of a folder's name, and room for a suffix

Record = dict[str, Any]  # arguments, commit, seed, curve, scores, machine, seconds


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
        spelled = [f"{name}={value}" for name, value in self.arguments.items()]
        spelled += [f"from=({self.start.name})"] if self.start else []
        words = ",".join([self.experiment.rpartition(".")[2], *spelled])
        name = words.replace("/", "-").replace(" ", "")
        encoded = name.encode()
        if len(encoded) <= LONGEST:
            return name
        shortened = encoded[: LONGEST // 2].decode(errors="ignore")
        return f"{shortened}-{sha256(encoded).hexdigest()[:16]}"


def grid(experiment: str, **choices: Sequence[Any]) -> tuple[Planned, ...]:
    """A run for every combination of the choices, the last one varying fastest."""
    return tuple(
        Planned(experiment, dict(zip(choices, chosen, strict=True)))
        for chosen in product(*choices.values())
    )


@dataclass(frozen=True)
class Sweep:
    """Runs of experiment functions, and how their records become a figure.

    `draw` makes a table and pictures of the records. The claim that they bear on is
    what the docstring of the function says that returns the sweep.
    """

    runs: tuple[Planned, ...]
    draw: Callable[[Sequence[Record]], tuple[Table, list[Panel]]]


def carry_out(
    sweep: Sweep,
    folder: Path,
    processes: int = 1,
    say: Callable[[str], None] = print,
    known: Sequence[Record] = (),
) -> list[Record]:
    """Runs what is not finished, each in a process of its own; the records of all.

    Runs stand beside the sweep's folder, in `runs/`, where sweeps that ask for the same
    run share it. One that fails leaves its output in its folder's `.log` and the others
    go on. `known` are records of runs made elsewhere: those are not made again.
    """
    runs = folder.parent / "runs"
    for place in (folder, runs):
        place.mkdir(parents=True, exist_ok=True)
    elsewhere = _made_elsewhere(sweep, known)
    todo = [
        run
        for run in sweep.runs
        if not finished(runs / run.name) and run.name not in elsewhere
    ]
    say(f"{len(sweep.runs)} runs, {len(sweep.runs) - len(todo)} of them made before")

    interrupted, alive = Event(), set()

    def one(run: Planned) -> tuple[Path, int]:
        status = -2 if interrupted.is_set() else _in_process(run, runs, alive)
        if status in INTERRUPTED:
            interrupted.set()
        return runs / run.name, status

    first = [run for run in todo if run.start is None]
    waves = first, [run for run in todo if run.start]
    with _passed_on(interrupted, alive), ThreadPoolExecutor(max(processes, 1)) as pool:
        ended = chain.from_iterable(pool.map(one, wave) for wave in waves)
        for done, (place, status) in enumerate(ended, 1):
            if status in INTERRUPTED:
                raise Refusal(f"interrupted; the same command goes on in {folder}")
            how = "done" if status == 0 else f"failed ({status}), see {place}.log"
            say(f"{done} of {len(todo)}: {place.name} {how}")
    records = [
        record(runs / run.name) if finished(runs / run.name) else elsewhere[run.name]
        for run in sweep.runs
        if finished(runs / run.name) or run.name in elsewhere
    ]
    lines = "".join(json.dumps(r) + "\n" for r in records)
    write_aside(folder / "records.jsonl", lambda file: file.write(lines.encode()))
    return records


def finished(place: Path) -> bool:
    """Whether a run has its last generation and its scores."""
    return (place / "scores.json").is_file() and (place / "rule.json").is_file()


def record(place: Path) -> Record:
    """What is kept of a run for good: small enough to commit."""
    folder = RunFolder(place)
    config, rows = folder.config(), folder.rows()
    curve = [(r["generation"], r["eval/loss"]) for r in rows if "eval/loss" in r]
    step = max(len(curve) // CURVE_POINTS, 1)
    losses = [row.get("train/loss") for row in rows[1:]]
    told = ("source", "seed", "members", "data", "versions", "commit", "started")
    machine = {
        name: config.get(name) for name in ("processor", "cores", "devices", "x64")
    }
    return {name: config.get(name) for name in told} | {
        "warm_start": suffixed(folder.start, ".npz").is_file(),
        "generations": rows[-1]["generation"],
        "seconds": rows[-1]["seconds"],
        "ticks": rows[-1]["ticks"],
        "engine": config.get("engine"),
        "machine": machine,
        "curve": [[g, _rounded(loss)] for g, loss in [*curve[:-1:step], curve[-1]]],
        "living": _stretches(losses),
        "theta": sum(math.prod(shape) for shape in config["theta"].values()),
        "scores": _brief(read_json(place / "scores.json")),
    }


def add_records(runs: Sequence[Path], to: Path) -> int:
    """Adds the records of finished runs to a file; how many it then holds."""
    for run in runs:
        if not finished(run):
            raise Refusal(f"{run} is no finished run; plastica resume {run}")
    lines = to.read_text().splitlines() if to.is_file() else []
    lines += [json.dumps(record(run)) for run in runs]
    to.parent.mkdir(parents=True, exist_ok=True)
    write_aside(to, lambda file: file.write(("\n".join(lines) + "\n").encode()))
    return len(lines)


def read_records(path: Path) -> list[Record]:
    """Records of runs from a file of JSON lines."""
    told = read_lines(path)
    if not all({"source", "scores"} <= set(each) for each in told):
        raise Refusal(
            f"{path} has lines that are no records of runs; bring back the file"
        )
    return told


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines, a dictionary each."""
    if not path.is_file():
        raise Refusal(
            f"there are no records at {path}; plastica reproduce and record make them"
        )
    try:
        told = [json.loads(line) for line in path.read_text().splitlines() if line]
        return [dict(each) for each in told]
    except (ValueError, TypeError) as error:
        raise Refusal(
            f"{path} is not JSON lines: {error}; run the sweep again"
        ) from error


def flags(arguments: dict[str, Any]) -> Iterable[str]:
    """An experiment's arguments as the command line spells them."""
    for name, value in arguments.items():
        knob = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{knob}" if value else f"--no-{knob}"
        else:
            yield f"--{knob}"
            yield from map(str, value if isinstance(value, tuple) else (value,))


def _made_elsewhere(sweep: Sweep, known: Sequence[Record]) -> dict[str, Record]:
    """Records that stand for runs of a sweep: of the same arguments, all of them.

    A run that begins from another, or that another begins from, needs its folder.
    """

    def asked(experiment: str, arguments: dict[str, Any]) -> tuple[str, str]:
        source = find_shipped(experiment)
        return source.name, json.dumps(source.complete(arguments), sort_keys=True)

    ours, records = shipped(), {}
    for told in known:
        source = told["source"] or {}
        if source.get("experiment") in ours and not _began_from_a_rule(told):
            records[asked(source["experiment"], source["arguments"])] = told
    begun_from = {run.start.name for run in sweep.runs if run.start}
    return {
        run.name: records[key]
        for run in sweep.runs
        if run.experiment in ours and not run.start and run.name not in begun_from
        if (key := asked(run.experiment, run.arguments)) in records
    }


def _began_from_a_rule(told: Record) -> bool:
    """Older records tell it only by the rule's own row of scores."""
    by_row = "where it began" in (told["scores"] or {}).get("rows", {})
    return told.get("warm_start", by_row)


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
        words = ["resume", str(place)]
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


def _stretches(losses: Sequence[float | None]) -> list[list]:
    """Training losses in stretches of a life: its last generation, and the mean."""
    step = -(-len(losses) // CURVE_POINTS) or 1
    means = []
    for start in range(0, len(losses), step):
        stretch = [x for x in losses[start : start + step] if x is not None]
        mean = sum(stretch) / len(stretch) if stretch else None
        means.append([min(start + step, len(losses)), _rounded(mean)])
    return means


def _brief(told: Any) -> Any:
    """The same, every number with four digits."""
    return json.loads(json.dumps(told), parse_float=lambda x: float(f"{float(x):.4g}"))


def _rounded(loss: float | None) -> float | None:
    return None if loss is None else round(loss, 5)
