import shutil
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import list_pictures
from lightning_taskonomy.data.annotate import edge_texture, keypoints2d, segment_unsup2d
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.photos import NOTE, find_photos, read_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Real photographs of several sizes and kinds, one of them broken."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(data.astronaut()).save(folder / "astronaut.jpg", quality=95)
    Image.fromarray(data.camera()).save(folder / "camera.png")
    Image.fromarray(data.coffee()).save(folder / "more" / "a cup.webp", lossless=True)
    Image.fromarray(data.astronaut()).convert("RGBA").save(folder / "astronaut.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def annotate(photos: Path, out: Path, *options: str) -> int:
    return main(["data", "annotate", "--images", str(photos), "--out", str(out), "--size", "96", *options])


def test_photos_get_the_labels_of_their_picture(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(photos, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "labels of 4 photos" in said.out
    assert "left out:" in said.err
    assert "broken.jpg: cannot read this picture" in said.err
    folder = DataFolder.open(tmp_path / "out")
    assert folder.buildings == ("astronaut_jpg", "astronaut_png", "camera", "more_a_cup")
    for building in folder.buildings:
        (labels,) = folder.labels(building).values()
        assert set(labels) == {"rgb", "edge_texture", "keypoints2d", "segment_unsup2d"}
        rgb = np.asarray(Image.open(labels["rgb"]))
        assert rgb.shape == (96, 96, 3)
        for domain, annotator in (
            ("edge_texture", edge_texture),
            ("keypoints2d", keypoints2d),
            ("segment_unsup2d", segment_unsup2d),
        ):
            np.testing.assert_array_equal(np.asarray(Image.open(labels[domain])), annotator(rgb))
    assert main(["data", "check", str(tmp_path / "out")]) == 0


def test_photos_done_before_are_kept(photos: Path, tmp_path: Path) -> None:
    assert annotate(photos, tmp_path / "out", "--workers", "1") == 0
    kept = label_path(tmp_path / "out", "rgb", "camera", 0, 0)
    before = kept.stat().st_mtime_ns
    Image.fromarray(data.chelsea()).save(photos / "cat.png")
    assert annotate(photos, tmp_path / "out", "--workers", "1") == 0
    assert kept.stat().st_mtime_ns == before
    assert label_path(tmp_path / "out", "segment_unsup2d", "cat", 0, 0).exists()


COLLIDING = (
    "my photo.jpg", "my_photo.jpg", "my.photo.jpg", "my(photo).jpg",
    "IMG_1.JPG", "IMG_1.jpg", "img_1.jpeg", "IMG_1.JPEG",
    "a/b.png", "a_b.png", "A/B.png",
    "caf\u00e9.jpg", "cafe\u0301.jpg", "my_photo_jpg.png",
)  # fmt: skip


def test_photos_whose_names_collide_each_have_their_own_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    for number, name in enumerate(COLLIDING):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (40, 60, 3), np.uint8)
        Image.fromarray(noise).save(photos / name, "PNG")
    assert annotate(photos, tmp_path / "out", "--workers", "2") == 0
    assert f"labels of {len(COLLIDING)} photos" in capsys.readouterr().out
    folder = DataFolder.open(tmp_path / "out")
    assert len({building.casefold() for building in folder.buildings}) == len(COLLIDING)
    pictures = set()
    for building in folder.buildings:
        (labels,) = folder.labels(building).values()
        rgb = np.asarray(Image.open(labels["rgb"]))
        np.testing.assert_array_equal(np.asarray(Image.open(labels["edge_texture"])), edge_texture(rgb))
        pictures.add(rgb.tobytes())
    assert len(pictures) == len(COLLIDING)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab _.(\u00e9\u0301/Z", min_size=1, max_size=6), min_size=1, max_size=6))
def test_names_are_distinct_and_can_be_keys(stems: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        for stem in stems:
            parts = [part for part in stem.split("/") if part.strip(".")]
            path = Path(place, *parts[:-1], f"{(parts or ['x'])[-1].lstrip('.') or 'x'}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(b"")
        found = find_photos(Path(place)) if list_pictures(Path(place), below=True) else []
    names = [unicodedata.normalize("NFC", photo.name).casefold() for photo in found]
    assert len(set(names)) == len(names)
    assert not any(set(name) & set("./ ") for name in names)


def test_names_of_any_length_can_be_packed(tmp_path: Path) -> None:
    deep = tmp_path / "photos" / ("d" * 60) / ("\u00e9" * 60)
    deep.mkdir(parents=True)
    for name in ("a.png", "b.png", "a.PNG"):
        Image.fromarray(data.camera()).save(deep / name)
    assert annotate(tmp_path / "photos", tmp_path / "out") == 0
    assert main(["data", "pack", "--source", str(tmp_path / "out"), "--out", str(tmp_path / "shards")]) == 0


def test_a_new_photo_takes_no_name_away(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    Image.fromarray(data.chelsea()).save(photos / "my_photo.png")
    assert annotate(photos, out) == 0
    before = label_path(out, "rgb", "my_photo", 0, 0).read_bytes()
    Image.fromarray(data.coffee()).save(photos / "my photo.png")
    assert annotate(photos, out) == 0
    assert DataFolder.open(out).buildings == ("my_photo", "my_photo_png")
    assert label_path(out, "rgb", "my_photo", 0, 0).read_bytes() == before


def test_a_changed_photo_is_annotated_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert annotate(photos, out) == 0
    Image.fromarray(data.chelsea()).save(photos / "camera.png")
    assert annotate(photos, out) == 0
    found = np.asarray(Image.open(label_path(out, "rgb", "camera", 0, 0)))
    np.testing.assert_array_equal(found, read_photo(photos / "camera.png", 96))
    (photos / "camera.png").write_bytes(b"")
    assert annotate(photos, out) == 0
    assert not label_path(out, "rgb", "camera", 0, 0).exists()


def test_labels_of_others_are_not_mixed_with_new_ones(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    shutil.copytree(photos, other)
    assert annotate(photos, out) == 0
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    for folder, options, line in (
        (photos, ["--size", "64"], f"{out}: holds labels at size 96, not 64; choose another folder"),
        (other, [], f"{out}: holds labels of the photos in {photos}, not of those in {other}; choose"),
    ):
        capsys.readouterr()
        assert annotate(folder, out, *options) == 2
        found = capsys.readouterr().err
        assert line in found
        assert found.count("\n") == 1
    (out / NOTE).write_text("[]")
    assert annotate(photos, out) == 2
    assert "annotated.json: not written by this command" in capsys.readouterr().err
    (out / NOTE).unlink()
    assert annotate(photos, out) == 2
    assert "holds pictures that are not of these photos" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == before


def test_labels_below_the_photos_are_no_photos(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert annotate(photos, photos / "out") == 0
        assert "labels of 4 photos" in capsys.readouterr().out


def test_every_kind_of_picture_is_read_the_same_way_or_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    ramp = np.linspace(0, 65_535, 96 * 96).reshape(96, 96)
    Image.fromarray(ramp.astype(np.uint16)).save(photos / "sixteen.png")
    Image.fromarray((ramp / 65_535).astype(np.float32)).save(photos / "float.tif")
    frames = [Image.new("L", (96, 96), grey) for grey in (10, 200, 90)]
    frames[0].save(photos / "moving.gif", save_all=True, append_images=frames[1:])
    (photos / "._sixteen.png").write_bytes(b"\0\5\x16\7")
    assert annotate(photos, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "labels of 2 photos" in said.out
    assert said.err.splitlines() == [
        f"{photos / 'moving.gif'}: holds 3 pictures; the first is taken",
        f"left out: {photos / 'float.tif'}: cannot read this picture (floating-point numbers per pixel have "
        "no known full scale; expected 8 or 16 bits)",
    ]
    found = np.asarray(Image.open(label_path(tmp_path / "out", "rgb", "sixteen", 0, 0)))
    np.testing.assert_allclose(found[..., 0], ramp / 257, atol=1)
    assert (np.asarray(Image.open(label_path(tmp_path / "out", "rgb", "moving", 0, 0))) == 10).all()


def test_a_photo_is_cut_to_its_centre_and_turned_upright(tmp_path: Path) -> None:
    stripes = np.zeros((60, 120, 3), np.uint8)
    stripes[:, :30], stripes[:, 30:90], stripes[:, 90:] = [255, 0, 0], [0, 255, 0], [0, 0, 255]
    Image.fromarray(stripes).save(tmp_path / "wide.png")
    centre = read_photo(tmp_path / "wide.png", 40)[:, 4:-4].astype(int)
    assert np.abs(centre - [0, 255, 0]).max() <= 3  # the filter rings a little
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by a quarter to view
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32] = 255
    Image.fromarray(half).save(tmp_path / "turned.png", exif=exif)
    upright = read_photo(tmp_path / "turned.png", 64)
    assert (upright[:, 34:] == 255).all()
    assert (upright[:, :30] == 0).all()


def test_bad_folders_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert annotate(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "nowhere: expected a folder of pictures" in capsys.readouterr().err
    with pytest.raises(InputError, match="no pictures"):
        find_photos(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"")
    assert annotate(tmp_path, tmp_path / "out") == 2
    assert "none of the 1 pictures can be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert annotate(tmp_path, tmp_path / "out", "--size", "8") == 2
    assert "size: expected at least 32 pixels, found 8" in capsys.readouterr().err


def test_annotated_photos_can_be_packed_at_once(photos: Path, tmp_path: Path) -> None:
    assert annotate(photos, tmp_path / "out") == 0
    assert main(["data", "pack", "--source", str(tmp_path / "out"), "--out", str(tmp_path / "shards")]) == 0
    assert (tmp_path / "shards" / "train" / "index.json").exists()
