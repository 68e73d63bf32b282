"""The last job: the taxonomy, the evidence for it, and a plain-language summary of the findings."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv, write_text
from lightning_taskonomy.pipeline.loss_tables import hold_tournaments
from lightning_taskonomy.pipeline.networks import samples_of
from lightning_taskonomy.pipeline.provenance import write_provenance
from lightning_taskonomy.pipeline.records import fingerprint
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.taxonomy import LossTable, Taxonomy, TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.figures.evaluation import save_evaluation_figures
from lightning_taskonomy.taxonomy.figures.significance import draw_significance
from lightning_taskonomy.taxonomy.figures.style import save_figure
from lightning_taskonomy.taxonomy.figures.titles import title_of
from lightning_taskonomy.taxonomy.intervals import Interval
from lightning_taskonomy.taxonomy.program import InfeasibleBudgetError
from lightning_taskonomy.taxonomy.recommendation import Recommendation, explained
from lightning_taskonomy.taxonomy.resampling import ResampledTournament, resampled
from lightning_taskonomy.taxonomy.significance import BANDS, Measure, Significance
from lightning_taskonomy.taxonomy.stability import Stability, save_intervals
from lightning_taskonomy.taxonomy.tree import SimilarityTree
from lightning_taskonomy.taxonomy.verdict import Verdict

log = logging.getLogger(__name__)
_CLUSTERS = 4
_SUMMARISED: tuple[Measure, ...] = ("gain", "quality")
GAIN_COLUMNS = ("target", "sources", "order", "affinity", "gain", "quality")


def write_results(settings: PipelineSettings) -> str:
    """From loss tables to the taxonomy, gains, evaluation, significance and `summary.md`."""
    root = settings.root
    tables = [root / "losses" / f"{target}.parquet" for target in settings.target_names]
    transfers = hold_tournaments(tables, root / "transfers.csv")
    problem = problem_of(settings, transfers)
    taxonomy = _solved(problem)
    losses = [LossTable.read_parquet(path) for path in tables]
    verdict = Verdict.of(losses, taxonomy)
    verdict.sanity.save_table(root / "taxonomy" / "sanity.csv")
    words = verdict.lines({task: title_of(task) for task in transfers.tasks})
    tournaments = resampled(losses, seed=settings.seed)
    stability = Stability.of(replace(problem, budget=taxonomy.budget), taxonomy, tournaments)
    save_intervals(tournaments, root / "taxonomy" / "intervals.csv")
    taxonomy.save(root / "taxonomy", {"verdict": words, **stability.as_json()}, verdict.doubtful)
    rows = [(t.target, t.label, t.order, t.affinity, t.gain, t.quality) for t in taxonomy.transfers]
    write_csv(root / "taxonomy" / "gains.csv", GAIN_COLUMNS, rows)
    budgets = settings.program.budgets or list(range(1, max(len(settings.labelled_sources), 1) + 1))
    evaluation = Evaluation.of(problem, budgets, settings.program.max_orders)
    matrix = AffinityMatrix.from_transfers(transfers, losses)
    evaluation.save_tables(root / "evaluation")
    save_evaluation_figures(evaluation, matrix, root / "evaluation")
    feasible = [budget for budget in budgets if (problem.max_order, budget) in evaluation.taxonomies]
    significance = Significance.of(problem, feasible, settings.program.draws, settings.seed)
    significance.save_table(root / "evaluation" / "significance.csv")
    save_figure(draw_significance(significance), root / "evaluation" / "significance")
    _save_tree(transfers, root / "evaluation")
    write_provenance(settings)
    answers = _answers(settings, tournaments) if settings.banked else []
    write_text(root / "summary.md", summary(taxonomy, significance, answers, verdict, words, stability))
    made = (root / "transfers.csv", root / "taxonomy" / "taxonomy.json")
    return fingerprint({path.name: sha256_of(path) for path in made})


def problem_of(settings: PipelineSettings, transfers: Transfers) -> TaxonomyProblem:
    """The boolean program of a run."""
    program = settings.program
    return TaxonomyProblem(
        transfers,
        settings.budget,
        max(program.max_orders),
        importance=settings.by_dictionary_name(program.importance),
        cost=settings.by_dictionary_name(program.cost),
        objective=program.objective,
        scratch=program.scratch,
        free_self_supervised=True,
        target_only=tuple(name for name in settings.target_names if name not in settings.source_names),
    )


def _solved(problem: TaxonomyProblem) -> Taxonomy:
    """The taxonomy for the wanted budget, or for the smallest one that serves every target."""
    try:
        return problem.solve()
    except InfeasibleBudgetError as error:
        log.warning("%s; solved for a budget of %g instead", error, error.least_budget)
        return replace(problem, budget=error.least_budget).solve()


def summary(
    taxonomy: Taxonomy,
    significance: Significance,
    answers: Sequence[str],
    verdict: Verdict,
    words: Sequence[str],
    stability: Stability,
) -> str:
    """What was found, as Markdown.

    Args:
        taxonomy: of the wanted budget.
        significance: against random taxonomies.
        answers: where sources come from a bank, what each target should start from.
        verdict: what may be believed.
        words: the verdict in sentences.
        stability: intervals, and how often each transfer is chosen under resampling.
    """
    what, units = (
        ("Take from the bank", "networks") if answers else ("Label and train fully", "units of labels")
    )
    lines = [
        "# Taxonomy",
        "",
        f"{what} ({taxonomy.spent:g} of {taxonomy.budget:g} {units}): **{', '.join(taxonomy.sources)}**. "
        "Transfer the rest as below.",
        "",
        "## What may be believed",
        "",
        *(f"- {line}" for line in words),
        "",
        "| network | wins against the best constant | against an untrained encoder |",
        "| --- | --- | --- |",
        *(
            f"| {row.task} | {_percent(row.wins_vs_average)} | {_percent(row.wins_vs_random)} |"
            for row in verdict.sanity.rows
        ),
        "",
        "## The transfers",
        "",
        "| target | from | chosen in | gain | quality |",
        "| --- | --- | --- | --- | --- |",
        *(_transfer_row(transfer, stability) for transfer in taxonomy.transfers),
        f"| mean | | | {_share(taxonomy.mean_gain, stability.mean_gain)} | "
        f"{_share(taxonomy.mean_quality, stability.mean_quality)} |",
        "",
        "Gain: share of test images on which it beats a network trained from scratch on the transfers' small "
        "set. Quality: share on which it beats the fully supervised network; 0.5 is parity.",
        "",
        "Chosen in: share of resamplings of the groups (buildings) of test images in which the program takes "
        "this transfer. In brackets: 95 % intervals over groups; they allow for its being chosen on the "
        "same images.",
        "",
        *(f"- {line.strip()}" for line in stability.lines(taxonomy)),
        "",
        *(_starts(answers) if answers else ()),
        "## Against random taxonomies",
        "",
        "Random sets of sources that spend the same budget: with any transfers that they allow (random "
        "connectivities, the paper's comparison) and with the best (random sources, which is stricter). 95th "
        "percentiles.",
        "",
        "| budget | gain | random connectivities | random sources | quality | random connectivities | "
        "random sources |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_random_rows(significance),
        "",
    ]
    return "\n".join(lines)


def _save_tree(transfers: Transfers, folder: Path) -> None:
    try:
        tree = SimilarityTree.from_transfers(transfers)
    except InputError as error:  # too few tasks to say which are alike
        log.info("no similarity tree: %s", error)
        return
    tree.save(folder, min(_CLUSTERS, len(tree.tasks)))


def _answers(settings: PipelineSettings, tournaments: Sequence[ResampledTournament]) -> list[str]:
    samples = min(settings.transfer.samples, samples_of(settings, "val"))
    return [Recommendation.of_tournament(tournament).sentence(samples) for tournament in tournaments]


def _transfer_row(transfer: Transfer, stability: Stability) -> str:
    intervals = stability.transfers.get(transfer.target, {})
    chosen = stability.chosen[transfer.target].get(transfer.label, 0.0)
    cells = (
        transfer.target,
        "its own network" if transfer.is_self else transfer.label,
        f"{chosen:.0%}",
        _share(transfer.gain, intervals.get("gain")),
        _share(transfer.quality, intervals.get("quality")),
    )
    return f"| {' | '.join(cells)} |"


def _starts(answers: Sequence[str]) -> list[str]:
    return [
        "## What to start from",
        "",
        *(f"- {answer}" for answer in answers),
        "",
        explained(),
        "",
    ]


def _random_rows(significance: Significance) -> list[str]:
    rows = []
    for place, budget in enumerate(significance.budgets):
        cells = [
            _share(float(value))
            for measure in _SUMMARISED
            for value in (
                significance.computed[measure][place],
                *(significance.percentiles(measure, [95], band)[0, place] for band in BANDS),
            )
        ]
        rows.append(f"| {budget:g} | {' | '.join(cells)} |")
    return rows


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} % of images"


def _share(value: float | None, interval: Interval | None = None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval.low:.2f} to {interval.high:.2f})"


def summary_file(settings: PipelineSettings) -> Path:
    """The plain-language summary."""
    return settings.root / "summary.md"
