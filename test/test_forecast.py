"""The forecast fleet: plans by name and by table, one fit, and differences between plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import QUIET, FakeSampler, small_config, small_subject

from pymc_toolkit.exceptions import ColumnError, DataError, DataWarning, SpecificationError
from pymc_toolkit.fleets.forecast import ForecastFleet, run_forecast
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]
CHANNELS = ["channel_1_cost", "channel_2_cost"]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def long_subject() -> Subject:
    return small_subject(small_config(80))


def ahead(scenarios: Any = None, horizon: Any = 6, subject: Subject | None = None) -> ForecastFleet:
    return run_forecast(subject or long_subject(), horizon, scenarios, QUIET)


def plan(periods: int = 6, spend: float = 1000.0, **columns: Any) -> pd.DataFrame:
    dates = small_config(80).model_data.next_dates(periods)
    return pd.DataFrame({"date_week": dates, **dict.fromkeys(CHANNELS, spend), **columns})


def planned(fleet: ForecastFleet, scenario: str, variable: str = "media") -> np.ndarray:
    return fleet[scenario].job.data.dataset[variable].values[80:]


def test_plans_that_are_known_by_name(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    fleet = ahead()
    table = small_config(80).table
    assert [member.name for member in fleet] == ["as last year", "flat"]
    np.testing.assert_array_equal(planned(fleet, "as last year"), table[CHANNELS].iloc[28:34])
    average = table[CHANNELS].tail(52).mean()
    np.testing.assert_allclose(planned(fleet, "flat"), np.tile(average, (6, 1)))
    # Controls are the same in all, so that plans differ in spend alone.
    for name in ("as last year", "flat"):
        events = planned(fleet, name, "controls")[:, 0]
        np.testing.assert_array_equal(events, table["events"].iloc[28:34])
    assert len(sampler.calls) == 1
    assert fleet[0].fit is fleet[1].fit
    assert fleet.horizon == 6
    dates = pd.date_range(table["date_week"].iloc[-1], periods=7, freq="7D")[1:]
    assert fleet.forecast("flat").index.tolist() == dates.tolist()


def test_a_short_history_has_no_last_year(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = ahead(subject=small_subject())
    assert [member.name for member in fleet] == ["flat"]
    table = small_config(40).table
    assert fleet[0].job.data.dataset["controls"].values[-1, 0] == table["events"].mean()
    with pytest.raises(DataError, match="as last year"):
        ahead(["as last year"], subject=small_subject())
    with pytest.raises(DataError, match="for 53 periods; expected at most 52"):
        ahead(["as last year"], horizon=53)


def test_tables_in_any_order_with_and_without_controls(fake_sampler: Install) -> None:
    fake_sampler()
    rising = plan(channel_1_cost=np.arange(6.0), channel_2_cost=10.0 * np.arange(6))
    shuffled = rising.sample(frac=1, random_state=1)
    before = shuffled.copy()
    events = np.array([1, 0, 0, 2, 0, 0])
    with pytest.warns(DataWarning, match="not sorted by 'date_week'"):
        fleet = ahead({"rising": shuffled, "with events": rising.assign(events=events)})
    pd.testing.assert_frame_equal(shuffled, before)
    expected = np.column_stack([np.arange(6.0), 10.0 * np.arange(6)])
    np.testing.assert_array_equal(planned(fleet, "rising"), expected)
    np.testing.assert_array_equal(planned(fleet, "with events", "controls")[:, 0], events)
    last_year = small_config(80).table["events"].iloc[28:34]
    np.testing.assert_array_equal(planned(fleet, "rising", "controls")[:, 0], last_year)


def test_names_of_plans_can_be_changed(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = ahead({"steady": "flat", "repeat": "as last year"})
    assert [member.name for member in fleet] == ["steady", "repeat"]
    np.testing.assert_array_equal(planned(fleet, "steady"), planned(ahead(["flat"]), "flat"))


def test_totals_by_hand(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = ahead({"low": plan(spend=500.0), "high": plan(spend=1500.0)})
    table = fleet.totals()
    assert table.loc["low", "spend"] == 6000.0
    assert table.loc["low", ["difference", "difference_low", "difference_high"]].eq(0).all()
    expected = [member.contributions()["fitted"].isel(date=slice(-6, None)) for member in fleet]
    low, high = (part.sum("date") for part in expected)
    assert table.loc["high", "mean"] == pytest.approx(float(high.mean()))
    assert table.loc["high", "difference"] == pytest.approx(float((high - low).mean()))
    assert table.loc["high", "difference_low"] == pytest.approx(float((high - low).quantile(0.05)))
    # Paired draws: what both plans share cancels out.
    assert table.loc["high", "difference_low"] > 0
    np.testing.assert_allclose(fleet.forecast("high")["mean"].sum(), table.loc["high", "mean"])


def test_channels_by_hand(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = ahead({"plan": plan(channel_2_cost=np.arange(6.0))})
    row = fleet.channels().set_index("channel").loc["channel_2_cost"]
    media = fleet[0].job.training.dataset["media"]
    earned = fleet[0].contributions()["channels"].isel(date=slice(-6, None), channel=1).sum("date")
    assert row["spend"] == 15.0
    assert row["planned_max"] == 5.0
    assert row["seen_max"] == float(media.max("date")[1])
    assert row["contribution"] == pytest.approx(float(earned.mean()))


def test_what_is_not_bought_has_units_but_no_spend(fake_sampler: Install) -> None:
    fake_sampler()
    costs = {"channel_1_cost": None, "channel_2_cost": 0.5}
    fleet = ahead({"plan": plan()}, subject=small_subject(small_config(80, cost_per_unit=costs)))
    assert fleet.totals().loc["plan", "spend"] == 3000.0
    assert fleet.channels()["spend"].tolist() == [6000.0, 3000.0]
    organic = small_subject(small_config(80, cost_per_unit=dict.fromkeys(CHANNELS)))
    assert np.isnan(ahead({"plan": plan()}, subject=organic).totals().loc["plan", "spend"])


def test_verdict_looks_at_spend_and_horizon(fake_sampler: Install) -> None:
    fake_sampler()
    most = float(small_config(80).model_data.dataset["media"].max("date")[0])
    within = ahead({"a": plan(spend=0.0, channel_1_cost=most)}, horizon=6).verdict().checks
    assert [check.status for check in within[1:]] == ["pass", "pass"]
    beyond = ahead({"a": plan(spend=0.0, channel_1_cost=most * 1.01)}).verdict().checks
    assert beyond[1].status == "review"
    assert "'channel_1_cost (a)'" in beyond[1].sentence
    assert ahead(["flat"], horizon=20).verdict().checks[2].status == "pass"
    assert ahead(["flat"], horizon=21).verdict().checks[2].status == "review"


def test_a_fitted_model_forecasts_from_its_own_fit(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    config = small_config(80)
    model = PymcModel(config.table, "revenue", "date_week", CHANNELS, ["events"], random_seed=3)
    model.fit(draws=10, tune=1, chains=2, progressbar=False)
    fleet = model.forecast_fleet(horizon=6, scenarios={"p": plan()}, progressbar=False)
    assert len(sampler.calls) == 1
    future = plan(events=config.table["events"].iloc[28:34].to_numpy())
    predicted = model.predict(future)
    np.testing.assert_allclose(fleet.forecast()["mean"], predicted["mean"])
    np.testing.assert_allclose(fleet.forecast()["ci_low"], predicted["ci_low"])
    other = model.forecast_fleet(6, {"p": plan()}, progressbar=False, draws=12)
    assert len(sampler.calls) == 2
    assert other[0].fit.sampling.draws == 12


@pytest.mark.parametrize(
    ("scenarios", "horizon", "error", "match"),
    [
        (None, 0, SpecificationError, "horizon=0"),
        (None, 2.5, SpecificationError, "horizon=2.5"),
        ([], 6, SpecificationError, "no scenarios"),
        ({}, 6, SpecificationError, "no scenarios"),
        ("flat", 6, SpecificationError, "scenarios='flat'"),
        (7, 6, SpecificationError, "scenarios=7"),
        (["flat", "flat"], 6, SpecificationError, "scenarios with 'flat' more than once"),
        (["doubled"], 6, SpecificationError, "'doubled' for scenario 'doubled'"),
        ({"a": 3}, 6, SpecificationError, "3 for scenario 'a'"),
        (plan(), 6, SpecificationError, "a table without a name"),
        ([plan()], 6, SpecificationError, "a table without a name"),
        ({"a": plan(5)}, 6, DataError, "5 rows for scenario 'a'; expected horizon=6"),
        ({"a": plan().assign(tv=1.0)}, 6, ColumnError, "'tv'"),
        ({"a": plan().drop(columns="channel_1_cost")}, 6, ColumnError, "channel_1_cost"),
        ({"a": plan().drop(columns="date_week")}, 6, ColumnError, "date_week"),
        ({"a": plan(spend=-1.0)}, 6, DataError, "channel_1_cost"),
        ({"a": plan(channel_2_cost=np.nan)}, 6, DataError, "channel_2_cost"),
        ({"a": plan(7).tail(6)}, 6, DataError, "without 2022-07-18"),
        ({"a": plan(), "b": plan(7).tail(6)}, 6, DataError, "without"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(
    fake_sampler: Install, scenarios: Any, horizon: Any, error: type[Exception], match: str
) -> None:
    sampler = fake_sampler()
    with pytest.raises(error, match=match):
        ahead(scenarios, horizon)
    assert not sampler.calls
