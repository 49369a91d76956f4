"""How the cost of a population grows: with members, ticks, hidden neurons and threads.

python -m benchmarks.scaling --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import tyro

from benchmarks.lifetime import population_of
from benchmarks.measure import alternating, show
from plastica import kernels, machine
from plastica.learner import flatten
from plastica.search.population import Population

MEMBERS, TICKS, HIDDEN, THREADS = 64, 200, 40, None  # where the others stand
GRID = {
    "members": (16, 32, 64, 128, 256, 512, 1024),
    "ticks": (100, 300, 1_000, 3_000, 10_000),
    "hidden": (20, 40, 100, 200, 400, 1_000),
    "threads": (1, 2),
}


def main(
    engines: tuple[str, ...] = ("native", "xla"),
    repeats: int = 3,
    out: Path | None = None,
) -> None:
    """Seconds of a population along each axis, and the exponent of their growth.

    The exponent is the slope of log seconds over log of the axis, by least squares.

    Args:
        engines: which ones to measure; XLA takes a few minutes.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    machine.set_up("cpu", devices=1)
    rows = []
    for axis, values in GRID.items():
        calls = {
            (engine, value): call(engine, **{axis: value})
            for engine in engines
            for value in values
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
    def lived(thetas, objective, key):
        if engine == "native":
            return kernels.losses(thetas, learner_of, objective, key, threads)
        population = Population(members, chunk=16, engine="xla")
        return population.live(thetas, learner_of, objective, (), key)[0]

    return lambda: lived(thetas, objective, key)


if __name__ == "__main__":
    tyro.cli(main)
