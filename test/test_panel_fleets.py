"""Every fleet of a client with regions: totals as before, and errors region by region."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel_engine
import pytest
import xarray as xr
from fits import QUIET, small_config, small_subject
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_engine import CHANNELS, REGIONS, panel_model, panel_table

from pymc_toolkit import metrics
from pymc_toolkit.analysis.prediction import Prediction, predict
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.fleets.holdout import run_holdout
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.fleets.regions import RegionScores, score_regions
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.model_data import ModelData, to_dataset
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.scalers import Scaler
from pymc_toolkit.verdicts import Status

TABLE = panel_table()
TEST_SIZE = 8
SALES = TABLE.pivot(index="week", columns="region", values="sales")
QUIETLY: dict[str, Any] = {"progressbar": False}

MAKE: dict[str, Callable[[PymcModel], FleetResult]] = {
    "production": lambda model: model.production_fleet(TEST_SIZE, **QUIETLY),
    "holdout": lambda model: model.holdout_fleet((4, 8), **QUIETLY),
    "recovery": lambda model: model.recovery_fleet(2, **QUIETLY),
    "stability": lambda model: model.stability_fleet(2, 1, 1, **QUIETLY),
    "forecast": lambda model: model.forecast_fleet(8, **QUIETLY),
}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> PymcModel:
    """A model of all weeks, not fitted."""
    panel_engine.install(monkeypatch)
    return panel_model(TABLE)


@pytest.fixture
def member(model: PymcModel) -> Member:
    """The member of a production fleet."""
    return model.production_fleet(TEST_SIZE, **QUIETLY)[0]


@pytest.mark.parametrize("kind", MAKE)
def test_every_fleet_of_a_panel_comes_back(model: PymcModel, tmp_path: Path, kind: str) -> None:
    fleet = MAKE[kind](model)
    assert not fleet.failed
    assert fleet.verdict().checks
    loaded = type(fleet).load(fleet.save(tmp_path / "fleet.nc"))
    pd.testing.assert_frame_equal(fleet.to_frame(), loaded.to_frame())
    for before, after in zip(fleet, loaded, strict=True):
        assert after.job.key == before.job.key
        assert after.job.data.digest() == before.job.data.digest()
        pd.testing.assert_frame_equal(before.prediction, after.prediction)
        pd.testing.assert_frame_equal(before.roi, after.roi)
        if before.regions is not None:
            pd.testing.assert_frame_equal(before.regions, after.regions)
    assert loaded.generate_report(tmp_path / "report.html").stat().st_size > 1e5


def test_scores_and_checks_are_of_the_sum_over_regions(member: Member) -> None:
    total = SALES.sum(axis=1)
    prediction = predict(member.fit, member.job.data)
    mean = prediction.expected.values.mean(axis=(0, 1)).sum(axis=-1)
    draws = prediction.observation.values.sum(axis=-1).reshape(-1, len(total))
    for part, scores in (
        (slice(None, -TEST_SIZE), member.train),
        (slice(-TEST_SIZE, None), member.test),
    ):
        assert scores == {
            "mape": pytest.approx(metrics.mape(total.iloc[part], mean[part])),
            "nrmse": pytest.approx(metrics.nrmse(total.iloc[part], mean[part])),
            "r_squared": pytest.approx(metrics.r_squared(total.iloc[part], mean[part])),
            "crps": pytest.approx(metrics.crps(total.iloc[part], draws[:, part])),
        }
    table = member.prediction
    np.testing.assert_allclose(table["actual"], total)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    inside = total.between(low, high).tail(TEST_SIZE)
    assert member.coverage == pytest.approx(inside.mean())


def test_baselines_predict_the_sum_over_regions(model: PymcModel) -> None:
    fleet = model.production_fleet(TEST_SIZE, **QUIETLY)
    total = SALES.sum(axis=1)
    scores = fleet.scores()
    mean = total.iloc[:-TEST_SIZE].mean()
    held_out = total.tail(TEST_SIZE)
    by_hand = metrics.mape(held_out, np.full(TEST_SIZE, mean))
    assert scores.loc["training mean", "mape"] == pytest.approx(by_hand)
    last_year = total.iloc[-TEST_SIZE - 52 : -52]
    assert scores.loc["seasonal naive", "mape"] == pytest.approx(metrics.mape(held_out, last_year))


def test_errors_by_region_by_hand(member: Member) -> None:
    held_out, before = SALES.tail(TEST_SIZE), SALES.iloc[:-TEST_SIZE]
    prediction = predict(member.fit, member.job.data)
    expected = prediction.expected.values.mean(axis=(0, 1))[-TEST_SIZE:]
    forecasts = {
        "model": expected,
        "last value": np.tile(before.iloc[-1], (TEST_SIZE, 1)),
        "seasonal naive": SALES.iloc[-TEST_SIZE - 52 : -52].to_numpy(),
        "training mean": np.tile(before.mean(), (TEST_SIZE, 1)),
    }
    table, regions = member.regions, member.by_region
    assert list(table.index) == list(forecasts)
    for name, forecast in forecasts.items():
        errors = (held_out - forecast).abs()
        wape = errors.to_numpy().sum() / held_out.to_numpy().sum()
        assert table.loc[name, "wape"] == pytest.approx(wape)
        squares = (held_out - forecast).to_numpy() ** 2
        assert table.loc[name, "rmse"] == pytest.approx(np.sqrt(squares.mean()))
        pooled = 1 - squares.sum() / ((held_out - held_out.to_numpy().mean()) ** 2).to_numpy().sum()
        assert table.loc[name, "r_squared_pooled"] == pytest.approx(pooled)
        own = 1 - squares.sum(axis=0) / ((held_out - held_out.mean()) ** 2).sum()
        assert table.loc[name, "r_squared_median"] == pytest.approx(own.median())
        rows = regions[regions["prediction"] == name].set_index("region")
        assert list(rows.index) == REGIONS
        np.testing.assert_allclose(rows["wape"], errors.sum() / held_out.sum())
        np.testing.assert_allclose(rows["error"], errors.sum())
        np.testing.assert_allclose(rows["r_squared"], own)
    draws = prediction.observation.values[:, :, -TEST_SIZE:]
    low, high = np.quantile(draws, [0.05, 0.95], axis=(0, 1))
    inside = ((low <= held_out) & (held_out <= high)).to_numpy().mean()
    assert table.loc["model", "coverage"] == pytest.approx(inside)
    skill = 1 - table.loc["model", "wape"] / table["wape"].drop("model")
    pd.testing.assert_series_equal(table["skill"].drop("model"), skill, check_names=False)
    assert np.isnan(table.loc["model", "skill"])


def test_regions_of_other_sizes_make_a_pooled_r_squared_that_says_nothing(member: Member) -> None:
    """Which is why it stands beside that of the average of each region."""
    table = member.regions
    assert table.loc["training mean", "r_squared_pooled"] > 0.9
    assert table.loc["training mean", "r_squared_median"] < 0.1


def test_a_region_that_does_not_vary_has_no_r_squared(monkeypatch: pytest.MonkeyPatch) -> None:
    panel_engine.install(monkeypatch)
    closed = TABLE.copy()
    closed.loc[closed["region"] == "south", "sales"] = 0.0
    fleet = panel_model(closed).production_fleet(TEST_SIZE, **QUIETLY)
    regions = fleet[0].by_region
    dark = regions["region"] == "south"
    assert regions.loc[dark, ["wape", "r_squared"]].isna().all(axis=None)
    assert regions.loc[~dark, ["wape", "r_squared"]].notna().all(axis=None)
    others = regions[~dark & (regions["prediction"] == "model")]
    assert fleet[0].regions.loc["model", "r_squared_median"] == others["r_squared"].median()


def test_a_short_history_has_no_seasonal_naive(monkeypatch: pytest.MonkeyPatch) -> None:
    panel_engine.install(monkeypatch)
    fleet = panel_model(panel_table(45)).production_fleet(4, **QUIETLY)
    table = fleet[0].regions
    assert table.loc["seasonal naive"].isna().all()
    assert table.drop("seasonal naive")["wape"].notna().all()
    (check,) = [c for c in fleet.verdict().checks if c.name.startswith("regions")]
    assert "best of 2 naive forecasts" in check.sentence


def test_regions_are_judged_against_the_best_naive_forecast(model: PymcModel) -> None:
    fleet = model.production_fleet(TEST_SIZE, **QUIETLY)
    table = fleet[0].regions
    (check,) = [c for c in fleet.verdict().checks if c.name.startswith("regions")]
    assert check.value == table.loc["model", "wape"]
    assert check.threshold == table["wape"].drop("model").min()
    assert (check.status is Status.PASS) == (check.value < check.threshold)
    several = model.holdout_fleet((4, 8), **QUIETLY)
    (check,) = [c for c in several.verdict().checks if c.name.startswith("regions")]
    assert check.value == pytest.approx(np.mean([m.regions.loc["model", "wape"] for m in several]))
    tables = several.regions()
    assert set(tables["member"]) == {"4 weeks", "8 weeks"}
    assert set(tables["prediction"]) == set(table.index)


def test_a_summary_has_naive_errors_beside_those_of_the_model(model: PymcModel) -> None:
    summary = model.production_fleet(TEST_SIZE, **QUIETLY).summary()
    assert list(summary["regions"]) == ["model", "last value", "seasonal naive", "training mean"]
    assert {"wape", "r_squared_pooled", "skill"} <= summary["regions"]["training mean"].keys()


def test_one_series_has_no_regions(fake_sampler: Callable[..., Any]) -> None:
    fake_sampler()
    fleet = run_production([small_subject(small_config(40))], 4, QUIET)
    assert fleet[0].regions is None
    assert fleet[0].by_region is None
    assert "regions" not in fleet.summary()
    assert not any(check.name.startswith("regions") for check in fleet.verdict().checks)
    assert run_holdout(small_subject(), [4], "last", None, QUIET).regions().empty


@settings(max_examples=15, deadline=None)
# Powers of two, which round nothing that lies on the edge of an interval to its other side.
@given(power=st.integers(-10, 20), order=st.permutations(range(4)), seed=st.integers(0, 999))
def test_errors_are_free_of_units_and_of_the_order_of_regions(
    power: int, order: list[int], seed: int
) -> None:
    unit, sales = 2.0**power, np.random.default_rng(seed).gamma(0.5, 100, (20, 4))
    one = made_up_scores(sales)
    other = made_up_scores(sales[:, order] * unit)
    columns = ["wape", "r_squared_median", "r_squared_pooled", "coverage", "skill"]
    pd.testing.assert_frame_equal(one.table[columns], other.table[columns])
    np.testing.assert_allclose(other.table["rmse"], one.table["rmse"] * unit)
    # Sizes of regions weigh their errors.
    regions = one.regions[one.regions["prediction"] == "model"]
    weighed = regions["error"].sum() / regions["actual"].sum()
    assert one.table.loc["model", "wape"] == pytest.approx(weighed)
    assert one.table.loc["model", "wape"] == pytest.approx(0.1)


def made_up_scores(sales: np.ndarray) -> RegionScores:
    """Scores of a model that is always a tenth too high, on the last four of 20 months."""
    months = pd.date_range("2022-01-01", periods=20, freq="MS")
    rows = pd.MultiIndex.from_product([months, REGIONS], names=["month", "region"])
    table = pd.DataFrame({"y": sales.ravel(), "tv": 1.0}, index=rows).reset_index()
    dataset = to_dataset(table, "y", "month", ["tv"], [], "region")
    scalers = {name: Scaler.fit(dataset[name], "none", name) for name in dataset}
    expected = (1.1 * dataset["target"]).expand_dims(chain=1, draw=1)
    noise = xr.DataArray([-0.2, 0.0, 0.2], dims="draw") * dataset["target"]
    prediction = Prediction(expected, expected.isel(draw=0) + noise)
    return score_regions(ModelData(dataset, scalers, "MS"), 16, prediction)


class TestStability:
    def test_a_channel_is_shuffled_alike_in_all_regions(self, model: PymcModel) -> None:
        fleet = model.stability_fleet(1, 0, 0, placebo_channel="tv", **QUIETLY)
        before, after = (
            fleet[name].job.data.dataset["media"].sel(channel="tv").to_pandas()
            for name in ("reference", "tv shuffled")
        )
        assert not before.equals(after)
        rows = {tuple(row) for row in before.to_numpy()}
        assert {tuple(row) for row in after.to_numpy()} == rows
        assert fleet.tests().loc["placebo", "value"] > 0.5

    def test_returns_are_of_all_regions(self, model: PymcModel) -> None:
        fleet = model.stability_fleet(1, 0, 0, **QUIETLY)
        drift = fleet.drift()
        row = drift[(drift["kind"] == "refresh") & (drift["channel"] == "search")].iloc[0]
        earned = fleet["reference"].contributions()["channels"].sel(channel="search").values
        spend = TABLE.groupby("week")["search"].sum().iloc[:-1].sum()
        by_hand = earned[:, :, :-1].sum(axis=(2, 3)).mean() / spend
        assert row["reference_roi"] == pytest.approx(by_hand)

    def test_the_largest_channel_of_all_regions_is_shuffled(self, model: PymcModel) -> None:
        largest = TABLE[CHANNELS].sum().idxmax()
        assert model.stability_fleet(0, 0, 0, **QUIETLY).placebo_channel == largest

    def test_a_channel_constant_in_one_region_can_be_shuffled(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        panel_engine.install(monkeypatch)
        table = TABLE.copy()
        table.loc[table["region"] == "east", "tv"] = 0.0
        fleet = panel_model(table).stability_fleet(0, 0, 0, placebo_channel="tv", **QUIETLY)
        assert fleet.placebo_channel == "tv"


class TestRecovery:
    def test_true_contributions_are_of_all_regions(self, model: PymcModel) -> None:
        fleet = model.recovery_fleet(2, **QUIETLY)
        channels = fleet.channels()
        error = (channels["contribution"] / channels["truth"] - 1).abs()
        assert (error < 0.1).all()
        spend = channels["truth"] / channels["roi_truth"]
        np.testing.assert_allclose(spend.to_numpy().reshape(2, -1), [TABLE[CHANNELS].sum()] * 2)
        targets = [member.job.data.dataset["target"] for member in fleet]
        assert targets[0].dims == ("date", "geo")
        assert not targets[0].equals(targets[1])

    def test_regions_with_a_graph_are_refused_before_a_fit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        panel_engine.install(monkeypatch)
        model = panel_model(TABLE, dag_mode="notears")
        with pytest.raises(SpecificationError, match="regions and a channel graph"):
            model.recovery_fleet(**QUIETLY)


class TestForecast:
    def test_last_years_spend_is_that_of_each_region(self, model: PymcModel) -> None:
        fleet = model.forecast_fleet(8, ["as last year", "flat"], **QUIETLY)
        usual, flat = (m.job.data.dataset["media"].values[-8:] for m in fleet)
        spend = np.stack([TABLE.pivot(index="week", columns="region", values=c) for c in CHANNELS])
        np.testing.assert_array_equal(usual, np.moveaxis(spend[:, -52:-44], 0, -1))
        np.testing.assert_allclose(flat, [spend[:, -52:].mean(axis=1).T] * 8)
        controls = [m.job.data.dataset["controls"].values[-8:] for m in fleet]
        np.testing.assert_array_equal(*controls)
        price = TABLE.pivot(index="week", columns="region", values="price").to_numpy()
        np.testing.assert_array_equal(controls[0][..., 0], price[-52:-44])
        totals = fleet.totals()
        np.testing.assert_allclose(totals.loc["as last year", "spend"], usual.sum())
        forecast = fleet.forecast("flat")
        assert forecast["mean"].sum() == pytest.approx(totals.loc["flat", "mean"])

    def plan(self, **columns: Any) -> pd.DataFrame:
        """Spend in the eight weeks ahead, region after region."""
        weeks = pd.date_range(TABLE["week"].max(), periods=9, freq="W-MON")[1:]
        rows = pd.MultiIndex.from_product([REGIONS, weeks], names=["region", "week"])
        given = {"tv": 0.0, "search": 0.0, **columns}
        return pd.DataFrame(given, index=rows).reset_index()

    def test_controls_that_a_plan_leaves_out_are_those_of_each_region(
        self, model: PymcModel
    ) -> None:
        fleet = model.forecast_fleet(8, {"nothing": self.plan()}, **QUIETLY)
        known = model.forecast_fleet(8, ["as last year"], **QUIETLY)
        np.testing.assert_array_equal(
            *(f[0].job.data.dataset["controls"].values for f in (fleet, known))
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.iloc[:-1], r"Got 31 rows.*expected 32, one for each of 4 regions"),
            (lambda t: t.drop(columns="region"), "without 'region'"),
            (lambda t: t.replace({"region": {"west": "moon"}}), "region 'moon'"),
        ],
    )
    def test_plans_that_lack_a_region_are_refused(
        self, model: PymcModel, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
    ) -> None:
        with pytest.raises((DataError, ValueError), match=message):
            model.forecast_fleet(8, {"odd": change(self.plan())}, **QUIETLY)

    def test_a_plan_beyond_what_one_region_has_seen_is_to_be_looked_at(
        self, model: PymcModel
    ) -> None:
        largest = TABLE.groupby("region")["tv"].max()
        plan = self.plan()
        plan.loc[plan["region"] == "east", "tv"] = largest["east"] * 2
        fleet = model.forecast_fleet(8, {"all in the east": plan}, **QUIETLY)
        table = fleet.channels().set_index("channel")
        assert table.loc["tv", "planned_max"] < table.loc["tv", "seen_max"]
        assert table["regions_beyond"].to_dict() == {"tv": 1, "search": 0}
        (check,) = [c for c in fleet.verdict().checks if c.name.startswith("spend")]
        assert check.status is Status.REVIEW
        assert re.search(r"'tv \(all in the east\)'", check.sentence)


def test_a_finished_member_is_taken_from_its_checkpoint(
    model: PymcModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = {**QUIETLY, "checkpoint_dir": tmp_path}
    before = model.production_fleet(TEST_SIZE, **options)
    monkeypatch.delattr(panel_engine.RidgeByRegion, "fit")
    after = model.production_fleet(TEST_SIZE, **options)
    pd.testing.assert_frame_equal(before[0].prediction, after[0].prediction)
    pd.testing.assert_frame_equal(before[0].by_region, after[0].by_region)


def test_several_clients_of_which_one_has_regions(
    model: PymcModel, fake_sampler: Callable[..., Any], tmp_path: Path
) -> None:
    fake_sampler()
    config = small_config(40, client_name="one series")
    single = PymcModel(
        config.table, "revenue", "date_week", config.channel_names, client_name="one series"
    )
    fleet = ProductionFleet.for_clients([model, single], 4, **QUIETLY)
    assert not fleet.failed
    fleet.generate_report(tmp_path / "overview.html")
    assert len(list(tmp_path.glob("overview-*.html"))) == 2
