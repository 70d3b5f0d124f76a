"""A client's report, without a browser: page one, one form for each number, brand and files."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from client_report_examples import (
    blocked_client_report,
    example_client_report,
    small_client_report,
)
from hypothesis import given
from hypothesis import strategies as st
from report_examples import BEST, NASTY, QUOTED, UNPAID

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.reports.client.book import Book
from pymc_toolkit.reports.client.brand import Brand, contrast
from pymc_toolkit.reports.client.contract import ClientReport, Estimate
from pymc_toolkit.reports.client.page import client_page
from pymc_toolkit.reports.client.tables import as_csv
from pymc_toolkit.reports.client.texts import ENGLISH
from pymc_toolkit.reports.client.texts_figures import FigureTexts
from pymc_toolkit.reports.client.written import Writer
from pymc_toolkit.reports.formats import MISSING
from pymc_toolkit.reports.render import render
from pymc_toolkit.verdicts import Status, Verdict

_LARGEST = 6_000_000
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EXAMPLES = {
    "example": example_client_report,
    "blocked": blocked_client_report,
    "small": small_client_report,
}


def plainly(text: str) -> str:
    """With hyphens for dashes and minus signs, spaces that may break, and capitals for thousands.

    Of British English versions of Babel have small ones too.
    """
    text = text.translate(str.maketrans("\N{EN DASH}\N{MINUS SIGN}\xa0\u202f", "--  "))
    return re.sub(r"(?<=\d)[km]\b", lambda found: found[0].upper(), text)


class Shown(HTMLParser):
    """Figures of a page by their keys, and the text of page one outside of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: dict[str, set[str]] = defaultdict(set)
        self.kinds: dict[str, str] = {}
        self.page_one: dict[str, str] = {}
        self.loose = ""
        self.links: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("src", "href") if name in given]
        if tag in ("img", "meta", "link", "br", "wbr", "path", "circle", "rect"):
            return
        key = given.get("data-figure", "")
        mark = "name" if given.get("class") in ("name", "title", "whose") else key
        mark = "remedy" if given.get("class") == "remedies" else mark
        mark = "page-one" if given.get("id") == "page-one" else mark
        self._open.append((tag, mark))
        if key:
            self.kinds[key] = given["data-kind"]
            self._text = ""

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            opened, mark = self._open.pop()
            if mark and mark in self.kinds:
                text = " ".join(plainly(self._text).split())
                self.figures[mark].add(text)
                if self._on_page_one:
                    self.page_one[mark] = text
            if opened == tag:
                break

    def handle_data(self, data: str) -> None:
        marks = [mark for _, mark in self._open]
        if any(mark in self.kinds for mark in marks):
            self._text += data
        elif self._on_page_one and not {"name", "remedy"} & set(marks):
            self.loose += data

    @property
    def _on_page_one(self) -> bool:
        return any(mark == "page-one" for _, mark in self._open)


def shown(report: ClientReport) -> Shown:
    return Shown(render(client_page(report)))


@pytest.fixture(scope="module", params=EXAMPLES, ids=str)
def report(request: pytest.FixtureRequest) -> ClientReport:
    return EXAMPLES[request.param]()


@pytest.fixture(scope="module")
def page(report: ClientReport) -> str:
    return render(client_page(report))


@pytest.fixture(scope="module")
def figures(page: str) -> dict[str, dict[str, object]]:
    block = page.split('id="figures">', 1)[1].split("</script>", 1)[0]
    panels: dict[str, dict[str, object]] = json.loads(block)
    return panels


class TestOneFormForEachNumber:
    def test_a_figure_reads_the_same_wherever_it_is_shown(self, page: str) -> None:
        found = Shown(page).figures
        assert len(found) > 20
        assert {key: texts for key, texts in found.items() if len(texts) != 1} == {}

    def test_a_figure_is_shown_more_than_once(self) -> None:
        """Or the test above would hold of anything."""
        page = render(client_page(example_client_report()))
        assert page.count(f'data-figure="roi:{BEST}"') >= 2
        assert page.count('data-figure="media-share"') == 2
        assert page.count('data-figure="uplift"') == 2

    def test_drawings_say_what_the_tables_say(
        self, report: ClientReport, page: str, figures: dict[str, dict[str, object]]
    ) -> None:
        """Every number with an interval in a drawing is one of the report's, in the same form."""
        known = {text for texts in Shown(page).figures.values() for text in texts}
        labels = {
            plainly(annotation["text"].replace("&#36;", "$"))
            for panel in figures.values()
            for annotation in panel["layout"].get("annotations", [])  # type: ignore[attr-defined]
        }
        drawn = {label for label in labels if re.fullmatch(r"\S+ \([^()]+\)", label)}
        # Parts without a channel and periods of carry-over are nowhere but in their drawings.
        book = Book(report, ENGLISH)
        own = {plainly(str(book.part(row, False))) for _, row in book.report.waterfall.iterrows()}
        own |= {plainly(str(book.half_life(name))) for name in book.report.carry_over.index}
        assert len(drawn) > 4
        assert drawn - known <= own

    @pytest.mark.parametrize("locale", ["en_US", "de", "uk"])
    def test_languages_write_their_own_numbers(self, locale: str) -> None:
        brand = Brand(locale=locale, currency="USD")
        found = shown(example_client_report(brand=brand)).figures
        assert all(len(texts) == 1 for texts in found.values())
        (share,) = found["media-share"]
        (spend,) = found[f"spend:{BEST}"]
        expected = {
            "en_US": ("49% (43%-56%)", "$596K"),
            "de": ("49 % (43 %-56 %)", "596.000 $"),
            "uk": ("49% (43%-56%)", "596 тис. USD"),
        }[locale]
        assert (share, spend) == expected


class TestPageOne:
    def test_no_number_without_its_interval(self, page: str) -> None:
        found = Shown(page)
        assert len(found.page_one) > 10
        assert "Channel" in found.loose
        # What is written outside of figures holds no number at all, but for the money's unit.
        loose = re.sub(r"[€$]1\b|return > 1|\b90% probability", "", found.loose)
        assert re.findall(r".{0,20}\d.{0,20}", loose) == []
        for key, text in found.page_one.items():
            kind = found.kinds[key]
            if kind == "estimate" and text != "-":
                assert re.fullmatch(r".+ \(.+(-| to ).+\)", text), key
            if kind == "chance" and text != "-":
                assert re.fullmatch(r"[<>]?\d\d?%", text), key

    def test_facts_are_what_was_observed_or_decided(self, page: str) -> None:
        found = Shown(page)
        facts = {key.split(":")[0] for key in found.page_one if found.kinds[key] == "fact"}
        assert facts <= {
            *("window", "first-day", "last-day", "spend", "count", "periods"),
            *("total", "horizon", "moved", "move"),
        }

    def test_says_what_to_do(self) -> None:
        report = example_client_report()
        text = render(client_page(report)).split('id="page-one"', 1)[1].split("<nav", 1)[0]
        for verb in ("Increase", "Keep", "Test first", "Reduce"):
            assert verb in text
        assert "What to move in the next" in text
        assert len(client_page(report).front.actions) == 3

    def test_headline_follows_the_numbers(self) -> None:
        report = example_client_report()
        advice = report.recommendation
        assert advice is not None
        assert plainly(client_page(report).headline) == (
            "Media brought 49% (43%-56%) of online revenue; moving €22.9K of the €217K planned for "
            "the next 13 weeks should bring €38K (€7.3K-€72K) more."
        )
        doubtful = dataclasses.replace(advice, probability=0.7)
        page = client_page(example_client_report(recommendation=doubtful))
        assert "budget asked about is not clearly better" in page.headline
        assert page.front.actions == []
        assert "recommended" not in "".join(map(str, page.front.tiles[-1].note))

    def test_a_plan_that_stays_has_no_gain(self) -> None:
        """A gain of 0 with a chance of less than 1% would be read as a bad plan."""
        page = client_page(small_client_report())
        assert "no other division of the $74.1K" in plainly(page.headline)
        assert page.front.actions == []
        assert [tile.heading for tile in page.front.tiles][2:] == ["Keep the plan"]
        assert page.front.tiles[-1].figure is None

    def test_less_money_is_not_compared_as_a_gain(self) -> None:
        """Less money brings less: that is no reason to keep the plan that was not asked about."""
        report = example_client_report()
        advice = report.recommendation
        assert advice is not None
        table = advice.table.assign(recommended=advice.table["current"])
        table.loc[[BEST, "snapchat_cost"], "recommended"] *= 0.7
        less = dataclasses.replace(
            advice,
            table=table,
            total=float(table["recommended"].sum()),
            moves=advice.moves.iloc[:0],
            uplift=Estimate(-9_000.0, -21_000.0, -800.0),
            probability=0.02,
        )
        channels = report.channels.copy()
        channels.loc[BEST, "verb"] = "reduce"
        given = example_client_report(recommendation=less, channels=channels)
        page = client_page(given)
        assert "evidence does not say enough" in page.headline
        cuts = [plainly("".join(map(str, action))) for action in page.front.actions]
        assert len(cuts) == 2
        assert cuts[0] == f"€14.4K less for {BEST}"
        assert cuts[1].startswith("€2.03K less for snapchat_cost")
        assert cuts[1].endswith("the evidence does not carry it yet")
        channels.loc["snapchat_cost", "verb"] = "reduce"
        page = client_page(dataclasses.replace(given, channels=channels))
        assert plainly(page.headline).endswith(
            "€201K for the next 13 weeks, instead of the €217K planned, should change it by -€9K "
            "(-€21K to -€800)."
        )

    def test_moves_that_the_evidence_does_not_carry_are_not_advised(self) -> None:
        advice = example_client_report().recommendation
        assert advice is not None
        asked = dataclasses.replace(advice, moves=advice.moves.assign(carried=False))
        page = client_page(example_client_report(recommendation=asked))
        assert "evidence does not say enough" in page.headline
        assert "should bring" not in page.headline
        moves = ["".join(map(str, move)) for move in page.front.actions]
        assert all("only after a test" in move for move in moves)

    def test_a_budget_that_grows_names_what_gets_more(self) -> None:
        advice = example_client_report().recommendation
        assert advice is not None
        table = advice.table.assign(recommended=advice.table["current"] * 1.2)
        total = float(table["recommended"].sum())
        grown = dataclasses.replace(advice, table=table, total=total, moves=advice.moves.iloc[:0])
        channels = example_client_report().channels.assign(verb="increase")
        page = client_page(example_client_report(recommendation=grown, channels=channels))
        assert "instead of the €217K planned" in plainly(page.headline)
        assert "moving" not in page.headline
        first = plainly("".join(map(str, page.front.actions[0])))
        assert first == f"€10.8K more for {advice.table['current'].idxmax()}"

    def test_other_money_is_compared_with_a_plan_of_as_much(self) -> None:
        """Whoever reads "plan" takes it for the one that they made."""
        advice = example_client_report().recommendation
        assert advice is not None
        other = dataclasses.replace(advice, planned=0.5 * advice.total)
        page = client_page(example_client_report(recommendation=other))
        (total,) = re.findall(r"of the (\S+) asked about", page.headline)
        assert page.headline.endswith(f"more than the plan scaled to {total}.")
        assert "planned for" not in page.headline
        note = "".join(map(str, page.front.actions_note))
        assert note.endswith("unless it was asked to stay.")
        assert f"that plan scaled to {total}" in note
        (table,) = [
            block
            for section in page.shown
            for block in section.blocks
            if getattr(block, "caption", "").startswith("Money for the next")
        ]
        assert table.columns[1] == f"Plan, scaled to {total}"  # type: ignore[union-attr]
        (drawing,) = [drawing for drawing in page.drawings if drawing.key == "budget"]
        assert f"scaled to {total}" in drawing.note
        assert [key.label for key in drawing.legend][1] == f"the plan scaled to {total}"
        text = render(page)
        assert re.findall(r".{30}(?:beats|beyond|Keep) the plan(?! scaled).{20}", text) == []

    def test_a_scaled_plan_that_stays(self) -> None:
        report = small_client_report()
        advice = report.recommendation
        assert advice is not None
        other = dataclasses.replace(advice, planned=2 * advice.total)
        page = client_page(dataclasses.replace(report, recommendation=other))
        assert page.front.tiles[-1].heading == "Keep the plan's proportions"
        assert "clearly better than the plan scaled to $74" in page.headline

    @pytest.mark.parametrize(
        ("changes", "headline", "tile", "note"),
        [
            ({"tier": "prior-driven"}, "enough to divide a budget.", "An experiment", "Doubts."),
            ({"spend": np.nan}, "of online revenue.", "No channel is bought", ""),
            ({}, "of online revenue.", "No budget was compared", ""),
        ],
    )
    def test_why_nothing_is_recommended(
        self, changes: dict[str, object], headline: str, tile: str, note: str
    ) -> None:
        channels = example_client_report().channels.assign(verb="", reason="", **changes)
        page = client_page(example_client_report(channels=channels, recommendation=None))
        assert page.headline.endswith(headline)
        assert page.front.tiles[-1].heading == "No recommendation"
        assert tile in "".join(map(str, page.front.tiles[-1].note))
        assert "".join(map(str, page.front.actions_note)).endswith(note)
        assert bool(page.front.actions_note) == bool(note)

    def test_nothing_is_recommended_by_a_model_that_failed(self) -> None:
        report = blocked_client_report()
        page = client_page(report)
        text = render(page)
        front = text.split('id="page-one"', 1)[1].split("<nav", 1)[0]
        assert page.headline.startswith("No recommendation yet")
        for word in ("Increase", "Reduce", "What to move", "Chance of a gain"):
            assert word not in front
        for remedy in report.remedies:
            assert remedy in front
        assert front.index(report.remedies[0]) < front.index("What each channel returned")
        assert 'id="budget"' not in text
        assert "for diagnosis only" in front

    def test_many_channels_leave_room(self) -> None:
        full = example_client_report()
        extra = [f"channel {i}" for i in range(20)]
        rows = pd.DataFrame([full.channels.loc["snapchat_cost"]] * 20, index=extra)
        channels = pd.concat([full.channels, rows])
        page = client_page(example_client_report(channels=channels))
        assert len(page.front.channels.rows) == 12
        assert "12 largest of 33 channels" in "".join(map(str, page.front.channels_note[0]))

    @pytest.mark.parametrize(
        ("example", "state", "word"),
        [("example", "review", "With care"), ("blocked", "fail", "Not yet")],
    )
    def test_trust_is_said_in_words(self, example: str, state: str, word: str) -> None:
        front = client_page(EXAMPLES[example]()).front
        assert (front.trust, front.trust_word) == (state, word)

    def test_all_checks_passed(self) -> None:
        verdict = example_client_report().verdict
        fine = [check for check in verdict.checks if check.status is Status.PASS]
        front = client_page(
            example_client_report(verdict=dataclasses.replace(verdict, checks=fine))
        ).front
        assert (front.trust, front.trust_word) == ("pass", "Yes")
        assert "".join(map(str, front.trust_reasons[0])).startswith("All 4 checks")


class TestOneOfSomething:
    """Nothing that is one of its kind is spoken of as several."""

    def test_one_check_one_period_and_one_channel(self) -> None:
        report, refresh = small_client_report(), example_client_report().refresh
        advice = report.recommendation
        assert advice is not None
        assert refresh is not None
        (one,) = report.verdict.checks
        alone = dataclasses.replace(
            report,
            recommendation=dataclasses.replace(advice, horizon=1),
            refresh=dataclasses.replace(refresh, periods_added=1, periods_restated=1),
            fit=report.fit.assign(holdout=report.fit.index == report.fit.index[-1]),
            priors=report.priors.iloc[:1],
        )
        words = re.sub(r"<(script|style).*?</\1>", "", render(client_page(alone)), flags=re.S)
        words = " ".join(re.sub(r"<[^>]+>", "", words).split())
        assert re.findall(r".{20}(?<![\d.,])\b1 [a-z]+s\b.{20}", words) == []
        assert "0 of 1 check of the data and the model passed" in words
        assert "for the next week" in words
        assert "added 1 week and" in words
        assert "of 1 parameter" in words
        verdict = Verdict([dataclasses.replace(one, status=Status.PASS)])
        front = client_page(dataclasses.replace(report, verdict=verdict)).front
        assert "".join(map(str, front.trust_reasons[0])).startswith("The one check")
        assert verdict.sentence == "The one check passed."


class TestPage:
    def test_nothing_is_requested_and_no_foreign_script_runs(self, page: str) -> None:
        links = Shown(page).links
        assert links
        assert [link for link in links if not link.startswith(("#", "data:"))] == []
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
        assert policy is not None
        assert "default-src 'none'" in policy[1]
        assert "unsafe" not in policy[1].split("script-src", 1)[1].split(";", 1)[0]

    def test_is_small_enough_to_send(self, page: str) -> None:
        assert len(page.encode()) < _LARGEST

    def test_names_are_shown_and_do_not_run(self) -> None:
        page = render(client_page(example_client_report()))
        assert NASTY not in page
        assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert page.count("<script") == 3

    def test_all_sections_are_there(self) -> None:
        keys = [section.key for section in client_page(example_client_report()).shown]
        assert keys == [
            *("earned", "returns", "more", "budget", "trust"),
            *("experiments", "refresh", "doubts", "priors"),
        ]
        drawings = [drawing.key for drawing in client_page(example_client_report()).drawings]
        assert drawings == [
            *("waterfall", "over-time", "roi", "shares", "curves", "carry-over"),
            *("budget", "fit", "experiments", "refresh", "priors"),
        ]

    def test_what_there_is_nothing_of_is_left_out(self) -> None:
        keys = [section.key for section in client_page(small_client_report()).shown]
        assert "experiments" not in keys
        assert "refresh" not in keys

    def test_ids_are_unique_and_links_lead_somewhere(self, page: str) -> None:
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in Shown(page).links if link.startswith("#")} <= set(ids)

    def test_headings_are_in_order(self, page: str) -> None:
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert max(np.diff(levels)) == 1

    def test_missing_numbers_are_dashes(self) -> None:
        page = render(client_page(example_client_report()))
        words = re.sub(r"<script.*?</script>", "", page, flags=re.S)
        assert re.findall(r"(?i)\bnan\b", words) == []
        (roi,) = Shown(page).figures[f"roi:{UNPAID}"]
        assert roi == "-"

    def test_what_would_change_our_mind(self) -> None:
        report = example_client_report()
        (section,) = [s for s in client_page(report).shown if s.key == "doubts"]
        rows = ["".join(map(str, row[0])) for row in section.blocks[0].rows]  # type: ignore[attr-defined]
        assert rows[0] == "Check: channels apart"
        # By what is spent, largest first; what was tested is not doubted.
        assert rows[1] == "Return of snapchat_cost"
        assert f"The recommended spend on {QUOTED}" in rows
        assert not any(row.startswith(f"Return of {BEST}") for row in rows)

    def test_refresh_compares_with_what_was_thought_possible(self) -> None:
        report = example_client_report()
        assert report.refresh is not None
        old = report.refresh.roi
        before = old[["roi_before", "ci_low_before", "ci_high_before"]]
        now = report.channels.loc[before.index, "roi"]
        outside = (now < before["ci_low_before"]) | (now > before["ci_high_before"])
        (drawing,) = [d for d in client_page(report).drawings if d.key == "refresh"]
        assert drawing.title.startswith(f"{int(outside.sum())} of {len(now)} moved")

    def test_texts_can_be_replaced(self) -> None:
        """Every text comes from one object: with another one no English word of it is left."""
        figures = dataclasses.replace(FigureTexts(), **_marked(FigureTexts()))
        others = {**_marked(ENGLISH), "figures": figures, "language": "xx"}
        marked = dataclasses.replace(ENGLISH, **others)
        report = example_client_report()
        page = client_page(report, marked)
        html = render(page)
        assert '<html lang="xx">' in html
        assert page.headline.startswith("§")
        for drawing in page.drawings:
            assert drawing.title.startswith("§"), drawing.key
            assert drawing.alt.startswith("§")
            assert drawing.note.startswith("§")
            assert all(
                "§" in key.label or key.label in report.channels.index for key in drawing.legend
            )
        for section in page.shown:
            assert section.nav.startswith("§")
            assert section.heading.startswith("§")


def _marked(texts: object) -> dict[str, object]:
    """The same texts, each with a mark."""
    marked: dict[str, object] = {}
    for field in dataclasses.fields(texts):  # type: ignore[arg-type]
        value = getattr(texts, field.name)
        if isinstance(value, str):
            marked[field.name] = f"§{value}"
        elif isinstance(value, tuple):
            marked[field.name] = tuple(f"§{text}" for text in value)
        elif isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            marked[field.name] = {name: f"§{text}" for name, text in value.items()}
    return marked


class TestFiles:
    def test_tables_are_there_with_all_digits(self) -> None:
        report = example_client_report()
        links = shown(report).links
        files = [link for link in links if link.startswith("data:text/csv")]
        tables = [pd.read_csv(io.BytesIO(_decoded(file)), index_col=0) for file in files]
        channels, budget, flighting, errors, checks, experiments, refresh = tables
        np.testing.assert_allclose(channels["roi"], report.channels["roi"])
        advice = report.recommendation
        assert advice is not None
        np.testing.assert_allclose(budget["recommended"], advice.table["recommended"])
        np.testing.assert_allclose(flighting.sum().sum(), advice.total)
        np.testing.assert_allclose(errors["mape"], report.scores["mape"])
        assert list(checks["status"]).count("review") == 1
        assert report.experiments is not None
        np.testing.assert_allclose(experiments["after"], report.experiments["after"])
        np.testing.assert_allclose(refresh["roi"], report.channels["roi"][refresh.index])

    def test_a_channel_may_be_called_like_the_index(self) -> None:
        index = pd.DatetimeIndex(["2024-01-01"], name="date")
        table = pd.DataFrame([[1.5, 2.5]], index, ["date", "=date"])
        content = _decoded(as_csv("", "t", table).uri).decode("utf-8-sig")
        assert _cells(content) == ["date", "date", "'=date", "2024-01-01", "1.5", "2.5"]

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12))
    def test_no_text_is_a_formula(self, text: str) -> None:
        table = pd.DataFrame({text or "x": [text], "money": [-3.5]}, index=[text])
        content = _decoded(as_csv("", "t", table).uri).decode("utf-8-sig")
        for cell in _cells(content):
            assert not re.match(r"\s*[=+@\t\r\uff1d\uff0b\uff0d\uff20]", cell)
            assert not re.match(r"\s*-", cell) or cell == "-3.5"

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "\uff1d1"])
    def test_formulas_become_text(self, text: str) -> None:
        content = _decoded(as_csv("", "t", pd.DataFrame({"a": [text]})).uri).decode("utf-8-sig")
        assert f"'{text}" in content


def _decoded(uri: str) -> bytes:
    return base64.b64decode(uri.split("base64,", 1)[1])


def _cells(content: str) -> list[str]:
    import csv

    return [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]


class TestBrand:
    def test_contrast_of_known_pairs(self) -> None:
        """Values of WCAG's own examples."""
        assert contrast("#000000") == pytest.approx(21)
        assert contrast("#ffffff") == pytest.approx(1)
        assert contrast("#777777") == pytest.approx(4.48, abs=0.01)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"primary": "red"}, "six hex digits"),
            ({"primary": "#12345"}, "six hex digits"),
            ({"primary": "#123456; } body { display: none"}, "six hex digits"),
            ({"primary": "#ffd700"}, "contrast with white is 1.4"),
            ({"accent": "#ffff00"}, "contrast with white is 1.1"),
            ({"currency": "EURO"}, "ISO 4217"),
            ({"locale": "xx_YY"}, "expected one such as"),
            ({"locale": "not a locale"}, "expected one such as"),
            ({"logo": "nowhere.png"}, "a file that is there"),
        ],
    )
    def test_refuses_what_cannot_be_used(self, changes: dict[str, str], message: str) -> None:
        with pytest.raises(SpecificationError, match=message):
            Brand(**changes)  # type: ignore[arg-type]

    def test_colours_and_logo_are_on_the_page(self, tmp_path: Path) -> None:
        logo = tmp_path / "logo.png"
        logo.write_bytes(_PNG)
        brand = Brand("North <i>", logo, primary="#5a1e3c", accent="#8a4b00")
        page = render(client_page(example_client_report(brand=brand)))
        assert "--accent: #5a1e3c" in page
        assert "North &lt;i&gt;" in page
        assert f"data:image/png;base64,{base64.b64encode(_PNG).decode()}" in page
        assert "#8a4b00" in page

    def test_a_logo_is_what_its_name_says_and_small(self, tmp_path: Path) -> None:
        wrong, large = tmp_path / "wrong.png", tmp_path / "large.png"
        wrong.write_bytes(b"\xff\xd8\xff")
        large.write_bytes(_PNG + bytes(300_000))
        for path, message in ((wrong, "no image/png"), (large, "at most 300 kB")):
            with pytest.raises(SpecificationError, match=message):
                Brand(logo=path)

    @pytest.mark.parametrize(
        "inside",
        [
            "<script>alert(1)</script>",
            "<g onclick='alert(1)'/>",
            "<g OnLoad='alert(1)'/>",
            "<foreignObject/>",
            "<image href='https://example.org/x.png'/>",
            "<use xlink:href='other.svg#a'/>",
            "<a href='javascript:alert(1)'/>",
            "<style>@import url(https://example.org/x.css);</style>",
            "<rect style='fill: url(https://example.org/x)'/>",
            "<set attributeName='href' to='javascript:alert(1)'/>",
            "<p:script xmlns:p='http://www.w3.org/2000/svg'/>",
            "<rect",
        ],
    )
    def test_drawings_that_run_or_ask_are_refused(self, tmp_path: Path, inside: str) -> None:
        with pytest.raises(SpecificationError, match="expected a plain drawing"):
            Brand(logo=_svg(tmp_path, inside))

    def test_entities_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "logo.svg"
        path.write_text('<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>')
        with pytest.raises(SpecificationError, match="document type"):
            Brand(logo=path)

    def test_plain_drawings_are_taken(self, tmp_path: Path) -> None:
        inside = (
            "<defs><linearGradient id='g'/></defs><rect fill='url(#g)'/><use xlink:href='#g'/>"
            "<!-- drawn by hand --><style>rect { fill: url('#g') }</style>"
        )
        assert Brand(logo=_svg(tmp_path, inside)).logo_uri.startswith("data:image/svg+xml;base64,")


def _svg(folder: Path, inside: str) -> Path:
    path = folder / "logo.svg"
    path.write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>"
        f"{inside}</svg>"
    )
    return path


class TestWriter:
    @given(st.floats(-1e12, 1e12))
    def test_a_number_can_be_read_back(self, value: float) -> None:
        """Of two digits, within half of the last one."""
        written = Writer("en_US", "USD").number(value)
        plain = plainly(written).replace(",", "")
        scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(plain[-1], 1.0)
        assert float(plain.rstrip("KMBT")) * scale == pytest.approx(value, rel=0.051, abs=1e-8)

    @given(st.floats(0, 1))
    def test_probabilities_are_never_certain(self, value: float) -> None:
        assert Writer("en_GB", "EUR").probability(value) not in ("0%", "100%")

    def test_what_is_not_known(self) -> None:
        writer = Writer("de", "EUR")
        for write in (writer.money, writer.number, writer.ratio, writer.share, writer.probability):
            assert write(float("nan")) == MISSING

    def test_narrow_intervals_get_the_digits_that_tell_their_ends_apart(self) -> None:
        book = Book(
            example_client_report(media_contribution=Estimate(11.0e6, 10.96e6, 11.04e6)), ENGLISH
        )
        assert plainly(str(book.media_contribution())) == "€11M (€10.96M-€11.04M)"

    def test_intervals_with_negative_ends(self) -> None:
        book = Book(small_client_report(), ENGLISH)
        advice = book.report.recommendation
        assert advice is not None
        assert plainly(str(book.uplift(advice))) == "11 (-81 to 99)"
        unknown = dataclasses.replace(advice, uplift=Estimate(1.0, float("nan"), 2.0))
        assert str(book.uplift(unknown)) == MISSING

    def test_a_minus_after_the_sign_of_percent(self) -> None:
        writer = Writer("tr", "TRY")
        ends = writer.share(-0.1), writer.share(0.2)
        assert plainly(writer.span(*ends)) == "%-10 to %20"

    @pytest.mark.parametrize(
        ("locale", "currency", "written"),
        [
            ("de", "EUR", ["1230 €", "65.500 €", "-65.500 €", "1,23 Mio. €"]),
            ("en_US", "USD", ["$1.23K", "$65.5K", "-$65.5K", "$1.23M"]),
            ("ja", "JPY", ["￥1230", "￥6.55万", "-￥6.55万", "￥123万"]),
        ],
    )
    def test_a_currency_stands_on_one_side(
        self, locale: str, currency: str, written: list[str]
    ) -> None:
        writer = Writer(locale, currency)
        found = [plainly(writer.money(money)) for money in (1234, 65_500, -65_500, 1_234_567)]
        assert found == written

    @pytest.mark.parametrize("locale", ["de_CH", "fr_CH", "nl", "en_GB"])
    def test_short_forms_keep_the_side_of_the_long_ones(self, locale: str) -> None:
        """Which side it is differs between versions of Babel."""
        writer = Writer(locale, "CHF")
        found = [plainly(writer.money(money)) for money in (1234, 65_500, -65_500, 1_234_567)]
        sides = {(text.lstrip("-").startswith("CHF"), text.endswith("CHF")) for text in found}
        assert sides in ({(True, False)}, {(False, True)})
