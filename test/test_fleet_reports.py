"""Reports of fleets: what is on the page follows from the numbers, whatever things are called."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from typing import Any

import pandas as pd
import pytest
from fleet_report_examples import (
    CHANNELS,
    EXAMPLES,
    TRACEBACK,
    forecast_example,
    holdout_example,
    overview_example,
    recovery_example,
    stability_example,
)
from report_examples import NASTY, QUOTED

from pymc_toolkit.reports.fleet_contract import FleetReport
from pymc_toolkit.reports.formats import MISSING
from pymc_toolkit.reports.look import Drawing
from pymc_toolkit.reports.recovery_figures import coverage
from pymc_toolkit.reports.render import page_of, render


@pytest.fixture(scope="module", params=EXAMPLES)
def report(request: pytest.FixtureRequest) -> FleetReport:
    return EXAMPLES[request.param]()


@pytest.fixture(scope="module")
def page(report: FleetReport) -> str:
    return render(report)


@pytest.fixture(scope="module")
def drawings(report: FleetReport) -> list[Drawing]:
    return list(page_of(report).drawings)


def titles(report: FleetReport) -> dict[str, str]:
    return {drawing.key: drawing.title for drawing in page_of(report).drawings}


def text_of(page: str) -> str:
    """What a reader sees, without markup and scripts."""
    without = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<wbr>|<[^>]*>", "", without)).split())


def test_the_first_screen_says_what_was_asked_and_why(report: FleetReport, page: str) -> None:
    text = text_of(page)
    expected = [report.question, report.headline, report.verdict.sentence]
    expected += [check.sentence for check in report.verdict.checks]
    positions = [text.index(" ".join(part.split())) for part in expected]
    assert positions[:3] == sorted(positions[:3])
    assert max(positions) < text.index("Provenance")


def test_names_are_shown_and_do_not_run(page: str) -> None:
    assert NASTY not in page
    assert "<b>it's</b>" not in page
    assert page.count("<script") == 3
    assert QUOTED in text_of(page)


def test_pages_are_small_and_ask_for_nothing(page: str) -> None:
    assert len(page.encode()) < 6e6
    assert "default-src 'none'" in page
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(https?:)?//", own)


def test_figures_have_titles_axes_and_alternatives(page: str, drawings: list[Drawing]) -> None:
    keys = [drawing.key for drawing in drawings]
    assert keys
    assert len(set(keys)) == len(keys)
    for drawing in drawings:
        assert len(drawing.title) > 15, drawing.key
        assert len(drawing.alt) > 40, drawing.key
        assert len(drawing.note) > 40, drawing.key
        axes = [panel.figure.layout.xaxis for panel in drawing.panels]
        dated = any(isinstance(axis.hoverformat, str) for axis in axes)
        assert dated or drawing.key == "parameters" or all(axis.title.text for axis in axes)
    assert page.count('role="img"') == sum(len(drawing.panels) for drawing in drawings)


def test_figures_are_data_for_the_page(page: str, drawings: list[Drawing]) -> None:
    found = re.search(r'id="figures">(.*?)</script>', page, flags=re.DOTALL)
    assert found is not None
    panels = sum(len(drawing.panels) for drawing in drawings)
    assert len(json.loads(found[1])) == panels


def test_every_member_is_listed_and_failures_can_be_unfolded(
    report: FleetReport, page: str
) -> None:
    text = text_of(page)
    for name, row in report.members.iterrows():
        finished = row["state"] == "finished"
        cells = "Finished 0 1.004 812 3.0%" if finished else f"Failed{4 * f' {MISSING}'}"
        assert f"{' '.join(str(name).split())} {cells}" in text
    assert page.count('<details class="failure">') == len(report.failures)
    assert page.count(html.escape("<b>here</b>")) == len(report.failures)
    assert "<b>here</b>" not in page


def test_a_fleet_of_failures_still_has_a_page(report: FleetReport) -> None:
    members = report.members.assign(state="failed")
    empty = {
        field.name: getattr(report, field.name).iloc[:0]
        for field in dataclasses.fields(report)
        if isinstance(getattr(report, field.name), pd.DataFrame)
        and field.name not in ("members", "clients")
    }
    changes: dict[str, Any] = {"members": members, "failures": {"a": TRACEBACK}}
    failed = dataclasses.replace(report, **empty, **changes)
    assert [section.key for section in page_of(failed).shown][-1] == "members"
    assert render(failed)


def test_recovery_counts_truths() -> None:
    report = recovery_example()
    found = titles(report)
    table = report.channels
    inside = int(((table["ci_low"] <= table["truth"]) & (table["truth"] <= table["ci_high"])).sum())
    assert found["contributions"].startswith(f"{inside} of 260 true total contributions")
    assert found["coverage"] == "85% of the true parameters lie in their 90% intervals"
    # The intercept's ranks are all at one end; of the others chance takes a few.
    assert report.ranks is not None
    out_of = re.match(r"Ranks of (\d+) of 27", found["ranks"])
    assert out_of is not None
    assert 22 <= int(out_of[1]) <= 26
    assert "ranks" not in titles(recovery_example(1))


def test_coverage_is_weighted_by_the_number_of_truths() -> None:
    scores = recovery_example().scores.assign(coverage_90=[1.0, 1.0, 0.5], scalars=[1.0, 1.0, 98.0])
    assert coverage(recovery_example(scores=scores)).title.startswith("51%")


def test_holdout_titles_follow_from_the_numbers() -> None:
    report = holdout_example()
    held = pd.concat([table[table["holdout"]] for table in report.forecasts.values()])
    inside = int(held["actual"].between(held["ci_low"], held["ci_high"]).sum())
    found = titles(report)
    assert found["predictions"] == f"{inside} of 72 held-out weeks fell inside the 90% intervals"
    assert found["errors"].startswith("The model predicted better than every baseline at 3 of 3")
    is_model = report.scores["prediction"] == "model"
    swapped = report.scores.assign(crps=report.scores["crps"].mask(is_model, 9.0))
    worse = titles(holdout_example(scores=swapped))
    assert worse["errors"].startswith("The model predicted better than every baseline at 0 of 3")


def test_stability_titles_follow_from_the_numbers() -> None:
    found = titles(stability_example())
    assert found["changes"].startswith("2 of 3 kinds of change")
    assert "should fall by 50% or more" in found["placebo"]
    drift = stability_example().drift
    shuffled = drift[(drift["kind"] == "placebo") & (drift["channel"] == CHANNELS[0])]
    change = float(shuffled["roi_change"].iloc[0])
    assert ("fell by" if change < 0 else "rose by") in found["placebo"]


def test_stability_without_its_parts() -> None:
    report = stability_example()
    without = stability_example(
        drift=report.drift[report.drift["kind"] == "seed"], tests=report.tests.loc[["seed"]]
    )
    assert set(titles(without)) == {"changes", "returns"}
    bare = stability_example(drift=report.drift.iloc[:0], tests=report.tests.iloc[:0])
    assert titles(bare) == {}
    assert render(bare)


def test_forecast_titles_follow_from_the_numbers() -> None:
    found = titles(forecast_example())
    assert "most under \u201cflat\u201d" in found["scenarios"]
    assert found["differences"].startswith("2 of 3 plans clearly bring more")
    assert "differences" not in titles(forecast_example(1))
    assert "rests on the assumed shape of saturation" in text_of(render(forecast_example()))
    assert "rests on the assumed shape" not in text_of(render(forecast_example(1)))


def test_overview_links_to_each_report() -> None:
    report = overview_example()
    page = render(report)
    assert 'href="overview-client%200%3F%26%23.html"' in page
    assert len(re.findall(r'href="overview-client', page)) == 19
    better = int((report.clients["crps"] < report.clients["naive_crps"]).sum())
    assert titles(report)["errors"].startswith(f"{better} of 19 models")
    text = text_of(page)
    assert text.index("broken Failed") < text.index("client 3 Passed")
