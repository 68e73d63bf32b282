"""Fingerprints: the same for the same weights and images wherever they lie, and for nothing else."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.representations import fingerprints
from lightning_taskonomy.data.representations.fingerprints import of_data, of_weights
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.partners import Span
from lightning_taskonomy.nn import Encoder
from tests.data.small_folder import label_file, make_folder

DOMAINS = ("rgb", "normal", "class_scene")


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Encoder(3, 4, (1, 1, 1, 1)).state_dict()


def test_the_order_of_names_and_memory_does_not_matter() -> None:
    given = state()
    expected = of_weights(given)
    assert len(expected) == 64
    assert of_weights(state()) == expected
    assert of_weights(dict(reversed(given.items()))) == expected
    module = Encoder(3, 4, (1, 1, 1, 1))
    module.load_state_dict(given)
    torch.nn.utils.convert_conv2d_weight_memory_format(module, torch.channels_last)
    assert of_weights(module.state_dict()) == expected
    assert of_weights(
        {name: nn.Parameter(v) if v.is_floating_point() else v for name, v in given.items()}
    ) == (expected)
    strided = {name: torch.stack([value, value], -1)[..., 0] for name, value in given.items()}
    assert of_weights(strided) == expected


def test_every_weight_counts() -> None:
    given = state()
    found = {of_weights(given)}
    for name in given:
        changed = {key: value.clone() for key, value in given.items()}
        last = changed[name].view(-1)[-1:]
        # The smallest possible change.
        last.copy_(torch.nextafter(last, last + 1) if last.is_floating_point() else last + 1)
        found.add(of_weights(changed))
    assert len(found) == len(given) + 1


def test_names_shapes_and_types_count() -> None:
    values = torch.arange(6.0)
    kinds = [
        {"a": values},
        {"b": values},
        {"a": values.view(2, 3)},
        {"a": values.view(torch.int32)},
        {"a": values[:3], "b": values[3:]},
        {"a": values, "b": values[:0]},
        {"a": values.bfloat16()},
        {},
    ]
    assert len({of_weights(kind) for kind in kinds}) == len(kinds)


def pack(root: Path, source: Path) -> str:
    split_of = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=4)).run(1)
    return str(root / "out")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("pictures"), points=4, domains=DOMAINS)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, source: Path) -> str:
    return pack(tmp_path_factory.mktemp("packed"), source)


def test_the_folder_does_not_matter(packed: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "set"
    shutil.copytree(packed, elsewhere)
    for domains in (("rgb",), ("rgb", "class_scene")):
        places = (str(elsewhere), f"{elsewhere}/", f"pipe:cat {packed}/{{path}}")
        found = {of_data(place, "train", domains, Span(4, 12), 32) for place in (packed, *places)}
        assert len(found) == 1


def test_what_is_asked_for_counts(packed: str) -> None:
    asked = [
        ("train", ("rgb",), Span(0, 16), 32),
        ("val", ("rgb",), Span(0, 8), 32),
        ("train", ("rgb",), Span(0, 8), 32),
        ("train", ("rgb",), Span(0, 15), 32),
        ("train", ("rgb",), Span(1, 16), 32),
        ("train", ("rgb",), Span(0, 16), 64),
        ("train", ("rgb", "normal"), Span(0, 16), 32),
        ("train", ("rgb", "class_scene"), Span(0, 16), 32),
    ]
    assert len({of_data(packed, *one) for one in asked}) == len(asked)
    assert of_data(packed, "train", ("rgb",), Span(), 32) == of_data(packed, *asked[0])
    assert of_data(packed, "train", ("normal", "rgb"), Span(), 32) == of_data(packed, *asked[6])


def test_what_labels_mean_counts(packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_data(packed, "train", ("rgb", "normal"), Span(), 16)
    monkeypatch.setattr(fingerprints, "LABEL_CONVENTIONS", 1)
    assert of_data(packed, "train", ("rgb", "normal"), Span(), 16) != before


def test_only_what_is_read_counts(packed: str, source: Path, tmp_path: Path) -> None:
    changed = tmp_path / "in"
    shutil.copytree(source, changed)
    with Image.open(label_file(changed, "ash", 0, 0, "rgb")) as picture:
        mirrored = ImageOps.mirror(picture)
    mirrored.save(label_file(changed, "ash", 0, 0, "rgb"))
    other = pack(tmp_path, changed)
    same = {
        (domains, first): of_data(packed, "train", domains, Span(first, first + 4), 32)
        == of_data(other, "train", domains, Span(first, first + 4), 32)
        for domains in (("rgb",), ("normal",), ("class_scene",))
        for first in (0, 4, 8, 12)
    }
    # One shard of one domain has changed.
    assert [key for key, equal in same.items() if not equal] in [
        [(("rgb",), first)] for first in (0, 4, 8, 12)
    ]
    assert of_data(packed, "train", ("rgb",), Span(), 32) != of_data(other, "train", ("rgb",), Span(), 32)


@pytest.mark.parametrize("span", [Span(0, 17), Span(16), Span(4, 4), Span(-1, 4), Span(6, 4), Span(0, -1)])
def test_spans_outside_the_split_are_refused(packed: str, span: Span) -> None:
    with pytest.raises(
        InputError, match=r"out/train: expected a span of its 16 samples, found -?\d+ to -?\d+$"
    ):
        of_data(packed, "train", ("rgb",), span, 32)


def test_what_is_no_packed_split_is_refused(packed: str) -> None:
    with pytest.raises(InputError, match="not a packed split"):
        of_data(packed, "test", ("rgb",), Span(), 32)
