"""What a life costs every learner on XLA, beside the arithmetic that it must do.

python -m benchmarks.learners --sizes 20 100 300 --out results.jsonl
"""

from pathlib import Path

import jax

from benchmarks.lifetime import population_of
from benchmarks.measure import (
    MICRO,
    alternating,
    command,
    lives,
    peak,
    require_kernel,
    show,
)
from plastica import machine
from plastica.baselines import Recurrent
from plastica.learner import flatten
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.rules.pmlp_hebb import Forms
from plastica.run.chunks import measured
from plastica.search import SNES, Engine


def main(
    sizes: tuple[int, ...] = (20, 100, 300),
    length: int = 50,
    members: int = 32,
    repeats: int = 3,
    out: Path | None = None,
) -> None:
    """Microseconds per tick and member, all cores, and the share of the peak used.

    Args:
        sizes: hidden neurons.
        length: of the passage, which is read twice.
        members: of the population.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    require_kernel()  # for its probe of the processor
    machine.set_up("cpu")
    rows = []
    for n in sizes:
        objective = population_of(n, 27, length)[1]
        for name, learner in learners(n).items():
            rows.append(row_of(name, n, learner, objective, members, repeats))
    show("learners on XLA, 27 symbols", rows, out)


def learners(n: int) -> dict:
    """The learners by name; synapses that are networks only where they are small."""
    network, key = Network.layered(27, n, 27), jax.random.key(0)
    small = {"PMLP synapses": Forms(synapse="pmlp", weight_state=4)} if n < 100 else {}
    forms = {"PMLPHebb": Forms(), "tanh neurons": Forms(neuron="tanh")} | small
    rules = {name: PMLPHebb.zeros(network, forms=form) for name, form in forms.items()}
    return rules | {
        "LSTM": Recurrent.lstm(key, 27, n, 27),
        "RNN": Recurrent.rnn(key, 27, n, 27),
    }


def row_of(name, n, learner, objective, members, repeats) -> dict:
    """One learner of one size."""
    key = jax.random.key(0)
    theta, learner_of = flatten(learner)
    engine, _ = measured(Engine("xla"), SNES(members), learner, objective, key)
    lived = lives(engine, learner_of)
    thetas = theta + 0.05 * jax.random.normal(key, (members, theta.size))
    compiled = {name: lambda: lived(thetas, objective, key)}
    spent = alternating(compiled, repeats)[name]
    flops = _flops(learner, objective, key)
    ticks = members * objective.ticks
    return {
        "learner": name,
        "hidden": n,
        "theta": theta.size,
        "chunk": engine.chunk,
        "us": spent.wall / ticks * MICRO,
        "kflop": flops / 1e3,
        "of peak": flops * ticks / spent.cpu / peak(),
    }


def _flops(learner, objective, key) -> float:
    """Operations of one tick, as XLA counts them."""
    state = learner.init(key, jax.numpy.zeros(27))
    tick = jax.jit(lambda state, x: learner.predict(state, x))
    cost = tick.lower(state, jax.numpy.zeros(27)).compile().cost_analysis()
    return float(cost["flops"])


if __name__ == "__main__":
    command(main, sizes=(4,), length=4, members=2, repeats=1)
