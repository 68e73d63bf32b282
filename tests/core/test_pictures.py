"""Image files of every kind, against their original content and against scikit-image."""

import io
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import io as skimage_io

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import (
    MOST_PIXELS,
    PictureError,
    distinct_names,
    list_pictures,
    read_picture,
)

RGB = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
GREY16 = np.linspace(0, 65_535, 12 * 16).reshape(12, 16).astype(np.uint16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def greys(found: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    assert (found == found[..., :1]).all()
    return found[..., 0]


@pytest.mark.parametrize("name", ["astronaut.png", "rocket.jpg", "retina.jpg", "camera.png", "coffee.png"])
def test_photographs_are_as_scikit_image_reads_them(name: str) -> None:
    assert skimage.__file__ is not None
    path = Path(skimage.__file__).parent / "data" / name
    if not path.exists():
        pytest.skip("scikit-image comes without this picture")
    reference = skimage_io.imread(path)
    expected = reference if reference.ndim == 3 else np.stack([reference] * 3, axis=2)
    for source in (path, path.read_bytes()):
        found = read_picture(source)
        assert found.dtype == np.uint8
        np.testing.assert_allclose(found.astype(int), expected, atol=2 if path.suffix == ".jpg" else 0)


TURNS = {
    1: lambda picture: picture,
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: np.rot90(picture, -1),
    7: lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
    8: lambda picture: np.rot90(picture),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_pictures_are_turned_as_the_camera_was_held(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = np.zeros((48, 64, 3), np.uint8)
    corner[:16, :32] = 255
    found = read_picture(encoded(Image.fromarray(corner), kind, exif=exif))
    np.testing.assert_allclose(found.astype(int), TURNS[orientation](corner), atol=90)
    np.testing.assert_array_equal(found > 127, TURNS[orientation](corner) > 127)


def test_damaged_exif_data_do_not_hide_the_picture() -> None:
    data = encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7fnothing")
    np.testing.assert_array_equal(read_picture(data), RGB)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_by_what_they_can_hold(kind: str) -> None:
    for values in (GREY16, GREY16 // 4):
        found = greys(read_picture(encoded(Image.fromarray(values), kind)))
        np.testing.assert_array_equal(found, np.rint(values / 257).astype(np.uint8))


def test_greymaps_are_scaled_by_their_own_maximum() -> None:
    values = (np.arange(12).reshape(3, 4) * 100).astype(">u2")
    found = greys(read_picture(b"P5 4 3 1100\n" + values.tobytes()))
    np.testing.assert_allclose(found, values / 1100 * 255, atol=1)


def tiff(bits: int, photometric: int, rows: bytes, size: tuple[int, int]) -> bytes:
    """A TIFF of one strip, written by hand."""
    width, height = size
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(rows)),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(rows)) + rows + directory + b"\0" * 4


def test_tiffs_of_twelve_bits_and_of_ink_are_read_as_light() -> None:
    twelve = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x00])  # 0x000, 0xFFF; 0x800, 0x000
    found = greys(read_picture(tiff(12, 1, twelve, (2, 2))))
    assert found.tolist() == [[0, 255], [128, 0]]
    ink = np.array([[0, 65_535], [257, 514]], "<u2")
    assert greys(read_picture(tiff(16, 0, ink.tobytes(), (2, 2)))).tolist() == [[255, 0], [254, 253]]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.fromarray(np.random.default_rng(0).random((5, 6)).astype(np.float32)), "floating-point"),
        (Image.fromarray(np.arange(30, dtype=np.int32).reshape(5, 6)), "32-bit or signed"),
    ],
)
def test_numbers_without_a_known_scale_are_refused(image: Image.Image, reason: str, tmp_path: Path) -> None:
    image.save(tmp_path / "a.tif")
    with pytest.raises(PictureError, match=rf"a\.tif: .*{reason}.* known full scale; expected 8 or 16 bits"):
        read_picture(tmp_path / "a.tif")


def test_transparency_is_white() -> None:
    shades = RGB.astype(float)
    alpha = np.linspace(0, 255, 12 * 16).reshape(12, 16, 1).round()
    layered = Image.fromarray(np.concatenate([RGB, alpha.astype(np.uint8)], axis=2))
    expected = shades * alpha / 255 + 255 - alpha
    for kind in ("PNG", "WEBP"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        found = read_picture(encoded(layered, kind, **options))
        np.testing.assert_allclose(found.astype(int), expected, atol=1.01)
    grey = Image.merge("LA", (layered.getchannel(0), layered.getchannel(3)))
    found = greys(read_picture(encoded(grey, "PNG")))
    np.testing.assert_allclose(found, expected[..., 0], atol=1.01)


def test_palettes_bits_and_transparent_colours() -> None:
    palette = Image.new("P", (4, 2), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putpixel((0, 0), 2)
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        found = read_picture(encoded(palette, kind))
        assert (found[0, 0].tolist(), found[1, 3].tolist()) == ([0, 0, 255], [0, 255, 0])
    for kind in ("PNG", "GIF"):
        found = read_picture(encoded(palette, kind, transparency=1))
        assert (found[0, 0].tolist(), found[1, 3].tolist()) == ([0, 0, 255], [255, 255, 255])
    grey = encoded(Image.new("L", (4, 2), 7), "PNG", transparency=7)
    assert (read_picture(grey) == 255).all()
    bits = Image.fromarray(np.array([[True, False], [False, True]]))
    assert greys(read_picture(encoded(bits, "PNG"))).tolist() == [[255, 0], [0, 255]]


def test_ink_becomes_light() -> None:
    for ink, colour in (((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0))):
        for kind in ("JPEG", "TIFF"):
            found = read_picture(encoded(Image.new("CMYK", (16, 16), ink), kind)).astype(int)
            assert np.abs(found - colour).max() <= 3


def test_of_several_pictures_the_first_is_taken() -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        found = read_picture(encoded(first, kind, save_all=True, append_images=[second])).astype(int)
        assert np.abs(found - (255, 0, 0)).max() <= 3


def test_large_jpegs_may_be_decoded_smaller() -> None:
    data = encoded(Image.fromarray(RGB).resize((1600, 1200)), "JPEG")
    assert read_picture(data).shape == (1200, 1600, 3)
    small = read_picture(data, least_side=100)
    assert small.shape == (150, 200, 3)
    whole = read_picture(data).reshape(150, 8, 200, 8, 3).mean(axis=(1, 3))
    assert np.abs(small - whole).mean() < 2
    assert read_picture(encoded(Image.fromarray(RGB), "PNG"), least_side=2).shape == RGB.shape


def bomb(side: int) -> bytes:
    """A PNG whose header claims this size, with almost no content."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [12_650, 13_300, 60_000])
def test_pictures_too_large_are_refused_by_their_header(side: int, tmp_path: Path) -> None:
    assert side**2 > MOST_PIXELS
    (tmp_path / "a.png").write_bytes(bomb(side))
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(PictureError, match=r"a\.png: expected at most 160,000,000 pixels, found"):
            read_picture(tmp_path / "a.png")
    assert not said
    assert time.perf_counter() - started < 1


PIECES = {
    kind: encoded(Image.fromarray(RGB), kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
}


@given(kind=st.sampled_from(sorted(PIECES)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_read_or_refused_in_one_line(kind: str, data: st.DataObject) -> None:
    broken = bytearray(PIECES[kind][: data.draw(st.integers(0, len(PIECES[kind])))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    line = None
    try:
        found = read_picture(bytes(broken), "the picture")
    except PictureError as error:
        line = str(error)
    if line is None:
        assert found.dtype == np.uint8
        assert found.shape[2:] == (3,)
    else:
        assert line.startswith("the picture: ")
        assert "\n" not in line


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_pictures_in_a_file_are_told(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), (grey, grey, grey)) for grey in (0, 128, 255)]
    lines: list[str] = []
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert (read_picture(data, "a", note=lines.append) == 0).all()
    assert lines == ["a: holds 3 pictures; the first is taken"]
    read_picture(encoded(frames[0], kind), "b", note=lines.append)
    assert len(lines) == 1


@pytest.mark.parametrize("data", [b"", b"no picture", PIECES["PNG"][:300], PIECES["JPEG"][:300]])
def test_what_is_no_whole_picture_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.png: cannot read this picture \(.+\)"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"none\.png: cannot read this picture \(No such file"):
        read_picture(tmp_path / "none.png")


def test_no_program_is_started_by_what_a_file_claims_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(PictureError, match="none of JPEG"):
        read_picture(tmp_path / "a.jpg")


def test_folders_are_listed_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "._a.jpg", ".hidden.png", "text.txt", "c.JPeG", "sub/d.tif", ".git/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in list_pictures(tmp_path)]
    assert names == ["a.jpg", "b.PNG", "c.JPeG"]
    assert list_pictures(tmp_path, below=True)[3:] == [tmp_path / "sub" / "d.tif"]
    with pytest.raises(InputError, match="nowhere: expected a folder of pictures"):
        list_pictures(tmp_path / "nowhere")


def test_a_hundred_thousand_files_are_listed_in_seconds(tmp_path: Path) -> None:
    for number in range(20_000):
        (tmp_path / f"{number}.jpg").touch()
    started = time.perf_counter()
    found = list_pictures(tmp_path)
    names = distinct_names(found)
    assert time.perf_counter() - started < 4  # a fifth of them, on a busy machine
    assert len(set(names)) == 20_000


def test_names_are_distinct() -> None:
    def named(*names: str) -> list[str]:
        return distinct_names([Path("folder") / name for name in names])

    assert named("a.jpg", "b.png") == ["a", "b"]
    assert named("a.jpg", "a.png", "b.png") == ["a_jpg", "a_png", "b"]
    assert named("a.JPG", "a.jpg", "A.png") == ["a_jpg", "a_jpg_2", "A_png"]
    assert named("a.jpg", "a.png", "a_jpg.png") == ["a_jpg_2", "a_png", "a_jpg"]
    paths = [Path("a b.png"), Path("a_b.png"), Path("c.png")]
    assert distinct_names(paths, ["a_b", "a_b", "c"], ["C", "a_b_png"]) == ["a_b_png_2", "a_b_png_3", "c_png"]
    assert named("e\u0301.jpg", "\u00e9.jpg") == ["e\u0301_jpg", "\u00e9_jpg_2"]


@given(st.lists(st.tuples(st.sampled_from(["a", "A", "a_jpg", "a_jpg_2"]), st.sampled_from(["jpg", "png"]))))
def test_distinct_names_are_distinct(parts: list[tuple[str, str]]) -> None:
    names = distinct_names([Path(str(n)) / f"{stem}.{kind}" for n, (stem, kind) in enumerate(parts)])
    assert len({name.casefold() for name in names}) == len(parts)


def test_torch_is_not_needed() -> None:
    code = "import sys, lightning_taskonomy.core.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
