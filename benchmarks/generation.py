"""A whole generation of SNES: how much faster with the kernel, and where its time goes.

python -m benchmarks.generation --sizes 20 100 300 1000 --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax

from benchmarks.lifetime import population_of
from benchmarks.measure import alternating, command, lives, require_kernel, show
from plastica import machine
from plastica.learner import flatten
from plastica.lifetime import birth
from plastica.objective import Lifetime
from plastica.rules import PMLPHebb
from plastica.run.chunks import measured
from plastica.search import SNES, Engine
from plastica.search.engine import noise

MILLI = 1e3


def main(
    sizes: tuple[int, ...] = (20, 100, 300, 1000),
    symbols: int = 27,
    length: int = 100,
    members: int = 128,
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Milliseconds of a generation, all cores: wall, and the native one's parts.

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
    rows = []
    for n in sizes:
        rule, objective = population_of(n, symbols, length)
        rows.append(
            row_of(rule, objective, members if n < 1000 else members // 4, repeats)
        )
    show(f"a generation of SNES, {symbols} symbols", rows, out)


def row_of(rule: PMLPHebb, objective: Lifetime, members: int, repeats: int) -> dict:
    """One size: a generation on both engines, and the parts of the native one."""
    key, search, native = jax.random.key(0), SNES(members), Engine("native")
    xla, _ = measured(Engine("xla"), search, rule, objective, key)
    calls = {
        "plain": plain(search, rule, objective),
        "xla": generation(search, rule, objective, xla),
        "native": generation(search, rule, objective, native),
    } | parts(search, rule, objective, native)
    spent = alternating(calls, repeats)
    row = {"hidden": rule.network.sizes[1], "members": members}
    row |= {f"{name} ms": s.wall * MILLI for name, s in spent.items()}
    row["plain/native"] = spent["plain"].wall / spent["native"].wall
    row["xla/native"] = spent["xla"].wall / spent["native"].wall
    row["cpu ratio"] = spent["plain"].cpu / spent["native"].cpu
    return row


def generation(search: SNES, rule: PMLPHebb, objective: Lifetime, engine: Engine):
    """A call that does one whole generation, always the same one."""
    key = jax.random.key(1)
    state = search.init(rule, objective, key)

    def whole():
        lived = search.generation(state, objective, key, engine)
        return eqx.filter(lived, eqx.is_array)

    return whole


def plain(search: SNES, rule: PMLPHebb, objective: Lifetime):
    """The same generation in the plain way: one vmap of whole lives on one device."""
    key = jax.random.key(1)
    mu, learner_of = flatten(rule)
    log_sigma = jax.numpy.full(mu.shape, -2.3)

    @eqx.filter_jit
    def whole(mu, log_sigma, objective, key):
        keys = jax.random.split(key, search.members)
        s = jax.vmap(lambda own: jax.random.normal(own, mu.shape))(keys)
        thetas = mu + jax.numpy.exp(log_sigma) * s
        lives = jax.vmap(lambda theta: objective(learner_of(theta), (), key)[0])
        return search.updated(mu, log_sigma, s, lives(thetas))

    return lambda: whole(mu, log_sigma, objective, key)


def parts(search: SNES, rule: PMLPHebb, objective: Lifetime, engine: Engine) -> dict:
    """What a generation is made of, each call compiled alone."""
    key = jax.random.key(1)
    mu, learner_of = flatten(rule)
    noised = eqx.filter_jit(lambda key: noise(key, search.members, mu.size))
    s, lived = noised(key), lives(engine, learner_of)

    @eqx.filter_jit
    def drawn(objective, key):
        return birth(rule, objective.entries[0].task, key)

    losses = lived(mu + search.sigma * s, objective, key)
    log_sigma = jax.numpy.zeros_like(mu)
    updated = eqx.filter_jit(search.updated)
    return {
        "noise": lambda: noised(key),
        "births": lambda: drawn(objective, key),
        "lives": lambda: lived(mu + search.sigma * s, objective, key),
        "update": lambda: updated(mu, log_sigma, s, losses),
    }


if __name__ == "__main__":
    command(main, sizes=(4,), length=4, members=2, repeats=1)
