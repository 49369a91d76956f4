"""A population of `PMLPHebb` in texts, lived by the compiled kernel.

Births and worlds are sampled by `lifetime.birth`; the kernel takes the weights and the
passage, lives every member, and gives back the surprisal of every tick.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from plastica.cells import LSTM, MLP, PMLP, SplitLSTM, Synapse
from plastica.kernels.library import TARGET, library, require_library
from plastica.learner import AbstractLearner, names
from plastica.lifetime import birth
from plastica.machine import cores
from plastica.objective import AbstractObjective, Entry, Lifetime
from plastica.rules.pmlp_hebb import PMLPHebb
from plastica.tasks.text import Text

OF_MLP = ("W1", "b1", "W2", "b2")
PARAMETERS = {  # of an update, in the order of theta
    "pmlp": ("M1", "M2", "b1", "M3", "b3"),
    "tanh": OF_MLP,
    "relu": OF_MLP,
    "lstm": ("cell.W_x", "cell.W_h", "cell.b"),
}
HEBBIAN = ("hebb", "side by side", False, 1, 1)  # as `_of_weights` tells it
MOST_HIDDEN, MOST_STATE = 256, 64
ALIKE = "the native kernel knows layers, and weights, whose updates are all of one kind"


def reason(learner: AbstractLearner, objective: AbstractObjective) -> str | None:
    """Why the kernel cannot live these lives; None if it can."""
    if type(learner) is not PMLPHebb:  # a derived one may learn otherwise
        return f"the native kernel lives PMLPHebb only, not {type(learner).__name__}"
    updates = {f"layers.{i}": cell for i, cell in enumerate(learner.layers)}
    updates |= {
        f"synapses.{i}.update": s.update for i, s in enumerate(learner.synapses)
    }
    order = [
        f"{where}.{name}"
        for where, update in updates.items()
        for name in PARAMETERS.get(_kind(update), ())
    ]
    kinds = {_kind(cell) for cell in learner.layers}
    of_weights = {(type(s), *_of_weights(s)) for s in learner.synapses}
    known = {(Synapse, "pmlp"), (Synapse, "lstm")}
    fits = len(kinds) == 1 and len(of_weights) < 2 and names(learner) == order
    if not fits or not {found[:2] for found in of_weights} <= known:
        return f"{ALIKE}: PMLPs, MLPs of one f (of layers), or LSTMs"
    if max(map(_hidden, updates.values())) > MOST_HIDDEN:
        return f"the native kernel's updates have at most {MOST_HIDDEN} hidden units"
    if max(update.outputs for update in updates.values()) > MOST_STATE:
        return f"the native kernel's states have at most {MOST_STATE} numbers"
    if not isinstance(objective, Lifetime) or objective.judge != "value":
        return 'the native kernel returns `Lifetime` losses with judge="value" only'
    tasks = {type(entry.task) for entry in objective.entries}
    others = sorted(task.__name__ for task in tasks if task is not Text)
    if others:
        return f"the native kernel lives in Text only, not in {', '.join(others)}"
    floats = {str(leaf.dtype) for leaf in jax.tree.leaves(learner)}
    if floats != {"float32"} or jax.config.read("jax_enable_x64"):
        return f"the native kernel counts in float32, and this life in {floats}"
    if jax.default_backend() != "cpu":
        return f"the native kernel runs on CPUs, and this is {jax.default_backend()}"
    if library() is None:
        return "no plastica-native that fits is installed; `pip install ./native` does"
    return None


def losses(
    thetas: Float[Array, "members theta"],
    learner_of: Callable[[Float[Array, "theta"]], AbstractLearner],
    objective: Lifetime,
    key: PRNGKeyArray,
    threads: int | None = None,
) -> Float[Array, "members"]:
    """What `objective(learner_of(theta), (), key)` says of every theta.

    To be called where `reason` is None; may be jitted, and sharded over devices, each
    with `threads` of its own (default: its share of the processor).
    """
    template = learner_of(thetas[0])

    def losses_of(
        entry: Entry, keys: Key[Array, "lives"]
    ) -> Float[Array, "members lives"]:
        one = partial(_life, thetas, entry.moved(template), entry.task, threads)
        return jax.lax.map(one, keys).T

    return objective.mean(objective.keys(key), losses_of)


def surprisals(
    thetas: Float[Array, "members theta"],
    learner: PMLPHebb,
    task: Text,
    key: PRNGKeyArray,
    threads: int | None = None,
) -> Float[Array, "members ticks"]:
    """Every tick's `Loss.value` of `life(learner, task, key)`, for every theta.

    Of `learner` only sizes are used. After a life has diverged it is NaN.
    """
    require_library()
    state, world = birth(learner, task, key)
    network, cells = learner.network, learner.layers
    of_weights = [_of_weights(synapse) for synapse in learner.synapses] or [HEBBIAN]
    synapse, fed, replaces, weight_state, weight_hidden = of_weights[0]
    call = jax.ffi.ffi_call(
        TARGET, jax.ShapeDtypeStruct((len(thetas), task.ticks), jnp.float32)
    )
    return call(
        thetas,
        task.passage(world).astype(jnp.int32),
        *(w[..., 0] if learner.synapses else w for w in state.w),
        sizes=np.array(network.sizes, np.int64),
        edges=np.array(network.edges, np.int64).reshape(-1),
        hidden=np.array([_hidden(cell) for cell in cells], np.int64),
        state=np.int64(cells[0].outputs),
        cell=_kind(cells[0]),
        components=np.array(learner.components, np.int64),
        transposed=learner.transposed,
        synapse=synapse,
        pair=fed != "product",
        product=fed != "side by side",
        replaces=replaces,
        weight_state=np.int64(weight_state),
        weight_hidden=np.int64(weight_hidden),
        softmax=learner.readout == "softmax",
        readings=np.int64(task.readings),
        threads=np.int64(threads or threads_per_device()),
    )


def threads_per_device() -> int:
    """The processor's cores, shared among JAX's devices."""
    return max(cores() // jax.local_device_count(), 1)


def _of_weights(synapse: Synapse) -> tuple[str, str, bool, int, int]:
    """How weights are renewed: kind, what it is fed, replaces, state and hidden."""
    kind, hidden = _kind(synapse.update), _hidden(synapse.update)
    return kind, synapse.fed, synapse.replaces, synapse.state, hidden


def _kind(update) -> str:
    """What the kernel calls an update; nothing it knows is of a derived class."""
    if type(update) is SplitLSTM and type(update.cell) is LSTM:
        return "lstm"
    if type(update) is MLP:
        return update.f
    return "pmlp" if type(update) is PMLP else ""


def _hidden(update) -> int:
    return 1 if isinstance(update, SplitLSTM) else update.b1.shape[0]


def _life(thetas, learner, task, threads, key):
    values = surprisals(thetas, learner, task, key, threads)
    world = birth(learner, task, key)[1]
    y = jnp.zeros(task.symbols)

    def weight(tick):
        return task.respond(world._replace(tick=tick), y)[2].weight

    weights = jax.vmap(weight)(jnp.arange(task.ticks))
    return jnp.sum(weights[None] * values, axis=1)
