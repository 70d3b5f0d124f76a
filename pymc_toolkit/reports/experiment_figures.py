"""Figures of experiments: effects by method, segments by uplift, gain by share treated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.experiments.estimate import EffectEstimate
from pymc_toolkit.experiments.uplift import UpliftSegments
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fleet_rows import (
    add_dots,
    add_intervals,
    add_line,
    heights,
    rows_figure,
)
from pymc_toolkit.reports.formats import each, literal, percent, probability, span, tick
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
_MOST_POINTS = 401
# Characters and pixels of the lines above a figure that stands alone.
_TITLE_WIDTH, _LINE_HEIGHT = 90, 20
_MARKS = {
    "area": "\N{BLACK SQUARE}",
    "hatch": "\N{SQUARE WITH UPPER RIGHT TO LOWER LEFT FILL}",
    "line": "\N{EM DASH}",
    "arrow": "\N{RIGHTWARDS ARROW}",
    "dash": "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}",
    "dot": "\N{BLACK CIRCLE}",
    "ring": "\N{WHITE CIRCLE}",
    "diamond": "\N{BLACK DIAMOND}",
}
# Decimals beyond which nobody reads on.
_MOST_DIGITS = 4


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
    ends = table[list(_COLUMNS)].to_numpy(float).ravel()
    if truth is not None:
        ends = np.append(ends, truth)
    first = next(iter(estimates.values()))
    per = "per treated unit" if first.per == "unit" else "in total"
    figure = rows_figure(names, written, ends, f"Effect {per} ({unit})", zero=_near_zero(ends))
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
            Panel("Gain by share of units treated (Qini curve)", _gain_figure(segments, unit)),
            Panel("Gain beyond treating as many at random", _extra_figure(segments, unit)),
        ),
        legend=(
            Key("measured", BLUE, "dot"),
            Key("predicted", ORANGE, "diamond"),
            Key("highest predicted uplift first", BLUE, "line"),
            Key("at random, or on average", INK, "dash"),
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
    legend = " \N{EM SPACE}".join(
        f'<span style="color:{key.colour}">{_MARKS[key.mark]}</span> {literal(key.label)}'
        for key in drawing.legend
    )
    figures = []
    for panel in drawing.panels:
        lines = [literal(line) for line in wrap(drawing.title, _TITLE_WIDTH)]
        lines += [f"<b>{literal(panel.label)}</b>"] if panel.label else []
        lines += [legend] if legend else []
        above = _LINE_HEIGHT * (len(lines) + 1)
        figure = go.Figure(panel.figure)
        figure.update_layout(
            title={
                "text": "<br>".join(lines),
                "font": {"size": 13},
                "x": 0,
                "y": 1,
                "yanchor": "top",
                "pad": {"t": _LINE_HEIGHT, "l": _LINE_HEIGHT},
            },
            margin={"t": above + _LINE_HEIGHT, "b": 2 * _LINE_HEIGHT, "l": 16, "r": 24},
            height=panel.figure.layout.height + above + 2 * _LINE_HEIGHT,
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
    axis = f"Effect per unit ({unit})"
    figure = rows_figure(names, written, shown, axis, zero=_near_zero(shown.to_numpy(float)))
    y = heights(last)
    add_intervals(figure, table, _COLUMNS, y, _span, BLUE)
    hover = [f"{name}: predicted {_amount(v)}" for name, v in table["predicted"].items()]
    add_dots(figure, table["predicted"], y - 0.16, hover, ORANGE, "diamond", size=8)
    add_line(figure, segments.effect)
    return figure


def _gain_figure(segments: UpliftSegments, unit: str) -> go.Figure:
    columns = ("gain", "ci_low", "ci_high")
    figure = _share_figure(segments.curve, columns, f"Gain per unit of all ({unit})")
    figure.add_scatter(
        x=segments.curve["share"],
        y=segments.curve["random"],
        mode="lines",
        line={"color": INK, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    return figure


def _extra_figure(segments: UpliftSegments, unit: str) -> go.Figure:
    columns = ("extra", "extra_low", "extra_high")
    figure = _share_figure(segments.curve, columns, f"Gain beyond random per unit of all ({unit})")
    figure.add_hline(y=0, line={"color": INK, "width": 1.5, "dash": "dash"})
    return figure


def _share_figure(curve: pd.DataFrame, columns: tuple[str, str, str], title: str) -> go.Figure:
    """A line with a band over the share of units treated."""
    middle, low, high = columns
    # More points than pixels would only make the page heavy.
    curve = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, _MOST_POINTS).round().astype(int))]
    figure = blank(_CURVE_HEIGHT)
    figure.add_trace(band(curve["share"], curve[low], curve[high]))
    written = each(_span, curve, *columns)
    hover = [f"{percent(s)} treated: {w}" for s, w in zip(curve["share"], written, strict=True)]
    figure.add_scatter(
        x=curve["share"],
        y=curve[middle],
        mode="lines",
        line={"color": BLUE, "width": 2},
        customdata=[literal(text) for text in hover],
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.update_layout(
        xaxis={
            "range": [0, 1],
            "tickformat": ".0%",
            "title": {"text": "Share of units treated", "font": {"color": MUTED, "size": 12}},
        },
        yaxis=value_axis(curve[list(columns)], title),
    )
    return figure


def _near_zero(ends: np.ndarray) -> bool:
    """Whether zero is no farther from the values than they are from each other."""
    return bool(np.abs(ends).min() <= np.ptp(ends))


def _amount(value: float) -> str:
    return tick(float(f"{value:.3g}"))


def _span(mean: float, low: float, high: float) -> str:
    """An effect and its interval, with as many digits as the interval gives a meaning."""
    width = high - low
    if not math.isfinite(width):
        return _amount(mean)
    digits = 1 - math.floor(math.log10(width)) if width > 0 else _MOST_DIGITS
    digits = min(digits, _MOST_DIGITS)
    if digits < 0:
        return f"{_amount(mean)} ({span(_amount(low), _amount(high))})"
    written = [f"{v:.{digits}f}".replace("-", "\N{MINUS SIGN}") for v in (mean, low, high)]
    return f"{written[0]} ({span(written[1], written[2])})"
