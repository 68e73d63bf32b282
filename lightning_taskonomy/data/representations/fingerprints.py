"""Fingerprints, which show whether an encoder's weights and its input images are still the same."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.index import LABELS, PICTURE_DOMAINS, Keys
from lightning_taskonomy.data.stream.partners import Span
from lightning_taskonomy.data.stream.reading import ShardSet
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS


def of_weights(state_dict: Mapping[str, Tensor]) -> str:
    """Fingerprint of weights, whatever their device and memory layout.

    Args:
        state_dict: of the encoder.

    Returns:
        SHA-256 over names, types, shapes and values, in the order of names.
    """
    digest = hashlib.sha256()
    for name in sorted(state_dict):
        tensor = state_dict[name].detach().cpu().contiguous()
        _add(digest, name, str(tensor.dtype), list(tensor.shape))
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def of_data(shards: str, split: str, domains: Sequence[str], span: Span, size: int) -> str:
    """Fingerprint of some samples' images and labels and of the label conventions, wherever the folder lies.

    Only the split's index is read: it has the SHA-256 of every file.

    Args:
        shards: the packed folder, as the DataModule takes it.
        split: `train`, `val` or `test`.
        domains: those that are read.
        span: the samples.
        size: pixels per side.

    Raises:
        InputError: not a packed split, or it does not have those samples.
    """
    index = ShardSet(shards, split, tuple(domains)).index
    places = covered(span, len(index.keys), f"{shards}/{split}")
    folders = sorted({name if name in PICTURE_DOMAINS else LABELS for name in domains})
    touched = np.unique(index.shard[places.start : places.stop]).tolist()
    digest = hashlib.sha256()
    # What tasks make of the same files may have changed.
    _add(digest, split, sorted(domains), [places.start, places.stop], size, LABEL_CONVENTIONS)
    for shard in touched:
        _add(digest, int(index.samples[shard]), *(index.sha256[shard].get(folder) for folder in folders))
    digest.update(_lines(index.keys, places))
    return digest.hexdigest()


def covered(span: Span, samples: int, split: str) -> range:
    """The places of a span in a split.

    Args:
        span: of samples; its end may be left open.
        samples: how many the split has.
        split: its name in messages.

    Raises:
        InputError: the span is empty, or there are not that many samples.
    """
    end = samples if span.end is None else span.end
    if not 0 <= span.first < end <= samples:
        raise InputError(f"{split}: expected a span of its {samples} samples, found {span.first} to {end}")
    return range(span.first, end)


def _lines(keys: Keys, places: range) -> memoryview:
    """Keys as lines of text, without Python strings, which would take seconds for millions of keys."""
    import pyarrow as pa
    from pyarrow import compute

    text = keys.text[places.start : places.stop]
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    bounds = pa.array([0, len(text)], pa.int32())
    return memoryview(compute.binary_join(pa.ListArray.from_arrays(bounds, text), "\n")[0].as_buffer())


def _add(digest: "hashlib._Hash", *values: object) -> None:
    """Add values in an unambiguous encoding."""
    digest.update(json.dumps(values).encode() + b"\n")
