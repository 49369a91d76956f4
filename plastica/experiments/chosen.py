"""Parts that are chosen by name: of the package, or of a class of the user's own."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from difflib import get_close_matches
from itertools import combinations
from typing import Any, ClassVar, TypeVar, get_type_hints

from plastica.errors import Refusal, unknown
from plastica.files import Own, in_file, named, of_value
from plastica.learner import AbstractLearner
from plastica.task import AbstractTask

Part = TypeVar("Part", bound="Chosen")
PLAIN = (bool, int, float, str, tuple, type(None))  # what a knob can be


@dataclass(frozen=True)
class Chosen:
    """A part with a name, its first field, and the arguments of `make` as knobs."""

    make: ClassVar[Callable[..., Any]]
    knobs: ClassVar[tuple[str, ...]] = ()
    sha256: ClassVar[str | None] = None  # of a user's code; "" where it is in no file

    def made(self, given: Mapping[str, Any]) -> Any:
        """What `make` makes of the knobs, and of what it asks for of the `given`."""
        asked = inspect.signature(self.make).parameters.keys() & given.keys()
        own = {name: getattr(self, name) for name in self.knobs}
        return self.make(**{name: given[name] for name in asked}, **own)


def part_of(
    base: type[Part], own: Own, make: Callable[..., Any], given: Collection[str] = ()
) -> Part:
    """A part whose knobs are the arguments of `make`, but for what is `given` to it.

    Arguments whose defaults are no numbers, words or tuples are left as they are.
    """
    hints, knobs = get_type_hints(make, include_extras=True), []
    for name, parameter in inspect.signature(make).parameters.items():
        if name in given or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        if parameter.default is parameter.empty:
            raise Refusal(
                f"{own.name} asks for `{name}`, which nobody tells it; give it a "
                f"default, and it is a knob{_or_one_of(given)}"
            )
        if isinstance(parameter.default, PLAIN):
            kind = hints.get(name, type(parameter.default))
            knobs.append((name, kind, field(default=parameter.default)))
    names = tuple(name for name, *_ in knobs)
    _refuse_shared({own.name: names, "every choice": [f.name for f in fields(base)]})
    space = {"make": staticmethod(make), "knobs": names, "sha256": own.sha256}
    kind = make_dataclass(
        base.__name__, knobs, bases=(base,), namespace=space, frozen=True
    )
    return kind(own.name)


def looked_up(what: Any, said: str, known: Mapping[str, Any]) -> Own:
    """What a name stands for: one of the `known`, or something of the user's own."""
    own = what if isinstance(what, Own) else None
    if isinstance(what, str) and in_file(what):
        own = named(what)
    elif inspect.isclass(what) or inspect.isfunction(what):
        own = of_value(what) or Own(what.__qualname__, what, "")
    if own:
        return _whole(own, said)
    if not isinstance(what, str):
        raise Refusal(
            f"a {said} is named or a class, got a {type(what).__name__} that is made "
            "already; give its class, and its fields as knobs"
        )
    if what not in known:
        own = "or name your own: FILE.py:CLASS"
        raise Refusal(f"{unknown(f'there is no {said}', what, known)}; {own}")
    return Own(what, known[what], None)


def _whole(own: Own, kind: str) -> Own:
    """Refuses a class that is of the other kind, or lacks what its kind has."""
    other, base = {"rule": ("task", AbstractTask), "task": ("rule", AbstractLearner)}[
        kind
    ]
    if inspect.isclass(own.value) and issubclass(own.value, base):
        raise Refusal(f"{own.name} is a {other}, not a {kind}; give it as the {other}")
    lacks = ("methods__", "vars__", "classvars__")
    for name in (
        n for end in lacks for n in getattr(own.value, f"__abstract{end}", ())
    ):
        near = get_close_matches(name, vars(own.value))
        remedy = f"rename its `{near[0]}`" if near else "give it one"
        raise Refusal(f"{own.name} has no `{name}`, as every {kind} has; {remedy}")
    return own


def refuse_shared(parts: Mapping[str, Any]) -> None:
    """Refuse parts of which two have a knob of one name."""
    _refuse_shared({n: [f.name for f in fields(each)] for n, each in parts.items()})


def _refuse_shared(names: Mapping[str, Collection[str]]) -> None:
    for (one, its), (other, theirs) in combinations(names.items(), 2):
        for name in sorted({*its} & {*theirs}):
            raise Refusal(
                f"{one} has a knob `{name}`, and so has {other}; rename yours"
            )


def _or_one_of(given: Collection[str]) -> str:
    return f"; or ask for one of {', '.join(given)}" if given else ""
