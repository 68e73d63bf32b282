"""`bank pull`: trained networks from the Hugging Face Hub."""

from pathlib import Path

from lightning_taskonomy.cli.bank_push import require_hub


def pull(repository: str, out: Path, revision: str | None = None, task: tuple[str, ...] = ()) -> None:
    """Download trained networks from the Hugging Face Hub, and see that they can be loaded.

    Nothing but weights (safetensors) and the model card is taken. HF_ENDPOINT names another Hub.

    Args:
        repository: USER/NAME
        out: folder to write to
        revision: branch, tag or commit; by default the newest
        task: FILE.py:NAME of tasks of your own that the networks are for; names in the files import nothing
    """
    require_hub()
    from lightning_taskonomy.bank.hub import pull as pulled  # torch takes seconds to import

    files = pulled(repository, out, revision, tasks=task)
    print(f"written: {out}: {len(files)} networks")
