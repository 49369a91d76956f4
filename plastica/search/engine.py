"""How lives are lived: in chunks that fit a cache, over all devices of the machine."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, PRNGKeyArray

from plastica import kernels
from plastica.errors import Refusal
from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective, Carry, Lifetime
from plastica.ranges import Count, check_fields

Kind = Literal["auto", "xla", "native"]
LearnerOf = Callable[[Float[Array, "theta"]], AbstractLearner]
MEMBERS = PartitionSpec("members")


class Engine(eqx.Module):
    """How a population's lives are computed: by which kernel, how many members at once.

    Losses do not depend on either but by rounding.

    Args:
        kind: "xla"; "native", the C++ kernel; or "auto", the kernel where it fits.
        chunk: members that a device runs at once; None: all of its share.

    Raises:
        Refusal: if `kind` is another word, or `chunk` is not from 1 on.

    Example:
        >>> import plastica as pl
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> pl.Engine(chunk=16).settled(learner, judge)  # the kernel has no such rule
        'xla'
    """

    kind: Kind = eqx.field(static=True, default="auto")
    chunk: Count | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        """Refuse an unknown kind, and a chunk without a member."""
        check_fields(self)

    def settled(self, learner: AbstractLearner, objective: AbstractObjective) -> Kind:
        """Which kernel computes these lives.

        Args:
            learner: the learner.
            objective: the objective.

        Returns:
            "xla" or "native".

        Raises:
            Refusal: if `kind` is "native" and the kernel does not fit.
        """
        if self.kind == "xla":
            return "xla"
        why_not = kernels.reason(learner, objective)
        if why_not and self.kind == "native":
            raise Refusal(f'{why_not}; or ask for engine "auto"')
        return "xla" if why_not else "native"

    def live(
        self,
        thetas: Float[Array, "members theta"],
        learner_of: LearnerOf,
        objective: AbstractObjective,
        carries: Carry,
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, "members"], Carry]:
        """The losses of a population.

        Args:
            thetas: one vector of theta per member, shape `(members, theta)`.
            learner_of: the function from such a vector to a learner.
            objective: the objective.
            carries: the lives of each member that go on, their first axis the member.
            key: a PRNG key; all members share their worlds and births.

        Returns:
            The losses, shape `(members,)`, and the lives after.

        Raises:
            Refusal: as `settled`.
        """
        native = self.settled(learner_of(thetas[0]), objective) == "native"
        arrays, static = eqx.partition((objective, key), eqx.is_array)

        def share(thetas, carries, arrays):
            objective, key = eqx.combine(arrays, static)
            if native:
                return kernels.losses(thetas, learner_of, objective, key), carries

            def one(member):
                theta, carry = member
                return objective(learner_of(theta), carry, key)

            chunk = min(self.chunk or len(thetas), len(thetas))
            return _in_chunks(one, (thetas, carries), len(thetas), chunk)

        devices = len(jax.devices())
        if devices == 1:
            return share(thetas, carries, arrays)
        padded = jax.tree.map(lambda a: _pad(a, devices), (thetas, carries))
        shares = _split(share, (MEMBERS, MEMBERS, PartitionSpec()), (MEMBERS, MEMBERS))
        losses, carries = shares(*padded, arrays)
        # gathered once, not by every use of them
        everywhere = NamedSharding(_mesh(), PartitionSpec())
        losses = jax.lax.with_sharding_constraint(losses, everywhere)
        return jax.tree.map(lambda a: a[: len(thetas)], (losses, carries))


def begin(
    members: int,
    learner: AbstractLearner,
    objective: AbstractObjective,
    key: PRNGKeyArray,
) -> Carry:
    """The lives of all members before the first generation, spread over devices."""
    keys = jax.random.split(key, members)
    carries = jax.vmap(lambda own: objective.init(learner, own))(keys)
    devices = len(jax.devices())
    if devices == 1 or members % devices:
        return carries
    return jax.device_put(carries, NamedSharding(_mesh(), MEMBERS))


def noise(
    key: PRNGKeyArray,
    members: int,
    size: int,
    deviation: Callable[[Array], Array | float] = lambda member: 1.0,
) -> Float[Array, "members size"]:
    """Normal numbers; a member's own do not depend on where they are computed.

    `deviation` of a member's number is that of all or of each of its numbers.
    """

    def own(member):
        normal = jax.random.normal(jax.random.fold_in(key, member), (size,))
        return deviation(member) * normal

    def share(members):
        if jax.default_backend() == "cpu":  # a large theta is far faster so
            return jax.lax.map(own, members)
        return jax.vmap(own)(members)

    numbers, devices = jnp.arange(members), len(jax.devices())
    if devices == 1 or members % devices:
        return share(numbers)
    return _split(share, MEMBERS, MEMBERS)(numbers)


def mean_over_devices(
    objective: Lifetime, learner: AbstractLearner, key: PRNGKeyArray
) -> Float[Array, ""]:
    """The objective, its lives split over all devices: for gradients with many lives.

    On one device, or where lives do not divide by the devices, they stay together.
    """
    devices = len(jax.devices())
    if devices == 1 or objective.lives % devices:
        return objective(learner, (), key)[0]
    arrays, static = eqx.partition((objective, learner), eqx.is_array)

    def share(arrays, keys):
        objective, learner = eqx.combine(arrays, static)
        mean = objective.mean(keys, objective.living(learner))
        return jax.lax.pmean(mean, "members")

    shares = _split(share, (PartitionSpec(), MEMBERS), PartitionSpec())
    return shares(arrays, objective.keys(key))


def placed(tree):
    """A pytree with its arrays on all devices, where a generation leaves them.

    Otherwise the second generation, finding them elsewhere than the first, compiles
    anew. Arrays that are spread over devices already stay so.
    """
    if len(jax.devices()) == 1:
        return tree
    everywhere = NamedSharding(_mesh(), PartitionSpec())
    arrays, rest = eqx.partition(
        tree,
        lambda leaf: isinstance(leaf, jax.Array) and len(leaf.sharding.device_set) == 1,
    )
    return eqx.combine(jax.device_put(arrays, everywhere), rest)


def _in_chunks(one, members, many: int, chunk: int):
    """What `one` makes of every member, `chunk` at once.

    The last chunk overlaps the one before it, so that every chunk has the same shape
    and one compilation serves all.
    """
    starts = jnp.minimum(jnp.arange(0, many, chunk), many - chunk)

    def chunk_of(start):
        here = partial(
            jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=chunk
        )
        return jax.vmap(one)(jax.tree.map(here, members))

    def joined(each):
        whole, rest = many // chunk, many % chunk
        first = each[:whole].reshape(whole * chunk, *each.shape[2:])
        return jnp.concatenate([first, each[-1, chunk - rest :]]) if rest else first

    return jax.tree.map(joined, jax.lax.map(chunk_of, starts))


def _mesh():
    devices = (len(jax.devices()),)
    return jax.make_mesh(devices, ("members",), axis_types=(AxisType.Auto,))


def _split(share: Callable, of, to) -> Callable:
    """`share` on every device's part of its arguments, all devices at once."""
    return jax.shard_map(
        share, mesh=_mesh(), in_specs=of, out_specs=to, check_vma=False
    )


def _pad(array, devices):
    """Copies of the first member until all devices have as many."""
    missing = -len(array) % devices
    return jnp.concatenate([array, jnp.repeat(array[:1], missing, axis=0)])
