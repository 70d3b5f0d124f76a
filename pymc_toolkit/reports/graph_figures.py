"""How channels drive each other: the graph, and what it makes of their returns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.fleet_rows import add_dots
from pymc_toolkit.reports.formats import each, percent, period, probability, ratio, ratio_span, span
from pymc_toolkit.reports.graph_drawing import network
from pymc_toolkit.reports.graph_tables import drawn_links, from_to, in_words, more_of, when
from pymc_toolkit.reports.look import (
    BLUE,
    INK,
    MUTED,
    OTHERS,
    POSTERIOR,
    PRIOR,
    VERMILION,
    Drawing,
    Key,
    Panel,
    arms,
    blank,
    label_rows,
    rows_height,
    value_axis,
)

NOW, LATER, UNTOLD = BLUE, VERMILION, MUTED
_DASHED = (
    " Of a dashed link the data do not tell the direction: what is known of how budgets are set "
    "can, or an experiment."
)
# Channels beyond which only those are drawn whose return changes by this share.
_MANY, _NOTICEABLE = 8, 0.05
_SIDES = (
    ("direct", PRIOR, 0.0, "line-ns-open", 4.0),
    ("total", POSTERIOR, -0.22, "circle", 3.0),
)


def graph_of_channels(report: ModelReport) -> Drawing | None:
    """Draw which channel drives which, from upstream on the left to downstream.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None without a channel graph, and where no channel is found to drive another.
    """
    if report.graph is None:
        return None
    links = drawn_links(report.graph.edges)
    if links.empty:
        return None
    unit = period(report.provenance.frequency)
    linked = {*links["cause"], *links["effect"]}
    names = [name for name in report.graph.order if name in linked]
    brought = report.graph.returns["contribution"]
    figure = network(_written(links, unit), names, dict(brought), report.target_name)
    untold = not links["told"].all()
    alone = [name for name in report.graph.order if name not in linked]
    return Drawing(
        key="graph",
        title=_graph_title(report, report.graph.moved, links),
        alt="Channels as discs and links between them as lines, from upstream to downstream: "
        + "; ".join(in_words(row, unit) for _, row in links.iterrows())
        + "."
        + _alone(alone),
        note="Arrows lead from the channel that drives to the one that follows; the thicker, the "
        "more probable, as the percentage says. The area of a disc is what the channel brought to "
        f"{report.target_name}, by itself and through others. Directions come from the series of "
        "spend, not from sales: a link says that one budget moves with the other, and an arrow "
        "which of them moves first or by itself." + (_DASHED if untold else "") + _alone(alone),
        panels=(Panel("", figure),),
        legend=_graph_legend(links, unit),
    )


def returns_through_others(report: ModelReport) -> Drawing | None:
    """Draw each paid channel's return beside that with what it caused through others.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None without a channel graph or links in it, and where no channel was bought with money.
    """
    if report.graph is None or drawn_links(report.graph.edges).empty:
        return None
    every = _paid(report.graph.returns)
    if every.empty:
        return None
    table = every[every["noticeable"]] if len(every) > _MANY else every
    table = every.head(_MANY) if table.empty else table
    names = [str(name) for name in table.index]
    height = np.arange(len(table))[::-1]
    figure = blank(rows_height(len(table)))
    for kind, colour, shift, symbol, thick in _SIDES:
        low, high = f"{kind}_low", f"{kind}_high"
        written = each(ratio_span, table, kind, low, high)
        hover = [f"{name}: {kind} {text}" for name, text in zip(names, written, strict=True)]
        add_dots(figure, table[kind], height + shift, hover, colour, symbol, size=9)
        bars = arms(table, low, kind, high, colour=colour, thickness=thick, cap=0)
        figure.data[-1].error_x = bars
    label_rows(figure, names, [from_to(*row) for row in table[["direct", "total"]].to_numpy()])
    ends = table.filter(regex="^(direct|total)").to_numpy(dtype=float).ravel()
    legend: tuple[Key, ...] = (
        Key("direct return", PRIOR, "line"),
        Key("with what it caused", POSTERIOR, "dot"),
    )
    if report.target_is_money:
        figure.add_vline(x=1, line={"color": INK, "width": 1.5, "dash": "dash"})
        ends, legend = np.append(ends, 1.0), (*legend, Key("1: break-even", INK, "dash"))
    axis = f"{report.target_name} per unit of money spent"
    figure.update_layout(xaxis=value_axis(ends, axis))
    ci, left_out = probability(report.ci_prob), len(every) - len(table)
    return Drawing(
        key="graph-returns",
        title=_returns_title(table, drawn_links(report.graph.edges)),
        alt=f"Return on spend with {ci} intervals, direct and with what each channel caused "
        "through others: " + "; ".join(_sides_in_words(row) for row in table.itertuples()) + ".",
        note=f"Marks are means, lines {ci} intervals. The direct return counts what a channel "
        "brought by itself; the other one takes from it what other channels made it spend, and "
        "adds what it made others spend. The sum over all channels stays the same, and graphs that "
        "cannot be told apart are averaged."
        + (
            f" {count(left_out, 'channel')} whose return hardly changes left out."
            if left_out
            else ""
        ),
        panels=(Panel("", figure),),
        legend=legend,
    )


def _written(links: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Links with how each is drawn and what is written on it."""
    rows = [row for _, row in links.iterrows()]
    return links.assign(
        strength=links["linked"],
        arrow=links["told"],
        colour=[_colour(row) for row in rows],
        words=[in_words(row, unit) for row in rows],
        label=[_label(row, unit) for row in rows],
    )


def _label(row: pd.Series, unit: str) -> str:
    """The probability of a link, and when where that is later."""
    text = percent(float(row["linked"]))
    return f"{text}, {when(int(row['lag']), unit)}" if row["later"] else text


def _colour(row: pd.Series) -> str:
    if not row["told"]:
        return UNTOLD
    return LATER if row["later"] else NOW


def _graph_legend(links: pd.DataFrame, unit: str) -> tuple[Key, ...]:
    now, told = ~links["later"], links["told"]
    keys = (
        (Key(f"drives, in the same {unit}", NOW, "arrow"), (now & told).any()),
        (Key(f"drives, a {unit} or more later", LATER, "arrow"), links["later"].any()),
        (Key("linked, direction not identifiable", UNTOLD, "dash"), (~told).any()),
        (Key("channel, by what it brought", OTHERS, "dot"), True),
    )
    return tuple(key for key, there in keys if there)


def _graph_title(report: ModelReport, moved: pd.DataFrame, links: pd.DataFrame) -> str:
    """The link along which most credit moves, of those that are sure if there are any."""
    sure = links["sure"].any()
    told = links[links["sure" if sure else "told"]]
    if told.empty:
        first = links.iloc[0]
        pair = f"{first['cause']} and {first['effect']} move"
        if len(links) > 1:
            pair = f"{count(len(links), 'pair')} of channels move"
        return f"{pair} together, but the data do not tell which drives which"
    amounts = moved.set_index(["cause", "effect"])["amount"].abs()
    pairs = pd.MultiIndex.from_frame(told[["cause", "effect"]])
    row = told.iloc[int(np.argmax(amounts.reindex(pairs).fillna(0.0)))]
    money = report.roi["money"].astype(bool)
    bought = bool(money.get(row["cause"], True)), bool(money.get(row["effect"], True))
    added = more_of(row["spend"], row["spend_low"], row["spend_high"])
    return (
        f"{row['cause']} {'drives' if sure else 'may drive'} {row['effect']}"
        f"{'' if sure else f' ({percent(row["probability"])} probable)'}: for every 100 "
        f"{'spent on' if bought[0] else 'of'} {row['cause']}, {added} "
        + (f"are spent on {row['effect']}" if bought[1] else f"of {row['effect']} follow")
        + (f" {when(int(row['lag']), period(report.provenance.frequency))}" if row["later"] else "")
    )


def _alone(names: list[str]) -> str:
    if not names:
        return ""
    return f" No link is found for {', '.join(names)}."


def _paid(returns: pd.DataFrame) -> pd.DataFrame:
    """Channels with a return, what gains the most first, and whether the change is noticeable."""
    paid = returns["paid"].astype(bool) & returns["direct"].notna() & returns["total"].notna()
    table = returns[paid].copy()
    change = table["total"] - table["direct"]
    largest = table[["direct", "total"]].abs().max(axis=1)
    table["noticeable"] = change.abs() > _NOTICEABLE * largest
    return table.loc[change.sort_values(ascending=False, kind="stable").index]


def _returns_title(table: pd.DataFrame, links: pd.DataFrame) -> str:
    """The channel that gains the most along a sure link, of those that change noticeably."""
    moving = table[table["noticeable"]]
    if moving.empty:
        return "What channels caused through others hardly changes what they return"
    sure = links[links["sure"]]
    moving = moving[moving.index.isin([*sure["cause"], *sure["effect"]])]
    if moving.empty:
        return "Returns change only along links that are not sure"
    gains = moving[(moving["total"] > moving["direct"]) & moving.index.isin(sure["cause"])]
    row = moving.iloc[-1] if gains.empty else gains.iloc[0]
    lead = "what it caused through others" if len(gains) else "what others caused of it"
    return (
        f"Counting {lead}, {row.name} returns {ratio(row['total'])} "
        f"({span(ratio(row['total_low']), ratio(row['total_high']))}) instead of "
        f"{ratio(row['direct'])} for each unit spent"
    )


def _sides_in_words(row: object) -> str:
    direct, total = (
        ratio_span(*(float(getattr(row, f"{kind}{end}")) for end in ("", "_low", "_high")))
        for kind in ("direct", "total")
    )
    return f"{row.Index} direct {direct}, with what it caused {total}"  # type: ignore[attr-defined]
