"""From losses to utilities: ranks count, ties share, the diverged come last."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def diverged(losses: Float[Array, "members"]) -> Bool[Array, "members"]:
    """Which members' losses are NaN or infinite."""
    return ~jnp.isfinite(losses)


def by_rank(
    losses: Float[Array, "members"], utilities: Float[Array, "members"]
) -> Float[Array, "members"]:
    """Utilities, given best first, handed to members by the rank of their losses.

    Members with equal losses share the mean of theirs, so that a plateau does not make
    a search walk; all that diverged are equal, and worst.
    """
    losses = jnp.where(diverged(losses), jnp.inf, losses)
    ordered = jnp.sort(losses)
    first = jnp.searchsorted(ordered, losses, side="left")
    after = jnp.searchsorted(ordered, losses, side="right")
    sums = jnp.concatenate([jnp.zeros(1, utilities.dtype), jnp.cumsum(utilities)])
    shared = (sums[after] - sums[first]) / (after - first)
    alone = utilities[first]  # exactly, without the rounding of the sums
    return jnp.where(after - first == 1, alone, shared)


def natural_utilities(members: int) -> Float[Array, "members"]:
    """The utilities of Wierstra et al. (2014), 3.1, best first; they sum to 0."""
    k = jnp.arange(1, members + 1)
    raw = jnp.maximum(0.0, jnp.log(members / 2 + 1) - jnp.log(k))
    return raw / jnp.sum(raw) - 1.0 / members


def centred_ranks(members: int) -> Float[Array, "members"]:
    """Evenly spaced from 1/2, the best, to -1/2, the worst (Salimans et al., 2017)."""
    return 0.5 - jnp.arange(members) / max(members - 1, 1)
