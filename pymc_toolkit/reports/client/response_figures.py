"""Figures of what more or less spend would bring, and for how long it works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.channel_figures import curve_lines
from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.rows import Marks, marked_rows
from pymc_toolkit.reports.client.sentences import Name, join, plain
from pymc_toolkit.reports.formats import literal
from pymc_toolkit.reports.look import INK, VERMILION, Drawing, Key, Panel, tint, value_axis

# Scales that differ more than this would flatten the smaller curves.
_COMPARABLE = 12


def curves(book: Book) -> Drawing | None:
    """Draw the response of each channel, with its present and its recommended spend.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None where the engine gives no curves.
    """
    report, texts = book.report, book.texts.figures
    if report.curves.empty:
        return None
    order = report.channels["contribution"].sort_values(ascending=False).index
    tables = {str(name): report.curves[report.curves["channel"] == name] for name in order}
    tables = {name: table.sort_values("spend") for name, table in tables.items() if len(table)}
    tops = [float(table[["mean", "ci_high"]].max().max()) for table in tables.values()]
    shared = 0 < max(tops) <= _COMPARABLE * min(tops)
    panels = []
    for name, table in tables.items():
        ends = report.curves if shared else table
        figure = _curve(book, name, table)
        # Small panels have room for numbers only; units are in titles and the note.
        vertical = value_axis(ends[["ci_low", "ci_high", "mean"]], "", 4, write=book.writer.tick)
        figure.update_layout(yaxis=vertical)
        panels.append(Panel(name, figure))
    scale = texts.curves_shared if shared else texts.curves_own
    legend = [
        Key(texts.curves_seen, report.brand.accent, "line"),
        Key(texts.curves_beyond, report.brand.accent, "dash"),
        Key(plain(book.say(texts.interval)), tint(report.brand.accent), "area"),
        Key(texts.curves_present, INK, "ring"),
    ]
    if report.levels["recommended"].notna().any():
        legend.append(Key(texts.curves_recommended, VERMILION, "diamond"))
    names = join([Name(name) for name in tables], book.texts.list_comma)
    return Drawing(
        key="curves",
        title=plain(book.say(texts.curves_title)),
        alt=plain(book.say(texts.curves_alt, channels=names)),
        note=f"{plain(book.say(texts.curves_note))} {scale}",
        panels=tuple(panels),
        legend=tuple(legend),
        grid=True,
    )


def _curve(book: Book, name: str, table: pd.DataFrame) -> go.Figure:
    """One channel's response, with marks at its levels of spend."""
    report, texts = book.report, book.texts.figures
    money = bool(report.levels["money"].get(name, True))
    write = book.writer.money if money else book.writer.number
    hover = [
        f"{literal(_spanned(book, row.mean, row.ci_low, row.ci_high))}<br>{literal(write(x))}"
        for x, row in zip(table["spend"], table.drop(columns="spend").itertuples(), strict=True)
    ]
    figure = curve_lines(table, hover, report.brand.accent)
    title = texts.curves_axis_money if money else texts.curves_axis
    words = plain(book.say(title, currency=book.writer.symbol))
    horizontal = value_axis(table["spend"], words, 3, write=book.writer.tick)
    figure.update_layout(xaxis=horizontal)
    marks = (
        ("present", texts.curves_present, INK, "circle-open", 12),
        ("recommended", texts.curves_recommended, VERMILION, "diamond", 8),
    )
    for column, label, colour, symbol, size in marks:
        level = float(report.levels[column].get(name, np.nan))
        if not np.isfinite(level):
            continue
        x, columns = table["spend"], ("mean", "ci_low", "ci_high")
        ends = [float(np.interp(level, x, table[c])) for c in columns]
        figure.add_scatter(
            x=[level],
            y=[ends[0]],
            mode="markers",
            marker={
                "color": colour,
                "size": size,
                "symbol": symbol,
                "line": {"width": 2, "color": colour},
            },
            customdata=[literal(f"{label}: {write(level)}, {_spanned(book, *ends)}")],
            hovertemplate="%{customdata}<extra></extra>",
        )
    return figure


def carry_over(book: Book) -> Drawing | None:
    """Draw how long it takes until half of each channel's effect has come.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None where nothing is known of it.
    """
    report, texts = book.report, book.texts.figures
    table = report.carry_over.dropna(subset=["half_life"])
    if table.empty:
        return None
    table = table.sort_values("half_life", ascending=False)
    names = [str(name) for name in table.index]
    figures = [book.half_life(name) for name in names]
    values = table[["half_life", "ci_low", "ci_high"]].set_axis(["mean", "low", "high"], axis=1)
    label = plain(book.say(texts.carry_axis))
    marks = Marks(label, report.brand.accent, "dot", values, list(map(str, figures)))
    figure = marked_rows(names, marks.written, [marks], label, book.writer.tick)
    pairs = zip(names, figures, strict=True)
    rows = join([(Name(name), " ", figure) for name, figure in pairs], "; ")
    return Drawing(
        key="carry-over",
        title=plain(book.say(texts.carry_title, slowest=Name(names[0]), half_life=figures[0])),
        alt=plain(book.say(texts.carry_alt, rows=rows)),
        note=plain(book.say(texts.carry_note)),
        panels=(Panel("", figure),),
    )


def _spanned(book: Book, mean: float, low: float, high: float) -> str:
    return f"{book.amount(mean)} ({book.writer.span(book.amount(low), book.amount(high))})"
