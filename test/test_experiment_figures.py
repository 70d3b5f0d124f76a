"""Figures of experiments: titles say what was found, numbers are those of the results."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from experiment_data import COVARIATES, users
from sklearn.linear_model import LinearRegression

from pymc_toolkit.experiments import cuped, difference_in_means, uplift_segments
from pymc_toolkit.reports.experiment_figures import _span, effects, standalone, uplift_segmentation


@pytest.fixture(scope="module")
def segments():
    return uplift_segments(users(1000, slope=1.0), COVARIATES, outcome_model=LinearRegression())


def test_effects_count_intervals_that_hold_the_truth() -> None:
    table = users()
    found = {"plain": difference_in_means(table), "adjusted": cuped(table, COVARIATES)}
    drawing = effects(found, "orders", truth=0.5)
    inside = sum(estimate.contains(0.5) for estimate in found.values())
    assert drawing.title == (
        f"The intervals of {inside} of 2 methods contain the true effect of 0.5 orders "
        "per treated unit"
    )
    figure = drawing.panels[0].figure
    assert list(figure.data[0].x) == [estimate.effect for estimate in found.values()]
    assert figure.layout.xaxis.title.text == "Effect per treated unit (orders)"
    assert "true effect" in [key.label for key in drawing.legend]
    without = effects(found, "orders")
    assert "2 methods put the effect at" in without.title
    assert len(without.legend) == 1


def test_segments_and_gain(segments) -> None:
    drawing = uplift_segmentation(segments, "orders")
    assert drawing.title.startswith("Whom to treat first matters: the effect is ")
    rows, gain, extra = (panel.figure for panel in drawing.panels)
    np.testing.assert_allclose(rows.data[0].x, segments.segments["effect"])
    np.testing.assert_allclose(rows.data[1].x, segments.segments["predicted"])
    assert rows.layout.xaxis.title.text == "Effect per unit (orders)"
    curve = segments.curve.iloc[np.linspace(0, 1000, 401).round().astype(int)]
    np.testing.assert_allclose(gain.data[1].x, curve["share"])
    np.testing.assert_allclose(gain.data[1].y, curve["gain"])
    np.testing.assert_allclose(gain.data[2].y, segments.curve["random"])
    assert gain.layout.yaxis.title.text == "Gain per unit of all (orders)"
    np.testing.assert_allclose(extra.data[1].y, curve["extra"])
    assert gain.layout.xaxis.title.text == "Share of units treated"
    for text in (drawing.alt, drawing.note):
        assert text.endswith(".")


def test_no_claim_without_proof(segments) -> None:
    check = dataclasses.replace(segments.verdict.checks[0], status="review")
    verdict = dataclasses.replace(segments.verdict, checks=(check,))
    drawing = uplift_segmentation(dataclasses.replace(segments, verdict=verdict), "orders")
    assert drawing.title.startswith("Whom to treat first is not shown to matter")


def test_units_are_shown_literally(segments) -> None:
    drawing = uplift_segmentation(segments, "<b>orders</b>")
    assert "&lt;b&gt;" in drawing.panels[0].figure.layout.xaxis.title.text
    for figure in standalone(drawing):
        assert "<b>orders" not in figure.layout.title.text


def test_figures_stand_alone(segments) -> None:
    drawing = uplift_segmentation(segments, "orders")
    first, second, _ = (figure.layout.title.text for figure in standalone(drawing))
    assert "Whom to treat first" in first
    assert "<b>Effect by segment</b>" in first
    assert "<b>Gain by share of units treated (Qini curve)</b>" in second
    assert "measured" in first
    assert drawing.panels[0].figure.layout.title.text is None


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ((0.15094, 0.15006, 0.15183), "0.1509 (0.1501-0.1518)"),
        ((0.15, 0.15, 0.15), "0.1500 (0.1500-0.1500)"),
        ((12.3, -4.0, 28.6), "12 (-4 to 29)"),
        ((12_345.0, 2_300.0, 22_345.0), "12.3k (2.3k-22.3k)"),
        ((0.5, float("nan"), float("nan")), "0.5"),
    ],
)
def test_effects_have_the_digits_that_intervals_give_them(
    figures: tuple[float, float, float], text: str
) -> None:
    written = _span(*figures).replace("\N{EN DASH}", "-").replace("\N{MINUS SIGN}", "-")
    assert written == text
