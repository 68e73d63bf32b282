"""Handmade ONNX files; their weights may lie beside them and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="ONNX is absent: pip install '.[bank]'")

import onnx
from onnx import TensorProto, helper

from lightning_taskonomy.bank.onnx_files import onnx_session
from lightning_taskonomy.core.errors import InputError

SECRET = np.arange(4, dtype=np.float32)


def adds_what_lies_at(place: str, path: Path, inside: bool = False) -> None:
    """A network that gives its input plus four numbers of another file; perhaps as a node's attribute."""
    weights = TensorProto(
        name="weights", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL
    )
    weights.external_data.add(key="location", value=place)
    nodes = [helper.make_node("Add", ["x", "weights"], ["y"])]
    if inside:
        nodes.insert(0, helper.make_node("Constant", [], ["weights"], value=weights))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [] if inside else [weights])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path)


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    adds_what_lies_at("weights.bin", tmp_path / "net.onnx")
    (tmp_path / "weights.bin").write_bytes(SECRET.tobytes())
    (found,) = onnx_session(tmp_path / "net.onnx").run(None, {"x": np.ones(4, np.float32)})
    np.testing.assert_array_equal(found, SECRET + 1)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("place", ["../secret", "sub/../../secret", "{tmp}/secret", "link"])
def test_weights_elsewhere_are_refused(place: str, inside: bool, tmp_path: Path) -> None:
    path = tmp_path / "model" / "net.onnx"
    (tmp_path / "secret").write_bytes(SECRET.tobytes())
    adds_what_lies_at(place.format(tmp=tmp_path), path, inside)
    (path.parent / "sub").mkdir()
    (path.parent / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(
        InputError, match=r"net\.onnx: expected weights in this file's folder, found"
    ) as error:
        onnx_session(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no network" * 50, None])
def test_what_is_no_network_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"net\.onnx: cannot (read|run) this ONNX file") as error:
        onnx_session(path)
    assert "\n" not in str(error.value)
