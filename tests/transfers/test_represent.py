"""Running encoders over real shards: rows against direct encoding, killed runs, and refusals."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import RepresentationStore
from lightning_taskonomy.data.representations.fingerprints import of_data, of_weights
from lightning_taskonomy.data.shards.index import SplitIndex
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.partners import Span
from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.transfers.represent import pictures_for, represent
from tests.data.representations.written import content, marks
from tests.data.small_folder import label_file, make_folder

SIZE = 32
SAMPLES = 24
CPU: dict[str, Any] = {"accelerator": "cpu", "enable_progress_bar": False}
PARTS = [f"part-00000{number}.safetensors" for number in range(3)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    return make_folder(root, ("ash", "birch"), points=4, views=3, domains=("rgb", "normal"), size=SIZE)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    return pack(tmp_path_factory.mktemp("packed"), source)


def pack(root: Path, source: Path) -> Path:
    PackPlan(source, root / "out", {"ash": "val", "birch": "val"}, Packing(shard_size=9)).run(1)
    return root / "out"


class Dying(Encoder):
    """An encoder that stops the run after some batches."""

    left = 10**9
    deadly = False

    def forward(self, pictures: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0 and self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left < 0:
            raise KeyError("as if it had died")
        return super().forward(pictures)


def encoder(channels: int = 3) -> Dying:
    torch.manual_seed(0)
    made = Dying(channels, 4, (1, 1, 1, 1))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return made


def made(packed: Path, folder: Path, module: nn.Module, **options: Any) -> RepresentationStore:  # noqa: ANN401
    standard = {
        "source": None,
        "shards": str(packed),
        "split": "val",
        "span": Span(),
        "size": SIZE,
        "source_name": "random",
        "batch_size": 4,
        "workers": 0,
        "part_rows": 8,
        "trainer_options": CPU,
    }
    return represent(module, folder=folder, **{**standard, **options})


def picture(source: Path, key: str) -> Image.Image:
    building, view = key.split("/")
    _, point, _, number = view.split("_")
    return Image.open(label_file(source, building, int(point), int(number), "rgb"))


def colours(source: Path, key: str) -> Tensor:
    """(3, S, S) from −1 to 1."""
    with picture(source, key) as image:
        return torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1)


def by_hand(module: nn.Module, pictures: list[Tensor]) -> Tensor:
    module.eval()
    with torch.no_grad():
        rows: list[Tensor] = [module(one[None])[0] for one in pictures]
    return torch.stack(rows)


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_are_those_of_the_encoder_run_by_hand(
    packed: Path, source: Path, tmp_path: Path, workers: int
) -> None:
    module = encoder()
    store = made(packed, tmp_path / "store", module.train(), workers=workers)
    assert module.training
    keys = list(SplitIndex.read(packed / "val").keys)
    assert list(store.keys) == keys
    assert len(store) == len(keys) == SAMPLES
    assert (store.source, store.shape, store.size, store.span) == (
        "random",
        (8, 2, 2),
        SIZE,
        Span(0, SAMPLES),
    )
    expected = by_hand(module, [colours(source, key) for key in keys])
    found = store.rows(np.arange(SAMPLES))
    torch.testing.assert_close(found.float(), expected, rtol=2e-3, atol=1e-6)
    assert float(expected.std(dim=0).max()) > 0.01  # pictures differ by more than that
    store.require(of_weights(module.state_dict()), of_data(str(packed), "val", ("rgb",), Span(), SIZE))
    store.verify()


def test_a_span_has_the_rows_of_the_whole(packed: Path, tmp_path: Path) -> None:
    whole = made(packed, tmp_path / "whole", encoder())
    part = made(packed, tmp_path / "part", encoder(), span=Span(7, 20), batch_size=5)
    assert part.span == Span(7, 20)
    assert list(part.keys) == list(whole.keys)[7:20]
    places = np.array([[19, 7], [12, 12]])
    torch.testing.assert_close(part.rows(places), whole.rows(places), rtol=2e-3, atol=1e-6)
    with pytest.raises(InputError, match="expected places from 7 to 19, found 20"):
        part.rows(np.array([20]))


def test_one_channel_is_lightness(packed: Path, source: Path, tmp_path: Path) -> None:
    module = encoder(1)
    store = made(packed, tmp_path / "store", module, source=dictionary()["colorization"])
    lightness = []
    for key in store.keys:
        with picture(source, key) as image:
            values = rgb2lab(np.asarray(image))[..., 0] / 50 - 1
        lightness.append(torch.from_numpy(values.astype(np.float32))[None])
    torch.testing.assert_close(
        store.rows(np.arange(SAMPLES)).float(), by_hand(module, lightness), rtol=3e-3, atol=1e-3
    )


@pytest.mark.parametrize("task", ["jigsaw", "nonfixated_pose", "point_matching", "denoising"])
def test_every_source_is_given_whole_single_pictures(packed: Path, tmp_path: Path, task: str) -> None:
    made(packed, tmp_path / "plain", encoder())
    made(packed, tmp_path / "task", encoder(), source=dictionary()[task])
    assert content(tmp_path / "task") == content(tmp_path / "plain")


def test_only_colorization_is_not_given_colours() -> None:
    others = {name for name, task in dictionary().items() if pictures_for(task).input_channels != 3}
    assert others == {"colorization"}


@pytest.mark.parametrize("batches", range(6))
def test_a_run_that_died_is_gone_on_with(packed: Path, tmp_path: Path, batches: int) -> None:
    made(packed, tmp_path / "whole", encoder())
    dying, folder = encoder(), tmp_path / "died"
    dying.left = batches
    with pytest.raises(KeyError, match="as if it had died"):
        made(packed, folder, dying)
    with pytest.raises(InputError, match="not yet finished"):
        RepresentationStore(folder)
    kept = PARTS[: batches // 2]
    before = marks(folder, *kept)
    again = encoder()
    again.left = 6 - 2 * len(kept)  # no more than what is left
    made(packed, folder, again)
    assert again.left == 0
    assert marks(folder, *kept) == before
    assert content(folder) == content(tmp_path / "whole")


def test_a_run_that_the_trainer_cuts_short_is_no_store(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected 24 rows, found 16 in whole parts"):
        made(packed, tmp_path / "store", encoder(), trainer_options={**CPU, "limit_predict_batches": 5})
    assert len(made(packed, tmp_path / "store", encoder())) == SAMPLES


@pytest.mark.slow
def test_killed_runs_leave_what_an_unbroken_one_does(packed: Path, tmp_path: Path) -> None:
    made(packed, tmp_path / "whole", encoder(), workers=2)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.transfers.test_represent import encoder, made\n"
        "module = encoder(); module.left, module.deadly = int(sys.argv[3]), True\n"
        "made(Path(sys.argv[1]), Path(sys.argv[2]), module, workers=2)\n"
    )
    repository = Path(__file__).parents[2]
    for left, expected in ((3, -signal.SIGKILL), (3, -signal.SIGKILL), (9, 0)):
        words = [sys.executable, "-c", code, str(packed), str(tmp_path / "killed"), str(left)]
        run = subprocess.run(words, cwd=repository, capture_output=True, text=True, timeout=120)
        assert run.returncode == expected, run.stderr
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_current_store_is_returned_at_once(packed: Path, tmp_path: Path) -> None:
    made(packed, tmp_path / "store", encoder())
    before = marks(tmp_path / "store", *PARTS, "index.json", "keys.parquet")
    idle = encoder()
    idle.left = 0
    assert len(made(packed, tmp_path / "store", idle)) == SAMPLES
    assert marks(tmp_path / "store", *PARTS, "index.json", "keys.parquet") == before


def _other_weights() -> Dying:
    other = encoder()
    other.compress1.weight.data[0, 0, 0, 0] += 0.5
    return other


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (_other_weights, {}),
        (encoder, {"size": 48}),
        (encoder, {"span": Span(0, 16)}),
        (encoder, {"span": Span(8, 24)}),
        (encoder, {"source_name": "another"}),
    ],
)
def test_a_stale_store_is_rebuilt(packed: Path, tmp_path: Path, module: Any, options: Any) -> None:  # noqa: ANN401
    made(packed, tmp_path / "store", encoder())
    made(packed, tmp_path / "store", module(), **options)
    made(packed, tmp_path / "fresh", module(), **options)
    assert content(tmp_path / "store") == content(tmp_path / "fresh")


def test_a_damaged_store_is_mended(packed: Path, tmp_path: Path) -> None:
    made(packed, tmp_path / "store", encoder())
    whole, before = content(tmp_path / "store"), marks(tmp_path / "store", PARTS[0])
    os.truncate(tmp_path / "store" / PARTS[1], 100)
    mending = encoder()
    mending.left = 4
    made(packed, tmp_path / "store", mending)
    assert content(tmp_path / "store") == whole
    assert marks(tmp_path / "store", PARTS[0]) == before


def test_other_pictures_make_a_store_stale(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "in")
    packed = pack(tmp_path, tmp_path / "in")
    store = made(packed, tmp_path / "store", encoder())
    Image.new("RGB", (SIZE, SIZE)).save(label_file(tmp_path / "in", "birch", 3, 2, "rgb"))
    other = pack(tmp_path / "other", tmp_path / "in")
    weights = of_weights(encoder().state_dict())
    with pytest.raises(InputError, match="store: stale: made with other data"):
        store.require(weights, of_data(str(other), "val", ("rgb",), Span(), SIZE))
    store.require(weights, of_data(str(packed), "val", ("rgb",), Span(), SIZE))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_picture_is_named(packed: Path, tmp_path: Path, workers: int) -> None:
    shutil.copytree(packed, tmp_path / "out")
    index = SplitIndex.read(tmp_path / "out" / "val")
    path = index.path(int(index.shard[13]), "rgb")
    held = bytearray(path.read_bytes())
    offset = int(index.offset["rgb"][13])
    held[offset : offset + 20] = bytes(20)
    path.write_bytes(held)
    with pytest.raises(InputError, match=f"{index.keys[13]}: rgb: damaged picture"):
        made(tmp_path / "out", tmp_path / "store", encoder(), workers=workers)
    made(tmp_path / "out", tmp_path / "before", encoder(), span=Span(0, 13))


def test_an_absent_picture_is_named(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "in")
    label_file(tmp_path / "in", "birch", 2, 1, "rgb").unlink()
    packed = pack(tmp_path, tmp_path / "in")
    message = "out/val: expected rgb of every sample; birch/point_2_view_1 has none, as have 1 of 24"
    with pytest.raises(InputError, match=message):
        made(packed, tmp_path / "store", encoder())


def test_numbers_that_half_precision_cannot_hold_name_the_picture(
    packed: Path, source: Path, tmp_path: Path
) -> None:
    module = encoder()
    keys = list(SplitIndex.read(packed / "val").keys)
    largest = by_hand(module, [colours(source, key) for key in keys]).flatten(1).amax(dim=1)
    # Float16 ends at 65,504: only the largest value exceeds it.
    first, second = largest.sort(descending=True).values[:2].tolist()
    factor = 65000 / second
    assert factor * first > 65520
    scaled, name = nn.Sequential(module, _Times(factor)), keys[int(largest.argmax())]
    with pytest.raises(InputError, match=f"image {name}: the representation by random is not finite in half"):
        made(packed, tmp_path / "store", scaled)


class _Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factor


def test_lower_precision_is_the_trainers(packed: Path, tmp_path: Path) -> None:
    full = made(packed, tmp_path / "full", encoder()).rows(np.arange(SAMPLES))
    options = {**CPU, "precision": "bf16-mixed"}
    low = made(packed, tmp_path / "low", encoder(), trainer_options=options).rows(np.arange(SAMPLES))
    assert not torch.equal(low, full)
    assert float((low.float() - full.float()).abs().max()) < 0.1 * float(full.float().std())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"trainer_options": {**CPU, "devices": 2, "strategy": "ddp"}},
            "devices: an encoder runs on one, found 2",
        ),
        ({"span": Span(0, 25)}, "out/val: expected a span of its 24 samples, found 0 to 25"),
        ({"split": "test"}, "out/test: not a packed split"),
        ({"batch_size": 0}, "batch_size: expected at least 1, found 0"),
    ],
)
def test_bad_settings_are_one_line(
    packed: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        made(packed, tmp_path / "store", encoder(), **options)


def test_what_gives_no_maps_is_refused(packed: Path, tmp_path: Path) -> None:
    module = nn.Sequential(encoder(), nn.Flatten())
    with pytest.raises(
        InputError, match=r"random: expected representations \(B, C, s, s\) in float16, found"
    ):
        made(packed, tmp_path / "store", module)
