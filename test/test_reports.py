"""Reports, without a browser: what titles say, what is escaped, that nothing is fetched."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_examples import BEST, NASTY, QUOTED, UNPAID, example_report, only_channels

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.reports import tables, uplift_figures
from pymc_toolkit.reports.figures import (
    Drawing,
    actual_vs_fitted,
    contributions_over_time,
    draw_all,
    effectiveness,
    prior_vs_posterior,
    response_curves,
    return_on_spend,
    total_contributions,
    what_experiments_taught,
)
from pymc_toolkit.reports.formats import MISSING, human
from pymc_toolkit.reports.look import round_ticks
from pymc_toolkit.reports.render import render, write
from pymc_toolkit.verdicts import Check, Status, Verdict

_LARGEST = 6_000_000


class _Page(HTMLParser):
    """Attributes of every element, headings, scripts and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts.append(data)
        elif not self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="module")
def source() -> str:
    return render(example_report())


@pytest.fixture(scope="module")
def page(source: str) -> _Page:
    return _Page(source)


@pytest.fixture(scope="module")
def figures(page: _Page) -> dict[str, dict[str, object]]:
    panels: dict[str, dict[str, object]] = json.loads(page.scripts[0])
    return panels


def test_nasty_names_cannot_leave_their_place(source: str, page: _Page) -> None:
    assert NASTY not in source
    assert len(page.scripts) == 3  # figures, library, program
    assert NASTY in page.text
    assert QUOTED in page.text
    assert "Müller & Søn <Fashion>" in page.text


def test_nasty_names_are_literal_in_figures(figures: dict[str, dict[str, object]]) -> None:
    shown = json.dumps(figures, ensure_ascii=False)
    escaped = NASTY.replace("<", "&lt;").replace(">", "&gt;")
    assert escaped in shown
    assert NASTY not in shown
    assert "<b>" not in shown


def test_figures_json_holds_no_markup(source: str) -> None:
    block = source.split('id="figures">', 1)[1].split("</script>", 1)[0]
    assert not set("<>&\u2028\u2029") & set(block)


def test_page_asks_for_nothing(page: _Page) -> None:
    links = [
        attributes[name]
        for _, attributes in page.elements
        for name in ("src", "href", "srcset", "action", "data", "poster")
        if name in attributes
    ]
    assert links
    assert [link for link in links if not (link or "").startswith(("#", "data:"))] == []


def test_policy_forbids_requests_and_foreign_scripts(page: _Page) -> None:
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert rules["script-src"].count("sha256-") == 2


def test_page_is_small_enough_to_send(source: str) -> None:
    assert len(source.encode("utf-8")) < _LARGEST


def test_library_is_embedded_once(source: str) -> None:
    assert source.count("plotly.js v") == 1


def test_first_screen_says_what_was_asked_and_found(page: _Page) -> None:
    report = example_report()
    before_figures = page.text.split("Does the model foresee", 1)[0]
    for part in (report.question, report.headline, report.verdict.sentence, "Review"):
        assert part in before_figures
    for check in report.verdict.checks:
        assert check.sentence in before_figures


def test_footer_tells_where_numbers_come_from(page: _Page) -> None:
    provenance = example_report().provenance
    footer = page.text.split("Where these numbers come from", 1)[1]
    expected = ("4 Jan 2021", "29 Jan 2024", "1729", "pymc-marketing 1.3.0", "michaelis_menten")
    for part in (*expected, provenance.spec_hash, provenance.data_hash):
        assert part in footer


def test_headings_are_in_order(page: _Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1


def test_tables_are_readable_aloud(page: _Page) -> None:
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") > 0
    assert all(
        attributes.get("scope") in ("col", "row")
        for tag, attributes in page.elements
        if tag == "th"
    )


def test_every_panel_has_its_numbers_and_a_text(
    page: _Page, figures: dict[str, dict[str, object]]
) -> None:
    plots = [attributes for _, attributes in page.elements if attributes.get("class") == "plot"]
    assert {plot["data-panel"] for plot in plots} == set(figures)
    assert all(plot["aria-label"] for plot in plots)


def test_ids_are_unique(page: _Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_titles_name_the_largest() -> None:
    report = example_report()
    most = report.totals["contribution"].idxmax()
    assert most == BEST
    assert total_contributions(report).title.startswith(f"{most} earned the most: 1.5M (1.3M")
    paid = report.roi[report.roi["paid"].astype(bool)]
    returns = return_on_spend(report)
    assert returns is not None
    assert returns.title.startswith(f"{paid['roi'].idxmax()} returned the most: 6.38")


def test_title_follows_the_numbers() -> None:
    report = example_report()
    totals = report.totals.copy()
    totals.loc[QUOTED, ["contribution", "ci_low", "ci_high"]] = [9e6, 8e6, 1e7]
    title = total_contributions(example_report(totals=totals)).title
    assert title.startswith(f"{QUOTED} earned the most: 9.0M (8.0M")


def test_unpaid_channel_has_no_return_on_spend() -> None:
    drawing = return_on_spend(example_report())
    assert drawing is not None
    assert UNPAID not in drawing.alt
    paid, unpaid = tables.channels(example_report()), tables.unpaid_channels(example_report())
    assert paid is not None
    assert unpaid is not None
    assert UNPAID not in [row[0] for row in paid.rows]
    assert [row[0] for row in unpaid.rows] == [UNPAID]


def test_fit_title_counts_held_out_periods_inside() -> None:
    report = example_report()
    fit = report.fit.copy()
    fit.loc[fit.index[-1], "actual"] = fit["ci_high"].iloc[-1] + 1
    title = actual_vs_fitted(example_report(fit=fit)).title
    assert title.startswith("3 of 4 held-out weeks fell inside the 94% interval")
    assert title.endswith("off by 5.2% on average, the seasonal naive by 12%")


def test_title_without_a_baseline_does_not_compare() -> None:
    scores = example_report().scores.copy()
    scores.loc["seasonal naive"] = np.nan
    assert actual_vs_fitted(example_report(scores=scores)).title.endswith("5.2% on average")


def test_nothing_held_out() -> None:
    report = example_report()
    drawing = actual_vs_fitted(example_report(fit=report.fit.assign(holdout=False)))
    assert drawing.title.startswith("Nothing was held out")
    assert len(drawing.panels) == 1
    assert "held out" not in [key.label for key in drawing.legend]


def test_share_title_is_computed() -> None:
    report = example_report()
    media = report.components[list(report.totals.index)].to_numpy().sum()
    share = media / report.components.to_numpy().sum()
    assert f"Media brought {share:.0%} of" in contributions_over_time(report).title


def test_small_channels_are_drawn_together() -> None:
    drawing = contributions_over_time(example_report())
    assert "7 other channels" in [key.label for key in drawing.legend]
    traces = drawing.panels[0].figure.data
    stacked = sum(np.asarray(trace.y, dtype=float) for trace in traces if trace.stackgroup)
    expected = example_report().components.sum(axis=1)
    np.testing.assert_allclose(stacked, expected)


def test_missing_scores_are_dashes() -> None:
    rows = {row[0]: row[1:] for row in tables.scores(example_report()).rows}
    assert rows["Training mean, held out"][2:] == [MISSING, MISSING]
    assert rows["Model, held out"][0] == "5.2%"
    page = _Page(render(example_report(scores=example_report().scores * np.nan)))
    assert re.findall(r"(?i)\bnan\b", page.text) == []


def test_curves_are_dashed_beyond_what_was_observed() -> None:
    report = example_report()
    drawing = response_curves(report)
    assert len(drawing.panels) == len(report.totals)
    assert drawing.panels[0].label == BEST
    lines = [trace for trace in drawing.panels[0].figure.data if trace.line.dash]
    solid, dashed = lines
    seen = report.curves[(report.curves["channel"] == BEST) & report.curves["observed"]]
    assert solid.line.dash == "solid"
    assert max(solid.x) == min(dashed.x) == seen["spend"].max()


def test_effectiveness_title() -> None:
    drawing = effectiveness(example_report())
    assert drawing is not None
    assert drawing.title.startswith("Media worked best around 4 Jan 2021 (1.18 times")
    table = example_report().multiplier
    assert table is not None
    vague = effectiveness(example_report(multiplier=table.assign(ci_low=0.1, ci_high=3.0)))
    assert vague is not None
    assert vague.title == "Media effectiveness did not clearly change over time"


def test_prior_title_counts_what_was_learned() -> None:
    priors = example_report().priors
    same = priors.assign(posterior_low=priors["prior_low"], posterior_high=priors["prior_high"])
    n = len(priors)
    drawing = prior_vs_posterior(example_report(priors=same))
    assert drawing is not None
    assert drawing.title.startswith(f"The data narrowed 0 of {n} parameters")


def test_variables_of_hundreds_of_parameters_are_named_and_not_drawn() -> None:
    priors = example_report().priors
    many = priors.iloc[[0] * 190].assign(
        variable="level_of_a_region", coordinate=[f"region {i}" for i in range(190)]
    )
    drawing = prior_vs_posterior(example_report(priors=pd.concat([priors, many])))
    assert drawing is not None
    assert "level_of_a_region" not in [panel.label for panel in drawing.panels]
    assert "Not drawn, with over 60 rows each: level_of_a_region." in drawing.note
    assert prior_vs_posterior(example_report(priors=many)) is None


def test_basis_coefficients_are_not_drawn() -> None:
    priors = example_report().priors
    extra = priors.iloc[:3].assign(variable="media_hsgp_coefs_offset")
    drawing = prior_vs_posterior(example_report(priors=pd.concat([priors, extra])))
    assert drawing is not None
    assert "media_hsgp_coefs_offset" not in [panel.label for panel in drawing.panels]


def test_constant_effectiveness_has_no_section() -> None:
    report = example_report(multiplier=None)
    assert "effectiveness" not in draw_all(report)
    assert "equally well all the time" not in _Page(render(report)).text


def test_engine_that_does_not_sample() -> None:
    full = example_report()
    report = example_report(
        priors=full.priors.iloc[:0], diagnostics=full.diagnostics.iloc[:0], sampler={}
    )
    text = _Page(render(report)).text
    assert prior_vs_posterior(report) is None
    assert "what was assumed" not in text
    assert "R-hat" not in text.split("For data scientists", 1)[1]


def test_every_channel_paid() -> None:
    report = only_channels([BEST, QUOTED])
    assert tables.unpaid_channels(report) is None
    assert "not bought with money" not in _Page(render(report)).text


def test_no_channel_paid() -> None:
    report = only_channels([UNPAID])
    assert return_on_spend(report) is None
    text = _Page(render(report)).text
    assert "Paid channels" not in text
    assert "not bought with money" in text


def test_single_channel() -> None:
    report = only_channels([NASTY])
    assert total_contributions(report).title.startswith(NASTY)
    assert "other channels" not in str(contributions_over_time(report).legend)
    assert NASTY in _Page(render(report)).text


def test_channel_without_spend_is_left_out_of_returns() -> None:
    report = example_report()
    roi = report.roi.copy()
    roi.loc[BEST, ["spend", "roi", "ci_low", "ci_high"]] = [0.0, np.nan, np.nan, np.nan]
    curves = report.curves[report.curves["channel"] != BEST]
    bare = example_report(roi=roi, curves=curves, observed=report.observed.drop(index=BEST))
    drawing, table = return_on_spend(bare), tables.channels(bare)
    assert drawing is not None
    assert table is not None
    assert BEST not in drawing.alt
    assert {row[0]: row[-1] for row in table.rows}[BEST] == MISSING
    assert len(response_curves(bare).panels) == len(report.totals) - 1
    assert render(bare)


def test_negative_contributions() -> None:
    report = example_report()
    ends = ["contribution", "ci_low", "ci_high"]
    totals = report.totals.copy()
    totals[ends] = -report.totals[["contribution", "ci_high", "ci_low"]].to_numpy()
    channels = list(totals.index)
    components = report.components.copy()
    components[channels] = -components[channels]
    negative = example_report(totals=totals, components=components, media_share=(-0.9, -1.1, -0.7))
    assert total_contributions(negative).title.startswith("No channel added to the target")
    assert contributions_over_time(negative).title == "What ecommerce_revenue is made of"
    assert render(negative)


@pytest.mark.parametrize("status", list(Status))
def test_verdict_is_said_in_words(status: Status) -> None:
    verdict = Verdict((Check("Sampling", status, "It went so."),))
    text = _Page(render(example_report(verdict=verdict))).text
    assert tables.STATUS_WORDS[status] in text.split("Did it pass its checks?", 1)[1][:20]


def test_every_drawing_has_title_text_and_note() -> None:
    drawings: dict[str, Drawing] = draw_all(example_report())
    assert list(drawings) == [
        "fit",
        "over-time",
        "totals",
        "roi",
        "graph",
        "graph-returns",
        "curves",
        "effectiveness",
        "experiments",
        "priors",
    ]
    for drawing in drawings.values():
        assert all(len(text) > 20 for text in (drawing.title, drawing.alt, drawing.note))
        assert all(panel.figure.layout.height > 0 for panel in drawing.panels)


def test_write_makes_folders(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "Bericht März.HTML"
    assert write(example_report(), target) == target
    assert "Müller" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.txt"])
def test_write_refuses_other_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecificationError, match=r"\.html or \.htm"):
        write(example_report(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_write_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="is a folder"):
        write(example_report(), tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (7.0, "7"),
        (999.4, "999"),
        (999_600.0, "1.0M"),
        (-1_234.0, "\N{MINUS SIGN}1.2k"),
        (2.5e9, "2.5B"),
        (float("inf"), MISSING),
    ],
)
def test_human_numbers(value: float, text: str) -> None:
    assert human(value) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (0, 1e-6), (1e8, 1.3e8), (5, 5)])
def test_ticks_are_few_and_within(low: float, high: float) -> None:
    ticks = round_ticks(low, high)
    assert 1 <= len(ticks) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_break_even_is_only_drawn_where_target_and_spend_are_in_one_unit() -> None:
    money = return_on_spend(example_report())
    visits = return_on_spend(example_report(target_is_money=False))
    assert money is not None
    assert visits is not None
    assert [shape.x0 for shape in money.panels[0].figure.layout.shapes] == [1]
    assert not visits.panels[0].figure.layout.shapes
    assert not visits.legend
    assert "break-even" not in visits.note
    assert "than was spent" not in render(example_report(target_is_money=False))


def test_curves_of_paid_exposure_do_not_call_it_spend() -> None:
    report = example_report()
    name = report.curves["channel"].iloc[0]
    roi = report.roi.assign(money=report.roi.index != name)
    drawing = response_curves(example_report(roi=roi))
    by_label = {panel.label: panel.figure for panel in drawing.panels}
    assert by_label[name].layout.xaxis.title.text == "Exposure per week"
    others = [figure for label, figure in by_label.items() if label not in (name, UNPAID)]
    assert {figure.layout.xaxis.title.text for figure in others} == {"Spend per week"}


def test_experiments_are_shown_beside_what_the_model_says() -> None:
    report = example_report()
    drawing = what_experiments_taught(report)
    assert drawing is not None
    assert drawing.title == (
        "2 of 3 experiments surprised the model; 1 still contradicts the other evidence"
    )
    measured, before, after = drawing.panels[0].figure.data
    assert list(measured.x) == [31_000, 900, -4_000, 6_500]
    # A bound runs from end to end around its middle.
    assert (measured.error_x.array[3], measured.error_x.arrayminus[3]) == (3_500, 3_500)
    # At 94%, the report's own probability.
    assert measured.error_x.array[0] == pytest.approx(1.8808 * 3_000, rel=1e-3)
    assert before.x[0] == 18_000
    assert list(after.x)[3] == 8_000
    table = uplift_figures.experiments(report)
    assert table is not None
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["between 3 and 10 thousand"][4:] == [MISSING, MISSING]
    assert rows[BEST][0] == "2023-03-06 to 2023-04-02"
    assert rows[BEST][4] == "2.1%"
    changed = {row[0]: row[1:] for row in uplift_figures.returns(report).rows}
    assert changed[BEST][2] == "50% narrower"
    assert what_experiments_taught(example_report(experiments=None)) is None
    assert uplift_figures.experiments(example_report(experiments=None)) is None
    assert uplift_figures.returns(example_report(experiments=None)) is None


@pytest.mark.parametrize(
    ("kept", "title"),
    [
        ([0], "The experiment surprised the model; the model agrees with it now"),
        ([1], "The experiment was no surprise; the model agrees with it now"),
        ([2], "The experiment surprised the model; it contradicts the other evidence"),
        ([0, 1], "1 of 2 experiments surprised the model; it agrees with all of them now"),
        ([3], "The model was held to 1 bound set by the business"),
    ],
)
def test_the_title_says_what_experiments_did(kept: list[int], title: str) -> None:
    some = example_report().experiments.iloc[kept].reset_index(drop=True)
    assert what_experiments_taught(example_report(experiments=some)).title == title


def test_a_bound_with_one_end_is_drawn_at_it() -> None:
    table = example_report().experiments.iloc[[3]].reset_index(drop=True).assign(upper=None)
    measured = what_experiments_taught(example_report(experiments=table)).panels[0].figure.data[0]
    assert list(measured.x) == [3_000]
    assert (measured.error_x.array[0], measured.error_x.arrayminus[0]) == (0, 0)
