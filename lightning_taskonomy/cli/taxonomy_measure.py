"""`taxonomy measure`: how few transfers need to be measured for the same answer."""

from pathlib import Path

from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.replay import POLICIES, Replay


def measure(
    *,
    transfers: Path,
    budget: float,
    out: Path,
    max_order: int = 1,
    share: float = 0.2,
    seeds: int = 5,
    per_round: int = 12,
) -> None:
    """Replay a full table of transfers as if it were measured step by step.

    Three policies choose what to measure next: the transfers that the program's answer still depends on, the
    most promising ones for each target, and random ones. Writes into the folder OUT: measure.csv (objective,
    gain and quality reached, as fractions of those of the whole table, with the expected regret and its
    bound) and a figure.

    Args:
        transfers: the table of measured transfers, a CSV
        budget: largest total label cost of the tasks trained fully, in label units
        out: folder to write into
        max_order: largest number of sources of a transfer
        share: fraction of the transfers at which a replay ends
        seeds: replays of each policy
        per_round: transfers measured before the next decision
    """
    table = Transfers.read_csv(transfers)
    with output_folder(out):
        with progress("replaying", len(POLICIES) * seeds) as step:
            replay = Replay.of(table, budget, max_order, share, seeds, POLICIES, per_round, step)
        replay.save_table(out / "measure.csv")

        from lightning_taskonomy.taxonomy.figures.replay import draw_replay  # matplotlib is slow to import
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        save_figure(draw_replay(replay), out / "measure")
        print(
            f"of {replay.transfers} transfers up to order {max_order}, relative to the whole table's answer:"
        )
        for policy, reached, mean, least, gain, least_gain in replay.summary():
            line = f"  {policy:<10} {reached:.0%} measured: objective {mean:.4f} (at worst {least:.4f})"
            print(line + ("" if gain is None else f", gain {gain:.4f} (at worst {least_gain:.4f})"))
        if (held := replay.coverage()) is not None:
            print(f"the bound on the regret held in {held:.0%} of steps")
        print(f"written: {out / 'measure.csv'}, measure.svg, measure.png")
