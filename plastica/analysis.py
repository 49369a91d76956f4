"""What a state tells of a world: read-outs, and maps of where states go."""

import jax
import numpy as np
from jaxtyping import Float

from plastica.learner import State
from plastica.rules.plastic_rnn import PlasticState


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
