"""Plans side by side, and advice by channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel_engine
import pytest
import xarray as xr
from decision_examples import HORIZON, divided, fit_of, four_channels, outcome_by_hand

from pymc_toolkit.decisions.advice import advise, probability_of_gain
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.scenarios import scenario_table
from pymc_toolkit.exceptions import ColumnError, DataError, SpecificationError

CONFIG = four_channels()
FIT = fit_of(CONFIG)
FIRST, SECOND, THIRD, FOURTH = CONFIG.channel_names
LAST_YEAR = CONFIG.table[CONFIG.channel_names].iloc[28 : 28 + HORIZON].to_numpy()


def compared(scenarios: Any, horizon: Any = HORIZON, ci_prob: float = 0.9) -> pd.DataFrame:
    return scenario_table(FIT, CONFIG, scenarios, horizon, ci_prob)


class TestScenarios:
    def test_by_hand(self) -> None:
        table = compared({"usual": "as last year", "more": {FIRST: 2.0, SECOND: 0.0}})
        assert table.index.tolist() == ["usual", "more"]
        more = LAST_YEAR * [2, 0, 1, 1]
        usual, changed, dark = (
            outcome_by_hand(FIT, CONFIG, media).sum("channel")
            for media in (LAST_YEAR, more, 0 * more)
        )
        row = table.loc["more"]
        assert row["spend"] == pytest.approx(more.sum())
        assert row["outcome"] == pytest.approx(float((changed - dark).mean()))
        assert row["ci_high"] == pytest.approx(float((changed - dark).quantile(0.95)))
        difference = changed - usual
        assert row["difference"] == pytest.approx(float(difference.mean()))
        assert row["difference_low"] == pytest.approx(float(difference.quantile(0.05)))
        assert row["probability_better"] == float((difference > 0).mean())
        first = table.loc["usual"]
        assert first[["difference", "difference_low", "probability_better"]].eq(0).all()
        assert not first["beyond_seen"]
        assert (
            row["beyond_seen"]
            == (more.max(axis=0) > CONFIG.table[[*CONFIG.channel_names]].max()).any()
        )

    def test_an_allocation_is_a_scenario(self) -> None:
        allocation = divided(FIT, CONFIG)
        table = compared({"usual": "as last year", "best": allocation})
        assert table.loc["best", "difference"] == pytest.approx(allocation.uplift.mean)
        assert table.loc["best", "difference_low"] == pytest.approx(allocation.uplift.low)
        assert table.loc["best", "outcome"] == pytest.approx(allocation.outcome.mean)
        assert table.loc["best", "spend"] == pytest.approx(allocation.total)

    def test_what_is_not_bought_can_be_changed_and_costs_nothing(self) -> None:
        config = four_channels(cost_per_unit={FIRST: None})
        table = scenario_table(FIT, config, {"a": {}, "b": {FIRST: 3.0}}, HORIZON, 0.9)
        assert table.loc["a", "spend"] == table.loc["b", "spend"]
        assert table.loc["b", "difference"] > 0

    @pytest.mark.parametrize(
        ("scenarios", "error", "match"),
        [
            ({}, SpecificationError, "scenarios={}"),
            ("flat", SpecificationError, "scenarios='flat'"),
            (["flat"], SpecificationError, "scenarios="),
            ({"a": "doubled"}, SpecificationError, "'doubled' for scenario 'a'"),
            ({"a": 3}, SpecificationError, "3 for scenario 'a'"),
            ({"a": {"tv": 2.0}}, ColumnError, "'tv' in scenario 'a'"),
            ({"a": {FIRST: -1.0}}, SpecificationError, "factor -1 of 'channel_1_cost'"),
            ({"a": {FIRST: "twice"}}, SpecificationError, "factor of 'channel_1_cost'"),
            ({"a": CONFIG.table.head(2)}, DataError, "2 rows for scenario 'a'"),
        ],
    )
    def test_impossible_scenarios(self, scenarios: Any, error: type[Exception], match: str) -> None:
        with pytest.raises(error, match=match):
            compared(scenarios)

    def test_impossible_settings(self) -> None:
        with pytest.raises(SpecificationError, match="horizon=0"):
            compared({"a": "flat"}, horizon=0)
        with pytest.raises(SpecificationError, match="ci_prob=2"):
            compared({"a": "flat"}, ci_prob=2)
        allocation = divided(FIT, CONFIG, horizon=4)
        with pytest.raises(SpecificationError, match="allocation of 4 periods"):
            compared({"a": allocation})


def moved(
    recommended: list[float], gains: list[list[float]], held: Any = False, **changes: Any
) -> Allocation:
    """An allocation from 100 on each of four channels, with marginal returns by draw."""
    found = divided(FIT, CONFIG)
    table = found.table.assign(current=100.0, recommended=recommended, held=held, beyond_seen=False)
    names = list(table.index)
    draws = xr.DataArray([gains], dims=("chain", "draw", "channel"), coords={"channel": names})
    given = {"marginal_draws": draws, "marginal_draws_current": draws, **changes}
    return replace(found, table=table, **given)


# Ten draws: the first channel always returns more than the second, the third in seven of ten.
GAINS = [[3.0, 1.0, 2.0 if i < 7 else 0.5, 1.0] for i in range(10)]


class TestAdvice:
    def test_verbs(self) -> None:
        allocation = moved([130.0, 70.0, 120.0, 80.0], GAINS)
        found = advise(allocation)
        assert found["verb"].tolist() == ["increase", "reduce", "keep", "reduce"]
        # Of the first and third, 30 and 20 were gained: what the others are compared with.
        price = [(3 * 30 + row[2] * 20) / 50 for row in GAINS]
        expected = np.mean([each > 1.0 for each in price])
        assert found.loc[SECOND, "probability"] == expected
        assert found.loc[THIRD, "probability"] == 0.7
        assert "70%" in found.loc[THIRD, "reason"]
        assert "over 99%" in found.loc[FIRST, "reason"]

    def test_what_rests_on_assumptions_is_tested_first(self) -> None:
        allocation = moved([130.0, 70.0, 120.0, 80.0], GAINS)
        tiers = pd.DataFrame({"tier": ["prior-driven", "identified"]}, index=[FIRST, SECOND])
        found = advise(allocation, tiers)
        assert found["verb"].tolist() == ["test", "reduce", "keep", "reduce"]
        assert "experiment" in found.loc[FIRST, "reason"]
        with pytest.raises(SpecificationError, match="expected a column 'tier'"):
            advise(allocation, tiers.rename(columns={"tier": "level"}))

    def test_what_is_held_or_hardly_moved_is_kept(self) -> None:
        allocation = moved([101.0, 99.0, 100.0, 100.0], GAINS, [False, False, False, True])
        found = advise(allocation, pd.DataFrame({"tier": ["prior-driven"]}, index=[FOURTH]))
        assert found["verb"].tolist() == ["keep"] * 4
        assert "asked to stay" in found.loc[FOURTH, "reason"]
        assert found["probability"].isna().all()

    def test_a_budget_that_only_grows_is_held_against_money(self) -> None:
        more = moved([130.0, 100.0, 130.0, 130.0], GAINS)
        expected = [1.0, np.nan, 0.7, 0.0]
        np.testing.assert_array_equal(probability_of_gain(more), expected)
        orders = replace(more, target_is_money=False)
        assert probability_of_gain(orders).isna().all()
        targeted = replace(orders, target_roi=2.5)
        np.testing.assert_array_equal(probability_of_gain(targeted), [1.0, np.nan, 0.0, 0.0])


class TestPanel:
    @pytest.fixture
    def model(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        panel_engine.install(monkeypatch)
        model = panel_engine.panel_model(cost_per_unit={"search": 2.0})
        model._fit = model._engine.fit(model.config.model_data, model.spec, model._sampling)
        return model

    def test_regions_share_a_channels_money_as_planned(self, model: Any) -> None:
        found = model.optimize_budget(horizon=4)
        assert found.plan["region"].nunique() == 4
        assert len(found.plan) == 16
        spent = found.plan[["tv", "search"]].sum() * [1.0, 2.0]
        np.testing.assert_allclose(spent, found.table["recommended"])
        assert found.flighting.shape == (4, 2)
        np.testing.assert_allclose(found.flighting.sum(), found.table["recommended"])
        last_year = model.config.table.iloc[-52 * 4 : -48 * 4]
        shares = found.plan["tv"].to_numpy() / found.plan["tv"].sum()
        np.testing.assert_allclose(shares, last_year["tv"] / last_year["tv"].sum())
        # What is linear goes all to one side.
        assert found.table["at_bound"].any()
        assert found.uplift.mean > 0
        assert len(model.predict(found.plan)) == 16

    def test_by_hand(self, model: Any) -> None:
        found = model.optimize_budget(horizon=4)
        fit = model._fitted()
        slopes = fit.posterior["beta"] * fit.training.scale("target") / fit.training.scale("media")
        units = found.plan.groupby("region")[["tv", "search"]].sum()
        by_region = xr.DataArray(
            units.to_numpy(), coords={"geo": list(units.index), "channel": ["tv", "search"]}
        )
        expected = (slopes * by_region).sum("geo").mean(("chain", "draw"))
        np.testing.assert_allclose(
            found.table["contribution"], expected.sel(channel=list(found.table.index))
        )
        table = model.compare_scenarios({"flat": "flat", "less": {"tv": 0.5}}, horizon=4)
        assert table.loc["less", "spend"] > 0
        assert (table["ci_low"] < table["outcome"]).all()

    def test_more_than_a_region_has_seen(self, model: Any) -> None:
        """The whole market may have seen a level that one region has not."""
        plan = model.config.table.iloc[-4 * 4 :].drop(columns="sales").copy()
        plan["week"] = np.repeat(model.config.model_data.next_dates(4), 4)
        largest = model.config.table.query("region == 'east'")["tv"].max()
        plan.loc[plan["region"] == "east", "tv"] = 1.5 * largest
        found = model.optimize_budget(horizon=4, plan=plan)
        assert found.table.loc["tv", "beyond_seen"]
        assert found.table.loc["tv", "planned_max"] < found.table.loc["tv", "seen_max"]
