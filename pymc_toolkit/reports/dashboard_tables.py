"""From posterior draws to the tables of a dashboard, and the table of links that it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, EFFECT, FITTED
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.formats import each, probability, ratio_span
from pymc_toolkit.reports.tables import Table

STANDING, CONTROLS, MEDIA, TOTAL = "standing", "controls", "media", "total"
_STANDING = ("baseline", "trend", "seasonality")
# Of a sum over all periods and regions, in single precision.
_ROUNDING = 1e-7
_EDGE_COLUMNS = ["cause", "effect", "weight", "ci_low", "ci_high"]


def waterfall_parts(components: xr.Dataset, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """What the fitted target of all periods is made of, part by part, and the sum.

    Parameters
    ----------
    components : xarray.Dataset
        One series, dims chain, draw, date and their own: ``channels`` and ``fitted``, and of
        ``baseline``, ``trend``, ``seasonality`` and ``controls`` those that the model has.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        ``part, kind, contribution, ci_low, ci_high``: the baseline, trend and season first, then
        all controls together, channels from the largest to the smallest, and the fitted target.
    """
    parts: list[tuple[str, str, xr.DataArray]] = [
        (name, STANDING, components[name]) for name in _STANDING if name in components
    ]
    if components.sizes.get(CONTROL, 0) and "controls" in components:
        names = components[CONTROL].values
        label = str(names[0]) if len(names) == 1 else f"{len(names)} controls"
        parts.append((label, CONTROLS, components["controls"].sum(CONTROL)))
    brought = components["channels"].sum(DATE).mean(("chain", "draw"))
    for name in brought[CHANNEL].values[np.argsort(-brought.values, kind="stable")]:
        parts.append((str(name), MEDIA, components["channels"].sel({CHANNEL: name}, drop=True)))
    parts.append(("together", TOTAL, components[FITTED]))
    summaries = [summarise(draws.sum(DATE), ci_prob) for _, _, draws in parts]
    columns = {"contribution": "mean", "ci_low": "ci_low", "ci_high": "ci_high"}
    amounts = pd.DataFrame(
        {name: [float(summary[of]) for summary in summaries] for name, of in columns.items()}
    )
    # A season may sum to zero but for rounding, which is not worth a number.
    rounding = _ROUNDING * np.abs(amounts.to_numpy()).max()
    amounts = amounts.where(amounts.abs() > rounding, 0.0)
    labels = {"part": [name for name, _, _ in parts], "kind": [kind for _, kind, _ in parts]}
    return pd.DataFrame(labels).join(amounts)


def media_by_period(components: xr.Dataset, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """What all channels brought together in each period.

    Parameters
    ----------
    components : xarray.Dataset
        One series, as for :func:`waterfall_parts`.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        ``date, mean, ci_low, ci_high``.
    """
    return to_frame(summarise(components["channels"].sum(CHANNEL), ci_prob)).reset_index()


def edge_table(adjacency: xr.DataArray | None, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Weight of every edge between two channels.

    Parameters
    ----------
    adjacency : xarray.DataArray, optional
        Draws of the weights, dims chain, draw, channel (the cause) and effect.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        ``cause, effect, weight`` (mean), ``ci_low, ci_high``, in the order of the channels, without
        a channel's edge to itself; no rows without a graph.
    """
    if adjacency is None:
        return pd.DataFrame(columns=_EDGE_COLUMNS)
    table = to_frame(summarise(adjacency.transpose(..., CHANNEL, EFFECT), ci_prob))
    table = table.reorder_levels([CHANNEL, EFFECT]).reset_index()
    table.columns = pd.Index(_EDGE_COLUMNS)
    order = [str(name) for name in adjacency[CHANNEL].values]
    ranks = {name: i for i, name in enumerate(order)}
    table[["cause", "effect"]] = table[["cause", "effect"]].astype(str)
    table = table[table["cause"] != table["effect"]]
    return table.sort_values(["cause", "effect"], key=lambda column: column.map(ranks)).reset_index(
        drop=True
    )


def adjacency_matrix(edges: pd.DataFrame) -> pd.DataFrame:
    """Mean weights as a matrix.

    Parameters
    ----------
    edges : pandas.DataFrame
        From :func:`edge_table`.

    Returns
    -------
    pandas.DataFrame
        Causes by row, effects by column, both in the order of the channels; zero on the diagonal.
    """
    order = list(dict.fromkeys(edges["cause"]))
    matrix = edges.pivot(index="cause", columns="effect", values="weight").astype(float)
    return matrix.reindex(index=order, columns=order).fillna(0.0)


def strongest_edges(report: Dashboard) -> pd.DataFrame:
    """The edges to draw, the strongest first.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    pandas.DataFrame
        As :func:`edge_table`, with ``sure`` (bool): whether the whole interval is on one side of
        zero and as strong as the weakest edge that is drawn.
    """
    table = report.edges[report.edges["weight"].abs() >= report.weakest]
    table = table[table["weight"] != 0]
    ranked = table["weight"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[ranked[: report.most_edges]].reset_index(drop=True)
    return table.assign(sure=is_sure(table, report.weakest))


def is_sure(edges: pd.DataFrame, weakest: float) -> pd.Series:
    """Whether each edge is of one sign and strong enough over its whole interval.

    Parameters
    ----------
    edges : pandas.DataFrame
        From :func:`edge_table`.
    weakest : float
    """
    least = np.maximum(weakest, np.finfo(float).tiny)
    return (edges["ci_low"] >= least) | (edges["ci_high"] <= -least)


def order_is_given(edges: pd.DataFrame) -> bool:
    """Whether every edge leads from a channel to a later one in the order of the channels.

    Parameters
    ----------
    edges : pandas.DataFrame
        From :func:`edge_table`.

    Returns
    -------
    bool
        False without edges.
    """
    if edges.empty:
        return False
    matrix = adjacency_matrix(edges).to_numpy()
    return bool((np.tril(matrix) == 0).all() and (matrix != 0).any())


def strongest_links(report: Dashboard) -> Table | None:
    """Tabulate the edges that are drawn.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Table or None
        None where nothing is drawn.
    """
    edges = strongest_edges(report)
    if edges.empty:
        return None
    weights = each(ratio_span, edges, "weight", "ci_low", "ci_high")
    rows = [list(row) for row in zip(edges["cause"], edges["effect"], weights, strict=True)]
    columns = ("This channel", "feeds into", f"Weight ({probability(report.ci_prob)})")
    return Table("Links between channels, strongest first", columns, rows, frozenset({1}))
