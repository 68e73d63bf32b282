"""`taxonomy tournament`: from the losses of all contenders to the table of transfers."""

import sys
from collections.abc import Iterable
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, Tournament, Transfer, Transfers
from lightning_taskonomy.taxonomy.transfers import SELF


def tournament(
    *, losses: tuple[Path, ...], out: Path, drop_incomplete: bool = False, own_encoders: bool = False
) -> None:
    """Turn loss tables into a table of transfers: win rates, normalised to affinities by AHP.

    Args:
        losses: loss tables, Parquet, one per target; or folders of them
        out: the table of transfers to write, a CSV
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
        own_encoders: a column with the target's own name is a readout on its own encoder, and wanted
    """
    tables = loss_tables(losses)
    if not own_encoders:
        for table in tables:
            _refuse_own(table)
    rows: list[Transfer] = []
    for table in tables:
        result = Tournament.from_losses(table, drop_incomplete)
        rows.extend(result.transfers())
        print(f"{result.target}: {len(result.contenders)} contenders on {result.images} images")
        if result.dropped:
            print(f"{result.target}: dropped {result.dropped} incomplete images", file=sys.stderr)
    Transfers(tuple(rows), origin=str(out)).write_csv(out)
    print(f"written: {out}")


def _refuse_own(table: LossTable) -> None:
    """A target's own name may be meant for `self`: only who says so has it taken for a source."""
    for contender in table.contenders:
        if table.target in contender.split("+"):
            raise InputError(
                f"{table.origin}, column {contender!r}: the target is no source of its own; its fully "
                f"supervised network is called {SELF} (--own-encoders takes such columns for readouts on its "
                "own encoder)"
            )


def loss_tables(given: Iterable[Path]) -> list[LossTable]:
    """The loss tables among `given` and those in its folders, by target.

    Raises:
        InputError: not a loss table, a folder without any, or two tables of one target.
    """
    from lightning_taskonomy.taxonomy.loss_files import parts_of  # pyarrow takes its time

    files: dict[str, Path] = {}
    for path in given:
        found = parts_of(path) if path.is_dir() and path.suffix != ".parquet" else [path]
        if not found:
            raise InputError(f"{path}: no loss tables (*.parquet) in this folder")
        for file in found:
            if file.stem in files:
                raise InputError(f"{file}: target {file.stem} has the loss table {files[file.stem]} already")
            files[file.stem] = file
    return [LossTable.read_parquet(files[target]) for target in sorted(files)]
