import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder import DataFolder, Layout, ViewId, view_key
from lightning_taskonomy.data.folder.names import view_of_file
from lightning_taskonomy.errors import InputError
from tests.data.small_folder import label_file, make_folder


@pytest.mark.parametrize("original", [False, True])
def test_both_layouts_hold_the_same(tmp_path: Path, original: bool) -> None:
    root = make_folder(tmp_path, ("birch", "ash"), points=12, views=2, original=original)
    found = DataFolder.open(root)
    assert found.layout == (Layout.BUILDING_FIRST if original else Layout.DOMAIN_FIRST)
    assert found.buildings == ("ash", "birch")
    assert found.domains == tuple(DOMAINS)
    views = found.views("ash")
    # By number, not by letter: point 2 before point 10.
    assert views.views == [ViewId(point, view) for point in range(12) for view in range(2)]
    assert views.domains == tuple(DOMAINS)
    assert views.strays == views.duplicates == found.strays == found.others == ()
    for domain in DOMAINS:
        assert views.path(domain, ViewId(10, 1)) == label_file(root, "ash", 10, 1, domain, original)


def test_a_level_for_the_component_is_passed_over(tmp_path: Path) -> None:
    plain = make_folder(tmp_path / "plain", domains=("rgb", "normal"))
    for domain in ("rgb", "normal"):
        shutil.copytree(plain / domain, tmp_path / "deep" / domain / "taskonomy")
    found = DataFolder.open(tmp_path / "deep")
    assert found.buildings == ("ash", "birch", "cedar")
    assert len(found.views("cedar").files["normal"]) == 4


def test_views_keep_only_the_labels_they_have(tmp_path: Path) -> None:
    root = make_folder(tmp_path, domains=("rgb", "normal", "class_scene"))
    label_file(root, "ash", 0, 1, "normal").unlink()
    label_file(root, "ash", 1, 0, "rgb").unlink()
    shutil.rmtree(root / "class_scene" / "birch")
    ash, birch = DataFolder.open(root).views("ash"), DataFolder.open(root).views("birch")
    assert list(ash.labels(ViewId(0, 1))) == ["rgb", "class_scene"]
    assert list(ash.labels(ViewId(1, 0))) == ["normal", "class_scene"]
    assert ash.path("normal", ViewId(0, 1)) is None
    assert len(ash.views) == 4
    assert birch.domains == ("rgb", "normal")
    assert birch.path("class_scene", ViewId(0, 0)) is None


def test_names_of_the_released_files_are_understood(tmp_path: Path) -> None:
    names = {
        "points": "point_3_view_1_domain_fixatedpose.json",
        "segment_semantic": "point_3_view_1_domain_segmentsemantic.png",
        "mask_valid": "point_3_view_1_domain_depth_zbuffer.png",
    }
    for folder, name in names.items():
        path = tmp_path / "ash" / folder / name
        path.parent.mkdir(parents=True)
        path.touch()
    views = DataFolder.open(tmp_path).views("ash")
    assert set(views.labels(ViewId(3, 1))) == {"point_info", "segment_semantic", "mask_valid"}


def test_what_is_no_label_is_told_apart(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), 1, 1, ("rgb", "depth_zbuffer"))
    strays = {
        root / "rgb" / "ash" / "point_0_view_0_domain_normal.png",
        root / "rgb" / "ash" / "point_0_view_0_domain_rgb.jpg",
        root / "depth_zbuffer" / "ash" / ".point_0_view_0-x1.png",
    }
    for path in (*strays, root / "rgb" / "notes.txt", root / "readme.md"):
        path.touch()
    again = root / "rgb" / "ash" / "point_00_view_0_domain_rgb.png"
    again.touch()
    (root / "rgb_large" / "ash").mkdir(parents=True)
    found = DataFolder.open(root)
    views = found.views("ash")
    assert set(views.strays) == strays
    assert set(views.duplicates) | {views.path("rgb", ViewId(0, 0))} == {
        again,
        label_file(root, "ash", 0, 0, "rgb"),
    }
    assert found.strays == (root / "rgb" / "notes.txt",)
    assert found.others == (root / "rgb_large",)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: expected a folder of pictures"):
        DataFolder.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found nothing"):
        DataFolder.open(tmp_path)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(InputError, match="found holiday"):
        DataFolder.open(tmp_path)


def test_one_building_in_two_places_is_refused(tmp_path: Path) -> None:
    for component in ("taskonomy", "replica"):
        make_folder(tmp_path / component, ("ash",), 1, 1, ("rgb",))
        shutil.copytree(tmp_path / component / "rgb", tmp_path / "all" / "rgb" / component)
    with pytest.raises(InputError, match="building ash has labels of rgb in"):
        DataFolder.open(tmp_path / "all")


@given(st.integers(0, 10**6), st.integers(0, 99), st.sampled_from(sorted(DOMAINS)))
def test_a_file_name_gives_back_its_view(point: int, view: int, domain: str) -> None:
    path = label_file(Path(), "ash", point, view, domain)
    assert view_of_file(path.name, domain) == (point, view)
    other = "rgb" if domain != "rgb" else "normal"
    assert view_of_file(path.name, other) is None
    assert view_key("ash", ViewId(point, view)) == f"ash/{path.name.split('_domain')[0]}"
