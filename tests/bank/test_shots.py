from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.bank.shots import found_files, is_video, pictures, read_shot
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PictureError


def test_central_square_is_taken(tmp_path: Path) -> None:
    values = np.zeros((40, 100, 3), np.uint8)
    values[:, 30:70] = (10, 200, 30)
    Image.fromarray(values).save(tmp_path / "a.png")
    picture = read_shot(tmp_path / "a.png", 40)
    assert picture.shape == (40, 40, 3)
    assert (picture == (10, 200, 30)).all()


def test_pictures_are_resized_as_training_reads_them(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    blocks = values[:, 8:72].astype(float).reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(read_shot(tmp_path / "a.png", 32), blocks, atol=0.5)


def test_sixteen_bits_keep_their_scale(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    picture = read_shot(tmp_path / "a.png", 64)
    np.testing.assert_allclose(picture[..., 0], ramp / 65_535 * 255, atol=1)
    assert (picture[..., 0] == picture[..., 2]).all()


def test_ink_becomes_light(tmp_path: Path) -> None:
    for name, ink, colour in (("cyan", (255, 0, 0, 0), (0, 255, 255)), ("black", (0, 0, 0, 255), (0, 0, 0))):
        Image.new("CMYK", (64, 64), ink).save(tmp_path / f"{name}.jpg", quality=100)
        found = read_shot(tmp_path / f"{name}.jpg", 32).astype(int)
        assert np.abs(found - colour).max() <= 3


def test_transparency_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 16))
    image.save(tmp_path / "a.png")
    picture = read_shot(tmp_path / "a.png", 32)
    assert (picture[4, 4] == (0, 0, 255)).all()
    assert (picture[28, 4] == (255, 255, 255)).all()


def test_palette_with_a_transparent_colour_is_read(tmp_path: Path) -> None:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.gif", transparency=0)
    assert (read_shot(tmp_path / "a.gif", 16) == 255).all()


def test_fifty_megapixels_are_handled(tmp_path: Path) -> None:
    Image.new("L", (8_660, 5_774), 100).save(tmp_path / "a.png", compress_level=1)
    assert (read_shot(tmp_path / "a.png", 256) == 100).all()


def test_picture_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    values = np.zeros((32, 32, 3), np.uint8)
    values[:8] = 255
    image = Image.fromarray(values)
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter clockwise
    image.save(tmp_path / "a.png", exif=exif)
    picture = read_shot(tmp_path / "a.png", 32)
    assert picture[:, -4:].min() > 250
    assert picture[:, :4].max() < 5


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("a.png", lambda path: path.write_text("no picture"), "cannot read this picture"),
        ("a.jpg", lambda path: path.write_bytes(b""), "cannot read this picture"),
        (
            "b.png",
            lambda path: Image.new("RGB", (1, 1)).save(path),
            "at least 8 .* found 1 x 1",
        ),
        ("c.tif", lambda path: Image.new("F", (64, 64)).save(path), "floating-point numbers"),
    ],
)
def test_what_is_no_picture_is_refused(name: str, write: object, reason: str, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path / name)
    with pytest.raises(InputError, match=reason) as error:
        read_shot(tmp_path / name, 64)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_truncated_picture_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot read this picture"):
        read_shot(tmp_path / "a.png", 64)


def test_folders_are_their_pictures(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "text.txt"):
        Image.new("RGB", (16, 16)).save(tmp_path / name, format="PNG")
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7")
    found = found_files([tmp_path, tmp_path / "a.jpg"])
    assert [path.name for _, path in found] == ["a.jpg", "b.png"]
    left_out: list[PictureError] = []
    assert [shot.name for shot in pictures(found, 16, left_out.append)] == ["a", "b"]
    assert not left_out


def test_results_of_one_name_keep_the_suffixes() -> None:
    found = found_files([Path("a.png"), Path("a.jpg"), Path("b.png"), Path("other/a.PNG"), Path("a.mp4")])
    assert [name for name, _ in found] == ["a_png", "a_jpg", "b", "a_png_2", "a_mp4"]


def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for name in ("a.jpg", "b.jpg", "c.png"):
        Image.fromarray(noise).save(tmp_path / name)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:900])
    (tmp_path / "empty.png").write_bytes(b"")
    left_out: list[PictureError] = []
    shots = list(pictures(found_files([tmp_path]), 16, left_out.append))
    assert [shot.name for shot in shots] == ["a", "c"]
    assert ["b.jpg" in str(left_out[0]), "empty.png" in str(left_out[1])] == [True, True]


@pytest.mark.parametrize(
    ("name", "reason"), [("none.png", "no such picture"), ("a.txt", "expected a picture")]
)
def test_neither_picture_nor_video_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=reason):
        is_video(tmp_path / name)
