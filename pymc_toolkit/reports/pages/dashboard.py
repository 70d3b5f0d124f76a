"""The page of a dashboard."""

from __future__ import annotations

from pymc_toolkit.reports.channel_figures import response_curves
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.dashboard_figures import media_over_time, waterfall
from pymc_toolkit.reports.dashboard_links import adjacency_heatmap, network_of_links
from pymc_toolkit.reports.dashboard_tables import strongest_links
from pymc_toolkit.reports.page import Block, Note, Page, Section
from pymc_toolkit.reports.time_figures import contributions_over_time

_CAVEAT = (
    "A dashboard shows what the model says of the periods that it was fitted to, not whether that "
    "is right. Whether it foresees what it has not seen, and better than a naive forecast, is what "
    "the production fleet's report says; what a channel causes, experiments."
)


def dashboard_page(report: Dashboard) -> Page:
    """Lay out a dashboard.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Page
        Without a verdict: nothing was held out.
    """
    sections = (
        Section(
            "sum", "What adds up", f"What adds up to {report.target_name}?", (waterfall(report),)
        ),
        Section(
            "contributions",
            "Over time",
            f"What brought {report.target_name}, and when?",
            (contributions_over_time(report), media_over_time(report)),
        ),
        Section("links", "Between channels", "How do channels feed each other?", _links(report)),
        Section(
            "curves",
            "Response to spend",
            "What would other budgets earn?",
            () if report.curves.empty else (response_curves(report),),
        ),
    )
    return Page(
        title=report.title,
        client=report.client,
        question=report.question,
        headline=report.headline,
        verdict=None,
        caveat=_CAVEAT,
        ci_prob=report.ci_prob,
        sections=sections,
        provenance=report.provenance,
    )


def _links(report: Dashboard) -> list[Block | None]:
    if report.edges.empty:
        return []
    drawn = network_of_links(report)
    if drawn is None:
        drawn_or_said: Block = Note(f"No link is as strong as {report.weakest:g}.")
    else:
        drawn_or_said = drawn
    return [drawn_or_said, adjacency_heatmap(report), strongest_links(report)]
