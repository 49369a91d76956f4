"""A population's lives on XLA and on the native kernel, side by side.

python -m benchmarks.lifetime --sizes 20 100 300 1000 --symbols 27 --out results.jsonl
"""

from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from benchmarks.measure import (
    MICRO,
    alternating,
    bandwidth,
    command,
    lives,
    peak,
    require_kernel,
    show,
)
from plastica import kernels, machine
from plastica.learner import flatten
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import PMLPHebb
from plastica.rules.pmlp_hebb import Forms
from plastica.run.chunks import measured
from plastica.search import SNES, Engine
from plastica.tasks.text import Text

FLOAT = 4  # bytes
GATE = 40  # operations of one sigmoid times tanh in the kernel
LEVELS = {"first cache": 24, "second cache": 512, "third cache": 8192}  # kilobytes


def main(
    sizes: tuple[int, ...] = (20, 100, 300, 1000),
    symbols: int = 27,
    length: int = 100,
    members: int = 64,
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Microseconds per tick and member, all cores, and how far from the limits.

    "plain" is the definition, one vmap of `life`; "xla" is the same in chunks of a
    measured size on one device a core; "native" is the kernel, "one thread" too.

    Args:
        sizes: hidden neurons.
        symbols: size of the alphabet.
        length: of the passage, which is read twice.
        members: of the population; at 1,000 neurons and more, a quarter of it.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    require_kernel()
    machine.set_up("cpu")
    rows = [
        row_of(n, symbols, length, members if n < 1000 else members // 4, repeats)
        for n in sizes
    ]
    show(f"a life of PMLPHebb, {symbols} symbols", rows, out)
    show("the machine, one thread", [machine_row()], out)


def engines(
    rule: PMLPHebb, objective: Lifetime, members: int
) -> tuple[dict[str, Callable[[], jax.Array]], int | None]:
    """Calls that live the same lives: "plain", "xla", "native", "one" thread of it.

    And the chunk of members that was measured to be the fastest on XLA.
    """
    theta, learner_of = flatten(rule)
    key = jax.random.key(0)
    thetas = 0.05 * jax.random.normal(key, (members, theta.size))
    engine, _ = measured(Engine("xla"), SNES(members), rule, objective, key)
    xla, native = lives(engine, learner_of), lives(Engine("native"), learner_of)

    @eqx.filter_jit
    def alone(thetas, objective, key):
        return kernels.losses(thetas, learner_of, objective, key, 1)

    @eqx.filter_jit
    def plain(thetas, objective, key):
        """The definition: one vmap of whole lives, XLA's own threads."""
        return jax.vmap(lambda theta: objective(learner_of(theta), (), key)[0])(thetas)

    calls = {
        "plain": lambda: plain(thetas, objective, key),
        "xla": lambda: xla(thetas, objective, key),
        "native": lambda: native(thetas, objective, key),
        "one": lambda: alone(thetas, objective, key),
    }
    return calls, engine.chunk


def row_of(n: int, symbols: int, length: int, members: int, repeats: int) -> dict:
    """One size: both engines, one thread of the kernel, and the kernel's work."""
    rule, objective = population_of(n, symbols, length)
    calls, chunk = engines(rule, objective, members)
    spent = alternating(calls, repeats)
    micro = MICRO / (members * objective.ticks)
    bytes_, flops = work(rule)
    one = spent["one"].cpu / (members * objective.ticks)
    return {
        "hidden": n,
        "members": members,
        "plain us": spent["plain"].wall * micro,
        "xla us": spent["xla"].wall * micro,
        "native us": spent["native"].wall * micro,
        "ticks/s": MICRO / (spent["native"].wall * micro),
        "plain/native": spent["plain"].wall / spent["native"].wall,
        "xla/native": spent["xla"].wall / spent["native"].wall,
        "cpu ratio": spent["plain"].cpu / spent["native"].cpu,
        "one thread us": spent["one"].cpu * micro,
        "KB read": bytes_ / 1024,
        "GB/s": bytes_ / one / 1e9,
        "kflop": flops / 1e3,
        "of peak": flops / one / peak(),
        "chunk": chunk,
    }


def population_of(
    n: int, symbols: int, length: int, forms: Forms | None = None
) -> tuple[PMLPHebb, Lifetime]:
    """A rule with `n` hidden neurons, and random passages that are read twice."""
    rule = PMLPHebb.zeros(Network.layered(symbols, n, symbols), forms=forms)
    text = np.random.default_rng(0).integers(0, symbols, 100_000)
    return rule, Lifetime.of(Text(jax.numpy.asarray(text), symbols, length, 2))


def work(rule: PMLPHebb) -> tuple[float, float]:
    """Bytes of weights that a tick must read, and the operations that it must do.

    A weight between a layer and itself is read once, since both its products can share
    the pass; others twice. A product, a Hebbian update: two operations a weight each.
    """
    sizes, edges = rule.network.sizes, rule.network.edges
    weights = {edge: sizes[edge[0]] * sizes[edge[1]] for edge in edges}
    read = sum(w * (1 if post == pre else 2) for (post, pre), w in weights.items())
    flops = 6 * sum(weights.values())
    for n, cell in zip(sizes, rule.layers, strict=True):
        hidden, inputs = cell.M1.shape
        flops += n * hidden * (4 * inputs + GATE + 2 * cell.b3.shape[0])
    return float(read * FLOAT), float(flops)


def machine_row() -> dict:
    """What one thread of this machine reads and computes at best."""
    found = {f"{name} GB/s": bandwidth(kb) / 1e9 for name, kb in LEVELS.items()}
    return found | {"memory GB/s": bandwidth(256 << 10) / 1e9, "Gflop/s": peak() / 1e9}


if __name__ == "__main__":
    command(main, sizes=(4,), length=4, members=4, repeats=1)
