import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.tasks.task import Stored
from tests.data.small_folder import label_file, make_folder


def decoded(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def test_files_are_kept_byte_by_byte(tmp_path: Path) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    for domain in ("rgb", "depth_zbuffer", "segment_semantic"):
        path = label_file(tmp_path, "ash", 0, 0, domain)
        assert Encoding().encode(path, domain) == path.read_bytes()


@pytest.mark.parametrize("size", [7, 12, 48])
def test_ids_are_never_averaged(tmp_path: Path, size: int) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    for domain in ("segment_semantic", "mask_valid", "segment_unsup25d"):
        path = label_file(tmp_path, "ash", 0, 0, domain)
        before = np.asarray(Image.open(path))
        after = decoded(Encoding(size=size).encode(path, domain))
        assert after.shape == (size, size)
        assert after.dtype == before.dtype
        assert set(np.unique(after)) <= set(np.unique(before))


@pytest.mark.parametrize("size", [7, 12, 48])
def test_depths_are_never_mixed_with_the_code_for_none(tmp_path: Path, size: int) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    path = label_file(tmp_path, "ash", 0, 0, "depth_zbuffer")
    before = np.asarray(Image.open(path))
    surface = before[before < 64_500]
    after = decoded(Encoding(size=size).encode(path, "depth_zbuffer"))
    assert after.dtype == np.uint16
    assert (after == 65_535).any()
    real = after[after != 65_535]
    assert surface.min() <= real.min() <= real.max() <= surface.max()


PICTURES = [name for name, domain in DOMAINS.items() if domain.suffix == "png"]
READ_BY = {
    task.domains[0] if task.domains else "rgb": task
    for task in dictionary().values()
    if task.views == 1 and task.name not in ("jigsaw", "denoising", "colorization", "inpainting")
}


@pytest.mark.parametrize("size", [32, 24, 20, 96])
@pytest.mark.parametrize("domain", [name for name in PICTURES if name != "mask_valid"])
def test_packed_and_read_at_a_size_is_read_at_it_from_the_original(
    tmp_path: Path, domain: str, size: int
) -> None:
    make_folder(tmp_path, ("ash",), 1, 1, domains=(domain, "rgb", "depth_zbuffer"), size=64)
    original, packed = {}, {}
    for name in {domain, "rgb", "depth_zbuffer"}:
        path = label_file(tmp_path, "ash", 0, 0, name)
        original[name] = decoded(path.read_bytes())
        packed[name] = decoded(Encoding(size=size).encode(path, name))
        assert packed[name].dtype == original[name].dtype
    task = READ_BY[domain]
    (whole, again) = (
        task.read([{"key": "ash/point_0_view_0", **labels}], size, np.random.default_rng(0))
        for labels in (original, packed)
    )
    if isinstance(whole.target, Stored):
        assert isinstance(again.target, Stored)
        counted = np.ones((size, size), bool) if whole.mask is None else whole.mask
        before, after = whole.target.values.astype(float), again.target.values.astype(float)
        assert np.abs(before - after)[counted].max() <= 0.5 + 1e-2
    else:
        np.testing.assert_array_equal(whole.target, again.target)
    if whole.mask is not None:
        assert again.mask is not None
        np.testing.assert_array_equal(whole.mask, again.mask)


def test_packed_pixels_are_means_of_blocks(tmp_path: Path) -> None:
    make_folder(tmp_path, ("ash",), 1, 1, size=64)
    for name in PICTURES:
        path = label_file(tmp_path, "ash", 0, 0, name)
        values = decoded(path.read_bytes()).astype(float)
        made = decoded(Encoding(size=16).encode(path, name)).astype(float)
        if DOMAINS[name].ids:
            np.testing.assert_array_equal(made, values[2::4, 2::4])
        elif name.startswith("depth"):
            blocks = values.reshape(16, 4, 16, 4)
            found = np.exp(np.log(1 + blocks).mean(axis=(1, 3))) - 1
            expected = np.where((blocks >= 64_500).any(axis=(1, 3)), 65_535, found)
            np.testing.assert_allclose(made, expected, atol=0.51)
        else:
            expected = values.reshape(16, 4, 16, 4, -1).mean(axis=(1, 3)).reshape(made.shape)
            np.testing.assert_allclose(made, expected, atol=0.51)


def test_oblong_pictures_are_packed_as_their_central_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    values = np.random.default_rng(0).integers(0, 65_535, (24, 40)).astype(np.uint16)
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(decoded(Encoding(size=24).encode(path, "edge_texture")), values[:, 8:32])


def test_jpeg_is_for_rgb_alone(tmp_path: Path) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    smooth = np.linspace(0, 255, 24).astype(np.uint8)[None, :, None].repeat(24, axis=0).repeat(3, axis=2)
    path = label_file(tmp_path, "ash", 0, 0, "rgb")
    Image.fromarray(smooth).save(path)
    encoding = Encoding(jpeg_quality=95)
    assert (encoding.suffix("rgb"), encoding.suffix("normal")) == ("jpg", "png")
    content = encoding.encode(path, "rgb")
    assert content[:2] == b"\xff\xd8"
    assert np.abs(decoded(content).astype(int) - smooth).max() <= 6
    normal = label_file(tmp_path, "ash", 0, 0, "normal")
    assert encoding.encode(normal, "normal") == normal.read_bytes()


@pytest.mark.parametrize("encoding", [Encoding(), Encoding(size=12)])
def test_a_truncated_picture_is_named(tmp_path: Path, encoding: Encoding) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    path = label_file(tmp_path, "ash", 0, 0, "rgb")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"point_0_view_0_domain_rgb\.png: cannot read this picture"):
        encoding.encode(path, "rgb")


def test_bad_numbers() -> None:
    with pytest.raises(InputError, match="size: expected at least 1 pixel, found 0"):
        Encoding(size=0)
    with pytest.raises(InputError, match="jpeg: expected a quality from 1 to 100, found 101"):
        Encoding(jpeg_quality=101)
