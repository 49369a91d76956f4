"""Text, one symbol a tick: memorise a passage, or predict it (paper 000, section 2)."""

from typing import ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from plastica.data import Corpus
from plastica.errors import Refusal
from plastica.learner import Feedback
from plastica.ranges import Count
from plastica.task import AbstractTask, Loss


class Place(NamedTuple):
    """Where in the text the passage starts, and how many ticks it has been read."""

    start: Integer[Array, ""]
    tick: Integer[Array, ""]


class Text(AbstractTask):
    """A random passage of a text, one symbol a tick, read once or more.

    At tick t the learner sees symbol t - 1 one-hot (zeros at the very first), is asked
    for the log-probabilities of symbol t, and then learns symbol t. Only the last
    reading counts: its mean surprisal, in nats per symbol, is the life's loss. Answers
    are taken as logits, so log-probabilities stand as they are.

    Args:
        text: the symbols as integers, shape `(characters,)`.
        symbols: size of the alphabet.
        length: symbols of a passage, T.
        readings: how often a passage is read.

    Raises:
        Refusal: if the text is shorter than a passage, or a count is not from 1 on.

    Source: paper 000, section 2, Eq. (2), here divided by the length.

    Example:
        >>> import plastica as pl
        >>> corpus = pl.load_text("python-docs")
        >>> task = pl.Text.memorise(corpus, "training", length=30)
        >>> task.ticks, task.outputs, sorted(task.gives)
        (60, 27, ['target'])
    """

    text: Integer[Array, "characters"]
    symbols: int = eqx.field(static=True)
    length: Count = eqx.field(static=True)
    readings: Count = eqx.field(static=True, default=1)
    gives: ClassVar[frozenset[str]] = frozenset({"target"})
    asks: ClassVar[str] = "logits"
    shows_target: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Refuse a passage that the text cannot hold."""
        if isinstance(self.text, np.ndarray | Array) and len(self.text) < self.length:
            raise Refusal(
                f"the text has {len(self.text):,} symbols, shorter than a passage of "
                f"{self.length:,}; shorten the passage or name a longer text"
            )

    @classmethod
    def memorise(cls, corpus: Corpus, part: str, length: int) -> Self:
        """Passages of a part of a corpus, read twice; the second reading counts.

        Args:
            corpus: a corpus, from `load_text`.
            part: "training", "validation" or "test".
            length: symbols of a passage.

        Returns:
            The task.

        Raises:
            Refusal: if there is no such part, or it is shorter than a passage.

        Source: paper 000, section 2.
        """
        return cls.of(corpus, part, length, readings=2)

    @classmethod
    def predict(cls, corpus: Corpus, part: str, length: int) -> Self:
        """Passages of a part of a corpus, read once; all ticks count.

        Args:
            corpus: a corpus, from `load_text`.
            part: "training", "validation" or "test".
            length: symbols of a passage.

        Returns:
            The task.

        Raises:
            Refusal: if there is no such part, or it is shorter than a passage.

        Source: paper 000, section 2.
        """
        return cls.of(corpus, part, length, readings=1)

    @classmethod
    def whole(cls, corpus: Corpus, part: str) -> Self:
        """All of a part of a corpus as one passage, read once from its beginning.

        Args:
            corpus: a corpus, from `load_text`.
            part: "training", "validation" or "test".

        Returns:
            The task.

        Raises:
            Refusal: if there is no such part, or a part is empty.
        """
        corpus.require(1)
        return cls.of(corpus, part, len(corpus.part(part)), readings=1)

    @classmethod
    def of(cls, corpus: Corpus, part: str, length: int, readings: int) -> Self:
        """Passages of a part of a corpus.

        Args:
            corpus: a corpus, from `load_text`.
            part: "training", "validation" or "test".
            length: symbols of a passage.
            readings: how often a passage is read; the last reading counts.

        Returns:
            The task.

        Raises:
            Refusal: if there is no such part, or it is shorter than a passage.
        """
        text = jnp.asarray(corpus.part(part))
        symbols = corpus.alphabet.size
        return cls(  # type: ignore[call-arg]
            text=text, symbols=symbols, length=length, readings=readings
        )

    @property
    def ticks(self) -> int:
        """All readings together."""
        return self.length * self.readings

    @property
    def outputs(self) -> int:
        """A logit for every symbol."""
        return self.symbols

    def init(self, key: PRNGKeyArray) -> Place:
        """A passage, every start equally likely."""
        starts = len(self.text) - self.length + 1
        return Place(jax.random.randint(key, (), 0, starts), jnp.zeros((), int))

    def observe(self, world: Place) -> Float[Array, "symbols"]:
        """The symbol before, one-hot; zeros where nothing has been read."""
        seen = jax.nn.one_hot(self._symbol(world, world.tick - 1), self.symbols)
        return jnp.where(world.tick > 0, seen, 0.0)

    def respond(
        self, world: Place, y: Float[Array, "symbols"]
    ) -> tuple[Place, Feedback, Loss]:
        """The next symbol, and the surprisal at it in nats."""
        symbol = self._symbol(world, world.tick)
        judged = world.tick >= self.length * (self.readings - 1)
        loss = Loss(
            value=-jax.nn.log_softmax(y)[symbol],
            weight=jnp.where(judged, 1.0 / self.length, 0.0),
            miss=jnp.where(jnp.argmax(y) == symbol, 0.0, 1.0),
        )
        feedback = Feedback(
            target=jax.nn.one_hot(symbol, self.symbols),
            reward=-loss.value,
            taught=jnp.bool_(True),
            ended=world.tick == self.ticks - 1,
        )
        return world._replace(tick=world.tick + 1), feedback, loss

    def passage(self, world: Place) -> Integer[Array, "length"]:
        """The symbols of the passage that begins in this world.

        Args:
            world: a world of this task.

        Returns:
            Integers, shape `(length,)`.
        """
        return jax.lax.dynamic_slice_in_dim(self.text, world.start, self.length)

    def _symbol(self, world: Place, tick: Integer[Array, ""]) -> Integer[Array, ""]:
        return self.text[(world.start + tick % self.length) % len(self.text)]
