"""What a life of a grid of sub-LSTMs costs, and what this core could do at best.

XLA_FLAGS=--xla_cpu_multi_thread_eigen=false taskset -c 0 \
    python -m benchmarks.grid --out results.jsonl
"""

from pathlib import Path

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.measure import alternating, command, peak, require_kernel, show
from plastica import machine
from plastica.learner import Feedback
from plastica.network import Network
from plastica.rules import VSML

INPUTS, CLASSES = 784, 10
PER_UNIT = 5  # tanh and sigmoids of one unit in a micro-tick


def main(
    samples: int = 200,
    lives: int = 8,
    repeats: int = 3,
    gradient: bool = True,
    out: Path | None = None,
) -> None:
    """Samples a second of 784 x 10 sub-LSTMs, 16 units, 2 micro-ticks, on one thread.

    Args:
        samples: of a life, all of it differentiated.
        lives: where differentiated, at once or one after another.
        repeats: rounds of the measurement.
        gradient: also the meta-gradient.
        out: file to which lines of JSON are appended.
    """
    require_kernel()  # for its probe of the processor
    machine.set_up("cpu")
    rule = VSML.random(jax.random.key(0), Network.chain(INPUTS, CLASSES))
    alone = jax.jit(lambda rule, xs: _loss(rule, xs))
    slope = jax.grad(_loss)
    at_once = jax.jit(lambda r, xs: jax.vmap(lambda x: slope(r, x))(xs))
    in_turn = jax.jit(lambda r, xs: lax.map(lambda x: slope(r, x), xs))
    xs = jax.random.normal(jax.random.key(1), (lives, samples, INPUTS))
    calls = {"alone": (lambda: alone(rule, xs[0]), samples)}
    if gradient:
        calls["gradient, lives in turn"] = (lambda: in_turn(rule, xs), samples * lives)
        calls["gradient, lives at once"] = (lambda: at_once(rule, xs), samples * lives)
    spent = {  # each by itself: a large one slows a small one that comes after it
        name: alternating({name: call}, repeats)[name]
        for name, (call, _) in calls.items()
    }
    units, cells = len(rule.C[0]), INPUTS * CLASSES
    flop = rule.micro_ticks * 2 * 4 * units * units * cells
    transcendental = rule.micro_ticks * PER_UNIT * units * cells
    at_best = 1 / (flop / peak() + transcendental / _tanh_per_second())
    rows = [
        {
            "life": name,
            "samples/s": many / spent[name].cpu,
            "MFLOP": flop / 1e6,
            "M tanh": transcendental / 1e6,
            "at best, forward": at_best,
        }
        for name, (_, many) in calls.items()
    ]
    show(f"a grid of {INPUTS} x {CLASSES} sub-LSTMs", rows, out)


def _loss(rule, xs):
    """The mean loss of a life, each tick recomputed for its gradient as in `live`."""
    target = jax.nn.one_hot(0, CLASSES)
    told = Feedback(target, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))

    @jax.checkpoint
    def tick(state, x):
        state, y = rule.predict(state, x)
        return rule.learn(state, told), -jax.nn.log_softmax(y)[0]

    state = rule.init(jax.random.key(0), xs[0])
    return jnp.mean(lax.scan(tick, state, xs)[1])


def _tanh_per_second() -> float:
    """Of one thread, on a block that stays in its cache."""
    block, rounds = jnp.linspace(-3, 3, 8192), 2_000

    @jax.jit
    def many(x):
        return lax.fori_loop(0, rounds, lambda _, x: jnp.tanh(x), x)

    spent = alternating({"tanh": lambda: many(block)}, 3)["tanh"]
    return rounds * len(block) / spent.cpu


if __name__ == "__main__":
    command(main, samples=2, lives=2, repeats=1)
