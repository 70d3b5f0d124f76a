"""Reports in a real browser: drawn, silent, offline, within the screen and on paper."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from client_report_examples import (
    blocked_client_report,
    example_client_report,
    full_client_report,
    small_client_report,
)
from dashboard_examples import example_dashboard
from fleet_report_examples import EXAMPLES
from region_examples import region_example
from report_examples import NASTY, example_report, small_example

from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.reports.client.page import client_page
from pymc_toolkit.reports.page import Page
from pymc_toolkit.reports.render import page_of, write

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS = 90_000
_SMALLEST_PDF = 50_000
_KINDS = ("recovery", "single-recovery", "holdout", "stability", "forecast", "overview")
_LONG_NUMBERS = Brand("Північ", currency="UAH", locale="uk")
_CLIENTS: dict[str, Callable[[], Any]] = {
    "client": example_client_report,
    "client-blocked": blocked_client_report,
    "client-full": full_client_report,
    "client-small": small_client_report,
    "client-long": partial(example_client_report, brand=_LONG_NUMBERS),
}
_REPORTS: dict[str, Callable[[], Any]] = {
    **_CLIENTS,
    "model": example_report,
    "four-channels": small_example,
    "regions": lambda: small_example(regions={"last weeks": region_example()}),
    "dashboard": example_dashboard,
    **{kind: EXAMPLES[kind] for kind in _KINDS},
}
_WIDTHS = {"desk": 1280, "phone": 400}


@cache
def _page(name: str) -> Page:
    report = _REPORTS[name]()
    return client_page(report) if name in _CLIENTS else page_of(report)


pytestmark = pytest.mark.skipif(
    _CHROMIUM is None, reason="no Chromium found: install one or set CHROMIUM to its path"
)


@dataclass
class Visit:
    """An open report and what the browser said about it."""

    page: Any
    url: str
    report: str
    messages: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_CHROMIUM, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A report by its name, in a file that is written once."""
    folder = tmp_path_factory.mktemp("reports")
    return cache(lambda name: write(_page(name), folder / f"{name}.html"))


@pytest.fixture(
    scope="module",
    params=[(report, width) for report in _REPORTS for width in _WIDTHS],
    ids=lambda case: "-".join(case),
)
def visit(
    browser: Any, file_of: Callable[[str], Path], request: pytest.FixtureRequest
) -> Iterator[Visit]:
    report, width = request.param
    path = file_of(report)
    size = {"width": _WIDTHS[width], "height": 800}
    context = browser.new_context(viewport=size, offline=True)
    page = context.new_page()
    visit = Visit(page, path.as_uri(), report)
    page.on("console", lambda message: visit.messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("request", lambda sent: visit.requests.append(sent.url))
    page.on("dialog", lambda dialog: _note_and_close(visit, dialog))
    page.goto(visit.url)
    page.wait_for_selector("html[data-drawn]", timeout=_PATIENCE_MS)
    yield visit
    context.close()


def test_every_figure_is_drawn(visit: Visit) -> None:
    drawn = visit.page.evaluate(
        """() => Array.from(document.querySelectorAll(".plot"), plot => {
            const box = plot.querySelector("svg.main-svg")?.getBoundingClientRect();
            const marks = plot.querySelectorAll(".trace path, .trace .point").length;
            return {panel: plot.dataset.panel, width: box?.width, height: box?.height, marks};
        })"""
    )
    expected = sum(len(drawing.panels) for drawing in _page(visit.report).drawings)
    assert len(drawn) == expected
    empty = [plot for plot in drawn if not (plot["width"] and plot["height"] and plot["marks"])]
    assert empty == []


def test_browser_has_no_complaints(visit: Visit) -> None:
    assert visit.messages == []
    assert visit.errors == []


def test_nothing_is_requested_but_the_file(visit: Visit) -> None:
    assert visit.requests == [visit.url]


def test_names_do_not_run(visit: Visit) -> None:
    assert visit.dialogs == []
    assert visit.page.evaluate("document.body.textContent").count(NASTY) > 0


def test_page_does_not_scroll_sideways(visit: Visit) -> None:
    inner, needed = visit.page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert needed <= inner


def test_figures_stay_within_their_frames(visit: Visit) -> None:
    assert _sticking_out(visit.page) == []


def test_labels_are_not_cut(visit: Visit) -> None:
    cut = visit.page.evaluate(
        """() => Array.from(document.querySelectorAll(".plot svg text")).filter(text => {
            const own = text.getBoundingClientRect();
            const frame = text.closest(".plot").getBoundingClientRect();
            return own.width && (own.left < frame.left - 1 || own.right > frame.right + 1
                || own.bottom > frame.bottom + 1);
        }).map(text => text.textContent)"""
    )
    assert cut == []


def test_names_and_values_do_not_overlap(visit: Visit) -> None:
    overlapping = visit.page.evaluate(
        """() => Array.from(document.querySelectorAll(".plot")).flatMap(plot => {
            const texts = plot.querySelectorAll(".annotation-text");
            const boxes = Array.from(texts, text => [text, text.getBoundingClientRect()]);
            return boxes.filter(([a, p]) => boxes.some(([b, q]) => a !== b && p.left < q.right
                && q.left < p.right && p.top < q.bottom - 2 && q.top < p.bottom - 2))
                .map(([text]) => text.textContent);
        })"""
    )
    assert overlapping == []


def test_figures_are_fitted_to_paper_and_back(visit: Visit) -> None:
    width = "document.querySelector('.plot').clientWidth"
    before = visit.page.evaluate(width)
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert _sticking_out(visit.page) == []
    details = "Array.from(document.querySelectorAll('details'))"
    assert visit.page.evaluate(f"{details}.every(one => one.open)")
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert _sticking_out(visit.page) == []
    assert visit.page.evaluate(width) == before
    assert not visit.page.evaluate(f"{details}.some(one => one.open)")


def test_prints_on_several_pages(visit: Visit, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    visit.page.pdf(path=str(target), prefer_css_page_size=True, print_background=True)
    content = target.read_bytes()
    assert len(content) > _SMALLEST_PDF
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1


@pytest.mark.parametrize("name", _CLIENTS)
def test_page_one_fits_on_one_sheet(
    browser: Any, file_of: Callable[[str], Path], name: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(file_of(name).as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=_PATIENCE_MS)
    alone = "body > :not(#page-one) { display: none !important; } #page-one { break-after: auto; }"
    page.add_style_tag(content=alone)
    content = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
    page.evaluate("document.documentElement.classList.add('paper')")
    page.emulate_media(media="print")
    outside = page.evaluate(
        """() => Array.from(document.querySelectorAll("#page-one *")).filter(
            part => part.getBoundingClientRect().right > 691).map(part => part.textContent)"""
    )
    assert outside == []
    page.close()


@pytest.mark.parametrize("name", _CLIENTS)
def test_nothing_is_wider_than_paper(
    browser: Any, file_of: Callable[[str], Path], name: str
) -> None:
    """Or the browser would make all of the pages smaller."""
    page = browser.new_page(viewport={"width": 690, "height": 1000})
    page.goto(file_of(name).as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=_PATIENCE_MS)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 690
    page.close()


def test_tables_are_files(browser: Any, file_of: Callable[[str], Path], tmp_path: Path) -> None:
    context = browser.new_context(accept_downloads=True, offline=True)
    page = context.new_page()
    page.goto(file_of("client").as_uri())
    with page.expect_download() as waiting:
        page.click("#budget .downloads a >> nth=0")
    target = tmp_path / "saved.csv"
    waiting.value.save_as(target)
    assert waiting.value.suggested_filename == "budget.csv"
    saved = pd.read_csv(target, index_col=0)
    advice = example_client_report().recommendation
    assert advice is not None
    assert saved["recommended"].sum() == pytest.approx(advice.total)
    context.close()


def _note_and_close(visit: Visit, dialog: Any) -> None:
    visit.dialogs.append(dialog.message)
    dialog.dismiss()


def _sticking_out(page: Any) -> list[str]:
    """Panels whose drawing is wider than its place or leaves much of it empty."""
    widths = page.evaluate(
        """() => Array.from(document.querySelectorAll(".plot"), plot => [plot.dataset.panel,
            plot.clientWidth, plot.querySelector("svg.main-svg").getBoundingClientRect().width])"""
    )
    return [panel for panel, place, drawing in widths if abs(place - drawing) > 1]
