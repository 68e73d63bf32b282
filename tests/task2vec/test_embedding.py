"""Embeddings on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Embedding, read_embeddings


def embedding(name: str = "birds", length: int = 5) -> Embedding:
    values = np.random.default_rng(0).random(length)
    return Embedding(values, np.full(length, 0.5), {"name": name, "probe": "resnet18"}, np.arange(3.0))


def test_saved_and_loaded(tmp_path: Path) -> None:
    saved = embedding("digits: 3 or 8/a")
    path = saved.save(tmp_path)
    assert path.name == "digits__3_or_8_a.safetensors"
    assert json.loads(path.with_suffix(".json").read_text())["name"] == saved.name
    found = Embedding.load(path)
    for name in ("hessian", "scale", "domain"):
        np.testing.assert_array_equal(getattr(found, name), getattr(saved, name))
        np.testing.assert_array_equal(load_file(path)[name], getattr(saved, name))
    assert found.meta == saved.meta


def test_folders_and_files_are_read(tmp_path: Path) -> None:
    for name in ("b", "a"):
        embedding(name).save(tmp_path)
    single = embedding("c").save(tmp_path / "more")
    assert [one.name for one in read_embeddings([tmp_path, single])] == ["a", "b", "c"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no embeddings \(\*.safetensors\)"):
        read_embeddings([tmp_path])
    path = embedding().save(tmp_path)
    embedding("birds").save(tmp_path / "again")
    with pytest.raises(InputError, match="the task birds is also in"):
        read_embeddings([tmp_path, tmp_path / "again"])
    embedding("fish", 6).save(tmp_path)
    with pytest.raises(InputError, match="lengths differ"):
        read_embeddings([tmp_path])
    path.with_suffix(".json").write_text("{")
    with pytest.raises(InputError, match=r"birds.json: expected JSON"):
        Embedding.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"birds.safetensors: expected a safetensors file"):
        Embedding.load(path)
    with pytest.raises(InputError, match=r"none.safetensors: cannot read this file"):
        Embedding.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("values", [[-1.0, 1.0], [np.nan, 1.0], [[1.0, 2.0]]])
def test_invalid_information_is_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match="hessian must be a vector of finite values, 0 or more"):
        Embedding(np.array(values), np.ones(2))
