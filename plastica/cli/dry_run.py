"""What an experiment would take, without carrying it out."""

import time

import equinox as eqx
import jax
import jax.numpy as jnp

from plastica.cli.progress import spelled
from plastica.experiment import Experiment
from plastica.learner import flatten, names, theta
from plastica.run.chunks import measured
from plastica.search import Engine

ENOUGH_SECONDS = 5.0  # of generations lived for an estimate


def describe(experiment: Experiment, engine: Engine) -> None:
    """Prints theta by name and size, memory, devices, and an estimate of the time."""
    learner, search, objective = (
        experiment.learner,
        experiment.search,
        experiment.objective,
    )
    floats = theta(learner)
    for name, leaf in zip(names(floats), jax.tree.leaves(floats), strict=True):
        print(f"  {name:<24} {leaf.shape!s:<14} {leaf.size:>9,}")
    vector = flatten(learner)[0]
    print(f"  theta{vector.size:>44,}")
    devices = jax.devices()
    print(f"devices    {len(devices)} x {devices[0].device_kind}")
    key = jax.random.key(experiment.seed)
    engine, _ = measured(engine, search, learner, objective, key)
    state = search.init(learner, objective, key)
    print(f"chunk      {engine.chunk} members at once on each device")
    seconds = []
    for generation in range(3):
        start = time.perf_counter()
        key_now = jax.random.fold_in(key, generation)
        state, metrics = search.generation(state, objective, key_now, engine)
        jax.block_until_ready(jnp.asarray(metrics["train/loss"]))
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > ENOUGH_SECONDS:
            break
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(eqx.filter(state, eqx.is_array)))
    state_mib, peak_mib = held / 2**20, _peak_mib()
    print(f"memory     {state_mib:.1f} MiB of search state, peak {peak_mib:,.0f} MiB")
    per = min(seconds)
    print(
        f"generation {per * 1e3:.1f} ms, {objective.ticks * search.evaluations:,} ticks"
    )
    total = per * experiment.generations + seconds[0]
    print(f"estimate   {spelled(total)} for {experiment.generations:,} generations")


def _peak_mib() -> float:
    """The process's largest resident size so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
