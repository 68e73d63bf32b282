"""The input of readouts: representations of each batch's views, from the stores of their sources."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import name_among, written_name
from lightning_taskonomy.data import RepresentationStore


class StoredInputs:
    """The stores of some sources, opened when a split is first used.

    Args:
        folder: holds `<source>/<split>/`.
        sources: their names.
        shape: required shape of representations, (C, s, s).
    """

    def __init__(self, folder: Path, sources: Sequence[str], shape: tuple[int, int, int]) -> None:
        self.folder, self.sources, self.shape = folder, tuple(dict.fromkeys(sources)), shape
        self._stores: dict[str, dict[str, RepresentationStore]] = {}
        self._same_samples: set[str] = set()

    def open(self, split: str) -> dict[str, RepresentationStore]:
        """The stores of a split by source.

        Raises:
            InputError: one is missing or damaged, or of another shape.
        """
        if split not in self._stores:
            paths = {source: _store(self.folder, source) / split for source in self.sources}
            stores = {source: RepresentationStore(path) for source, path in paths.items()}
            for source, store in stores.items():
                if tuple(store.shape) != self.shape:
                    raise InputError(
                        f"{paths[source]}: expected representations of shape {self.shape}, "
                        f"found {tuple(store.shape)}; is `size` that of the encoders' pictures?"
                    )
            self._stores[split] = stores
        return self._stores[split]

    def require(self, split: str, place: int, key: str) -> None:
        """Refuse stores of other samples than those of the batches; only a split's first batch is checked.

        Args:
            split: of the samples.
            place: index of a sample.
            key: of the same sample.

        Raises:
            InputError: a store has another sample at that index.
        """
        if split in self._same_samples:
            return
        for store in self.open(split).values():
            number = place - store.span.first
            if 0 <= number < len(store) and store.keys[number] != key:
                raise InputError(
                    f"{store.path}: expected representations of the samples in the shards: at place {place} "
                    f"{key}, found {store.keys[number]}"
                )
        self._same_samples.add(split)

    def of(self, split: str, views: Tensor, sources: Sequence[str]) -> dict[str, Tensor]:
        """Representations by source, (B, V · C, s, s), in half precision on the device of `views`.

        Args:
            split: of the samples.
            views: indices of each example's views, (B, V).
            sources: to read.
        """
        stores, places = self.open(split), views.cpu()
        return {
            source: stores[source].rows(places).flatten(1, 2).to(views.device, non_blocking=True)
            for source in dict.fromkeys(sources)
        }


def source_names(folder: str | Path, sources: Iterable[str]) -> list[str]:
    """The names of sources in loss tables: canonical names for tasks of the dictionary.

    Args:
        folder: of their stores, whose names take precedence.
        sources: as the user names them.

    Raises:
        InputError: a name could mean several stores.
    """
    stores = _stores(Path(folder))
    names: list[str] = []
    for source in sources:
        name = name_among(source, stores, "sources") or source
        both = written_name(name) in stores and name in stores
        names.append(name if both else written_name(name))
    return names


def _store(folder: Path, source: str) -> Path:
    """The folder of a source's representations, which may have another name of the task."""
    return folder / (name_among(source, _stores(folder), "sources") or source)


def _stores(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
