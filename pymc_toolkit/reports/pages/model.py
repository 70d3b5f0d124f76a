"""The page of one fitted model."""

from __future__ import annotations

from pymc_toolkit.reports import graph_tables, tables, uplift_figures
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.figures import draw_all
from pymc_toolkit.reports.look import Drawing
from pymc_toolkit.reports.page import Block, Note, Page, Section
from pymc_toolkit.reports.pages.regions import regions_section
from pymc_toolkit.verdicts import Status

_CAVEAT = (
    "Passing means that the model fits and predicts. It does not prove that each channel is "
    "credited with what it caused; experiments do."
)
_NO_LINKS = (
    "No channel is found to drive another. Returns are as shown above; links that are not probable "
    "enough to be drawn would move little or uncertain credit."
)
_SCORES = (
    "The seasonal naive repeats what happened a year before; the training mean repeats the average "
    "of the past. A model should beat both. The model is given the media and controls of the "
    "held-out periods. A dash means that a figure does not exist."
)


def model_page(report: ModelReport) -> Page:
    """Lay out the report of one fitted model.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Page
    """
    figure = draw_all(report).get
    sections = (
        Section(
            "fit",
            "Actual and expected",
            "Does the model foresee what it has not seen?",
            (figure("fit"), tables.scores(report), Note(_SCORES)),
        ),
        regions_section(report),
        Section(
            "contributions",
            "Contributions",
            f"What brought {report.target_name}?",
            (figure("over-time"), figure("totals"), _pull(report)),
        ),
        Section(
            "returns",
            "Return on spend",
            "What did each channel return?",
            (figure("roi"), tables.channels(report), tables.unpaid_channels(report)),
        ),
        Section(
            "graph",
            "Between channels",
            "How do channels drive each other?",
            _graph_blocks(report, figure("graph"), figure("graph-returns")),
        ),
        Section(
            "curves", "Response to spend", "What would other budgets earn?", (figure("curves"),)
        ),
        Section(
            "effectiveness",
            "Effectiveness",
            "Did media work equally well all the time?",
            (figure("effectiveness"),),
        ),
        Section(
            "experiments",
            "Experiments",
            "What did experiments teach the model?",
            (
                figure("experiments"),
                uplift_figures.experiments(report),
                uplift_figures.returns(report),
            ),
        ),
        Section(
            "priors",
            "Assumed and learned",
            "For data scientists: what was assumed, what was learned",
            (figure("priors"),),
        ),
        Section(
            "diagnostics",
            "Diagnostics",
            "For data scientists: diagnostics",
            (tables.checks(report.verdict), tables.sampler(report), tables.diagnostics(report)),
        ),
    )
    return Page(
        title=report.title,
        client=report.client,
        question=report.question,
        headline=report.headline,
        verdict=report.verdict,
        caveat=_CAVEAT,
        ci_prob=report.ci_prob,
        sections=sections,
        provenance=report.provenance,
    )


def _graph_blocks(
    report: ModelReport, drawn: Drawing | None, returns: Drawing | None
) -> list[Block | None]:
    """What is said of the graph of channels; nothing for a model without one."""
    if report.graph is None:
        return []
    links, check = graph_tables.links(report), report.graph.check
    if drawn is None:
        return [Note(_NO_LINKS), links]
    return [
        drawn,
        returns,
        graph_tables.moves(report),
        links,
        Note(check.sentence) if check.status is not Status.PASS else None,
        Note(graph_tables.on_variances(report.graph.varsortability)),
    ]


def _pull(report: ModelReport) -> Note | None:
    """Say that media's share was pulled, and how far the answer moves without it."""
    if report.pull is None:
        return None
    pull = report.pull
    return Note(
        f"Media's share was pulled towards {pull.prior:.0%}, which somebody chose (weight "
        f"{pull.weight:g}): it is {pull.share:.0%} in training with that, and {pull.without:.0%} "
        "in the same fit without it."
    )
