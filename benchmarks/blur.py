"""What BLUR's network steps cost, with and without the meta-gradient.

python -m benchmarks.blur --out results.jsonl
"""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import ELSEWHERE, alternating, command, show
from plastica import machine
from plastica.data import ImageSet
from plastica.learner import flatten
from plastica.objective import Lifetime
from plastica.rules import BLUR
from plastica.tasks import Classification, Toy

RELEASED = {  # steps a second from ELSEWHERE: by themselves, with the gradient
    "2-20-1, batch 512": (2_100, 1_050),
    "784-512-10, batch 128": (24, 10),
}


def main(
    networks: tuple[str, ...] = tuple(RELEASED),
    unrolls: int = 10,
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Network steps a second, all cores.

    Args:
        networks: which of them.
        unrolls: steps of a life, the last of which is an exam.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    machine.set_up("cpu")
    toy = Toy(name="xor", batch=512, lessons=unrolls - 1)
    noise = np.random.default_rng(0).integers(0, 256, (2_000, 28, 28), np.uint8)
    images = ImageSet("noise", noise, np.arange(2_000) % 10, 400, "")
    course = Classification.of(images, "training", batch=128, lessons=unrolls - 1)
    there = {"2-20-1, batch 512": (toy, 20), "784-512-10, batch 128": (course, 512)}
    rows = [row_of(name, *there[name], unrolls, repeats) for name in networks]
    show("network steps of BLUR", rows, out)


def row_of(name, task, hidden, unrolls, repeats) -> dict:
    """One network; the toy has two outputs where the authors' program has one."""
    key = jax.random.key(0)
    rule = BLUR.random(key, task.network(hidden), normalised=False)
    objective, (theta, rule_of) = Lifetime.of(task), flatten(rule)

    @eqx.filter_jit
    def alone(theta, objective, key):
        return objective(rule_of(theta), (), key)[0]

    @eqx.filter_jit
    def gradient(theta, objective, key):
        return jax.grad(lambda t: objective(rule_of(t), (), key)[0])(theta)

    spent = alternating(
        {
            "steps": lambda: alone(theta, objective, key),
            "with gradient": lambda: gradient(theta, objective, key),
        },
        repeats,
    )
    pairs = zip(spent.items(), RELEASED[name], strict=True)
    row: dict = {"network": name}
    for (kind, seconds), released in pairs:
        row |= {f"{kind}/s": unrolls / seconds.wall, f"released {kind}/s": released}
    row["released steps from"] = ELSEWHERE
    assert jnp.isfinite(alone(theta, objective, key))
    return row


if __name__ == "__main__":
    command(main, networks=("2-20-1, batch 512",), unrolls=2, repeats=1)
