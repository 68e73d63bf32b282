import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import ViewName, label_path, view_of_label
from lightning_taskonomy.data.folder.views import DataFolder
from tests.data.small_folder import label_file, make_folder


@pytest.mark.parametrize("original", [False, True])
def test_both_layouts_hold_the_same(tmp_path: Path, original: bool) -> None:
    root = make_folder(tmp_path, ("birch", "ash"), points=12, views=2, original=original)
    found = DataFolder.open(root)
    assert found.layout == ("original" if original else "omnidata")
    assert found.buildings == ("ash", "birch")
    assert found.domains == tuple(DOMAINS)
    labels = found.labels("ash")
    # By number, not by letter: point 2 before point 10.
    assert list(labels) == [ViewName("ash", point, view) for point in range(12) for view in range(2)]
    assert labels[ViewName("ash", 10, 1)] == {
        domain: label_file(root, "ash", 10, 1, domain, original) for domain in DOMAINS
    }
    assert found.stray_files("ash") == found.repeated_files("ash") == []


def test_a_level_for_the_component_is_passed_over(tmp_path: Path) -> None:
    plain = make_folder(tmp_path / "plain", domains=("rgb", "normal"))
    for domain in ("rgb", "normal"):
        shutil.copytree(plain / domain, tmp_path / "deep" / domain / "taskonomy")
    found = DataFolder.open(tmp_path / "deep")
    assert found.buildings == ("ash", "birch", "cedar")
    assert len(found.labels("cedar")) == 4
    assert found.folder_of("ash", "normal") == tmp_path / "deep" / "normal" / "taskonomy" / "ash"


def test_views_keep_only_the_labels_they_have(tmp_path: Path) -> None:
    root = make_folder(tmp_path, domains=("rgb", "normal", "class_scene"))
    label_file(root, "ash", 0, 1, "normal").unlink()
    label_file(root, "ash", 1, 0, "rgb").unlink()
    shutil.rmtree(root / "class_scene" / "birch")
    found = DataFolder.open(root)
    ash, birch = found.labels("ash"), found.labels("birch")
    assert set(ash[ViewName("ash", 0, 1)]) == {"rgb", "class_scene"}
    assert set(ash[ViewName("ash", 1, 0)]) == {"normal", "class_scene"}
    assert len(ash) == len(birch) == 4
    assert all(set(labels) == {"rgb", "normal"} for labels in birch.values())


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
    ((view, labels),) = DataFolder.open(tmp_path).labels("ash").items()
    assert view == ViewName("ash", 3, 1)
    assert set(labels) == {"point_info", "segment_semantic", "mask_valid"}


def test_what_is_no_label_is_told_apart(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), 1, 1, ("rgb", "mask_valid"))
    strays = {
        root / "rgb" / "ash" / "point_0_view_0_domain_normal.png",
        root / "rgb" / "ash" / "point_0_view_0_domain_rgb.jpg",
        root / "rgb" / "ash" / "point_00_view_0_domain_rgb.png",
        root / "mask_valid" / "ash" / ".point_0_view_0-x1.png",
    }
    again = root / "mask_valid" / "ash" / "point_0_view_0_domain_depth_zbuffer.png"
    for path in (*strays, again, root / "readme.md"):
        path.touch()
    (root / "rgb_large" / "ash").mkdir(parents=True)
    found = DataFolder.open(root)
    assert found.domains == ("rgb", "mask_valid")
    assert set(found.stray_files("ash")) == strays
    assert found.repeated_files("ash") == [again]
    (labels,) = found.labels("ash").values()
    assert labels["mask_valid"] == label_file(root, "ash", 0, 0, "mask_valid")


def test_what_is_hidden_is_passed_over(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data", ("ash",), domains=("rgb", "normal"))
    nested = tmp_path / "nested" / "rgb" / "taskonomy"
    nested.parent.mkdir(parents=True)
    (root / "rgb").rename(nested)
    hidden = b"\0\5\x16\7" + bytes(100)
    for folder in (root, root / "normal", root / "normal" / "ash", nested.parent, nested, nested / "ash"):
        for name in ("._point_0_view_0_domain_rgb.png", "._point_0_view_0_domain_normal.png", ".DS_Store"):
            (folder / name).write_bytes(hidden)
    for found in (DataFolder.open(root), DataFolder.open(tmp_path / "nested")):
        assert found.buildings == ("ash",)
        assert found.stray_files("ash") == []
        assert len(found.labels("ash")) == 4


def test_one_label_is_found_as_in_the_list(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ("ash",), 2, 2, ("rgb", "mask_valid"))
    renamed = label_file(root, "ash", 1, 1, "mask_valid")
    renamed.rename(renamed.with_name("point_1_view_1_domain_depth_zbuffer.png"))
    label_file(root, "ash", 0, 1, "rgb").unlink()
    found = DataFolder.open(root)
    for view, labels in found.labels("ash").items():
        for domain in ("rgb", "mask_valid", "normal"):
            assert found.label(view, domain) == labels.get(domain)
    assert found.label(ViewName("oak", 0, 0), "rgb") is None


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: expected a folder of labels"):
        DataFolder.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found no folders"):
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
def test_names_and_keys_can_be_read_back(point: int, view: int, domain: str) -> None:
    name = ViewName("ash", point, view)
    path = label_path(Path(), domain, "ash", point, view)
    assert view_of_label(path.name, "ash", domain) == name
    assert view_of_label(path.name, "ash", "rgb" if domain != "rgb" else "normal") is None
    assert ViewName.from_key(name.key) == name
    assert name.key == f"ash/{path.name.split('_domain')[0]}"


@pytest.mark.parametrize("key", ["ash", "a.b/point_1_view_2", "ash/point_1", "a/b/point_1_view_2"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="expected <building>/point_<P>_view_<V>"):
        ViewName.from_key(key)
