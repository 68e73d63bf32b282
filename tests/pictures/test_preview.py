from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.pictures.preview import draw_preview, visible
from tests.data.small_folder import label_file, make_folder


@pytest.mark.parametrize("original", [False, True])
def test_every_domain_of_every_view_is_drawn(tmp_path: Path, original: bool) -> None:
    root = make_folder(tmp_path, points=1, views=2, original=original)
    for number, domain in enumerate(("rgb", "normal", "reshading")):
        colour = (200 + number, 3, 7)
        for building in ("ash", "birch", "cedar"):
            for view in (0, 1):
                path = label_file(root, building, 0, view, domain, original)
                Image.new("RGB", (24, 24), colour).save(path)
    pixels = draw_preview(root, views=6)
    for number in range(3):
        # Six views with tiles of the same size, in six places.
        held = (pixels == (200 + number, 3, 7)).all(axis=-1)
        assert held.sum() == 6 * 160 * 160
    assert len(pixels) > 6 * 3 * 160


def test_views_come_from_all_buildings(tmp_path: Path) -> None:
    root = make_folder(tmp_path, points=5, domains=("rgb",))
    colours = {"ash": (250, 1, 1), "birch": (1, 250, 1), "cedar": (1, 1, 250)}
    for path in root.glob("rgb/*/*.png"):
        Image.new("RGB", (24, 24), colours[path.parent.name]).save(path)
    pixels = draw_preview(root, views=3)
    for colour in colours.values():
        assert (pixels == colour).all(axis=-1).sum() == 160 * 160


def test_scenes_are_drawn_by_name_from_files_of_both_lengths(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), 1, 1, ("rgb", "class_scene"))
    path = label_file(root, "ash", 0, 0, "class_scene")
    drawn = []
    for length, kitchen, bedroom in ((365, 203, 52), (63, 33, 9)):
        shares = np.full(length, 1e-3, np.float32)
        shares[[kitchen, bedroom]] = 0.5, 0.25
        np.save(path, shares)
        drawn.append(draw_preview(root, 1))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    shares[33] = 0.1
    np.save(path, shares)
    assert (draw_preview(root, 1) != drawn[0]).any()


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), 1, 1, ("rgb", "normal"))
    whole = draw_preview(root, 1)
    label_file(root, "ash", 0, 0, "normal").unlink()
    without = draw_preview(root, 1)
    assert whole.shape == without.shape
    changed = np.nonzero((whole != without).any(axis=(0, 2)))[0]
    assert changed.max() - changed.min() < 160


def test_values_are_drawn_as_the_tasks_see_them() -> None:
    depth = visible(np.array([[256, 512, 5120, 65535]], np.uint16), "depth_zbuffer")[0, :, 0]
    assert depth[0] == 255
    assert depth[0] > depth[1] > depth[2] > depth[3] == 0
    edges = visible(np.array([[0, 2621, 5243, 65535]], np.uint16), "edge_texture")[0, :, 0]
    np.testing.assert_allclose(edges, [0, 127.5, 255, 255], atol=1)
    ids = visible(np.arange(256, dtype=np.uint8)[None], "segment_semantic")[0]
    assert len({tuple(colour) for colour in ids[:18]}) == 18


def test_the_command_writes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_folder(tmp_path / "in", points=1, views=1, domains=tuple(DOMAINS))
    assert main(["data", "preview", str(root), "--out", str(tmp_path / "sheet.png"), "--views", "2"]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.format, sheet.mode) == ("PNG", "RGB")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("domain", ["rgb", "depth_zbuffer", "class_scene", "point_info"])
def test_a_damaged_label_is_named_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], domain: str
) -> None:
    root = make_folder(tmp_path / "in", ("ash",), 1, 1)
    path = label_file(root, "ash", 0, 0, domain)
    path.write_bytes(path.read_bytes()[:60])
    assert main(["data", "preview", str(root), "--out", str(tmp_path / "sheet.png")]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "sheet.png").exists()


def test_a_folder_without_pictures_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path / "in", ("ash",), 1, 1, ("normal",))
    assert main(["data", "preview", str(tmp_path / "in"), "--out", str(tmp_path / "sheet.png")]) == 2
    assert "expected rgb images, found none in ash" in capsys.readouterr().err
