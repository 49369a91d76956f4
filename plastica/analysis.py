"""Probes of what a learner does and holds.

Whether its update is a gradient; what its state tells of a world; where states go.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from plastica.learner import AbstractLearner, Feedback, State
from plastica.rules.plastic_rnn import PlasticState

NOTHING = 1e-8  # a singular value below this, as the largest is 1
STEPS = 500


def jacobian(
    learner: AbstractLearner,
    state: State,
    x: Float[Array, "*batch in"],
    feedback: Feedback,
) -> Float[np.ndarray, "weights weights"]:
    """Derivatives `[k, m]` of the change of weight k by weight m (004, Eq. 10).

    Weights are those of `state.w`, as one vector; the change is that of one tick.
    """
    return np.asarray(_derivatives(learner, state, x, feedback))


@eqx.filter_jit
def _derivatives(learner, state, x, feedback):
    w, weights_of = ravel_pytree(state.w)

    def change(vector):
        predicted, _ = learner.predict(state._replace(w=weights_of(vector)), x)
        return ravel_pytree(learner.learn(predicted, feedback).w)[0] - vector

    return jax.jacfwd(change)(w)


def asymmetry(Q: Float[np.ndarray, "weights weights"]) -> float:
    """How far a Jacobian is from symmetric, 0 for any gradient: |Q - Q'| / |Q|."""
    return float(np.linalg.norm(Q - Q.T) / np.linalg.norm(Q))


def metrics(
    Qs: Sequence[Float[np.ndarray, "weights weights"]],
) -> Float[np.ndarray, "metrics weights weights"]:
    """A basis of the symmetric g for which all g Q are symmetric (004, Eq. 13).

    A constant metric in which the update descends any loss is among their sums, and
    positive definite. Each Jacobian in turn restricts what those before it left.
    """
    n = len(Qs[0])
    rows, columns = np.triu_indices(n)
    basis = np.zeros((len(rows), n, n))
    basis[np.arange(len(rows)), rows, columns] = 1.0
    basis[np.arange(len(rows)), columns, rows] = 1.0
    basis /= np.linalg.norm(basis, axis=(1, 2), keepdims=True)
    upper = np.triu_indices(n, 1)
    for Q in Qs:
        if not len(basis):
            break
        Q = Q / np.linalg.norm(Q)
        Z = basis @ Q - Q.T @ basis  # Eq. (13)
        _, sizes, turned = np.linalg.svd(Z[:, *upper].T, full_matrices=True)
        kept = np.ones(len(basis), bool)
        kept[: len(sizes)] = sizes < NOTHING
        basis = np.tensordot(turned[kept], basis, 1)
    return basis


def most_definite(basis: Float[np.ndarray, "metrics weights weights"]) -> float:
    """The largest smallest eigenvalue of a sum of these, of norm 1; of none, -inf.

    The smallest eigenvalue is concave, so that climbing it from the sum nearest to the
    identity finds the best; above 0, the sum is a metric.
    """
    if not len(basis):
        return -np.inf
    start = np.trace(basis, axis1=1, axis2=2)
    c = start if np.linalg.norm(start) > NOTHING else np.eye(len(basis))[0]
    best = -np.inf
    for step in range(1, STEPS + 1):
        c = c / np.linalg.norm(c)
        values, vectors = np.linalg.eigh(np.tensordot(c, basis, 1))
        best = max(best, float(values[0]))
        c = c + (vectors[:, 0] @ basis @ vectors[:, 0]) / np.sqrt(step)
    return best


def readout(
    features: Float[np.ndarray, "lives features"],
    targets: Float[np.ndarray, "lives targets"],
) -> float:
    """R^2 of a ridge read-out, on the half of the lives that it was not fitted to.

    0 where features are all alike; the mean over several targets.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    half = len(features) // 2
    if np.ptp(features, axis=0).max() == 0:
        return 0.0
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 6, 17)))
    with threadpool_limits(1):  # a busy machine's threads wait for each other
        ridge.fit(features[:half], targets[:half])
        return float(ridge.score(features[half:], targets[half:]))


def mapped(
    points: Float[np.ndarray, "points features"],
) -> Float[np.ndarray, "points 2"]:
    """The points in a plane, neighbours kept together (t-SNE)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    most = min(30, *points.shape)
    near = min(30.0, (len(points) - 1) / 3)
    with threadpool_limits(1):
        reduced = PCA(most, random_state=0).fit_transform(points)
        return TSNE(perplexity=near, init="pca", random_state=0).fit_transform(reduced)


def remembered(state: State) -> dict[str, jax.Array]:
    """Plastic weights "W" and activations "h" of a core's state; no W where none is."""
    if isinstance(state, PlasticState):
        return {"W": state.W.ravel(), "h": state.h}
    return {"h": jax.tree.leaves(state)[0]}
