"""The section on single regions, in the reports of models and of holdout fleets."""

from __future__ import annotations

from pymc_toolkit.reports import region_tables
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.fleet_contract import HoldoutReport
from pymc_toolkit.reports.page import Block, Note, Section
from pymc_toolkit.reports.region_figures import region_errors


def regions_section(report: ModelReport | HoldoutReport) -> Section:
    """Lay out what is said of single regions; without blocks for a model of one series.

    Parameters
    ----------
    report : ModelReport or HoldoutReport

    Returns
    -------
    Section
    """
    blocks: list[Block | None] = []
    if report.regions:
        blocks = [
            Note(region_tables.finding(report)),
            region_errors(report),
            region_tables.region_scores(report),
            Note(region_tables.on_pooled(report)),
            region_tables.largest_errors(report),
        ]
    return Section("regions", "Regions", "Does it foresee each region?", blocks)
