"""A file of a user's: executed where its user names it, and known by its code."""

import ast
import hashlib
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from plastica.errors import Refusal, own_code, unknown


class Own(NamedTuple):
    """A user's function or class, its name FILE.py:NAME, its code's checksum."""

    name: str
    value: Any
    sha256: str | None  # None: the package's own; "": it stands in no file


def in_file(name: Any) -> bool:
    """Whether a name is of something in a file."""
    return isinstance(name, str) and ".py" in name


def named(name: str, wanted: str | None = None, changed: bool = False) -> Own:
    """What `FILE.py:NAME` names, a function or a class.

    The file is executed only if its code has the checksum `wanted`, where there is
    one, or if it may have `changed`. Its folder is searched for what it imports.
    """
    path, _, own = name.partition(":")
    file = Path(path)
    if not file.is_file():
        raise Refusal(f"there is no file {path}; name what is in one as FILE.py:NAME")
    content = _read(file)  # once: what is checked is what is executed
    found = checksum(file.resolve(), content)
    known = (found, hashlib.sha256(content).hexdigest())  # older runs have the file's
    if wanted is not None and wanted not in known and not changed:
        raise Refusal(
            f"{name} is not the code that this run was started with: its checksum is "
            f"{found[:12]}, and that was {wanted[:12]}; bring back the file as it was, "
            "or take it as it is with --changed"
        )
    module = _executed(file.resolve(), content, found)
    there = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) or inspect.isclass(value)
    }
    if not own:
        mine = [n for n, value in there.items() if value.__module__ == module.__name__]
        names = ", ".join(f"{path}:{name}" for name in mine) or "nothing"
        raise Refusal(f"{name} is a file; name what is meant in it: there is {names}")
    if own not in there:
        raise unknown(f"{path} has no function or class", own, there)
    return Own(name, there[own], found)


def of_value(value: Any) -> Own | None:
    """A class or function by the file that it stands in; None where it is in none."""
    try:
        file = Path(inspect.getfile(value)).resolve()
    except (OSError, TypeError):
        return None
    here = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return Own(f"{here}:{value.__qualname__}", value, checksum(file, _read(file)))


def _executed(file: Path, content: bytes, found: str) -> ModuleType:
    """The file as a module, executed once for the same code."""
    name = f"{file.stem} ({found} of {file})"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module  # where dataclasses look for their types
        sys.path.insert(0, str(file.parent))  # stays, for imports inside functions
        try:
            with own_code():
                exec(compile(content, str(file), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def checksum(file: Path, content: bytes) -> str:
    """Of the code of a file and of all that it imports from its own folder.

    Comments, layout and docstrings do not count, nor does the file's name.
    """
    spelled: dict[Path, str] = {}
    todo = {file: content}
    while todo:
        path, content = todo.popitem()
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            line, what = getattr(error, "lineno", 1), getattr(error, "msg", error)
            where = f"{os.path.relpath(path)}, line {line or 1}"
            raise Refusal(f"{where}: SyntaxError: {what}; mend it") from error
        spelled[path] = repr(_spelled(tree))
        todo |= {p: _read(p) for p in _imported(tree, path, file.parent)}
        todo = {p: content for p, content in todo.items() if p not in spelled}
    names = {p: p.relative_to(file.parent).as_posix() for p in spelled} | {file: ""}
    whole = sorted((names[p], words) for p, words in spelled.items())
    return hashlib.sha256(repr(whole).encode()).hexdigest()


def _imported(tree: ast.Module, path: Path, folder: Path) -> Iterator[Path]:
    """Files under a folder that the module at `path` imports; both paths are whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [(folder, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = [".."] * (node.level - 1)
            base = path.parent.joinpath(*up).resolve() if node.level else folder
            named = [(base, f"{node.module or ''}.{a.name}") for a in node.names]
        else:
            continue
        for base, name in named:
            for part in filter(None, name.split(".")):
                base = base / part
                beside = (base.with_suffix(".py"), base / "__init__.py")
                if base.is_relative_to(folder):
                    yield from filter(Path.is_file, beside)


def _spelled(node: Any) -> Any:
    """A syntax tree in words that are the same in all versions of Python."""
    if isinstance(node, list):
        return [_spelled(each) for each in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {n: value for n, value in ast.iter_fields(node) if value not in (None, [])}
    if "body" in fields and isinstance(fields["body"], list):
        fields["body"] = [each for each in fields["body"] if not _is_text(each)]
    return type(node).__name__, [(n, _spelled(value)) for n, value in fields.items()]


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a string by itself, as docstrings are."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refusal(f"cannot read {file}: {error.strerror}") from error
