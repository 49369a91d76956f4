"""Two processes of one core each beside one: a whole run, generation by generation.

python -m benchmarks.cluster --out results.jsonl
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import command, lacks, show
from plastica import machine

WARM = 10  # generations before the clock starts: compilation, and the first evaluation


def main(
    hidden: int = 100,
    length: int = 100,
    members: int = 128,
    generations: int = 60,
    repeats: int = 3,
    out: Path | None = None,
) -> None:
    """Generations a second of one process, of two, and of two with twice the members.

    Args:
        hidden: neurons of the hidden layer.
        length: symbols of a passage.
        members: of a generation; weak scaling gives two processes twice as many.
        generations: of each run.
        repeats: runs of each kind, alternating; medians are shown.
        out: file to which lines of JSON are appended.
    """
    if machine.affinity() < {0, 1}:
        lacks("the first two cores of the machine")
    kinds = {"one": (1, members), "two": (2, members), "two, twice": (2, 2 * members)}
    rates = {name: [] for name in kinds}
    for _ in range(repeats):
        for name, (processes, many) in kinds.items():
            knobs = [
                *("--hidden", hidden, "--length", length, "--population", many),
                *("--generations", generations, "--every", generations),
            ]
            rates[name].append(rate(processes, list(map(str, knobs))))
    medians = {name: float(np.median(found)) for name, found in rates.items()}
    row = {"hidden": hidden, "length": length, "members": members}
    row |= {f"{name}, generations/s": found for name, found in medians.items()}
    row["strong"] = medians["two"] / medians["one"]
    row["weak"] = 2 * medians["two, twice"] / medians["one"]
    show("two processes", [row], out)


def rate(processes: int, knobs: list[str]) -> float:
    """Generations a second after the first few, of a run by so many processes."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        words = [*knobs, "--no-report", "--out", f"{folder}/run"]
        together = [
            subprocess.Popen(
                [sys.executable, "-m", "plastica", "train", *words]
                + ["--coordinator", coordinator] * (processes > 1)
                + ["--processes", str(processes), "--process", str(i)]
                * (processes > 1),
                stdout=subprocess.DEVNULL,
                preexec_fn=lambda i=i: os.sched_setaffinity(0, {i}),
            )
            for i in range(processes)
        ]
        if any([process.wait() for process in together]):
            raise SystemExit("a process failed; run it by hand to see why")
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
        seconds = {r["generation"]: r["seconds"] for r in map(json.loads, lines)}
        last = max(seconds) - 1  # the last one evaluates, too
        return (last - WARM) / (seconds[last] - seconds[WARM])


if __name__ == "__main__":
    command(main, hidden=4, length=4, members=8, generations=24, repeats=1)
