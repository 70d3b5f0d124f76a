"""What a report shows of the graph of a model's channels, as numbers and sentences."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pymc_toolkit.verdicts import Check


@dataclass(frozen=True)
class GraphReport:
    """How channels drive each other, and which credit that moves.

    Parameters
    ----------
    edges : pandas.DataFrame
        One row an edge, as :meth:`pymc_toolkit.analysis.channel_graph.ChannelGraph.edges` gives it,
        and ``spend_low, spend_high``, the interval of ``spend``.
    order : tuple of str
        Every channel, from upstream to downstream.
    moved : pandas.DataFrame
        As :func:`pymc_toolkit.analysis.contributions.moved_credit` gives it, over all periods.
    returns : pandas.DataFrame
        Index channel; ``direct, direct_low, direct_high, total, total_low, total_high`` (return
        with the credit for what a channel brought given to it, or to those that made it spend),
        ``contribution`` (with total credit) and ``paid`` (bool), as in ``ModelReport.roi``.
    check : Check
        Whether the data tell which channel drives which.
    varsortability : float
        How far the graph's order is that of the channels' variances; NaN without an edge.
    """

    edges: pd.DataFrame
    order: tuple[str, ...]
    moved: pd.DataFrame
    returns: pd.DataFrame
    check: Check
    varsortability: float
