"""Learners on disk, as a description of classes and fields with their arrays.

What a file names is looked up among the package's own learners and their parts, never
imported; a learner of the user's own is loaded into one `like` it.
"""

import dataclasses
import inspect
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import jaxtyped

from plastica import machine, store
from plastica.errors import Damaged, Refusal, unknown
from plastica.learner import AbstractLearner, names
from plastica.network import Network

FORMAT, VERSION = "plastica rule", 1
ZOO = Path(__file__).with_name("zoo")
FORMER = {  # fields by class, as rules were saved before
    "Recurrent": {"told": "hears"},
    "Variant": {"told": "hears"},
    "VSML": {"told_target": "hears_target"},
}
UNFIT = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


def save(learner: AbstractLearner, path: str | Path, made: dict | None = None) -> Path:
    """Writes a learner to one file, `PATH.safetensors`.

    The file has the learner's classes, fields and arrays, the versions of the packages,
    and the date. Nothing in it is executed when it is read.

    Args:
        learner: the learner.
        path: the file, with or without its suffix, or a folder: then its file `rule`.
        made: how the learner was made, a dictionary that JSON can hold.

    Returns:
        The path of the file.

    Raises:
        Refusal: if a field cannot be saved, or the file cannot be written.

    Example:
        >>> import plastica as pl
        >>> rule = pl.PMLPHebb.zeros(pl.Network.layered(4, 3, 4))
        >>> str(pl.save(rule, "mine"))
        'mine.safetensors'
    """
    provenance = (
        {"versions": machine.versions()} | (made or {}) | {"date": machine.now()}
    )
    about = {
        "format": FORMAT,
        "version": VERSION,
        "learner": _described(learner, ""),
        "made": provenance,
    }
    return store.write_bundle(_stem(path), arrays_of(learner), about)


def load(path: str | Path, like: AbstractLearner | None = None) -> AbstractLearner:
    """Reads a learner from a file, from a run's folder, or from the zoo.

    Args:
        path: a file with or without its suffix, a run's folder, or "zoo:NAME".
        like: a learner of the same class and shapes, needed for a user's own class.

    Returns:
        The learner.

    Raises:
        Refusal: if there is no such rule, it does not fit `like`, its class is not the
            package's, or the file is damaged or of a newer version.

    Example:
        >>> import plastica as pl
        >>> rule = pl.load("zoo:memorise-100")
        >>> type(rule).__name__, len(rule.layers)
        ('PMLPHebb', 3)
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
        raise Damaged(f"{path} does not describe a learner: {error}") from error
    if not isinstance(learner, AbstractLearner):
        raise Damaged(f"{path} describes no learner, but {type(learner).__name__}")
    return learner


def read_rule(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the description of a saved learner."""
    stem = _stem(path)
    if not store.is_bundle(stem):
        raise Refusal(
            f"there is no rule at {path}: {stem}{store.SUFFIX} does not exist; name a "
            f"rule's {store.SUFFIX}, or a run that is finished"
        )
    arrays, about = store.read_bundle(stem)
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
    found = [rule.name for rule in store.bundles(ZOO)]
    if name not in found:
        raise unknown("the zoo has no rule", name, found)
    return ZOO / name


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """The array leaves of a pytree by their dotted names; keys as their data."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    return dict(zip(names(tree), map(np.asarray, leaves), strict=True))


def filled(tree: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """A pytree like `tree` with other arrays of the same names, shapes and types."""
    own = set(names(tree))
    former = {name: re.sub(r"\btold$", "heard", name) for name in arrays}
    arrays = {n if n in own else former[n]: array for n, array in arrays.items()}
    here, there = _spelled(arrays_of(tree)), _spelled(arrays)
    for name in sorted(here.keys() | there.keys()):
        if here[name] != there[name]:
            raise Refusal(
                f"{where} does not fit: {name or 'the array'} is {there[name]} there "
                f"and {here[name]} here"
            )
    floats, rest = eqx.partition(tree, eqx.is_array)
    leaves = [jnp.asarray(arrays[name]) for name in names(tree)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(floats), leaves), rest)


def _described(value: Any, name: str) -> Any:
    if isinstance(value, Network):
        return {"sizes": value.sizes, "edges": value.edges}
    if eqx.is_array(value):
        return {"array": name}
    prefix = f"{name}." if name else ""
    if isinstance(value, eqx.Module):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        fields = {k: _described(part, prefix + k) for k, part in parts.items()}
        return {"class": type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return [_described(part, f"{prefix}{i}") for i, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise Refusal(
        f"the field {name} holds a {type(value).__name__}, which cannot be saved; hold "
        "its name instead, and look it up where it is used"
    )


def _of_today(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a class's fields hold, by the names that they have today."""
    former = FORMER.get(kind, {})
    return {former.get(name, name): value for name, value in fields.items()}


def _rebuilt(what: Any, arrays: dict[str, np.ndarray]) -> Any:
    match what:
        case {"class": str(name), "fields": dict(fields)}:
            kind = _known().get(name)
            if kind is None:
                raise Refusal(
                    f"{name} is not a class of this package; for one of your own, give "
                    "a learner of the same shape: load(path, like=...)"
                )
            fields = _of_today(name, fields)
            _refuse_other_fields(kind, fields)
            parts = {key: _rebuilt(value, arrays) for key, value in fields.items()}
            return _of_its_shapes(kind(**parts))
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


def _of_its_shapes(module: eqx.Module) -> eqx.Module:
    """The same module, refused where its arrays are not of the shapes it declares."""
    with jaxtyped("context"):  # an axis has one length throughout
        for field in dataclasses.fields(module):
            value = getattr(module, field.name)
            if not eqx.is_array(value):
                continue
            where = f"{type(module).__name__}.{field.name}"
            if not isinstance(value, field.type):  # type: ignore[arg-type]
                shape = f"{value.dtype}{list(value.shape)}"
                raise Damaged(f"{where} cannot be {shape} beside its other arrays")
            if not np.all(np.isfinite(value)):
                raise Damaged(f"{where} has numbers that are none")
    return module


def _refuse_other_kind(described: Any, like: AbstractLearner, path) -> None:
    """A learner of another class, or with other words and numbers beside its arrays."""
    description = described if isinstance(described, dict) else {"class": described}
    found, fields = (
        description.get("class"),
        _with_defaults(description, like).get("fields"),
    )
    if not isinstance(fields, dict) or found != type(like).__name__:
        raise Refusal(
            f"{path} holds a {found}, and a {type(like).__name__} is wanted here; name "
            "one of that class"
        )
    for name, here in _described(like, "")["fields"].items():
        there = fields.get(name)
        if _only_words(here) and there != here:
            raise Refusal(
                f"{path} does not fit: its {name} is {there!r} there and {here!r} here"
            )


def _refuse_other_fields(kind: type[eqx.Module], found: Mapping[str, Any]) -> None:
    """What was saved before its class lost a field, or gained one without a default."""
    own = {f.name: f.default is MISSING for f in dataclasses.fields(kind)}
    lost = found.keys() - own.keys()
    gained = {name for name, needed in own.items() if needed} - found.keys()
    for fields, has in ((lost, "has no"), (gained, "has the")):
        for name in sorted(fields):
            raise Refusal(
                f"{kind.__name__} {has} field {name!r}, unlike when this was saved; "
                "load it with the version of the package that saved it"
            )


def _with_defaults(described: Any, like: Any) -> Any:
    """A description, with the defaults of fields that its class has gained since."""
    fields = described.get("fields") if isinstance(described, dict) else None
    if not isinstance(like, eqx.Module) or not isinstance(fields, dict):
        return described
    if described.get("class") != type(like).__name__:
        return described
    fields = _of_today(described["class"], fields)
    _refuse_other_fields(type(like), fields)
    whole = {k: _with_defaults(v, getattr(like, k, None)) for k, v in fields.items()}
    for field in dataclasses.fields(like):
        if field.name not in whole and field.default is not MISSING:
            whole[field.name] = _described(field.default, field.name)
    return described | {"fields": whole}


def _only_words(described: Any) -> bool:
    """Whether it is a word or number, or a part that holds nothing else."""
    match described:
        case {"class": _, "fields": dict(fields)}:
            return all(map(_only_words, fields.values()))
    return not isinstance(described, dict | list)


def _known() -> dict[str, type]:
    """The package's learners and their parts, by name."""
    from plastica import baselines, cells, rules

    found = vars(cells) | vars(rules) | vars(baselines)
    kinds = {name: value for name, value in found.items() if inspect.isclass(value)}
    return {name: kind for name, kind in kinds.items() if issubclass(kind, eqx.Module)}


def is_own(described: Any) -> bool:
    """Whether a class in a learner's description is none of the package's."""
    if isinstance(described, list):
        return any(map(is_own, described))
    if not isinstance(described, dict) or "fields" not in described:
        return False
    parts = described["fields"].values()
    return described.get("class") not in _known() or any(map(is_own, parts))


def _stem(path: str | Path) -> Path:
    if str(path).startswith("zoo:"):
        return in_zoo(str(path)[4:])
    path = Path(path)
    if path.is_dir():
        path = path / "rule"
    return path.with_suffix("") if path.suffix in store.ENDS else path


def _spelled(arrays: dict[str, np.ndarray]) -> defaultdict[str, str]:
    """The type and shape of each array, as they are written; others are missing."""
    spelled = {k: f"{kind}{shape}" for k, (shape, kind) in store.layout(arrays).items()}
    return defaultdict(lambda: "missing", spelled)
