"""What is kept of a run for good: a small record, from which figures are made."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plastica.errors import Damaged, Refusal
from plastica.run.folder import RunFolder
from plastica.saving import UNFIT
from plastica.shown import Shown
from plastica.store import is_bundle, read_json, write_text

CURVE_POINTS = 100  # that a record keeps

Record = dict[str, Any]  # arguments, commit, seed, curve, scores, machine, seconds
Records = Sequence[Record]


def finished(place: Path) -> bool:
    """Whether a run has its last generation and its scores."""
    return (place / "scores.json").is_file() and is_bundle(place / "rule")


def record(place: Path) -> Record:
    """What is kept of a run for good: small enough to commit.

    Numbers of its scores have four digits.
    """
    folder = RunFolder(place)
    config, rows = folder.config(), folder.rows()
    curve = [(r["generation"], r["eval/loss"]) for r in rows if "eval/loss" in r]
    step = max(len(curve) // CURVE_POINTS, 1)
    losses = [row.get("train/loss") for row in rows[1:]]
    named = ("source", "seed", "members", "data", "versions", "commit", "started")
    machine = ("processor", "cores", "devices", "x64")
    shown = Shown.read(read_scores(folder.scores))
    scores = json.dumps(shown.described(recorded_only=True))
    return {name: config.get(name) for name in named} | {
        "warm_start": is_bundle(folder.start),
        "generations": rows[-1]["generation"],
        "seconds": rows[-1]["seconds"],
        "ticks": rows[-1]["ticks"],
        "engine": config.get("engine"),
        "machine": {name: config.get(name) for name in machine},
        "curve": [[g, _rounded(loss)] for g, loss in [*curve[:-1:step], curve[-1]]],
        "living": _stretches(losses),
        "theta": sum(math.prod(shape) for shape in config["theta"].values()),
        "scores": json.loads(scores, parse_float=lambda x: float(f"{float(x):.4g}")),
    }


def add_records(runs: Sequence[Path], to: Path) -> int:
    """Adds the records of finished runs to a file; how many it then holds."""
    for run in runs:
        if not finished(run):
            raise Refusal(f"{run} is no finished run; plastica resume {run}")
    records = read_lines(to) if to.is_file() else []
    records += map(record, runs)
    write_records(to, records)
    return len(records)


def write_records(path: Path, records: Records) -> None:
    """Writes records of runs as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(each) + "\n" for each in records))


def read_records(path: Path) -> list[Record]:
    """Records of runs from a file of JSON lines, as they are written today."""
    lines = read_lines(path)
    if not all({"source", "scores"} <= set(each) for each in lines):
        raise Refusal(
            f"{path} has lines that are no records of runs; bring back the file"
        )
    return [each | {"scores": upgraded(each["scores"])} for each in lines]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines, a dictionary each."""
    if not path.is_file():
        raise Refusal(
            f"there are no records at {path}; plastica reproduce and record make them"
        )
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line]
        return [dict(each) for each in lines]
    except (ValueError, TypeError) as error:
        raise Refusal(
            f"{path} is not JSON lines: {error}; run the sweep again"
        ) from error


def read_scores(path: Path) -> dict[str, Any]:
    """What a run's rule showed, as `Shown.described` has it."""
    stored = read_json(path)
    try:
        scores = upgraded(stored)
        Shown.read(scores).table.lines()
    except UNFIT as error:
        raise Damaged(f"{path} does not hold scores: {error}") from error
    return scores


def upgraded(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores as they are written today, whichever version wrote them.

    Earlier ones had one dictionary of `details`, which did not say what they were.
    """
    details = scores.get("details")
    if not details or "extras" in scores:
        return scores
    lists = {n: each for n, each in details.items() if isinstance(each, list)}
    dicts = {n: each for n, each in details.items() if isinstance(each, dict)}
    toys = {n: each for n, each in dicts.items() if "grids" in each}
    extras: dict[str, Mapping] = {}
    if "maps" in details:
        walks = {"hidden": details["hidden"], "maps": details["maps"]}
        extras["walks"] = {"kind": "Walks"} | walks
    if "tracks" in details:
        extras["tracks"] = {"kind": "Tracks", "tracks": details["tracks"]}
    if toys:
        extras["planes"] = {"kind": "Planes", "toys": toys}
    if sizes := lists.pop("synapses", None):
        curves = {"curves": {"synapses": sizes}, "x": "lesson", "y": ""}
        extras["synapses"] = {"kind": "Curves"} | curves
    if any(isinstance(row, str) for each in lists.values() for row in each):
        extras["antisymmetric"] = {"kind": "Antisymmetric", "rows": lists}
    elif lists:
        last = list(scores["life"])[-1]
        own = {"own": scores["life"][last], "course": last}
        extras["rivals"] = {"kind": "Rivals", "curves": lists} | own
    rest = {name: each for name, each in scores.items() if name != "details"}
    return rest | {"extras": extras}


def _stretches(losses: Sequence[float | None]) -> list[list]:
    """Training losses in stretches of a life: its last generation, and the mean."""
    step = -(-len(losses) // CURVE_POINTS) or 1
    means = []
    for start in range(0, len(losses), step):
        stretch = [x for x in losses[start : start + step] if x is not None]
        mean = sum(stretch) / len(stretch) if stretch else None
        means.append([min(start + step, len(losses)), _rounded(mean)])
    return means


def _rounded(loss: float | None) -> float | None:
    return None if loss is None else round(loss, 5)
