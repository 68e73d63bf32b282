"""A bank of trained networks on the Hugging Face Hub: safetensors files and a model card, nothing else."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

from lightning_taskonomy.bank.convert import convert
from lightning_taskonomy.bank.folder import OWN_SUFFIX
from lightning_taskonomy.bank.network import BankNetwork, load_file
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder
from lightning_taskonomy.tasks import task_named

CARD = "README.md"
_REFUSALS = (HfHubHTTPError, HFValidationError, HTTPError, OSError)
_PULLED = [f"*{OWN_SUFFIX}", CARD]


def push(
    networks: Mapping[str, Callable[[], BankNetwork]],
    repository: str,
    private: bool = False,
    endpoint: str | None = None,
    token: str | None = None,
    after_each: Callable[[], object] = bool,
) -> str:
    """Upload trained networks as safetensors, with a card, in one commit, and return its URL.

    Args:
        networks: a loader for each, by task.
        repository: `user/name`; created if need be.
        private: whether a repository that is created is private.
        endpoint: address of the Hub; by default HF_ENDPOINT, or the public one.
        token: of the user; by default the one that `hf auth login` has stored.
        after_each: called after each network is ready, to show progress.

    Raises:
        InputError: a network cannot be loaded, or the Hub refuses.
    """
    api = HfApi(endpoint=endpoint, token=token)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for load in networks.values():
            network = load()
            convert(network, "safetensors", folder)
            rows.append(_row(network))
            after_each()
        (folder / CARD).write_text(card(repository, rows), encoding="utf-8")
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=f"Networks of {len(rows)} tasks"
            )
        except (*_REFUSALS, RuntimeError, ValueError) as error:  # what its uploads raise
            raise _refused(repository, error) from error
    return str(commit.commit_url)


def pull(
    repository: str,
    folder: Path,
    revision: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    tasks: Iterable[str] = (),
) -> list[Path]:
    """Download the networks of a repository into a folder, and check that each can be loaded.

    Args:
        repository: `user/name`.
        folder: to write to.
        revision: branch, tag or commit; by default the newest.
        endpoint: address of the Hub; by default HF_ENDPOINT, or the public one.
        token: of the user; by default the one that `hf auth login` has stored.
        tasks: custom tasks that some of the networks are for, `FILE.py:NAME`; all other tasks that the files
            name must be registered.

    Returns:
        The network files.

    Raises:
        InputError: no such repository, no networks in it, or a damaged one.
    """
    custom = {task.name: task for task in map(task_named, tasks)}
    make_folder(folder)
    try:
        HfApi(endpoint=endpoint, token=token).snapshot_download(
            repository, revision=revision, local_dir=folder, allow_patterns=_PULLED
        )
    except (*_REFUSALS, ValueError) as error:  # the client refuses names that lead out of the folder
        raise _refused(repository, error) from error
    files = sorted(folder.glob(f"[!.]*{OWN_SUFFIX}"))
    if not files:
        raise InputError(f"{repository}: expected networks ({OWN_SUFFIX}), found none")
    for file in files:
        load_file(file, custom.get(file.stem))
    return files


def card(repository: str, rows: Sequence[Sequence[str]]) -> str:
    """The model card, as Markdown.

    Args:
        repository: `user/name`.
        rows: of its table, one per network.
    """
    lines = [
        "---",
        "license: mit",
        "library_name: lightning_taskonomy",
        "tags:",
        "- taskonomy",
        "- transfer-learning",
        "---",
        "",
        f"# {repository.rsplit('/', 1)[-1]}",
        "",
        "Task-specific networks (Zamir et al., *Taskonomy*, CVPR 2018): an encoder and a decoder for each",
        "task, in the layout of the published weights.",
        "",
        "| file | task | output | image size | parameters |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "```sh",
        f"python -m lightning_taskonomy bank pull --repository {repository} --out bank",
        "python -m lightning_taskonomy bank predict --weights bank --out predictions photo.jpg",
        "```",
        "",
        "```python",
        "from lightning_taskonomy.bank import load",
        "",
        f'network = load("{rows[0][0].removesuffix(OWN_SUFFIX)}", "bank")  # .encoder and .decoder',
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(network: BankNetwork) -> list[str]:
    task, output = network.task, network.task.output
    if network.decoder is None:
        described = "representation only"
    elif output.per_pixel:
        described = f"{output.channels} per pixel"
    else:
        described = f"{output.outputs} values"
    parameters = sum(values.numel() for values in network.parameters())
    return [
        f"{task.name}{OWN_SUFFIX}",
        task.title,
        described,
        f"{network.size} x {network.size}",
        f"{parameters:,}",
    ]


def _refused(repository: str, error: Exception) -> InputError:
    if isinstance(error, RepositoryNotFoundError):
        return InputError(f"{repository}: no such repository on the Hub, or this token has no access to it")
    reason = " ".join(str(error).split())[:160]
    return InputError(f"{repository}: the Hub cannot be used ({reason})")
