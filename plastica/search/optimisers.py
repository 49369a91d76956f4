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
    """An optax optimiser by name, for the searches that take one.

    Args:
        name: "adam", "sgd" or "momentum", which is SGD with a momentum of 0.9.
        rate: step size.
        clip: largest norm of the gradient; None: it is not clipped.
        fading: steps over which the rate falls to zero, as a cosine; None: it stays.

    Returns:
        The optimiser. Equal arguments give the same object.

    Raises:
        Refusal: if there is no such name, or a rate or norm is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> import plastica as pl
        >>> sgd = pl.optimiser("sgd", rate=0.5)
        >>> theta = jnp.zeros(2)
        >>> step, _ = sgd.update(jnp.ones(2), sgd.init(theta), theta)
        >>> step.tolist()
        [-0.5, -0.5]
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
