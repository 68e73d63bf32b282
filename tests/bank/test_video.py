import gc
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is absent: pip install '.[bank]'")

import av
from av.video.stream import VideoStream

from lightning_taskonomy.bank.video import Video, VideoWriter
from lightning_taskonomy.core.errors import InputError


def moving_bar(path: Path, frames: int, rate: int = 12) -> None:
    with VideoWriter(path, Fraction(rate)) as writer:
        for number in range(frames):
            picture = np.zeros((65, 97, 3), np.uint8)
            picture[:, 20 + number % 40 : 30 + number % 40] = (200, 60, 20)
            writer.write(picture)


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    moving_bar(tmp_path / "a.mp4", 25)
    video = Video(tmp_path / "a.mp4")
    shots = list(video.shots(64))
    assert (video.rate, video.frames, len(shots)) == (Fraction(12), 25, 25)
    middles = [np.average(np.arange(64), weights=shot.pixels[32, :, 0].astype(float) ** 2) for shot in shots]
    assert (np.diff(middles) > 0.3).all()
    assert [shot.name for shot in shots[:2]] == ["000000", "000001"]


def test_colours_come_back(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", Fraction(10)) as writer:
        for _ in range(5):
            writer.write(np.full((64, 64, 3), (180, 90, 40), np.uint8))
    for shot in Video(tmp_path / "a.mp4").shots(32):
        assert np.abs(shot.pixels.astype(int) - (180, 90, 40)).max() < 8


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def peak(frames: int) -> int:
        path = tmp_path / f"{frames}.mp4"
        moving_bar(path, frames)
        gc.collect()
        tracemalloc.start()
        for _ in Video(path).shots(256):
            pass
        _, largest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return largest

    peak(5)
    # 100 frames more of 256 x 256 x 3 would be 20 MB.
    assert peak(110) - peak(10) < 2_000_000


@pytest.mark.parametrize("content", [b"", b"no video" * 100])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4: cannot read this video") as error:
        Video(tmp_path / "a.mp4")
    assert "\n" not in str(error.value)


def test_video_with_zero_frames_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w", format="matroska") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        file.start_encoding()
    with pytest.raises(InputError, match=r"a\.mkv: .*(found none|cannot read)"):
        list(Video(tmp_path / "a.mkv").shots(64))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(InputError, match="found no video stream in this file"):
        Video(tmp_path / "a.mp4")


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with VideoWriter(tmp_path / "a.mp4", Fraction(10)) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def noise(path: Path, form: str, codec: str, **options: str) -> int:
    """60 incompressible frames: cutting the file in half cuts the video in half."""
    with av.open(str(path), "w", format=form, options=options) as file:
        stream = file.add_stream(codec, rate=10)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        random = np.random.default_rng(0)
        for _ in range(60):
            pixels = random.integers(0, 255, (64, 64, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode(None))
    return path.stat().st_size


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("mp4", "libx264", {"movflags": "faststart"}),
        ("mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("matroska", "libx264", {}),
        ("avi", "mpeg4", {}),
        ("webm", "libvpx", {}),
    ],
)
def test_a_cut_video_is_said_to_be_cut(
    form: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "walk.mp4"
    size = noise(path, form, codec, **options)
    whole = Video(path)
    assert len(list(whole.shots(32))) == 60
    assert whole.cut is None
    with path.open("r+b") as file:
        file.truncate(int(0.6 * size))
    cut = Video(path)
    count = len(list(cut.shots(32)))
    assert 20 < count < 45
    assert cut.cut is not None
    assert cut.cut.startswith(f"{path}: this video is cut short or damaged: it ends after frame {count}")
    assert "\n" not in cut.cut
