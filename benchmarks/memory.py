"""Peak memory of what must fit: a large population, and a long meta-gradient.

python -m benchmarks.memory --out results.jsonl
"""

import resource
import subprocess
import sys
import time
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import jax

from benchmarks.lifetime import population_of
from benchmarks.measure import command, require_kernel, show
from plastica import machine
from plastica.experiments.vsml import from_scratch
from plastica.search import SNES, Engine, MetaGradient, optimiser


class Case(NamedTuple):
    """Neurons, or inputs of a grid; members, or lives; symbols of a passage."""

    n: int
    members: int
    length: int
    name: str

    def smaller(self, divisor: int) -> "Case":
        """The same with all its numbers divided, none of them to nothing."""
        sizes = (max(size // divisor, 1) for size in self[:3])
        return Case(*sizes, self.name)

    def __str__(self) -> str:
        """What the table calls it."""
        return self.name.format(**self._asdict(), ticks=2 * self.length)


CASES = {
    "native": Case(1_000, 256, 100, "{members} members, n = {n}, native"),
    "xla": Case(1_000, 256, 20, "{members} members, n = {n}, XLA"),
    "gradient": Case(100, 1, 1_000, "meta-gradient, n = {n}, {ticks:,} ticks"),
    "grid": Case(784, 8, 100, "meta-gradient, {n} x 10 sub-LSTMs, {members} lives"),
}


def main(case: str | None = None, divisor: int = 1, out: Path | None = None) -> None:
    """Largest resident size of a process that does one generation, in GiB.

    Args:
        case: one of the cases, in this process; by default all, each in its own.
        divisor: of all sizes.
        out: file to which lines of JSON are appended.
    """
    require_kernel()
    cases = {kind: whole.smaller(divisor) for kind, whole in CASES.items()}
    if case is not None:
        print(*_lived(case, cases[case]))
        return
    rows = []
    for kind, sizes in cases.items():
        words = ["--case", kind, "--divisor", str(divisor)]
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", *words],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        gib, seconds = map(float, said.stdout.split())
        row = {"case": str(sizes), "ticks": 2 * sizes.length}
        rows.append(row | {"peak GiB": gib, "seconds": seconds})
    show("peak memory", rows, out)


def _lived(kind: str, case: Case) -> tuple[float, float]:
    machine.set_up("cpu")
    n, members, length, _ = case
    if kind == "grid":
        images = {"images": "digits", "others": (), "side": isqrt(n), "warm_up": 0}
        scratch = from_scratch(**images, lessons=2 * length, lives=members)
        return _spent(scratch.learner, scratch.objective, scratch.search, Engine())
    rule, objective = population_of(n, 27, length)
    if kind == "gradient":
        rule = rule.random(jax.random.key(0), rule.network)
        search = MetaGradient(optimiser=optimiser("adam", 1e-3, 1.0))
        return _spent(rule, objective, search, Engine())
    return _spent(rule, objective, SNES(members), Engine(kind))


def _spent(rule, objective, search, engine) -> tuple[float, float]:
    start = time.perf_counter()
    state = search.init(rule, objective, jax.random.key(0))
    _, metrics = search.generation(state, objective, jax.random.key(1), engine)
    jax.block_until_ready(metrics["train/loss"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return peak, time.perf_counter() - start


if __name__ == "__main__":
    command(main, divisor=49)
