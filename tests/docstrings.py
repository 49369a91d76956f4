"""The docstrings of the public names: what they lack, and whether their examples run.

    python tests/docstrings.py [NAME ...]

A public name has an example. Its arguments, or its fields, stand under `Args:`, and
what it returns under `Returns:`. A method that a class has from its interface is
described there, and no second time.
"""

import contextlib
import doctest
import inspect
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

# As in conftest.py: nearly all of an example's time is compilation.
FLAGS = "--xla_backend_optimization_level=0"
if version("jaxlib").startswith("0.10."):
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
ROOT = Path(__file__).resolve().parents[1]
HEAD = re.compile(r"[A-Z]\w*( \w+)?:$")  # of a section, on a line of its own
NAMES = re.compile(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): ")


def public() -> Iterator[tuple[str, Any]]:
    """Every public name, and the functions of public modules."""
    import plastica

    for name in plastica.__all__:
        what = getattr(plastica, name)
        yield name, what
        if isinstance(what, ModuleType):
            for own, function in vars(what).items():
                if getattr(function, "__module__", "") == what.__name__:
                    yield f"{name}.{own}", function


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """What can be called in a class and in no class that it is derived from."""
    inherited = {name for base in kind.__mro__[1:] for name in vars(base)}
    for name in vars(kind):
        method = None if name in inherited else getattr(kind, name)
        if not name.startswith("_") and callable(method):
            yield f"{kind.__name__}.{name}", method


def sections(what: Any) -> dict[str, str]:
    """The text of a docstring's sections, by their headings."""
    found, head = {"": ""}, ""
    for line in inspect.cleandoc(what.__doc__ or "").splitlines():
        if HEAD.match(line):
            head = line[:-1]
        elif line and not line.startswith(" "):
            head = ""
        found[head] = found.get(head, "") + line + "\n"
    return found


def lacking(name: str, what: Any, example: bool = True) -> list[str]:
    """What a docstring does not say, in words; an empty list if it says all."""
    said = sections(what)
    lacks = [] if said[""].strip() else [f"{name} has no docstring"]
    if example and ">>> " not in said.get("Example", ""):
        lacks.append(f"{name} has no Example:")
    if isinstance(what, ModuleType):
        return lacks
    lines = said.get("Args", "").splitlines()
    named = {
        n.strip("*")
        for l in lines
        if (m := NAMES.match(l + " "))
        for n in m[1].split(", ")
    }
    own = set(parameters(what))
    lacks += [f"{name} does not describe `{each}`" for each in sorted(own - named)]
    lacks += [f"{name} has no argument `{each}`" for each in sorted(named - own)]
    if not inspect.isclass(what) and returns(what) and "Returns" not in said:
        lacks.append(f"{name} has no Returns:")
    return lacks


def parameters(what: Any) -> list[str]:
    """The names of a function's arguments, or of a class's fields."""
    if inspect.isclass(what) and issubclass(what, Exception):
        return []
    names = inspect.signature(what).parameters
    return [name for name in names if name not in ("self", "cls")]


def returns(function: Any) -> bool:
    """Whether a function returns a value: all that are not declared to return None."""
    return inspect.signature(function).return_annotation not in (None, "None")


def all_lacking() -> list[str]:
    """What the docstrings of all public names lack."""
    lacks = []
    for name, what in public():
        lacks += lacking(name, what)
        if inspect.isclass(what):
            lacks += [l for each in methods(what) for l in lacking(*each, False)]
    return lacks


def examples() -> dict[str, Any]:
    """Public names and methods that have examples."""
    found = dict(public())
    for what in list(found.values()):
        found |= methods(what) if inspect.isclass(what) else {}
    return {name: what for name, what in found.items() if ">>> " in str(what.__doc__)}


def failure(name: str, what: Any) -> str:
    """Runs an example in an empty folder: what went wrong, or nothing."""
    text = inspect.cleandoc(what.__doc__)
    test = doctest.DocTestParser().get_doctest(
        text, {"__name__": "__main__"}, name, name, 0
    )
    told = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        doctest.DocTestRunner(verbose=False).run(test, out=told.write)
    return told.getvalue()


def main(wanted: list[str]) -> int:
    """Prints what is lacking and what fails, and how long each example took."""
    wrong = all_lacking()
    print(*wrong, sep="\n")
    for name, what in examples().items():
        if wanted and name not in wanted:
            continue
        start = time.perf_counter()
        failed = failure(name, what)
        seconds = time.perf_counter() - start
        print(
            f"{'FAILS' if failed else 'ok':<6}{seconds:5.1f} s  {name}\n{failed}",
            end="",
        )
        wrong += [failed] if failed else []
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    os.environ.setdefault("XLA_FLAGS", FLAGS)
    sys.exit(main(sys.argv[1:]))
