"""What a dashboard of one fitted model shows, as numbers and sentences, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pymc_toolkit.reports.contract import Provenance


@dataclass(frozen=True)
class Dashboard:
    """A model's answers on the window that it was fitted to, all regions together.

    All amounts are in original units, all intervals equal-tailed and of probability ``ci_prob``.

    Parameters
    ----------
    title, client, question, headline : str
        Plain text; may hold any characters.
    target_name : str
    ci_prob : float
    media_share : tuple of float
        Share of the fitted target that media brought: mean, lower and upper end.
    components : pandas.DataFrame
        Mean contribution by period: index date, one column a component, adding up to the fitted
        mean.
    media : pandas.DataFrame
        What all channels brought together: ``date, mean, ci_low, ci_high``.
    totals : pandas.DataFrame
        Index channel; ``contribution, ci_low, ci_high, share, share_low, share_high``.
    waterfall : pandas.DataFrame
        As :func:`pymc_toolkit.reports.dashboard_tables.waterfall_parts` gives it.
    roi : pandas.DataFrame
        Index channel; ``money`` (bool): whether the channel's column is money.
    curves, observed : pandas.DataFrame
        As in :class:`pymc_toolkit.reports.contract.ModelReport`.
    edges : pandas.DataFrame
        As :func:`pymc_toolkit.reports.dashboard_tables.edge_table` gives it; without rows for a
        model without a channel graph.
    most_edges : int
        Most edges to draw, the strongest first.
    weakest : float
        Weight of the weakest edge to draw.
    provenance : Provenance
    """

    title: str
    client: str
    question: str
    headline: str
    target_name: str
    ci_prob: float
    media_share: tuple[float, float, float]
    components: pd.DataFrame
    media: pd.DataFrame
    totals: pd.DataFrame
    waterfall: pd.DataFrame
    roi: pd.DataFrame
    curves: pd.DataFrame
    observed: pd.DataFrame
    edges: pd.DataFrame
    most_edges: int
    weakest: float
    provenance: Provenance
