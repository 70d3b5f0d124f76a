"""Fill a dashboard from a fitted model, and write it."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

import pandas as pd

from pymc_toolkit.analysis.contributions import by_period, decomposition, totals
from pymc_toolkit.analysis.intervals import CI_PROB, summarise
from pymc_toolkit.analysis.response import observed_spend, response_curves
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.exceptions import NotFittedError, SpecificationError
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.names import CHANNEL, DAG_ADJACENCY, DATE, FITTED, GEO
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.assemble import provenance
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.dashboard_tables import (
    adjacency_matrix,
    edge_table,
    media_by_period,
    waterfall_parts,
)
from pymc_toolkit.reports.render import checked_target, write

ADJACENCY_FILE = "dag_adjacency.csv"


def write_dashboard(
    subject: Subject, path: str | Path, most_edges: int = 20, weakest: float = 0.05
) -> tuple[Path, Path | None]:
    """Write a fitted model's dashboard, and the weights of its channel graph beside it.

    Parameters
    ----------
    subject : Subject
        From :meth:`pymc_toolkit.PymcModel.fleet_subject`.
    path : str or Path
        HTML file to write; one that is there is replaced, and so is the other.
    most_edges : int
        Most links to draw, the strongest first.
    weakest : float
        Weight of the weakest link to draw.

    Returns
    -------
    tuple of Path
        The HTML file; and ``dag_adjacency.csv`` in the same folder, causes by row and effects by
        column, or None for a model without a channel graph.

    Raises
    ------
    NotFittedError
        If the model has not been fitted.
    SpecificationError
        If the path is a folder or no HTML file, or a number is out of range.
    """
    checked_target(path)
    report = dashboard(subject, most_edges, weakest)
    page = write(report, path)
    if report.edges.empty:
        return page, None
    weights = page.parent / ADJACENCY_FILE
    adjacency_matrix(report.edges).to_csv(weights, lineterminator="\n")
    return page, weights


def dashboard(subject: Subject, most_edges: int = 20, weakest: float = 0.05) -> Dashboard:
    """Gather everything that a dashboard of a fitted model shows.

    Parameters
    ----------
    subject : Subject
    most_edges : int
    weakest : float
        As for :func:`write_dashboard`.

    Returns
    -------
    Dashboard

    Raises
    ------
    NotFittedError
        If the model has not been fitted.
    SpecificationError
        If a number is out of range.
    """
    if not isinstance(most_edges, Integral) or most_edges < 1 or not weakest >= 0:
        raise SpecificationError(
            f"Got most_edges={most_edges!r} and weakest={weakest!r}; expected at least one edge "
            "and a weight of at least zero."
        )
    fit, config = subject.fit, subject.config
    if fit is None:
        raise NotFittedError("The model has not been fitted; call fit() first.")
    components = over_regions(decomposition(fit))
    earned = totals(components)
    share = summarise(components["channels"].sum((DATE, CHANNEL)) / components[FITTED].sum(DATE))
    media_share = (float(share["mean"]), float(share["ci_low"]), float(share["ci_high"]))
    data = fit.training
    regions = data.dataset.sizes.get(GEO, 1)
    first, last = (f"{date.day} {date:%B %Y}" for date in (data.dates[0], data.dates[-1]))
    market = f" in {count(regions, 'region')}" if regions > 1 else ""
    return Dashboard(
        title=f"What the model says of {config.client_name}",
        client=config.client_name,
        question=f"What made {config.target_name}{market} from {first} to {last}?",
        headline=_headline(media_share, earned, config.target_name),
        target_name=config.target_name,
        ci_prob=CI_PROB,
        media_share=media_share,
        components=by_period(components),
        media=media_by_period(components),
        totals=earned,
        waterfall=waterfall_parts(components),
        roi=pd.DataFrame({"money": ~earned.index.isin(list(config.cost_per_unit))}, earned.index),
        curves=response_curves(fit),
        observed=observed_spend(fit),
        edges=edge_table(fit.posterior.get(DAG_ADJACENCY)),
        most_edges=most_edges,
        weakest=weakest,
        provenance=provenance(fit, data),
    )


def _headline(
    media_share: tuple[float, float, float], earned: pd.DataFrame, target_name: str
) -> str:
    """Media's share and the largest channel, in one sentence."""
    largest = earned.loc[earned["contribution"].idxmax()]
    share, low, high = media_share
    return (
        f"The model gives media {share:.0%} of {target_name} ({low:.0%} to {high:.0%}), and the "
        f"largest part of that to {largest.name}: {largest['share']:.0%} "
        f"({largest['share_low']:.0%} to {largest['share_high']:.0%})."
    )
