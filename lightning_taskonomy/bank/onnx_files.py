"""Opening ONNX files: only the file and what lies beside it are read."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

from lightning_taskonomy.core.errors import InputError


def onnx_session(path: Path) -> onnxruntime.InferenceSession:
    """A session that runs an ONNX file on the CPU.

    Weights may lie in other files ("external data"), but only in the same folder: otherwise an untrusted file
    could copy any file of this machine into its outputs.

    Raises:
        InputError: not an ONNX file, one that cannot be run, or one whose weights lie elsewhere.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError, ValueError) as error:
        raise InputError(f"{path}: cannot read this ONNX file ({_line(error)})") from error
    folder = path.parent.resolve()
    for place in _external_places(model):
        if not (folder / place).resolve().is_relative_to(folder):  # links are followed
            raise InputError(f"{path}: expected weights in this file's folder, found them in {place[:120]!r}")
    try:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no narrower common type
        raise InputError(f"{path}: cannot run this ONNX file ({_line(error)})") from error


def _external_places(model: onnx.ModelProto) -> Iterator[str]:
    tensors = [*_of_graph(model.graph)]
    for function in model.functions:
        tensors += _of_nodes(function.node)
    for tensor in tensors:
        yield from (entry.value for entry in tensor.external_data if entry.key == "location")


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _of_graph(graph)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
