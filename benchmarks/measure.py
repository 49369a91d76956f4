"""What the benchmarks share: fair timing, tables, and lines of JSON."""

import ctypes
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from rich.console import Console
from rich.table import Table

from plastica import machine
from plastica.kernels.library import isa, library

MICRO = 1e6


class Spent(NamedTuple):
    """Seconds of one call: on the clock, and on all processors together."""

    wall: float
    cpu: float


def alternating(
    calls: dict[str, Callable[[], Any]], repeats: int = 7
) -> dict[str, Spent]:
    """Medians over `repeats` rounds, every round making each call once, in turn.

    Each call is made once before, so that nothing is compiled on the clock.
    """
    for call in calls.values():
        jax.block_until_ready(call())
    spent = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: Spent(*map(statistics.median, zip(*times, strict=True)))
        for name, times in spent.items()
    }


def bandwidth(kilobytes: int) -> float:
    """Bytes per second that one thread reads of a block that it reads over and over."""
    probe = _library().plastica_probe_bandwidth
    probe.restype = ctypes.c_double
    return probe(ctypes.c_int64(kilobytes * 1024))


def peak() -> float:
    """Operations per second of one thread that only multiplies and adds floats."""
    probe = _library().plastica_probe_peak
    probe.restype = ctypes.c_double
    return probe()


def show(title: str, rows: list[dict[str, Any]], out: Path | None) -> None:
    """Prints the rows as a table, and appends them to `out` with the machine."""
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(_short(value) for value in row.values()))
    Console(width=200).print(table)
    if out is None:
        return
    where = machine.description() | {"isa": isa()}
    with out.open("a") as lines:
        for row in rows:
            lines.write(
                json.dumps({"benchmark": title, **row, "machine": where}) + "\n"
            )


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _library():
    found = library()
    if found is None:
        raise SystemExit("this benchmark measures the kernel: pip install ./native")
    return found
