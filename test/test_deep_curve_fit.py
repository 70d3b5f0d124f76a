"""Response curves: known curves are found, and few or odd points are no trouble."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import ResponseCurveFit, ResponseCurveFitter
from pymc_toolkit.exceptions import ColumnError, DataError, NotFittedError, SpecificationError


def table(x: Any, y: Any, price: float = 1.0) -> pd.DataFrame:
    x = np.asarray(x, dtype=float)
    weeks = pd.date_range("2026-01-05", periods=len(x), freq="W-MON")
    return pd.DataFrame(
        {"week_monday": weeks, "impressions": x, "spend": price * x, "predicted": np.asarray(y)}
    )


def hill(x: Any, top: float, saturation: float, slope: float) -> np.ndarray:
    """The curve as it is usually written, for the oracle."""
    x = np.asarray(x, dtype=float)
    return top * x**slope / (saturation**slope + x**slope)


@given(
    st.floats(0.7, 4.0),
    st.floats(0.15, 0.8),
    st.floats(1e-2, 1e8),
    st.floats(1e-2, 1e8),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_curve_without_noise_is_found(
    slope: float, half: float, largest: float, top: float
) -> None:
    """Whatever the units of spend and of what is earned."""
    x = largest * np.linspace(0.02, 1.0, 40)
    curve = ResponseCurveFit(table(x, hill(x, top, half * largest, slope))).fit()
    assert curve.slope == pytest.approx(slope, rel=1e-2)
    assert curve.saturation == pytest.approx(half * largest, rel=2e-2)
    assert curve.top == pytest.approx(top, rel=2e-2)
    assert curve.bottom == 0.0
    assert curve.r_2 == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.linspace(1_000.0, 60_000.0, 50)
    y = hill(x, 9_000.0, 25_000.0, 3.0) * rng.normal(1.0, 0.02, size=50)
    curve = ResponseCurveFit(table(x, y)).fit()
    assert curve.slope == pytest.approx(3.0, abs=0.4)
    assert curve.saturation == pytest.approx(25_000.0, rel=0.1)
    assert curve.r_2 > 0.98


def test_a_bottom_if_asked_for() -> None:
    x = np.linspace(0.0, 100.0, 60)
    data = table(x, 20.0 + hill(x, 50.0, 40.0, 2.0))
    curve = ResponseCurveFit(data, bottom_param=True).fit()
    found = (curve.bottom, curve.top, curve.saturation, curve.slope)
    np.testing.assert_allclose(found, (20.0, 70.0, 40.0, 2.0), rtol=1e-2)
    without = ResponseCurveFit(data).fit()
    assert without.bottom == 0.0
    assert without.r_2 < curve.r_2


@given(
    st.integers(3, 30), st.integers(0, 10**6), st.booleans(), st.sampled_from(["noise", "falling"])
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_whatever_the_points_the_curve_is_one(
    points: int, seed: int, bottom: bool, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 100.0, size=points)
    y = rng.gamma(1.0, 10.0, size=points) if kind == "noise" else 1e4 / (1.0 + x)
    curve = ResponseCurveFit(table(x, y), bottom_param=bottom).fit()
    assert curve.slope > 0
    assert curve.saturation > 0
    assert 0 <= curve.bottom <= curve.top
    assert curve.r_2 >= 0
    spend = np.linspace(-10.0, 10 * x.max(), 200)
    earned = curve.predict(spend)
    assert earned.shape == (200,)
    assert (earned >= 0).all()
    assert (earned <= curve.top * (1 + 1e-12)).all()
    assert (np.diff(earned) >= 0).all()
    # No worse than the level line through the points that a Hill curve can be.
    level = np.square(y - y.mean()).sum()
    assert bottom is False or np.square(y - curve.predict(x)).sum() <= level * 1.01


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bottom", [False, True])
def test_three_points_and_a_straight_line(bottom: bool) -> None:
    three = ResponseCurveFitter(table([1.0, 2.0, 3.0], [1.0, 1.8, 2.2]), bottom_param=bottom).fit()
    assert three.r_2 > 0.99
    line = ResponseCurveFit(table(np.arange(1.0, 7.0), 10 * np.arange(1.0, 7.0))).fit_model()
    assert line.r_2 > 0.99


def test_nothing_that_varies_leaves_nothing_to_explain() -> None:
    assert np.isnan(ResponseCurveFit(table([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])).fit().r_2)


def test_rows_of_a_date_are_added_up_and_spend_is_at_the_average_price() -> None:
    rng = np.random.default_rng(2)
    parts = [table(rng.gamma(2.0, 50.0, 12), rng.gamma(2.0, 5.0, 12), p) for p in (1.0, 3.0)]
    data = pd.concat(parts).sample(frac=1.0, random_state=1)
    copy = data.copy()
    x = parts[0]["impressions"] + parts[1]["impressions"]
    x *= data["spend"].sum() / data["impressions"].sum()
    y = parts[0]["predicted"] + parts[1]["predicted"]
    added = ResponseCurveFit(data).fit()
    by_hand = ResponseCurveFit(table(x, y).sample(frac=1.0, random_state=3)).fit()
    assert added.get_summary()["params"] == pytest.approx(by_hand.get_summary()["params"], rel=1e-4)
    each = ResponseCurveFit(data, model_level="DMA").fit()
    days = pd.date_range("2025-01-01", periods=len(data))
    alone = ResponseCurveFit(data.assign(week_monday=days)).fit()
    assert each.get_summary()["params"] == pytest.approx(alone.get_summary()["params"], rel=1e-4)
    pd.testing.assert_frame_equal(data, copy)


def test_names_of_the_published_package() -> None:
    assert ResponseCurveFitter is ResponseCurveFit
    data = table(np.arange(1.0, 9.0), hill(np.arange(1.0, 9.0), 5.0, 3.0, 2.0))
    curve = ResponseCurveFit(data=data.rename(columns={"week_monday": "week"}), date_col="week")
    assert (curve.model_level, curve.date_col, curve.bottom_param) == ("Overall", "week", False)
    assert (curve.Modellevel, curve.Datecol) == ("Overall", "week")
    assert "week" in curve.data
    curve.fit(generate_figure=False, print_r_sqr=False)
    summary = curve.get_summary()
    assert summary["params"] == {
        "slope": curve.slope,
        "saturation": curve.saturation,
        "top": curve.top,
        "bottom": 0.0,
    }
    assert summary["r2"] == curve.r_2
    assert summary["equation"] == "y = 5 * x^2 / (3^2 + x^2)"


def test_the_equation_by_hand() -> None:
    data = table([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    x = np.array([0.0, 1.0, 3.0, 1e6])
    plain = ResponseCurveFit(data)
    for equation in (plain.Hill, plain._hill_equation):
        np.testing.assert_allclose(equation(x, 10.0, 4.0, 3.0, 2.0), [0.0, 1.0, 5.0, 10.0])
    raised = ResponseCurveFit(data, bottom_param=True).Hill(x, 10.0, 4.0, 3.0, 2.0)
    np.testing.assert_allclose(raised, [4.0, 4.6, 7.0, 10.0])
    # Neither overflows nor is it NaN.
    assert plain.Hill(1e300, 1.0, 0.0, 1.0, 20.0) == 1.0


def test_r2_is_logged_not_printed(capsys: Any, caplog: Any) -> None:
    data = table([1.0, 2.0, 3.0], [1.0, 1.8, 2.2])
    with caplog.at_level(logging.INFO):
        ResponseCurveFit(data).fit()
        assert not caplog.messages
        ResponseCurveFit(data).fit(print_r_sqr=True)
    assert "R² of the response curve: " in caplog.messages[0]
    assert capsys.readouterr().out == ""


POINTS = table([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (POINTS.drop(columns="spend"), ColumnError, "no columns 'spend'"),
        (POINTS.drop(columns="week_monday"), ColumnError, "no columns 'week_monday'"),
        (POINTS.head(2), DataError, "Got 2 points"),
        (POINTS.assign(week_monday=POINTS["week_monday"][0]), DataError, "Got 1 points"),
        (POINTS.assign(predicted=0.0), DataError, "of which 0 earned"),
        (POINTS.assign(predicted=[1.0, np.nan, 2.0]), DataError, "missing or infinite"),
        (POINTS.assign(week_monday=pd.NaT), DataError, "missing or infinite"),
        (POINTS.assign(impressions=[1.0, -1.0, 2.0]), DataError, "negative impressions"),
        (POINTS.assign(spend=0.0), DataError, "no spend at all"),
    ],
)
def test_tables_that_have_no_curve(
    data: pd.DataFrame, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ResponseCurveFit(data)


def test_a_search_that_does_not_end_is_the_datas(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: Any, **__: Any) -> None:
        raise RuntimeError("Optimal parameters not found")

    monkeypatch.setattr("pymc_toolkit.engines.deep.curve_fit.curve_fit", endless)
    with pytest.raises(DataError, match="Got 3 points that no curve was found for"):
        ResponseCurveFit(POINTS).fit()


def test_what_is_refused() -> None:
    with pytest.raises(SpecificationError, match="'Overall', 'DMA'"):
        ResponseCurveFit(POINTS, model_level="overall")
    curve = ResponseCurveFit(POINTS)
    for use in (lambda: curve.predict([1.0]), curve.get_summary):
        with pytest.raises(NotFittedError, match="Call fit first"):
            use()
    with pytest.raises(SpecificationError, match="discoveries/"):
        curve.fit(generate_figure=True)
    with pytest.raises(TypeError):
        curve.fit(True)
