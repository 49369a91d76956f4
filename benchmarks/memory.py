"""Peak memory of what must fit: a large population, and a long meta-gradient.

python -m benchmarks.memory --out results.jsonl
"""

import resource
import subprocess
import sys
import time
from math import isqrt
from pathlib import Path

import jax
import tyro

from benchmarks.lifetime import population_of
from benchmarks.measure import show
from plastica import machine
from plastica.experiments.vsml import from_scratch
from plastica.search import SNES, MetaGradient, Population, optimiser

CASES = {
    "256 members, n = 1000, native": ("native", 1_000, 256, 100),
    "256 members, n = 1000, XLA": ("xla", 1_000, 256, 20),
    "meta-gradient, n = 100, 2,000 ticks": ("gradient", 100, 1, 1_000),
    "meta-gradient, 784 x 10 sub-LSTMs, 8 lives": ("grid", 784, 8, 100),
}


def main(case: str | None = None, out: Path | None = None) -> None:
    """Largest resident size of a process that does one generation, in GiB.

    Args:
        case: one of the cases, in this process; by default all, each in its own.
        out: file to which lines of JSON are appended.
    """
    if case is not None:
        print(*_lived(*CASES[case]))
        return
    rows = []
    for name, (_, _, _, length) in CASES.items():
        command = [sys.executable, "-m", "benchmarks.memory", "--case", name]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        gib, seconds = map(float, said.stdout.split())
        row = {"case": name, "ticks": 2 * length, "peak GiB": gib, "seconds": seconds}
        rows.append(row)
    show("peak memory", rows, out)


def _lived(kind: str, n: int, members: int, length: int) -> tuple[float, float]:
    machine.set_up("cpu")
    if kind == "grid":
        images = {"images": "digits", "others": (), "side": isqrt(n), "warm_up": 0}
        scratch = from_scratch(**images, lessons=2 * length, lives=members)
        rule, objective, search = scratch.learner, scratch.objective, scratch.search
        return _spent(rule, objective, search)
    rule, objective = population_of(n, 27, length)
    search = SNES(Population(members, engine="native"))
    if kind == "xla":
        search = SNES(Population(members, engine="xla"))
    if kind == "gradient":
        rule = rule.random(jax.random.key(0), rule.network)
        search = MetaGradient(optimiser=optimiser("adam", 1e-3, 1.0))
    return _spent(rule, objective, search)


def _spent(rule, objective, search) -> tuple[float, float]:
    start = time.perf_counter()
    state = search.init(rule, objective, jax.random.key(0))
    _, metrics = search.generation(state, objective, jax.random.key(1))
    jax.block_until_ready(metrics["train/loss"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return peak, time.perf_counter() - start


if __name__ == "__main__":
    tyro.cli(main)
