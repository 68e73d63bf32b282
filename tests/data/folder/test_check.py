import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.folder.check import check_folder
from lightning_taskonomy.data.folder.label_check import check_label
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.point_info_check import ROOM_FIELDS
from lightning_taskonomy.data.folder.report import Report
from tests.data.small_folder import SIZE, label_file, make_folder, point_record


def victim(root: Path, domain: str, view: int = 1) -> Path:
    return label_file(root, "birch", 1, view, domain)


def replaced(domain: str, image: Image.Image) -> Callable[[Path], None]:
    return lambda root: image.save(victim(root, domain))


def vector(values: np.ndarray) -> Callable[[Path], None]:
    return lambda root: np.save(victim(root, "class_object"), values)


def record(**changes: object) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        kept = {**point_record(1, 1, SIZE), **changes}
        given_fields = {name: value for name, value in kept.items() if value is not None}
        victim(root, "point_info").write_text(json.dumps(given_fields))

    return damage


def cut_in_half(root: Path) -> None:
    path = victim(root, "normal")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap_depths(root: Path) -> None:
    z_depth, distance = victim(root, "depth_zbuffer"), victim(root, "depth_euclidean")
    bytes_of_z_depth = z_depth.read_bytes()
    z_depth.write_bytes(distance.read_bytes())
    distance.write_bytes(bytes_of_z_depth)


def write_list(content: str) -> Callable[[Path], object]:
    return lambda root: (root / "splits.csv").write_text(content)


HEAD = "id,train,val,test"
GREY16 = Image.fromarray(np.full((SIZE, SIZE), 65535, np.uint16))
DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    # The damage done to an intact folder, the kind that must be found, and where.
    "label removed": (
        lambda root: victim(root, "reshading").unlink(),
        "missing label",
        "reshading/birch/point_1",
    ),
    "empty file": (
        lambda root: victim(root, "rgb").write_bytes(b""),
        "empty file",
        "rgb/birch/point_1_view_1",
    ),
    "file cut in half": (cut_in_half, "damaged picture", "normal/birch/point_1_view_1"),
    "text named png": (
        lambda root: victim(root, "rgb").write_text("no"),
        "not a picture",
        "rgb/birch/point_1",
    ),
    "depth in 8 bits": (
        replaced("depth_zbuffer", Image.new("L", (SIZE, SIZE), 7)),
        "wrong channels or bit depth",
        "depth_zbuffer/birch/point_1_view_1",
    ),
    "normals in grey": (
        replaced("normal", Image.new("L", (SIZE, SIZE), 7)),
        "wrong channels or bit depth",
        "normal/birch/point_1_view_1",
    ),
    "rgb with alpha": (
        replaced("rgb", Image.new("RGBA", (SIZE, SIZE), (1, 2, 3, 4))),
        "wrong channels or bit depth",
        "rgb/birch/point_1_view_1",
    ),
    "ids in a palette": (
        replaced("segment_unsup2d", Image.new("P", (SIZE, SIZE))),
        "wrong channels or bit depth",
        "segment_unsup2d/birch/point_1_view_1",
    ),
    "another size": (
        replaced("edge_texture", Image.fromarray(np.ones((SIZE, SIZE + 1), np.uint16))),
        "wrong size",
        "edge_texture/birch/point_1_view_1",
    ),
    "blank rgb": (
        replaced("rgb", Image.new("RGB", (SIZE, SIZE))),
        "blank picture",
        "rgb/birch/point_1_view_1",
    ),
    "depth without surface": (
        replaced("depth_euclidean", GREY16),
        "no surface",
        "depth_euclidean/birch/point_1",
    ),
    "depths swapped": (swap_depths, "labels disagree", "depth_euclidean/birch/point_1_view_1"),
    "unknown class": (
        replaced("segment_semantic", Image.new("L", (SIZE, SIZE), 18)),
        "value out of range",
        "segment_semantic/birch/point_1_view_1",
    ),
    "mask of ones": (
        replaced("mask_valid", Image.new("L", (SIZE, SIZE), 1)),
        "value out of range",
        "mask_valid/birch/point_1_view_1",
    ),
    "NaN in a vector": (
        vector(np.full(1000, np.nan, np.float32)),
        "not finite",
        "class_object/birch/point_1_view_1",
    ),
    "short vector": (vector(np.ones(999, np.float32)), "wrong shape", "class_object/birch/point_1_view_1"),
    "vector of integers": (vector(np.ones(1000, np.int64)), "wrong shape", "class_object/birch/point_1"),
    "pickle named npy": (
        lambda root: victim(root, "class_scene").write_bytes(b"\x80\x04N."),
        "unreadable array",
        "class_scene/birch/point_1_view_1",
    ),
    "JSON cut short": (
        lambda root: victim(root, "point_info").write_text('{"room": '),
        "unreadable JSON",
        "point_info/birch/point_1_view_1",
    ),
    "field missing": (
        record(room=None, point_pitch=None),
        "missing field",
        "point_info/birch/point_1_view_1",
    ),
    "camera nowhere": (
        record(camera_location=[1.0, float("nan"), 2.0]),
        "not finite",
        "point_info/birch/point_1_view_1",
    ),
    "record of another view": (
        record(view_id=0),
        "name and content differ",
        "point_info/birch/point_1_view_1",
    ),
    "field of view in degrees": (
        record(field_of_view_rads=75),
        "value out of range",
        "point_info/birch/point_1_view_1",
    ),
    "vanishing points too long": (
        record(vanishing_points_gaussian_sphere={axis: [1, 1, 0] for axis in "xyz"}),
        "value out of range",
        "point_info/birch/point_1_view_1",
    ),
    "room inside out": (
        record(bounding_box_ranges={axis: [4.0, 0.0] for axis in "xyz"}),
        "value out of range",
        "point_info/birch/point_1_view_1",
    ),
    "no room": (
        record(room=None, bounding_box_ranges=None),
        "record without its room",
        "point_info/birch/point_1_view_1",
    ),
    "no vanishing points": (
        record(vanishing_points_gaussian_sphere=None, vanishing_points_image=None),
        "record without its room",
        "point_info/birch/point_1_view_1",
    ),
    "box not swapped": (
        # The camera stands at x = 1, y = 2.
        record(bounding_box_ranges={"x": [0.5, 1.5], "y": [1.5, 4.0], "z": [0.0, 2.5]}),
        "camera outside its room",
        "point_info/birch/point_1_view_1",
    ),
    "wall towards the camera": (
        replaced("normal", Image.new("RGB", (SIZE, SIZE), (127, 127, 254))),
        "normals inverted",
        "normal/birch/point_1_view_1",
    ),
    "partner without camera": (
        lambda root: victim(root, "point_info", view=0).unlink(),
        "view without partner",
        "birch/point_1_view_1",
    ),
    "stray file": (
        lambda root: (root / "rgb" / "birch" / "Thumbs.db").touch(),
        "stray file",
        "rgb/birch/Thumbs.db",
    ),
    "left over by a killed run": (
        lambda root: (root / "rgb" / "birch" / ".point_1-x.png").touch(),
        "stray file",
        "rgb/birch/.point_1-x.png",
    ),
    "label twice": (
        lambda root: shutil.copy(
            victim(root, "mask_valid"), root / "mask_valid/birch/point_1_view_1_domain_depth_zbuffer.png"
        ),
        "repeated label",
        "mask_valid/birch/point_1_view_1_domain_depth_zbuffer.png",
    ),
    "list with an unknown building": (
        write_list(f"{HEAD}\rash,1,0,0\rbirch,0,1,0\rcedar,0,0,1\roak,1,0,0"),
        "building without folder",
        "splits.csv",
    ),
    "list without a building": (
        write_list(f"{HEAD}\rash,1,0,0\rbirch,0,1,0"),
        "building in no split",
        "splits.csv",
    ),
    "building in two splits": (write_list(f"{HEAD}\rash,1,1,0"), "bad list of splits", "splits.csv"),
}
NO_DAMAGE = {
    "label removed",
    "partner without camera",
    "no room",
    "no vanishing points",
    "box not swapped",
    "wall towards the camera",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("whole"))


def test_a_whole_folder_has_no_problems(whole: Path) -> None:
    report = check_folder(whole, workers=1)
    assert report.problems == []
    assert report.views == {"ash": 4, "birch": 4, "cedar": 4}
    assert report.points == {"ash": 2, "birch": 2, "cedar": 2}
    assert all(counts == {"ash": 4, "birch": 4, "cedar": 4} for counts in report.labels.values())


@pytest.mark.parametrize("name", DAMAGE)
def test_each_damage_is_found_where_it_is(whole: Path, tmp_path: Path, name: str) -> None:
    damage, kind, place = DAMAGE[name]
    root = tmp_path / "data"
    shutil.copytree(whole, root)
    damage(root)
    report = check_folder(root, workers=1)
    found = [problem for problem in report.problems if problem.kind == kind]
    assert any(problem.path.startswith(place) for problem in found), report.problems
    assert bool(report.damage) == (name not in NO_DAMAGE)


def test_twelve_kinds_at_once_are_told_apart_by_two_workers(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(whole, root)
    names = (
        "label removed", "file cut in half", "depth in 8 bits", "another size", "depth without surface",
        "unknown class", "short vector", "pickle named npy", "field missing", "partner without camera",
        "stray file", "list without a building",
    )  # fmt: skip
    for name in names:
        # Damage to one file leaves room for damage to another; the two that share a file keep the later.
        DAMAGE[name][0](root)
    kinds = check_folder(root, workers=2).kinds()
    assert len({DAMAGE[name][1] for name in names}) == len(names)
    assert {DAMAGE[name][1] for name in names} <= set(kinds)
    # The removed label and the removed partner's record; nothing is reported that was not done.
    assert kinds["missing label"] == 2
    assert set(kinds) == {DAMAGE[name][1] for name in names}


def test_a_list_cut_short_is_found(whole: Path, tmp_path: Path) -> None:
    tiny = tmp_path / "train_val_test_tiny.csv"
    tiny.write_text(f"{HEAD}\rash,1,0,0\rbirch,0,1,0\rcedar,0,0,1\r")
    report = check_folder(whole, 1, tiny)
    assert [(problem.kind, problem.found) for problem in report.problems] == [
        ("list of splits cut short", "expected 25/5/5 buildings, found 1/1/1")
    ]
    assert report.splits == {"ash": "train", "birch": "val", "cedar": "test"}


def test_the_original_layout_is_checked_alike(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), domains=("rgb", "normal"), original=True)
    label_file(root, "ash", 0, 0, "normal", original=True).write_bytes(b"")
    (problem,) = check_folder(root, workers=1).problems
    assert (problem.kind, problem.path) == ("empty file", "ash/normal/point_0_view_0_domain_normal.png")


def test_photos_without_cameras_need_no_partner(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("cat", "dog"), 1, 1, ("rgb", "edge_texture"))
    assert check_folder(root, workers=1).problems == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
@pytest.mark.parametrize("domain", ["rgb", "depth_zbuffer", "class_scene", "point_info"])
def test_no_broken_file_stops_a_check(
    whole: Path, tmp_path: Path, domain: str, where: float, byte: int, cut: bool
) -> None:
    before = label_file(whole, "ash", 0, 0, domain).read_bytes()
    content = bytearray(before)
    place = int(where * len(content))
    content[place] = byte
    path = tmp_path / label_file(whole, "ash", 0, 0, domain).name
    path.write_bytes(content[:place] if cut else content)
    findings, _ = check_label(path, domain, ViewName("ash", 0, 0))
    # PNG has checksums: no change can hide before the closing mark, the last 12 bytes.
    if domain in ("rgb", "depth_zbuffer") and place < len(before) - 12:
        assert bool(findings) == (path.read_bytes() != before)


def test_the_command_says_all_and_writes_json(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--json", str(tmp_path / "report.json"), "--workers", "1"]
    assert main(["data", "check", str(whole), *words]) == 0
    captured = capsys.readouterr()
    assert "omnidata layout, 3 buildings, 12 views" in captured.out
    assert captured.err == ""
    root = tmp_path / "data"
    shutil.copytree(whole, root)
    cut_in_half(root)
    DAMAGE["label removed"][0](root)
    DAMAGE["stray file"][0](root)
    assert main(["data", "check", str(root), *words]) == 2
    captured = capsys.readouterr()
    assert "reshading                  11  (1 missing)" in captured.out
    assert "damaged picture: 1\n  normal/birch/point_1_view_1_domain_normal.png: " in captured.out
    assert captured.err == f"error: {root}: 2 problems beyond warnings, see above\n"
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["kinds"] == {"damaged picture": 1, "missing label": 1, "stray file": 1}
    assert written["labels"]["reshading"] == {"ash": 4, "birch": 3, "cedar": 4}
    assert written["damaged"] == 2
    assert len(written["problems"]) == 3


def test_scene_files_hold_365_or_63_numbers(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / label_file(whole, "ash", 0, 0, "class_scene").name
    for length in (365, 63):
        np.save(path, np.full(length, 1 / length, np.float32))
        assert check_label(path, "class_scene", ViewName("ash", 0, 0)) == ([], None)
    np.save(path, np.full(64, 1 / 64, np.float32))
    found = [("wrong shape", "expected 365 or 63 floating-point numbers, found float32 (64,)")]
    assert check_label(path, "class_scene", ViewName("ash", 0, 0)) == (found, None)
    np.save(path, np.full(63, 1 / 63, np.float32))
    found = [("wrong shape", "expected 1000 floating-point numbers, found float32 (63,)")]
    assert check_label(path, "class_object", ViewName("ash", 0, 0)) == (found, None)


def test_only_gaps_are_no_failure(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(whole, root)
    shutil.rmtree(root / "class_scene" / "ash")
    assert main(["data", "check", str(root), "--workers", "1"]) == 0
    report: Report = check_folder(root, 1)
    assert report.kinds() == {"missing label": 4}


def test_records_of_releases_without_rooms_pass_with_a_warning(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(whole, root)
    for path in (root / "point_info").rglob("*.json"):
        info = json.loads(path.read_text())
        path.write_text(json.dumps({name: value for name, value in info.items() if name not in ROOM_FIELDS}))
    assert main(["data", "check", str(root), "--workers", "1", "--show", "1"]) == 0
    out = capsys.readouterr().out
    assert "record without its room: 12\n  point_info/ash/" in out
    assert ": room, bounding_box_ranges, vanishing_points_gaussian_sphere, vanishing_points_image\n" in out


@pytest.mark.parametrize("words", [["nowhere"], [".", "--workers", "0"], [".", "--split", "none.csv"], []])
def test_bad_calls_are_one_line(
    whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(whole)
    assert main(["data", "check", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
