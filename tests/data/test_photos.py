from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.annotate import edge_texture, keypoints2d, segment_unsup2d
from lightning_taskonomy.data.folder.names import label_path
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.photos import find_photos, read_photo


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
