"""Where an experiment comes from, so that a run can call for it again.

An experiment is a function. By itself only the package's own are called again; one in a
user's file must be named again and have the checksum that was recorded, since nothing
on disk may decide what is executed.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from plastica import experiments, figures
from plastica.errors import Refusal, unknown
from plastica.experiment import (
    RENAMED,
    RETIRED,
    Experiment,
    chosen_parts,
    knobs,
    refuse_unknown,
    stamped,
)
from plastica.files import in_file, named
from plastica.run.sweep import Sweep


@dataclass(frozen=True)
class Source:
    """A function, the name a user types, and its file's checksum if it is theirs."""

    name: str
    function: Callable[..., Any]
    sha256: str | None = None

    def complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments that are given, and the defaults of the rest."""
        known = knobs(self.function, arguments)
        own = {n: value for n, value in arguments.items() if n not in RETIRED}
        former = {n for n in own.keys() - known if RENAMED.get(n) in known}
        own = {RENAMED[n] if n in former else n: v for n, v in own.items()}
        if chosen_parts(self.function):  # once all pairs had all knobs
            own = {name: value for name, value in own.items() if name in known}
        return known | own

    def call(self, arguments: dict[str, Any]) -> Any:
        """The experiment or the sweep, which asks for knobs that there are."""
        made = stamped(self.function, arguments, self.name, self.sha256)
        if not isinstance(made, Experiment | Sweep):
            raise Refusal(
                f"{self.name} returns a {type(made).__name__}; an experiment is a "
                "function that returns a plastica.Experiment"
            )
        for run in made.runs if isinstance(made, Sweep) else ():
            refuse_unknown(find(run.experiment).function, run.arguments, run.experiment)
        return made


def find(name: str, wanted: str | None = None, changed: bool = False) -> Source:
    """An experiment or figure of the package by name, or `FILE.py:FUNCTION`.

    A file is executed only if its code has the checksum `wanted`, where there is one,
    or if it may have `changed`.
    """
    if not in_file(name):
        return find_shipped(name)
    own = named(name, wanted, changed)
    if not inspect.isfunction(own.value):
        raise Refusal(
            f"{name} is a class; an experiment is a function, and a rule or a task is "
            f"named as in plastica train meet --rule {name}"
        )
    return Source(*own)


def find_shipped(name: str) -> Source:
    """An experiment or figure of the package by name; no file is ever looked at."""
    known = shipped()
    short = {full.split(".")[1]: full for full in known}
    full = short.get(name, name)
    if full not in known:
        said = unknown("there is no experiment", name, [*known, *short])
        own = "a function of your own is named as FILE.py:FUNCTION"
        raise Refusal(f"{said}; plastica list has all, and {own}")
    return Source(full, known[full])


def complete(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """All arguments of an experiment of the package; None where it is another's."""
    if name not in shipped():
        return None
    source = find_shipped(name)
    own = any(in_file(arguments.get(part)) for part in chosen_parts(source.function))
    return None if own else source.complete(arguments)


def again(
    recorded: dict | None,
    name: str | None,
    changed: bool = False,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> Experiment:
    """The experiment that was recorded, and named again where it is a user's own."""
    source, record = found_again(recorded, name, changed), dict(recorded or {})
    arguments = record["arguments"]
    for part in parts:
        if not in_file(arguments.get(part)):
            raise Refusal(f"this run has no {part} in a file; leave --{part} out")
        record["arguments"] = arguments = arguments | {part: parts[part]}
    own = named_again(source, record, parts, changed)
    return source.call(source.complete(arguments | own))


def named_again(
    source: Source, recorded: Mapping, parts: Mapping[str, str], changed: bool = False
) -> dict[str, Any]:
    """The parts that a user names: those of a record again, or others instead.

    Those in a file must be named, since nothing on disk decides what is executed. One
    that has the recorded name, and a rule under any name, must have its code.
    """
    found: dict[str, Any] = {}
    for part in chosen_parts(source.function):
        before, now = recorded["arguments"].get(part), parts.get(part)
        if now is None and in_file(before):
            raise Refusal(
                f"the {part} of this run is in a file, {before}; name it again: "
                f"--{part} FILE.py:CLASS"
            )
        if now is not None:
            own = now == before or (part == "rule" and in_file(before))
            wanted = recorded.get("files", {}).get(part, "") if own else None
            found[part] = named(now, wanted, changed) if in_file(now) else now
    return found


def found_again(
    recorded: dict | None, name: str | None, changed: bool = False
) -> Source:
    """The function that was recorded; `name` is what the user says that it is.

    By itself only one of the package is found: nothing on disk decides what is
    executed. The code of a user's own must be as it was, or may have `changed`.
    """
    if not recorded or not isinstance(recorded.get("arguments"), dict):
        raise Refusal(
            "this run was started from Python, with no function to call again; go on "
            "from Python: plastica.resume(folder, experiment), or for a rule "
            "plastica.evaluate(learner, task, lives, key)"
        )
    theirs = recorded.get("sha256")
    if theirs is None:
        source = find_shipped(str(recorded.get("experiment")))
        if name is not None and name != source.name:
            raise Refusal(
                f"this run is of {source.name}, not of {name}; leave --experiment out"
            )
        return source
    if name is None:
        raise Refusal(
            f"this run is of a function in a file, {recorded.get('experiment')}; "
            "name it again: --experiment FILE.py:FUNCTION"
        )
    if not in_file(name):
        raise Refusal(f"this run is of a function in a file, and {name} is in none")
    return find(name, str(theirs), changed)


def shipped() -> dict[str, Callable[..., Any]]:
    """The package's experiments and figures: functions that return one, by name."""
    found = {}
    for package in (experiments, figures):
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            found |= {
                f"{module.name}.{name}": value
                for name, value in vars(loaded).items()
                if inspect.isfunction(value)
                and value.__module__ == loaded.__name__
                and not name.startswith("_")
                and makes(value) in ("Experiment", "Sweep")
            }
    return found


def makes(function: Callable[..., Any]) -> str:
    """The name of what a function says that it returns: Experiment or Sweep."""
    returned = inspect.signature(function).return_annotation
    return returned if isinstance(returned, str) else getattr(returned, "__name__", "")
