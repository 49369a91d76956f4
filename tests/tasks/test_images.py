"""Courses of images: which are shown, what is told, and what counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.data import ImageSet
from plastica.errors import Refusal
from plastica.tasks import Classification


@pytest.fixture(scope="module")
def images():
    """100 images of 2 by 2 pixels, whose first is the class and whose second the image.

    There are 5 classes, unequally many of each.
    """
    labels = np.sort(np.random.default_rng(0).integers(0, 5, 100))
    labels = np.random.default_rng(1).permutation(labels)
    pixels = np.stack([labels, np.arange(100), 0 * labels, 0 * labels + 255], 1)
    return ImageSet("made", pixels.reshape(-1, 2, 2).astype(np.uint8), labels, 20, "")


def life(task, key=0):
    """Everything that a life shows and tells, answers being zero."""
    world, seen = task.init(jax.random.key(key)), []
    for _ in range(task.ticks):
        x = task.observe(world)
        y = jnp.zeros((*x.shape[:-1], task.answers))
        world, feedback, loss = task.respond(world, y)
        seen.append((np.rint(np.asarray(x) * 255).astype(int), feedback, loss))
    return seen


def test_lessons_and_exams_show_their_own_images_with_their_labels(images):
    for part in ("training", "validation", "test"):
        task = Classification.of(images, part, batch=16, lessons=6, exams=4)
        taught, asked = map(set, images.part(part))
        shown = [set(), set()]
        for tick, (x, feedback, _) in enumerate(life(task)):
            shown[tick >= 6] |= set(x[:, 1])
            np.testing.assert_array_equal(np.argmax(feedback.target, -1), x[:, 0])
            assert bool(feedback.taught) == (tick < 6)
            assert bool(feedback.ended) == (tick == 5)
        assert shown[0] <= taught and shown[1] <= asked
        assert len(shown[0]) > 0.6 * min(len(taught), 96)


def test_every_image_is_as_likely_as_another(images):
    task = Classification.of(images, "training", batch=8_000, lessons=1, exams=1)
    for part, (x, _, _) in zip(images.part("training"), life(task), strict=True):
        counts = np.bincount(x[:, 1], minlength=100)
        assert set(np.flatnonzero(counts)) == set(part)
        expected = 8_000 / len(part)
        assert np.abs(counts[part] - expected).max() < 5 * np.sqrt(expected)


def test_one_image_a_tick_has_no_batch_axis(images):
    task = Classification.of(images, "training", batch=None, lessons=5, exams=0)
    seen = life(task)
    assert all(x.shape == (4,) for x, _, _ in seen)
    assert seen[0][1].target.shape == (5,)
    np.testing.assert_allclose([loss.weight for *_, loss in seen], 1 / 5)
    assert len({int(x[1]) for x, _, _ in seen}) > 1


def test_the_loss_is_the_mean_cross_entropy_and_only_exams_count(images):
    task = Classification.of(images, "training", batch=7, lessons=1, exams=2)
    world = task.init(jax.random.key(0))
    y = jax.random.normal(jax.random.key(1), (7, 5))
    for weight in (0.0, 0.5, 0.5):
        labels = np.rint(np.asarray(task.observe(world))[:, 0] * 255).astype(int)
        world, _, loss = task.respond(world, y)
        nats = np.log(np.exp(y).sum(1)) - np.asarray(y)[np.arange(7), labels]
        np.testing.assert_allclose(loss.value, nats.mean(), rtol=1e-5)
        np.testing.assert_allclose(loss.miss, np.mean(np.argmax(y, 1) != labels))
        assert loss.weight == weight


def test_some_classes_in_an_order_of_ones_own(images):
    task = Classification.of(
        images, "training", classes=(4, 1), batch=30, lessons=1, label="signs"
    )
    x, feedback, _ = life(task)[0]
    assert set(x[:, 0]) == {1, 4}
    np.testing.assert_array_equal(feedback.target[:, 0] > 0, x[:, 0] == 4)
    np.testing.assert_array_equal(np.abs(feedback.target), 1)


def test_classes_are_drawn_anew_in_each_life(images):
    task = Classification.of(images, "training", answers=2, batch=30, lessons=2)
    pairs = set()
    for key in range(20):
        world = task.init(jax.random.key(key))
        pairs.add(tuple(world.classes.tolist()))
        x, feedback, _ = life(task, key)[0]
        right = np.argmax(feedback.target, -1)
        np.testing.assert_array_equal(world.classes[right], x[:, 0])
    assert len(pairs) > 10 and all(a != b for a, b in pairs)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"classes": (0, 7)}, "classes 0 to 4, got"),
        ({"answers": 6}, "5 classes to choose from, got 6"),
        ({"lessons": 0}, "got 0 lessons"),
        ({"batch": 0}, "batches of 0"),
        ({"exams": -1}, "got"),
    ],
)
def test_courses_that_cannot_be(images, bad, said):
    with pytest.raises(Refusal, match=said) as caught:
        Classification.of(images, "training", **({"batch": 2, "lessons": 1} | bad))
    assert "\n" not in str(caught.value)


def test_pixels_are_standardised_and_each_life_has_its_own_projection(images):
    how = {"batch": 3, "lessons": 2, "mean": 0.2, "deviation": 0.5}
    plain = Classification.of(images, "training", batch=3, lessons=2)
    shifted = Classification.of(images, "training", **how)
    projected = Classification.of(images, "training", **how, projected=True)
    worlds = [projected.init(jax.random.key(key)) for key in (0, 1)]
    x = plain.observe(plain.init(jax.random.key(0)))
    standard = shifted.observe(shifted.init(jax.random.key(0)))
    np.testing.assert_allclose(standard, (x - 0.2) / 0.5, rtol=1e-6)
    through = standard @ worlds[0].projection
    np.testing.assert_allclose(projected.observe(worlds[0]), through, rtol=1e-5)
    assert not np.allclose(worlds[0].projection, worlds[1].projection)
