import importlib
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.tasks import (
    Example,
    Pixels,
    Task,
    Vector,
    ViewLabels,
    dictionary,
    register,
    registered_task,
    task_named,
)
from lightning_taskonomy.tasks.losses import L2, CrossEntropy, PixelPairs, PoseNorm, SoftCrossEntropy, l1
from lightning_taskonomy.tasks.task import Stored

SIZE = 32
L1 = type(l1)
Row = tuple[str | None, Pixels | Vector, type]
PAPER: dict[str, Row] = {
    # name: label beside the photo, output, loss
    "autoencoding": (None, Pixels(3), L1),
    "denoising": (None, Pixels(3), L1),
    "inpainting": (None, Pixels(3), L1),
    "colorization": (None, Pixels(313, 4), SoftCrossEntropy),
    "jigsaw": (None, Vector(100, layers=3), CrossEntropy),
    "curvature": ("principal_curvature", Pixels(2), L2),
    "edge_texture": ("edge_texture", Pixels(1), L1),
    "edge_occlusion": ("edge_occlusion", Pixels(1), L1),
    "keypoints2d": ("keypoints2d", Pixels(1), L1),
    "keypoints3d": ("keypoints3d", Pixels(1), L1),
    "reshading": ("reshading", Pixels(1), L1),
    "normal": ("normal", Pixels(3), L1),
    "depth_zbuffer": ("depth_zbuffer", Pixels(1), L1),
    "depth_euclidean": ("depth_euclidean", Pixels(1), L1),
    "segment_unsup2d": ("segment_unsup2d", Pixels(64), PixelPairs),
    "segment_unsup25d": ("segment_unsup25d", Pixels(64), PixelPairs),
    "segment_semantic": ("segment_semantic", Pixels(17), CrossEntropy),
    "class_object": ("class_object", Vector(1000), SoftCrossEntropy),
    "class_selected": ("class_object", Vector(100), SoftCrossEntropy),
    "class_scene": ("class_scene", Vector(63), SoftCrossEntropy),
    "room_layout": ("point_info", Vector(9), L2),
    "vanishing_point": ("point_info", Vector(9), L2),
    "fixated_pose": ("point_info", Vector(6), PoseNorm),
    "nonfixated_pose": ("point_info", Vector(6, layers=3), PoseNorm),
    "egomotion": (
        "point_info",
        Vector(18, hidden=1024, layers=3, normalised=False, of_pairs=True),
        PoseNorm,
    ),
    "point_matching": (None, Vector(2, hidden=256), CrossEntropy),
}
MASKED = {
    "curvature",
    "edge_occlusion",
    "keypoints3d",
    "reshading",
    "normal",
    "depth_zbuffer",
    "depth_euclidean",
}
ADVERSARIAL = {
    "autoencoding",
    "denoising",
    "inpainting",
    "colorization",
    "curvature",
    "edge_texture",
    "edge_occlusion",
}
ADVERSARIAL |= {"keypoints2d", "keypoints3d", "reshading", "normal", "depth_zbuffer", "depth_euclidean"}
SOURCE_ONLY = {"inpainting", "colorization", "jigsaw", "class_selected"}
each_task = pytest.mark.parametrize("name", PAPER)


def labels(number: int) -> dict[str, Any]:
    """Made-up labels of a view, in all domains."""
    random = np.random.default_rng(number)
    view: dict[str, Any] = {"key": f"town/point_1_view_{number}"}
    for domain in DOMAINS.values():
        shape = (SIZE, SIZE, 3)[: 3 if domain.channels == 3 else 2]
        if domain.suffix == "npy":
            view[domain.name] = random.random(domain.channels).astype(np.float32)
        elif domain.suffix == "png":
            most = 18 if domain.ids else 2**domain.bits
            view[domain.name] = random.integers(0, most, shape).astype(f"uint{domain.bits}")
    view["point_info"] = {
        "camera_location": random.random(3).tolist(),
        "camera_rotation_final": random.uniform(-0.4, 0.4, 3).tolist(),
        "bounding_box_ranges": {"x": [-1.0, 2.0], "y": [0.0, 5.0], "z": [0.0, 2.5]},
        "vanishing_points_gaussian_sphere": {"x": [0, 0, -1.0], "y": [-1.0, 0, 0], "z": [0, 1.0, 0]},
    }
    return view


def examples(task: Task, size: int) -> Example:
    return task.read([labels(number) for number in range(task.views)], size, np.random.default_rng(0))


def numbers(part: Stored | npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not isinstance(part, Stored):
        return part
    values = part.values[..., None] if part.values.ndim == 2 else part.values
    made: npt.NDArray[np.float32] = part.scale(torch.tensor(values)).numpy()
    return made


@pytest.fixture
def _own_tasks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    room = importlib.import_module("lightning_taskonomy.tasks.entries")
    monkeypatch.setattr(room, "_registered", dict(dictionary()))


def test_the_26_tasks_are_those_of_the_paper() -> None:
    assert len(PAPER) == 26
    assert list(dictionary())[:26] == list(PAPER)


@each_task
def test_entries_are_those_of_the_papers_table(name: str) -> None:
    task, (label, output, loss) = task_named(name), PAPER[name]
    assert task.name == name
    assert (task.output, type(task.loss)) == (output, loss)
    assert set(task.domains) - {"depth_zbuffer"} == {label} - {None, "depth_zbuffer"}
    assert ("depth_zbuffer" in task.domains) == (name in MASKED)
    assert set(task.domains) <= set(DOMAINS)
    shares = {"colorization": 0.99} if name in ADVERSARIAL else {}
    assert task.norm_share == shares.get(name, 0.996 if name in ADVERSARIAL else None)
    assert task.source_only == (name in SOURCE_ONLY)


@each_task
def test_views_and_their_partners(name: str) -> None:
    views = {"fixated_pose": 2, "nonfixated_pose": 2, "point_matching": 2, "egomotion": 3}
    partners = {"nonfixated_pose": "overlapping", "point_matching": "same_or_other_point"}
    task = task_named(name)
    assert task.views == views.get(name, 1)
    assert task.partners == partners.get(name, "same_point")


def test_poses_and_layouts_are_standardised() -> None:
    standards = {name: task.standard for name, task in dictionary().items() if task.standard is not None}
    assert set(standards) == {"room_layout", "fixated_pose", "nonfixated_pose", "egomotion"}
    for name, standard in standards.items():
        output = task_named(name).output
        assert not output.per_pixel
        assert len(standard.mean) == len(standard.deviation) == output.outputs
        assert min(standard.deviation) > 0
    assert standards["fixated_pose"].mean[5] == -4.02013549
    assert standards["nonfixated_pose"].deviation[3] == 5.75692889
    # A level camera that looks along +x, in a room whose middle is 3 m ahead.
    assert standards["room_layout"].mean[2:6] == (-3.13590977, 1.56038022, 0.00005623, -1.56693528)
    np.testing.assert_array_equal(
        np.reshape(standards["egomotion"].deviation, (3, 6)), [standards["fixated_pose"].deviation] * 3
    )


@each_task
@pytest.mark.parametrize("size", [SIZE, 16, 48])
def test_every_tasks_targets_fit_its_output(name: str, size: int) -> None:
    task = task_named(name)
    made = examples(task, size)
    pictures = [numbers(part) for part in made.inputs]
    channels = 1 if name == "colorization" else 3
    count = 9 if name == "jigsaw" else task.views
    assert [picture.shape for picture in pictures] == [(channels, size, size)] * count
    for picture in pictures:
        assert picture.dtype == np.float32
        assert np.abs(picture).max() <= 1 + 1e-5
    target = numbers(made.target)
    if not task.output.per_pixel:
        whole = isinstance(task.loss, CrossEntropy)
        assert target.shape == (() if whole else (task.output.outputs,))
        assert target.dtype == (np.int64 if whole else np.float32)
    elif isinstance(task.loss, PixelPairs | CrossEntropy):
        assert target.shape == (size, size)
        assert np.issubdtype(target.dtype, np.integer)
    else:
        part = size // task.output.size_divisor
        assert target.shape == (task.output.channels, part, part)
        assert target.dtype == np.float32
    assert np.isfinite(target).all()


@each_task
def test_masks_say_where_the_loss_counts(name: str) -> None:
    mask = examples(task_named(name), 16).mask
    if name in MASKED or name == "segment_semantic":
        assert mask is not None
        assert mask.shape == (16, 16)
        assert mask.dtype == np.bool_
    else:
        assert mask is None


@each_task
def test_a_task_reads_the_labels_that_it_names_and_no_others(name: str) -> None:
    task = task_named(name)
    views = [
        {domain: label for domain, label in labels(number).items() if domain in ("key", "rgb", *task.domains)}
        for number in range(task.views)
    ]
    task.read(views, 16, np.random.default_rng(0))
    for needed in task.domains:
        short = [{domain: label for domain, label in view.items() if domain != needed} for view in views]
        with pytest.raises(KeyError, match=needed):
            task.read(short, 16, np.random.default_rng(0))


@each_task
def test_tasks_can_be_pickled(name: str) -> None:
    assert pickle.loads(pickle.dumps(task_named(name))) == task_named(name)


FORMS = {
    "normal": ("rgb2sfnorm", "Normals", "normals", "surface normals", "NORMAL"),
    "inpainting": ("impainting_whole", "inpainting_whole", "In-painting", "in painting"),
    "segment_semantic": ("segmentsemantic_rb", "segmentsemantic", "Semantic segm.", "semantic segmentation"),
    "vanishing_point": ("vanishing_point_well_defined", "Vanishing points"),
    "curvature": ("principal_curvature", "CURVATURE"),
    "class_object": ("class_1000", "Object class. (1000)"),
    "class_selected": ("Object class. (100)",),
}


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, forms in FORMS.items() for form in forms])
def test_every_name_of_a_task_finds_it(name: str, form: str) -> None:
    assert task_named(form) is dictionary()[form] is dictionary()[name]
    assert form in dictionary()
    assert dictionary()[form].name == name


def test_the_dictionary_lists_each_task_once_by_the_written_name() -> None:
    names = list(dictionary())[:26]
    assert len(names) == 26
    assert all(dictionary()[name].name == name for name in names)
    assert {"normal", "depth_zbuffer", "edge_texture"} <= set(names)
    assert not {"rgb2sfnorm", "rgb2depth", "edge2d"} & set(names)


def test_ambiguous_names_are_refused_in_one_line() -> None:
    message = "tasks: 'object class' is ambiguous; expected one of class_object, class_selected"
    with pytest.raises(InputError, match=message):
        task_named("object class")
    assert "object class" not in dictionary()
    with pytest.raises(KeyError, match="is ambiguous"):
        dictionary()["object class"]


def test_files_name_tasks_by_identifiers_alone() -> None:
    assert registered_task("rgb2sfnorm", "a file").name == "normal"
    with pytest.raises(InputError, match="a file: it names a custom task, 'Normals'"):
        registered_task("Normals", "a file")


def test_a_custom_task_may_have_a_title_for_its_name_and_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_taskonomy.tasks.entries._registered", dict(dictionary()))
    own = replace(task_named("depth_euclidean"), name="distance")
    register(own)
    assert task_named("distance") is own
    assert dictionary()["distance"] is own
    assert task_named("rgb2mist").name == "depth_euclidean"
    for name in ("rgb2sfnorm", "inpainting_whole", "normal"):
        with pytest.raises(InputError, match=f"there is already a task '{name}'"):
            register(replace(own, name=name))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="tasks: unknown task 'xyz'; expected some of autoencoding"):
        task_named("xyz")
    with pytest.raises(InputError, match="unknown task 'rgb2depht'; did you mean depth_zbuffer"):
        task_named("rgb2depht")


def test_a_custom_task_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [*sys.path])
    file = tmp_path / "lines_of_mine.py"
    file.write_text(
        "from dataclasses import replace\n"
        "from lightning_taskonomy.tasks import task_named\n"
        "MINE = replace(task_named('depth_zbuffer'), name='mine')\n"
    )
    found = task_named(f"{file}:MINE")
    assert found.name == "mine"
    assert task_named("lines_of_mine.MINE") is found
    with pytest.raises(InputError, match=r"a Task called 'OTHER' in .*lines_of_mine\.py; it has MINE"):
        task_named(f"{file}:OTHER")
    with pytest.raises(InputError, match=r"no file .*absent\.py"):
        task_named(f"{tmp_path}/absent.py:MINE")
    file = tmp_path / "wrong_of_mine.py"
    file.write_text("import no_such_module")
    with pytest.raises(InputError, match=r"cannot import .*wrong_of_mine\.py \(ModuleNotFoundError"):
        task_named(f"{file}:MINE")


def own_read(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    return Example((np.zeros((3, size, size), np.float32),), np.zeros((1, size, size), np.float32))


@pytest.mark.usefixtures("_own_tasks_are_forgotten")
def test_custom_tasks_are_listed_and_names_are_unique() -> None:
    own = replace(task_named("autoencoding"), name="my_depth", read=own_read)
    register(own)
    register(own)
    assert dictionary()["my_depth"] is own
    assert task_named("my_depth") is own
    with pytest.raises(InputError, match="there is already a task 'my_depth'"):
        register(replace(own, title="Other"))
    with pytest.raises(InputError, match="there is already a task 'segmentsemantic'"):
        register(replace(own, name="segmentsemantic"))


def test_only_registering_changes_the_dictionary() -> None:
    with pytest.raises(TypeError):
        dictionary()["my_depth"] = task_named("autoencoding")  # type: ignore[index]


def test_rare_objects_have_the_published_weights() -> None:
    loss = task_named("segmentsemantic").loss
    assert isinstance(loss, CrossEntropy)
    assert loss.weights is not None
    assert len(loss.weights) == 17
    assert loss.weights[0] == 0.5424
    assert (min(loss.weights[1:]), max(loss.weights)) == (7.1620, 9.1772)
    assert (loss.weights[3], loss.weights[11]) == (7.1620, 9.1772)  # couch, toaster


def test_the_outer_pair_of_a_triplet_weighs_half() -> None:
    loss = task_named("egomotion").loss
    target = torch.zeros(3, 18)
    output = torch.zeros(3, 18)
    for pair in range(3):  # views 1 and 2, 1 and 3, 2 and 3
        output[pair, 6 * pair] = 2.0
    assert loss(output, target, None).tolist() == [2.0, 1.0, 2.0]
