"""The pages of fleets: what each kind shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymc_toolkit.reports import (
    fleet_tables,
    forecast_figures,
    holdout_figures,
    overview_figures,
    recovery_figures,
    stability_figures,
    tables,
)
from pymc_toolkit.reports.fleet_contract import (
    FleetReport,
    ForecastReport,
    HoldoutReport,
    OverviewReport,
    RecoveryReport,
    StabilityReport,
)
from pymc_toolkit.reports.page import Block, Links, Note, Page, Section, Tracebacks
from pymc_toolkit.reports.pages.regions import regions_section

_SCORE = (
    "The tail probability of the truth is 0.5 on average where inference is calibrated and near 0 "
    "where the truth lies far out. Bias is the mean of estimate less truth in posterior standard "
    "deviations."
)
_BEYOND = (
    "Where a plan goes beyond the largest exposure seen in one period, the forecast rests on the "
    "assumed shape of saturation."
)


def fleet_page(report: FleetReport) -> Page:
    """Lay out the report of a fleet.

    Parameters
    ----------
    report : FleetReport

    Returns
    -------
    Page
    """
    lay_out, caveat = _PAGES[type(report)]
    finished = bool((report.members["state"] == "finished").any())
    sections = lay_out(report) if finished or isinstance(report, OverviewReport) else ()
    return Page(
        title=report.title,
        client=report.client,
        question=report.question,
        headline=report.headline,
        verdict=report.verdict,
        caveat=caveat,
        ci_prob=report.ci_prob,
        sections=(*sections, _members(report)),
        provenance=report.provenance,
    )


def _members(report: FleetReport) -> Section:
    failed: list[Block] = []
    if report.failures:
        failed = [Note("What went wrong with those that failed:"), Tracebacks(report.failures)]
    return Section(
        "members",
        "Members",
        "For data scientists: every fit of this fleet",
        (
            fleet_tables.members(report),
            tables.checks(report.verdict),
            *failed,
        ),
    )


def _recovery(report: RecoveryReport) -> Sequence[Section]:
    return (
        Section(
            "contributions",
            "Contributions",
            "Does it find what each channel brought?",
            (
                recovery_figures.recovered_contributions(report),
                fleet_tables.recovered_returns(report),
            ),
        ),
        Section(
            "coverage",
            "Intervals",
            "Is it as sure as it should be?",
            (
                recovery_figures.coverage(report),
                fleet_tables.recovery_scores(report),
                Note(_SCORE),
            ),
        ),
        Section(
            "calibration",
            "Calibration",
            "For data scientists: simulation-based calibration",
            (recovery_figures.ranks(report), fleet_tables.uniformity(report)),
        ),
        Section(
            "parameters",
            "Parameters",
            "For data scientists: true and estimated parameters",
            (recovery_figures.parameters(report),),
        ),
    )


def _holdout(report: HoldoutReport) -> Sequence[Section]:
    return (
        Section(
            "predictions",
            "Predictions",
            f"What happened to {report.target_name}, and what was expected?",
            (holdout_figures.predictions(report),),
        ),
        Section(
            "errors",
            "Errors",
            "Is it better than predictions that need no model?",
            (holdout_figures.errors(report), fleet_tables.holdout_scores(report)),
        ),
        regions_section(report),
    )


def _stability(report: StabilityReport) -> Sequence[Section]:
    return (
        Section(
            "changes",
            "Changes",
            "How far do returns move?",
            (stability_figures.changes(report), stability_figures.returns(report)),
        ),
        Section(
            "placebo",
            "Placebo",
            "Does a shuffled channel lose its return?",
            (stability_figures.placebo(report),),
        ),
        Section(
            "drift", "Drift", "For data scientists: drift by channel", (fleet_tables.drift(report),)
        ),
    )


def _forecast(report: ForecastReport) -> Sequence[Section]:
    beyond = bool((report.channels["planned_max"] > report.channels["seen_max"]).any())
    if "regions_beyond" in report.channels:
        beyond |= bool((report.channels["regions_beyond"] > 0).any())
    return (
        Section(
            "scenarios",
            "Forecast",
            "What is ahead?",
            (forecast_figures.scenarios(report), forecast_figures.totals(report)),
        ),
        Section(
            "differences",
            "Comparison",
            "Which plan brings more?",
            (forecast_figures.differences(report), fleet_tables.scenario_totals(report)),
        ),
        Section(
            "channels",
            "Channels",
            "What does each channel spend and bring?",
            (fleet_tables.scenario_channels(report), Note(_BEYOND) if beyond else None),
        ),
    )


def _overview(report: OverviewReport) -> Sequence[Section]:
    return (
        Section(
            "clients",
            "Clients",
            "Whose model can be used?",
            (
                fleet_tables.clients(report),
                Note("Reports of the clients:") if report.links else None,
                Links(report.links) if report.links else None,
            ),
        ),
        Section(
            "errors",
            "Errors",
            "How well did each model predict?",
            (overview_figures.client_errors(report),),
        ),
    )


# Kind of report -> its sections, and what passing does not mean.
_PAGES: Mapping[type[FleetReport], tuple[Callable[[Any], Sequence[Section]], str]] = {
    RecoveryReport: (
        _recovery,
        "Passing means that the model is recovered from data that it made itself. It does not say "
        "that the client's data were made that way.",
    ),
    HoldoutReport: (
        _holdout,
        "Passing means that the model predicts. It does not prove that each channel is credited "
        "with what it caused; experiments do.",
    ),
    StabilityReport: (
        _stability,
        "Passing means that answers do not hang on details of the data. Stable answers can still "
        "be wrong; experiments tell.",
    ),
    ForecastReport: (
        _forecast,
        "A forecast holds if all else stays as it was: prices, competitors, seasons that the model "
        "does not know, and how well media work.",
    ),
    OverviewReport: (
        _overview,
        "Passing means that a model fits and predicts. It does not prove that each channel is "
        "credited with what it caused; experiments do.",
    ),
}
