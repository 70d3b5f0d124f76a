"""What happened beside what was expected, with the periods that a model had not seen."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.fleet_contract import FleetReport
from pymc_toolkit.reports.formats import each, human, human_span, literal, period, probability
from pymc_toolkit.reports.look import BLUE, HELD_OUT, INK, band, blank, tint, value_axis


def fit_figure(report: ModelReport | FleetReport, fit: pd.DataFrame, height: int) -> go.Figure:
    """Draw what happened, what was expected and the interval, held-out periods shaded.

    Parameters
    ----------
    report : ModelReport or FleetReport
    fit : pandas.DataFrame
        ``date, actual, mean, ci_low, ci_high, holdout``.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    unit = period(report.provenance.frequency)
    labels = (
        "what happened",
        "expected by the model",
        f"{probability(report.ci_prob)} interval",
    )
    figure = expected_and_actual(fit, height, labels, human, human_span)
    ends = fit[["actual", "mean", "ci_low", "ci_high"]]
    axis = value_axis(ends, f"{report.target_name} per {unit}", zero=False)
    figure.update_layout(yaxis=axis)
    return figure


def expected_and_actual(
    fit: pd.DataFrame,
    height: int,
    labels: tuple[str, str, str],
    write: Callable[..., str],
    write_span: Callable[..., str],
    colour: str = BLUE,
) -> go.Figure:
    """Draw dots for what happened, a line and a band for what was expected, held-out shaded.

    Parameters
    ----------
    fit : pandas.DataFrame
        ``date, actual, mean, ci_low, ci_high, holdout``.
    height : int
        Pixels.
    labels : tuple of str
        Names of dots, line and band.
    write, write_span : callable
        Write an amount, and one with its interval.
    colour : str
        Of the line.

    Returns
    -------
    plotly.graph_objects.Figure
        Without a vertical axis.
    """
    figure = blank(height, hovermode="x unified")
    for first, last in _runs(fit):
        figure.add_vrect(x0=first, x1=last, fillcolor=HELD_OUT, line_width=0, layer="below")
    happened, expected, interval = map(literal, labels)
    shade = tint(colour)
    figure.add_trace(
        band(fit["date"], fit["ci_low"], fit["ci_high"], name=interval, fillcolor=shade)
    )
    figure.add_scatter(
        x=fit["date"],
        y=fit["mean"],
        name=expected,
        mode="lines",
        line={"color": colour, "width": 2},
        customdata=[literal(text) for text in each(write_span, fit, "mean", "ci_low", "ci_high")],
        hovertemplate="%{customdata}",
    )
    figure.add_scatter(
        x=fit["date"],
        y=fit["actual"],
        name=happened,
        mode="markers",
        marker={"color": INK, "size": 4},
        customdata=[literal(text) for text in each(write, fit, "actual")],
        hovertemplate="%{customdata}",
    )
    half = _half_period(fit)
    figure.update_layout(
        xaxis={
            "hoverformat": "%d %b %Y",
            "showgrid": False,
            "range": [fit["date"].min() - half, fit["date"].max() + half],
        }
    )
    return figure


def _runs(fit: pd.DataFrame) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Start and end of each unbroken stretch of held-out periods, half a period wider."""
    dates, held = pd.to_datetime(fit["date"]), fit["holdout"].astype(bool)
    half = _half_period(fit)
    stretch = (held != held.shift()).cumsum()
    return [(rows.iloc[0] - half, rows.iloc[-1] + half) for _, rows in dates[held].groupby(stretch)]


def _half_period(fit: pd.DataFrame) -> pd.Timedelta:
    gaps = pd.to_datetime(fit["date"]).diff().dropna()
    return pd.Timedelta(gaps.median()) / 2 if len(gaps) else pd.Timedelta(days=1)
