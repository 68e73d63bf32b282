import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.bank.published import PUBLISHED, PUBLISHED_AT
from lightning_taskonomy.cli import main
from lightning_taskonomy.cli.bank import COMMANDS
from tests.bank.small_networks import write_small_bank
from tests.bank.test_network import small_bank


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["bank", command, "--help"])
    assert exit_.value.code == 0
    words = capsys.readouterr().out
    assert "lightning_taskonomy." not in words
    assert "str(object" not in words


def test_list_and_help_start_without_torch() -> None:
    code = (
        "import sys; from lightning_taskonomy.cli import main; main(['bank', 'list']); "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "normal            Normals" in done.stdout


def test_hashes_are_listed_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_bank(tmp_path)
    assert main(["bank", "list", "--weights", str(tmp_path)]) == 0
    short = capsys.readouterr().out
    assert main(["bank", "list", "--weights", str(tmp_path), "--hashes"]) == 0
    full = capsys.readouterr().out
    assert re.search("[0-9a-f]{16}", short) is None
    assert max(map(len, short.splitlines())) + 64 <= max(map(len, full.splitlines())) + 5
    (encoder,) = tmp_path.glob("normal_encoder-*")
    assert str(encoder) in full
    assert f"{tmp_path}/normal_encoder-….pth" in short
    for entry in PUBLISHED:
        if entry.name != "normal":
            assert f"{PUBLISHED_AT}/{entry.files['encoder']}" in full
    assert short.endswith(f"bank fetch downloads absent files from {PUBLISHED_AT}\n")


def test_a_cut_video_is_predicted_and_said_to_be_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="PyAV is absent: pip install '.[bank]'")
    from tests.bank.test_video import noise

    write_small_bank(tmp_path / "bank", "normal")
    path = tmp_path / "walk.mkv"
    size = noise(path, "matroska", "libx264")
    with path.open("r+b") as file:
        file.truncate(size // 2)
    words = f"bank predict --weights {tmp_path / 'bank'} --out {tmp_path / 'out'} {path}"
    assert main(words.split()) == 0
    shown = capsys.readouterr()
    assert "this video is cut short or damaged: it ends after frame" in shown.err
    assert shown.err.count("\n") == 1
    assert (tmp_path / "out" / "walk_normal.mp4").exists()


def test_list_refuses_a_damaged_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_bank(tmp_path)
    path = next(tmp_path.glob("normal_encoder-*"))
    path.write_bytes(b"x")
    assert main(["bank", "list", "--weights", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert "not published" in shown.out
    assert shown.err.startswith("error: 1 damaged files; the first is")
    assert shown.err.count("\n") == 1


def test_pictures_are_predicted(tmp_path: Path, photo: Path) -> None:
    write_small_bank(tmp_path / "bank", "normal", "class_scene", "room_layout")
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"scene {n}" for n in range(63)))
    out = tmp_path / "out"
    words = f"bank predict --weights {tmp_path / 'bank'} --out {out} --raw --representations"
    assert main([*words.split(), "--names", f"class_scene={names}", "--", str(photo)]) == 0
    files = {path.name for path in out.iterdir()}
    for task in ("normal", "class_scene", "room_layout"):
        ends = [".png", ".npy", "_representation.npy"] + ([".json"] if task != "normal" else [])
        assert {f"photo_{task}{end}" for end in ends} <= files
    assert "photo_sheet.png" in files
    assert np.load(out / "photo_normal.npy").shape == (3, 64, 64)
    assert np.load(out / "photo_normal_representation.npy").shape == (8, 4, 4)
    scores = np.load(out / "photo_class_scene.npy").astype(np.float64)
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    likely = json.loads((out / "photo_class_scene.json").read_text())["likely"]
    assert [entry["class"] for entry in likely] == [f"scene {n}" for n in np.argsort(-shares)[:5]]
    assert likely[0]["probability"] == pytest.approx(shares.max(), rel=1e-5)


def test_what_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_bank(tmp_path / "bank", "normal")
    folder, out = tmp_path / "folder", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "a.jpg", "b.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "cut.png").write_bytes(photo.read_bytes()[:300])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "._a.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "bank" / "._normal.safetensors").write_bytes(b"\0\5\x16\7")
    (tmp_path / "walk.mp4").write_bytes(b"no video")
    words = f"bank predict --weights {tmp_path / 'bank'} --out {out} {folder} {tmp_path / 'walk.mp4'}"
    assert main(words.split()) == 0
    said = capsys.readouterr()
    assert "3 pictures, 1 tasks" in said.out
    assert [line.split(": cannot read this")[0] for line in said.err.splitlines()] == [
        f"left out: {folder / 'cut.png'}",
        f"left out: {folder / 'empty.jpg'}",
        f"left out: {tmp_path / 'walk.mp4'}",
    ]
    assert {path.name for path in out.glob("*_normal.png")} == {
        "a_png_normal.png", "a_jpg_normal.png", "b_normal.png"
    }  # fmt: skip
    for name in ("a.png", "a.jpg", "b.png"):
        (folder / name).unlink()
    assert main([*words.split()[:5], str(tmp_path / "nothing"), str(folder)]) == 2
    said = capsys.readouterr()
    assert said.err.endswith("error: images: none of the 2 pictures and videos can be read\n")
    assert not (tmp_path / "nothing").exists()


def test_video_is_predicted(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is absent: pip install '.[bank]'")
    from lightning_taskonomy.bank.video import Video, VideoWriter

    write_small_bank(tmp_path / "bank", "normal", "fixated_pose")
    with VideoWriter(tmp_path / "walk.mp4", Fraction(10)) as writer:
        for number in range(7):
            writer.write(np.full((64, 64, 3), 30 * number, np.uint8))
    out = tmp_path / "out"
    words = f"bank predict --weights {tmp_path / 'bank'} --out {out} --batch-size 3 {tmp_path / 'walk.mp4'}"
    assert main(words.split()) == 0
    assert {path.name for path in out.glob("*.mp4")} == {
        "walk_normal.mp4", "walk_fixated_pose.mp4", "walk_sheet.mp4",
    }  # fmt: skip
    for file in out.glob("*.mp4"):
        video = Video(file)
        assert video.rate == 10
        assert len(list(video.shots(32))) == 7
    assert len(list((out / "walk_fixated_pose").glob("*.json"))) == 7


def test_conversion_writes_what_can_be_loaded(tmp_path: Path, photo: Path) -> None:
    write_small_bank(tmp_path / "bank", "normal")
    words = f"bank convert --weights {tmp_path / 'bank'} --to published --out {tmp_path / 'published'}"
    assert main(words.split()) == 0
    assert (
        main(
            [
                "bank",
                "predict",
                "--weights",
                str(tmp_path / "published"),
                "--out",
                str(tmp_path / "o"),
                str(photo),
            ]
        )
        == 0
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("predict --out {out} {photo}", "bank: expected a folder of weights; give one, or set LIGHTNING"),
        ("predict --weights {bank}/none --out {out} {photo}", "none: expected a folder of weights"),
        (
            "predict --weights {bank} --out {out} --task nomal -- {photo}",
            "unknown task 'nomal'; did you mean normal",
        ),
        (
            "predict --weights {bank} --out {out} --task reshading -- {photo}",
            "no weights of reshading in this",
        ),
        ("predict --weights {bank} --out {out} {bank}/none.png", "none.png: no such picture or video"),
        ("predict --weights {bank} --out {out} {bank}", "no pictures (.bmp"),
        ("predict --weights {bank} --out {out} --batch-size 0 {photo}", "batch-size: expected at least 1"),
        ("predict --weights {bank} --out {out} --names a -- {photo}", "names: expected TASK=FILE, found 'a'"),
        ("predict --weights {bank} --out {out} --device tpu9 {photo}", "device: cannot use 'tpu9'"),
        (
            "predict --weights {bank} --out {out} --field-of-view 5 {photo}",
            "field-of-view: expected 10 to 170",
        ),
        ("predict --weights {bank} --out {out}", "images"),
        (
            "convert --weights {bank} --to jpeg --out {out}",
            "to: expected one of published, safetensors, onnx",
        ),
        ("convert --weights {photo} --to onnx --out {out}", "photo.png: expected .safetensors, .ckpt, or"),
        ("list --weights {photo}", "photo.png: expected a folder of weights"),
        ("fetch --weights {out} --task class_selected", "nothing is published for class_selected"),
    ],
)
def test_mistakes_are_one_line(
    words: str,
    reason: str,
    tmp_path: Path,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LIGHTNING_TASKONOMY_BANK", raising=False)
    bank = tmp_path / "bank"
    bank.mkdir()
    small_bank(bank)
    given = words.format(bank=bank, out=tmp_path / "out", photo=photo)
    assert main(["bank", *given.split()]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
