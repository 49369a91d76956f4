"""Whether what a genome does to synapses descends any loss (004, 3.5, appendix A)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.analysis import asymmetry, jacobian, metrics, most_definite
from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractRule
from plastica.plots import new_figure, svg
from plastica.tasks import Toy

WIDE, NARROW = 20, 5  # hidden neurons of figure 2 and of appendix A
LEAST, LEVELS = -30, "0123456789abcdefghijklmnopqrstuvwxyz"  # nats, one a letter


class Update(AbstractExhibit):
    """Jacobians of an update on one batch of a toy, at synapses drawn at random.

    Symmetric, the update may be a gradient, Eq. (10); `metrics` are the constant ones
    in which it may be, Eq. (13), at one state and at `states` others as well; one of
    them is a metric only if it is positive definite, its least eigenvalue above 0.
    """

    toy: Toy
    descent: AbstractRule  # a genome that descends a loss
    states: int = eqx.field(static=True, default=100)
    unit: ClassVar[str] = "asymmetry"

    def table(
        self, learners: Sequence[tuple[str, AbstractRule]], key: PRNGKeyArray
    ) -> Table:
        """How far from symmetric Jacobians are, and which metrics they leave."""
        rows = []
        for name, rule in (*learners, ("gradient descent", self.descent)):
            there = self._jacobians(rule, NARROW, key, 1 + self.states)
            left = metrics(there[:1]), metrics(there)
            apart = np.array([asymmetry(Q) for Q in there])
            told = (len(left[0]), len(left[1]), most_definite(left[1]))
            rows.append((name, (*(Score(x, np.nan) for x in told), Score.of(apart))))
        return Table(
            f"updates of 2-{NARROW}-2 on {self.toy.name}",
            (
                "metrics at one state",
                f"at {self.states} others too",
                "their least eigenvalue",
                "asymmetry",
            ),
            tuple(rows),
            "The least eigenvalue: the largest of a sum of norm 1; -inf: of none.",
        )

    def over_a_life(
        self, learner: AbstractRule, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "states"]]:
        """Asymmetry at a few states of the wider network, not one life's."""
        return {
            name: np.array([asymmetry(Q) for Q in self._jacobians(rule, WIDE, key, 3)])
            for name, rule in (("this rule", learner), ("gradient", self.descent))
        }

    def details(self, learner: AbstractRule, key: PRNGKeyArray) -> dict[str, Any]:
        """Natural logarithms of |Q - Q'| on the wider network, a letter for each."""
        told = {}
        for name, rule in (("this rule", learner), ("gradient", self.descent)):
            Q = self._jacobians(rule, WIDE, key, 1)[0]
            logs = np.log(np.maximum(np.abs(Q - Q.T), np.exp(LEAST)))
            levels = np.rint(logs - LEAST).clip(0, len(LEVELS) - 1).astype(int)
            told[name] = ["".join(LEVELS[level] for level in row) for row in levels]
        return told

    def panels(self, learner: AbstractRule, key: PRNGKeyArray) -> list[Panel]:
        """The antisymmetric parts."""
        return [antisymmetric(self.details(learner, key))]

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


def antisymmetric(details: dict[str, Any]) -> Panel:
    """Pictures of |Q - Q'|, the weights in order of layers (figure 2)."""
    figure, axes = new_figure(9.0, 4.0, columns=len(details))
    for (name, rows), own in zip(details.items(), np.atleast_1d(axes), strict=True):
        logs = np.array([[LEVELS.index(letter) for letter in row] for row in rows])
        image = own.imshow(
            logs + LEAST, vmin=LEAST, vmax=5, cmap="magma", interpolation="none"
        )
        own.set(title=name, xlabel="m", ylabel="k")
        figure.colorbar(image, ax=own, label="log |Q - Q'|")
    caption = "Q: the derivatives of every weight's change by every weight."
    return Panel("Is the update a gradient?", caption, svg(figure))
