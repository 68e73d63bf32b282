"""Readers on small files of their formats."""

import csv
import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import LabelledTask
from lightning_taskonomy.task2vec.images import DEVIATION, MEAN
from lightning_taskonomy.task2vec.sources import SOURCES, read_tasks
from lightning_taskonomy.task2vec.taxonomic import mean_taxonomic_distances, taxonomic_distance

SIZE = 8


def picture(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), shade, dtype=np.uint8)).save(stream, "png")
    return stream.getvalue()


def write(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(shade))


def shades(task: LabelledTask) -> list[int]:
    """The grey values of a task's pictures."""
    middles = [task.images[int(row)][0, SIZE // 2, SIZE // 2] for row in task.rows]
    return [round(float(value * DEVIATION[0] + MEAN[0]) * 255) for value in middles]


def by_name(source: str, root: Path) -> dict[str, LabelledTask]:
    return {task.name: task for task in read_tasks(source, root, SIZE)}


def test_folders_of_classes(tmp_path: Path) -> None:
    for task, classes in (("pets", ("cat", "dog")), ("fruit", ("apple", "fig", "pear"))):
        for number, name in enumerate(classes):
            for place in range(2):
                write(tmp_path / task / name / f"{place}.png", 10 * number + place)
    found = by_name("folder", tmp_path)
    assert list(found) == ["fruit", "pets"]
    assert found["fruit"].targets.values.tolist() == [0, 0, 1, 1, 2, 2]
    assert shades(found["fruit"]) == [0, 1, 10, 11, 20, 21]
    (alone,) = read_tasks("folder", tmp_path / "pets", SIZE)
    assert (alone.name, alone.targets.outputs) == ("pets", 2)
    assert [task.name for task in read_tasks("folder", tmp_path, SIZE, ("pets",))] == ["pets"]


def test_arrays(tmp_path: Path) -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 5, 5), np.uint8)
    labels = {"odd": np.arange(6) % 2, "tags": np.eye(6, 3, dtype=int), "height:values": np.arange(6.0)}
    np.savez(tmp_path / "a.npz", images=images, **labels)  # type: ignore[arg-type]
    found = by_name("arrays", tmp_path)
    assert {name: task.targets.kind for name, task in found.items()} == {
        "odd": "classes",
        "tags": "labels",
        "height": "values",
    }
    assert shades(found["odd"]) == [0, 1, 2, 3, 4, 5]
    assert found["odd"].images is found["tags"].images


def test_shards(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s-0.tar", "w") as tar:
        for number in range(4):
            label = {"odd": number % 2} if number else {"odd": 0, "size": [0.5, 1.5]}
            parts = [("png", picture(50 * number)), ("json", json.dumps(label).encode())]
            for suffix, data in parts:
                entry = tarfile.TarInfo(f"p{number}.{suffix}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    found = by_name("webdataset", tmp_path)
    assert (found["odd"].targets.values.tolist(), shades(found["odd"])) == ([0, 1, 0, 1], [0, 50, 100, 150])
    assert found["size"].targets.kind == "values"
    assert found["size"].rows.tolist() == [0]
    (tmp_path / "s-1.tar").write_bytes(b"no tar file at all, but long enough" * 30)
    with pytest.raises(InputError, match=r"s-1.tar: expected a shard"):
        by_name("webdataset", tmp_path)


def tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as opened:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))


def class_files(count: int) -> dict[str, bytes]:
    files = {}
    for number in range(count):
        files[f"p{number}.png"], files[f"p{number}.cls"] = picture(number), str(number % 2).encode()
    return files


def test_truncated_shards_are_refused(tmp_path: Path) -> None:
    tar(tmp_path / "s.tar", class_files(3))
    whole = (tmp_path / "s.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))
    end += -end % 512 + 1024  # the last member, and two blocks of zeros
    for size in range(0, end, 256):
        (tmp_path / "s.tar").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"s\.tar: (cut short .*expected a whole tar|expected a shard)"):
            by_name("webdataset", tmp_path)
    (tmp_path / "s.tar").write_bytes(whole[:end])
    assert len(by_name("webdataset", tmp_path)["class"].rows) == 3
    damaged = whole[:1024] + b"\1" * 512 + whole[1536:]  # a header in the middle
    (tmp_path / "s.tar").write_bytes(damaged)
    with pytest.raises(InputError, match=r"s\.tar: cut short after p0\.png"):
        by_name("webdataset", tmp_path)


def test_empty_shards_are_skipped_and_compressed_ones_read(tmp_path: Path) -> None:
    tar(tmp_path / "a.tar", {})
    tar(tmp_path / "b.tar", class_files(4))
    (tmp_path / "._b.tar").write_bytes(b"no tar")
    assert len(by_name("webdataset", tmp_path)["class"].rows) == 4
    compressed = tmp_path / "c.tar.gz"
    compressed.write_bytes(gzip.compress((tmp_path / "b.tar").read_bytes()))
    assert len(by_name("webdataset", compressed)["class"].rows) == 4
    compressed.write_bytes(compressed.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"c\.tar\.gz: "):
        by_name("webdataset", compressed)


def test_hidden_members_and_damaged_pictures_of_shards_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"._p0.png": b"\0\5\x16\7", **class_files(4), "._p3.cls": b"x"}
    files["p2.png"] = files["p2.png"][:40]
    tar(tmp_path / "s.tar", files)
    found = by_name("webdataset", tmp_path)["class"]
    assert (found.targets.values.tolist(), shades(found)) == ([0, 1, 1], [0, 1, 3])
    assert "s.tar: sample p2.png: cannot read this picture" in caplog.text
    assert "left out: 1 of 4 images, which cannot be read" in caplog.text


def test_only_requested_fields_must_be_tasks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {}
    for number in range(12):
        about = {
            "caption": f"chair {number}",
            "error": None,
            "status": "success",
            "y": number % 3,
            "kind": "ab"[number % 2],
        }
        files[f"{number}.png"], files[f"{number}.json"] = picture(number), json.dumps(about).encode()
    tar(tmp_path / "s.tar", files)
    (alone,) = read_tasks("webdataset", tmp_path / "s.tar", SIZE, ("y",))
    assert alone.targets.values.tolist() == [0, 1, 2] * 4
    assert not caplog.records
    assert list(by_name("webdataset", tmp_path)) == ["kind", "y"]
    for field, reason in (
        ("caption", "12 different names for 12 images are not classes"),
        ("error", "nothing but null"),
        ("status", "at least 2 classes; found 1"),
    ):
        assert f"s.tar: task {field}: " in caplog.text.replace(str(tmp_path), "s.tar")
        assert reason in caplog.text
        with pytest.raises(InputError, match=f"task {field}: .*{reason}"):
            read_tasks("webdataset", tmp_path, SIZE, (field,))
    with pytest.raises(InputError, match="has no 'z'; it has caption, error, kind, status, y"):
        read_tasks("webdataset", tmp_path, SIZE, ("z",))


def test_arrays_that_cannot_be_tasks_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images, y = np.zeros((12, 4, 4), np.uint8), np.arange(12) % 3
    np.savez(
        tmp_path / "a.npz",
        images=images,
        y=y,
        constant=np.zeros(12, int),
        short=y[:5],
        objects=np.array([{"a": 1}] * 12, dtype=object),
        names=np.array(["a", "b", "c"])[y],
    )
    assert list(by_name("arrays", tmp_path)) == ["y", "names"]
    for name, reason in (
        ("constant", "at least 2 classes; found 1"),
        ("short", "12 images, 5 labels"),
        ("objects", "expected numbers or names, found Python objects"),
    ):
        assert f"task {name}: " in caplog.text
        with pytest.raises(InputError, match=rf"a\.npz: task {name}: .*{reason}"):
            read_tasks("arrays", tmp_path, SIZE, (name,))
    caplog.clear()
    assert [task.name for task in read_tasks("arrays", tmp_path, SIZE, ("y",))] == ["y"]
    assert not caplog.records
    with pytest.raises(InputError, match="has no 'z'; it has y, constant, short, objects, names"):
        read_tasks("arrays", tmp_path, SIZE, ("z",))


def test_hidden_files_are_ignored(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write(tmp_path / name / "0.PNG", 0)
        (tmp_path / name / "._0.PNG").write_bytes(b"\0\5\x16\7")
    (task,) = read_tasks("folder", tmp_path, SIZE)
    assert len(task.images) == 2
    assert task.about["classes"] == ["cat", "dog"]


def test_pictures_are_read_by_the_one_reader(tmp_path: Path) -> None:
    """16 bits are scaled, and the camera's orientation followed."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.full((16, 16), 32_896, np.uint16)).save(tmp_path / "cat" / "grey.png")
    exif, half = Image.Exif(), np.zeros((16, 16, 3), np.uint8)
    exif[0x0112], half[:8] = 6, 255
    Image.fromarray(half).save(tmp_path / "dog" / "turned.png", exif=exif)
    (task,) = read_tasks("folder", tmp_path, SIZE)
    assert shades(task)[0] == 128
    turned = task.images[1][0]
    assert float(turned[:, -2:].min()) > 2
    assert float(turned[:, :2].max()) < -2


def cub(root: Path) -> Path:
    """Six species of two orders; three families of Passeriformes, one of them with a single species."""
    lines = [
        "1 001.Albatross Procellariiformes Diomedeidae G s1",
        "2 002.Fulmar Procellariiformes Procellariidae G s2",
        "3 003.Crow Passeriformes Corvidae G s3",
        "4 004.Wren Passeriformes Troglodytidae G s4",
        "5 005.Jay Passeriformes Corvidae G s5",
        "6 006.Finch Passeriformes Fringillidae G s6",
    ]
    root.mkdir(parents=True)
    (root / "taxonomy.txt").write_text("\n".join(lines))
    images, labels, splits = [], [], []
    for number in range(1, 19):
        label = (number - 1) // 3 + 1
        name = f"{label:03}.x/{number}.png"
        images.append(f"{number} {name}")
        labels.append(f"{number} {label}")
        splits.append(f"{number} {int(number % 3 > 0)}")
        write(root / "images" / name, number)
    (root / "images.txt").write_text("\n".join(images))
    (root / "image_class_labels.txt").write_text("\n".join(labels))
    (root / "train_test_split.txt").write_text("\n".join(splits))
    return root


def inaturalist(root: Path) -> Path:
    orders = ("Squamata", "Odonata", "Testudines", "Squamata", "Odonata")
    names = ("viper", "hawker", "turtle", "adder", "darter")
    ranks = {"Squamata": "Reptilia", "Testudines": "Reptilia", "Odonata": "Insecta"}
    phyla = {"Reptilia": "Chordata", "Insecta": "Arthropoda"}
    categories = [
        {
            "id": 40 + n,
            "name": name,
            "kingdom": "Animalia",
            "phylum": phyla[ranks[o]],
            "class": ranks[o],
            "order": o,
        }
        for n, (name, o) in enumerate(zip(names, orders, strict=True))
    ]
    root.mkdir(parents=True)
    (root / "categories.json").write_text(json.dumps(categories))
    category_of = [0, 0, 1, 2, 3, 4, 3]
    for number in range(len(category_of)):
        write(root / "train_val2018" / f"{number}.png", number)
    images = [{"id": 100 + n, "file_name": f"train_val2018/{n}.png"} for n in range(len(category_of))]
    annotations = [{"image_id": 100 + n, "category_id": 40 + c} for n, c in enumerate(category_of)]
    training = {"images": images, "annotations": annotations[::-1]}
    (root / "train2018.json").write_text(json.dumps(training))
    return root


def test_cub_has_orders_and_families_of_songbirds(tmp_path: Path) -> None:
    found = by_name("cub", cub(tmp_path / "CUB_200_2011"))
    # Wrens and finches have one species each; a third of the pictures is for testing.
    assert list(found) == ["cub Procellariiformes", "cub Corvidae"]
    crows = found["cub Corvidae"]
    assert (shades(crows), crows.targets.values.tolist()) == ([7, 8, 13, 14], [0, 0, 1, 1])
    assert crows.about["classes"] == ["003.Crow", "005.Jay"]


def test_inaturalist_has_orders_with_two_species_the_largest_first(tmp_path: Path) -> None:
    found = by_name("inaturalist", inaturalist(tmp_path / "inat2018"))
    assert list(found) == ["inat Squamata", "inat Odonata"]
    snakes = found["inat Squamata"]
    assert snakes.about["classes"] == ["adder", "viper"]
    assert dict(zip(shades(snakes), snakes.targets.values.tolist(), strict=True)) == {0: 1, 1: 1, 4: 0, 6: 0}


def test_the_mixed_meta_task_has_birds_first(tmp_path: Path) -> None:
    cub(tmp_path / "cub" / "CUB_200_2011")
    inaturalist(tmp_path / "inat2018")
    names = ["cub Procellariiformes", "cub Corvidae", "inat Squamata", "inat Odonata"]
    assert list(by_name("cub_inaturalist", tmp_path)) == names


def test_imaterialist_has_a_task_per_attribute_on_the_same_pictures(tmp_path: Path) -> None:
    labels = {1: [5, 66], 2: [66], 3: [7, 66], 4: [5, 66]}
    for number in labels:
        write(tmp_path / "train" / f"{number}.jpg", 40 * number)
    images = [{"imageId": str(number), "url": ""} for number in labels]
    annotations = [{"imageId": str(n), "labelId": [str(one) for one in found]} for n, found in labels.items()]
    (tmp_path / "train.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["label_id", "label_name", "task_name"], [5, "red", "colour"]])
    found = by_name("imaterialist", tmp_path)
    assert list(found) == ["imat 5 red", "imat 7"]  # all have 66
    assert found["imat 5 red"].targets.values.tolist() == [1, 0, 0, 1]
    assert found["imat 5 red"].images is found["imat 7"].images
    assert (found["imat 5 red"].group, found["imat 7"].about["task_id"]) == ("colour", 6)


def test_bundled_pictures_make_twenty_tasks() -> None:
    found = {task.name: task for task in read_tasks("bundled", None, 32)}
    assert len(found) == 20
    halves = [set(found[f"digits: ten/{half}"].rows.tolist()) for half in "ab"]
    assert not halves[0] & halves[1]
    assert len(halves[0] | halves[1]) == 1797
    odd, ten = found["digits: odd/a"], found["digits: ten/a"]
    assert (odd.targets.values == ten.targets.values % 2).all()
    assert len({id(task.images) for task in found.values()}) == 4


def test_taxonomic_distances() -> None:
    lineage = ["Animalia", "Chordata", "Aves", "Passeriformes"]
    others = [["Plantae", "x", "y", "z"], ["Animalia", "x", "y", "z"], ["Animalia", "Chordata", "y", "z"]]
    others += [["Animalia", "Chordata", "Aves", "z"], lineage]
    assert [taxonomic_distance(lineage, other) for other in others] == [4, 3, 2, 1, 0]
    matrix = np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(float)
    rows = mean_taxonomic_distances(matrix, others)
    assert rows[-1][0] == 4
    assert rows[-1][1] == pytest.approx(rows[-1][2])  # all others are the same, whatever their order
    assert rows[0][2] <= rows[0][1]


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "bundled"])
def test_empty_folders_and_missing_places_are_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        read_tasks(source, tmp_path, 32)
    with pytest.raises(InputError, match="none: no such folder or file"):
        read_tasks(source, tmp_path / "none", 32)
    with pytest.raises(InputError, match="needs the folder or file that it reads"):
        read_tasks(source, None, 32)


def test_broken_files_are_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write(tmp_path / "pets" / name / "0.png", 0)
    (tmp_path / "pets" / "dog" / "1.png").write_bytes(b"no picture")
    (task,) = read_tasks("folder", tmp_path / "pets", SIZE)
    with pytest.raises(InputError, match=r"dog/1.png: cannot read this picture"):
        task.images[2]
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad.npz: expected an .npz file of numeric arrays"):
        read_tasks("arrays", tmp_path / "bad.npz", SIZE)
    np.savez(tmp_path / "odd.npz", images=np.zeros((3, 4, 4)), labels=np.arange(2))
    with pytest.raises(InputError, match="task labels: 3 images, 2 labels"):
        read_tasks("arrays", tmp_path / "odd.npz", SIZE)
    root = cub(tmp_path / "CUB_200_2011")
    (root / "taxonomy.txt").write_text("1 Albatross Procellariiformes")
    with pytest.raises(InputError, match=r"taxonomy.txt, line 1: expected label, class name, order"):
        read_tasks("cub", root, SIZE)
    (root / "taxonomy.txt").unlink()
    with pytest.raises(InputError, match="it is not part of the published set"):
        read_tasks("cub", root, SIZE)
