import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.shards.encode import Encoding, resized
from lightning_taskonomy.errors import InputError
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
def test_ids_and_codes_are_never_averaged(tmp_path: Path, size: int) -> None:
    make_folder(tmp_path, ("ash",), 1, 1)
    for domain in ("segment_semantic", "mask_valid", "depth_zbuffer", "segment_unsup25d"):
        path = label_file(tmp_path, "ash", 0, 0, domain)
        before = np.asarray(Image.open(path))
        after = decoded(Encoding(size=size).encode(path, domain))
        assert after.shape == (size, size)
        assert after.dtype == before.dtype
        assert set(np.unique(after)) <= set(np.unique(before))


def test_16_bits_keep_their_values_when_resized() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, axis=0)
    small = np.asarray(resized(Image.fromarray(ramp), DOMAINS["edge_texture"], 32))
    assert small.dtype == np.uint16
    np.testing.assert_allclose(small[5].astype(float), ramp[5].reshape(32, 2).mean(axis=1), atol=700)


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
