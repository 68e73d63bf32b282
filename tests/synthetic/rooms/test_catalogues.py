import zipfile
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.synthetic.rooms.building import build
from lightning_taskonomy.synthetic.rooms.catalogue_models import WORDS, Showroom
from lightning_taskonomy.synthetic.rooms.furniture_catalogue import CATALOGUE, read_catalogues
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic
from lightning_taskonomy.synthetic.rooms.palette import Palette
from lightning_taskonomy.synthetic.rooms.shapes import box
from lightning_taskonomy.synthetic.rooms.wavefront import read_looks, read_mesh

INSTALLED = Path("/usr/share/sweethome3d/furniture")

# A wedge in its own units, y up: its front (z = 4) is low, its back (z = 0) high.
WEDGE = """mtllib wedge.mtl
v 0 0 0
v 2 0 0
v 2 0 4
v 0 0 4
v 0 8 0
v 2 8 0
usemtl red
f 1 2 3 4
f 4 3 6 5
f 2 1 5 6
f -6 -3 -2
f 3 2 6
"""
ENTRY = """id#1=x
name#1=Chair
category#1=Office
model#1=/chair/wedge.obj
width#1=45
depth#1=50
height#1=90
"""


def catalogue(folder: Path, entry: str = ENTRY, **files: str) -> Path:
    inside = {"chair/wedge.obj": WEDGE, "chair/wedge.mtl": "newmtl red\nKd 1 0 0\n"} | files
    with zipfile.ZipFile(folder / "small.sh3f", "w") as archive:
        archive.writestr(CATALOGUE, entry)
        for name, text in inside.items():
            archive.writestr(name, text)
    return folder


def showroom(folder: Path) -> Showroom:
    return Showroom.opened(folder, Palette(np.random.default_rng(0)), np.random.default_rng(1))


def plain_chair() -> Item:
    pieces = ((box(0.42, 0.42, 0.9), 0),)
    return Item(pieces, Semantic.CHAIR, ObjectClass.FOLDING_CHAIR, 0.42, 0.42, 0.9)


def test_a_model_replaces_an_item_with_its_size_place_and_labels(tmp_path: Path) -> None:
    shop = showroom(catalogue(tmp_path))
    found = shop.exchanged(plain_chair().placed(1.0, 2.0, 0.5, np.pi / 2), 0)
    assert (found.semantic, found.object_class) == (Semantic.CHAIR, ObjectClass.FOLDING_CHAIR)
    (shape, material), *more = found.pieces
    assert not more
    assert shop.palette.materials[material].tint == (1.0, 0.0, 0.0)
    points = shape.corners.reshape(-1, 3)
    # Turned by a quarter, the width lies along y.
    np.testing.assert_allclose(points.min(0), [1 - 0.25, 2 - 0.225, 0.5], atol=1e-9)
    np.testing.assert_allclose(points.max(0), [1 + 0.25, 2 + 0.225, 1.4], atol=1e-9)
    # Its back, which was at +y, is now at -x: there it is high.
    assert points[points[:, 2] > 1.3][:, 0].max() == pytest.approx(0.75)
    cross = np.cross(shape.corners[:, 1] - shape.corners[:, 0], shape.corners[:, 2] - shape.corners[:, 0])
    assert ((cross * shape.normals.mean(1)).sum(1) > 0).all()


def test_items_without_a_similar_model_are_kept(tmp_path: Path) -> None:
    shop = showroom(catalogue(tmp_path))
    large = Item(((box(1, 1, 2), 0),), Semantic.CHAIR, ObjectClass.FOLDING_CHAIR, 1, 1, 2)
    bed = Item(((box(0.42, 0.42, 0.9), 0),), Semantic.BED, ObjectClass.FOUR_POSTER, 0.42, 0.42, 0.9)
    for item in (large, bed):
        assert shop.exchanged(item, 0).pieces is item.pieces


def test_names_inside_a_zip_file_never_become_paths(tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "catalogues"
    inside.mkdir(parents=True)
    entry = ENTRY.replace("/chair/wedge.obj", "../../escaped.obj")
    shop = showroom(catalogue(inside, entry, **{"../../escaped.obj": WEDGE, "../evil.txt": "x"}))
    assert len(shop.exchanged(plain_chair(), 0).pieces[0][0].corners) == 8
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["catalogues", "deep", "small.sh3f"]


@pytest.mark.parametrize(
    ("entry", "files", "expected"),
    [
        (ENTRY.replace("=45", "=wide"), {}, r"small.sh3f: .*width#1: expected centimetres, got 'wide'"),
        (ENTRY.replace("=45", "=-3"), {}, r"small.sh3f: .*width#1: expected centimetres"),
        (ENTRY.replace("name#1=Chair", ""), {}, r"small.sh3f: .*name#1: expected a value"),
        (ENTRY + "modelRotation#1=1 0 0\n", {}, r"small.sh3f: .*modelRotation#1: expected nine numbers"),
    ],
)
def test_malformed_catalogues_are_one_line(
    tmp_path: Path, entry: str, files: dict[str, str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = catalogue(tmp_path, entry, **files)
    words = ["--buildings", "1", "--furniture", str(folder)]
    assert main(["data", "rooms", "--out", str(tmp_path / "out"), *words]) == 2
    message = capsys.readouterr().err
    assert len(message.strip().splitlines()) == 1
    with pytest.raises(Exception, match=expected):
        read_catalogues(folder)
    assert not (tmp_path / "out").exists()


def test_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="expected furniture catalogues"):
        read_catalogues(tmp_path)
    (tmp_path / "broken.sh3f").write_bytes(b"PK not a zip")
    with pytest.raises(Exception, match=r"broken.sh3f: expected a furniture catalogue"):
        read_catalogues(tmp_path)


def test_a_damaged_model_is_named_and_a_huge_one_left_out(tmp_path: Path) -> None:
    shop = showroom(catalogue(tmp_path, **{"chair/wedge.obj": WEDGE + "f 1 2 99\n"}))
    with pytest.raises(Exception, match=r"small.sh3f: chair/wedge.obj: line 14: 'f 1 2 99' is malformed"):
        shop.exchanged(plain_chair(), 0)
    shop = showroom(catalogue(tmp_path, **{"chair/wedge.obj": WEDGE + "#" * (4 << 20)}))
    chair = plain_chair()
    assert shop.exchanged(chair, 0).pieces is chair.pieces


def test_wavefront_faces_count_from_one_and_backwards() -> None:
    mesh = read_mesh("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 1\nf 1/1 2/2 3/2 4/1\nf -4 -3 -2\n")
    assert mesh.corners[""].tolist() == [
        [[0, 0, 0], [1, 0, 0], [1, 1, 0]],
        [[0, 0, 0], [1, 1, 0], [0, 1, 0]],
        [[0, 0, 0], [1, 0, 0], [1, 1, 0]],
    ]
    assert mesh.uv[""][0].tolist() == [[0, 0], [1, 1], [1, 1]]
    assert read_looks("newmtl a\nKd 2 0.5 0\nmap_Kd some/wood.jpg\n")["a"].colour == (1.0, 0.5, 0.0)
    for text in ("f 1 2 3", "v a b c", "v 0 0", "", "v nan 0 0\nf 1 1 1"):
        with pytest.raises(ValueError, match=r"line 1|expected"):
            read_mesh(text)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_furnished_building(tmp_path: Path) -> None:
    folder = catalogue(tmp_path)
    first, again = build(3, 0, folder), build(3, 0, folder)
    assert (first.triangles.corners == again.triangles.corners).all()
    assert len(first.triangles) != len(build(3, 0).triangles)


@pytest.mark.slow
def test_the_installed_catalogues_furnish_a_building() -> None:
    if not INSTALLED.is_dir():
        pytest.skip("Debian's sweethome3d-furniture is not installed")
    names = {model.name.lower() for model in read_catalogues(INSTALLED)}
    assert len(names) > 200
    assert all(any(word in names for word in words) for words in WORDS.values())
    scene = build(0, 0, INSTALLED)
    assert np.isfinite(scene.triangles.corners).all()
    assert np.isfinite(scene.triangles.curvature).all()
    assert not np.array_equal(
        np.bincount(scene.triangles.semantic, minlength=18),
        np.bincount(build(0, 0).triangles.semantic, minlength=18),
    )
