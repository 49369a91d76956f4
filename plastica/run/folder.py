"""A run's folder: configuration, metrics, checkpoints, snapshots, and the rule found.

config.json      what was run, with which versions, devices and data
metrics.jsonl    a line a generation
checkpoints/     the last three states of the search, the best rule by evaluation, and
                 the rule that it began from, if it was given one
snapshots/       theta along the way, few enough to animate
rule.safetensors the rule found, and how it was made
scores.json      what it showed on unseen data; report.html draws it
"""

import contextlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from plastica import store
from plastica.errors import Damaged, Refusal
from plastica.saving import arrays_of, filled

log = logging.getLogger(__name__)

KEPT = 3  # checkpoints
LOCK = ".lock"
BEATS = "beats"  # signs of life of the processes of a run
CONFIG = {  # what of it is needed to go on, and as what
    "source": dict | None,
    "generations": int,
    "planned": int,
    "chunk": int | None,
    "engine": str,
    "devices": list,
    "started": str,
}


class RunFolder:
    """Where a run is kept; makes nothing until something is written."""

    def __init__(self, path: str | Path) -> None:
        """Names a folder, which may not exist yet."""
        self.path = Path(path)
        self.metrics = self.path / "metrics.jsonl"
        self.rule = self.path / "rule"
        self.best = self.path / "checkpoints" / "best"
        self.start = self.path / "checkpoints" / "start"
        self.scores = self.path / "scores.json"
        self.report = self.path / "report.html"

    def refuse_if_used(self) -> None:
        """Refuses a folder unless it is new, empty, or a start that was cut off."""
        with store.said_clearly(self.path):
            used = self.path.exists() and not self._barely_begun()
        if used:
            raise Refusal(
                f"{self.path} exists and is not empty; name another folder, or go on "
                f"with it: plastica resume {self.path}"
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds the folder, so that no other process writes there meanwhile.

        The system lets go when this process ends, however it does. Where a machine
        that slept lost its hold (a shared disk gives it to another), the epoch in the
        file is no longer this process's, and nothing is renamed.
        """
        with store.said_clearly(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / LOCK).open("a+")
        with lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(
                    f"{self.path} is in use by another process; wait for it, or name "
                    "another folder"
                ) from None
            except (OSError, ImportError) as error:  # a disk, or a system, without
                log.warning("%s cannot be locked: %s", self.path, error)
            own = _epoch(self.path) + 1

            def guard() -> None:
                if _epoch(self.path) != own:
                    raise Refusal(
                        f"{self.path} was taken over by another process; this one "
                        "writes nothing more"
                    )

            try:
                with store.said_clearly(self.path):
                    lock.truncate(0)
                    lock.write(f"{own}\n")
                    lock.flush()
                    os.fsync(lock.fileno())
                with store.guarded(guard):
                    yield
            except Refusal:
                if self._barely_begun():
                    shutil.rmtree(self.path, ignore_errors=True)
                raise

    def create(self, config: dict, state: Any) -> None:
        """Makes the folder with its first checkpoint; `config` then makes it a run."""
        self.refuse_if_used()
        with store.said_clearly(self.path):
            (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
            (self.path / "snapshots").mkdir(exist_ok=True)
        self.save_state(state, 0, 0.0)
        store.write_json(self.path / "config.json", config)

    def config(self) -> dict:
        """What was recorded at the start; refuses a folder that is no run."""
        closed = os.path.isdir(self.path) and not os.access(self.path, os.X_OK)
        if not closed and not os.path.lexists(self.path / "config.json"):
            raise Refusal(
                f"{self.path} is no run: it has no config.json; give a folder that "
                "`plastica train` made"
            )
        config = dict.fromkeys(CONFIG) | store.read_json(self.path / "config.json")
        if config.get("format") != "plastica run":
            raise Refusal(f"{self.path} is no run: its config.json is something else's")
        for name, kind in CONFIG.items():
            if not isinstance(config[name], kind):
                raise Refusal(
                    f"{self.path} has a config.json that was altered: its {name!r} is "
                    f"{config[name]!r}; bring back the file as it was"
                )
        return config

    def amend(self, **changed: Any) -> None:
        """Replaces entries of the configuration."""
        store.write_json(self.path / "config.json", self.config() | changed)

    def save_state(self, state: Any, generation: int, seconds: float) -> None:
        """Writes a checkpoint and drops all but the last few."""
        about = {"generation": generation, "seconds": seconds}
        stem = self.path / "checkpoints" / f"{generation:08d}"
        store.write_bundle(stem, arrays_of(state), about)
        for old in self._checkpoints()[:-KEPT]:
            for end in store.ENDS:
                store.suffixed(old, end).unlink(missing_ok=True)

    def restore(self, like: Any) -> tuple[Any, int, float]:
        """The newest state that is whole, its generation and seconds."""
        for stem in reversed(self._checkpoints()):
            try:
                arrays, about = store.read_bundle(stem)
                generation, seconds = int(stem.name), about.get("seconds")
                if about.get("generation") != generation or type(seconds) is not float:
                    raise Damaged(f"{stem} is of another generation than its name says")
            except Damaged as error:
                log.warning("%s; using the checkpoint before it", error)
                continue
            where = f"this run was started with another experiment: {stem}"
            return filled(like, arrays, where), generation, seconds
        raise Refusal(
            f"{self.path} has no checkpoint that is whole; start again: the command is "
            "in its config.json"
        )

    def append(self, rows: list[dict]) -> None:
        """Adds lines to the metrics."""
        with store.said_clearly(self.metrics), self.metrics.open("a") as file:
            file.writelines(map(_sealed, rows))
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict]:
        """The metrics so far; lines that were cut off or altered are left out."""
        if not self.metrics.is_file():
            return []
        lines = self.metrics.read_text(errors="replace").splitlines()
        rows = [row for row in map(_unsealed, lines) if row]
        if len(rows) < len(lines) - 1:  # the last may just have been cut off
            missing = len(lines) - len(rows)
            log.warning("%s: %d lines are damaged, and left out", self.metrics, missing)
        return rows

    def cut_after(self, generation: int) -> list[dict]:
        """Drops metrics and snapshots of later generations; the rows that stay."""
        rows = [row for row in self.rows() if row["generation"] <= generation]
        store.write_text(self.metrics, "".join(map(_sealed, rows)))
        for path in (self.path / "snapshots").glob("*"):
            if path.stem.isdigit() and int(path.stem) > generation:
                path.unlink()
        for aside in self.path.rglob(".*"):  # what a killed process was writing
            if aside.suffix[1:].isdigit():
                aside.unlink(missing_ok=True)
        return rows

    def snapshot(self, theta: np.ndarray, generation: int) -> None:
        """Keeps theta as it is now."""
        stem = self.path / "snapshots" / f"{generation:08d}"
        store.write_bundle(stem, {"theta": theta}, {"generation": generation})

    def snapshots(self) -> list[tuple[int, np.ndarray]]:
        """The kept thetas by generation."""
        stems = store.bundles(self.path / "snapshots")
        return [(int(stem.name), store.read_bundle(stem)[0]["theta"]) for stem in stems]

    def _barely_begun(self) -> bool:
        """Whether there is nothing but what comes before config.json, or nothing."""
        if not self.path.is_dir():
            return False
        files = (
            p.name.lstrip(".")
            for p in self.path.rglob("*")
            if not p.is_dir() and p.parent.name != BEATS
        )
        begun = ("00000000.", "config.json.", LOCK[1:])
        return all(name.startswith(begun) for name in files)

    def _checkpoints(self) -> list[Path]:
        found = store.bundles(self.path / "checkpoints")
        return [stem for stem in found if stem.name.isdecimal()]


def _epoch(folder: Path) -> int:
    """How often the folder was held so far."""
    with contextlib.suppress(OSError, ValueError):
        return int((folder / LOCK).read_text())
    return 0


def _sealed(row: dict) -> str:
    """A line of the metrics, with a checksum of its own."""
    return json.dumps(row | {"crc": _crc(row)}) + "\n"


def _unsealed(line: str) -> dict | None:
    """What a line says, if nobody altered it."""
    with contextlib.suppress(ValueError, RecursionError):
        row = json.loads(line)
        whole = isinstance(row, dict) and row.pop("crc", None) == _crc(row)
        if whole and all(isinstance(x, int | float | None) for x in row.values()):
            return row if isinstance(row.get("generation"), int) else None
    return None


def _crc(row: dict) -> int:
    return zlib.crc32(json.dumps(row, sort_keys=True).encode())
