"""An embedding: one value per filter of a probe, and how it was computed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file, write_text

Vector = npt.NDArray[np.float64]
_COMPARED = ("probe", "method", "skip_layers", "norms")


@dataclass(frozen=True, eq=False)
class Embedding:
    """A task as a vector.

    Attributes:
        hessian: Per filter: the Fisher information, or the precision 1/σ² of the variational estimate.
        scale: The prior precision 1/λ² of the filter's layer; 1 where there is no prior.
        meta: The task and how it was embedded, as plain values: `name`, `probe`, `method`, `samples`, …;
            `has_prior` tells whether `scale` is a true prior, without which the trivial task is not defined.
        domain: The mean features of the images, independent of labels (section 4's baseline).
    """

    hessian: Vector
    scale: Vector
    meta: Mapping[str, Any] = field(default_factory=dict)
    domain: Vector | None = None

    def __post_init__(self) -> None:
        for name in ("hessian", "scale"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any():
                raise InputError(
                    f"embedding {self.name}: {name} must be a vector of finite values, 0 or more"
                )
        if len(self.hessian) != len(self.scale):
            raise InputError(
                f"embedding {self.name}: hessian has {len(self.hessian)} values, scale {len(self.scale)}"
            )

    @property
    def name(self) -> str:
        """Name of the task."""
        return str(self.meta.get("name", "unnamed"))

    def save(self, folder: Path) -> Path:
        """Write `<name>.safetensors` and `<name>.json` into a folder; returns the path of the first.

        Raises:
            InputError: a file cannot be written.
        """
        arrays = {"hessian": self.hessian, "scale": self.scale}
        if self.domain is not None:
            arrays["domain"] = self.domain
        path = folder / f"{file_name(self.name)}.safetensors"
        with whole_file(path) as temporary:
            save_file(arrays, temporary)
        write_text(path.with_suffix(".json"), json.dumps(dict(self.meta), indent=2) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> "Embedding":
        """Read an embedding written by `save`.

        Raises:
            InputError: a file is missing or malformed.
        """
        try:
            arrays = load_file(path)
        except OSError as error:
            raise InputError(f"{path}: cannot read this file ({error.strerror or error})") from error
        except SafetensorError as error:
            raise InputError(f"{path}: expected a safetensors file ({error})") from error
        missing = [name for name in ("hessian", "scale") if name not in arrays]
        if missing:
            raise InputError(f"{path}: expected an embedding; it has no {missing[0]}")
        beside = path.with_suffix(".json")
        try:
            meta = json.loads(beside.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{beside}: cannot read this file ({error.strerror})") from error
        except ValueError as error:
            raise InputError(f"{beside}: expected JSON ({error})") from error
        if not isinstance(meta, dict):
            raise InputError(f"{beside}: expected a mapping, found a {type(meta).__name__}")
        return cls(arrays["hessian"], arrays["scale"], meta, arrays.get("domain"))


def file_name(task: str) -> str:
    """A task's name in characters that every file system supports."""
    return "".join(char if char.isalnum() or char in "-_.+=" else "_" for char in task).lstrip(".") or "_"


def read_embeddings(paths: Sequence[Path]) -> list[Embedding]:
    """Read embeddings of the same probe.

    Args:
        paths: Files, or folders of them.

    Raises:
        InputError: there are none, two have the same name, or they are not comparable.
    """
    files = [
        file for path in paths for file in (sorted(path.glob("*.safetensors")) if path.is_dir() else [path])
    ]
    if not files:
        raise InputError(f"{paths[0]}: no embeddings (*.safetensors) in this folder")
    found = [Embedding.load(file) for file in files]
    names: dict[str, Path] = {}
    for embedding, file in zip(found, files, strict=True):
        if embedding.name in names:
            raise InputError(f"{file}: the task {embedding.name} is also in {names[embedding.name]}")
        names[embedding.name] = file
    for embedding in found[1:]:
        require_comparable(found[0], embedding)
    return found


def require_comparable(a: Embedding, b: Embedding) -> None:
    """Reject embeddings of different probes or methods.

    Raises:
        InputError: they differ; the message names the difference.
    """
    for key in _COMPARED:
        first, second = a.meta.get(key), b.meta.get(key)
        if first is not None and second is not None and first != second:
            raise InputError(f"embeddings {a.name} and {b.name}: {key} differ ({first} and {second})")
    if len(a.hessian) != len(b.hessian):
        lengths = f"{len(a.hessian)} and {len(b.hessian)}"
        raise InputError(f"embeddings {a.name} and {b.name}: lengths differ ({lengths}); same probe?")
