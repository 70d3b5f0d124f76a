"""The production fleet: what is held out stays out, and scores and verdicts follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import QUIET, FakeSampler, small_config, small_subject

from pymc_toolkit import metrics
from pymc_toolkit.analysis.prediction import predict
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]
METRICS = ["mape", "nrmse", "r_squared", "crps"]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def run(config: ClientConfig, test_size: Any = 4) -> ProductionFleet:
    return run_production([small_subject(config)], test_size, QUIET)


@pytest.fixture
def fleet(fake_sampler: Install) -> ProductionFleet:
    fake_sampler(diverging=3, depth=6)
    return run(small_config(40))


def test_summary_of_the_guide(fleet: ProductionFleet) -> None:
    summary = fleet.summary()
    assert list(summary) == ["divergences", "max_tree_depth", "train", "test"]
    assert summary["divergences"] == 3
    assert summary["max_tree_depth"] == 6
    for part in ("train", "test"):
        assert list(summary[part]) == METRICS
        assert all(isinstance(value, float) for value in summary[part].values())


def test_the_fleet_of_a_model_that_was_sampled(fitted: Any) -> None:
    """For real, on the table of the shared model; the model is left as it is."""
    before = fitted.model._fit, fitted.model.config, fitted.model.predict()
    fleet = fitted.model.production_fleet(
        8, fitted.table.iloc[52:], draws=50, tune=100, progressbar=False
    )
    assert (fitted.model._fit, fitted.model.config) == before[:2]
    pd.testing.assert_frame_equal(fitted.model.predict(), before[2])
    (member,) = fleet
    assert member.fit.training.n_periods == 52
    assert member.job.data.n_periods == 60
    assert member.name == "client0"
    assert member.train["r_squared"] > 0.5
    assert member.test["mape"] < 1
    held_out = fitted.table["revenue"].tail(8).to_numpy()
    np.testing.assert_array_equal(member.job.data.dataset["target"].values[-8:], held_out)


def test_scores_by_hand(fleet: ProductionFleet) -> None:
    member = fleet[0]
    prediction = predict(member.fit, member.job.data)
    target = small_config(40).table["revenue"].to_numpy()
    mean = prediction.expected.mean(("chain", "draw")).values
    draws = prediction.observation.values.reshape(20, 40)
    for part, scores in ((slice(None, 36), member.train), (slice(36, None), member.test)):
        assert scores == {
            "mape": pytest.approx(metrics.mape(target[part], mean[part])),
            "nrmse": pytest.approx(metrics.nrmse(target[part], mean[part])),
            "r_squared": pytest.approx(metrics.r_squared(target[part], mean[part])),
            "crps": pytest.approx(metrics.crps(target[part], draws[:, part])),
        }


def test_the_model_sees_nothing_that_is_held_out(fake_sampler: Install) -> None:
    """Neither the values nor the scales nor the length."""
    sampler = fake_sampler()
    config = small_config(40)
    run(config)
    changed = config.table.copy()
    changed.loc[36:, ["revenue", "channel_1_cost", "events"]] *= 50
    channels = config.channel_names
    run(ClientConfig(changed, "revenue", "date_week", channels, ["events"]))
    (first, _, sampling), (second, _, _) = sampler.calls
    assert first.n_periods == 36
    assert first.digest() == second.digest()
    np.testing.assert_array_equal(first.dataset["target"], config.table["revenue"].head(36))
    assert float(first.scale("target")) == config.table["revenue"].head(36).max()
    assert sampling == small_subject().sampling


def test_held_out_targets_do_not_move_the_prediction(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    changed = config.table.copy()
    changed.loc[36:, "revenue"] *= 50
    other = ClientConfig(changed, "revenue", "date_week", config.channel_names, ["events"])
    one, two = (predict(f[0].fit, f[0].job.data) for f in (run(config), run(other)))
    xr.testing.assert_identical(one.expected.drop_attrs(), two.expected.drop_attrs())
    xr.testing.assert_identical(one.observation.drop_attrs(), two.observation.drop_attrs())


def test_a_config_keeps_its_own_scales(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    before = config.model_data.digest()
    run(config)
    assert config.model_data.digest() == before


def test_carry_over_reaches_into_the_held_out_periods(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    dark = config.table.copy()
    dark.loc[36:, config.channel_names] = 0.0
    dark.loc[33:35, config.channel_names] = 1000.0
    fleet = run(ClientConfig(dark, "revenue", "date_week", config.channel_names, ["events"]))
    from pymc_toolkit.analysis.contributions import decomposition

    earned = decomposition(fleet[0].fit, fleet[0].job.data)["channels"].mean(("chain", "draw"))
    assert (earned.isel(date=36) > 0).all()
    assert (earned.isel(date=slice(38, None)) == 0).all()


@pytest.mark.parametrize("test_size", [0, -1, True, 2.5, "4", None])
def test_an_impossible_test_size_is_refused(fake_sampler: Install, test_size: Any) -> None:
    sampler = fake_sampler()
    with pytest.raises(SpecificationError, match="test_size="):
        run(small_config(40), test_size)
    assert not sampler.calls


@pytest.mark.parametrize("test_size", [28, 40, 1000])
def test_too_little_to_train_on_is_refused(fake_sampler: Install, test_size: int) -> None:
    sampler = fake_sampler()
    with pytest.raises(DataError, match="of 40 periods; expected at most 27"):
        run(small_config(40), test_size)
    assert not sampler.calls


@pytest.mark.parametrize("test_size", [27, np.int64(1)])
def test_the_largest_and_smallest_test_size(fake_sampler: Install, test_size: int) -> None:
    fake_sampler()
    fleet = run(small_config(40), test_size)
    assert fleet[0].fit.training.n_periods == 40 - test_size
    assert math.isnan(fleet[0].test["r_squared"]) == (test_size == 1)


def test_new_data_are_added_first(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    table = small_config(44).table
    channels = ["channel_1_cost", "channel_2_cost"]
    model = PymcModel(table.head(40), "revenue", "date_week", channels, lag_max=3, random_seed=1)
    fleet = model.production_fleet(
        4, table.iloc[40:].drop(columns="events"), draws=5, chains=1, progressbar=False
    )
    assert sampler.calls[0][0].n_periods == 40
    assert fleet[0].job.data.n_periods == 44
    assert model.config.model_data.n_periods == 40
    assert "not fitted" in repr(model)


def test_verdict_and_scores(fleet: ProductionFleet) -> None:
    table = fleet.scores()
    assert list(table.index) == ["model", "seasonal naive", "training mean"]
    assert list(table.columns) == METRICS
    assert table.loc["model"].to_dict() == fleet[0].test
    assert table.loc["seasonal naive"].isna().all()
    assert fleet.verdict().to_frame()["check"].tolist() == [
        "convergence",
        "holdout against seasonal naive",
        "holdout against training mean",
        "holdout intervals",
    ]


def test_a_summary_is_a_copy(fleet: ProductionFleet) -> None:
    fleet.summary()["test"]["mape"] = 0.0
    assert fleet[0].test["mape"] != 0.0


def test_a_single_client_gets_the_report_of_its_model(
    fleet: ProductionFleet, tmp_path: Path
) -> None:
    path = fleet.generate_report(tmp_path / "one.html")
    assert "What media did for client0" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["one.html"]


# --- several clients


def models(*names: str, periods: int = 40) -> list[PymcModel]:
    """One model a client, each of other data."""
    tables = [small_config(periods, seed=i).table for i in range(len(names))]
    channels = ["channel_1_cost", "channel_2_cost"]
    return [
        PymcModel(
            table, "revenue", "date_week", channels, ["events"], 3, client_name=name, random_seed=i
        )
        for i, (name, table) in enumerate(zip(names, tables, strict=True))
    ]


def for_clients(*names: str, **options: Any) -> ProductionFleet:
    settings = {"draws": 10, "chains": 2, "progressbar": False, **options}
    return ProductionFleet.for_clients(models(*names), **settings)


def test_several_clients_in_one_fleet(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    fleet = for_clients("north", "south", test_size=5)
    assert [member.name for member in fleet] == ["north", "south"]
    assert list(fleet.summary()) == ["north", "south"]
    assert fleet.summary()["south"]["test"] == fleet["south"].test
    assert [call[2].random_seed for call in sampler.calls] == [0, 1]
    assert fleet.test_size == 5
    assert fleet.verdict().to_frame()["check"].tolist() == ["north", "south"]
    assert fleet.verdict().status == max(
        (fleet.verdict_of(name).status for name in ("north", "south")),
        key=["pass", "review", "fail"].index,
    )
    own = fleet.scores("south").loc["model"].to_dict()
    assert own == fleet["south"].test


def test_each_client_has_a_report_beside_the_overview(
    fake_sampler: Install, tmp_path: Path
) -> None:
    fake_sampler()
    names = ["../up & <b>over</b>", "UP over", "..", "up/over"]
    fleet = for_clients(*names)
    path = fleet.generate_report(tmp_path / "in" / "overview.html")
    written = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.html"))
    assert path == tmp_path / "in" / "overview.html"
    assert written == [
        "in/overview-client.html",
        "in/overview-up-b-over-b.html",
        "in/overview-up-over-2.html",
        "in/overview-up-over.html",
        "in/overview.html",
    ]
    page = path.read_text(encoding="utf-8")
    for name in written[:-1]:
        assert f'href="{Path(name).name}"' in page
    assert "<b>over</b>" not in page


@pytest.mark.parametrize(
    ("names", "options", "error", "match"),
    [
        ((), {}, SpecificationError, "no models"),
        (("a", "b", "a"), {}, SpecificationError, "clients with 'a' more than once"),
        (("a", "b"), {"test_size": 0}, SpecificationError, "test_size=0"),
        (("a", "b"), {"test_size": 39}, DataError, "test_size=39 of 40 periods"),
        (("a",), {"drwas": 5}, SpecificationError, "drwas"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(
    fake_sampler: Install, names: Any, options: Any, error: type[Exception], match: str
) -> None:
    sampler = fake_sampler()
    with pytest.raises(error, match=match):
        for_clients(*names, **options)
    assert not sampler.calls
