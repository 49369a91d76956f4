"""How the cost of a population grows: with members, ticks, hidden neurons and threads.

python -m benchmarks.scaling --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from benchmarks.lifetime import population_of
from benchmarks.measure import alternating, command, lives, require_kernel, show
from plastica import kernels, machine
from plastica.learner import flatten
from plastica.search import Engine

MEMBERS, TICKS, HIDDEN, THREADS = 64, 200, 40, None  # where the others stand
GRID = {
    "members": (16, 32, 64, 128, 256, 512, 1024),
    "ticks": (100, 300, 1_000, 3_000, 10_000),
    "hidden": (20, 40, 100, 200, 400, 1_000),
    "threads": (1, 2),
}


def main(
    engines: tuple[str, ...] = ("native", "xla"),
    points: int | None = None,
    repeats: int = 3,
    out: Path | None = None,
) -> None:
    """Seconds of a population along each axis, and the exponent of their growth.

    The exponent is the slope of log seconds over log of the axis, by least squares.

    Args:
        engines: which ones to measure; XLA takes a few minutes.
        points: of each axis, from its smallest value on; all of them by default.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    if "native" in engines:
        require_kernel()
    machine.set_up("cpu", devices=1)
    rows = []
    for axis, values in GRID.items():
        calls = {
            (engine, value): call(engine, **{axis: value})
            for engine in engines
            for value in values[:points]
            if axis != "threads" or engine == "native"
        }
        spent = alternating(calls, repeats)
        for engine in engines:
            seconds = {v: spent[e, v].wall for e, v in calls if e == engine}
            if seconds:
                rows.append(row_of(axis, engine, seconds))
    show("growth", rows, out)


def row_of(axis: str, engine: str, seconds: dict[int, float]) -> dict:
    """The first and last points of one axis, and the slope between all."""
    x, y = np.log(list(seconds)), np.log(list(seconds.values()))
    first, last = min(seconds), max(seconds)
    return {
        "axis": axis,
        "engine": engine,
        "from": first,
        "to": last,
        "first s": seconds[first],
        "last s": seconds[last],
        "exponent": float(np.polyfit(x, y, 1)[0]),
        "last exponent": float((y[-1] - y[-2]) / (x[-1] - x[-2])),
    }


def call(engine, members=MEMBERS, ticks=TICKS, hidden=HIDDEN, threads=THREADS):
    """A call that lives one population."""
    rule, objective = population_of(hidden, 27, ticks // 2)
    theta, learner_of = flatten(rule)
    key = jax.random.key(0)
    thetas = 0.05 * jax.random.normal(key, (members, theta.size))

    @eqx.filter_jit
    def native(thetas, objective, key):
        return kernels.losses(thetas, learner_of, objective, key, threads)

    xla = lives(Engine("xla", chunk=16), learner_of)
    lived = native if engine == "native" else xla
    return lambda: lived(thetas, objective, key)


if __name__ == "__main__":
    command(main, engines=("native",), points=2, repeats=1)
