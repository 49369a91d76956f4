"""From losses to utilities: ranks, ties, and the diverged."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plastica.search.shaping import (
    by_rank,
    centred_ranks,
    diverged,
    natural_utilities,
)

SIZE = 8
values = st.sampled_from([-2.0, 0.0, 0.5, 0.5 + 1e-6, 3.0, 1e30]) | st.floats(
    -10,
    10,
    width=32,
    allow_subnormal=False,  # JAX takes them for zero
)
strange = st.sampled_from([np.nan, np.inf, -np.inf])
some_losses = st.lists(values, min_size=SIZE, max_size=SIZE)
any_losses = st.lists(values | strange, min_size=SIZE, max_size=SIZE)
kinds = st.sampled_from([natural_utilities, centred_ranks])
shared_out = jax.jit(by_rank)


def shaped(losses, kind):
    return np.asarray(shared_out(jnp.array(losses, jnp.float32), kind(SIZE)))


@given(any_losses, kinds)
def test_what_is_shared_out_sums_to_zero(losses, kind):
    assert shaped(losses, kind).sum() == pytest.approx(0, abs=1e-6)


@given(any_losses, kinds)
def test_ties_share_and_lower_losses_never_have_less(losses, kind):
    utilities, losses = shaped(losses, kind), np.float32(losses)
    losses = np.where(np.isfinite(losses), losses, np.inf)
    order = np.argsort(losses, kind="stable")
    for a, b in pairwise(order):
        if losses[a] == losses[b]:
            assert utilities[a] == utilities[b]
        else:
            assert utilities[a] >= utilities[b] - 1e-7


@given(any_losses, kinds, st.permutations(range(SIZE)))
def test_the_order_of_members_does_not_matter(losses, kind, order):
    reordered = shaped(np.array(losses)[order], kind)
    np.testing.assert_array_equal(reordered, shaped(losses, kind)[order])


@given(st.lists(values, min_size=SIZE, max_size=SIZE, unique_by=np.float32), kinds)
def test_without_ties_each_rank_has_its_own_utility(losses, kind):
    ranks = np.argsort(np.argsort(np.float32(losses)))
    np.testing.assert_array_equal(shaped(losses, kind), np.asarray(kind(SIZE))[ranks])


@given(some_losses, kinds, st.data())
def test_the_diverged_come_last_and_share_alike(losses, kind, data):
    count = data.draw(st.integers(1, SIZE - 1))
    losses[:count] = data.draw(st.lists(strange, min_size=count, max_size=count))
    utilities, own = shaped(losses, kind), np.asarray(kind(SIZE))
    np.testing.assert_allclose(utilities[:count], own[-count:].mean(), atol=1e-6)
    assert len(set(utilities[:count])) == 1
    assert utilities[:count].max() <= utilities[count:].min() + 1e-7


def test_a_plateau_gives_nothing_to_anybody():
    for losses in ([2.0] * SIZE, [np.nan] * SIZE):
        np.testing.assert_allclose(shaped(losses, natural_utilities), 0, atol=1e-7)


def test_diverged_is_what_is_not_finite():
    losses = jnp.array([1.0, np.nan, np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(diverged(losses), [0, 1, 1, 1, 0])


@pytest.mark.parametrize("members", [1, 2, 5, 128])
def test_natural_utilities_are_those_of_the_paper(members):
    """Wierstra et al. (2014), 3.1."""
    k = np.arange(1, members + 1)
    raw = np.maximum(0, np.log(members / 2 + 1) - np.log(k))
    expected = raw / raw.sum() - 1 / members
    np.testing.assert_allclose(natural_utilities(members), expected, atol=1e-6)


def test_centred_ranks_are_even_from_one_half_to_minus_one_half():
    np.testing.assert_allclose(centred_ranks(5), [0.5, 0.25, 0, -0.25, -0.5])
    np.testing.assert_allclose(centred_ranks(1), [0.5])
