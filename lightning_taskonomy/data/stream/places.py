"""Files of a shard set: on this machine, behind a URL, or printed by a command.

Remote files are fetched whole, once, into a folder that worker processes share, checked against the index's
SHA-256, and dropped when newer ones need the room: an epoch visits shards in groups, so each is fetched about
once. The folder is removed when the process that made it ends.
"""

import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import weakref
from collections import OrderedDict
from pathlib import Path

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError

log = logging.getLogger(__name__)

_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.2
_SILENCE_S = 60
_ABSENT = (404, 410)
"""HTTP statuses for which a retry is useless."""
_KEPT_FILES = 64


class FetchError(OSError):
    """A remote file that could not be fetched in several attempts."""


class Place:
    """The root of a shard set.

    Args:
        root: a path; a URL that fsspec reads (`https://…`, `s3://…`, `gs://…`); or `pipe:COMMAND`, where
            `{path}` in the command stands for the file wanted and its output is the file.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._fetched: OrderedDict[str, Path] = OrderedDict()
        self._folder: Path | None = None
        if root.startswith("pipe:") and "{path}" not in root:
            raise InputError(f"{root}: expected {{path}} in the command, where the file's path goes")

    @property
    def is_local(self) -> bool:
        """Whether files are read in place."""
        return not self.root.startswith("pipe:") and "://" not in self.root

    def file(self, path: str, sha256: str | None = None) -> Path:
        """The local path of a file of the set, fetched if need be.

        Args:
            path: below the root.
            sha256: what a fetched file must have.

        Raises:
            FetchError: it could not be fetched, or was damaged at every attempt.
        """
        if self.is_local:
            return Path(self.root) / path
        target = self.folder / path.replace("/", "--")
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=self.folder) as own:  # two workers may fetch the same file
                self.fetch(path, Path(own) / "file", sha256)
                (Path(own) / "file").replace(target)
        self._fetched[path] = target
        self._fetched.move_to_end(path)
        while len(self._fetched) > _KEPT_FILES:
            self._fetched.popitem(last=False)[1].unlink(missing_ok=True)
        return target

    def part(self, path: str, offset: int, size: int) -> bytes | None:
        """A part of a remote file that has not been fetched; None where only whole files can be fetched.

        Args:
            path: below the root.
            offset: where it begins, in bytes.
            size: how long it is.
        """
        if self.is_local or self.root.startswith("pipe:") or path in self._fetched:
            return None
        import fsspec

        try:
            files, name = fsspec.core.url_to_fs(f"{self.root}/{path}")
            content: bytes = files.cat_file(name, start=offset, end=offset + size)
        except Exception as error:  # each protocol raises errors of its own
            # The whole file is fetched instead, with its attempts and its clear error.
            log.debug("%s: no part of %s (%s)", self.root, path, error)
            return None
        return content if len(content) == size else None  # some servers send the whole file

    @property
    def folder(self) -> Path:
        """Where fetched files are kept; made on first use, by the process that owns it."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="shards-"))
            weakref.finalize(self, _remove, self._folder, os.getpid())
        return self._folder

    def __getstate__(self) -> dict[str, object]:
        """For worker processes: they use the folder, and its owner removes it."""
        return {
            "root": self.root,
            "_folder": None if self.is_local else self.folder,
            "_fetched": OrderedDict(),
        }

    def fetch(self, path: str, target: Path, sha256: str | None = None) -> None:
        """Fetch a remote file, in several attempts unless it does not exist.

        Args:
            path: below the root.
            target: where to; an attempt that fails may leave a part there.
            sha256: what the file must have.

        Raises:
            FetchError: it could not be fetched, or was damaged at every attempt.
        """
        pause = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._copy(path, target)
                found = sha256_of(target)
                if sha256 not in (None, found):
                    raise OSError(f"expected SHA-256 {sha256[:12] if sha256 else ''}…, found {found[:12]}…")
                return
            except FileNotFoundError as error:
                raise FetchError(f"{self.root}: cannot fetch {path} (no such file)") from error
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                if attempt == _ATTEMPTS:
                    raise FetchError(
                        f"{self.root}: cannot fetch {path} after {_ATTEMPTS} attempts ({error})"
                    ) from error
                time.sleep(pause)
                pause *= 2

    def _copy(self, path: str, target: Path) -> None:
        if self.root.startswith("pipe:"):
            command = self.root.removeprefix("pipe:").replace("{path}", shlex.quote(path))
            with target.open("wb") as file:
                subprocess.run(command, shell=True, check=True, stdout=file)
            return
        import fsspec  # slow to import, and only for remote sets

        try:
            with (
                fsspec.open(f"{self.root}/{path}", "rb", **self._options()) as source,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError as error:
            cause = error.__cause__
            absent = isinstance(cause, FileNotFoundError | None) or getattr(cause, "status", None) in _ABSENT
            if isinstance(error, FileNotFoundError) and not absent:
                raise OSError(str(cause)) from error  # fsspec: also if a server is down
            raise
        except Exception as error:  # each protocol raises errors of its own library
            raise OSError(f"{type(error).__name__}: {error}") from error

    def _options(self) -> dict[str, object]:
        """For fsspec: a web server may take as long as it likes, unless it is silent for a minute."""
        if not self.root.startswith(("http://", "https://")):
            return {}
        from aiohttp import ClientTimeout

        silence = ClientTimeout(total=None, sock_connect=_SILENCE_S, sock_read=_SILENCE_S)
        return {"client_kwargs": {"timeout": silence}}


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not when a forked worker ends
        shutil.rmtree(folder, ignore_errors=True)
