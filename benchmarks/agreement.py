"""Whether two engines judge a population alike: losses of the same members on both.

python -m benchmarks.agreement --out results.jsonl
"""

from pathlib import Path

import jax
import numpy as np

from benchmarks.measure import command, lives, require_kernel, show
from plastica import machine, zoo
from plastica.experiments.evolved_rules import memorise
from plastica.learner import flatten
from plastica.search import Engine
from plastica.search.engine import noise


def main(
    sigma: float = 0.07, members: int = 512, keys: int = 4, out: Path | None = None
) -> None:
    """Differences of losses around a rule of the zoo, as a search would sample it.

    Members whose lives are chaotic differ by anything; what a search needs is that
    they differ to neither side, and that ranks agree but for them.

    Args:
        sigma: deviation of the members.
        members: at each key.
        keys: passages and births.
        out: file to which lines of JSON are appended.
    """
    require_kernel()
    machine.set_up("cpu", devices=1)
    objective = memorise(length=100, hidden=40).objective
    theta, learner_of = flatten(zoo.load("memorise-100"))
    found = {}
    for kind in ("native", "xla"):
        lived = lives(Engine(kind, chunk=16), learner_of)
        losses = []
        for own in map(jax.random.key, range(keys)):
            thetas = theta + sigma * noise(own, members, theta.size)
            losses.append(lived(thetas, objective, own))
        found[kind] = np.concatenate(losses)
    native, xla = found["native"], found["xla"]
    difference = native - xla
    ranks = [np.argsort(np.argsort(losses)) for losses in (native, xla)]
    row = {
        "members": len(native),
        "mean difference": float(difference.mean()),
        "its error": float(difference.std(ddof=1) / np.sqrt(len(native))),
        "share that differs by 0.001": float((np.abs(difference) > 1e-3).mean()),
        "sd of losses": float(native.std(ddof=1)),
        "rank correlation": float(np.corrcoef(*ranks)[0, 1]),
    }
    show("agreement of engines", [row], out)


if __name__ == "__main__":
    command(main, members=4, keys=2)
