"""What a user typed: a command's options, and the knobs of an experiment."""

import contextlib
import inspect
import io
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, make_dataclass
from typing import Annotated, Any

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
)

from plastica.cli.options import Evaluate, Train
from plastica.cli.source import Source
from plastica.errors import Refusal
from plastica.experiment import chosen_parts, part, settled
from plastica.ranges import check_fields, whole

REGISTRY = ConstructorRegistry()


@REGISTRY.primitive_rule
def _typed(kind: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Whole numbers as people type them."""
    if kind.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: whole(words[0]),
        is_instance=lambda number: isinstance(number, int),
        str_from_instance=lambda number: [str(number)],
    )


def parse(
    shape: Any, words: Sequence[str], prog: str, description: str | None = None
) -> Any:
    """What tyro makes of the words; an error of theirs as one line."""
    return _parsed(shape, words, prog, description=description)


def ahead(shape: Any, words: Sequence[str], prog: str) -> Any:
    """A command's own options, before it is known which knobs there are beside them."""
    own = [word for word in words if word not in ("-h", "--help")]
    return _parsed(shape, own, prog, return_unknown_args=True)[0]


def named_parts(source: Source, words: Sequence[str], prog: str) -> dict[str, str]:
    """The names of parts on a line, where an experiment has parts chosen by name."""
    parts = [(name, str | None, None) for name in chosen_parts(source.function)]
    if not parts:
        return {}
    named = vars(ahead(make_dataclass("Named", parts), words, prog))
    return {name: word for name, word in named.items() if word is not None}


def knobs(
    source: Source,
    shape: Any,
    words: Sequence[str],
    prog: str,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """A command's options of `shape`, and an experiment's arguments, from one line.

    An argument that is a part has its fields as options. `defaults` replace the
    experiment's own.
    """
    function = inspect.unwrap(source.function)
    hints = typing.get_type_hints(function, include_extras=True)
    given = settled(source.function, defaults or {})
    shapes = (shape, Train, Evaluate)  # who trains a rule will evaluate it
    options = {"command", "help", *(f.name for each in shapes for f in fields(each))}
    for name in source.complete(dict(given)).keys() & options:
        owners = (getattr(p, n, n) for n, p in given.items() if hasattr(p, name))
        who = next(owners, source.name)
        raise Refusal(f"{who} has a knob `{name}`, an option of commands; rename yours")
    typed_fields = []
    for parameter in inspect.signature(function).parameters.values():
        default = part(parameter, given)
        kind = hints.get(parameter.name, type(default))
        kind = type(default) if is_dataclass(default) else kind
        typed_fields.append((parameter.name, _flat(kind), default))
    typed_fields.append(("command", _flat(shape), shape()))
    typed = make_dataclass("Typed", typed_fields, frozen=True)
    about, *_ = (inspect.getdoc(function) or "").split("\n\nArgs:\n")
    given = vars(parse(typed, words, prog, about))
    check_fields(given["command"])
    return given["command"], {k: v for k, v in given.items() if k != "command"}


def _flat(kind: Any) -> Any:
    """A type whose fields are options by their own names, whatever they are part of."""
    return Annotated[kind, tyro.conf.OmitArgPrefixes]


def _one_line(box: str, prog: str) -> str:
    """The first paragraph of tyro's framed message, and its suggestion if any."""
    lines = [line.strip("│|+ ") for line in box.splitlines()[1:]]
    text = "\n".join(line if line.strip("─-╰╯") else "" for line in lines).strip()
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text)]
    near = (re.search(r"^Perhaps you meant: --[\w-]+", p) for p in paragraphs[1:])
    hints = [f"{found[0]}." for found in near if found]
    said = " ".join([paragraphs[0].rstrip(".") + ".", *hints])
    return f"{said} See {prog} --help."


def _parsed(shape: Any, words: Sequence[str], prog: str, **how: Any) -> Any:
    names = [w.split("=")[0].replace("_", "-") for w in words if w.startswith("--")]
    for name in names:
        if names.count(name) > 1 and name != "--help":
            raise Refusal(f"{name} is given {names.count(name)} times; give it once")
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(
                shape, args=list(words), prog=prog, registry=REGISTRY, **how
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise Refusal(_one_line(captured.getvalue(), prog)) from None
