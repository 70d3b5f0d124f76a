"""Tables of a client's report, and the same numbers as files for a spreadsheet."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.contract import Recommendation
from pymc_toolkit.reports.client.sentences import Figure, Name, Sentence, plain
from pymc_toolkit.reports.client.trust_figures import of_tests, refreshed, returned_before
from pymc_toolkit.reports.uplift_figures import names_of_tests, with_measured_interval
from pymc_toolkit.verdicts import Check

# Spreadsheets take a text that begins so for a formula, which can fetch and send things.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True)
class Badge:
    """A word that stands for one of a few states, with a sign of its own beside its colour.

    Parameters
    ----------
    state : str
        Such as ``increase``.
    text : str
    """

    state: str
    text: str


Cell = str | Figure | Name | Badge | Sentence


@dataclass(frozen=True)
class Download:
    """A file that is part of the page.

    Parameters
    ----------
    label : str
        Of the link.
    name, uri : str
    """

    label: str
    name: str
    uri: str


@dataclass(frozen=True)
class ClientTable:
    """A table whose first column heads its rows.

    Parameters
    ----------
    caption : str
    columns : sequence of str
    rows : sequence of sequence of Cell
    texts : frozenset of int
        Columns, from 0, that hold words rather than numbers.
    downloads : sequence of Download
    """

    kind: ClassVar[str] = "client-table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: frozenset[int] = frozenset()
    downloads: Sequence[Download] = ()


def of_channels(book: Book, table: pd.DataFrame) -> pd.DataFrame:
    """A table of channels with the column of each, by which a machine can join it with others.

    Parameters
    ----------
    book : Book
    table : pandas.DataFrame
        Index channel.
    """
    columns = [book.report.columns.get(str(name), str(name)) for name in table.index]
    with_columns = table.copy()
    with_columns.insert(0, "column", columns)
    return with_columns


def as_csv(label: str, name: str, table: pd.DataFrame) -> Download:
    """Put a table into a file for spreadsheets, in which no text is taken for a formula.

    Parameters
    ----------
    label : str
        Of the link.
    name : str
        Of the file, without its ending.
    table : pandas.DataFrame
        Its index is written too.

    Returns
    -------
    Download
    """
    # A channel may have any name, that of the index among them.
    flat = table.reset_index(allow_duplicates=True)
    columns = [_safe(flat.iloc[:, i]) for i in range(flat.shape[1])]
    flat = pd.concat(columns, axis=1).set_axis([_inert(str(name)) for name in flat.columns], axis=1)
    # The mark at the start tells spreadsheets that the file is UTF-8.
    content = flat.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
    encoded = base64.b64encode(content).decode("ascii")
    return Download(label, f"{name}.csv", f"data:text/csv;charset=utf-8;base64,{encoded}")


def channels(book: Book) -> ClientTable:
    """Tabulate what is known of every channel.

    Parameters
    ----------
    book : Book
    """
    report, texts = book.report, book.texts
    names = [str(name) for name in by_spend(report.channels).index]
    rows: list[list[Cell]] = [
        [
            Name(name),
            spend_cell(book, name),
            book.spend_share(name),
            book.contribution(name),
            book.effect(name),
            book.roi(name),
            book.marginal(name),
        ]
        for name in names
    ]
    headings = (
        texts.column_channel,
        texts.column_spend,
        texts.column_spend_share,
        texts.column_contribution,
        texts.column_effect,
        texts.column_roi,
        texts.column_marginal,
    )
    return ClientTable(
        texts.table_channels,
        [plain(book.say(heading)) for heading in headings],
        rows,
        downloads=(as_csv(texts.download, "channels", of_channels(book, report.channels)),),
    )


def evidence(book: Book) -> ClientTable:
    """Tabulate what the return of each channel rests on.

    Parameters
    ----------
    book : Book
    """
    texts, table = book.texts, by_spend(book.report.channels)
    rows: list[list[Cell]] = [
        [Name(str(name)), tier_badge(book, str(row["tier"])), str(row["evidence"])]
        for name, row in table.iterrows()
    ]
    columns = (texts.column_channel, texts.column_tier, texts.column_rests)
    return ClientTable(texts.table_evidence, columns, rows, frozenset({1, 2}))


def checks(book: Book) -> ClientTable:
    """Tabulate every check, the worst first, with what to do about it.

    Parameters
    ----------
    book : Book
    """
    texts = book.texts
    rows: list[list[Cell]] = [
        [
            check.name[:1].upper() + check.name[1:],
            Badge(str(check.status), texts.statuses[check.status]),
            check.sentence,
            check.remedy or texts.unknown,
        ]
        for check in worst_first(book)
    ]
    columns = (
        texts.column_check,
        texts.column_outcome,
        texts.column_finding,
        texts.column_remedy,
    )
    found = book.report.verdict.to_frame().set_index("check")
    files = (as_csv(texts.download, "checks", found),)
    return ClientTable(texts.table_checks, columns, rows, frozenset({1, 2, 3}), files)


def errors(book: Book) -> ClientTable | None:
    """Tabulate the average error of the model and of naive predictions.

    Parameters
    ----------
    book : Book
    """
    texts, scores = book.texts, book.report.scores
    number = int(book.report.fit["holdout"].sum())
    if scores.empty or not number:
        return None
    held = book.count_periods(number)
    names = {"model": texts.model_name, **texts.baseline_names}
    rows: list[list[Cell]] = [
        [names.get(str(name), str(name)).capitalize(), book.error(str(name))]
        for name in scores.index
    ]
    columns = (texts.column_prediction, texts.column_error)
    caption = plain(book.say(texts.table_scores, held=held))
    return ClientTable(
        caption, columns, rows, downloads=(as_csv(texts.download, "errors", scores),)
    )


def budget(book: Book, advice: Recommendation) -> ClientTable:
    """Tabulate planned and recommended money, and why.

    Parameters
    ----------
    book : Book
    advice : Recommendation
    """
    texts, table = book.texts, advice.table
    rows: list[list[Cell]] = []
    for name in map(str, table.sort_values("recommended", ascending=False).index):
        low, high = (book.planned(name, side, advice) for side in ("lower", "upper"))
        rows.append(
            [
                Name(name),
                book.planned(name, "current", advice),
                book.planned(name, "recommended", advice),
                book.change(name, advice),
                (low, "\N{EN DASH}", high),
                advice_badge(book, name),
                _reason(book, name, table.loc[name]),
            ]
        )
    heading = texts.column_current_scaled if advice.scaled else texts.column_current
    current = book.say(heading, total=book.compared_total(advice))
    columns = (
        texts.column_channel,
        plain(current),
        texts.column_recommended,
        texts.column_change,
        texts.column_limits,
        texts.column_verb,
        texts.column_reason,
    )
    caption = plain(book.say(texts.table_budget, horizon=book.horizon(advice)))
    both = table.join(book.report.channels[["verb", "reason"]])
    by_period = plain(book.say(texts.download_flighting))
    downloads = (
        as_csv(texts.download, "budget", of_channels(book, both)),
        as_csv(by_period, "budget-by-period", advice.flighting),
    )
    return ClientTable(caption, columns, rows, frozenset({5, 6}), downloads)


def experiments(book: Book) -> ClientTable | None:
    """Tabulate experiments and what the model says of them.

    Parameters
    ----------
    book : Book
    """
    report, texts = book.report, book.texts
    if report.experiments is None or report.experiments.empty:
        return None
    table = with_measured_interval(report.experiments, report.ci_prob)
    figures = [of_tests(book, table, kind) for kind in ("measured", "before", "after")]
    rows: list[list[Cell]] = [
        [Name(name), str(window), *row]
        for name, window, *row in zip(names_of_tests(table), table["window"], *figures, strict=True)
    ]
    columns = (
        texts.column_experiment,
        texts.column_when,
        texts.column_measured,
        texts.column_without,
        texts.column_with,
    )
    headings = [plain(book.say(column)) for column in columns]
    by_channel = of_channels(book, table.set_index("channel")).reset_index().set_index("test")
    files = (as_csv(texts.download, "experiments", by_channel),)
    return ClientTable(texts.table_experiments, headings, rows, frozenset({1}), files)


def refresh(book: Book) -> ClientTable | None:
    """Tabulate returns before and after the last refresh.

    Parameters
    ----------
    book : Book
    """
    texts, table = book.texts, refreshed(book)
    if table.empty:
        return None
    rows: list[list[Cell]] = [
        [
            Name(str(name)),
            returned_before(book, str(name)),
            book.roi(str(name)),
            texts.refresh_outside if row["outside"] else texts.refresh_within,
        ]
        for name, row in table.iterrows()
    ]
    columns = (
        texts.column_channel,
        texts.column_before,
        texts.column_after,
        texts.column_moved,
    )
    headings = [plain(book.say(column)) for column in columns]
    files = (as_csv(texts.download, "refresh", of_channels(book, table)),)
    return ClientTable(texts.table_refresh, headings, rows, frozenset({3}), files)


def by_spend(table: pd.DataFrame) -> pd.DataFrame:
    """Channels by what was spent on them, those that were not bought last."""
    return table.sort_values("spend", ascending=False, na_position="last", kind="stable")


def spend_cell(book: Book, name: str) -> Cell:
    """What was spent on a channel, or that it was not bought."""
    spend = book.report.channels.at[name, "spend"]
    return book.texts.not_bought if spend != spend else book.spend(name)


def tier_badge(book: Book, tier: str) -> Badge | str:
    """The tier of evidence in words."""
    return Badge(tier, book.texts.tiers[tier]) if tier in book.texts.tiers else book.texts.unknown


def advice_badge(book: Book, channel: str) -> Badge | str:
    """What to do with a channel's budget, in a word."""
    verb = str(book.report.channels.at[channel, "verb"])
    return Badge(verb, book.texts.verbs[verb]) if verb in book.texts.verbs else book.texts.unknown


def worst_first(book: Book) -> list[Check]:
    """Checks that failed, those to look at, and those that passed."""
    order = ["fail", "review", "pass"]
    return sorted(book.report.verdict.checks, key=lambda check: order.index(str(check.status)))


def _reason(book: Book, name: str, row: pd.Series) -> str:
    """Why the money of a channel changes, or does not, and what is special about it."""
    texts = book.texts
    marks = [
        mark
        for column, mark in (
            ("held", texts.held),
            ("at_bound", texts.at_bound),
            ("beyond_seen", texts.beyond_seen),
        )
        if bool(row[column])
    ]
    reason = str(book.report.channels.at[name, "reason"])
    special = f"({texts.list_comma.join(marks)})" if marks else ""
    return " ".join(filter(None, (reason, special))) or texts.unknown


def _safe(values: pd.Series) -> pd.Series:
    """Values of a column, of which no spreadsheet takes numbers and dates for formulas."""
    kinds = pd.api.types
    if kinds.is_numeric_dtype(values) or kinds.is_datetime64_any_dtype(values):
        return values
    return values.map(lambda value: _inert(str(value)), na_action="ignore")


def _inert(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
