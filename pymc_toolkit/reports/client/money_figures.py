"""Figures of where the target came from, what channels returned, and what to spend next."""

from __future__ import annotations

import pandas as pd

from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.rows import Marks, marked_rows
from pymc_toolkit.reports.client.sentences import Figure, Name, join, plain
from pymc_toolkit.reports.dashboard_figures import waterfall_axis, waterfall_figure
from pymc_toolkit.reports.dashboard_tables import CONTROLS, MEDIA, STANDING, TOTAL
from pymc_toolkit.reports.look import (
    GREYS,
    INK,
    MUTED,
    VERMILION,
    Drawing,
    Key,
    Mark,
    Panel,
    room_for_names,
)

# A name cut shorter than this is often that of its neighbours too.
_READABLE_NAME = 24


def waterfall(book: Book) -> Drawing:
    """Draw how all parts add up to the fitted target.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing
    """
    report, texts = book.report, book.texts.figures
    accent, table = report.brand.accent, report.waterfall
    channel = table["kind"] == MEDIA
    names = [
        str(name) if is_channel else part_name(book, str(name))
        for name, is_channel in zip(table["part"], channel, strict=True)
    ]
    figures = [
        book.part(row, is_channel)
        for (_, row), is_channel in zip(table.iterrows(), channel, strict=True)
    ]
    written = list(map(str, figures))
    if room_for_names(written) < _READABLE_NAME:
        # Whiskers show the intervals, and names could not be told apart beside them.
        written = [figure.middle for figure in figures]
    drawn = waterfall_figure(table, names, written, accent)
    title = plain(book.say(texts.waterfall_axis))
    drawn.update_layout(xaxis=waterfall_axis(table, title, book.amount_tick))
    kinds = (
        (Key(texts.waterfall_standing, GREYS[1], "area"), STANDING),
        (Key(texts.waterfall_controls, GREYS[0], "area"), CONTROLS),
        (Key(texts.waterfall_channel, accent, "area"), MEDIA),
        (Key(texts.waterfall_total, INK, "area"), TOTAL),
    )
    legend = [key for key, kind in kinds if (table["kind"] == kind).any()]
    if (table["contribution"] < 0).any():
        legend.append(Key(plain(book.say(texts.waterfall_lowers)), VERMILION, "area"))
    return Drawing(
        key="waterfall",
        title=plain(
            book.say(texts.waterfall_title, whole=figures[-1], media=book.media_contribution())
        ),
        alt=plain(book.say(texts.waterfall_alt, rows=_rows(names, figures))),
        note=plain(book.say(texts.waterfall_note)),
        panels=(Panel("", drawn),),
        legend=tuple(legend),
    )


def part_name(book: Book, name: str) -> str:
    """What a part of the model that is no channel is called."""
    texts = book.texts.figures
    number, _, rest = name.partition(" ")
    if number.isdigit() and rest == "controls":
        return texts.controls.format(n=number)
    return texts.parts.get(name, name)


def returns(book: Book) -> Drawing | None:
    """Draw what each channel returned, on all of its money and on the next of it.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None where no channel was bought.
    """
    report, texts = book.report, book.texts.figures
    table = bought(report.channels).sort_values("roi", ascending=False)
    if table.empty:
        return None
    names = [str(name) for name in table.index]
    figures = [book.roi(name) for name in names]
    marks = [
        Marks(
            texts.roi_average,
            report.brand.accent,
            "dot",
            _estimates(table, "roi"),
            list(map(str, figures)),
        ),
        Marks(
            plain(book.say(texts.roi_marginal)),
            MUTED,
            "diamond",
            _estimates(table, "marginal"),
            [str(book.marginal(name)) for name in names],
            -0.24,
        ),
    ]
    money = report.target_is_money
    axis = plain(book.say(texts.roi_axis))
    figure = marked_rows(
        names, list(map(str, figures)), marks, axis, book.writer.tick, 1.0 if money else None
    )
    legend = [group.key for group in marks]
    if money:
        legend.append(Key(texts.roi_one, INK, "dash"))
    return Drawing(
        key="roi",
        title=plain(book.say(texts.roi_title, best=Name(names[0]), roi=figures[0])),
        alt=plain(book.say(texts.roi_alt, rows=_rows(names, figures))),
        note=plain(book.say(texts.roi_note_money if money else texts.roi_note)),
        panels=(Panel("", figure),),
        legend=tuple(legend),
    )


def shares(book: Book) -> Drawing | None:
    """Draw each channel's share of the money beside its share of the effect.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None where less than two channels were bought.
    """
    report, texts = book.report, book.texts.figures
    table = bought(report.channels).sort_values("spend_share", ascending=False)
    if len(table) < 2:
        return None
    names = [str(name) for name in table.index]
    effects = [book.effect(name) for name in names]
    spent = [book.spend_share(name) for name in names]
    marks = [
        Marks(
            texts.shares_spend,
            MUTED,
            "ring",
            table[["spend_share"]].set_axis(["mean"], axis=1),
            list(map(str, spent)),
        ),
        Marks(
            texts.shares_effect,
            report.brand.accent,
            "dot",
            _estimates(table, "effect"),
            list(map(str, effects)),
        ),
    ]
    axis = plain(book.say(texts.shares_axis))
    figure = marked_rows(names, marks[1].written, marks, axis, book.writer.share_tick)
    gap = table["effect_low"] - table["spend_share"]
    best = str(gap.idxmax())
    clear = gap.max() > 0
    title = (
        book.say(texts.shares_title, over=Name(best), effect=book.effect(best))
        if clear
        else book.say(texts.shares_title_one)
    )
    return Drawing(
        key="shares",
        title=plain(title),
        alt=plain(book.say(texts.shares_alt, rows=_rows(names, effects))),
        note=plain(book.say(texts.shares_note)),
        panels=(Panel("", figure),),
        legend=tuple(group.key for group in marks),
    )


def budget(book: Book) -> Drawing | None:
    """Draw planned and recommended money by channel.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Drawing or None
        None without a recommendation.
    """
    report, texts = book.report, book.texts.figures
    advice = report.recommendation
    if advice is None:
        return None
    table = advice.table.sort_values("recommended", ascending=False)
    names = [str(name) for name in table.index]
    sides = {
        which: [book.planned(name, which, advice) for name in names]
        for which in ("current", "recommended")
    }
    written = [
        plain(book.say(texts.budget_row, current=current, recommended=recommended))
        for current, recommended in zip(*sides.values(), strict=True)
    ]
    styles: tuple[tuple[str, str, str, Mark], ...] = (
        ("current", plain(book.say(texts.budget_current)), MUTED, "ring"),
        ("recommended", texts.budget_recommended, report.brand.accent, "dot"),
    )
    marks = [
        Marks(
            label,
            colour,
            mark,
            table[[which]].set_axis(["mean"], axis=1),
            list(map(str, sides[which])),
        )
        for which, label, colour, mark in styles
    ]
    horizon = book.horizon(advice)
    axis = plain(book.say(texts.budget_axis, horizon=horizon))
    limits = table[["lower", "upper"]]
    figure = marked_rows(names, written, marks, axis, book.writer.money_tick, ranges=limits)
    title = (
        book.say(texts.budget_title_stay)
        if advice.moves.empty
        else book.say(texts.budget_title_move, moved=book.moved(advice), total=book.total(advice))
    )
    rows = join([(Name(n), " ", w) for n, w in zip(names, written, strict=True)], "; ")
    notes = (book.say(texts.budget_note, horizon=horizon), book.about_the_plan(advice))
    return Drawing(
        key="budget",
        title=plain(title),
        alt=plain(book.say(texts.budget_alt, rows=rows)),
        note=plain(join(list(filter(None, notes)), " ")),
        panels=(Panel("", figure),),
        legend=(Key(texts.budget_limits, GREYS[0], "area"), *(group.key for group in marks)),
    )


def bought(channels: pd.DataFrame) -> pd.DataFrame:
    """Channels that were bought and spent on."""
    return channels[channels["roi"].notna() & (channels["spend"] > 0)]


def _estimates(table: pd.DataFrame, column: str) -> pd.DataFrame:
    columns = [column, f"{column}_low", f"{column}_high"]
    return table[columns].set_axis(["mean", "low", "high"], axis=1)


def _rows(names: list[str], figures: list[Figure]) -> str:
    pairs = zip(names, figures, strict=True)
    return plain(join([(Name(name), " ", figure) for name, figure in pairs], "; "))
