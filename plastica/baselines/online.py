"""An LSTM trained by back-propagation while it reads: the usual way to learn online."""

from typing import Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.baselines.gradient import STEPS, descended
from plastica.baselines.recurrent import Recurrent
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, Feedback


class OnlineState(NamedTuple):
    """Weights and their moments; the memory now, and a window of the ticks before."""

    net: Recurrent
    moments: optax.OptState
    now: Any  # the cell's own arrays; its hidden state comes first
    before: tuple[Float[Array, "window units"], ...]  # the window's first comes first
    xs: Float[Array, "window in"]


class OnlineLSTM(AbstractLearner):
    """At every tick a step of Adam on the surprisal of the last target.

    The gradient goes back through `window` ticks, from the memory that the network had
    then. Theta is the log of the step size alone: weights are sampled at birth.
    """

    log_rate: Float[Array, ""]
    units: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)
    window: int = eqx.field(static=True, default=10)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    answers: ClassVar[frozenset[str]] = frozenset({"logits"})

    def __check_init__(self) -> None:
        """Refuse sizes that are none."""
        if min(self.units, self.outputs, self.window) < 1:
            raise Refusal(
                "an LSTM trained online has at least one unit, output and tick of "
                f"window, got {self.units}, {self.outputs} and {self.window}"
            )

    @classmethod
    def of(cls, units: int, outputs: int, rate: float = 0.01, window: int = 10) -> Self:
        """An LSTM of `units` with the step size `rate`."""
        return cls(jnp.log(jnp.asarray(rate)), units, outputs, window)

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> OnlineState:
        """New weights N(0, 1 / fan in), an empty window."""
        net = Recurrent.lstm(key, x.shape[-1], self.units, self.outputs)
        memory = net.cell.newborn()
        return OnlineState(
            net=net,
            moments=STEPS["adam"].init(net),  # type: ignore[arg-type]
            now=memory,
            before=tuple(jnp.zeros((self.window, *part.shape)) for part in memory),
            xs=jnp.zeros((self.window, x.shape[-1])),
        )

    def predict(
        self, state: OnlineState, x: Float[Array, "in"]
    ) -> tuple[OnlineState, Float[Array, "out"]]:
        """One step of the cell; what was seen joins the window."""
        now = state.net.cell(state.now, x)
        pairs = zip(state.before, state.now, strict=True)
        state = state._replace(
            now=now,
            before=tuple(_joined(window, part) for window, part in pairs),
            xs=_joined(state.xs, x),
        )
        return state, state.net.read(now)

    def learn(self, state: OnlineState, feedback: Feedback) -> OnlineState:
        """One step of Adam through the window."""
        start = tuple(window[0] for window in state.before)

        def surprisal(net):
            def seen(memory, x):
                return net.cell(memory, x), None

            memory = jax.lax.scan(seen, start, state.xs)[0]
            return -feedback.target @ jax.nn.log_softmax(net.read(memory))

        slopes = jax.grad(surprisal)(state.net)
        net, moments = descended(
            self.log_rate, "adam", state.net, state.moments, slopes
        )
        return state._replace(net=net, moments=moments)

    def rest(self, state: OnlineState) -> OnlineState:
        """Memory and window emptied, weights kept."""
        empty = jax.tree.map(jnp.zeros_like, state)
        return empty._replace(net=state.net, moments=state.moments)


def _joined(window, newest):
    return jnp.concatenate([window[1:], newest[None]])
