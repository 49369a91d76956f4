"""What a user typed: a command's options, and the knobs of an experiment."""

import contextlib
import inspect
import io
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from plastica.errors import Refusal
from plastica.source import Source, find, makes

DEFAULT = "evolved_rules.memorise"


def parse(shape: Any, words: Sequence[str], prog: str) -> Any:
    """What tyro makes of the words; an error of theirs as one line."""
    import tyro

    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(shape, args=list(words), prog=prog)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise Refusal(_one_line(captured.getvalue(), prog)) from None


def experiment(
    shape: Any, words: Sequence[str], prog: str
) -> tuple[Source, Any, dict[str, Any]]:
    """The experiment named by the first word, options of `shape`, and its arguments."""
    named = bool(words) and not words[0].startswith("-")
    source = find(words[0] if named else DEFAULT)
    if makes(source.function) == "Sweep":
        raise Refusal(f"{source.name} is many runs: plastica reproduce {source.name}")
    rest = words[1:] if named else words
    chosen, arguments = knobs(source, shape, rest, f"{prog} {source.name}")
    return source, chosen, arguments


def knobs(
    source: Source,
    shape: Any,
    words: Sequence[str],
    prog: str,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """A command's options of `shape` and an experiment's own knobs, from one line.

    The knobs are the arguments of the function, their help its annotations.
    """
    import tyro

    hints = typing.get_type_hints(source.function, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            own.name,
            keyword,
            annotation=hints.get(own.name, type(own.default)),
            default=_tupled((defaults or {}).get(own.name, own.default)),
        )
        for own in inspect.signature(source.function).parameters.values()
    ]
    flat = Annotated[shape, tyro.conf.OmitArgPrefixes]
    parameters.append(
        inspect.Parameter("command", keyword, annotation=flat, default=shape())
    )

    def call(**given):
        return given

    call.__doc__ = source.function.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    given = parse(call, words, prog)
    return given.pop("command"), given


def _one_line(box: str, prog: str) -> str:
    """The first paragraph of tyro's framed message, and its suggestion if any."""
    lines = [line.strip("│|+ ") for line in box.splitlines()[1:]]
    text = "\n".join(line if line.strip("─-╰╯") else "" for line in lines).strip()
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text)]
    hints = [p for p in paragraphs[1:] if p.startswith("Perhaps")]
    said = " ".join([paragraphs[0].rstrip(".") + ".", *hints])
    return f"{said} See {prog} --help."


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that a knob takes."""
    return tuple(value) if isinstance(value, list) else value
