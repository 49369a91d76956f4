"""Whether a generation fits the memory: an estimate from shapes, before it is lived."""

from bisect import bisect_right
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
PARTS = 1_000  # of a network, of which the largest number that fits is found


def refuse_too_large(
    search: AbstractSearch,
    learner: AbstractLearner,
    objective: AbstractObjective,
    members: int,
) -> None:
    """Refuse lives that need more memory than is free, `members` of them at once."""
    free, fitting = machine.room(), ""
    if (whole := needed(search, learner, objective, members)) <= free:
        return
    if isinstance(rule := learner, AbstractRule):

        def needs(part: int) -> int:
            return needed(search, scaled(rule, part / PARTS), objective, members)

        if most := bisect_right(range(PARTS), free, key=needs) - 1:
            sizes = scaled(rule, most / PARTS).network.sizes
            fitting = f"; layers of {', '.join(f'{n:,}' for n in sizes)} units fit"
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


def scaled(rule: AbstractRule, share: float) -> AbstractRule:
    """The rule on a network with this share of the hidden units."""
    first, *hidden, last = rule.network.sizes
    sizes = (first, *(max(int(n * share), 1) for n in hidden), last)
    return rule.on(Network(sizes, rule.network.edges))


def _bytes(tree) -> int:
    arrays = jax.tree.leaves(eqx.filter(tree, lambda leaf: hasattr(leaf, "dtype")))
    return sum(a.size * max(a.dtype.itemsize, 4) for a in arrays)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
