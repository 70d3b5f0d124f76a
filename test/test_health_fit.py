"""Checks of what a fit says, each on arrays in which it fires and on some in which it does not."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from health_examples import components, spend
from scipy import stats

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.baselines import SEASONAL_NAIVE, TRAINING_MEAN
from pymc_toolkit.fleets.member import Failure
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.health.fit_checks import (
    autocorrelation,
    judge_autocorrelation,
    judge_baseline_size,
    judge_levels,
    judge_negative_baseline,
    judge_predictive,
    judge_shares,
    judge_told_apart,
    levels_of,
)
from pymc_toolkit.health.holdout_checks import judge_holdout
from pymc_toolkit.health.thresholds import Thresholds

LIMITS = Thresholds()


@pytest.mark.parametrize(
    ("baseline", "status"), [(600.0, "pass"), (12.0, "review"), (-5.0, "fail"), (-90.0, "fail")]
)
def test_negative_baseline(baseline: float, status: str) -> None:
    """Its draws are around the given level with a standard deviation of 10."""
    check = judge_negative_baseline(components(4000, baseline=baseline), LIMITS)
    assert check.status == status
    assert check.value == pytest.approx(stats.norm.cdf(0, baseline, 10), abs=0.02)
    assert ("in 100% of periods" in check.sentence) == (baseline < 0)
    assert bool(check.remedy) == (status != "pass")


def test_the_baseline_is_all_that_is_not_media() -> None:
    """A trend that takes what the level gives leaves nothing."""
    parts = components(baseline=50.0)
    falling = parts.assign(trend=parts["baseline"] * 0 - 90.0)
    falling["fitted"] = falling["fitted"] + falling["trend"]
    assert judge_negative_baseline(parts, LIMITS).status == "pass"
    assert judge_negative_baseline(falling, LIMITS).status == "fail"


@pytest.mark.parametrize(
    ("baseline", "status", "limit"),
    [
        (600.0, "pass", LIMITS.baseline_low),
        (20.0, "review", LIMITS.baseline_low),
        (1.0, "fail", LIMITS.baseline_low),
        (3e4, "review", LIMITS.baseline_high),
    ],
)
def test_size_of_the_baseline(baseline: float, status: str, limit: float) -> None:
    check = judge_baseline_size(components(4000, baseline=baseline), LIMITS)
    assert (check.status, check.threshold) == (status, limit)
    assert check.value == pytest.approx(baseline / (baseline + 300), abs=0.01)


def simulated(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(100, 10, 80), rng.normal(100, 10, (3000, 80))


def test_data_such_as_the_model_makes_them() -> None:
    actual, draws = simulated()
    check = judge_predictive(actual, draws, LIMITS)
    assert check.status == "pass"
    assert check.value > LIMITS.predictive_p


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        (lambda y: y + 6, "average"),
        (lambda y: 100 + 1.6 * (y - 100), "spread"),
        (lambda y: np.where(np.arange(y.size) == 3, 40.0, y), "lowest value"),
        (lambda y: np.where(np.arange(y.size) == 3, 160.0, y), "highest value"),
    ],
)
def test_data_such_as_the_model_never_makes(change: Any, figure: str) -> None:
    actual, draws = simulated()
    check = judge_predictive(change(actual), draws, LIMITS)
    assert check.status == "fail"
    assert figure in check.sentence


def test_data_at_the_edge_of_what_the_model_makes() -> None:
    actual, draws = simulated()
    wide = draws.max(axis=1)
    actual = np.where(np.arange(80) == 0, np.quantile(wide, 0.99), np.minimum(actual, 120))
    check = judge_predictive(actual, draws, LIMITS)
    assert check.status == "review"
    assert check.value == pytest.approx(0.02, abs=0.005)


def errors(memory: float, size: int = 150) -> np.ndarray:
    rng, series = np.random.default_rng(4), np.zeros(size)
    for t in range(1, size):
        series[t] = memory * series[t - 1] + rng.normal()
    return series


@pytest.mark.parametrize(("memory", "status"), [(0.0, "pass"), (0.5, "review"), (0.9, "fail")])
def test_memory_of_errors(memory: float, status: str) -> None:
    check = judge_autocorrelation(errors(memory), LIMITS)
    assert check.status == status
    assert check.threshold == LIMITS.autocorrelation


def test_errors_of_a_season_come_back_later() -> None:
    """The next period says nothing, the one after it everything."""
    season = np.tile([2.0, 2.0, -2.0, -2.0], 37) + errors(0.0, 148)
    check = judge_autocorrelation(season, LIMITS)
    assert abs(check.value) < LIMITS.autocorrelation
    assert check.status == "review"


def test_few_errors_are_not_judged_by_chance() -> None:
    rng = np.random.default_rng(0)
    statuses = [judge_autocorrelation(rng.normal(size=20), LIMITS).status for _ in range(200)]
    assert np.mean([status == "pass" for status in statuses]) > 0.9


def test_ljung_box_by_hand() -> None:
    left = errors(0.4, 60)
    centred = left - left.mean()
    r = [np.sum(centred[k:] * centred[: 60 - k]) / np.sum(centred**2) for k in range(1, 11)]
    statistic = 60 * 62 * sum(value**2 / (60 - k) for k, value in enumerate(r, start=1))
    assert autocorrelation(left) == pytest.approx((r[0], 1 - stats.chi2.cdf(statistic, 10)))
    assert judge_autocorrelation(np.zeros(30), LIMITS).status == "review"


@pytest.mark.parametrize(("search", "status"), [(100.0, "pass"), (800.0, "review"), (9e3, "fail")])
def test_shares(search: float, status: str) -> None:
    """A fifth of the money, and ever more of what media brought."""
    media = spend(tv=100, radio=100, search=50)
    check = judge_shares(components(search=search), media, {}, LIMITS)
    assert check.status == status
    assert check.value == pytest.approx(abs(search / (search + 200) - 0.2), abs=0.01)


def test_shares_are_of_money_and_of_bought_media() -> None:
    media = spend(tv=100, radio=100, search=1e4)
    assert judge_shares(components(), media, {}, LIMITS).status == "review"
    assert judge_shares(components(), media, {"search": 0.01}, LIMITS).status == "pass"
    check = judge_shares(components(search=9e3), media, {"search": None}, LIMITS)
    assert (check.status, check.value) == ("pass", pytest.approx(0, abs=0.01))
    one = judge_shares(components(), media, {"search": None, "tv": None}, LIMITS)
    assert (one.status, one.value) == ("pass", None)


def test_levels_seen_before() -> None:
    assert judge_levels(spend(), LIMITS).status == "pass"
    assert judge_levels(spend(radio=np.repeat([100.0, 0.0], [40, 20])), LIMITS).status == "pass"


@pytest.mark.parametrize(
    ("now", "status"), [(150.0, "pass"), (200.0, "review"), (240.0, "fail"), (500.0, "fail")]
)
def test_levels_never_seen(now: float, status: str) -> None:
    """Up to 150 so far."""
    before = np.linspace(50, 150, 56)
    check = judge_levels(spend(radio=np.append(before, np.full(4, now))), LIMITS)
    assert check.status == status
    assert ("'radio'" in check.sentence) == (status != "pass")


def test_a_launch_and_a_short_history() -> None:
    launch = judge_levels(spend(radio=np.repeat([0.0, 100.0], [56, 4])), LIMITS)
    assert launch.status == "fail"
    assert "some never on air then" in launch.sentence
    assert "inf" not in launch.sentence
    assert judge_levels(spend(radio=np.repeat([0.0, 100.0], [55, 5])), LIMITS).status == "review"
    assert judge_levels(spend().isel(date=slice(None, 8)), LIMITS).status == "review"


def test_a_burst_is_compared_when_it_is_on_air() -> None:
    on_air = (np.arange(60) % 4 == 0)[:, None] * 100.0
    near, beyond = levels_of(on_air)
    assert near[0] == pytest.approx(14 / 56)
    assert beyond[0] == 1


@pytest.mark.parametrize(("weight", "status"), [(0.0, "pass"), (1.6, "review"), (6.0, "fail")])
def test_channels_that_stand_in_for_each_other(weight: float, status: str) -> None:
    rng = np.random.default_rng(3)
    shared, own = rng.normal(size=(2, 400)), rng.normal(size=(2, 2, 400))
    parts = components(tv=100 + weight * shared + own[0], radio=100 - weight * shared + own[1])
    check = judge_told_apart(parts, LIMITS)
    assert check.status == status
    if weight:
        assert check.value == pytest.approx(weight**2 / (1 + weight**2), abs=0.05)
        assert "'tv'" in check.sentence
        assert "'radio'" in check.sentence


def test_channels_that_rise_together_do_not_stand_in() -> None:
    shared = np.random.default_rng(3).normal(size=(2, 400))
    assert judge_told_apart(components(tv=shared, radio=2 * shared), LIMITS).status == "pass"
    few = judge_told_apart(components(4, tv=shared[:, :4], radio=-shared[:, :4]), LIMITS)
    assert (few.status, few.value) == ("pass", None)
    assert judge_told_apart(components().sel(channel=["tv"]), LIMITS).status == "pass"


@dataclass
class StubHoldout:
    """A fleet of one client with the scores it is given."""

    crps: dict[str, float]
    coverage: float = 0.9
    failure: Failure | None = None
    regions: pd.DataFrame | None = None

    @property
    def members(self) -> list[Any]:
        return [
            SimpleNamespace(
                name="client0",
                failure=self.failure,
                coverage=self.coverage,
                regions=self.regions,
                job=SimpleNamespace(held_out=12),
            )
        ]

    def __iter__(self) -> Any:
        return iter(self.members)

    def __getitem__(self, name: str) -> Any:
        return self.members[0]

    def scores(self, client: str) -> pd.DataFrame:
        return pd.DataFrame({"crps": self.crps})


def holdout(model: float, **options: Any) -> dict[str, str]:
    """Statuses beside naive errors of 0.1 and 0.2."""
    fleet: Any = StubHoldout({MODEL: model, SEASONAL_NAIVE: 0.1, TRAINING_MEAN: 0.2}, **options)
    return {check.name: str(check.status) for check in judge_holdout(fleet, "client0", LIMITS)}


@pytest.mark.parametrize(
    ("error", "naive", "mean"),
    [(0.05, "pass", "pass"), (0.12, "review", "pass"), (0.19, "fail", "pass"), (1, "fail", "fail")],
)
def test_skill(error: float, naive: str, mean: str) -> None:
    found = holdout(error)
    assert found["holdout against seasonal naive"] == naive
    assert found["holdout against training mean"] == mean


@pytest.mark.parametrize(("inside", "status"), [(11, "pass"), (8, "review"), (5, "fail")])
def test_intervals(inside: int, status: str) -> None:
    assert holdout(0.05, coverage=inside / 12)["holdout intervals"] == status


def test_regions() -> None:
    table = pd.DataFrame({"wape": {MODEL: 0.3, SEASONAL_NAIVE: 0.2}})
    assert holdout(0.05, regions=table)["regions against naive forecasts"] == "review"
    table.loc[MODEL] = 0.1
    assert holdout(0.05, regions=table)["regions against naive forecasts"] == "pass"


def test_without_a_holdout_or_with_one_that_failed() -> None:
    (check,) = judge_holdout(None, "client0", LIMITS)
    assert (check.name, check.status) == ("holdout", "review")
    assert "production_fleet" in check.remedy
    assert holdout(0.1, failure=Failure("ValueError: no", "")) == {"holdout": "fail"}


def test_a_holdout_of_another_client() -> None:
    fleet: Any = StubHoldout({MODEL: 0.1})
    with pytest.raises(SpecificationError, match="Got a holdout of 'client0'; expected one of 'x'"):
        judge_holdout(fleet, "x", LIMITS)
