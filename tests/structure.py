"""What the package's source is like: its sizes, its imports, its experiments.

    python tests/structure.py [PACKAGE]

A line of code is one that is neither blank, nor a comment, nor part of a docstring.
"""

import ast
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "plastica"
SHORT = 4  # lines; a shorter function with one caller is better read where it is called
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Structure:
    """The numbers that a test holds."""

    code: int  # lines of code in the package
    docstrings: int  # lines of docstrings
    biggest: tuple[str, int]  # a file, and all of its lines
    p90: int  # lines of a function that nine of ten do not exceed
    small: tuple[str, ...]  # functions of less than 4 lines that are named once
    parameters: tuple[str, int]  # the experiment with most of them
    circle: tuple[str, ...]  # modules that import one another, or nothing

    @classmethod
    def of(cls, package: Path = PACKAGE) -> "Structure":
        """Measures a package of Python files."""
        files = {path: path.read_text() for path in sorted(package.rglob("*.py"))}
        trees = {path: ast.parse(text) for path, text in files.items()}
        sizes = {
            str(p.relative_to(package)): len(t.splitlines()) for p, t in files.items()
        }
        docstrings = {path: docstring_lines(tree) for path, tree in trees.items()}
        found = [f for tree in trees.values() for f in functions(tree)]
        lengths = sorted(f.end_lineno - f.lineno + 1 for f in found)
        return cls(
            code=sum(len(code_lines(p) - docstrings[p]) for p in files),
            docstrings=sum(map(len, docstrings.values())),
            biggest=max(sizes.items(), key=lambda item: item[1]),
            p90=lengths[len(lengths) * 9 // 10],
            small=tuple(small_functions(trees)),
            parameters=most_parameters(package, trees),
            circle=circle(imports(package, trees)),
        )


def code_lines(path: Path) -> set[int]:
    """Numbers of the lines on which a token stands that is no comment."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}
    skipped |= {tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    with path.open("rb") as file:
        tokens = [t for t in tokenize.tokenize(file.readline) if t.type not in skipped]
    return {n for t in tokens[1:] for n in range(t.start[0], t.end[0] + 1)}


def docstring_lines(tree: ast.Module) -> set[int]:
    """Numbers of the lines of all docstrings, those under a dataclass's fields too."""
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return {n for t in texts for n in range(t.lineno, (t.end_lineno or 0) + 1)}


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def small_functions(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Private functions with fewer than 4 lines of code that one place names."""
    named = Counter(
        name
        for tree in trees.values()
        for node in ast.walk(tree)
        for name in [getattr(node, "id", None) or getattr(node, "attr", None)]
        if name
    )
    for path, tree in trees.items():
        for function in functions(tree):
            start = function.body[0].lineno
            if ast.get_docstring(function):
                start = (function.body[0].end_lineno or 0) + 1
            short = (function.end_lineno or 0) - start + 1 < SHORT - 1
            private = function.name.startswith("_") and not function.name.endswith("__")
            if private and short and named[function.name] == 1:
                yield f"{path.stem}.{function.name}"


def most_parameters(package: Path, trees: dict[Path, ast.Module]) -> tuple[str, int]:
    """The function returning an Experiment that has most parameters."""
    counts = {
        f"{path.stem}.{f.name}": len(f.args.args) + len(f.args.kwonlyargs)
        for path, tree in trees.items()
        for f in functions(tree)
        if isinstance(f.returns, ast.Name) and f.returns.id == "Experiment"
        if not f.name.startswith("_") and f in tree.body
    }
    return max(counts.items(), key=lambda item: item[1])


def imports(package: Path, trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Modules by the modules they import, inside functions and for types too."""

    def named(path: Path) -> str:
        parts = path.relative_to(package.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    known = {named(path) for path in trees}
    edges: dict[str, set[str]] = {}
    for path, tree in trees.items():
        own, used = named(path), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = inner & known
                used |= modules or {node.module}
        edges[own] = (used & known) - {own}
    edges[package.name] = set()  # its names are imported when they are asked for
    return edges


def circle(edges: dict[str, set[str]]) -> tuple[str, ...]:
    """Modules each of which imports the next, the last one the first; or none."""
    done: set[str] = set()

    def found(module: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if module in path:
            return (*path[path.index(module) :], module)
        if module in done:
            return ()
        for used in sorted(edges[module]):
            if ring := found(used, (*path, module)):
                return ring
        done.add(module)
        return ()

    return next((ring for module in sorted(edges) if (ring := found(module, ()))), ())


if __name__ == "__main__":
    measured = Structure.of(*map(Path, sys.argv[1:]))
    for field in fields(measured):
        print(f"{field.name:<12} {getattr(measured, field.name)}")
