"""Figures by channel: what each earned, what it returned, what more of it would earn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.formats import (
    each,
    human,
    human_span,
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
    GREEN,
    INK,
    MUTED,
    VERMILION,
    Drawing,
    Key,
    Panel,
    arms,
    band,
    blank,
    label_rows,
    rows_height,
    tint,
    value_axis,
)


def total_contributions(report: ModelReport) -> Drawing:
    """Draw what each channel contributed over the whole window, largest first.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing
    """
    table = report.totals.sort_values("contribution", ascending=False)
    names = [str(name) for name in table.index]
    height = np.arange(len(table))[::-1]
    written = each(human_span, table, "contribution", "ci_low", "ci_high")
    figure = blank(rows_height(len(table)), bargap=0.72)
    figure.add_bar(
        x=table["contribution"],
        y=height,
        orientation="h",
        marker_color=BLUE,
        width=0.28,
        error_x=arms(table, "ci_low", "contribution", "ci_high"),
        customdata=[
            [literal(name), text, percent(share)]
            for name, text, share in zip(names, written, table["share"], strict=True)
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>"
        "%{customdata[2]} of the fitted target<extra></extra>",
    )
    label_rows(figure, names, written)
    ends = table[["contribution", "ci_low", "ci_high"]]
    figure.update_layout(xaxis=value_axis(ends, f"Contribution to {report.target_name}"))
    return Drawing(
        key="totals",
        title=_earned_title(names[0], table.iloc[0]),
        alt=f"Bars of the total contribution to {report.target_name} with "
        f"{probability(report.ci_prob)} intervals, largest first: "
        + "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
        + ".",
        note=f"Bars are means, whiskers {probability(report.ci_prob)} intervals. Channels whose "
        "whiskers overlap cannot be ranked with certainty.",
        panels=(Panel("", figure),),
    )


def return_on_spend(report: ModelReport) -> Drawing | None:
    """Draw the return of each paid channel per unit of money spent, best first.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None where no channel was bought with money.
    """
    paid = report.roi[report.roi["paid"].astype(bool) & report.roi["roi"].notna()]
    if paid.empty:
        return None
    table = paid.sort_values("roi", ascending=False)
    names = [str(name) for name in table.index]
    written = each(ratio_span, table, "roi", "ci_low", "ci_high")
    height = pd.Series(np.arange(len(table))[::-1], index=table.index)
    figure = blank(rows_height(len(table)))
    earns, loses = table["ci_low"] > 1, table["ci_high"] < 1
    # What a return of 1 means is only known where spend and target are in one unit.
    legend: tuple[Key, ...] = ()
    groups: tuple[tuple[Key, pd.Series, str], ...] = (
        (Key("return", GREEN, "dot"), table["roi"].notna(), "circle"),
    )
    if report.target_is_money:
        figure.add_vline(x=1, line={"color": INK, "width": 1.5, "dash": "dash"})
        groups = _against_break_even(earns, loses)
        legend = (*(key for key, *_ in groups), Key("1: break-even", INK, "dash"))
    for key, chosen, symbol in groups:
        rows, colour = table[chosen], key.colour
        if rows.empty:
            continue
        ring = {"width": 2, "color": colour}
        figure.add_scatter(
            x=rows["roi"],
            y=height[chosen],
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": symbol, "line": ring},
            error_x=arms(rows, "ci_low", "roi", "ci_high", colour=colour, thickness=2),
            customdata=[
                [literal(str(name)), text]
                for name, text in zip(
                    rows.index, each(ratio_span, rows, "roi", "ci_low", "ci_high"), strict=True
                )
            ],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    label_rows(figure, names, written)
    ends = table[["roi", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel()
    if report.target_is_money:
        ends = np.append(ends, 1.0)
    title = f"{report.target_name} per unit of money spent"
    figure.update_layout(xaxis=value_axis(ends, title))
    best = table.iloc[0]
    return Drawing(
        key="roi",
        title=f"{names[0]} returned the most: {ratio(best['roi'])} for every 1 spent "
        f"({span(ratio(best['ci_low']), ratio(best['ci_high']))})",
        alt=f"Return on spend with {probability(report.ci_prob)} intervals, best first: "
        + "; ".join(f"{name} {text}" for name, text in zip(names, written, strict=True))
        + ".",
        note=f"{int(earns.sum())} of {count(len(table), 'paid channel')} clearly returned more "
        f"than 1 per unit spent and {int(loses.sum())} clearly less: their "
        f"{probability(report.ci_prob)} intervals lie on one side of the dashed break-even line."
        if report.target_is_money
        else f"Dots are means, whiskers {probability(report.ci_prob)} intervals. Channels whose "
        "whiskers overlap cannot be ranked with certainty.",
        panels=(Panel("", figure),),
        legend=legend,
    )


def _against_break_even(
    earns: pd.Series, loses: pd.Series
) -> tuple[tuple[Key, pd.Series, str], ...]:
    """Group channels by whether their intervals lie above one, around it, or below it."""
    return (
        (Key("brought more than was spent", GREEN, "dot"), earns, "circle"),
        (Key("too close to call", MUTED, "ring"), ~earns & ~loses, "circle-open"),
        (Key("brought less than was spent", VERMILION, "diamond"), loses, "diamond"),
    )


def response_curves(report: ModelReport | Dashboard) -> Drawing:
    """Draw what each channel would earn at other levels of spend, one panel a channel.

    Parameters
    ----------
    report : ModelReport or Dashboard

    Returns
    -------
    Drawing
        Panels in the order of total contribution, on one vertical scale unless channels differ
        too much for that.
    """
    order = report.totals.sort_values("contribution", ascending=False).index
    tables = {name: report.curves[report.curves["channel"] == name] for name in order}
    tables = {name: table.sort_values("spend") for name, table in tables.items() if len(table)}
    tops = [table[["mean", "ci_high"]].max().max() for table in tables.values()]
    shared = bool(tops) and 0 < max(tops) <= 12 * min(tops)
    unit = period(report.provenance.frequency)
    panels = []
    for name, table in tables.items():
        ends = report.curves if shared else table
        vertical = value_axis(ends[["ci_low", "ci_high", "mean"]], "", n=4)
        panels.append(Panel(str(name), _curve_figure(report, str(name), table, vertical)))
    scale = (
        "All panels share one vertical scale."
        if shared
        else "Each panel has its own vertical scale: compare shapes, not heights."
    )
    return Drawing(
        key="curves",
        title=f"What each channel would bring to {report.target_name} at other levels of spend",
        alt=f"Response curves of {count(len(panels), 'channel')}: contribution to "
        f"{report.target_name} per {unit} against spend (or exposure) per {unit}, with "
        f"{probability(report.ci_prob)} bands; solid within what was observed, dashed beyond.",
        note=f"Contribution to {report.target_name} per {unit} (upwards) at each level of spend "
        f"or exposure per {unit} (rightwards), with the {probability(report.ci_prob)} interval. "
        "Beyond what was observed the curve is a guess. "
        f"{scale}",
        panels=tuple(panels),
        legend=(
            Key("within what was observed", BLUE, "line"),
            Key("beyond", BLUE, "dash"),
            Key(f"{probability(report.ci_prob)} interval", BAND, "area"),
            Key("usual level when active", INK, "dot"),
        ),
        grid=True,
    )


def _earned_title(name: str, row: pd.Series) -> str:
    written = human_span(row["contribution"], row["ci_low"], row["ci_high"])
    if row["contribution"] <= 0:
        return f"No channel added to the target; {name} came closest: {written}"
    return f"{name} earned the most: {written}"


def _curve_figure(
    report: ModelReport | Dashboard, name: str, table: pd.DataFrame, vertical: dict[str, object]
) -> go.Figure:
    """One channel's response: solid where observed, dashed beyond, a dot at the mean."""
    unit = period(report.provenance.frequency)
    money = bool(report.roi["money"].get(name, True))
    hover = [
        f"{brought}<br>at {spend}"
        for brought, spend in zip(
            each(human_span, table, "mean", "ci_low", "ci_high"),
            each(human, table, "spend"),
            strict=True,
        )
    ]
    figure = curve_lines(table, hover)
    usual = float(report.observed["mean"].get(name, np.nan))
    if np.isfinite(usual):
        height = float(np.interp(usual, table["spend"], table["mean"]))
        figure.add_scatter(
            x=[usual],
            y=[height],
            mode="markers",
            marker={"color": INK, "size": 9},
            customdata=[[human(usual), human(height)]],
            hovertemplate="usual level: %{customdata[0]}<br>earns %{customdata[1]}<extra></extra>",
        )
    what = "Spend" if money else "Exposure"
    figure.update_layout(
        xaxis=value_axis(table["spend"], f"{what} per {unit}", n=4), yaxis=vertical
    )
    return figure


def curve_lines(table: pd.DataFrame, hover: Sequence[str], colour: str = BLUE) -> go.Figure:
    """Draw a response curve: solid within what was observed, dashed beyond.

    Parameters
    ----------
    table : pandas.DataFrame
        ``spend, mean, ci_low, ci_high, observed`` of one channel, by spend.
    hover : sequence of str
        What is said of each point; plotly reads its markup.
    colour : str

    Returns
    -------
    plotly.graph_objects.Figure
        Without axes.
    """
    figure = blank(190)
    shade = tint(colour)
    figure.add_trace(band(table["spend"], table["ci_low"], table["ci_high"], fillcolor=shade))
    seen = table["observed"].astype(bool)
    edge = table.loc[seen, "spend"].max() if seen.any() else -np.inf
    texts = pd.Series(list(hover), index=table.index)
    for chosen, dash in ((seen, "solid"), (table["spend"] >= edge, "4px,3px")):
        figure.add_scatter(
            x=table.loc[chosen, "spend"],
            y=table.loc[chosen, "mean"],
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash},
            customdata=list(texts[chosen]),
            hovertemplate="%{customdata}<extra></extra>",
        )
    return figure
