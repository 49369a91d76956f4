"""What training a vector neuron to remember costs, and where the time goes.

python -m benchmarks.remember --hidden 5 20 --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax

from benchmarks.measure import MICRO, alternating, command, show
from plastica import machine
from plastica.data import load
from plastica.experiments.learning_to_remember import Past
from plastica.learner import flatten
from plastica.lifetime import live
from plastica.network import Network
from plastica.rules import VectorNeuron
from plastica.rules.vector_neuron import Kinds
from plastica.search import MetaGradient, optimiser


def main(
    hidden: tuple[int, ...] = (5, 20),
    states: tuple[int, ...] = (6, 14),
    synapses: tuple[str, ...] = ("GATED", "LSTM-id"),
    updates: int = 20,
    out: Path | None = None,
) -> None:
    """Microseconds per tick of training, living, and of synapses alone, one life.

    Args:
        hidden: neurons beside the 27 of the input.
        states: numbers in a state.
        synapses: how synapses are renewed; neurons are GATED.
        updates: in one compiled call.
        out: file to which lines of JSON are appended.
    """
    machine.set_up("cpu")
    rows = [
        row_of(n, Kinds("GATED", synapse, state), updates)
        for n in hidden
        for state in states
        for synapse in synapses
    ]
    show("training VectorNeuron to remember, 27 symbols", rows, out)


def row_of(n: int, kinds: Kinds, updates: int) -> dict:
    """One rule of one size. Life ticks a second count the window, not the replay."""
    key, network = jax.random.key(0), Network.full(27, n)
    rule = VectorNeuron.random(key, network, kinds)
    [objective] = Past(delay=10).within(load("python-docs")).training
    search = MetaGradient(optimiser=optimiser("adam", 1e-3, 1.0), updates=updates)
    start = search.init(rule, objective, key)
    ticks = updates * objective.ticks
    state, place = jax.tree.map(lambda leaf: leaf[0], start.carry)[:2]

    @eqx.filter_jit
    def lived(rule, task, state, place):
        return live(rule, task, state, place, ticks)[:2]

    @eqx.filter_jit
    def synapses_only(rule, state):
        def tick(w, _):
            _, w = rule._through(0, list(state.h), w)
            return w, None

        return jax.lax.scan(tick, state.w[0], length=ticks)[0]

    spent = alternating(
        {
            "train": lambda: search.generation(start, objective, key)[1]["train/loss"],
            "live": lambda: lived(rule, objective.task, state, place),
            "synapses": lambda: synapses_only(rule, state),
        },
        repeats=3,
    )
    per = {name: times.wall / ticks * MICRO for name, times in spent.items()}
    share = (27 + n) / 27  # of all synapses, those of the input layer stand for all
    return {
        "neurons": 27 + n,
        "state": kinds.state,
        "synapse": kinds.synapse,
        "theta": flatten(rule)[0].size,
        "train us": per["train"],
        "live us": per["live"],
        "synapses us": per["synapses"] * share,
        "life ticks/s": MICRO / per["train"] / 2,
    }


if __name__ == "__main__":
    command(main, hidden=(2,), states=(2,), synapses=("GATED",), updates=2)
