"""Optimisers by name, for the searches that take one."""

from functools import lru_cache
from typing import Literal

import optax

from plastica.errors import unknown
from plastica.ranges import Positive, check_number

Name = Literal["adam", "sgd", "momentum"]


@lru_cache  # equal arguments give one object, which as a static field retraces nothing
def optimiser(
    name: Name = "adam",
    rate: float = 1e-3,
    clip: float | None = None,
    fading: int | None = None,
) -> optax.GradientTransformation:
    """An optax optimiser; `clip` bounds the gradient's norm, `momentum` is 0.9.

    The rate falls to zero over `fading` steps, as a cosine does, if they are given.
    """
    for number_name, number in (("rate", rate), ("clip", clip)):
        check_number(number_name, number, Positive | None)
    step: float | optax.Schedule = rate
    if fading is not None:
        step = optax.cosine_decay_schedule(rate, fading)
    known = {
        "adam": lambda: optax.adam(step),
        "sgd": lambda: optax.sgd(step),
        "momentum": lambda: optax.sgd(step, momentum=0.9),
    }
    if name not in known:
        raise unknown("there is no optimiser", name, known)
    if clip is None:
        return known[name]()
    return optax.chain(optax.clip_by_global_norm(clip), known[name]())
