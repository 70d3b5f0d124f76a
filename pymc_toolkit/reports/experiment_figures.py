"""Figures of experiments: effects by method, segments by uplift, gain by share treated."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.experiments.estimate import EffectEstimate
from pymc_toolkit.experiments.uplift import UpliftSegments
from pymc_toolkit.reports.fleet_rows import (
    add_dots,
    add_intervals,
    add_line,
    heights,
    rows_figure,
)
from pymc_toolkit.reports.formats import count, each, literal, percent, probability, span, tick
from pymc_toolkit.reports.look import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    Drawing,
    Key,
    Panel,
    band,
    blank,
    value_axis,
)
from pymc_toolkit.verdicts import Status

_COLUMNS = ("effect", "ci_low", "ci_high")
_CURVE_HEIGHT = 320
# Characters and pixels of the lines above a figure that stands alone.
_TITLE_WIDTH, _LINE_HEIGHT = 90, 20


def effects(
    estimates: Mapping[str, EffectEstimate], unit: str, truth: float | None = None
) -> Drawing:
    """Draw the effect that each method found, with its interval.

    Parameters
    ----------
    estimates : mapping of str to EffectEstimate
        At least one, all of the same effect.
    unit : str
        Of the outcome, in plain text.
    truth : float, optional
        The true effect, where it is known.

    Returns
    -------
    Drawing
    """
    table = pd.DataFrame([estimate.to_dict() for estimate in estimates.values()])
    table = table.set_index("method")
    names = [str(name) for name in table.index]
    written = each(_span, table, *_COLUMNS)
    ends = np.append(table[list(_COLUMNS)].to_numpy(float).ravel(), truth or 0.0)
    first = next(iter(estimates.values()))
    per = "per treated unit" if first.per == "unit" else "in total"
    figure = rows_figure(names, written, ends, f"Effect {per} ({unit})")
    y = heights(len(names))
    add_intervals(figure, table, _COLUMNS, y, _span, BLUE)
    methods = count(len(names), "method")
    if truth is None:
        title = (
            f"{methods} put the effect at {_amount(table['effect'].min())} to "
            f"{_amount(table['effect'].max())} {unit} {per}"
        )
    else:
        inside = sum(estimate.contains(truth) for estimate in estimates.values())
        add_line(figure, truth)
        title = (
            f"The intervals of {inside} of {methods} contain the true effect of {_amount(truth)} "
            f"{unit} {per}"
        )
    shown = "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
    return Drawing(
        key="experiment-effects",
        title=title,
        alt=f"Effect {per} by method with {probability(first.ci_prob)} intervals: {shown}.",
        note=f"Points: estimates. Lines: {probability(first.ci_prob)} intervals.",
        panels=(Panel("", figure),),
        legend=(Key("estimate", BLUE, "dot"),)
        + (() if truth is None else (Key("true effect", INK, "dash"),)),
    )


def uplift_segmentation(segments: UpliftSegments, unit: str) -> Drawing:
    """Draw what treatment did in each segment, and the gain by the share of units treated.

    Parameters
    ----------
    segments : UpliftSegments
    unit : str
        Of the outcome, in plain text.

    Returns
    -------
    Drawing
    """
    table = segments.segments
    top, bottom = float(table["effect"].iloc[0]), float(table["effect"].iloc[-1])
    better = segments.verdict.status is Status.PASS
    found = (
        f"{_amount(top)} {unit} a unit in the segment with the highest predicted uplift, "
        f"{_amount(bottom)} in the one with the lowest"
    )
    lead = "Whom to treat first matters" if better else "Whom to treat first is not shown to matter"
    interval = probability(segments.ci_prob)
    return Drawing(
        key="uplift-segments",
        title=f"{lead}: the effect is {found}",
        alt=f"Measured and predicted effect in {count(len(table), 'segment')} by predicted uplift, "
        f"and gain by share of units treated. {segments.verdict.sentence}",
        note="Units are sorted by an uplift that was predicted without them; what is measured in a "
        f"segment is not what the sorting was made from. Lines and band: {interval} intervals.",
        panels=(
            Panel("Effect by segment", _segments_figure(segments, unit)),
            Panel("Gain by share of units treated", _gain_figure(segments, unit)),
        ),
        legend=(
            Key("measured", BLUE, "dot"),
            Key("predicted", ORANGE, "diamond"),
            Key("highest predicted uplift first", BLUE, "line"),
            Key("at random", INK, "dash"),
        ),
        grid=True,
    )


def standalone(drawing: Drawing) -> tuple[go.Figure, ...]:
    """Give figures that can be shown or saved outside a report, with the finding above each.

    Parameters
    ----------
    drawing : Drawing

    Returns
    -------
    tuple of plotly.graph_objects.Figure
        One a panel.
    """
    figures = []
    for panel in drawing.panels:
        lines = [literal(line) for line in wrap(drawing.title, _TITLE_WIDTH)]
        if panel.label:
            lines.append(f"<b>{literal(panel.label)}</b>")
        room = _LINE_HEIGHT * (len(lines) + 1) + _LINE_HEIGHT
        figure = go.Figure(panel.figure)
        figure.update_layout(
            title={
                "text": "<br>".join(lines),
                "font": {"size": 14},
                "yref": "container",
                "y": 0.98,
            },
            title_yanchor="top",
            margin={"t": room, "b": 2 * _LINE_HEIGHT, "l": 16, "r": 24},
            height=panel.figure.layout.height + room,
        )
        figures.append(figure)
    return tuple(figures)


def _segments_figure(segments: UpliftSegments, unit: str) -> go.Figure:
    table = segments.segments
    last = len(table)
    ends = {1: "highest predicted uplift", last: "lowest predicted uplift"}
    names = [
        f"segment {number}" + (f", {ends[number]}" if number in ends else "")
        for number in map(int, table.index)
    ]
    table = table.set_axis(names)
    written = each(_span, table, *_COLUMNS)
    shown = table[["predicted", *_COLUMNS]]
    figure = rows_figure(names, written, shown, f"Effect per unit ({unit})")
    y = heights(last)
    add_intervals(figure, table, _COLUMNS, y, _span, BLUE)
    hover = [f"{name}: predicted {_amount(v)}" for name, v in table["predicted"].items()]
    add_dots(figure, table["predicted"], y - 0.16, hover, ORANGE, "diamond", size=8)
    add_line(figure, segments.effect)
    return figure


def _gain_figure(segments: UpliftSegments, unit: str) -> go.Figure:
    curve = segments.curve
    share = curve["share"]
    figure = blank(_CURVE_HEIGHT)
    figure.add_trace(band(share, curve["ci_low"], curve["ci_high"]))
    hover = [
        literal(f"{percent(s)} treated: {text}")
        for s, text in zip(share, each(_span, curve, "gain", "ci_low", "ci_high"), strict=True)
    ]
    figure.add_scatter(
        x=share,
        y=curve["gain"],
        mode="lines",
        line={"color": BLUE, "width": 2},
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.add_scatter(
        x=share,
        y=curve["random"],
        mode="lines",
        line={"color": INK, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={
            "range": [0, 1],
            "tickformat": ".0%",
            "title": {
                "text": "Share of units treated",
                "font": {"color": MUTED, "size": 12},
            },
        },
        yaxis=value_axis(
            curve[["gain", "ci_low", "ci_high", "random"]], f"Gain per unit of all ({unit})"
        ),
    )
    return figure


def _amount(value: float) -> str:
    return tick(float(f"{value:.3g}"))


def _span(mean: float, low: float, high: float) -> str:
    return f"{_amount(mean)} ({span(_amount(low), _amount(high))})"
