"""What reports say of single regions, and that they never praise what needs no model."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from fleet_report_examples import holdout_example
from region_examples import region_example
from report_examples import NASTY, small_example
from test_fleet_reports import text_of

from pymc_toolkit.reports import region_tables
from pymc_toolkit.reports.formats import MISSING, human, percent
from pymc_toolkit.reports.region_figures import region_errors
from pymc_toolkit.reports.render import page_of, render

NONE = float("nan")


def one(**changes: float | int | tuple[float, float, float]):
    """A report on one model of several regions."""
    return small_example(regions={"client": region_example(**changes)})


def several(**changes: float | int | tuple[float, float, float]):
    """A report on two holdouts of several regions."""
    parts = {"4 weeks": region_example(**changes), "8 weeks": region_example(**changes)}
    parts["4 weeks"] = dataclasses.replace(parts["4 weeks"], held_out=4)
    return dataclasses.replace(holdout_example(), regions=parts)


def test_the_finding_is_told_against_the_best_rule() -> None:
    report = one()
    table, regions = report.regions["client"].table, report.regions["client"].regions
    model, best = table.loc["model", "wape"], table["wape"].drop("model").min()
    errors = regions.pivot(index="region", columns="prediction", values="error")
    rule = table["wape"].drop("model").idxmin()
    wins = int((errors["model"] < errors[rule]).sum())
    said = region_tables.finding(report)
    assert f"week by week, are off by {percent(model)} of" in said
    assert f"{region_tables.RULES[rule]}, is off by {percent(best)}: the model takes" in said
    assert f"takes {percent(1 - model / best)} of that error away" in said
    assert f"closer in {wins} of 40 regions" in said


def test_a_model_that_is_worse_than_a_rule_is_not_praised() -> None:
    said = region_tables.finding(one(model=0.4))
    assert "as good or better, so do not use the model to forecast single regions" in said
    assert "takes" not in said
    drawing = region_errors(one(model=0.4, rules=(0.1, 0.2, 0.25)))
    assert drawing is not None
    assert drawing.title == (
        "In 0 of 40 regions the model is closer than repeating the last value, the best simple rule"
    )


def test_a_rule_that_says_nothing_is_none_to_compare_with() -> None:
    report = one(rules=(0.3, NONE, 0.25))
    assert "repeating each region's average, is off" in region_tables.finding(report)
    table = region_tables.region_scores(report)
    assert table is not None
    assert table.rows[2] == ["Seasonal naive", *[MISSING] * 6]
    alone = one(rules=(NONE, NONE, NONE))
    assert region_errors(alone) is None
    assert region_tables.largest_errors(alone) is None
    assert "nothing to compare them with" in region_tables.finding(alone)


@pytest.mark.parametrize("report", [one(), several()], ids=["model", "holdout"])
def test_a_pooled_r_squared_never_stands_alone(report) -> None:
    said = region_tables.on_pooled(report)
    assert "0.97 for the model and 0.95 for repeating each region's average" in said
    table = region_tables.region_scores(report)
    assert table is not None
    pooled = [row[5] for row in table.rows]
    assert pooled == ["0.97", "0.95", "0.95", "0.95"] * len(report.regions)
    assert [column for column in table.columns if "together" in column] == [table.columns[5]]
    text = text_of(render(report))
    assert said in text
    # In that sentence, in the table, and nowhere else.
    assert text.count("0.97") == 1 + len(report.regions)


def test_several_holdouts_are_averaged_and_told_apart() -> None:
    report = several()
    assert region_tables.finding(report).startswith("On average over 2 holdouts, forecasts of")
    assert "of 80 cases" in region_tables.finding(report)
    table = region_tables.region_scores(report)
    assert table is not None
    assert [row[0] for row in table.rows][:2] == ["4 weeks: model", "4 weeks: last value"]
    largest = region_tables.largest_errors(report)
    assert largest is not None
    assert "largest errors, 8 weeks" in largest.caption
    drawing = region_errors(report)
    assert drawing is not None
    assert [panel.label for panel in drawing.panels] == ["4 weeks", "8 weeks"]


def test_every_region_is_a_dot_unless_it_is_said_to_be_left_out() -> None:
    drawing = region_errors(one())
    assert drawing is not None
    dots = [t for t in drawing.panels[0].figure.data if t.mode == "markers" and len(t.x) > 1]
    assert [len(trace.x) for trace in dots] == [40] * 4
    assert "not shown" not in drawing.note
    part = region_example()
    regions = part.regions.copy()
    regions.loc[regions["prediction"].eq("model") & regions["region"].eq(NASTY), "wape"] = 9.0
    dark = regions["region"].eq("a region with a long name 3")
    regions.loc[dark, "wape"] = np.nan
    odd = dataclasses.replace(part, regions=regions)
    drawing = region_errors(small_example(regions={"client": odd}))
    assert drawing is not None
    dots = [t for t in drawing.panels[0].figure.data if t.mode == "markers" and len(t.x) > 1]
    assert [len(trace.x) for trace in dots] == [38, 39, 39, 39]
    assert re.search(r"1 dot beyond \d+% not shown\.", drawing.note)
    assert "Left out: 1 region without any" in drawing.note


def test_medians_are_written_beside_each_forecast() -> None:
    drawing = region_errors(one())
    assert drawing is not None
    regions = region_example().regions
    labels = {note.text for note in drawing.panels[0].figure.layout.annotations}
    for name, median in regions.groupby("prediction")["wape"].median().items():
        assert {name, f"median {percent(median)}"} <= labels
        assert f"{name} {percent(median)}" in drawing.alt


def test_the_largest_errors_come_first() -> None:
    table = region_tables.largest_errors(one())
    regions = region_example().regions
    model = regions[regions["prediction"] == "model"].nlargest(10, "error")
    assert table is not None
    assert [row[0] for row in table.rows] == model["region"].to_list()
    assert [row[3] for row in table.rows] == [human(error) for error in model["error"]]
    share = model["error"].sum() / regions[regions["prediction"] == "model"]["error"].sum()
    assert table.caption.endswith(f": {percent(share)} of all errors")


def test_the_section_is_there_for_a_panel_alone() -> None:
    for with_regions, without in ((one(), small_example()), (several(), holdout_example())):
        assert "regions" in [section.key for section in page_of(with_regions).shown]
        assert "regions" not in [section.key for section in page_of(without).shown]
    page = render(one())
    assert NASTY not in page
    assert "Does it foresee each region?" in text_of(page)
