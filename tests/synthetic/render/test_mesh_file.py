"""The user's scans: meshes of several formats."""

import json
import struct
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.folder.views import DataFolder

pytestmark = pytest.mark.slow

ROOM_M = (5.0, 4.0, 2.6)


def room() -> tuple[trimesh.Trimesh, int]:
    """A closed room with walls facing inwards, a ball and two boxes; and the number of faces of walls."""
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


def test_semantic_ids_and_a_scene_give_class_labels(tmp_path: Path) -> None:
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
def test_other_files_give_a_one_line_error(
    name: str, content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert render(tmp_path / name, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def changed_glb(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A cube as binary glTF with a modified header."""
    content = trimesh.creation.box().export(file_type="glb")
    length = struct.unpack("<I", content[12:16])[0]
    header = json.loads(content[20 : 20 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    total = struct.pack("<I", 20 + len(text) + len(rest))
    path.write_bytes(content[:8] + total + struct.pack("<I", len(text)) + content[16:20] + text + rest)


def cut_accessors(header: dict[str, Any]) -> None:
    for accessor in header["accessors"]:
        if accessor["type"] == "VEC3":
            accessor["count"] = 3


BAD_GLB: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "corners out of range": (cut_accessors, "a triangle has corner 7 of 3"),
    "no such accessor": (
        lambda header: header["meshes"][0]["primitives"][0]["attributes"].update(POSITION=99),
        "cannot read this mesh",
    ),
    "view beyond the end": (
        lambda header: header["bufferViews"][0].update(byteOffset=10**9),
        "cannot read this mesh",
    ),
    "meshopt": (
        lambda header: header.update(extensionsRequired=["EXT_meshopt_compression"]),
        "compressed with meshopt (EXT_meshopt_compression); export it uncompressed",
    ),
    "no list": (lambda header: header.update(extensionsUsed=5), "cannot read this mesh"),
}


@pytest.mark.parametrize("name", BAD_GLB)
def test_unreadable_gltf_gives_a_one_line_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, line = BAD_GLB[name]
    changed_glb(tmp_path / "cube.glb", change)
    assert render(tmp_path / "cube.glb", tmp_path / "out", "--outside") == 2
    error = capsys.readouterr().err
    assert "cube.glb: " in error
    assert line in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(find_spec("DracoPy") is not None, reason="the package that reads Draco is installed")
def test_draco_names_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed_glb(
        tmp_path / "cube.glb",
        lambda header: header.update(extensionsRequired=["KHR_draco_mesh_compression"]),
    )
    assert render(tmp_path / "cube.glb", tmp_path / "out", "--outside") == 2
    assert "pip install DracoPy" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["inf", "nan", "-inf"])
def test_vertices_that_are_not_finite_give_a_one_line_error(
    number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.obj").write_text(f"v 0 0 0\nv 1 0 0\nv {number} 1 0\nv 0 1 0\nf 1 2 4\nf 1 2 3\n")
    assert render(tmp_path / "a.obj", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert f"corner 2 is not finite: {number} 1.0 0.0" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("scale", "extent"), [(1, "5 x 4 x 2.6 m"), (1000, "5,000 x 4,000 x 2,600 m"), (0.001, "0.005 x 0.004 x")]
)
def test_a_box_seen_from_outside_is_refused_with_its_extent(
    scale: float, extent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = trimesh.creation.box(ROOM_M)
    box.apply_scale(scale)
    box.export(tmp_path / "box.ply")
    assert render(tmp_path / "box.ply", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert f"box: no free place inside from which its faces are seen; it is {extent}" in error
    assert "turn its faces inwards, set --metres" in error
    assert "--outside" in error
    assert error.count("\n") == 1


def test_a_room_in_millimetres_says_how_wide_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh, _ = room()
    mesh.apply_scale(1000)
    mesh.export(tmp_path / "room.ply")
    assert render(tmp_path / "room.ply", tmp_path / "out", "--points", "1", "--views", "1") == 2
    error = capsys.readouterr().err
    assert "it is 5,000 x 4,000 x 2,600 m large" in error
    assert "--metres" in error
    assert "fewer points" not in error
    assert render(tmp_path / "room.ply", tmp_path / "out", "--metres", "0.001") == 0


def test_an_object_is_seen_from_outside_all_around(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(3, 400.0)
    ball.apply_translation([3000.0, 0.0, 500.0])
    ball.export(tmp_path / "ball.ply")
    assert render(tmp_path / "ball.ply", tmp_path / "out", "--outside", "--metres", "0.001") == 0
    assert main(["data", "check", str(tmp_path / "out")]) == 0
    folder = DataFolder.open(tmp_path / "out")
    middle = np.array([3.0, 0.0, 0.5])
    for labels in folder.labels("ball").values():
        info = json.loads(labels["point_info"].read_text())
        assert "bounding_box_ranges" not in info
        camera, point = np.array(info["camera_location"]), np.array(info["point_location"])
        assert np.linalg.norm(point - middle) == pytest.approx(0.4, abs=0.01)
        assert np.linalg.norm(camera - middle) > 0.8
        # The ball's distance, by the ray through the picture's middle, which the camera is turned to.
        depth = np.asarray(Image.open(labels["depth_euclidean"]))[47:49, 47:49] / 512
        assert depth.mean() == pytest.approx(np.linalg.norm(camera - point), abs=0.02)
        seen = np.asarray(Image.open(labels["mask_valid"])) == 255
        assert 0.05 < seen.mean() < 0.95
    assert main(["data", "pack", "--source", str(tmp_path / "out"), "--out", str(tmp_path / "shards")]) == 0


@pytest.mark.parametrize("side", [0.01, 100.0])
def test_objects_of_implausible_size_are_refused(
    side: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trimesh.creation.box((side, side, side)).export(tmp_path / "cube.ply")
    assert render(tmp_path / "cube.ply", tmp_path / "out", "--outside") == 2
    assert f"it is {side:g} x {side:g} x {side:g} m large; expected 0.2 to 30 m" in capsys.readouterr().err


def test_a_missing_texture_is_reported_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mesh, _ = room()
    lines = [f"v {x} {y} {z}" for x, y, z in mesh.vertices] + ["vt 0 0", "usemtl wall"]
    lines += ["f " + " ".join(f"{corner + 1}/1" for corner in face) for face in mesh.faces]
    (tmp_path / "room.obj").write_text("\n".join(["mtllib room.mtl", *lines]))
    (tmp_path / "room.mtl").write_text("newmtl wall\nmap_Kd C:\\pictures\\wall.png\n")
    assert render(tmp_path / "room.obj", tmp_path / "out") == 0
    line = f"{tmp_path / 'room.obj'}: missing texture C:\\pictures\\wall.png; rendered in plain colours"
    assert capfd.readouterr().err.splitlines() == [line]


def test_invalid_options_give_a_one_line_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh, _ = room()
    mesh.export(tmp_path / "scan.ply")
    np.save(tmp_path / "ids.npy", np.ones(3, int))
    for options, message in (
        (["--semantic", str(tmp_path / "ids.npy")], "one semantic id per face"),
        (["--scene", "submarine"], "'submarine' is not one of the 63 scene classes"),
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
    assert json.loads((out / "rendered.json").read_text())["conventions"] == 2
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
