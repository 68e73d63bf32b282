import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.tasks import Example, ViewLabels, dictionary, register, task_named


def test_names_are_those_of_the_entries_and_domains_exist() -> None:
    for name, task in dictionary().items():
        assert task.name == name
        assert set(task.domains) <= set(DOMAINS)
        assert 1 <= task.views <= 3


def test_other_spellings_name_the_same_task() -> None:
    assert task_named("inpainting_whole") is task_named("impainting_whole")
    assert task_named("segmentsemantic") is task_named("segmentsemantic_rb")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="tasks: unknown task 'depth'; expected some of autoencoder"):
        task_named("depth")


def own_read(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    return Example(np.zeros((1, 3, size, size), np.float32), np.zeros((1, size, size), np.float32))


def test_ones_own_task_stands_beside_the_others_and_takes_no_name_twice() -> None:
    own = replace(task_named("autoencoder"), name="my_depth", read=own_read)
    register(own)
    register(own)
    assert dictionary()["my_depth"] is own
    with pytest.raises(InputError, match="there is a task 'my_depth' already"):
        register(replace(own, title="Other"))
    with pytest.raises(InputError, match="there is a task 'segmentsemantic' already"):
        register(replace(own, name="segmentsemantic"))


def test_the_room_imports_no_torch() -> None:
    code = "import sys, lightning_taskonomy.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
