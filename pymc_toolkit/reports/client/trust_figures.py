"""Figures that say whether to believe the rest: fit, experiments, refreshes, priors, time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pymc_toolkit.names import has_own_meaning
from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.money_figures import part_name
from pymc_toolkit.reports.client.rows import Marks, marked_rows
from pymc_toolkit.reports.client.sentences import Figure, Name, join, plain
from pymc_toolkit.reports.figures import prior_figure
from pymc_toolkit.reports.fit_figures import expected_and_actual
from pymc_toolkit.reports.look import (
    HELD_OUT,
    INK,
    MUTED,
    PRIOR,
    Drawing,
    Key,
    Mark,
    Panel,
    tint,
    value_axis,
)
from pymc_toolkit.reports.time_figures import layers_of, stacked_areas
from pymc_toolkit.reports.uplift_figures import names_of_tests, with_measured_interval

# Rows of a panel beyond which it stands beside others like it, and beyond which nobody reads it.
_TALL, _MOST = 4, 60


def over_time(book: Book) -> Drawing:
    """Draw what the target was made of, period by period.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing
    """
    report, texts = book.report, book.texts.figures
    table = report.components
    channels = list(report.channels.index)
    layers = [
        (name if name in channels else part_name(book, name), *rest)
        for name, *rest in layers_of(table, channels, texts.controls, texts.others)
    ]
    figure = stacked_areas(layers, table.sum(axis=1), texts.whole, book.amount)
    ends = np.append(table.clip(lower=0).sum(axis=1), table.clip(upper=0).sum(axis=1))
    axis = value_axis(ends, plain(book.say(texts.per_period)), write=book.amount_tick)
    figure.update_layout(xaxis={"hoverformat": "%d %b %Y", "showgrid": False}, yaxis=axis)
    names = join([Name(name) for name, *_ in layers], book.texts.list_comma)
    return Drawing(
        key="over-time",
        title=plain(book.say(texts.time_title)),
        alt=plain(book.say(texts.time_alt, names=names)),
        note=plain(book.say(texts.time_note)),
        panels=(Panel("", figure),),
        legend=(
            *(
                Key(name, colour, "hatch" if pattern else "area")
                for name, _, colour, pattern in layers
            ),
            Key(texts.whole, INK, "line"),
        ),
    )


def fit(book: Book) -> Drawing:
    """Draw what happened beside what was expected, the held-out periods shaded.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing
    """
    report, texts = book.report, book.texts.figures
    table = report.fit.sort_values("date")
    held = table[table["holdout"].astype(bool)]
    interval = plain(book.say(texts.interval))
    figure = expected_and_actual(
        table,
        340,
        (texts.happened, texts.expected, interval),
        book.amount,
        lambda *ends: f"{book.amount(ends[0])} ({book.writer.span(*map(book.amount, ends[1:]))})",
        report.brand.accent,
    )
    ends = table[["actual", "mean", "ci_low", "ci_high"]]
    title = plain(book.say(texts.per_period))
    figure.update_layout(yaxis=value_axis(ends, title, zero=False, write=book.amount_tick))
    held_out = book.count_periods(len(held))
    inside = int(held["actual"].between(held["ci_low"], held["ci_high"]).sum())
    heading = (
        book.say(texts.fit_title_none)
        if held.empty
        else book.say(texts.fit_title, inside=book.count(inside, "inside"), held=held_out)
    )
    return Drawing(
        key="fit",
        title=plain(heading),
        alt=plain(book.say(texts.fit_alt, held=held_out)),
        note=plain(book.say(texts.fit_note)),
        panels=(Panel("", figure),),
        legend=(
            Key(texts.happened, INK, "dot"),
            Key(texts.expected, report.brand.accent, "line"),
            Key(interval, tint(report.brand.accent), "area"),
            *([] if held.empty else [Key(texts.held_out, HELD_OUT, "area")]),
        ),
    )


def experiments(book: Book) -> Drawing | None:
    """Draw each experiment's result beside what the model says, without and with it.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None for a model without experiments.
    """
    report, texts = book.report, book.texts.figures
    if report.experiments is None or report.experiments.empty:
        return None
    table = with_measured_interval(report.experiments, report.ci_prob)
    names = names_of_tests(table)
    styles: tuple[tuple[str, str, str, Mark, float], ...] = (
        ("measured", texts.experiments_measured, INK, "diamond", 0.0),
        ("before", texts.experiments_without, MUTED, "ring", -0.17),
        ("after", texts.experiments_with, report.brand.accent, "dot", -0.34),
    )
    marks = []
    for kind, label, colour, mark, shift in styles:
        columns = [kind, f"{kind}_low", f"{kind}_high"]
        if table[kind].isna().all():
            continue
        values = table[columns].set_axis(["mean", "low", "high"], axis=1)
        written = [str(figure) for figure in of_tests(book, table, kind)]
        marks.append(Marks(label, colour, mark, values, written, shift))
    axis = plain(book.say(texts.experiments_axis))
    figure = marked_rows(names, marks[0].written, marks, axis, book.amount_tick)
    rows = join([(Name(n), " ", w) for n, w in zip(names, marks[0].written, strict=True)], "; ")
    return Drawing(
        key="experiments",
        title=plain(book.say(texts.experiments_title)),
        alt=plain(book.say(texts.experiments_alt, rows=rows)),
        note=plain(book.say(texts.experiments_note)),
        panels=(Panel("", figure),),
        legend=tuple(group.key for group in marks),
    )


def of_tests(book: Book, table: pd.DataFrame, kind: str) -> list[Figure]:
    """Write what was measured, or what the model says of it, test by test."""
    columns = (kind, f"{kind}_low", f"{kind}_high")
    return [
        book.of_row(f"experiment-{kind}:{i}", row, columns, ratio=False)
        for i, (_, row) in enumerate(table.iterrows())
    ]


def refresh(book: Book) -> Drawing | None:
    """Draw returns before and after the last refresh.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None for a model that was never refreshed.
    """
    report, texts = book.report, book.texts.figures
    table = refreshed(book)
    if table.empty:
        return None
    names = [str(name) for name in table.index]
    before = [returned_before(book, name) for name in names]
    now = [book.roi(name) for name in names]
    marks = [
        Marks(
            texts.refresh_before,
            PRIOR,
            "line",
            _sides(table, "roi_before", "ci_low_before", "ci_high_before"),
            list(map(str, before)),
        ),
        Marks(
            texts.refresh_after,
            report.brand.accent,
            "dot",
            _sides(table, "roi", "roi_low", "roi_high"),
            list(map(str, now)),
            -0.2,
        ),
    ]
    written = [f"{b} \N{RIGHTWARDS ARROW} {a}" for b, a in zip(before, now, strict=True)]
    axis = plain(book.say(texts.roi_axis))
    figure = marked_rows(names, marks[1].written, marks, axis, book.writer.tick)
    moved = book.count(int(table["outside"].sum()), "moved-by-refresh")
    channels = book.count(len(table), "refreshed")
    rows = join([(Name(n), " ", w) for n, w in zip(names, written, strict=True)], "; ")
    return Drawing(
        key="refresh",
        title=plain(book.say(texts.refresh_title, moved=moved, channels=channels)),
        alt=plain(book.say(texts.refresh_alt, rows=rows)),
        note=plain(book.say(texts.refresh_note)),
        panels=(Panel("", figure),),
        legend=tuple(group.key for group in marks),
    )


def refreshed(book: Book) -> pd.DataFrame:
    """Returns before the last refresh beside those now, and whether these lie outside.

    Parameters
    ----------
    book : Book

    Returns
    -------
    pandas.DataFrame
        Index channel; ``roi_before, ci_low_before, ci_high_before, roi, roi_low, roi_high,
        outside`` (bool); the largest change first, empty without a refresh.
    """
    report = book.report
    if report.refresh is None:
        return pd.DataFrame()
    now = report.channels[["roi", "roi_low", "roi_high"]]
    old = report.refresh.roi[["roi_before", "ci_low_before", "ci_high_before"]]
    table = now.join(old, how="inner").dropna()
    inside = table["roi"].between(table["ci_low_before"], table["ci_high_before"])
    size = (table["roi"] - table["roi_before"]).abs().sort_values(ascending=False, kind="stable")
    return table.assign(outside=~inside).loc[size.index]


def returned_before(book: Book, channel: str) -> Figure:
    """What a channel returned before the last refresh."""
    row = refreshed(book).loc[channel]
    columns = ("roi_before", "ci_low_before", "ci_high_before")
    return book.of_row(f"roi-before:{channel}", row, columns, ratio=True)


def priors(book: Book) -> Drawing | None:
    """Draw what was assumed of each parameter beside what was learned.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None where the engine has no priors, or too many parameters of each kind to be read.
    """
    report, texts = book.report, book.texts.figures
    table = report.priors[[has_own_meaning(str(name)) for name in report.priors["variable"]]]
    groups = [(str(name), rows) for name, rows in table.groupby("variable", sort=False)]
    groups = sorted((g for g in groups if len(g[1]) <= _MOST), key=lambda item: len(item[1]))
    if not groups:
        return None
    drawn = pd.concat([rows for _, rows in groups])
    before = drawn["prior_high"] - drawn["prior_low"]
    narrowed = int((drawn["posterior_high"] - drawn["posterior_low"] < before / 2).sum())
    ratio, span = book.writer.ratio, book.writer.span
    labels = (texts.priors_before, texts.priors_after)
    panels = tuple(
        Panel(
            name,
            prior_figure(
                rows,
                lambda middle, low, high: f"{ratio(middle)} ({span(ratio(low), ratio(high))})",
                book.writer.tick,
                labels,
                report.brand.accent,
            ),
            tall=len(rows) > _TALL,
        )
        for name, rows in groups
    )
    whole = book.counted(len(drawn), book.texts.parameters, "count:parameters")
    return Drawing(
        key="priors",
        title=plain(
            book.say(texts.priors_title, narrowed=book.count(narrowed, "narrowed"), all=whole)
        ),
        alt=plain(book.say(texts.priors_alt, all=whole)),
        note=plain(book.say(texts.priors_note)),
        panels=panels,
        legend=(
            Key(texts.priors_before, PRIOR, "line"),
            Key(texts.priors_after, report.brand.accent, "line"),
        ),
        grid=True,
    )


def _sides(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return table[list(columns)].set_axis(["mean", "low", "high"], axis=1)
