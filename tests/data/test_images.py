"""Image sets: by name and from files, cut in parts, resized, and refused."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from plastica.data import fetch as fetching
from plastica.data import images as sets
from plastica.data import load_images, pixels
from plastica.errors import Refusal


def idx(array):
    """An idx file's bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def png(array, mode="L"):
    """A PNG file's bytes."""
    file = io.BytesIO()
    Image.fromarray(array).convert(mode).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def drawn(rng):
    """Ten images of 4 by 6 pixels and their labels."""
    return rng.integers(0, 256, (10, 4, 6), np.uint8), np.arange(10) % 3


def put_idx(folder, drawn, test=None, packed=False):
    pairs = {"train": drawn} | ({"t10k": test} if test else {})
    for kind, (images, labels) in pairs.items():
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{kind}-{what}-ubyte"
            path.write_bytes(idx(array))
            if packed:
                path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()


def one_line(caught):
    assert "\n" not in str(caught.value)


def test_digits_are_on_every_machine():
    digits = load_images()
    assert digits.images.shape == (1797, 8, 8) and digits.classes == 10
    assert digits.images.max() == 255 and digits.tests == 359
    assert load_images("digits").sha256 == digits.sha256


def test_parts_share_no_image_with_an_exam():
    digits = load_images()
    exams = {part: set(digits.part(part)[1]) for part in ("training", "validation")}
    test = set(range(len(digits.images) - digits.tests, len(digits.images)))
    assert set(digits.part("test")[1]) == test
    assert not exams["training"] & exams["validation"]
    for part in ("training", "validation", "test"):
        taught, asked = digits.part(part)
        assert not set(taught) & set(asked)
        assert part == "test" or not test & (set(taught) | set(asked))
    with pytest.raises(
        Refusal, match="no part 'exam'; there are training, validation, test"
    ):
        digits.part("exam")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_folder_of_idx_files(tmp_path, drawn, packed):
    images, labels = drawn
    put_idx(tmp_path, drawn, (images[:4], labels[:4]), packed)
    found = load_images(tmp_path)
    np.testing.assert_array_equal(found.images, np.concatenate([images, images[:4]]))
    np.testing.assert_array_equal(found.labels, np.concatenate([labels, labels[:4]]))
    assert found.tests == 4


def test_without_a_test_file_every_fifth_image_is_set_apart(tmp_path, drawn):
    put_idx(tmp_path, drawn)
    found = load_images(tmp_path)
    assert found.tests == 2
    assert sorted(i.tobytes() for i in found.images) == sorted(
        i.tobytes() for i in drawn[0]
    )
    for image, label in zip(found.images, found.labels, strict=True):
        assert label == drawn[1][[np.array_equal(image, i) for i in drawn[0]]][0]


def test_folders_and_zip_files_of_png(tmp_path, drawn):
    images, labels = drawn
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = tmp_path / "all" / f"class {label}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(image))
            archive.writestr(str(path.relative_to(tmp_path)), png(image))
    found, same = load_images(tmp_path / "all"), load_images(tmp_path / "all.zip")
    assert found.sha256 == same.sha256 and found.classes == 3
    by_bytes = {i.tobytes(): label for i, label in zip(images, labels, strict=True)}
    read = [by_bytes[i.tobytes()] for i in found.images]
    np.testing.assert_array_equal(read, found.labels)


def test_resizing_takes_means_over_areas(tmp_path, rng):
    images = rng.integers(0, 256, (5, 6, 6), np.uint8)
    put_idx(tmp_path, (images, np.arange(5)), (images, np.arange(5)))
    found = load_images(tmp_path)
    half = found.resized(3).images[:5]
    blocks = images.reshape(5, 3, 2, 3, 2).mean((2, 4))
    np.testing.assert_allclose(half, blocks, atol=0.51)
    middle = found.resized(2, crop=4).images[:5]
    blocks = images[:, 1:5, 1:5].reshape(5, 2, 2, 2, 2).mean((2, 4))
    np.testing.assert_allclose(middle, blocks, atol=0.51)
    for side in (1, 4, 5, 7, 12):  # no light is lost, whatever the ratio
        resized = found.resized(side).images[:5]
        np.testing.assert_allclose(resized.mean((1, 2)), images.mean((1, 2)), atol=0.51)
    np.testing.assert_array_equal(found.resized(6).images, found.images)
    np.testing.assert_array_equal(
        found.resized(12).images, found.images.repeat(2, 1).repeat(2, 2)
    )
    for bad in ({"side": 0}, {"side": 3, "crop": 7}):
        with pytest.raises(Refusal, match="cannot be cropped"):
            found.resized(**bad)


BAD_IDX = {
    "truncated": lambda whole: whole[:-1],
    "with a header cut off": lambda whole: whole[:7],
    "of floats": lambda whole: whole[:2] + b"\x0d" + whole[3:],
    "that claims to be huge": lambda whole: whole[:4] + b"\xff" * 12 + whole[16:],
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("how", BAD_IDX)
def test_an_idx_file_that_is_broken(tmp_path, drawn, how, packed):
    put_idx(tmp_path, drawn, packed=packed)
    path = next(tmp_path.glob("train-images*"))
    whole = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    bad = BAD_IDX[how](whole)
    path.write_bytes(gzip.compress(bad) if packed else bad)
    with pytest.raises(Refusal, match="no whole idx file") as caught:
        load_images(tmp_path)
    one_line(caught)


def test_a_gzip_file_that_is_cut_off(tmp_path, drawn):
    put_idx(tmp_path, drawn, packed=True)
    path = next(tmp_path.glob("train-images*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Refusal, match="no whole idx file"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    "bad", [b"not a picture", png(np.zeros((4, 6), np.uint8))[:-30], b""]
)
def test_a_png_that_is_not_one(tmp_path, drawn, bad):
    for i, image in enumerate(drawn[0]):
        (tmp_path / f"{i}.png").write_bytes(png(image))
    (tmp_path / "3.png").write_bytes(bad)
    with pytest.raises(Refusal, match=r"cannot read '3\.png'") as caught:
        load_images(tmp_path)
    one_line(caught)


def test_pngs_of_two_sizes_and_too_large(tmp_path, drawn, monkeypatch):
    for i, image in enumerate(drawn[0]):
        (tmp_path / f"{i}.png").write_bytes(png(image[:, : 6 - (i == 2)]))
    with pytest.raises(Refusal, match=r"'2\.png' .* 4 by 5 pixels"):
        load_images(tmp_path)
    monkeypatch.setattr(pixels, "LARGEST", 100)
    with pytest.raises(Refusal, match="too large"):
        load_images(tmp_path)


def test_what_cannot_be_a_set(tmp_path, drawn):
    images, labels = drawn
    with pytest.raises(Refusal, match="neither idx files of images nor PNG"):
        load_images(tmp_path)
    put_idx(tmp_path, (images, labels[:-1]))
    with pytest.raises(Refusal, match=r"10 images in .* and 9 labels"):
        load_images(tmp_path)
    put_idx(tmp_path, (images[:4], labels[:4]))
    with pytest.raises(Refusal, match="five are the least"):
        load_images(tmp_path)
    put_idx(tmp_path, drawn, (images[:, :3], labels))
    with pytest.raises(Refusal, match="two sizes"):
        load_images(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(Refusal, match="no labels"):
        load_images(tmp_path)
    (tmp_path / "file").write_bytes(b"no zip")
    with pytest.raises(Refusal, match="neither a folder nor a zip file"):
        load_images(tmp_path / "file")
    with pytest.raises(
        Refusal, match="no set of images or path 'mnits'; did you mean mnist"
    ):
        load_images("mnits")


def test_a_named_set_is_read_from_a_folder_and_checked(tmp_path, drawn, monkeypatch):
    monkeypatch.delenv("PLASTICA_DATA", raising=False)
    monkeypatch.setenv("PLASTICA_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "images" / "kmnist"
    place.mkdir(parents=True)
    put_idx(place, drawn, drawn)
    for path in list(place.iterdir()):
        whole = path.read_bytes()
        path.unlink()
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(whole))
    assert load_images("kmnist", tmp_path).classes == 3
    monkeypatch.setenv("PLASTICA_DATA", str(tmp_path))
    assert load_images("kmnist").tests == 10
    place.rename(tmp_path / "images" / "mnist")  # whose checksums are published
    with pytest.raises(Refusal, match="has md5"):
        load_images("mnist")
    with pytest.raises(Refusal, match="does not exist; put it there"):
        load_images("kmnist", tmp_path)


def test_emnist_lies_on_its_side(tmp_path, drawn, monkeypatch):
    put_idx(tmp_path, drawn, drawn, packed=True)
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for path in tmp_path.glob("*.gz"):
            kind = path.name.replace("t10k", "test")
            archive.write(path, f"gzip/emnist-byclass-{kind}")
    monkeypatch.setattr(sets, "kept", lambda remote, folder: tmp_path / "gzip.zip")
    found = load_images("emnist-byclass")
    np.testing.assert_array_equal(found.images[:10], drawn[0].transpose(0, 2, 1))
    assert found.tests == 10


def test_a_checksum_may_be_one_of_several(tmp_path, monkeypatch):
    monkeypatch.setenv("PLASTICA_DATA", str(tmp_path))
    (tmp_path / "file").write_bytes(b"whole")
    md5 = "9de1d45a1ba4b3c1c2b2bb1a1c5bd80a"
    remote = fetching.Remote("http://localhost/", "file", 9, (f"md5:{md5}|",))
    with pytest.raises(Refusal, match="has md5") as caught:
        fetching.kept(remote, None)
    got = str(caught.value).partition("has md5 ")[2][:32]
    remote = fetching.Remote("http://localhost/", "file", 9, (f"md5:{md5}|{got}",))
    assert fetching.kept(remote, None) == tmp_path / "file"


def test_mnist_is_what_it_should_be(shared_data):
    mnist = load_images("mnist", shared_data)
    assert mnist.images.shape == (70_000, 28, 28) and mnist.tests == 10_000
    assert mnist.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(mnist.labels[-10_000:]).tolist()[:3] == [980, 1135, 1032]


@pytest.mark.slow
def test_omniglot_has_its_characters(shared_data):
    omniglot = load_images("omniglot", shared_data)
    assert omniglot.images.shape == (32_460, 105, 105)
    assert omniglot.classes == 964 + 659 and omniglot.tests == 659 * 20
    assert (np.bincount(omniglot.labels) == 20).all()
    assert omniglot.images.mean() < 50  # ink is bright
    parts = {p: omniglot.part(p) for p in ("training", "validation", "test")}
    classes = {p: set(omniglot.labels[taught]) for p, (taught, _) in parts.items()}
    assert sum(map(len, classes.values())) == len(set.union(*classes.values())) == 1623
    for part, (_, asked) in parts.items():
        assert set(omniglot.labels[asked]) == classes[part]
        assert (np.bincount(omniglot.labels[asked])[sorted(classes[part])] == 5).all()


def test_made_sets_need_no_file_and_are_always_the_same():
    noise, sums = load_images("random"), load_images("sum-sign")
    assert noise.sha256 == load_images("random").sha256
    assert (noise.classes, sums.classes) == (10, 2)
    above = sums.images.mean((1, 2)) >= 127.5
    np.testing.assert_array_equal(sums.labels, above)
    assert 0.4 < np.mean(above) < 0.6
