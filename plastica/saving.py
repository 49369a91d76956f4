"""Learners on disk, as a description of classes and fields beside their arrays.

What a file names is looked up among the package's own learners and their parts, never
imported; a learner of the user's own is loaded into one `like` it.
"""

import dataclasses
import inspect
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, names
from plastica.network import Network
from plastica.store import Damaged, read_bundle, suffixed, write_bundle

FORMAT, VERSION = "plastica rule", 1
ZOO = Path(__file__).with_name("zoo")
UNFIT = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


def save(learner: AbstractLearner, path: str | Path, made: dict | None = None) -> Path:
    """Writes a learner as `path`.npz and `path`.json; `made` says how it came to be."""
    path = _stem(path)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "learner": _described(learner, ""),
        "made": made or {},
    }
    write_bundle(path, arrays_of(learner), about)
    return suffixed(path, ".npz")


def load(path: str | Path, like: AbstractLearner | None = None) -> AbstractLearner:
    """A learner from `path`.npz and `path`.json, from a run's folder, or "zoo:NAME".

    `like` is a learner of the same class and shapes, needed for a user's own classes.
    """
    arrays, about = read_rule(path)
    described = about.get("learner")
    if like is not None:
        _refuse_other_kind(described, like, path)
        return filled(like, arrays, str(path))
    try:
        learner = _rebuilt(described, arrays)
    except Refusal:
        raise
    except UNFIT as error:
        said = str(error).split("\n")[0]
        raise Damaged(f"{path} does not describe a learner: {said}") from error
    if not isinstance(learner, AbstractLearner):
        raise Damaged(f"{path} describes no learner, but {type(learner).__name__}")
    return learner


def read_rule(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the description of a saved learner."""
    stem = _stem(path)
    if not os.path.lexists(suffixed(stem, ".json")):
        raise Refusal(
            f"there is no rule at {path}: {suffixed(stem, '.json')} does not exist; "
            "name a rule's .npz, or a run that is finished"
        )
    arrays, about = read_bundle(stem)
    if about.get("format") != FORMAT:
        raise Refusal(f"{path} is not a rule: it says format {about.get('format')!r}")
    if about.get("version") != VERSION:
        raise Refusal(
            f"{path} was written by a newer version (format {about.get('version')}, "
            f"this one reads {VERSION}); upgrade plastica"
        )
    return arrays, about


def in_zoo(name: str) -> Path:
    """Where a rule of the zoo stands, without its suffix."""
    found = sorted(rule.stem for rule in ZOO.glob("*.npz"))
    if name not in found:
        raise Refusal(f"no rule {name!r} in the zoo; there are {', '.join(found)}")
    return ZOO / name


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """The array leaves of a pytree by their dotted names; keys as their data."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    return dict(zip(names(tree), map(np.asarray, leaves), strict=True))


def filled(tree: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """A pytree like `tree` with other arrays of the same names, shapes and types."""
    wanted = {k: (v.shape, v.dtype) for k, v in arrays_of(tree).items()}
    found = {k: (v.shape, v.dtype) for k, v in arrays.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise Refusal(
                f"{where} does not fit: {name or 'the array'} is "
                f"{_spelled(found, name)} there and {_spelled(wanted, name)} here"
            )
    floats, rest = eqx.partition(tree, eqx.is_array)
    leaves = [jnp.asarray(arrays[name]) for name in names(tree)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(floats), leaves), rest)


def _described(value: Any, name: str) -> Any:
    if isinstance(value, eqx.Module):
        fields = {
            field.name: _described(getattr(value, field.name), _join(name, field.name))
            for field in dataclasses.fields(value)
        }
        return {"class": type(value).__name__, "fields": fields}
    if isinstance(value, Network):
        return {"sizes": value.sizes, "edges": value.edges}
    if eqx.is_array(value):
        return {"array": name}
    if isinstance(value, tuple):
        return [_described(part, _join(name, str(i))) for i, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise Refusal(
        f"the field {name} holds a {type(value).__name__}, which cannot be saved; hold "
        "its name instead, and look it up where it is used"
    )


def _rebuilt(what: Any, arrays: dict[str, np.ndarray]) -> Any:
    match what:
        case {"class": str(name), "fields": dict(fields)}:
            kind = _known().get(name)
            if kind is None:
                raise Refusal(
                    f"{name} is not a class of this package; for one of your own, give "
                    "a learner of the same shape: load(path, like=...)"
                )
            parts = {key: _rebuilt(value, arrays) for key, value in fields.items()}
            return kind(**parts)
        case {"sizes": list(sizes), "edges": list(edges)}:
            return Network(tuple(sizes), tuple((post, pre) for post, pre in edges))
        case {"array": str(name)}:
            if name not in arrays:
                raise Damaged(f"the array {name} is missing")
            return jnp.asarray(arrays[name])
        case list(parts):
            return tuple(_rebuilt(part, arrays) for part in parts)
        case None | bool() | int() | float() | str():
            return what
    raise Damaged(f"a learner's description cannot hold {what!r}")


def _refuse_other_kind(described: Any, like: AbstractLearner, path) -> None:
    """A learner of another class, or with other words and numbers beside its arrays."""
    fields = described.get("fields") if isinstance(described, dict) else None
    if not isinstance(fields, dict) or described.get("class") != type(like).__name__:
        found = described.get("class") if isinstance(described, dict) else described
        raise Refusal(
            f"{path} holds a {found}, and a {type(like).__name__} is wanted here; name "
            "one of that class"
        )
    for name, here in _described(like, "")["fields"].items():
        there = fields.get(name)
        if not isinstance(here, dict | list) and there != here:
            raise Refusal(
                f"{path} does not fit: its {name} is {there!r} there and {here!r} here"
            )


def _known() -> dict[str, type]:
    """The package's learners and their parts, by name."""
    from plastica import baselines, cells, rules

    modules: tuple[ModuleType, ...] = (cells, rules, baselines)
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, eqx.Module)
    }


def _stem(path: str | Path) -> Path:
    if str(path).startswith("zoo:"):
        return in_zoo(str(path)[4:])
    path = Path(path)
    if path.is_dir():
        path = path / "rule"
    return path.with_suffix("") if path.suffix in (".npz", ".json") else path


def _join(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _spelled(arrays: dict[str, tuple], name: str) -> str:
    array = arrays.get(name)
    return "missing" if array is None else f"{array[1]}{list(array[0])}"
