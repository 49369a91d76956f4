"""Where an experiment comes from, so that a run can call for it again.

An experiment is a function. By itself only the package's own are called again; one in a
user's file must be named again and have the checksum that was recorded, since nothing
on disk may decide what is executed.
"""

import hashlib
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from plastica.errors import Refusal


@dataclass(frozen=True)
class Source:
    """A function, the name a user types, and its file's checksum if it is theirs."""

    name: str
    function: Callable[..., Any]
    sha256: str | None = None

    def recorded(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a run keeps of it."""
        try:
            json.dumps(arguments)
        except TypeError as error:
            raise Refusal(
                f"the arguments of {self.name} cannot be recorded: {error}; take "
                "numbers, words and tuples of them, and make the rest inside"
            ) from error
        return {"experiment": self.name, "arguments": arguments, "sha256": self.sha256}

    def check(self, arguments: dict[str, Any]) -> None:
        """Refuse arguments that the function does not have."""
        known = inspect.signature(self.function).parameters
        strange = [name for name in arguments if name not in known]
        if strange:
            raise Refusal(
                f"{self.name} has no knob {strange[0]!r}; {_nearest(strange[0], known)}"
            )

    def complete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments that are given, and the defaults of the rest."""
        known = inspect.signature(self.function).parameters
        return {name: knob.default for name, knob in known.items()} | arguments

    def call(self, arguments: dict[str, Any]) -> Any:
        """The experiment or the sweep, which asks for knobs that there are."""
        self.check(arguments)
        made = self.function(**{k: _tupled(v) for k, v in arguments.items()})
        from plastica.experiment import Experiment
        from plastica.sweep import Sweep

        if not isinstance(made, Experiment | Sweep):
            raise Refusal(
                f"{self.name} returns a {type(made).__name__}; an experiment is a "
                "function that returns a plastica.Experiment"
            )
        for run in made.runs if isinstance(made, Sweep) else ():
            find(run.experiment).check(run.arguments)
        return made


def find(name: str, wanted: str | None = None) -> Source:
    """An experiment or figure of the package by name, or `FILE.py:FUNCTION`.

    A file is executed only if it has the checksum `wanted`, where one is.
    """
    return _in_file(name, wanted) if ".py" in name else find_shipped(name)


def find_shipped(name: str) -> Source:
    """An experiment or figure of the package by name; no file is ever looked at."""
    known = shipped()
    short = {full.split(".")[1]: full for full in known}
    full = short.get(name, name)
    if full not in known:
        raise Refusal(
            f"there is no experiment {name!r}; {_nearest(name, [*known, *short])} A "
            "function of your own is named as FILE.py:FUNCTION"
        )
    return Source(full, known[full])


def again(recorded: dict | None, name: str | None, changed: dict | None = None) -> Any:
    """The experiment that was recorded, with some arguments changed."""
    if not recorded or not isinstance(recorded.get("arguments"), dict):
        raise Refusal(
            "this run was started from Python, with no function to call again; go on "
            "from Python: plastica.resume(folder, experiment)"
        )
    theirs = recorded.get("sha256")
    if theirs is None:
        source = find_shipped(str(recorded.get("experiment")))
        if name is not None and name != source.name:
            raise Refusal(
                f"this run is of {source.name}, not of {name}; leave --experiment out"
            )
    else:
        if name is None:
            raise Refusal(
                f"this run is of a function in a file, {recorded.get('experiment')}; "
                "name it again: --experiment FILE.py:FUNCTION"
            )
        source = find(name, theirs)
        if source.sha256 is None:
            raise Refusal(f"this run is of a function in a file, and {name} is in none")
    return source.call(recorded["arguments"] | (changed or {}))


def shipped() -> dict[str, Callable[..., Any]]:
    """The package's experiments and figures: functions that return one, by name."""
    from plastica import experiments, figures

    found = {}
    for package in (experiments, figures):
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            for name, value in vars(loaded).items():
                if _is_experiment(value, loaded):
                    found[f"{module.name}.{name}"] = value
    return found


def makes(function: Callable[..., Any]) -> str:
    """The name of what a function says that it returns: Experiment or Sweep."""
    returned = inspect.signature(function).return_annotation
    return returned if isinstance(returned, str) else getattr(returned, "__name__", "")


def _is_experiment(value: Any, module: ModuleType) -> bool:
    return (
        inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
        and makes(value) in ("Experiment", "Sweep")
    )


def _in_file(name: str, wanted: str | None) -> Source:
    path, _, function = name.partition(":")
    file = Path(path)
    if not file.is_file():
        raise Refusal(f"there is no file {path}; name a function as FILE.py:FUNCTION")
    try:
        code = file.read_bytes()  # once: what is checked is what is executed
    except OSError as error:
        raise Refusal(f"cannot read {path}: {error.strerror}") from error
    checksum = hashlib.sha256(code).hexdigest()
    if wanted is not None and checksum != wanted:
        raise Refusal(
            f"{name} is not the file that this run was started with: its checksum "
            "differs; bring back the file as it was, or start a new run"
        )
    module = ModuleType(f"{file.stem} ({path})")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # where dataclasses look for their types
    exec(compile(code, str(file), "exec"), module.__dict__)
    functions = {k: v for k, v in vars(module).items() if inspect.isfunction(v)}
    if function not in functions:
        raise Refusal(
            f"{path} has no function {function!r}; {_nearest(function, functions)}"
        )
    return Source(name, functions[function], checksum)


def _nearest(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.4) or list(known)[:5]
    return f"did you mean {', '.join(near)}?" if near else "there is none"


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
