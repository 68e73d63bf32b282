"""The shipped configurations, unchanged but shorter, after a run of the quickstart's size."""

from pathlib import Path

import pytest
import yaml

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.pipeline.launching import without_effect
from lightning_taskonomy.pipeline.settings import (
    MachineSettings,
    NetworkSettings,
    PipelineSettings,
    ProgramSettings,
    TransferSettings,
)
from tests.data.small_folder import make_folder

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.slow
def test_transfers_after_the_tiny_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_folder(Path("in"), points=16, views=3, size=64)
    PackPlan(
        Path("in"), Path("quickstart/shards"), {"ash": "train", "birch": "val", "cedar": "test"}, Packing()
    ).run(1)
    tiny = ["taxonomy", "run", "--config", str(CONFIGS / "pipeline" / "tiny.yaml")]
    assert main([*tiny, "--network.epochs", "1", "--transfer.epochs", "1", "--program.budget", "2.5"]) == 0
    assert "warning:" not in capsys.readouterr().out
    for config in sorted((CONFIGS / "transfer").glob("*.yaml")):
        words = [
            "--config",
            str(config),
            "--trainer.accelerator",
            "cpu",
            "--trainer.enable_progress_bar",
            "false",
        ]
        assert main(["fit", *words, "--trainer.max_epochs", "1"]) == 0, config.name
        assert main(["test", *words]) == 0, config.name
    assert "asked for" not in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(path.name for path in (CONFIGS / "pipeline").glob("*.yaml")))
def test_runs_of_the_pipeline_have_no_options_without_effect(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Most shards are absent here; where they exist, there are enough samples.
    monkeypatch.setattr("lightning_taskonomy.pipeline.launching.samples_of", lambda *_: 1_000_000)
    given = yaml.safe_load((CONFIGS / "pipeline" / name).read_text())
    kinds = {
        "network": NetworkSettings,
        "transfer": TransferSettings,
        "program": ProgramSettings,
        "machine": MachineSettings,
    }
    parts = {key: kind(**given.pop(key, {})) for key, kind in kinds.items()}
    given.pop("experiments", None)
    assert without_effect(PipelineSettings(**given, **parts)) == []


def test_options_without_effect_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_taskonomy.pipeline.launching.samples_of", lambda *_: 48)
    tasks = ["normal", "edge_texture"]
    beyond = TransferSettings(samples=16_000, racing=True, watched=1, max_order=24)
    lines = without_effect(PipelineSettings("s", "o", tasks, transfer=beyond))
    assert [line.split(":")[0] for line in lines] == [
        "transfer.samples",
        "transfer.racing",
        "transfer.max_order",
    ]
    enough = TransferSettings(samples=40, batch_size=8, racing=True, watched=8, max_order=4)
    assert without_effect(PipelineSettings("s", "o", tasks, transfer=enough)) == []
    # One of the two, or both, may be a default.
    for order, orders in ((5, (1, 4)), (3, (1, 2)), (5, (1, 2))):
        (line,) = without_effect(
            PipelineSettings(
                "s",
                "o",
                tasks,
                transfer=TransferSettings(samples=40, batch_size=8, max_order=order),
                program=ProgramSettings(max_orders=orders),
            )
        )
        assert f"transfer.max_order: {order}, but program.max_orders end at {max(orders)}" in line
    with pytest.raises(InputError, match=r"transfer\.racing: it needs watched samples"):
        PipelineSettings("s", "o", tasks, transfer=TransferSettings(racing=True, watched=0))
