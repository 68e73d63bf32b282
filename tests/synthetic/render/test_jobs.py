"""Resuming rendering into a folder, and stopping it from a terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main

pytestmark = pytest.mark.slow

CORNERS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 3)]
FACES = [
    (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
    (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
]  # fmt: skip


def write_room(path: Path, half_m: float) -> None:
    """A closed box with faces that point inwards."""
    corners = [f"v {x * half_m} {y * half_m} {z}" for x, y, z in CORNERS]
    faces = [f"f {a + 1} {c + 1} {b + 1}" for a, b, c in FACES]
    path.write_text("\n".join([*corners, *faces]))


def render(mesh: Path, out: Path, *options: str) -> int:
    words = ["--mesh", str(mesh), "--out", str(out), "--points", "1", "--views", "1", "--workers", "1"]
    return main(["data", "render", *words, *options])


def pictures(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.png")}


def test_rendering_resumes_only_with_the_same_mesh_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh, out = tmp_path / "room.obj", tmp_path / "out"
    write_room(mesh, 3)
    assert render(mesh, out, "--size", "32") == 0
    before = pictures(out)
    (out / "point_info" / "room" / "point_0_view_0_domain_point_info.json").unlink()  # killed before its end
    assert render(mesh, out, "--size", "32") == 0
    assert pictures(out) == before
    for options, line in (
        (["--size", "64"], "holds room at size 32, not 64; choose another folder"),
        (["--size", "32", "--views", "2"], "holds room at views 1, not 2; choose another folder"),
        (["--size", "32", "--seed", "5"], "holds room with seed 0, not 5; choose another folder"),
        (["--size", "32", "--metres", "2"], "holds room with metres 1.0, not 2.0; choose another folder"),
        (["--size", "32", "--scene", "kitchen"], "with scene None, not kitchen; choose another folder"),
    ):
        capsys.readouterr()
        assert render(mesh, out, *options) == 2
        assert f"error: {out}: " in (found := capsys.readouterr().err)
        assert line in found
        assert found.count("\n") == 1
    write_room(mesh, 2)
    assert render(mesh, out, "--size", "32") == 2
    assert "holds room with another content of the mesh; choose another folder" in capsys.readouterr().err
    assert pictures(out) == before
    (tmp_path / "hall.obj").write_text(mesh.read_text())
    assert render(tmp_path / "hall.obj", out, "--size", "32") == 0
    assert (out / "splits.csv").read_text().splitlines()[1:] == ["hall,1,0,0", "room,1,0,0"]


def test_a_texture_is_part_of_its_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    mesh, out = tmp_path / "room.obj", tmp_path / "out"
    write_room(mesh, 3)
    mesh.write_text("mtllib room.mtl\nusemtl wall\n" + mesh.read_text())
    (tmp_path / "room.mtl").write_text("newmtl wall\nmap_Kd Textures\\Wall.png\n")
    (tmp_path / "textures").mkdir()
    for grey in (60, 200):
        Image.new("L", (8, 8), grey).save(tmp_path / "textures" / "wall.png")
        found = render(mesh, out, "--size", "32")
        assert found == (0 if grey == 60 else 2)
    assert "another content of the mesh" in capsys.readouterr().err


def test_a_refused_mesh_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh, out = tmp_path / "room.obj", tmp_path / "out"
    mesh.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf -1 -2 -3\n")
    assert render(mesh, out, "--size", "32") == 2
    assert "triangle" not in capsys.readouterr().out
    assert not out.exists()
    write_room(mesh, 3)
    assert render(mesh, out, "--size", "32") == 0


def test_rooms_of_another_size_are_refused_and_more_of_the_same_join(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "rooms", "--out", str(tmp_path), "--points", "1", "--views", "1", "--workers", "1"]
    assert main([*words, "--buildings", "1", "--size", "32"]) == 0
    before = pictures(tmp_path)
    assert main([*words, "--buildings", "1", "--size", "48"]) == 2
    assert "holds house0x0000 at size 32, not 48; choose another folder" in capsys.readouterr().err
    assert main([*words, "--buildings", "2", "--size", "32"]) == 0
    assert before.items() <= pictures(tmp_path).items()
    assert list(json.loads((tmp_path / "rendered.json").read_text())["buildings"]) == [
        "house0x0000", "house0x0001"
    ]  # fmt: skip


def test_ctrl_c_ends_rendering_at_once_in_one_line(tmp_path: Path) -> None:
    words = f"data rooms --out {tmp_path / 'out'} --buildings 9 --points 9 --size 64 --workers 2"
    program = subprocess.Popen(
        [sys.executable, "-m", "lightning_taskonomy", *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started = time.monotonic()
    while not list(tmp_path.glob("out/point_info/*/*.json")) and time.monotonic() - started < 240:
        time.sleep(0.1)
    os.killpg(program.pid, signal.SIGINT)
    sent = time.monotonic()
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert time.monotonic() - sent < 5  # two seconds on a machine with nothing else to do
