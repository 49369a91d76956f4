"""Rules looked at where they meet a weight, not in lives.

Whether what a genome does to synapses descends any loss (004, 3.5, appendix A); and how
well a sub-LSTM is a weight: tanh(x) w on squares of x and w (003, figure 4).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from plastica.analysis import asymmetry, jacobian, metrics, most_definite
from plastica.learner import AbstractLearner, AbstractRule
from plastica.rules.vsml import OUTPUT, VSML
from plastica.rules.vsml_cloning import Cloning
from plastica.shown.extras import Antisymmetric, Curves, Extras, SquareImage
from plastica.shown.shown import AbstractExhibit, Outcome, Score, plain
from plastica.tasks import Toy

WIDE, NARROW = 20, 5  # hidden neurons of figure 2 and of appendix A
SIDES = (1.0, 2.0)  # of the squares, from -side to side
POINTS = 41
LIVED = 100  # samples of a life, over which the errors are shown


class Update(AbstractExhibit):
    """Jacobians of an update on one batch of a toy, at random synapses.

    Symmetric, the update may be a gradient, Eq. (10); `metrics` are the constant ones
    in which it may be, Eq. (13), at one state and at `states` others as well; one of
    them is a metric only if it is positive definite, its least eigenvalue above 0.
    """

    toy: Toy
    descent: AbstractRule  # a genome that descends a loss
    states: int = eqx.field(static=True, default=100)
    unit: ClassVar[str] = "asymmetry"

    def heading(self) -> tuple[str, str]:
        """Which updates, and what the eigenvalue is."""
        title = f"updates of 2-{NARROW}-2 on {self.toy.name}"
        note = "The least eigenvalue: the largest of a sum of norm 1; -inf: of none."
        return title, note

    def beside(self) -> dict[str, AbstractLearner]:
        """The genome that descends a loss."""
        return {"gradient descent": self.descent}

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """How far from symmetric Jacobians are, and which metrics they leave.

        In place of a life stands asymmetry at a few states of the wider network.
        """
        there = self._jacobians(learner, NARROW, key, 1 + self.states)
        alone, left = metrics(there[:1]), metrics(there)
        rules = {"this rule": learner, "gradient": self.descent}
        wide = {n: self._jacobians(who, WIDE, key, 3) for n, who in rules.items()}
        row = {
            "metrics at one state": Score(len(alone)),
            f"at {self.states} others too": Score(len(left)),
            "their least eigenvalue": Score(most_definite(left)),
            "asymmetry": np.array([asymmetry(Q) for Q in there]),
        }
        life = {n: np.array([asymmetry(Q) for Q in Qs]) for n, Qs in wide.items()}
        return Outcome(learner, row, life, wide)

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """The first Jacobian of the wider network, and gradient descent's."""
        firsts = {name: Qs[0] for name, Qs in outcomes[0].seen.items()}
        return {"antisymmetric": Antisymmetric.of(firsts)}

    def _jacobians(self, rule, hidden, key, count):
        """At newborns' synapses, in float64."""
        with jax.enable_x64(True):
            exact = jax.tree.map(
                lambda a: a.astype(float) if eqx.is_inexact_array(a) else a, rule
            ).on(self.toy.network(hidden))
            world = self.toy.init(jax.random.key(0))
            x = self.toy.observe(world).astype(float)
            feedback = self.toy.respond(world, jnp.zeros((len(x), 2)))[1]
            keys = jax.random.split(key, count)
            return [jacobian(exact, exact.init(own, x), x, feedback) for own in keys]


class Square(AbstractExhibit):
    """A cloned rule on squares of x and w, and as its life goes on."""

    cloning: Cloning
    unit: ClassVar[str] = "squared error"

    def heading(self) -> tuple[str, str]:
        """The paper names no square."""
        return "mean square error of tanh(x) w", ""

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Square errors of tanh(x) w, and sample after sample of all that is cloned.

        Such a life is far longer than those in which it was trained.
        """
        squares = {s: _on_square(self.cloning, learner, s) for s in SIDES}
        row = {
            f"|x|, |w| up to {side:g}": np.ravel(error) ** 2
            for side, (_, error) in squares.items()
        }
        errors = _errors(replace(self.cloning, samples=LIVED), learner, key)
        return Outcome(learner, row, errors._asdict(), squares[SIDES[-1]])

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """Figure 4, on the larger square: y over x for some w, and squared errors."""
        side, (sent, error) = SIDES[-1], map(np.asarray, outcomes[0].seen)
        x = np.linspace(-side, side, POINTS)
        some = plain({f"w = {x[i]:g}": sent[i] for i in range(0, POINTS, POINTS // 4)})
        said, places = "What is sent, by w.", x.tolist()
        return {
            "tanh(x) w": Curves(some, "x", "y", said, at=places, recorded=False),
            "Where it errs": SquareImage((error**2).tolist(), side),
        }


_errors = eqx.filter_jit(Cloning.errors)


@eqx.filter_jit
def _on_square(cloning, rule: AbstractLearner, side) -> tuple[Array, Array]:
    """What newborn sub-LSTMs send for every w and x, and how far off that is."""
    assert isinstance(rule, VSML)  # as the objective has seen

    def one(w, x):
        c = cloning.written(jnp.zeros((rule.C.shape[1], 1, 1)), w, 0.0)
        silence = rule.message(jnp.zeros(1))
        h, _ = rule.layer(jnp.zeros_like(c), c, rule.message(x[None]), silence)
        return rule.sent_forward(h)[OUTPUT, 0]

    line = jnp.linspace(-side, side, POINTS)
    sent = jax.vmap(lambda w: jax.vmap(lambda x: one(w, x))(line))(line)  # w x
    return sent, sent - jnp.tanh(line)[None] * line[:, None]
