"""An experiment names a learner, how it is judged, and how it is improved."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

from jaxtyping import PRNGKeyArray

from plastica.errors import Refusal, own_code, unknown
from plastica.learner import AbstractLearner, AbstractRule, flatten
from plastica.objective import AbstractObjective
from plastica.ranges import Count, Seed, check_fields
from plastica.search.search import AbstractSearch
from plastica.shown import AbstractExhibit, General, Shown

RETIRED = frozenset({"engine"})  # knobs that older runs and records still name
RENAMED = {"told": "hears", "source": "images"}  # of those, what they are called now


@dataclass(frozen=True, eq=False)
class Experiment:
    """One learner, one objective, one search, and what to evaluate and to show.

    Args:
        learner: the learner that the search starts from.
        objective: what the search minimises.
        search: the search.
        generations: number of generations.
        evaluation: an objective on held-out data, which the search never sees.
        every: generations between two evaluations.
        exhibit: shows what the learner does, on data that neither has seen; None: the
            general one.
        data: names and SHA-256 checksums of the data, which a run records.
        seed: seed of all that is random.
        stages: a curriculum: pairs of a generation, counted from 0, and the objective
            from there on.
        source: how to call for the experiment again: a function's name and arguments.
            The decorator `experiment` sets it.

    Raises:
        Refusal: if the learner does not fit an objective, a number is out of range, or
            stages are not in order.

    Example:
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2), lives=2)
        >>> experiment = pl.Experiment(learner, judge, pl.SNES(4), 10, evaluation=judge)
        >>> experiment.ticks_until(10)  # 10 generations of 2 lives of 3 ticks
        60
    """

    learner: AbstractLearner
    objective: AbstractObjective
    search: AbstractSearch
    generations: Count
    evaluation: AbstractObjective
    every: Count = 50
    exhibit: AbstractExhibit | None = None
    data: tuple[tuple[str, str], ...] = ()
    seed: Seed = 0
    stages: tuple[tuple[int, AbstractObjective], ...] = ()
    source: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be run, before anything is."""
        check_fields(self)
        begins = [0, *(generation for generation, _ in self.stages)]
        if begins != sorted(set(begins)):
            raise Refusal(
                f"stages begin one after another, and after generation 0, got {begins}"
            )
        if not flatten(self.learner)[0].size:
            raise Refusal(
                f"{type(self.learner).__name__} has no theta: none of its fields is a "
                "jax.numpy array of floating-point numbers; hold so what the search is "
                "to find"
            )
        for _, objective in ((0, self.objective), *self.stages):
            objective.check(self.learner)
        self.evaluation.check(self.learner)

    def objective_at(self, generation: int) -> AbstractObjective:
        """The objective of a generation.

        Args:
            generation: how many generations come before it.

        Returns:
            The objective of the stage in which it is.
        """
        begun = [self.objective]
        begun += [later for start, later in self.stages if start <= generation]
        return begun[-1]

    def ticks_until(self, generation: int) -> int:
        """The ticks of one member, over all generations until then.

        Args:
            generation: number of generations.

        Returns:
            The number of ticks.
        """
        starts = [0, *(start for start, _ in self.stages), generation]
        return sum(
            self.objective_at(start).ticks * max(min(end, generation) - start, 0)
            for start, end in pairwise(starts)
        )

    @property
    def shows(self) -> AbstractExhibit:
        """Its own exhibit, or the general one."""
        return self.exhibit or General(self.evaluation, self.learner)

    def shown(
        self,
        learners: Mapping[str, AbstractLearner],
        key: PRNGKeyArray,
        closely: bool = True,
    ) -> Shown:
        """What learners show here, rules on this experiment's network.

        Args:
            learners: learners by the names under which they are shown.
            key: a PRNG key.
            closely: whether there are pictures of the first learner, or the table only.

        Returns:
            A table with a row for each learner, curves and pictures.

        Raises:
            Refusal: if a learner does not fit.
        """
        moved = []
        for name, who in learners.items():
            if isinstance(who, AbstractRule) and isinstance(self.learner, AbstractRule):
                who = who.on(self.learner.network)
            self.evaluation.check(who)
            moved.append((name, who))
        return self.shows.shown(moved, key, closely)


def chooses(choose: Callable[[Mapping[str, Any]], dict[str, Any]]):
    """Gives an experiment function parts that are chosen by name.

    `choose` makes those parts, by the parameters that they are for, from the arguments
    that are given: names, or parts that were chosen before.
    """

    def chosen(function):
        function.choose = choose
        return function

    return chosen


def chosen_parts(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters for which parts are chosen by name."""
    choose = getattr(function, "choose", None)
    return tuple(choose({})) if choose else ()


def settled(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, with parts instead of the names that choose them."""
    choose = getattr(function, "choose", None)
    return {**given, **choose(given)} if choose else dict(given)


def experiment(function: Callable[..., Experiment]) -> Callable[..., Experiment]:
    """A decorator: a function of parts takes the fields of its parts by name.

    A part is a frozen dataclass, the default of an argument. `memorise(length=30)` is
    then `memorise(passages=Passages(length=30))`. The experiment that is returned has
    the function's name and all its arguments in `source`, from which a run calls for it
    again.

    Args:
        function: a function whose arguments are parts, and which returns an
            `Experiment`.

    Returns:
        The function, with keyword arguments only: parts, or fields of parts.

    Raises:
        Refusal: when it is called, if there is no such field, a value is out of range,
            or the arguments cannot be recorded.

    Example:
        >>> from dataclasses import dataclass
        >>> import plastica as pl
        >>> @dataclass(frozen=True)
        ... class Points:
        ...     toy: str = "xor"
        >>> @pl.experiment
        ... def toys(points: Points = Points()) -> pl.Experiment:
        ...     judge = pl.Lifetime.of(pl.Toy(name=points.toy, batch=4, lessons=2))
        ...     learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        ...     return pl.Experiment(learner, judge, pl.SNES(4), 10, evaluation=judge)
        >>> toys(toy="cross").source["arguments"]
        {'toy': 'cross'}
    """
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    @functools.wraps(function)
    def called(**given: Any) -> Experiment:
        return stamped(function, given, name)

    return called


def stamped(
    function: Callable[..., Any],
    given: Mapping[str, Any],
    name: str,
    sha256: str | None = None,
) -> Any:
    """What a function of parts makes; an experiment, with how to call for it again."""
    own, given = inspect.unwrap(function), settled(function, given)
    refuse_unknown(own, given, name)
    parameters = inspect.signature(own).parameters.values()
    arguments = {p.name: part(p, given) for p in parameters}
    for each in filter(is_dataclass, arguments.values()):
        check_fields(each)
    with own_code():
        made = own(**arguments)
    if not isinstance(made, Experiment):
        return made
    record = {"experiment": name, "arguments": flat(arguments), "sha256": sha256}
    sums = {n: getattr(a, "sha256", None) for n, a in arguments.items()}
    files = {name: found for name, found in sums.items() if found is not None}
    if "" in files.values():  # a class that stands in no file
        return made
    record |= {"files": files} if files else {}
    try:
        json.dumps(record)
    except TypeError as error:
        raise Refusal(
            f"the arguments of {name} cannot be recorded: {error}; take numbers, "
            "words and tuples of them, and make the rest inside"
        ) from error
    return replace(made, source=record)


def refuse_unknown(
    function: Callable[..., Any], given: Mapping[str, Any], name: str
) -> None:
    """Refuse knobs that a function of parts does not have."""
    known = [*knobs(function, given), *inspect.signature(function).parameters]
    strange = [knob for knob in given if knob not in {*known, *RETIRED}]
    if strange:
        raise unknown(f"{name} has no knob", strange[0], known)


def knobs(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs of a function of parts, by name, and their defaults.

    Where parts are chosen by name, they are those of what is `given`.
    """
    parts = settled(function, given)
    parameters = inspect.signature(function).parameters.values()
    defaults = {p.name: (parts.get(p.name), p.default) for p in parameters}
    return flat({n: a if is_dataclass(a) else b for n, (a, b) in defaults.items()})


def part(parameter: inspect.Parameter, given: Mapping[str, Any]) -> Any:
    """An argument: as it is given, or a part of which some fields are given."""
    whole = _tupled(given.get(parameter.name, parameter.default))
    if not is_dataclass(parameter.default):
        return whole
    if not is_dataclass(whole):  # a field has the parameter's own name
        whole = parameter.default
    names = {f.name for f in fields(whole)} & given.keys()
    own = {n: _tupled(given[n]) for n in names if not is_dataclass(given[n])}
    return replace(whole, **own)  # type: ignore[arg-type, type-var]


def flat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments, instead of parts their fields."""
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        if is_dataclass(value):
            values |= {f.name: getattr(value, f.name) for f in fields(value)}
        else:
            values[name] = value
    return values


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
