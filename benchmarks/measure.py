"""What the benchmarks share: fair timing, tables, and lines of JSON."""

import ctypes
import functools
import inspect
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import equinox as eqx
import jax
import tyro
from rich.console import Console
from rich.table import Table

from plastica import machine
from plastica.kernels.library import REMEDY, isa, library
from plastica.search import Engine

MICRO = 1e6
LACKING = 77  # exit status of a benchmark that this machine cannot run
ELSEWHERE = "the authors' program, timed in another run, no record kept"


def command(main: Callable[..., None], **smoke: Any) -> None:
    """The command line of a benchmark: the parameters of `main` are its options.

    `--smoke` gives them the values in `smoke` instead of their defaults: all of the
    benchmark, at sizes that take a few seconds and measure nothing.
    """
    words = sys.argv[1:]
    about = inspect.getdoc(main).partition("\nArgs:")[0].strip()
    about += "\n\n--smoke: all of it in a few seconds, at sizes that measure nothing"
    if "--smoke" in words:
        words.remove("--smoke")
        main = functools.partial(main, **smoke)
    tyro.cli(main, args=words, description=about)


def lacks(what: str) -> NoReturn:
    """Ends a benchmark that needs what is not here."""
    print(f"this benchmark needs {what}", file=sys.stderr)
    raise SystemExit(LACKING)


def require_kernel() -> ctypes.CDLL:
    """The native kernel's library."""
    return library() or lacks(f"the native kernel; {REMEDY}")


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


def lives(engine: Engine, learner_of: Callable) -> Callable:
    """The compiled function of thetas, an objective and a key: members' losses."""

    @eqx.filter_jit
    def lived(thetas, objective, key):
        return engine.live(thetas, learner_of, objective, (), key)[0]

    return lived


def bandwidth(kilobytes: int) -> float:
    """Bytes per second that one thread reads of a block that it reads over and over."""
    probe = require_kernel().plastica_probe_bandwidth
    probe.restype = ctypes.c_double
    return probe(ctypes.c_int64(kilobytes * 1024))


def peak() -> float:
    """Operations per second of one thread that only multiplies and adds floats."""
    probe = require_kernel().plastica_probe_peak
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
