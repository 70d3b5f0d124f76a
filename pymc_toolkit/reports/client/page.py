"""The pages of a client's report: one for the decision, and sections with what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pymc_toolkit.reports.client import (
    findings,
    money_figures,
    response_figures,
    tables,
    trust_figures,
)
from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.reports.client.contract import ClientReport, Recommendation
from pymc_toolkit.reports.client.recommend import MOVES
from pymc_toolkit.reports.client.sentences import Figure, Name, Sentence, join, plain
from pymc_toolkit.reports.client.texts import ENGLISH, Texts
from pymc_toolkit.reports.page import Block, Note, Page, Section

# More channels than this leave no room for the rest on the first sheet of paper.
_ON_PAGE_ONE = 12
_MOST_REMEDIES = 5


@dataclass(frozen=True)
class Tile:
    """One large figure of page one.

    Parameters
    ----------
    heading : str
    figure : Figure or None
        None where there is none to give, and ``note`` says why.
    note : Sentence
    """

    heading: str
    figure: Figure | None
    note: Sentence


@dataclass(frozen=True)
class Front:
    """Page one: all that a decision needs.

    Parameters
    ----------
    headline : Sentence
    tiles : sequence of Tile
    trust : {"pass", "review", "fail"}
    trust_word : str
    trust_reasons : sequence of Sentence
    channels : ClientTable
    channels_note : sequence of Sentence
    actions_heading : Sentence
    actions : sequence of Sentence
        Moves of money; or what to do first, where nothing may be recommended.
    actions_note : Sentence
    blocked : bool
    """

    headline: Sentence
    tiles: Sequence[Tile]
    trust: str
    trust_word: str
    trust_reasons: Sequence[Sentence]
    channels: tables.ClientTable
    channels_note: Sequence[Sentence]
    actions_heading: Sentence
    actions: Sequence[Sentence]
    actions_note: Sentence
    blocked: bool


@dataclass(frozen=True)
class ClientPage(Page):
    """A client's report, ready to be put into HTML.

    Parameters
    ----------
    front : Front
    origin : sequence of tuple of str
        Where the numbers come from, as pairs of words.
    brand : Brand
    texts : Texts
    period : tuple of str
        First and last day.
    """

    front: Front
    origin: Sequence[tuple[str, str]]
    brand: Brand
    texts: Texts
    period: tuple[str, str]
    template: ClassVar[str] = "client.html"
    styles: ClassVar[Sequence[str]] = ("style.css", "client.css")


def client_page(report: ClientReport, texts: Texts = ENGLISH) -> ClientPage:
    """Lay out a client's report.

    Parameters
    ----------
    report : ClientReport
    texts : Texts
        In the language of the report.

    Returns
    -------
    ClientPage
    """
    book = Book(report, texts)
    first, last = map(str, book.window)
    page_one = _front(book)
    return ClientPage(
        title=texts.title,
        client=report.client,
        question="",
        headline=plain(page_one.headline),
        verdict=report.verdict,
        caveat="",
        ci_prob=report.ci_prob,
        sections=_sections(book),
        provenance=report.provenance,
        front=page_one,
        origin=_origin(book),
        brand=report.brand,
        texts=texts,
        period=(first, last),
    )


def _front(book: Book) -> Front:
    report, texts = book.report, book.texts
    state, word, reasons = findings.trust(book)
    channels, note = _channels(book)
    heading, actions, more = _actions(book)
    return Front(
        headline=findings.headline(book),
        tiles=_tiles(book),
        trust=state,
        trust_word=word,
        trust_reasons=reasons,
        channels=channels,
        channels_note=[*note, book.say(texts.ranges)],
        actions_heading=heading,
        actions=actions,
        actions_note=more,
        blocked=report.blocked,
    )


def _tiles(book: Book) -> list[Tile]:
    report, texts = book.report, book.texts
    first, last = book.window
    tiles = [
        Tile(
            texts.tile_share,
            book.media_share(),
            book.say(texts.tile_share_note, first=first, last=last),
        )
    ]
    roi = book.media_roi()
    if roi is not None:
        note = texts.tile_roi_money_note if report.target_is_money else texts.tile_roi_note
        tiles.append(Tile(texts.tile_roi, roi, book.say(note)))
    advice = report.recommendation
    if advice is None:
        return [*tiles, Tile(texts.tile_nothing, None, book.say(_why_nothing(book)))]
    if not findings.changes(advice):
        return [
            *tiles,
            Tile(plain(book.say(texts.tile_stay)), None, book.say(texts.tile_stay_note)),
        ]
    recommended = findings.likely(advice) and findings.carried(book, advice)
    budget = texts.recommended_budget if recommended else texts.asked_budget
    return [
        *tiles,
        Tile(
            texts.tile_uplift, book.uplift(advice), book.say(texts.tile_uplift_note, budget=budget)
        ),
        Tile(
            texts.tile_chance, book.chance(advice), book.say(texts.tile_chance_note, budget=budget)
        ),
    ]


def _why_nothing(book: Book) -> str:
    """Why no budget is recommended."""
    report, texts = book.report, book.texts
    if report.blocked:
        return texts.tile_nothing_blocked
    if report.channels["spend"].isna().all():
        return texts.tile_nothing_bought
    return texts.tile_nothing_known if findings.all_assumed(report) else texts.tile_nothing_asked


def _channels(book: Book) -> tuple[tables.ClientTable, list[Sentence]]:
    """The table of page one, and what to say of channels that it leaves out."""
    report, texts = book.report, book.texts
    names = [str(name) for name in tables.by_spend(report.channels).index]
    shown = names[:_ON_PAGE_ONE]
    money, advised = report.target_is_money, report.recommendation is not None
    columns = [
        texts.column_channel,
        texts.column_spend,
        texts.column_roi,
        texts.column_marginal,
        *([texts.column_above_one] if money else []),
        texts.column_tier,
        *([texts.column_verb] if advised else []),
    ]
    rows: list[list[tables.Cell]] = [
        [
            Name(name),
            tables.spend_cell(book, name),
            book.roi(name),
            book.marginal(name),
            *([book.above_one(name)] if money else []),
            tables.tier_badge(book, str(report.channels.at[name, "tier"])),
            *([tables.advice_badge(book, name)] if advised else []),
        ]
        for name in shown
    ]
    words = frozenset({4 + money, 5 + money})
    note = []
    if len(shown) < len(names):
        more = book.counted(len(names), texts.channels, "count:all-channels")
        shown_of_them = book.count(len(shown), "shown")
        note.append(book.say(texts.channels_more, shown=shown_of_them, all=more))
    headings = [plain(book.say(column)) for column in columns]
    return tables.ClientTable(texts.channels_heading, headings, rows, words), note


def _actions(book: Book) -> tuple[Sentence, list[Sentence], Sentence]:
    """What to do, under a heading, and where to read more."""
    report, texts = book.report, book.texts
    if report.blocked:
        remedies: list[Sentence] = [(text,) for text in report.remedies[:_MOST_REMEDIES]]
        return book.say(texts.remedies_heading), remedies or [(texts.remedies_none,)], ()
    advice = report.recommendation
    if advice is None:
        settle = book.say(texts.moves_missing, section=texts.section_doubts[0])
        return (), [], settle if findings.all_assumed(report) else ()
    heading = book.say(texts.moves_heading, horizon=book.horizon(advice))
    if findings.changes(advice) and findings.likely(advice):
        moves = _moves(book, advice)
        more = book.say(texts.moves_more, section=texts.section_budget[0])
    else:
        moves, more = [], book.say(texts.moves_none, section=texts.section_doubts[0])
    return heading, moves, join(list(filter(None, (more, book.about_the_plan(advice)))), " ")


def _moves(book: Book, advice: Recommendation) -> list[Sentence]:
    """The largest moves; or changes by channel, where the budget grows or shrinks."""
    texts = book.texts
    if findings.same_total(advice):
        return [
            book.say(
                texts.move if bool(row["carried"]) else texts.move_uncarried,
                amount=book.move(i, advice),
                source=Name(str(row["source"])),
                destination=Name(str(row["destination"])),
            )
            for i, (_, row) in enumerate(advice.moves.iterrows())
        ]
    return [_change(book, name, advice) for name in findings.changed_channels(advice)[:MOVES]]


def _change(book: Book, channel: str, advice: Recommendation) -> Sentence:
    """How much more or less a channel would get, and whether the evidence carries it."""
    texts, row = book.texts, advice.table.loc[channel]
    change = book.say(
        texts.move_add if row["recommended"] > row["current"] else texts.move_cut,
        amount=book.difference(channel, advice),
        source=Name(channel),
        destination=Name(channel),
    )
    return (
        change if findings.acts(book, channel) else book.say(texts.change_uncarried, change=change)
    )


def _sections(book: Book) -> list[Section]:
    report, texts = book.report, book.texts
    advice = report.recommendation
    budget: list[Block | None] = []
    horizon: Figure | str = ""
    if advice is not None:
        horizon = book.horizon(advice)
        budget = [money_figures.budget(book), tables.budget(book, advice)]
    blocks: list[tuple[str, tuple[str, str], Sequence[Block | None]]] = [
        (
            "earned",
            texts.section_earned,
            (money_figures.waterfall(book), trust_figures.over_time(book)),
        ),
        (
            "returns",
            texts.section_returns,
            (money_figures.returns(book), money_figures.shares(book), tables.channels(book)),
        ),
        (
            "more",
            texts.section_more,
            (response_figures.curves(book), response_figures.carry_over(book)),
        ),
        ("budget", texts.section_budget, budget),
        (
            "trust",
            texts.section_trust,
            (
                trust_figures.fit(book),
                tables.errors(book),
                tables.evidence(book),
                tables.checks(book),
            ),
        ),
        (
            "experiments",
            texts.section_experiments,
            (trust_figures.experiments(book), tables.experiments(book)),
        ),
        ("refresh", texts.section_refresh, _refresh(book)),
        (
            "doubts",
            texts.section_doubts,
            (findings.doubts(book) or Note(texts.doubts_none),),
        ),
        ("priors", texts.section_priors, (trust_figures.priors(book),)),
    ]
    return [
        Section(key, nav, plain(book.say(heading, horizon=horizon)), content)
        for key, (nav, heading), content in blocks
    ]


def _refresh(book: Book) -> list[Block | None]:
    refresh = book.report.refresh
    if refresh is None:
        return []
    note = book.say(
        book.texts.refresh_note,
        added=book.count_periods(refresh.periods_added),
        restated=book.count(refresh.periods_restated, "restated"),
        last=book.writer.day(refresh.last_date),
    )
    return [Note(plain(note)), trust_figures.refresh(book), tables.refresh(book)]


def _origin(book: Book) -> list[tuple[str, str]]:
    texts, origin = book.texts, book.report.provenance
    first, last = book.window
    settings = texts.list_comma.join(f"{name} {value}" for name, value in origin.sampling.items())
    versions = texts.list_comma.join(f"{name} {value}" for name, value in origin.versions.items())
    periods = book.count_periods(origin.n_periods)
    fit = book.say(
        texts.provenance_fit,
        engine=origin.engine,
        settings=settings,
        seed=str(origin.random_seed),
    )
    window = book.say(texts.provenance_periods, first=first, last=last, count=periods)
    return [
        (texts.provenance_window, plain(window)),
        (texts.provenance_made, origin.created),
        (texts.provenance_model, plain(fit)),
        (texts.provenance_intervals, plain(book.say(texts.provenance_interval))),
        (texts.provenance_versions, versions),
        (texts.provenance_spec, origin.spec_hash),
        (texts.provenance_data, origin.data_hash),
    ]
