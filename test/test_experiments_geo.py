"""Tests in regions: against closed forms and brute force, and by coverage."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from experiment_data import regions
from scipy import stats

from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import ColumnError, DataError, SpecificationError
from pymc_toolkit.experiments import difference_in_differences, synthetic_control
from pymc_toolkit.experiments.weights import simplex_weights

START = "2024-05-20"  # the 21st week of the simulated regions
BOTH = pytest.mark.parametrize("estimator", [difference_in_differences, synthetic_control])


def wide(table: pd.DataFrame) -> np.ndarray:
    return table.pivot(index="date", columns="region", values="outcome").to_numpy()


@pytest.mark.parametrize("n_treated", [1, 3])
def test_difference_in_differences_in_closed_form(n_treated: int) -> None:
    """All placebos together vary as the changes of control regions do: S² (1/k + 1/m)."""
    names = [f"region {i:02d}" for i in range(n_treated)]
    table = regions(effect=2.0, n_treated=n_treated)
    values = wide(table)
    change = values[20:].mean(axis=0) - values[:20].mean(axis=0)
    treated, control = change[:n_treated], change[n_treated:]
    cells, m = 10 * n_treated, 12 - n_treated
    error = control.std(ddof=1) * np.sqrt(1 / n_treated + 1 / m) * cells
    effect = (treated.mean() - control.mean()) * cells
    found = difference_in_differences(table, names, START, relative=False)
    assert found.effect == pytest.approx(effect)
    assert found.standard_error == pytest.approx(error)
    reach = stats.t(m - 1).ppf(0.975) * error
    assert (found.ci_low, found.ci_high) == pytest.approx((effect - reach, effect + reach))
    assert found.details["per_region_and_date"] == pytest.approx(effect / cells)
    placebos = [
        np.delete(control, few).mean() - control[list(few)].mean()
        for few in combinations(range(m), n_treated)
    ]
    scale = np.sqrt((1 / n_treated + 1 / m) / (1 / n_treated + 1 / (m - n_treated))) * cells
    as_large = np.sum(scale * np.abs(placebos) >= abs(effect) * (1 - 1e-12))
    assert found.p_value == pytest.approx((1 + as_large) / (1 + len(placebos)))
    assert len(found.placebos) == len(placebos)


@BOTH
def test_the_path_adds_up_to_the_effect(estimator) -> None:
    found = estimator(regions(effect=5.0, n_treated=2), ["region 00", "region 01"], START)
    path = found.path
    assert path["gap"].iloc[20:].sum() == pytest.approx(found.effect)
    values = wide(regions(effect=5.0, n_treated=2))
    np.testing.assert_allclose(path["actual"], values[:, :2].sum(axis=1))
    assert found.per == "total"
    assert (found.n_treated, found.n_control) == (2, 10)
    assert (str(found.start.date()), str(found.end.date())) == (START, "2024-07-22")
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()


def test_synthetic_control_by_its_definition() -> None:
    """Weights before, gaps during, and each pair of controls in the place of the treated pair."""
    values = wide(regions(9, effect=3.0, n_treated=2))
    treated, controls = values[:, :2].mean(axis=1), values[:, 2:]

    def gap(target: np.ndarray, donors: np.ndarray) -> np.ndarray:
        return target - donors @ simplex_weights(donors[:20], target[:20])

    def ratio(gap: np.ndarray) -> float:
        return float(np.sqrt((gap[20:] ** 2).mean() / (gap[:20] ** 2).mean()))

    own = gap(treated, controls)
    placebos = [
        gap(controls[:, list(few)].mean(axis=1), np.delete(controls, few, axis=1))
        for few in combinations(range(7), 2)
    ]
    found = synthetic_control(
        regions(9, effect=3.0, n_treated=2), ["region 00", "region 01"], START
    )
    totals = np.array([2 * placebo[20:].sum() for placebo in placebos])
    assert found.effect == pytest.approx(2 * own[20:].sum())
    np.testing.assert_allclose(found.placebos, totals)
    assert found.placebos.index[0] == "region 02 + region 03"
    assert found.standard_error == pytest.approx(np.sqrt((totals**2).mean()))
    larger = sum(ratio(placebo) >= ratio(own) for placebo in placebos)
    assert found.p_value == pytest.approx((1 + larger) / 22)
    assert found.details["error_before"] == pytest.approx(np.sqrt((own[:20] ** 2).mean()))


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_the_best_of_a_fine_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    donors = rng.normal(100, 10, size=(12, 3))
    target = donors @ rng.dirichlet(np.ones(3)) + rng.normal(0, 8, size=12)
    steps = np.linspace(0, 1, 201)
    grid = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-12])
    losses = ((target - grid @ donors.T) ** 2).sum(axis=1)
    weights = simplex_weights(donors, target)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    loss = ((target - donors @ weights) ** 2).sum()
    assert loss <= losses.min() * (1 + 1e-9)
    np.testing.assert_allclose(weights, grid[losses.argmin()], atol=0.01)


def test_weights_find_a_mixture_that_is_there() -> None:
    rng = np.random.default_rng(0)
    donors = rng.normal(1e6, 1e5, size=(40, 15))
    truth = np.r_[0.5, 0.3, 0.2, np.zeros(12)]
    np.testing.assert_allclose(simplex_weights(donors, donors @ truth), truth, atol=1e-4)


def test_regions_that_agree_throughout_get_equal_weights() -> None:
    assert simplex_weights(np.ones((5, 4)), np.ones(5)).tolist() == [0.25] * 4


def mixtures(seed: int, effect: float) -> pd.DataFrame:
    """Regions with three common movements; the first is within the hull of the others."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(40, 3)).cumsum(axis=0)
    load = rng.dirichlet(np.ones(3), size=16)
    load[0] = load[1:].mean(axis=0)
    values = 50 + common @ load.T * 3 + rng.normal(size=(40, 16))
    values[30:, 0] += effect
    dates = pd.date_range("2024-01-01", periods=40)
    columns = [f"r{i:02d}" for i in range(16)]
    frame = pd.DataFrame(values, index=pd.Index(dates, name="date"), columns=columns)
    return frame.reset_index().melt(id_vars="date", var_name="region", value_name="outcome")


def coverage(estimator, simulate, n: int) -> tuple[int, int]:
    """Of ``n`` tests, how many intervals hold the truth, and how many find what is not there."""
    inside = rejected = 0
    for seed in range(n):
        table, treated, start, truth = simulate(seed, 2.0)
        inside += estimator(table, treated, start).contains(truth)
        table, treated, start, _ = simulate(seed + n, 0.0)
        rejected += estimator(table, treated, start).p_value <= 0.1
    return inside, rejected


def alike(seed: int, effect: float):
    return regions(seed=seed, effect=effect), ["region 00"], START, 10 * effect


def mixed(seed: int, effect: float):
    return mixtures(seed, effect), ["r00"], "2024-01-31", 10 * effect


def test_intervals_cover_as_often_as_they_say() -> None:
    inside, rejected = coverage(difference_in_differences, alike, 120)
    # 95% of 120 are 114, and at most 10% are 12; 3.3 standard deviations of binomials are 8, 11.
    assert inside >= 106
    assert rejected <= 23


@pytest.mark.slow
def test_intervals_of_mixtures_cover_as_often_as_they_say() -> None:
    inside, rejected = coverage(synthetic_control, mixed, 200)
    assert abs(inside - 190) <= 10
    assert rejected <= 34


@BOTH
def test_an_effect_is_found_and_its_absence_too(estimator) -> None:
    large = estimator(regions(30, effect=20.0), ["region 00"], START)
    assert large.p_value == pytest.approx(1 / 30)
    assert large.contains(200.0)
    assert not large.contains(0.0)
    none = estimator(regions(30), ["region 00"], START)
    assert none.contains(0.0)
    assert none.p_value > 0.05


@BOTH
def test_rows_after_the_end_play_no_part_nor_does_their_order(estimator) -> None:
    table = regions(effect=3.0)
    short = table[table["date"] <= "2024-06-24"]
    whole = estimator(table.sample(frac=1, random_state=1), ["region 00"], START, "2024-06-30")
    cut = estimator(short, "region 00", START)
    assert whole.effect == pytest.approx(cut.effect)
    assert whole.standard_error == pytest.approx(cut.standard_error)


@BOTH
def test_placebos_are_drawn_where_there_are_too_many(estimator) -> None:
    table = regions(30, 12, 8, n_treated=5)
    names = [f"region {i:02d}" for i in range(5)]
    found = estimator(table, names, "2024-02-26", random_state=1)
    assert len(found.placebos) == (2000 if estimator is difference_in_differences else 200)
    again = estimator(table, names, "2024-02-26", random_state=1)
    assert again.standard_error == found.standard_error
    pd.testing.assert_series_equal(again.placebos, found.placebos)


def status(estimate, name: str) -> str:
    return str({check.name: check.status for check in estimate.checks}[name])


def test_trends_that_differ_before_the_test_fail() -> None:
    table = regions(20)
    rises = table["region"] == "region 00"
    table.loc[rises, "outcome"] += np.arange(rises.sum())
    found = difference_in_differences(table, ["region 00"], START)
    assert status(found, "trends before the test") == "fail"
    assert status(difference_in_differences(regions(20), "region 00", START), "noise") == "pass"
    few = difference_in_differences(regions(20), ["region 00"], "2024-01-15")
    assert status(few, "trends before the test") == "review"


def test_a_region_unlike_all_others_fails_the_fit() -> None:
    table = regions(20)
    table.loc[table["region"] == "region 00", "outcome"] *= 5
    found = synthetic_control(table, ["region 00"], START)
    assert status(found, "fit before the test") == "fail"
    alike = synthetic_control(mixtures(0, 0.0), ["r00"], "2024-01-31")
    assert status(alike, "fit before the test") == "pass"


def test_a_mixture_that_could_follow_anything_asks_for_a_review() -> None:
    found = synthetic_control(mixtures(0, 0.0), ["r00"], "2024-01-11")
    assert status(found, "fit before the test") == "review"
    assert "10 dates and 15 control regions" in found.checks[0].sentence


def test_perfect_fits_are_ranked_by_what_followed() -> None:
    """With two dates before, many mixtures fit but for rounding, which must not decide."""
    table = regions(30, effect=300.0)
    assert synthetic_control(table, ["region 00"], "2024-01-15", "2024-05-19").p_value > 0.1
    assert synthetic_control(table, ["region 00"], "2024-01-15").p_value < 0.1


def test_controls_that_never_vary_give_an_effect_without_noise() -> None:
    table = regions(8)
    table.loc[table["region"] != "region 00", "outcome"] = 0.0
    found = synthetic_control(table, ["region 00"], START)
    assert status(found, "fit before the test") == "fail"
    assert status(found, "noise") == "review"


def test_too_few_placebos_for_a_small_p_value_are_said() -> None:
    few = difference_in_differences(regions(12), ["region 00"], START)
    assert status(few, "placebo tests") == "review"
    assert "p-value below 0.083" in few.checks[1].sentence
    assert status(
        difference_in_differences(regions(20), ["region 00"], START), "placebo tests"
    ) == ("pass")


REFUSED = {
    "unknown region": ({"treated": ["rgion 03"]}, DataError, "Did you mean 'region 03'"),
    "no region": ({"treated": []}, SpecificationError, "one or more regions"),
    "region twice": ({"treated": ["region 00"] * 2}, SpecificationError, "each once"),
    "too many treated": (
        {"treated": [f"region {i:02d}" for i in range(6)]},
        DataError,
        "Got 6 control regions for 6 treated; expected at least 9",
    ),
    "start before the data": ({"start": "2023-05-20"}, DataError, "outside the data"),
    "start after the data": ({"start": "2025-05-20"}, DataError, "outside the data"),
    "one date before": ({"start": "2024-01-03"}, DataError, "Got 1 date before the test"),
    "end after the data": ({"end": "2025-01-01"}, DataError, "ends on 2025-01-01, outside"),
    "end before start": ({"end": "2024-05-01"}, SpecificationError, "end on or after its start"),
    "no date in the window": (
        {"start": "2024-05-21", "end": "2024-05-22"},
        DataError,
        "in which there is no date",
    ),
    "start no date": ({"start": "soon"}, DataError, "cannot be read as dates"),
    "start a number": ({"start": 20240520}, DataError, "Got numbers"),
    "no start": ({"start": None}, SpecificationError, "Got no start"),
    "no such column": ({"outcome": "sales"}, ColumnError, "'sales', which is not a column"),
    "impossible interval": ({"ci_prob": 95}, SpecificationError, "between 0 and 1"),
    "impossible seed": ({"random_state": -1}, SpecificationError, "random_state=-1"),
}


@BOTH
@pytest.mark.parametrize("case", REFUSED)
def test_impossible_tests_are_refused(estimator, case: str) -> None:
    change, error, words = REFUSED[case]
    arguments = {"treated": ["region 00"], "start": START, **change}
    with pytest.raises(error, match=words):
        estimator(regions(), **arguments)


SPOILT = {
    "no outcome": (
        lambda t: t.assign(outcome=t["outcome"].where(t.index != 3)),
        "no value in row 3",
    ),
    "dates as text": (lambda t: t.assign(date="week 1"), "cannot be read as dates"),
    "a date twice": (lambda t: pd.concat([t, t.tail(1)]), "2 rows that share region and date"),
    "a date missing": (lambda t: t.drop(index=7), "no row for region 'region 00' on 2024-02-19"),
    "no region name": (lambda t: t.assign(region=t["region"].where(t.index != 3)), "no region in"),
    "constant": (lambda t: t.assign(outcome=0), "value 0 in every row"),
    "no rows": (lambda t: t.head(0), "0 rows"),
}


@BOTH
@pytest.mark.parametrize("case", SPOILT)
def test_tables_that_cannot_be_used_are_refused(estimator, case: str) -> None:
    spoil, words = SPOILT[case]
    with pytest.raises(DataError, match=words):
        estimator(spoil(regions()), ["region 00"], START)


@BOTH
def test_the_table_stays_as_it_was(estimator) -> None:
    table = regions().assign(date=lambda t: t["date"].astype(str))
    before = table.copy()
    estimator(table, ["region 00"], START)
    pd.testing.assert_frame_equal(table, before)


def test_an_uplift_test_has_the_dates_of_the_test() -> None:
    found = difference_in_differences(regions(20, effect=20.0), ["region 00"], START)
    test = found.to_uplift_test("tv_cost", spend_change="on", name="geo")
    assert test == UpliftTest(
        "tv_cost",
        START,
        "2024-07-28",
        effect=found.effect,
        sigma=found.standard_error,
        name="geo",
    )
    longer = found.to_uplift_test("tv_cost", end="2024-07-28", spend_change=1e4)
    assert (longer.start, longer.end) == (START, "2024-07-28")
    assert "nothing was scaled" in found.market_assumptions()[0]
    doubled = found.to_uplift_test("tv_cost", spend_change=1.0, population=2)
    assert doubled.sigma == pytest.approx(2 * found.standard_error)
    assert "multiplied by 2" in found.market_assumptions(2)[0]


def unequal(effect: float = 0.0, market: float = 0.3) -> pd.DataFrame:
    """Regions of very different sizes in a market that grows by a share during the test."""
    sizes = np.array([50.0, 400.0, 80.0, 150.0, 300.0, 30.0])
    dates = pd.date_range("2024-01-01", periods=30, freq="W-MON")
    path = 1 + market * (np.arange(30) >= 20) + 0.1 * np.sin(np.arange(30))
    sales = sizes * path[:, None]
    sales[20:, 1] += effect
    return pd.DataFrame(
        {
            "date": np.repeat(dates, sizes.size),
            "region": np.tile([f"region {i}" for i in range(sizes.size)], 30),
            "outcome": sales.ravel(),
        }
    )


def test_a_market_that_moves_is_no_effect_whatever_the_size_of_regions() -> None:
    start = "2024-05-20"
    found = difference_in_differences(unequal(25.0), ["region 1"], start)
    assert found.effect == pytest.approx(250.0)
    assert "by the same share" in found.assumptions[0]
    by_amount = difference_in_differences(unequal(25.0), ["region 1"], start, relative=False)
    assert by_amount.effect > 2 * 250.0


def test_a_region_without_sales_has_no_share() -> None:
    table = unequal()
    table.loc[table["region"] == "region 5", "outcome"] = 0.0
    with pytest.raises(DataError, match="relative=False"):
        difference_in_differences(table, ["region 1"], "2024-05-20")
