"""A summary of the network before training: its parts and their parameter counts."""

from typing import Any

from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.utilities.model_summary.model_summary import get_human_readable_count


class NetworkSummary(ModelSummary):
    """Prints the parameter count of each part and the total, in plain lines for log files.

    Lightning's own table also lists FLOPs, which are unknown before the first step.
    """

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],
        total_flops: int,
        **summarize_kwargs: Any,  # noqa: ANN401 - Lightning's
    ) -> None:
        """Print the lines."""
        columns = dict(summary_data)
        parts = zip(columns["Name"], columns["Type"], columns["Params"], strict=True)
        rows = [part for part in parts if part[2].strip() != "0"]
        name_width, type_width = (max((len(row[place]) for row in rows), default=0) for place in (0, 1))
        for name, kind, count in rows:
            print(f"  {name:<{name_width}}  {kind:<{type_width}}  {count.strip():>7}", flush=True)
        frozen = total_parameters - trainable_parameters
        line = f"{get_human_readable_count(total_parameters).strip()} parameters"
        if frozen:
            line += f", {get_human_readable_count(frozen).strip()} of them frozen"
        print(line, flush=True)
