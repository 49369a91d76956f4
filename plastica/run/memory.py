"""Whether a generation fits the memory: an estimate from shapes, before it is lived."""

from math import isqrt

import equinox as eqx
import jax

from plastica import machine
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, AbstractRule, flatten
from plastica.lifetime import SHORT, birth
from plastica.network import Network
from plastica.objective import AbstractObjective, Lifetime
from plastica.search import AbstractSearch, MetaGradient

COPIES = 2  # of a state: a tick reads one, and writes another
STEPS = 20  # of the bisection for the largest network that fits


def refuse_too_large(
    search: AbstractSearch,
    learner: AbstractLearner,
    objective: AbstractObjective,
    members: int,
) -> None:
    """Refuse lives that need more memory than is free, `members` of them at once."""

    def needs(share: float) -> int:
        return needed(search, scaled(learner, share), objective, members)

    free = machine.room()
    if (whole := needs(1.0)) <= free:
        return
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if needs(middle) <= free else (low, middle)
    fitting = ""
    if isinstance(learner, AbstractRule) and low > 0:
        layers = ", ".join(f"{n:,}" for n in scaled(learner, low).network.sizes)
        fitting = f"; layers of {layers} units fit"
    raise Refusal(
        f"a generation needs at least {_gib(whole)} of memory, and {_gib(free)} are "
        f"free{fitting}; take fewer units, or fewer lives"
    )


def needed(
    search: AbstractSearch,
    learner: AbstractLearner,
    objective: AbstractObjective,
    members: int,
) -> int:
    """Bytes that a generation holds at least, of `members` that live at once."""
    theta = 4 * flatten(learner)[0].size * search.evaluations
    key = jax.eval_shape(lambda: jax.random.key(0))
    if not isinstance(objective, Lifetime):
        carried = eqx.filter_eval_shape(objective.init, learner, key)
        return theta + COPIES * members * _bytes(carried)
    of_entries = []
    for entry in objective.entries:
        state, _ = eqx.filter_eval_shape(birth, entry.moved(learner), entry.task, key)
        ticks = entry.task.ticks
        stored = ticks if ticks <= SHORT else 2 * isqrt(ticks)
        copies = stored if isinstance(search, MetaGradient) else COPIES
        lives = 1 if objective.in_turn(state) else objective.lives
        of_entries.append(copies * lives * _bytes(state))
    return theta + members * max(of_entries)


def scaled(learner: AbstractLearner, share: float) -> AbstractLearner:
    """A rule with this share of its hidden units; another learner stays as it is."""
    if not isinstance(learner, AbstractRule):
        return learner
    first, *hidden, last = learner.network.sizes
    sizes = (first, *(max(int(n * share), 1) for n in hidden), last)
    return learner.on(Network(sizes, learner.network.edges))


def _bytes(tree) -> int:
    arrays = jax.tree.leaves(eqx.filter(tree, lambda leaf: hasattr(leaf, "dtype")))
    return sum(a.size * max(a.dtype.itemsize, 4) for a in arrays)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
