"""Learning to remember: lives that go on while snippets of their past are asked back.

Paper 001, section 5. Every T ticks a life is asked for T symbols of its past, by its
synapses alone; that loss is what is judged, and no life starts again.
"""

from functools import partial
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, State
from plastica.lifetime import check, live
from plastica.objective import AbstractObjective
from plastica.ranges import Several
from plastica.tasks.text import Place, Text

Counted = Literal["beyond the window", "from now"]
Memory = Literal["reset", "kept"]


class Life(NamedTuple):
    """A life that goes on, where it is in its text, and how often it was born again."""

    state: State
    place: Place
    deaths: Integer[Array, ""]


class Nats(NamedTuple):
    """Surprisals of the snippet asked back, and of the text as it comes."""

    past: Float[Array, "*lives T"]
    present: Float[Array, "*lives T"]


class RememberPast(AbstractObjective):
    """An objective: the loss of replaying a snippet of the past.

    Lives go on through the text from one update to the next, wrapping around. A call
    runs each life for another T ticks, then asks for the T symbols from a place t_p:
    activations are at rest, synapses as they are. The loss is the mean surprisal of
    that replay, in nats, plus `present` times that of the T ticks before it. The first
    symbol of the snippet is asked for blindly. The replay leaves no trace in the life,
    and no gradient comes from before these 2T ticks.

    t_p is uniform over t - T - P to t - T, t being the newest symbol's place: section
    7, "up to T + P steps" back. Section 5 prints the interval (t - P, t - T), which is
    empty for its P = T = 10; that is `counted` "from now". Nothing from before a birth
    is asked: such a t_p becomes the place of the birth. A life that diverges makes the
    loss NaN, is born again elsewhere, and is counted.

    Args:
        task: the text; its `readings` do not matter.
        delay: how much past is to be remembered, P symbols.
        window: symbols of a snippet, T, and ticks between two replays.
        lives: number of lives.
        present: weight of the loss on the text as it comes.
        counted: where P begins: "beyond the window" or "from now".
        memory: "reset" puts activations to rest before a replay; "kept" does not, for
            learners with nothing else.

    Raises:
        Refusal: if the delay is too short for `counted`, or the text for T + P.

    Source: paper 001, sections 5 and 7.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> task = pl.Text.whole(pl.load_text("python-docs"), "training")
        >>> objective = pl.RememberPast(task, delay=10, window=5, lives=2)
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=27, units=4, outputs=27)
        >>> lives = objective.init(rnn, jax.random.key(1))
        >>> lives.place.tick.tolist(), objective.ticks
        ([0, 0], 20)
    """

    task: Text
    delay: int = eqx.field(static=True)  # P
    window: int = eqx.field(static=True, default=10)  # T
    lives: int = eqx.field(static=True, default=1)
    present: float = eqx.field(static=True, default=0.0)
    counted: Counted = eqx.field(static=True, default="beyond the window")
    memory: Memory = eqx.field(static=True, default="reset")

    def __check_init__(self) -> None:
        """Refuse a past that is not there."""
        T, P = self.window, self.delay
        least = 1 if self.counted == "beyond the window" else T + 2
        if T < 1 or least > P or self.lives < 1:
            raise Refusal(
                f"counted {self.counted}, a window of {T} wants a delay of at least "
                f"{least} (and at least one symbol and life); got a delay of {P} and "
                f"{self.lives} lives"
            )
        if self.task.length < T + P:
            raise Refusal(
                f"a part of the text has {self.task.length:,} symbols, fewer than the "
                f"{T + P:,} of a window of {T} and a delay of {P}; shorten the delay "
                "or take a longer text"
            )

    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> Life:
        """Newborns at places of their own."""
        keys = jax.random.split(key, self.lives)
        return jax.vmap(lambda own: self._newborn(learner, own))(keys)

    def __call__(
        self, learner: AbstractLearner, carry: Life, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Life]:
        """The mean loss over lives of a window and its replay, and the lives after."""
        nats, carry = self.step(learner, carry, key)
        return jnp.mean(nats.past) + self.present * jnp.mean(nats.present), carry

    def step(
        self, learner: AbstractLearner, lives: Life, key: PRNGKeyArray
    ) -> tuple[Nats, Life]:
        """Surprisals of each life's next window and replay.

        Args:
            learner: the learner.
            lives: lives from `init` or from the step before.
            key: a PRNG key, for the places of snippets and for births.

        Returns:
            The surprisals in nats, each of shape `(lives, T)`, and the lives after.
        """
        keys = jax.random.split(key, self.lives)
        return jax.vmap(lambda life, own: self._step(learner, life, own))(lives, keys)

    def check(self, learner: AbstractLearner) -> None:
        """Refuse a learner that the text cannot teach."""
        check(learner, self.task)

    @property
    def ticks(self) -> int:
        """Windows and replays of all lives."""
        return self.lives * 2 * self.window

    def _step(self, learner, life, key):
        key_past, key_birth = jax.random.split(key)
        state, place, deaths = lax.stop_gradient(life)
        T, task = self.window, self.task
        state, place, present, _ = live(learner, task, state, place, T)
        held = learner.rest(state) if self.memory == "reset" else state
        past = live(learner, task, held, self.past(place, key_past), T)[2]

        numbers = ravel_pytree((state, past.value, present.value))[0]
        alive = jnp.all(jnp.isfinite(numbers))
        nats = Nats(*(jnp.where(alive, m.value, jnp.nan) for m in (past, present)))
        newborn = self._newborn(learner, key_birth)
        newborn = newborn._replace(deaths=deaths + 1)
        after = Life(state, place, deaths)
        return nats, jax.tree.map(partial(jnp.where, alive), after, newborn)

    def past(self, place: Place, key: PRNGKeyArray) -> Place:
        """A random place at which a snippet of the past begins.

        Args:
            place: where the life is.
            key: a PRNG key.

        Returns:
            The place of the snippet, its tick 0.
        """
        t, T, P = place.tick - 1, self.window, self.delay  # the newest symbol's place
        first, last = t - T - P, t - T
        if self.counted == "from now":
            first, last = t - P + 1, last - 1
        t_p = jnp.maximum(jax.random.randint(key, (), first, last + 1), 0)
        start = (place.start + t_p) % self.task.length
        return Place(start, jnp.zeros_like(place.tick))

    def _newborn(self, learner, key):
        key_place, key_birth = jax.random.split(key)
        start = jax.random.randint(key_place, (), 0, self.task.length)
        place = Place(start, jnp.zeros((), int))
        newborn = learner.init(key_birth, self.task.observe(place))
        state = jax.tree.map(jnp.asarray, newborn)
        return Life(state, place, jnp.zeros((), int))


class FreshLives(AbstractObjective):
    """An objective for evaluation: `RememberPast` of newborns, theta fixed.

    Newborns in a text run for `windows` windows. The loss is the mean over replays in
    the second half of them, when there is a past to remember.

    Args:
        remember: the objective; its `present` does not count.
        windows: number of windows, at least 2.

    Raises:
        Refusal: if `windows` is out of range.

    Source: paper 001, section 5; the evaluation on newborns is ours.

    Example:
        >>> import plastica as pl
        >>> task = pl.Text.whole(pl.load_text("python-docs"), "validation")
        >>> remember = pl.RememberPast(task, delay=10, window=5, lives=2)
        >>> pl.FreshLives(remember, windows=4).ticks
        80
    """

    remember: RememberPast
    windows: Several = eqx.field(static=True, default=40)

    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> tuple[()]:
        """No life goes on."""
        return ()

    def __call__(
        self, learner: AbstractLearner, carry: tuple[()], key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], tuple[()]]:
        """The mean loss of replays in the second half of the lives."""
        nats = self.outcome(learner, key)
        return jnp.mean(nats.past[self.windows // 2 :]), carry

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Nats:
        """The surprisals of all windows and replays of newborns.

        Args:
            learner: the learner.
            key: a PRNG key.

        Returns:
            The surprisals in nats, each of shape `(windows, lives, T)`.
        """
        key_birth, key_lives = jax.random.split(key)

        def window(lives, key):
            nats, lives = self.remember.step(learner, lives, key)
            return lives, nats

        newborns = self.remember.init(learner, key_birth)
        return lax.scan(window, newborns, jax.random.split(key_lives, self.windows))[1]

    def check(self, learner: AbstractLearner) -> None:
        """Refuse a learner that the text cannot teach."""
        self.remember.check(learner)

    @property
    def ticks(self) -> int:
        """All windows and replays."""
        return self.windows * self.remember.ticks
