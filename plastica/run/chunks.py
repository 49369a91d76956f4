"""How many members a device lives at once: measured once, before a run begins."""

import time
from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from plastica import cluster, machine
from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective
from plastica.run.memory import refuse_too_large
from plastica.search import AbstractEvolution, AbstractSearch, Engine, SideBySide
from plastica.search.engine import noise

LEAST = 4  # members in the smallest chunk that is tried


def members_of(search: AbstractSearch) -> int:
    """How many members a search lives at once; a gradient's learner is the only one."""
    search = search.each if isinstance(search, SideBySide) else search
    return search.members if isinstance(search, AbstractEvolution) else 1


def measured(
    engine: Engine,
    search: AbstractSearch,
    learner: AbstractLearner,
    objective: AbstractObjective,
    key: PRNGKeyArray,
) -> tuple[Engine, dict[int, float]]:
    """The engine with the fastest chunk, and the seconds that each one tried took.

    A chunk of members must fit a cache with all that lives; how many do is measured,
    from the smallest up to what fits the memory, unless a chunk was asked for.
    """
    members = members_of(search)
    whole = -(-members // len(jax.devices()))
    native = engine.settled(learner, objective) == "native"
    sharing = machine.sharing()
    living = min(sharing * min(engine.chunk or LEAST, whole), members)
    if native:  # newborns, and a life a thread
        living = sharing + min(machine.cores(), members)
    refuse_too_large(search, learner, objective, living)
    if whole == 1 or native or engine.chunk:
        return engine, {}
    theta, learner_of = flatten(learner)
    seconds = {}
    for chunk in sorted({min(chunk, whole) for chunk in (whole, 16, LEAST)}):
        tried = replace(engine, chunk=chunk)

        @eqx.filter_jit
        def generation(theta, objective, key, tried=tried):
            thetas = theta[None] + 0.01 * noise(key, members, theta.size)
            carries = jax.vmap(lambda t: objective.init(learner_of(t), key))(thetas)
            return tried.live(thetas, learner_of, objective, carries, key)[0]

        generation = generation.lower(theta, objective, key).compile()
        needs = generation.compiled.memory_analysis().temp_size_in_bytes
        if seconds and not cluster.unanimous(needs < machine.room()):
            break
        jax.block_until_ready(generation(theta, objective, key))
        seconds[chunk] = min(
            spent(lambda generation=generation: generation(theta, objective, key))
            for _ in range(3)
        )
    fastest = min(seconds, key=lambda chunk: seconds[chunk])
    return replace(engine, chunk=fastest), seconds


def spent(work: Callable) -> float:
    """Seconds until all that the work returns is there."""
    start = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - start
