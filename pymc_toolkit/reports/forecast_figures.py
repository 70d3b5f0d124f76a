"""Figures of a forecast fleet: the target under each plan, and how plans differ."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fleet_contract import ForecastReport
from pymc_toolkit.reports.fleet_rows import add_intervals, add_line, heights, rows_figure
from pymc_toolkit.reports.formats import each, human, human_span, period, probability
from pymc_toolkit.reports.look import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    SKY,
    VERMILION,
    Drawing,
    Key,
    Panel,
    band,
    blank,
    value_axis,
)

_STACKED = 2


def scenarios(report: ForecastReport) -> Drawing:
    """Draw the past year and the forecast, one panel a scenario.

    Parameters
    ----------
    report : ForecastReport

    Returns
    -------
    Drawing
    """
    unit, ci = period(report.provenance.frequency), probability(report.ci_prob)
    best = report.totals["mean"].idxmax()
    several = len(report.forecasts) > 1
    title = f"The next {count(report.horizon, unit)} bring most under \u201c{best}\u201d"
    if not several:
        title = f"{report.target_name} over the next {count(report.horizon, unit)}"
    return Drawing(
        key="scenarios",
        title=title,
        alt=f"Line charts of {report.target_name} in the past and, with {ci} bands, over the next "
        f"{count(report.horizon, unit)} under {count(len(report.forecasts), 'plan')}.",
        note=f"The band holds what may be observed in each {unit} with {ci} probability. All "
        "panels share one scale.",
        panels=tuple(
            Panel(name, _scenario_figure(report, table), tall=True)
            for name, table in report.forecasts.items()
        ),
        legend=(
            Key("what happened", INK, "line"),
            Key("expected", BLUE, "line"),
            Key(f"{ci} interval", SKY, "area"),
        ),
        grid=len(report.forecasts) > _STACKED,
    )


def _scenario_figure(report: ForecastReport, table: pd.DataFrame) -> go.Figure:
    figure = blank(260, hovermode="x unified")
    figure.add_trace(band(table["date"], table["ci_low"], table["ci_high"], name="interval"))
    figure.add_scatter(
        x=report.history["date"],
        y=report.history["actual"],
        mode="lines",
        line={"color": INK, "width": 1.5},
        name="what happened",
        customdata=each(human, report.history, "actual"),
        hovertemplate="%{customdata}",
    )
    figure.add_scatter(
        x=table["date"],
        y=table["mean"],
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": 5},
        name="expected",
        customdata=each(human_span, table, "mean", "ci_low", "ci_high"),
        hovertemplate="%{customdata}",
    )
    every = pd.concat([report.history["actual"], *_ends(report)])
    unit = period(report.provenance.frequency)
    figure.update_layout(
        xaxis={"hoverformat": "%d %b %Y", "showgrid": False},
        yaxis=value_axis(every, f"{report.target_name} per {unit}", zero=False),
    )
    return figure


def _ends(report: ForecastReport) -> list[pd.Series]:
    return [
        pd.Series(table[["ci_low", "ci_high"]].to_numpy(float).ravel())
        for table in report.forecasts.values()
    ]


def totals(report: ForecastReport) -> Drawing:
    """Draw the target over the whole horizon by scenario.

    Parameters
    ----------
    report : ForecastReport

    Returns
    -------
    Drawing
    """
    table, unit = report.totals, period(report.provenance.frequency)
    names, columns = [str(name) for name in table.index], ("mean", "ci_low", "ci_high")
    written = each(human_span, table, *columns)
    over = f"over {count(report.horizon, unit)}"
    figure = rows_figure(names, written, table[list(columns)], f"{report.target_name} {over}")
    add_intervals(figure, table, columns, heights(len(table)), human_span, BLUE)
    best = table.loc[table["mean"].idxmax()]
    return Drawing(
        key="totals",
        title=f"Expected {over}: {human(best['mean'])} under \u201c{best.name}\u201d "
        f"({probability(report.ci_prob)} interval {human(best['ci_low'])} to "
        f"{human(best['ci_high'])})",
        alt=f"Expected {report.target_name} {over} by plan: "
        + "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
        + ".",
        note=f"Dots are expected values, whiskers {probability(report.ci_prob)} intervals of what "
        "may be observed. Chance moves all plans alike: to compare them, see their difference.",
        panels=(Panel("", figure),),
    )


def differences(report: ForecastReport) -> Drawing | None:
    """Draw how much more each scenario brings than the first.

    Parameters
    ----------
    report : ForecastReport

    Returns
    -------
    Drawing or None
        None with a single scenario.
    """
    table, first = report.totals.iloc[1:], report.totals.index[0]
    if table.empty:
        return None
    names = [str(name) for name in table.index]
    columns = ("difference", "difference_low", "difference_high")
    written = each(human_span, table, *columns)
    figure = rows_figure(
        names, written, table[list(columns)], f"Difference in {report.target_name}"
    )
    add_line(figure, 0.0)
    more, less = table["difference_low"] > 0, table["difference_high"] < 0
    y = heights(len(table))
    for chosen, colour, symbol in (
        (more, GREEN, "circle"),
        (~more & ~less, MUTED, "circle-open"),
        (less, VERMILION, "diamond"),
    ):
        if chosen.any():
            rows = chosen.to_numpy()
            add_intervals(figure, table[rows], columns, y[rows], human_span, colour, symbol)
    return Drawing(
        key="differences",
        title=f"{int(more.sum())} of {count(len(table), 'plan')} clearly bring more than "
        f"\u201c{first}\u201d, {int(less.sum())} clearly less",
        alt=f"Difference in expected {report.target_name} from the plan {first}: "
        + "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
        + ".",
        note=f"Expected {report.target_name} under each plan less that under \u201c{first}\u201d, "
        f"with {probability(report.ci_prob)} intervals.",
        panels=(Panel("", figure),),
        legend=(
            Key("brings more", GREEN, "dot"),
            Key("too close to call", MUTED, "ring"),
            Key("brings less", VERMILION, "diamond"),
            Key("no difference", INK, "dash"),
        ),
    )
