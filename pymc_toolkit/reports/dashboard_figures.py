"""Figures of a dashboard: what media brought over time, and what adds up to the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.dashboard_tables import (
    CONTROLS,
    MEDIA,
    STANDING,
    TOTAL,
)
from pymc_toolkit.reports.formats import (
    day,
    each,
    human,
    human_span,
    literal,
    percent,
    period,
    probability,
    span,
    tick,
)
from pymc_toolkit.reports.look import (
    BAND,
    BLUE,
    GREYS,
    INK,
    MUTED,
    VERMILION,
    Drawing,
    Key,
    Panel,
    arms,
    blank,
    label_rows,
    mean_over_time,
    room_for_names,
    rows_height,
    value_axis,
)

_COLOURS = {STANDING: GREYS[1], CONTROLS: GREYS[0], MEDIA: BLUE, TOTAL: INK}


def media_over_time(report: Dashboard) -> Drawing:
    """Draw what all channels brought together, period by period, with its interval.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Drawing
    """
    table, unit = report.media, period(report.provenance.frequency)
    figure = blank(280, hovermode="x unified")
    mean_over_time(figure, table, human_span)
    axis = value_axis(table[["mean", "ci_low", "ci_high"]], f"{report.target_name} per {unit}")
    figure.update_layout(xaxis={"hoverformat": "%d %b %Y", "showgrid": False}, yaxis=axis)
    best = table.iloc[int(table["mean"].to_numpy().argmax())]
    least = table.iloc[int(table["mean"].to_numpy().argmin())]
    ci = probability(report.ci_prob)
    return Drawing(
        key="media-over-time",
        title=f"Media brought the most in the {unit} of {day(best['date'])} "
        f"({human(best['mean'])}), and the least in that of {day(least['date'])} "
        f"({human(least['mean'])})",
        alt=f"Line chart of what all channels brought together to {report.target_name} per {unit}, "
        f"with a {ci} band, from {day(table['date'].iloc[0])} to {day(table['date'].iloc[-1])}.",
        note=f"The line is the mean and the band the {ci} interval of what all channels brought "
        "together.",
        panels=(Panel("", figure),),
        legend=(Key("mean", BLUE, "line"), Key(f"{ci} interval", BAND, "area")),
    )


def waterfall(report: Dashboard) -> Drawing:
    """Draw how baseline, season, controls and channels add up to the fitted target.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Drawing
        A row a part, from the top down; each begins where the one above ends.
    """
    table = report.waterfall
    names = [str(name) for name in table["part"]]
    written = each(human_span, table, "contribution", "ci_low", "ci_high")
    figure = waterfall_figure(table, names, written)
    figure.update_layout(xaxis=waterfall_axis(table, f"{report.target_name}, all periods"))
    ci = probability(report.ci_prob)
    kinds = (
        (Key("baseline and season", GREYS[1], "area"), STANDING),
        (Key("controls", GREYS[0], "area"), CONTROLS),
        (Key("channel", BLUE, "area"), MEDIA),
        (Key("together", INK, "area"), TOTAL),
    )
    lowers = bool((table["contribution"] < 0).any())
    return Drawing(
        key="waterfall",
        title=_waterfall_title(report),
        alt="Bars that begin where the one above ends, from the baseline to the fitted target: "
        + "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
        + ".",
        note=f"Bars are means over all periods and regions; whiskers are the {ci} interval of each "
        "part by itself, at its end. The means add up to the last bar.",
        panels=(Panel("", figure),),
        legend=(
            *(key for key, kind in kinds if (table["kind"] == kind).any()),
            *([Key("lowers the target", VERMILION, "area")] if lowers else []),
        ),
    )


def waterfall_figure(
    table: pd.DataFrame, names: Sequence[str], written: Sequence[str], colour: str = BLUE
) -> go.Figure:
    """Draw bars that begin where the one above ends, with whiskers at their ends.

    Parameters
    ----------
    table : pandas.DataFrame
        ``kind, contribution, ci_low, ci_high``; see :func:`waterfall_parts`.
    names, written : sequence of str
        What stands above each bar, to the left and to the right.
    colour : str
        Of channels.

    Returns
    -------
    plotly.graph_objects.Figure
        Without a horizontal axis.
    """
    starts, ends = _starts_and_ends(table)
    height = np.arange(len(table))[::-1]
    figure = blank(rows_height(len(table)), bargap=0.72)
    figure.add_bar(
        base=starts.to_numpy(),
        x=table["contribution"],
        y=height,
        orientation="h",
        marker_color=_bar_colours(table, colour),
        width=0.28,
        customdata=[
            [literal(name), literal(text)] for name, text in zip(names, written, strict=True)
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    )
    figure.add_scatter(
        x=ends,
        y=height,
        mode="markers",
        marker={"size": 1, "color": INK},
        error_x=arms(table, "ci_low", "contribution", "ci_high"),
        hoverinfo="skip",
    )
    # A thin line from each end to the row that begins there, or to that of the sum.
    for end, above in zip(ends[:-1], height[:-1], strict=True):
        figure.add_scatter(
            x=[end, end],
            y=[above, above - 1],
            mode="lines",
            line={"color": MUTED, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    label_rows(figure, names, written, room_for_names(written))
    return figure


def waterfall_axis(
    table: pd.DataFrame, title: str, write: Callable[[float], str] = tick
) -> dict[str, Any]:
    """Lay out the axis of a waterfall, with room for bars and whiskers.

    Parameters
    ----------
    table : pandas.DataFrame
        As for :func:`waterfall_figure`.
    title : str
    write : callable
        Writes a round number at a tick.
    """
    starts, ends = _starts_and_ends(table)
    reach = np.concatenate([starts, ends, starts + table["ci_low"], starts + table["ci_high"]])
    return value_axis(reach, title, write=write)


def _starts_and_ends(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    amounts = table["contribution"]
    ends = amounts.where(table["kind"] == TOTAL, amounts.cumsum())
    return ends - amounts, ends


def _bar_colours(table: pd.DataFrame, channel: str) -> list[str]:
    colours = {**_COLOURS, MEDIA: channel}
    return [
        VERMILION if amount < 0 else colours[kind]
        for kind, amount in zip(table["kind"], table["contribution"], strict=True)
    ]


def _waterfall_title(report: Dashboard) -> str:
    """How much there was, media's share, and the channel that brought most of it."""
    table = report.waterfall
    total = human(float(table["contribution"].iloc[-1]))
    share, low, high = report.media_share
    if not 0 <= share <= 1:
        return f"What {total} of {report.target_name} are made of"
    first = table[table["kind"] == MEDIA].iloc[0]
    return (
        f"Of {total} of {report.target_name}, media brought {percent(share)} "
        f"({span(percent(low), percent(high))}); {first['part']} the most, "
        f"{human(first['contribution'])} ({span(human(first['ci_low']), human(first['ci_high']))})"
    )
