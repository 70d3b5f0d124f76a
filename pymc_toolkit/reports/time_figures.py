"""Figures over time: what happened and was expected, what it is made of, how well media worked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.fit_figures import fit_figure
from pymc_toolkit.reports.formats import (
    day,
    human,
    literal,
    percent,
    period,
    probability,
    ratio,
    ratio_span,
    span,
)
from pymc_toolkit.reports.look import (
    BAND,
    BLUE,
    CHANNEL_COLOURS,
    GREYS,
    HELD_OUT,
    INK,
    OTHERS,
    Drawing,
    Key,
    Panel,
    blank,
    mean_over_time,
    value_axis,
)

# Name, values, colour and pattern of one layer of a stack.
Layer = tuple[str, pd.Series, str, str]
MOST_CHANNELS = len(CHANNEL_COLOURS)
_STANDING_COMPONENTS = ("baseline", "trend", "seasonality")


def actual_vs_fitted(report: ModelReport) -> Drawing:
    """Draw the target, what the model expected, and the periods that it had not seen.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing
        With a close-up of the held-out periods where these are few.
    """
    fit = report.fit.sort_values("date")
    held = fit[fit["holdout"].astype(bool)]
    unit = period(report.provenance.frequency)
    panels = [Panel(f"All {count(len(fit), unit)}", fit_figure(report, fit, 360))]
    if 0 < len(held) < len(fit) / 3:
        first = int(np.argmax(fit["holdout"].to_numpy(dtype=bool)))
        near = fit.iloc[max(0, first - max(12, 3 * len(held))) :]
        label = f"Close-up of the last {count(len(near), unit)}"
        panels.append(Panel(label, fit_figure(report, near, 280)))
    return Drawing(
        key="fit",
        title=_fit_title(report, held, unit),
        alt=f"Line chart of {report.target_name} per {unit} from {day(fit['date'].iloc[0])} to "
        f"{day(fit['date'].iloc[-1])}: dots for what happened, a line and a "
        f"{probability(report.ci_prob)} band for what the model expected; "
        f"{count(len(held), unit)} held out, shaded at {_where(held)}.",
        note=f"Dots are what happened. The line is what the model expected and the band its "
        f"{probability(report.ci_prob)} interval: about that share of dots should fall within it. "
        f"The model did not see the shaded {unit}s when it learned.",
        panels=tuple(panels),
        legend=(
            Key("what happened", INK, "dot"),
            Key("expected by the model", BLUE, "line"),
            Key(f"{probability(report.ci_prob)} interval", BAND, "area"),
            *([] if held.empty else [Key("held out", HELD_OUT, "area")]),
        ),
    )


def contributions_over_time(report: ModelReport | Dashboard) -> Drawing:
    """Draw what the fitted target is made of, period by period.

    Parameters
    ----------
    report : ModelReport or Dashboard

    Returns
    -------
    Drawing
        The largest channels, the others together.
    """
    layers = layers_of(report.components, list(report.totals.index))
    figure = stacked_areas(layers, report.components.sum(axis=1), "fitted", human)
    heights = report.components.clip(lower=0).sum(axis=1)
    depths = report.components.clip(upper=0).sum(axis=1)
    unit = period(report.provenance.frequency)
    axis = value_axis(np.append(heights, depths), f"{report.target_name} per {unit}")
    figure.update_layout(xaxis={"hoverformat": "%d %b %Y", "showgrid": False}, yaxis=axis)
    names = ", ".join(name for name, *_ in layers)
    return Drawing(
        key="over-time",
        title=_share_title(report),
        alt=f"Stacked areas of the mean contribution per {unit} to {report.target_name}: {names}.",
        note="Mean contributions; they add up to what the model expected (the thin line). "
        "What lowers the target is drawn below zero.",
        panels=(Panel("", figure),),
        legend=(
            *(
                Key(name, colour, "hatch" if pattern else "area")
                for name, _, colour, pattern in layers
            ),
            Key("fitted", INK, "line"),
        ),
    )


def stacked_areas(
    layers: Sequence[Layer], whole: pd.Series, label: str, write: Callable[[float], str]
) -> go.Figure:
    """Draw layers on top of each other and their sum, with what lowers it below zero.

    Parameters
    ----------
    layers : sequence of Layer
        From the bottom up.
    whole : pandas.Series
        Their sum, index date.
    label : str
        Name of the sum.
    write : callable
        Writes an amount, for a reader who points at it.

    Returns
    -------
    plotly.graph_objects.Figure
        Without a vertical axis.
    """
    figure = blank(390, hovermode="x unified")
    for name, values, colour, pattern in layers:
        # Stacked apart, so that a component below zero does not push down those above it.
        parts = [("above", values.clip(lower=0)), ("below", values.clip(upper=0))]
        drawn = [(stack, part) for stack, part in parts if part.abs().to_numpy().sum() > 0]
        for i, (stack, part) in enumerate(drawn):
            figure.add_scatter(
                x=whole.index,
                y=part,
                name=literal(name),
                stackgroup=stack,
                mode="lines",
                line={"width": 0, "color": colour},
                fillcolor=colour,
                fillpattern={"shape": pattern, "bgcolor": colour, "fgcolor": INK, "size": 6},
                customdata=[literal(write(value)) for value in values],
                hovertemplate="%{customdata}",
                hoverinfo="skip" if i else None,
            )
            if i:
                figure.data[-1].hovertemplate = None
    figure.add_scatter(
        x=whole.index,
        y=whole,
        name=literal(label),
        mode="lines",
        line={"color": INK, "width": 1},
        customdata=[literal(write(value)) for value in whole],
        hovertemplate="%{customdata}",
    )
    return figure


def effectiveness(report: ModelReport) -> Drawing | None:
    """Draw how well media worked over time relative to its average.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None where the model holds it constant.
    """
    table = report.multiplier
    if table is None or table.empty:
        return None
    figure = blank(320, hovermode="x unified")
    mean_over_time(figure, table, ratio_span)
    figure.add_hline(y=1, line={"color": INK, "width": 1.5, "dash": "dash"})
    ends = np.append(table[["mean", "ci_low", "ci_high"]].to_numpy(dtype=float), 1.0)
    axis = value_axis(ends, "Effectiveness (1 = average)", zero=False)
    figure.update_layout(xaxis={"hoverformat": "%d %b %Y"}, yaxis=axis)
    best = table.iloc[int(table["mean"].to_numpy().argmax())]
    worst = table.iloc[int(table["mean"].to_numpy().argmin())]
    moved = bool((table["ci_low"] > 1).any() or (table["ci_high"] < 1).any())
    title = (
        f"Media worked best around {day(best['date'])} ({ratio(best['mean'])} times its average) "
        f"and least around {day(worst['date'])} ({ratio(worst['mean'])} times)"
        if moved
        else "Media effectiveness did not clearly change over time"
    )
    return Drawing(
        key="effectiveness",
        title=title,
        alt=f"Line chart of media effectiveness relative to its average, with a "
        f"{probability(report.ci_prob)} band, from {ratio(worst['mean'])} on "
        f"{day(worst['date'])} to {ratio(best['mean'])} on {day(best['date'])}.",
        note="The same spend earned more than usual where the line is above 1. Where the band "
        "holds the dashed line, the change is not certain.",
        panels=(Panel("", figure),),
    )


def _fit_title(report: ModelReport, held: pd.DataFrame, unit: str) -> str:
    """Say how well the model foresaw what it had not seen."""
    if held.empty:
        off = percent(float(report.train_scores["mape"]))
        return f"Nothing was held out; on the {unit}s it learned from, the model is off by {off}"
    inside = int(held["actual"].between(held["ci_low"], held["ci_high"]).sum())
    error = float(report.scores["mape"].get("model", np.nan))
    naive = float(report.scores["mape"].get("seasonal naive", np.nan))
    title = (
        f"{inside} of {count(len(held), f'held-out {unit}')} fell inside the "
        f"{probability(report.ci_prob)} interval"
    )
    if not np.isfinite(error):
        return title
    title += f"; the model was off by {percent(error)} on average"
    if not np.isfinite(naive):
        return title
    return f"{title}, the seasonal naive by {percent(naive)}"


def _where(held: pd.DataFrame) -> str:
    if held.empty:
        return "no place"
    return f"{day(held['date'].iloc[0])} to {day(held['date'].iloc[-1])}"


def layers_of(
    components: pd.DataFrame,
    channels: Sequence[str],
    controls_label: str = "{n} controls",
    others_label: str = "{n} other channels",
) -> list[Layer]:
    """Name, values, colour and pattern of each layer of a stack, from the bottom up.

    Parameters
    ----------
    components : pandas.DataFrame
        Index date, a column a component.
    channels : sequence of str
        Which of them are channels; the largest get layers of their own.
    controls_label, others_label : str
        Names of what is drawn together, with a field for their number.
    """
    table = components
    others = [name for name in table.columns if name not in channels]
    layers: list[Layer] = []
    for name, colour in zip(_STANDING_COMPONENTS, GREYS, strict=True):
        if name in others:
            layers.append((name, table[name], colour, ""))
    controls = [name for name in others if name not in _STANDING_COMPONENTS]
    if controls:
        label = str(controls[0]) if len(controls) == 1 else controls_label.format(n=len(controls))
        layers.append((label, table[controls].sum(axis=1), GREYS[0], "/"))
    shown = [name for name in table.columns if name in channels]
    ranked = table[shown].sum().abs().sort_values(ascending=False).index
    # One channel too many gets no layer of "1 other channel": it is worth a name.
    for name, colour in zip(ranked[:MOST_CHANNELS], CHANNEL_COLOURS, strict=False):
        layers.append((str(name), table[name], colour, ""))
    rest = list(ranked[MOST_CHANNELS:])
    if rest:
        label = str(rest[0]) if len(rest) == 1 else others_label.format(n=len(rest))
        layers.append((label, table[rest].sum(axis=1), OTHERS, ""))
    return layers


def _share_title(report: ModelReport | Dashboard) -> str:
    """Say how much of the fitted target media brought."""
    share, low, high = report.media_share
    # Components below zero can leave shares that are no parts of a whole.
    if not 0 <= share <= 1:
        return f"What {report.target_name} is made of"
    return (
        f"Media brought {percent(share)} of {report.target_name} "
        f"({span(percent(low), percent(high))}); the rest is baseline and other drivers"
    )
