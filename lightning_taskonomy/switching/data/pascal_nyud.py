"""The DataModules of PASCAL-Context and NYUD."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream.place_in_epochs import ResumableDataModule
from lightning_taskonomy.switching.data.batches import PictureLoader, TaskPictures
from lightning_taskonomy.switching.data.folders import DenseFolder, NyudFolder, PascalFolder, Split
from lightning_taskonomy.switching.data.switched_loader import (
    SwitchedLoader,
    Switching,
    TaskLoader,
    shares,
    tasks_to_learn,
)
from lightning_taskonomy.switching.data.transforms import Preset, Transforms
from lightning_taskonomy.tasks.pascal_nyud import NYUD, PASCAL, PASCAL_CLASSES_WITH_NORMALS
from lightning_taskonomy.tasks.task import Task


class DenseDataModule(ResumableDataModule, ABC):
    """Tasks of images in folders; labels may be missing.

    Images are resized to a square, and so are the labels for the losses. In evaluation, batches also hold
    every label at its own size for scoring, because resizing breaks and doubles thin lines.

    Args:
        root: folder of the data set.
        tasks: names.
        size: pixels per side; the aspect ratio is not kept.
        batch_size: images per batch and rank.
        num_workers: processes per rank that read.
        seed: of the order of images, the order of tasks and the augmentation.
        switching: which task a batch is for; see `SwitchingTaskonomy`.
        preset: `reference`, as published: beyond the border of a transformed image is background; or
            `improved`: nothing is known there.
        train_tasks: tasks to train on, if others are only evaluated; by default all.
    """

    known: Sequence[Task] = ()

    def __init__(
        self,
        root: str,
        tasks: list[str],
        size: int = 512,
        batch_size: int = 16,
        num_workers: int = 2,
        seed: int = 0,
        switching: Switching = "epoch",
        preset: Preset = "reference",
        train_tasks: list[str] | None = None,
    ) -> None:
        super().__init__()
        by_name = {task.name: task for task in self.known}
        for name in tasks:
            if name not in by_name:
                raise InputError(f"tasks: expected some of {', '.join(by_name)}, found {name!r}")
        if not tasks:
            raise InputError("tasks: expected at least one task")
        if num_workers < 0:
            raise InputError(f"num_workers: expected at least 0, found {num_workers}")
        self.tasks = [by_name[name] for name in tasks]
        self._learned = [by_name[name] for name in tasks_to_learn(tasks, train_tasks)]
        self.root, self.batch_size, self.num_workers = Path(root), batch_size, num_workers
        self.seed, self.switching = seed, switching
        self.transforms = Transforms(size, preset)

    @abstractmethod
    def folder(self, split: Split) -> DenseFolder:
        """Images and labels of a split."""

    def train_dataloader(self) -> TaskLoader:
        """Tasks in turn, each with the images that have its label; or all labels of each image."""
        if self.switching == "all":
            loader: TaskLoader = self._loader("train", self._learned, self.batch_size)
        else:
            names = [task.name for task in self._learned]
            mixed = self.switching == "mixed"
            sizes = shares(self.batch_size, names) if mixed else dict.fromkeys(names, self.batch_size)
            alone = {task.name: self._loader("train", [task], sizes[task.name]) for task in self._learned}
            loader = SwitchedLoader(alone, self.switching, self.seed)
        self.learn_from(loader)
        return loader

    def val_dataloader(self) -> TaskLoader:
        """Every image that has any of the labels, once."""
        return self._loader("val", self.tasks, self.batch_size)

    def test_dataloader(self) -> TaskLoader:
        """The validation split: there is no other."""
        return self.val_dataloader()

    def predict_dataloader(self) -> TaskLoader:
        """The validation split."""
        return self.val_dataloader()

    def _loader(self, split: Split, tasks: Sequence[Task], batch_size: int) -> PictureLoader:
        training = split == "train"
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)
        pictures = TaskPictures(self.folder(split), tasks, self.transforms, self.seed, training)
        return PictureLoader(pictures, batch_size, training, rank, world, self.num_workers)


class PascalMT(DenseDataModule):
    """PASCAL-Context with five tasks: `pascal_semseg`, `_parts`, `_edge`, `_normals` and `_saliency`.

    See `PascalFolder` for the files.

    Args:
        args: as for `DenseDataModule`.
        normal_classes: indices of the context classes whose normals are trained and scored; `published` are
            the 170 of the published protocol, `all` uses every pixel that has a normal in its file.
        kwargs: as for `DenseDataModule`.
    """

    known = PASCAL

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        normal_classes: list[int] | Literal["published", "all"] = "published",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.normal_classes: Sequence[int] | None
        if isinstance(normal_classes, str):
            if normal_classes not in ("published", "all"):
                raise InputError(
                    f"normal_classes: expected published, all or numbers, found {normal_classes!r}"
                )
            self.normal_classes = PASCAL_CLASSES_WITH_NORMALS if normal_classes == "published" else None
        else:
            self.normal_classes = normal_classes

    def folder(self, split: Split) -> DenseFolder:
        """Images and labels of a split."""
        return PascalFolder(self.root, split, self.normal_classes)


class NyudMT(DenseDataModule):
    """NYUD with four tasks: `nyud_semseg` (or `nyud_semseg40`), `_edge`, `_normals` and `_depth`.

    See `NyudFolder` for the files, and `DenseDataModule` for the arguments.
    """

    known = NYUD

    def folder(self, split: Split) -> DenseFolder:
        """Images and labels of a split."""
        return NyudFolder(self.root, split)
