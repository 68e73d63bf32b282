"""A task as data: images and their labels."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.features import Images
from lightning_taskonomy.task2vec.label_arrays import read_labels
from lightning_taskonomy.task2vec.targets import Kind, Targets

Rows = npt.NDArray[np.intp]
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LabelledTask:
    """A task: some images of a set, and their labels.

    Tasks with the same image set share the computation on it.

    Attributes:
        name: Name of the task.
        images: A set of images, as the probe takes them.
        targets: Targets of the task's images.
        rows: Indices of its images in the set, in the order of the targets.
        group: A group of related tasks, such as a taxonomic order, for figures of many tasks.
        pairs: Whether the task is a segmentation, whose output tells for two places in an image whether they
            belong together; `targets` are then segment ids per pixel.
        about: Further values for the embedding's metadata.
    """

    name: str
    images: Images
    targets: Targets
    rows: Rows
    group: str = ""
    pairs: bool = False
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.targets):
            raise InputError(f"task {self.name}: {len(self.rows)} images, {len(self.targets)} labels")
        if len(self.rows) and not 0 <= self.rows.min() <= self.rows.max() < len(self.images):
            raise InputError(f"task {self.name}: expected image indices below {len(self.images)}")

    @classmethod
    def of(
        cls,
        name: str,
        images: Images,
        labels: npt.ArrayLike,
        kind: Kind | None = None,
        rows: Rows | None = None,
    ) -> "LabelledTask":
        """Make a task from labels of any usual shape and type; their interpretation is logged.

        Args:
            name: Name of the task.
            images: A set of images.
            labels: One per image; images without a label are left out.
            kind: Kind of the labels; by default inferred from their type and shape.
            rows: Indices of the labelled images; by default all.

        Raises:
            InputError: the labels fit no kind, or do not match the images.
        """
        pictures = np.arange(len(images)) if rows is None else rows
        found = read_labels(labels, f"task {name}", kind)
        if len(pictures) != found.count:
            raise InputError(f"task {name}: {len(pictures)} images, {found.count} labels")
        for note in found.notes:
            log.warning("task %s: %s", name, note)
        about: dict[str, Any] = {"notes": list(found.notes)} if found.notes else {}
        if found.classes is not None:
            about["classes"] = found.classes
        return cls(name, images, found.targets, pictures[found.rows], about=about)

    def first(self, count: int) -> "LabelledTask":
        """The first images only; if they are sorted by class, that means the first classes only."""
        return self.part(np.arange(min(count, len(self.rows))))

    def sample(self, count: int, seed: int = 0) -> "LabelledTask":
        """A random sample of its images, stratified by class."""
        if count >= len(self.rows):
            return self
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(self.rows))
        if self.targets.kind == "classes" and self.targets.values.ndim == 1:
            order = order[np.argsort(self.targets.values[order], kind="stable")]
        picked = np.floor((np.arange(count) + generator.random()) * len(order) / count).astype(np.intp)
        return self.part(np.sort(order[picked]))

    def part(self, chosen: Rows) -> "LabelledTask":
        """The task restricted to some of its images, by their positions in `rows`."""
        rows, targets = self.rows[chosen], self.targets.rows(chosen)
        return LabelledTask(self.name, self.images, targets, rows, self.group, self.pairs, self.about)


def as_task(dataset: Any, name: str = "unnamed", kind: Kind | None = None) -> LabelledTask:  # noqa: ANN401
    """A data set as a task.

    Args:
        dataset: A task; or any sequence of (image, target), such as torch's TensorDataset or torchvision's
            data sets, whose images are tensors (C, H, W). Labels are taken from its attribute `targets` or
            `labels` if it has one, without reading images.
        name: Name of the task.
        kind: Kind of the targets; by default inferred from their type and shape.

    Raises:
        InputError: the targets do not fit the kind.
    """
    if isinstance(dataset, LabelledTask):
        return dataset
    return LabelledTask.of(name, _Pictures(dataset), _labels(dataset), kind)


def _labels(dataset: Any) -> npt.ArrayLike:  # noqa: ANN401 - any data set
    for name in ("targets", "labels"):
        found = getattr(dataset, name, None)
        if found is not None and len(found) == len(dataset):
            return np.asarray(found)
    tensors: Sequence[Any] = getattr(dataset, "tensors", ())
    if len(tensors) > 1:
        return np.asarray(tensors[1])
    return [np.asarray(target).tolist() for _, target in _items(dataset)]


def _items(dataset: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    for place in range(len(dataset)):
        item = dataset[place]
        yield item[0], item[1]


class _Pictures:
    """The images of a data set's samples."""

    def __init__(self, dataset: Any) -> None:  # noqa: ANN401
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, place: int) -> Tensor:
        picture = self._dataset[place][0]
        if not isinstance(picture, Tensor):
            kind = type(picture).__name__
            raise InputError(f"dataset: expected images as tensors (C, H, W), found a {kind}")
        return picture.to(torch.get_default_dtype())
