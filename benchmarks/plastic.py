"""A whole generation of plastic networks: ticks a second, and where the time goes.

python -m benchmarks.plastic --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax

from benchmarks.measure import ELSEWHERE, alternating, command, lives, show
from plastica import machine
from plastica.experiments import plastic_rnn
from plastica.figures.plastic_rnn import LARGE
from plastica.learner import flatten
from plastica.run.chunks import measured
from plastica.search import Engine
from plastica.search.engine import noise

PROGRAM = {"sines": 12_700, "robot": 8_300}  # ticks a second of a core, from ELSEWHERE


def main(
    methods: tuple[str, ...] = ("eprnn", "rnn"),
    units: int = LARGE["units"],
    population: int = LARGE["population"],
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Ticks per second and core, plasticity included, at the paper's sizes.

    Args:
        methods: learners by their names in the experiments.
        units: neurons of every layer.
        population: members of a generation.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    machine.set_up("cpu")
    large = LARGE | {"units": units, "population": population}
    worlds = {"sines": (plastic_rnn.foretell, 16), "robot": (plastic_rnn.drive, 4)}
    rows = [
        row_of(world, method, make(method=method, lives=many, **large), repeats)
        for world, (make, many) in worlds.items()
        for method in methods
    ]
    show("a generation of plastic networks", rows, out)


def row_of(world: str, method: str, experiment, repeats: int) -> dict:
    """One learner in one world, and its generation's parts, each compiled alone."""
    key, search = jax.random.key(0), experiment.search
    learner, objective = experiment.learner, experiment.objective
    mu, learner_of = flatten(learner)
    engine, _ = measured(Engine(), search, learner, objective, key)
    state = search.init(learner, objective, key)
    members, lived = search.members, lives(engine, learner_of)
    halves = eqx.filter_jit(lambda key: noise(key, members // 2, mu.size))

    def generation():
        whole = search.generation(state, objective, key, engine)
        return eqx.filter(whole, eqx.is_array)

    thetas = mu + 0.01 * noise(key, members, mu.size)
    calls = {
        "generation": generation,
        "lives": lambda: lived(thetas, objective, key),
        "noise": lambda: halves(key),
    }
    spent = alternating(calls, repeats)
    ticks = members * objective.ticks
    row = {"world": world, "method": method, "chunk": engine.chunk}
    row |= {f"{name} ms": s.wall * 1e3 for name, s in spent.items()}
    row["ticks/s core"] = ticks / spent["generation"].cpu
    row["lives only"] = ticks / spent["lives"].cpu
    row["times the program"] = row["ticks/s core"] / PROGRAM[world]
    return row | {"program": f"{PROGRAM[world]:,} ticks/s: {ELSEWHERE}"}


if __name__ == "__main__":
    command(main, methods=("eprnn",), units=4, population=2, repeats=1)
