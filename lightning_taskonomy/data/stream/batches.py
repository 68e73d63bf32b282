"""A batch on its way: stacked by a worker as the labels are stored, moved, and scaled where it arrives.

Stored numbers are a quarter of the size of what is made of them, and a picture that several tasks use travels
once: what a worker hands over to the trainer would otherwise cost more than decoding.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lightning_taskonomy.core.task_names import name_among
from lightning_taskonomy.tasks.scales import Scale
from lightning_taskonomy.tasks.task import Example, Stored

Allocate = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
_TORCH_TYPE = {
    name: getattr(torch, name)
    for name in ("bool", "uint8", "uint16", "int16", "int32", "int64", "float32", "float64")
}
Batch = dict[str, Any]
"""`key`: of each sample; per task by name a dictionary: `input` (B, views, C, H, W), `target` (B, …),
`views` (B, views), the places in the index that they come from, and, where there is one, `mask` (B, H, W),
true where the loss counts."""


class NamedBatch(dict[str, Any]):
    """A batch that gives a task's dictionary under each of its names; it lists the written ones."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - as a batch's
        known = name_among(name, self, "batch")
        if known is None:
            raise KeyError(name)
        return self[known]


@dataclass(frozen=True)
class PackedBatch:
    """A batch before its numbers are scaled.

    Attributes:
        keys: of each sample.
        tensors: one per kind of label.
        parts: by task, by part, which tensor it is made of and how.
    """

    keys: Sequence[str]
    tensors: Sequence[torch.Tensor]
    parts: Mapping[str, Mapping[str, tuple[int, Scale | None]]]

    def to(self, device: torch.device, non_blocking: bool = False) -> "PackedBatch":
        """Move every tensor once. The trainer calls this."""
        moved = [tensor.to(device, non_blocking=non_blocking) for tensor in self.tensors]
        return replace(self, tensors=moved)

    def copied(self) -> "PackedBatch":
        """In memory of its own; where there is a GPU, in such as it can fetch from while others work."""
        pinned = torch.cuda.is_available()
        copies = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned) for tensor in self.tensors]
        for copy, tensor in zip(copies, self.tensors, strict=True):
            # Not by torch, whose threads would take the cores from the workers while they wait.
            np.copyto(copy.numpy(), tensor.numpy())
        return replace(self, tensors=copies)

    def finished(self) -> Batch:
        """The numbers that networks take, on the device where the tensors are, in memory of their own."""
        made: dict[tuple[int, Scale | None], torch.Tensor] = {}
        for parts in self.parts.values():
            for part in parts.values():
                if part not in made:
                    made[part] = _finished(self.tensors[part[0]], part[1])
        batch = NamedBatch(key=list(self.keys))
        for task, parts in self.parts.items():
            batch[task] = {name: made[part] for name, part in parts.items()}
        return batch


class Stacking:
    """Stacks the examples of some samples, each array once however many tasks use it.

    Args:
        allocate: gives the memory of a tensor, by shape and type.
    """

    def __init__(self, allocate: Allocate) -> None:
        self._allocate = allocate
        self._tensors: list[torch.Tensor] = []
        self._place_of: dict[tuple[int, ...], int] = {}

    def batch(
        self,
        keys: Sequence[str],
        examples: Mapping[str, Sequence[Example]],
        places: Mapping[str, Sequence[Sequence[int]]],
    ) -> PackedBatch:
        """The batch.

        Args:
            keys: of the samples.
            examples: by task, one per sample.
            places: of each example's views, in the index.
        """
        parts = {task: self._parts(its, places[task]) for task, its in examples.items()}
        return PackedBatch(keys, self._tensors, parts)

    def _parts(
        self, examples: Sequence[Example], places: Sequence[Sequence[int]]
    ) -> Mapping[str, tuple[int, Scale | None]]:
        views = len(examples[0].inputs)
        parts = {
            "input": self._part([view for example in examples for view in example.inputs], (views,)),
            "target": self._part([example.target for example in examples]),
            "views": self._added(np.array(places, np.int64)),
        }
        masks = [example.mask for example in examples if example.mask is not None]
        if masks:
            parts["mask"] = self._part(masks)
        return parts

    def _added(self, array: npt.NDArray[Any]) -> tuple[int, Scale | None]:
        whole = self._allocate(array.shape, _TORCH_TYPE[array.dtype.name])
        np.copyto(whole.numpy(), array)
        self._tensors.append(whole)
        return len(self._tensors) - 1, None

    def _part(
        self, given: Sequence[Stored | npt.NDArray[Any]], views: tuple[int, ...] = ()
    ) -> tuple[int, Scale | None]:
        """One tensor of all samples, (B, *views, …)."""
        scale = given[0].scale if isinstance(given[0], Stored) else None
        arrays = [part.values if isinstance(part, Stored) else np.asarray(part) for part in given]
        name = (*views, 0, *map(id, arrays))
        if name not in self._place_of:
            self._place_of[name] = len(self._tensors)
            self._tensors.append(self._stacked(arrays, scale is not None, views))
        return self._place_of[name], scale

    def _stacked(
        self, arrays: Sequence[npt.NDArray[Any]], stored: bool, views: tuple[int, ...]
    ) -> torch.Tensor:
        if stored:
            arrays = [array[..., None] if array.ndim == 2 else array for array in arrays]
        # Pictures of one set may have been resized or not, according to their own size.
        kind = (
            np.result_type(*arrays) if len({array.dtype for array in arrays}) == 1 else np.dtype(np.float32)
        )
        shape = arrays[0].shape
        whole = self._allocate((len(arrays) // math.prod(views), *views, *shape), _TORCH_TYPE[kind.name])
        np.stack(arrays, out=whole.view(-1, *shape).numpy(), casting="same_kind")
        return whole


def _finished(tensor: torch.Tensor, scale: Scale | None) -> torch.Tensor:
    if scale is not None:
        return scale(tensor)
    whole_numbers = not tensor.is_floating_point() and tensor.dtype != torch.bool
    return tensor.to(torch.int64 if whole_numbers else tensor.dtype, copy=True)
