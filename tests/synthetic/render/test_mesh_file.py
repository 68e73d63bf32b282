"""One's own scans: meshes of several formats, as a user hands them over."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.folder.views import DataFolder

pytestmark = pytest.mark.slow

ROOM_M = (5.0, 4.0, 2.6)


def room() -> tuple[trimesh.Trimesh, int]:
    """A closed room with walls seen from inside, a ball and two boxes in it; and how many faces are walls."""
    walls = trimesh.creation.box(ROOM_M).subdivide().subdivide()
    walls.invert()
    ball = trimesh.creation.icosphere(3, 0.4)
    ball.apply_translation([0.8, 0.5, -0.6])
    boxes = [trimesh.creation.box((0.6, 0.6, height)) for height in (0.7, 1.4)]
    boxes[0].apply_translation([-1.2, 0.8, -0.95])
    boxes[1].apply_translation([0.2, -1.2, -0.6])
    whole = trimesh.util.concatenate([walls, ball, *boxes])
    assert isinstance(whole, trimesh.Trimesh)
    colours = np.full((len(whole.vertices), 4), [190, 180, 160, 255], np.uint8)
    colours[len(walls.vertices) :] = [160, 60, 40, 255]
    colours[:, :3] -= np.random.default_rng(0).integers(0, 40, (len(colours), 3)).astype(np.uint8)
    whole.visual = trimesh.visual.ColorVisuals(whole, vertex_colors=colours)
    return whole, len(walls.faces)


def render(mesh: Path, out: Path, *options: str) -> int:
    words = [
        "--mesh",
        str(mesh),
        "--out",
        str(out),
        "--points",
        "3",
        "--views",
        "3",
        "--size",
        "96",
        *options,
    ]
    return main(["data", "render", *words, "--workers", "1"])


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb"])
def test_a_mesh_gets_every_label_that_follows_from_it(suffix: str, tmp_path: Path) -> None:
    mesh, _ = room()
    if suffix == "glb":  # glTF is y-up by definition
        mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    path = tmp_path / f"scan.{suffix}"
    mesh.export(path)
    assert render(path, tmp_path / "out") == 0
    assert main(["data", "check", str(tmp_path / "out")]) == 0
    folder = DataFolder.open(tmp_path / "out")
    assert folder.buildings == ("scan",)
    assert {"class_object", "class_scene", "segment_semantic"}.isdisjoint(folder.domains)
    assert {"rgb", "normal", "depth_zbuffer", "principal_curvature", "point_info"} <= set(folder.domains)
    views = folder.labels("scan")
    assert len(views) == 9
    for labels in views.values():
        assert (np.asarray(Image.open(labels["mask_valid"])) == 255).all()
        depth = np.asarray(Image.open(labels["depth_zbuffer"])) / 512
        assert depth.min() > 0.1
        assert depth.max() < np.linalg.norm(ROOM_M)
        info = json.loads(labels["point_info"].read_text())
        spans = [high - low for low, high in info["bounding_box_ranges"].values()]
        assert sorted(spans) == pytest.approx(sorted(ROOM_M), abs=1e-3)
        assert np.asarray(Image.open(labels["rgb"])).std() > 3


def test_semantic_ids_and_a_scene_bring_the_labels_of_classes(tmp_path: Path) -> None:
    mesh, walls = room()
    mesh.export(tmp_path / "scan.ply")
    ids = np.where(np.arange(len(mesh.faces)) < walls, 1, 3)
    np.save(tmp_path / "ids.npy", ids)
    options = ["--semantic", str(tmp_path / "ids.npy"), "--scene", "kitchen", "--metres", "0.5"]
    assert render(tmp_path / "scan.ply", tmp_path / "out", *options) == 0
    folder = DataFolder.open(tmp_path / "out")
    assert {"class_object", "class_scene", "segment_semantic"} <= set(folder.domains)
    seen: set[int] = set()
    for labels in folder.labels("scan").values():
        seen |= set(np.unique(np.asarray(Image.open(labels["segment_semantic"]))).tolist())
        assert np.asarray(Image.open(labels["depth_zbuffer"])).max() / 512 < 0.5 * np.linalg.norm(ROOM_M)
    assert seen == {1, 3}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scan.ply", b"ply\nnonsense", "scan.ply"),
        ("scan.xyz123", b"", "scan.xyz123"),
        ("scan.obj", b"v 0 0 0\n", "scan.obj"),
    ],
)
def test_files_that_are_no_meshes_are_one_line(
    name: str, content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert render(tmp_path / name, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_options_that_do_not_fit_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh, _ = room()
    mesh.export(tmp_path / "scan.ply")
    np.save(tmp_path / "ids.npy", np.ones(3, int))
    for options, message in (
        (["--semantic", str(tmp_path / "ids.npy")], "one semantic id per face"),
        (["--scene", "submarine"], "'submarine' is none of the 63 scene classes"),
        (["--metres", "0"], "metres: expected a number above 0"),
        (["--up", "x"], "--up: Expected a value of 'auto', 'y', 'z'"),
    ):
        assert render(tmp_path / "scan.ply", tmp_path / "out", *options) == 2
        assert message in capsys.readouterr().err


def test_views_of_earlier_conventions_are_not_mixed_with_new_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh, _ = room()
    mesh.export(tmp_path / "scan.ply")
    out = tmp_path / "out"
    assert render(tmp_path / "scan.ply", out) == 0
    assert render(tmp_path / "scan.ply", out) == 0  # goes on where it was
    assert json.loads((out / "rendered.json").read_text()) == {"conventions": 2}
    (out / "rendered.json").unlink()
    capsys.readouterr()
    assert render(tmp_path / "scan.ply", out) == 2
    found = capsys.readouterr().err
    assert found.startswith(f"error: {out}: made by label conventions 1, expected 2 (normals point into the")
    assert found.endswith("; render to another folder\n")
    assert found.count("\n") == 1
    (out / "rendered.json").write_text("[]")
    assert render(tmp_path / "scan.ply", out) == 2
    assert "rendered.json: not written by this command" in capsys.readouterr().err
