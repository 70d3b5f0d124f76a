"""What follows from a client's report: the headline, how far to trust it, what to doubt."""

from __future__ import annotations

from typing import Literal

from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.contract import (
    IDENTIFIED,
    INCREASE,
    PRIOR_DRIVEN,
    REDUCE,
    TESTED,
    ClientReport,
    Recommendation,
)
from pymc_toolkit.reports.client.money_figures import bought
from pymc_toolkit.reports.client.recommend import LIKELY, SMALL
from pymc_toolkit.reports.client.sentences import Name, Sentence, join
from pymc_toolkit.reports.client.tables import Cell, ClientTable, by_spend
from pymc_toolkit.verdicts import Status

# A range as wide as its middle says little of a channel.
_WIDE = 1.0
_MOST_OF_A_KIND = 4

Trust = Literal["pass", "review", "fail"]


def headline(book: Book) -> Sentence:
    """The finding in one sentence.

    Parameters
    ----------
    book : Book

    Returns
    -------
    Sentence
    """
    report, texts = book.report, book.texts
    if report.blocked:
        return book.say(texts.headline_blocked)
    share, advice = book.media_share(), report.recommendation
    if advice is None:
        nothing = texts.headline_unknown if all_assumed(report) else texts.headline_none
        return book.say(nothing, share=share)
    known = {"share": share, "total": book.total(advice), "horizon": book.horizon(advice)}
    if not changes(advice):
        return book.say(texts.headline_stay, **known)
    if not likely(advice):
        return book.say(texts.headline_unlikely, **known)
    if not carried(book, advice):
        return book.say(texts.headline_untested, share=share)
    uplift = book.uplift(advice)
    if same_total(advice):
        moves = texts.headline_move_scaled if advice.scaled else texts.headline_move
        return book.say(moves, **known, moved=book.moved(advice), uplift=uplift)
    planned = book.planned_total(advice)
    return book.say(texts.headline_budget, **known, planned=planned, uplift=uplift)


def all_assumed(report: ClientReport) -> bool:
    """Whether money is spent on channels, and the data say enough of none of them.

    Parameters
    ----------
    report : ClientReport
    """
    tiers = report.channels.loc[report.channels["spend"].notna(), "tier"]
    return len(tiers) > 0 and bool((tiers == PRIOR_DRIVEN).all())


def changes(advice: Recommendation) -> bool:
    """Whether a budget is another than the plan.

    Parameters
    ----------
    advice : Recommendation
    """
    changed = (advice.table["recommended"] - advice.table["current"]).abs().sum()
    return bool(changed >= SMALL * max(advice.total, float(advice.table["current"].sum())))


def likely(advice: Recommendation) -> bool:
    """Whether a budget is likely enough to bring more than a plan of as much money.

    Parameters
    ----------
    advice : Recommendation
    """
    # With less money than planned no gain is looked for.
    return not same_total(advice) or advice.probability >= LIKELY


def carried(book: Book, advice: Recommendation) -> bool:
    """Whether the evidence carries all that would change.

    Parameters
    ----------
    book : Book
    advice : Recommendation
    """
    if same_total(advice):
        return bool(advice.moves["carried"].all())
    return all(acts(book, name) for name in changed_channels(advice))


def acts(book: Book, channel: str) -> bool:
    """Whether the advice is to change the money of a channel.

    Parameters
    ----------
    book : Book
    channel : str
    """
    return str(book.report.channels.at[channel, "verb"]) in (INCREASE, REDUCE)


def changed_channels(advice: Recommendation) -> list[str]:
    """Channels whose money would change, the largest change first.

    Parameters
    ----------
    advice : Recommendation
    """
    sizes = (advice.table["recommended"] - advice.table["current"]).abs()
    sizes = sizes[sizes >= SMALL * advice.total].sort_values(ascending=False, kind="stable")
    return [str(name) for name in sizes.index]


def same_total(advice: Recommendation) -> bool:
    """Whether money only changes places.

    Parameters
    ----------
    advice : Recommendation
    """
    planned = float(advice.table["current"].sum())
    return abs(advice.total - planned) < SMALL * max(planned, advice.total)


def trust(book: Book) -> tuple[Trust, str, list[Sentence]]:
    """How far to rely on the report: a state, a word for it, and why.

    Parameters
    ----------
    book : Book

    Returns
    -------
    tuple
    """
    report, texts = book.report, book.texts
    checks = report.verdict.checks
    troubles = [check for check in checks if check.status is not Status.PASS]
    total = book.counted(len(checks), texts.checks, "count:checks")
    passed = book.count(len(checks) - len(troubles), "passed")
    passed_all = texts.trust_one if len(checks) == 1 else texts.trust_all
    reasons = [book.say(texts.trust_some if troubles else passed_all, passed=passed, total=total)]
    for status, template in ((Status.FAIL, texts.trust_failed), (Status.REVIEW, texts.trust_look)):
        names = [check.name for check in troubles if check.status is status]
        if names:
            listed = join([Name(name) for name in names], texts.list_comma)
            reasons.append(book.say(template, names=listed))
    reasons.append(_evidence(book))
    if report.blocked:
        return "fail", texts.trust_no, reasons
    return ("review", texts.trust_care, reasons) if troubles else ("pass", texts.trust_yes, reasons)


def _evidence(book: Book) -> Sentence:
    tiers = book.report.channels["tier"].value_counts()
    counts = {
        "tested": book.count(int(tiers.get(TESTED, 0)), TESTED),
        "identified": book.count(int(tiers.get(IDENTIFIED, 0)), IDENTIFIED),
        "assumed": book.count(int(tiers.get(PRIOR_DRIVEN, 0)), PRIOR_DRIVEN),
        "channels": book.count(len(book.report.channels), "channels"),
    }
    return book.say(book.texts.trust_evidence, **counts)


def doubts(book: Book) -> ClientTable | None:
    """Tabulate what the report is least sure of, and what would settle it.

    Parameters
    ----------
    book : Book

    Returns
    -------
    ClientTable or None
        None where there is nothing to doubt.
    """
    texts = book.texts
    rows = [
        *_failed_checks(book),
        *_assumed(book),
        *_wide(book),
        *_on_the_edge(book),
        *_untested(book),
    ]
    if not rows:
        return None
    columns = (texts.column_doubt, texts.column_why, texts.column_settle)
    return ClientTable(texts.table_doubts, columns, rows, frozenset({1, 2}))


def _failed_checks(book: Book) -> list[list[Cell]]:
    texts = book.texts
    return [
        [
            book.say(texts.doubt_check, name=Name(check.name)),
            check.sentence,
            check.remedy or texts.remedies_none,
        ]
        for status in (Status.FAIL, Status.REVIEW)
        for check in book.report.verdict.checks
        if check.status is status
    ]


def _assumed(book: Book) -> list[list[Cell]]:
    """Channels whose return is mostly assumed, by what is spent on them."""
    texts, table = book.texts, by_spend(bought(book.report.channels))
    names = [str(name) for name in table.index[table["tier"] == PRIOR_DRIVEN]]
    return [
        [
            book.say(texts.doubt_prior, channel=Name(name)),
            book.say(texts.doubt_prior_why, roi=book.roi(name), spend=book.spend(name)),
            texts.doubt_prior_settle,
        ]
        for name in names[:_MOST_OF_A_KIND]
    ]


def _wide(book: Book) -> list[list[Cell]]:
    """Channels that may have earned or lost, of which the data say more than nothing."""
    report, texts = book.report, book.texts
    if not report.target_is_money:
        return []
    table = by_spend(bought(report.channels))
    around = (table["roi_low"] < 1) & (table["roi_high"] > 1)
    wide = (table["roi_high"] - table["roi_low"]) > _WIDE * table["roi"].abs()
    chosen = table.index[around & wide & (table["tier"] != PRIOR_DRIVEN)]
    return [
        [
            book.say(texts.doubt_wide, channel=Name(name)),
            book.say(texts.doubt_wide_why, roi=book.roi(name)),
            texts.doubt_wide_settle,
        ]
        for name in map(str, chosen[:_MOST_OF_A_KIND])
    ]


def _on_the_edge(book: Book) -> list[list[Cell]]:
    """Recommendations beyond what was seen, or as far as was allowed."""
    advice, texts = book.report.recommendation, book.texts
    if advice is None:
        return []
    rows: list[list[Cell]] = []
    table = advice.table.sort_values("recommended", ascending=False)
    for name in map(str, table.index[table["beyond_seen"].astype(bool)][:_MOST_OF_A_KIND]):
        money = book.planned(name, "recommended", advice)
        rows.append(
            [
                book.say(texts.doubt_beyond, channel=Name(name)),
                book.say(texts.doubt_beyond_why, recommended=money),
                texts.doubt_beyond_settle,
            ]
        )
    free = ~table["held"].astype(bool)
    stopped = table.index[table["at_bound"].astype(bool) & free]
    if len(stopped):
        names = join([Name(str(name)) for name in stopped], texts.list_comma)
        bound = book.say(texts.doubt_bound, channel=names)
        rows.append([bound, texts.doubt_bound_why, texts.doubt_bound_settle])
    return rows


def _untested(book: Book) -> list[list[Cell]]:
    texts = book.texts
    if (book.report.channels["tier"] == TESTED).any():
        return []
    why = book.say(texts.doubt_untested_why)
    return [[texts.doubt_untested, why, texts.doubt_untested_settle]]
