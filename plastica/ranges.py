"""Which numbers a field can be: their range stands in its type.

`sigma: Positive = 0.1` is a field that `check_fields` holds to its range.
"""

from contextlib import suppress
from dataclasses import dataclass, fields
from math import inf
from typing import Annotated, Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from plastica.errors import Refusal, check_words


@dataclass(frozen=True)
class Range:
    """Finite numbers from `least` to `most`, or of those only what is `above` it."""

    least: int
    most: int | float = inf
    above: bool = False

    def __contains__(self, number: Any) -> bool:
        """Whether it is a number of this range."""
        if isinstance(number, bool) or not isinstance(number, int | float | np.number):
            return False
        inside = self.least <= number <= self.most and number != inf
        return bool(inside) and not (self.above and number == self.least)

    def __str__(self) -> str:
        """As it is said in a refusal."""
        return (
            f"a finite number {'above' if self.above else 'of at least'} {self.least}"
        )


@dataclass(frozen=True)
class Whole(Range):
    """Whole numbers from `least` to `most`, by default those that a device counts."""

    most: int | float = 2**31 - 1

    def __contains__(self, number: Any) -> bool:
        """Whether it is a whole number of this range."""
        return isinstance(number, int | np.integer) and super().__contains__(number)

    def __str__(self) -> str:
        """As it is said in a refusal."""
        return f"a whole number from {self.least} to {self.most:,}"


Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Count = Annotated[int, Whole(1)]
CountOrZero = Annotated[int, Whole(0)]
Several = Annotated[int, Whole(2)]
Seed = Annotated[int, Whole(0, 2**32 - 1)]  # larger ones give the keys of smaller ones


def check_fields(part: Any) -> None:
    """Refuse a dataclass with a word or a number that its field cannot be."""
    check_words(part)
    for field in fields(part):
        check_number(field.name, getattr(part, field.name), field.type)


def check_number(name: str, value: Any, kind: Any) -> None:
    """Refuse a value, or one in a tuple, that is not in the range of its type."""
    bounds, own = range_of(kind), getattr(kind, "__metadata__", ())
    for number in value if isinstance(value, tuple) else (value,):
        allowed = number is None and bounds not in own  # as in `Count | None`
        if bounds and number not in bounds and not allowed:
            raise Refusal(f"`{name}` must be {bounds}, got {number!r}; change it")


def range_of(kind: Any) -> Range | None:
    """The range in a type, or in a part of it, as in `Count | None`."""
    metadata = getattr(kind, "__metadata__", ())
    own = [bounds for bounds in metadata if isinstance(bounds, Range)]
    return next(iter([*own, *filter(None, map(range_of, get_args(kind)))]), None)


def whole(word: str) -> int:
    """A whole number as people type it: 1000, 10_000 or 1e3."""
    with suppress(ValueError):
        return int(word)
    with suppress(ValueError, OverflowError):
        if int(float(word)) == float(word):
            return int(float(word))
    raise ValueError(f"{word!r} is no whole number, as 1000, 10_000 or 1e3 are")


def key_of(seed: PRNGKeyArray | int) -> PRNGKeyArray:
    """A seed's key; refuses a seed that has the key of another. A key stays."""
    if not isinstance(seed, int | np.integer):
        return jnp.asarray(seed)
    check_number("seed", seed, Seed)
    return jax.random.key(int(seed))
