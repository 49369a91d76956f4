"""A whole generation of plastic networks: ticks a second, and where the time goes.

python -m benchmarks.plastic --out results.jsonl
"""

from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import tyro

from benchmarks.measure import alternating, show
from plastica import machine
from plastica.experiments import plastic_rnn
from plastica.learner import flatten
from plastica.search.population import Population, measured

PROGRAM = {"sines": 12_700, "robot": 8_300}  # ticks a second of the authors', one core


def main(
    methods: tuple[str, ...] = ("eprnn", "rnn"),
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Ticks per second and core, plasticity included, at the paper's sizes.

    Args:
        methods: learners by their names in the experiments.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    machine.set_up("cpu")
    large = {name: value for name, (value,) in plastic_rnn.LARGE.items()}
    worlds = {
        "sines": partial(plastic_rnn.foretell, **large, lives=16),
        "robot": partial(plastic_rnn.drive, **large, lives=4),
    }
    rows = [
        row_of(world, method, make(method=method), repeats)
        for world, make in worlds.items()
        for method in methods
    ]
    show("a generation of plastic networks", rows, out)


def row_of(world: str, method: str, experiment, repeats: int) -> dict:
    """One learner in one world, and its generation's parts, each compiled alone."""
    key, search = jax.random.key(0), experiment.search
    learner, objective = experiment.learner, experiment.objective
    mu, learner_of = flatten(learner)
    population, _ = measured(search.population, learner_of, mu, objective, key)
    search = eqx.tree_at(lambda s: s.population, search, population)
    state = search.init(learner, objective, key)
    pairs = Population(search.members // 2)
    noise = eqx.filter_jit(lambda key: pairs.noise(key, mu.size))

    @eqx.filter_jit
    def lived(thetas, objective, key):
        return population.live(thetas, learner_of, objective, (), key)[0]

    thetas = mu + 0.01 * population.noise(key, mu.size)
    spent = alternating(
        {
            "generation": lambda: eqx.filter(
                search.generation(state, objective, key), eqx.is_array
            ),
            "lives": lambda: lived(thetas, objective, key),
            "noise": lambda: noise(key),
        },
        repeats,
    )
    ticks = search.members * objective.ticks
    row = {"world": world, "method": method, "chunk": population.chunk}
    row |= {f"{name} ms": s.wall * 1e3 for name, s in spent.items()}
    row["ticks/s core"] = ticks / spent["generation"].cpu
    row["lives only"] = ticks / spent["lives"].cpu
    return row | {"times the program": row["ticks/s core"] / PROGRAM[world]}


if __name__ == "__main__":
    tyro.cli(main)
