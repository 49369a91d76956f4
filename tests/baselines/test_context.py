"""The context models: their probabilities, hand-made values, and a real book."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from plastica.baselines.context import Counts, passage_scores, surprisals
from plastica.errors import Refusal

BOOK = Path(__file__).parents[3] / "shared/data/text/wizard_of_oz.txt"

# Mean and standard deviation over 600 random passages, nats per character, orders 0
# to 4. With n passages the standard error of a mean is the deviation / sqrt(n).
WIZARD = {
    2_000: ((2.832, 2.393, 2.225, 2.228, 2.281), (0.017, 0.037, 0.060, 0.074, 0.080)),
    10_000: ((2.811, 2.266, 1.928, 1.816, 1.854), (0.009, 0.019, 0.027, 0.033, 0.040)),
}

orders = st.integers(0, 8)
texts = st.lists(st.integers(0, 3), max_size=40)


def passage(symbols: list[int]) -> np.ndarray:
    """Symbols as the models take them; an empty list as integers too."""
    return np.array(symbols, dtype=np.int64)


def naive(past: list[int], symbol: int, alphabet: int, order: int) -> Fraction:
    """p_k(symbol | past) by the equation, counting the whole past anew each time."""
    if order < 0:
        return Fraction(1, alphabet)
    shorter = naive(past, symbol, alphabet, order - 1)
    if order > len(past):
        return shorter
    context = past[len(past) - order :]
    ends = range(order, len(past))
    came = [past[i] for i in ends if past[i - order : i] == context]
    if not came:
        return shorter
    d = len(set(came))
    return (came.count(symbol) + d * shorter) / (len(came) + d)


@given(texts, orders)
def test_the_equation(symbols, order):
    chances = [naive(symbols[:t], s, 4, order) for t, s in enumerate(symbols)]
    expected = [-np.log(float(p)) for p in chances]
    np.testing.assert_allclose(surprisals(passage(symbols), 4, order), expected)


@given(texts, orders)
def test_probabilities_sum_to_one_at_any_point(symbols, order):
    last = [surprisals(passage([*symbols, s]), 4, order)[-1] for s in range(4)]
    assert np.exp(-np.array(last)).sum() == pytest.approx(1)


def test_order_zero_by_hand():
    # 0: 1/3. 1: (0 + 1/3) / (1 + 1). 0: (1 + 2/3) / (2 + 2). 0: (2 + 2/3) / (3 + 2)
    chances = [1 / 3, 1 / 6, 5 / 12, 8 / 15]
    nats = surprisals(passage([0, 1, 0, 0]), 3, 0)
    np.testing.assert_allclose(nats, -np.log(chances))


def test_order_one_by_hand():
    # The third 0 after a 0: p_0 = (2 + 1/2) / (2 + 1) = 5/6, p_1 = (1 + 5/6) / (1 + 1)
    chances = [1 / 2, 3 / 4, 11 / 12]
    nats = surprisals(passage([0, 0, 0]), 2, 1)
    np.testing.assert_allclose(nats, -np.log(chances))


@given(texts, texts, orders)
def test_counts_continue_a_passage(first, second, order):
    counts = Counts(4, order)
    parts = [surprisals(passage(part), 4, order, counts) for part in (first, second)]
    whole = surprisals(passage(first + second), 4, order)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("order", range(1, 5))
def test_the_second_reading_costs_less(order):
    passages = np.random.default_rng(0).integers(0, 27, (20, 100))
    first, second = passage_scores(passages, 27, order, readings=2).mean((0, 2))
    # Noise has nothing to learn but itself: a single reading stays at chance or worse.
    assert first > np.log(27)
    assert second < first - 0.3


def test_passages_do_not_teach_each_other():
    passages = np.random.default_rng(1).integers(0, 5, (3, 30))
    scores = passage_scores(passages, 5, 2, readings=2)
    assert scores.shape == (3, 2, 30)
    for one, score in zip(passages, scores, strict=True):
        in_a_row = np.concatenate([one, one])
        np.testing.assert_array_equal(score.ravel(), surprisals(in_a_row, 5, 2))


def test_nothing_to_read():
    assert surprisals(passage([]), 27, 4).shape == (0,)
    assert passage_scores(np.zeros((0, 7), int), 27, 4, readings=2).shape == (0, 2, 7)


@pytest.mark.parametrize("length", WIZARD)
def test_the_wizard_of_oz(length):
    symbols, number = wizard(), 100_000 // length
    starts = np.random.default_rng(0).integers(0, len(symbols) - length + 1, number)
    passages = np.stack([symbols[i : i + length] for i in starts])
    nats = [passage_scores(passages, 27, order).mean() for order in range(5)]
    mean, deviation = map(np.array, WIZARD[length])
    three_errors = 3 * deviation / np.sqrt(number)
    assert (np.abs(nats - mean) < three_errors).all(), (nats, mean, three_errors)


def wizard() -> np.ndarray:
    """The book without its header and licence, in 27 symbols, or a skipped test."""
    if not BOOK.exists():
        pytest.skip(f"no book to read: {BOOK} is missing")
    text = BOOK.read_text(encoding="latin-1")
    body = re.split(r"\*\*\* (?:START|END) OF THIS PROJECT .*", text)[1]
    letters = re.sub("[^a-z]+", "`", body.lower())  # ` is the character before a
    return np.frombuffer(letters.encode(), np.uint8) - ord("`")


@pytest.mark.parametrize("order", [-1, 9])
def test_an_order_out_of_range_is_refused(order):
    with pytest.raises(Refusal, match=rf"^[^\n]*order {order}: [^\n]*0 to 8[^\n]*$"):
        surprisals(passage([0, 1]), 2, order)
    with pytest.raises(Refusal, match=f"order {order}"):
        passage_scores(np.zeros((0, 3), int), 2, order)


@pytest.mark.parametrize("symbol", [-1, 27])
def test_a_symbol_outside_the_alphabet_is_refused(symbol):
    counts = Counts(27, 2)
    wrong = rf"^symbol {symbol} at \(1,\) [^\n]*alphabet of 27: [^\n]*0 to 26[^\n]*$"
    with pytest.raises(Refusal, match=wrong):
        surprisals(passage([0, symbol]), 27, 2, counts)
    assert surprisals(passage([0]), 27, 2, counts) == np.log(27)  # nothing was counted
    with pytest.raises(Refusal, match=rf"symbol {symbol} at \(1, 0\)"):
        passage_scores(np.array([[0, 1], [symbol, 1]]), 27, 2)


def test_other_bad_input_is_refused():
    with pytest.raises(Refusal, match="alphabet of 0"):
        surprisals(passage([]), 0, 2)
    with pytest.raises(Refusal, match="read 0 times"):
        passage_scores(np.zeros((1, 3), int), 2, 2, readings=0)
    with pytest.raises(Refusal, match=r"order 2: .* alphabet 4 and order 1"):
        surprisals(passage([0]), 4, 2, Counts(4, 1))


@pytest.mark.parametrize("symbols", [np.zeros((2, 3), int), np.zeros(3)])
def test_what_is_no_passage_is_refused(symbols):
    # Where beartype watches, as in the whole suite, it refuses first.
    with pytest.raises((Refusal, TypeCheckError), match=r"integers|surprisals"):
        surprisals(symbols, 4, 2)
