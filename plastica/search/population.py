"""Living a population: in chunks that fit a cache, over all devices of the machine."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, PRNGKeyArray

from plastica import cluster, kernels, machine
from plastica.errors import Refusal
from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective, Carry, Lifetime

Engine = Literal["auto", "xla", "native"]

MEMBERS = PartitionSpec("members")


class Population(eqx.Module):
    """How many members a generation has, and how they are lived.

    `chunk` members are lived at once on each device (None: all of its share). The
    `engine` is "xla", "native" (refused where the kernel does not fit), or "auto": the
    kernel where it fits.
    """

    members: int = eqx.field(static=True)
    chunk: int | None = eqx.field(static=True, default=None)
    engine: Engine = eqx.field(static=True, default="auto")

    def __check_init__(self) -> None:
        """Refuse what is no population."""
        if self.members < 1:
            raise Refusal(f"a population has at least one member, got {self.members}")
        if self.engine not in ("auto", "xla", "native"):
            raise Refusal(
                f'the engine is "auto", "xla" or "native", got {self.engine!r}'
            )

    def begin(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> Carry:
        """The lives of all members before the first generation."""
        keys = jax.random.split(key, self.members)
        carries = jax.vmap(lambda own: objective.init(learner, own))(keys)
        devices = len(jax.devices())
        if devices == 1 or self.members % devices:
            return carries
        return jax.device_put(carries, NamedSharding(_mesh(), MEMBERS))

    def noise(
        self,
        key: PRNGKeyArray,
        size: int,
        deviation: Callable[[Array], Array | float] = lambda member: 1.0,
    ) -> Float[Array, "members theta"]:
        """Normal; a member's own does not depend on where it is computed.

        `deviation` of a member's number is that of all or of each of its numbers.
        """

        def own(member):
            drawn = jax.random.normal(jax.random.fold_in(key, member), (size,))
            return deviation(member) * drawn

        def share(members):
            if jax.default_backend() == "cpu":  # a large theta is far faster so
                return jax.lax.map(own, members)
            return jax.vmap(own)(members)

        members, devices = jnp.arange(self.members), len(jax.devices())
        if devices == 1 or self.members % devices:
            return share(members)
        split = jax.shard_map(
            share,
            mesh=_mesh(),
            in_specs=MEMBERS,
            out_specs=MEMBERS,
            check_vma=False,
        )
        return split(members)  # type: ignore[call-issue]

    def lived_by(
        self, learner: AbstractLearner, objective: AbstractObjective
    ) -> Engine:
        """Which engine lives these lives, "xla" or "native"."""
        if self.engine == "xla":
            return "xla"
        why_not = kernels.reason(learner, objective)
        if why_not and self.engine == "native":
            raise Refusal(f'{why_not}; or ask for engine "auto"')
        return "xla" if why_not else "native"

    def live(
        self,
        thetas: Float[Array, "members theta"],
        learner_of: Callable[[Float[Array, "theta"]], AbstractLearner],
        objective: AbstractObjective,
        carries: Carry,
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, "members"], Carry]:
        """Every member's loss and carry; all share `key`, their episode and birth."""
        native = self.lived_by(learner_of(thetas[0]), objective) == "native"
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
        split = jax.shard_map(
            share,
            mesh=_mesh(),
            in_specs=(MEMBERS, MEMBERS, PartitionSpec()),
            out_specs=(MEMBERS, MEMBERS),
            check_vma=False,
        )
        padded = jax.tree.map(lambda a: _pad(a, devices), (thetas, carries))
        losses, carries = split(*padded, arrays)  # type: ignore[call-issue]
        # gathered once, not by every use of them
        everywhere = NamedSharding(_mesh(), PartitionSpec())
        losses = jax.lax.with_sharding_constraint(losses, everywhere)
        return jax.tree.map(lambda a: a[: self.members], (losses, carries))


def mean_over_devices(
    objective: Lifetime, learner: AbstractLearner, key: PRNGKeyArray
) -> Float[Array, ""]:
    """The objective, its lives split over all devices: for gradients with many lives.

    On one device, or where lives do not divide by the devices, they stay together.
    """
    devices = len(jax.devices())
    if devices == 1 or objective.lives % devices:
        return objective.mean(learner, objective.keys(key))
    arrays, static = eqx.partition((objective, learner), eqx.is_array)

    def share(arrays, keys):
        objective, learner = eqx.combine(arrays, static)
        return jax.lax.pmean(objective.mean(learner, keys), "members")

    split = jax.shard_map(
        share,
        mesh=_mesh(),
        in_specs=(PartitionSpec(), MEMBERS),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    return split(arrays, objective.keys(key))  # type: ignore[call-issue]


def measured(
    population: Population,
    learner_of: Callable,
    theta: Float[Array, "theta"],
    objective: AbstractObjective,
    key: PRNGKeyArray,
) -> tuple[Population, dict[int, float]]:
    """The population with the fastest chunk, and the seconds that each one tried took.

    A chunk of members must fit a cache with all that lives; how many do is measured,
    from the smallest up to what fits the memory, unless a chunk was asked for.
    """
    whole = -(-population.members // len(jax.devices()))
    native = population.lived_by(learner_of(theta), objective) == "native"
    if whole == 1 or native or population.chunk:
        return population, {}
    seconds = {}
    for chunk in sorted({min(chunk, whole) for chunk in (whole, 16, 4)}):
        tried = replace(population, chunk=chunk)

        @eqx.filter_jit
        def lived(theta, objective, key, tried=tried):
            thetas = theta[None] + 0.01 * tried.noise(key, theta.size)
            carries = jax.vmap(lambda t: objective.init(learner_of(t), key))(thetas)
            return tried.live(thetas, learner_of, objective, carries, key)[0]

        lived = lived.lower(theta, objective, key).compile()
        needs = lived.compiled.memory_analysis().temp_size_in_bytes
        if seconds and not cluster.unanimous(needs < machine.room()):
            break
        jax.block_until_ready(lived(theta, objective, key))
        seconds[chunk] = min(
            _seconds(lambda lived=lived: lived(theta, objective, key)) for _ in range(3)
        )
    fastest = min(seconds, key=lambda chunk: seconds[chunk])
    return replace(population, chunk=fastest), seconds


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

    The last ones begin early enough to be as many: a rest would have to be compiled by
    itself, and all members be copied to part it off.
    """
    starts = jnp.minimum(jnp.arange(0, many, chunk), many - chunk)

    def lived(start):
        here = partial(
            jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=chunk
        )
        return jax.vmap(one)(jax.tree.map(here, members))

    def joined(each):
        whole, rest = many // chunk, many % chunk
        first = each[:whole].reshape(whole * chunk, *each.shape[2:])
        return jnp.concatenate([first, each[-1, chunk - rest :]]) if rest else first

    return jax.tree.map(joined, jax.lax.map(lived, starts))


def _seconds(work):
    start = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - start


def _mesh():
    devices = (len(jax.devices()),)
    return jax.make_mesh(devices, ("members",), axis_types=(AxisType.Auto,))


def _pad(array, devices):
    """Copies of the first member until all devices have as many."""
    missing = -len(array) % devices
    return jnp.concatenate([array, jnp.repeat(array[:1], missing, axis=0)])
