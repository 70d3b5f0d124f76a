"""Figures of a recovery fleet: what was true beside what was found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.arrays import Array
from pymc_toolkit.names import INTERCEPT_MULTIPLIER, MEDIA_MULTIPLIER
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fleet_contract import RecoveryReport
from pymc_toolkit.reports.fleet_rows import add_dots, add_intervals, add_line, heights, rows_figure
from pymc_toolkit.reports.formats import (
    each,
    human,
    human_span,
    literal,
    percent,
    probability,
    ratio,
    ratio_span,
)
from pymc_toolkit.reports.look import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    Drawing,
    Key,
    Panel,
    arms,
    band,
    blank,
    value_axis,
)

_BAND_PROBABILITY = 0.95
_BAND_SIMULATIONS = 1000
_TALL = 4
# Beyond so many simulations a row for each true contribution would be a wall.
_MOST_ROWS = 40


def recovered_contributions(report: RecoveryReport) -> Drawing:
    """Draw the true total contribution of each channel beside the estimate.

    Parameters
    ----------
    report : RecoveryReport

    Returns
    -------
    Drawing
    """
    table = report.channels
    within = table["truth"].between(table["ci_low"], table["ci_high"])
    ci = probability(report.ci_prob)
    one = report.n_simulations == 1 and len(table) <= _MOST_ROWS
    title = (
        f"{int(within.sum())} of {count(len(table), 'true total contribution')} "
        f"{'lies' if len(table) == 1 else 'lie'} in the estimate's {ci} interval"
    )
    return Drawing(
        key="contributions",
        title=title,
        alt=f"True total contribution of each channel beside the estimate with its {ci} interval. "
        f"{title}.",
        note=f"Dots are estimates, whiskers {ci} intervals, "
        + (
            "diamonds the truth that made the data."
            if one
            else "one for each channel and simulation. On the dashed line estimate and truth agree."
        ),
        panels=(Panel("", _rows(report) if one else _scatter(report, within)),),
        legend=_keys(one, ci),
    )


def _keys(one: bool, ci: str) -> tuple[Key, ...]:
    if one:
        return (Key("estimate", BLUE, "dot"), Key("truth", VERMILION, "diamond"))
    return (
        Key(f"truth inside the {ci} interval", BLUE, "dot"),
        Key("outside", VERMILION, "diamond"),
        Key("estimate = truth", INK, "dash"),
    )


def _rows(report: RecoveryReport) -> go.Figure:
    table = report.channels.sort_values("truth", ascending=False).set_index("channel")
    names = [str(name) for name in table.index]
    columns = ("contribution", "ci_low", "ci_high")
    figure = rows_figure(
        names,
        [f"{human(true)} true" for true in table["truth"]],
        table[["truth", *columns]],
        f"Contribution to {report.target_name}",
    )
    y = heights(len(table))
    add_intervals(figure, table, columns, y, human_span, BLUE)
    hover = [
        f"{name}: {human(true)} true" for name, true in zip(names, table["truth"], strict=True)
    ]
    add_dots(figure, table["truth"], y, hover, VERMILION, "diamond")
    return figure


def _scatter(report: RecoveryReport, within: pd.Series) -> go.Figure:
    table = report.channels
    figure = blank(420)
    ends = table[["truth", "contribution", "ci_low", "ci_high"]].to_numpy(dtype=float)
    low, high = float(min(0.0, np.nanmin(ends))), float(np.nanmax(ends))
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": INK, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    for chosen, colour, symbol in ((within, BLUE, "circle"), (~within, VERMILION, "diamond")):
        part = table[chosen]
        figure.add_scatter(
            x=part["truth"],
            y=part["contribution"],
            mode="markers",
            marker={"color": colour, "size": 6, "symbol": symbol},
            error_y=arms(
                part, "ci_low", "contribution", "ci_high", colour=colour, thickness=0.8, cap=0
            ),
            customdata=[
                literal(f"{row.channel}, {row.simulation}: {human(row.truth)} true")
                for row in part.itertuples()
            ],
            hovertemplate="%{customdata}<br>%{y:.3s} estimated<extra></extra>",
        )
    figure.update_layout(
        xaxis=value_axis(table["truth"], f"True contribution to {report.target_name}"),
        yaxis=value_axis(ends[:, 1:], "Estimated contribution"),
    )
    return figure


def coverage(report: RecoveryReport) -> Drawing:
    """Draw how many truths lie in 50% and 90% intervals, by parameter.

    Parameters
    ----------
    report : RecoveryReport

    Returns
    -------
    Drawing
    """
    table = report.scores
    total = float(np.average(table["coverage_90"], weights=table["scalars"]))
    names = [_plain_name(str(name)) for name in table.index]
    written = [
        f"{percent(half)}, {percent(most)}"
        for half, most in table[["coverage_50", "coverage_90"]].to_numpy(float)
    ]
    figure = rows_figure(names, written, [0.0, 1.0], "Share of truths inside the interval")
    figure.update_xaxes(tickvals=[0, 0.5, 0.9], tickformat=".0%", ticktext=None)
    y = heights(len(table))
    for line in (0.5, 0.9):
        add_line(figure, line)
    hover = [f"{name}: {text}" for name, text in zip(names, written, strict=True)]
    add_dots(figure, table["coverage_50"], y, hover, ORANGE, "circle-open")
    add_dots(figure, table["coverage_90"], y, hover, BLUE)
    return Drawing(
        key="coverage",
        title=f"{percent(total)} of the true parameters lie in their 90% intervals",
        alt="Share of true values inside 50% and 90% intervals by parameter: "
        + "; ".join(hover)
        + ".",
        note="Half of the truths should lie in 50% intervals and nine in ten in 90% intervals. "
        "Much less means that the model is surer than it should be. With few truths shares vary "
        "by chance.",
        panels=(Panel("", figure),),
        legend=(
            Key("in 50% intervals", ORANGE, "ring"),
            Key("in 90% intervals", BLUE, "dot"),
            Key("as it should be: 50% and 90%", INK, "dash"),
        ),
    )


def _plain_name(parameter: str) -> str:
    """A parameter's name without the prefix that leaves no room for the rest of it."""
    return parameter.replace(f"{MEDIA_MULTIPLIER}_raw_", "media drift: ").replace(
        f"{INTERCEPT_MULTIPLIER}_raw_", "baseline drift: "
    )


def parameters(report: RecoveryReport) -> Drawing:
    """Draw each parameter of the first simulation beside its truth, one panel a variable.

    Parameters
    ----------
    report : RecoveryReport

    Returns
    -------
    Drawing
    """
    table = report.intervals
    within = int(table["truth"].between(table["ci_low"], table["ci_high"]).sum())
    groups = [(str(name), rows) for name, rows in table.groupby("variable", sort=False)]
    groups.sort(key=lambda item: len(item[1]))
    ci = probability(report.ci_prob)
    title = (
        f"In the first simulation {within} of {count(len(table), 'parameter')} lie in their {ci} "
        "intervals"
    )
    return Drawing(
        key="parameters",
        title=title,
        alt=f"For each of {count(len(table), 'parameter')}, the posterior mean with its {ci} "
        f"interval and the truth. {title}.",
        note=f"Means and {ci} intervals on the scaled data, and the parameters that made the data.",
        panels=tuple(
            Panel(name, _parameter_figure(rows), tall=len(rows) > _TALL) for name, rows in groups
        ),
        legend=(Key("estimate", BLUE, "dot"), Key("truth", VERMILION, "diamond")),
        grid=True,
    )


def _parameter_figure(rows: pd.DataFrame) -> go.Figure:
    table = rows.set_index("coordinate")
    names = [str(name) for name in table.index]
    columns = ("mean", "ci_low", "ci_high")
    figure = rows_figure(names, [""] * len(names), table[["truth", *columns]], "", zero=False)
    y = heights(len(table))
    add_intervals(figure, table, columns, y, ratio_span, BLUE)
    hover = [
        f"{name}: {text} true"
        for name, text in zip(names, each(ratio, table, "truth"), strict=True)
    ]
    add_dots(figure, table["truth"], y, hover, VERMILION, "diamond", size=8)
    return figure


def ranks(report: RecoveryReport) -> Drawing | None:
    """Draw how the distribution of ranks differs from a uniform one, one panel a variable.

    Parameters
    ----------
    report : RecoveryReport

    Returns
    -------
    Drawing or None
        None with a single simulation.

    References
    ----------
    Säilynoja, Bürkner, Vehtari (2022). Graphical test for discrete uniformity and its applications
    in goodness-of-fit evaluation and multiple sample comparison.
    """
    if report.ranks is None or report.uniformity is None:
        return None
    ranks = report.ranks
    limits = _band(int(ranks.groupby(["variable", "coordinate"]).size().max()))
    panels, outside, lines = [], 0, 0
    for name, rows in ranks.groupby("variable", sort=False):
        figure, astray, drawn = _rank_figure(str(name), rows, limits)
        panels.append(Panel(str(name), figure))
        outside, lines = outside + astray, lines + drawn
    ci = probability(_BAND_PROBABILITY)
    return Drawing(
        key="ranks",
        title=f"Ranks of {lines - outside} of {count(lines, 'parameter')} stay within the band of "
        "what chance allows",
        alt=f"Difference between the distribution of ranks and a uniform one, with a {ci} band, "
        f"for {count(lines, 'parameter')}: {outside} leave the band.",
        note="Ranks of the true parameter among posterior draws are uniform where inference is "
        "calibrated: the line then stays around zero. A line that leaves the band in a hump or a "
        "dip means estimates that are too high or too low; one that crosses it in an S means "
        f"intervals that are too narrow or too wide. The band holds a whole line with {ci} "
        "probability, so of many lines a few leave it by chance.",
        panels=tuple(panels),
        legend=(
            Key("within the band", BLUE, "line"),
            Key("leaves the band", VERMILION, "line"),
            Key(f"{ci} band", SKY, "area"),
        ),
        grid=True,
    )


def _band(simulations: int) -> tuple[Array, Array, Array]:
    """Points, and lower and upper end of the band, which depends on their number alone."""
    from arviz_stats.ecdf_utils import ecdf_pit

    uniform = (np.arange(simulations) + 0.5) / simulations
    points, _, low, high = ecdf_pit(uniform, _BAND_PROBABILITY, _BAND_SIMULATIONS)
    return points, low, high


def _rank_figure(
    name: str, rows: pd.DataFrame, limits: tuple[Array, Array, Array]
) -> tuple[go.Figure, int, int]:
    """One line a coordinate; also how many leave the band, and how many there are."""
    points, low, high = limits
    figure = blank(190)
    figure.add_trace(band(points, low - points, high - points))
    outside, lines = 0, 0
    extremes = [low - points, high - points]
    for coordinate, part in rows.groupby("coordinate", sort=False):
        values = np.sort(part["rank"].to_numpy(float))
        share = np.searchsorted(values, points, side="right") / len(values)
        share[0], share[-1] = 0.0, 1.0
        astray = bool(((share < low) | (share > high)).any())
        outside, lines = outside + astray, lines + 1
        extremes.append(share - points)
        figure.add_scatter(
            x=points,
            y=share - points,
            mode="lines",
            line={"color": VERMILION if astray else BLUE, "width": 2 if astray else 1.2},
            hovertemplate=literal(str(coordinate) or name) + "<extra></extra>",
        )
    limit = 1.1 * float(np.abs(np.concatenate(extremes)).max())
    figure.update_layout(
        xaxis={
            "range": [0, 1],
            "tickvals": [0, 0.5, 1],
            "title": {"text": "Rank of the truth", "font": {"color": MUTED, "size": 12}},
        },
        yaxis={"range": [-limit, limit], "nticks": 4, "zeroline": True},
    )
    return figure, outside, lines
