"""A batch in transit: stacked by a worker as the labels are stored, moved, and scaled where it arrives.

Stored values take a quarter of the space of scaled ones, and an image that several tasks use is sent once:
otherwise, passing batches from workers to the trainer would cost more than decoding.
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
    """A batch that finds a task's dictionary under any of the task's names; it lists the stored ones."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - as a batch's
        known = name_among(name, self, "batch")
        if known is None:
            raise KeyError(name)
        return self[known]


@dataclass(frozen=True)
class PackedBatch:
    """A batch before its values are scaled.

    Attributes:
        keys: of each sample.
        tensors: one per kind of label.
        parts: by task and part, the number of its tensor and its scale.
    """

    keys: Sequence[str]
    tensors: Sequence[torch.Tensor]
    parts: Mapping[str, Mapping[str, tuple[int, Scale | None]]]

    def to(self, device: torch.device, non_blocking: bool = False) -> "PackedBatch":
        """Move every tensor once. The trainer calls this."""
        moved = [tensor.to(device, non_blocking=non_blocking) for tensor in self.tensors]
        return replace(self, tensors=moved)

    def copied(self) -> "PackedBatch":
        """A copy; in pinned memory where there is a GPU."""
        pinned = torch.cuda.is_available()
        copies = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned) for tensor in self.tensors]
        for copy, tensor in zip(copies, self.tensors, strict=True):
            # Not with torch, whose waiting threads would take the cores from the workers.
            np.copyto(copy.numpy(), tensor.numpy())
        return replace(self, tensors=copies)

    def finished(self) -> Batch:
        """The values that networks take, on the tensors' device; always copies."""
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
    """Stacks the examples of some samples; an array that several tasks use is stacked once.

    Args:
        allocate: returns a tensor of a shape and type.
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
        """Stack the examples into a batch.

        Args:
            keys: of the samples.
            examples: by task, one per sample.
            places: of each example's views, in the index.
        """
        parts = {task: self._parts(of_task, places[task]) for task, of_task in examples.items()}
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
        self, labels: Sequence[Stored | npt.NDArray[Any]], views: tuple[int, ...] = ()
    ) -> tuple[int, Scale | None]:
        """One tensor of all samples, (B, *views, …)."""
        scale = labels[0].scale if isinstance(labels[0], Stored) else None
        arrays = [part.values if isinstance(part, Stored) else np.asarray(part) for part in labels]
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
        # Some images of a set may have been resized and others not, depending on their own size.
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
