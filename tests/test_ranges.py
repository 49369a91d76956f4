"""Which numbers a knob can be, from Python and from the command line; seeds."""

import inspect
import typing
from dataclasses import fields, is_dataclass
from math import inf, nan

import jax
import optax
import pytest

import plastica as pl
from plastica.cli.source import chosen_parts, shipped
from plastica.errors import Refusal
from plastica.experiment import settled, stamped
from plastica.experiments.evolved_rules import memorise
from plastica.experiments.learners import LEARNERS
from plastica.experiments.meet import TASKS
from plastica.ranges import Whole, key_of, range_of, whole

UNBOUND = {"weight_state", "weight_hidden"}  # of a rule, which refuses them itself
CALLS = [
    (name, {}) for name, function in shipped().items() if not chosen_parts(function)
]
CALLS += [("meet.meet", {"rule": rule}) for rule in LEARNERS]
CALLS += [("meet.meet", {"task": task}) for task in TASKS]


def kinds(kind):
    """All types in a type."""
    inside = () if typing.get_origin(kind) is typing.Literal else typing.get_args(kind)
    return {kind}.union(*map(kinds, inside))


def numeric(function, given):
    """The fields of parts that hold numbers, and whether they hold several."""
    own = inspect.signature(inspect.unwrap(function)).parameters.values()
    parts = {p.name: p.default for p in own} | settled(function, given)
    for part in filter(is_dataclass, parts.values()):
        for field in fields(part):
            if {int, float} & kinds(field.type) and field.name not in UNBOUND:
                yield field, isinstance(getattr(part, field.name), tuple)


@pytest.mark.parametrize(("name", "given"), CALLS, ids=str)
def test_every_number_outside_its_range_is_refused_by_name(name, given):
    function = shipped()[name]
    for field, several in numeric(function, given):
        bounds = range_of(field.type)
        assert bounds, f"{name} has a number without a range, {field.name}"
        below, beyond = bounds.least - 1, bounds.most + 1
        values = [below, beyond, True]
        if not isinstance(bounds, Whole):
            values = [float(below), nan, inf, -inf]
            values += [float(bounds.least)] if bounds.above else []
        for value in values:
            told = {field.name: (bounds.least, value) if several else value}
            with pytest.raises(Refusal, match=f"`{field.name}` must be a .* number"):
                stamped(function, given | told, name)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: pl.SNES(1), "`members` must be a whole number from 2 .*, got 1;"),
        (lambda: pl.SNES(8, nan), "`sigma` must be a finite number above 0, got nan"),
        (lambda: pl.SNES(8, 0.1, -1.0), "`rate_mean` must be"),
        (lambda: pl.OpenAIES(0, optax.sgd(1.0)), "`members` must be"),
        (lambda: pl.CMAES(1), "`members` must be"),
        (lambda: pl.MetaGradient(optax.sgd(1.0), updates=0), "`updates` must be"),
        (lambda: pl.optimiser("adam", inf), "`rate` must be a finite number above 0"),
        (lambda: pl.optimiser("adam", 1e-3, 0.0), "`clip` must be"),
        (lambda: memorise(sigma=0.0), "`sigma` must be a finite number above 0"),
        (lambda: memorise(seed=2**32), "`seed` must be .* to 4,294,967,295, got 4"),
    ],
)
def test_python_is_refused_in_the_same_words(call, said):
    with pytest.raises(Refusal, match=said):
        call()


@pytest.mark.parametrize("seed", [-1, 2**32, 5_000_000_000])
def test_a_seed_that_has_the_key_of_another_is_refused(seed):
    with pytest.raises(Refusal, match="`seed` must be a whole number from 0 to"):
        key_of(seed)


def test_a_seed_is_a_key_and_a_key_stays():
    for seed in (0, 7, 2**32 - 1):
        assert key_of(seed) == jax.random.key(seed)
    assert key_of(jax.random.key(3)) == jax.random.key(3)


def test_whole_numbers_are_read_as_people_type_them():
    words = ["12", "-3", "10_000", "1e3", "2.5e1", "+4"]
    assert [whole(word) for word in words] == [12, -3, 10_000, 1_000, 25, 4]
    for word in ("1.5", "1e-3", "nan", "1e999", "ten", ""):
        with pytest.raises(ValueError, match="is no whole number"):
            whole(word)
