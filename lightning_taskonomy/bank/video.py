"""Videos, read and written frame by frame: memory does not grow with their length."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from lightning_taskonomy.bank.shots import Bytes, Shot, square
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.core.pictures import PictureError

_DEFAULT_RATE = Fraction(25)
_WHOLE = 0.97
"""Fraction of the announced frames that an intact file has: the count is rough at variable frame rates."""
_QUALITY = "18"
"""Rate factor of x264: at 18, losses are hardly visible."""


class Video:
    """A video file, opened for reading.

    Args:
        path: of the file.

    Attributes:
        rate: frames per second.
        frames: how many there are, by the file's header or its duration; 0 if unknown.
        cut: once its frames have been read, the message for a file that ends early; None for an intact one.

    Raises:
        PictureError: it cannot be read as a video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        try:
            with av.open(str(path)) as file:
                stream = _stream(path, file)
                self.rate = stream.average_rate or stream.guessed_rate or _DEFAULT_RATE
                self.frames = stream.frames or int((file.duration or 0) * self.rate / av.time_base)
        except (av.error.FFmpegError, OSError) as error:
            raise PictureError(f"{path}: cannot read this video ({_reason(error)})") from error

    def shots(self, size: int) -> Iterator[Shot]:
        """Its frames, upright, each cropped to its largest central square.

        A file that is cut short, or damaged after some frames, ends there; `cut` then holds a message.

        Args:
            size: pixels per side.

        Raises:
            PictureError: there are no frames, or the first cannot be decoded.
        """
        number, reason = 0, ""
        try:
            with av.open(str(self.path)) as file:
                stream = _stream(self.path, file)
                stream.thread_type = "AUTO"
                for frame in file.decode(stream):
                    yield Shot(f"{number:06d}", square(_upright(frame), size))
                    number += 1
        except (av.error.FFmpegError, OSError) as error:
            if number == 0:
                raise PictureError(f"{self.path}: cannot read this video ({_reason(error)})") from error
            reason = f" ({_reason(error)})"
        if number == 0:
            raise PictureError(f"{self.path}: expected frames, found none in this video")
        if reason or number < _WHOLE * self.frames - 1:
            total = f" of {self.frames}" if self.frames > number else ""
            self.cut = (
                f"{self.path}: this video is cut short or damaged: "
                f"it ends after frame {number}{total}{reason}"
            )


class VideoWriter:
    """Writes drawings as a video (H.264), whole or not at all.

    Use it in a `with` block; the frame size is that of the first drawing.

    Args:
        path: of the file, with the suffix `.mp4`.
        rate: frames per second.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        self.path, self.rate = path, rate
        self._stack = ExitStack()
        self._stream: VideoStream | None = None

    def __enter__(self) -> "VideoWriter":
        temporary = self._stack.enter_context(whole_file(self.path))
        self._file = self._stack.enter_context(av.open(str(temporary), "w", format="mp4"))
        return self

    def write(self, drawing: Bytes) -> None:
        """Add a frame, (H, W, 3).

        Raises:
            InputError: it cannot be written.
        """
        try:
            if self._stream is None:
                self._stream = self._new_stream(*drawing.shape[:2])
            frame = VideoFrame.from_ndarray(_even(drawing), format="rgb24")
            self._file.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{self.path}: cannot write this video ({_reason(error)})") from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and self._stream is not None:
            self._file.mux(self._stream.encode(None))
        self._stack.__exit__(kind, error, traceback)

    def _new_stream(self, height: int, width: int) -> VideoStream:
        stream = self._file.add_stream("libx264", rate=self.rate, options={"crf": _QUALITY})
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        return stream


def _stream(path: Path, file: av.container.InputContainer) -> VideoStream:
    if not file.streams.video:
        raise PictureError(f"{path}: expected a video, found no video stream in this file")
    return file.streams.video[0]


def _upright(frame: VideoFrame) -> Image.Image:
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    return image.rotate(frame.rotation, expand=True) if frame.rotation % 360 else image


def _even(drawing: Bytes) -> Bytes:
    """Pad to even height and width: a video stores colour at half its resolution."""
    height, width = drawing.shape[:2]
    return np.pad(drawing, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
