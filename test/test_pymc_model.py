"""The facade, on one model that was really sampled and on others that were not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import TINY, FakeSampler, fake_fit

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import (
    ColumnError,
    ConvergenceWarning,
    DataError,
    DataWarning,
    NotFittedError,
    PriorError,
    SpecificationError,
)
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.refresh import RefreshRecord
from pymc_toolkit.simulate import SimulatedClient, simulate_client

Install = Callable[..., FakeSampler]
FEW = {"draws": 6, "tune": 1, "chains": 2, "progressbar": False}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


@pytest.fixture(scope="module")
def client() -> SimulatedClient:
    return simulate_client(n_periods=40, n_channels=3, seed=3)


def make(client: SimulatedClient, periods: int = 30, **options: Any) -> PymcModel:
    settings = {"control_names": ["events"], "lag_max": 3, "random_seed": 5} | options
    return PymcModel(
        client.data.head(periods), "revenue", "date_week", client.channel_names, **settings
    )


@pytest.fixture
def model(client: SimulatedClient, fake_sampler: Install) -> PymcModel:
    """A fitted model whose draws are made up."""
    fake_sampler()
    return make(client).fit(**FEW)


# --- the guide


def test_log_of_the_guide(fitted: Any) -> None:
    """Every line of the guide that is the package's own, in its order, with its own logger."""
    facade, config = "pymc_toolkit.pymc_model", "pymc_toolkit.client_config"
    assert fitted.log == [
        (facade, "Creating the client's data configuration."),
        (config, "Target variable scaled using MaxAbsScaler."),
        (config, "Channel variables scaled using MaxAbsScaler."),
        (config, "Control variables scaled using MaxAbsScaler."),
        (config, "Client data loaded for 'client0' with 52 rows."),
        (facade, "Set up PyMCModel's basic configuration."),
        (facade, "Define PymcModel's default priors."),
        (facade, "Creating default priors for intercept and model's scale (y_sigma)."),
        (facade, "Creating default priors for gamma control."),
        (facade, "Using Geometric Adstock."),
        (facade, "Creating default priors for adstock alpha."),
        (facade, "Using Michaelis-Menten Saturation."),
        (facade, "Creating default priors for saturation lambda and alpha."),
        (facade, "Time-varying Media MMM."),
        (facade, "Creating default priors for Kernel's eta and length-scale."),
        (config, "Returning channels in scaled form."),
        (config, "Returning controls in scaled form."),
        (config, "Covariates DataFrame constructed with shape (52, 5)."),
        (config, "Returning target variable in original scale."),
        (config, "Inverse scaler function for 'target' returned."),
        (facade, "Sampling client0's MMM using 2 chains, 200 draws, and 300 tuning steps."),
        (facade, "Compute y_fit using the model's train data"),
        (facade, "Sampling completed."),
    ]


def test_log_names_only_the_parts_that_the_model_has(fitted_otherwise: Any) -> None:
    lines = [line for _, line in fitted_otherwise.log]
    assert "Creating default priors for gamma control." not in lines
    assert "Time-varying Media MMM." not in lines
    assert "Time-varying Intercept MMM." in lines
    assert "Using Delayed Adstock." in lines
    assert "Creating default priors for adstock alpha and theta." in lines
    assert "Using Hill Saturation." in lines
    assert "Creating default priors for saturation slope and kappa and beta." in lines


def test_priors_read_as_in_the_guide(fitted: Any) -> None:
    shown = {name: str(prior) for name, prior in fitted.model.model_priors.items()}
    smooth = shown.pop("media_tvp_config")
    assert shown == {
        "intercept": 'Prior("HalfNormal", sigma=1)',
        "likelihood": 'Prior("Normal", sigma=Prior("HalfNormal", sigma=2))',
        "gamma_control": 'Prior("HalfNormal", sigma=1, dims="control")',
        "saturation_lam": 'Prior("HalfNormal", sigma=1, dims="channel")',
        "saturation_alpha": 'Prior("Gamma", mu=2, sigma=1, dims="channel")',
        "adstock_alpha": 'Prior("Beta", alpha=1, beta=3, dims="channel")',
    }
    for part in ("m=50", "L=78.0", "eta_lam=10.0", "ls_mu=5", "ls_sigma=5"):
        assert part in smooth


def test_groups_of_the_data_tree(fitted: Any) -> None:
    idata = fitted.model.idata
    assert {"posterior", "sample_stats", "posterior_predictive", "observed_data"} <= set(idata)
    assert {"constant_data", "fit_data"} <= set(idata)
    observed = idata["observed_data"]["y"]
    np.testing.assert_array_equal(observed, fitted.training["revenue"])
    np.testing.assert_array_equal(idata["constant_data"]["media"], fitted.training[fitted.channels])
    assert idata["posterior_predictive"]["y"].dims == ("chain", "draw", "date")
    assert idata["posterior_predictive"]["y"].shape == (2, 200, 52)
    covariates = idata["fit_data"]["covariates"]
    assert list(covariates["covariate"].values) == [*fitted.channels, "events"]
    np.testing.assert_allclose(covariates.max("date"), 1.0)


def test_the_fit_follows_the_data(fitted: Any) -> None:
    """Not a test of accuracy: units and alignment would show here."""
    actual = fitted.training["revenue"].to_numpy()
    predicted = fitted.model.predict()["mean"].to_numpy()
    assert np.corrcoef(actual, predicted)[0, 1] > 0.9
    assert abs(predicted.mean() / actual.mean() - 1) < 0.05


# --- summaries


def test_summary_of_a_scalar(fitted: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="pymc_toolkit"):
        summary = fitted.model.summarize_variable("intercept")
    assert list(summary) == ["variable", "coef", "ci_up_cassandra", "ci_low_cassandra"]
    draws = fitted.model.idata["posterior"]["intercept"].values * fitted.training["revenue"].max()
    assert summary["variable"] == "intercept"
    assert summary["coef"] == pytest.approx(draws.mean())
    assert summary["ci_low_cassandra"] == pytest.approx(np.quantile(draws, 0.05))
    assert summary["ci_up_cassandra"] == pytest.approx(np.quantile(draws, 0.95))
    assert [record.message for record in caplog.records] == [
        "Inverse scaler function for 'target' returned."
    ]


@pytest.mark.parametrize(
    ("variable", "dim", "unit"),
    [
        ("y_sigma", None, lambda y, x, z: y),
        ("saturation_lam", "channel", lambda y, x, z: x),
        ("saturation_alpha", "channel", lambda y, x, z: y),
        ("adstock_alpha", "channel", lambda y, x, z: 1),
        ("gamma_control", "control", lambda y, x, z: y / z),
        ("media_temporal_latent_multiplier", "date", lambda y, x, z: 1),
        ("media_temporal_latent_multiplier_raw_eta", None, lambda y, x, z: 1),
        ("media_temporal_latent_multiplier_raw_ls", None, lambda y, x, z: 1),
    ],
)
def test_summary_in_original_units(
    fitted: Any, variable: str, dim: str | None, unit: Callable[..., Any]
) -> None:
    table = fitted.training
    scales = table["revenue"].max(), table[fitted.channels].max().values, table[["events"]].max()
    draws = fitted.model.idata["posterior"][variable].values * np.asarray(unit(*scales))
    summary = fitted.model.summarize_variable(variable, ci_prob=0.5)
    rows = [summary] if dim is None else summary
    labels = {
        "channel": fitted.channels,
        "control": ["events"],
        "date": list(pd.to_datetime(table["date_week"])),
    }
    if dim:
        assert [row[dim] for row in rows] == labels[dim]
    keys = ["variable", *([dim] if dim else []), "coef", "ci_up_cassandra", "ci_low_cassandra"]
    assert all(list(row) == keys for row in rows)
    np.testing.assert_allclose([row["coef"] for row in rows], np.atleast_1d(draws.mean((0, 1))))
    for key, quantile in (("ci_low_cassandra", 0.25), ("ci_up_cassandra", 0.75)):
        expected = np.atleast_1d(np.quantile(draws, quantile, axis=(0, 1)))
        np.testing.assert_allclose([row[key] for row in rows], expected)


def test_summary_of_an_unknown_variable_names_the_known(fitted: Any) -> None:
    with pytest.raises(SpecificationError, match=r"'intersept'.*'intercept'"):
        fitted.model.summarize_variable("intersept")


@pytest.mark.parametrize("ci_prob", [0, 1, 1.5, -0.1])
def test_an_impossible_probability_is_refused(fitted: Any, ci_prob: float) -> None:
    with pytest.raises(SpecificationError, match="ci_prob"):
        fitted.model.summarize_variable("intercept", ci_prob)
    with pytest.raises(SpecificationError, match="ci_prob"):
        fitted.model.predict(ci_prob=ci_prob)


# --- predictions


def test_prediction_of_the_training_window(fitted: Any) -> None:
    table = fitted.model.predict()
    assert list(table.columns) == ["mean", "ci_low", "ci_high"]
    assert table.index.name == "date_week"
    assert list(table.index) == list(pd.to_datetime(fitted.training["date_week"]))
    mean = fitted.model.contributions()["fitted"].mean(("chain", "draw"))
    np.testing.assert_allclose(table["mean"], mean)
    assert (table["ci_low"] < table["mean"]).all()
    assert (table["mean"] < table["ci_high"]).all()
    draws = fitted.model.idata["posterior_predictive"]["y"]
    np.testing.assert_allclose(table["ci_low"], draws.quantile(0.05, ("chain", "draw")))
    inside = fitted.training["revenue"].between(*(table[c].values for c in ("ci_low", "ci_high")))
    assert inside.mean() > 0.75


def test_a_wider_interval_holds_the_narrower(fitted: Any) -> None:
    narrow, wide = fitted.model.predict(ci_prob=0.5), fitted.model.predict(ci_prob=0.95)
    assert (wide["ci_low"] < narrow["ci_low"]).all()
    assert (wide["ci_high"] > narrow["ci_high"]).all()
    np.testing.assert_array_equal(wide["mean"], narrow["mean"])


def test_prediction_of_the_future(fitted: Any) -> None:
    before = fitted.future.copy(deep=True)
    table = fitted.model.predict(fitted.future)
    pd.testing.assert_frame_equal(fitted.future, before)
    assert table.index.name == "date_week"
    assert list(table.index) == list(pd.to_datetime(fitted.future["date_week"]))
    assert (table["ci_low"] < table["mean"]).all()
    assert (table["mean"] < table["ci_high"]).all()
    pd.testing.assert_frame_equal(table, fitted.model.predict(fitted.future))
    actual = fitted.table["revenue"].tail(len(table)).to_numpy()
    assert np.abs(table["mean"] / actual - 1).mean() < 0.5


def test_the_target_in_future_data_is_ignored(fitted: Any) -> None:
    with_target = fitted.future.assign(revenue=-1.0)
    pd.testing.assert_frame_equal(
        fitted.model.predict(with_target), fitted.model.predict(fitted.future)
    )


def test_spend_before_the_future_carries_over(model: PymcModel, client: SimulatedClient) -> None:
    """With nothing spent from then on, the first weeks still earn from training's last."""
    dark = client.data.iloc[30:38].drop(columns="revenue")
    dark = dark.assign(**dict.fromkeys(client.channel_names, 0.0), events=0)
    mean = model.predict(dark)["mean"]
    level = model.summarize_variable("intercept")["coef"]
    assert mean.iloc[0] > level * 1.001
    np.testing.assert_allclose(mean.iloc[2:], level)


def test_draws_behind_a_prediction(fitted: Any) -> None:
    draws = fitted.model.predict_draws(fitted.future)
    assert draws.dims == ("chain", "draw", "date")
    assert draws.shape == (2, 200, 8)
    assert draws.name == "revenue"
    table = fitted.model.predict(fitted.future)
    np.testing.assert_allclose(table["ci_low"], draws.quantile(0.05, ("chain", "draw")))
    inside = fitted.model.predict_draws()
    np.testing.assert_allclose(inside, fitted.model.idata["posterior_predictive"]["y"], 1e-12)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.drop(columns="channel_1_cost"), ColumnError, "without 'channel_1_cost'"),
        (lambda t: t.drop(columns="events"), ColumnError, "without 'events'"),
        (lambda t: t.assign(tv_cost=1.0), ColumnError, "'tv_cost'"),
        (lambda t: t.iloc[1:], DataError, "without 2021-08-02"),
        (lambda t: t.drop(index=t.index[2]), DataError, "without 2021-08-16"),
        (lambda t: t.assign(channel_1_cost=-1.0), DataError, "zero or more"),
        (lambda t: t.assign(channel_1_cost=np.nan), DataError, "a number in every row"),
        (lambda t: t.iloc[:0], DataError, "0 rows"),
        (lambda t: t.to_dict(), DataError, "DataFrame"),
    ],
)
def test_an_unusable_future_is_refused(
    model: PymcModel,
    client: SimulatedClient,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pd.DataFrame], Any],
    error: type[Exception],
    message: str,
) -> None:
    """Before anything is computed."""
    monkeypatch.setattr(BayesianEngine, "decompose", None)
    future = change(client.data.iloc[30:35].drop(columns="revenue"))
    with pytest.raises(error, match=message):
        model.predict(future)


def test_a_future_that_overlaps_training_is_refused(
    model: PymcModel, client: SimulatedClient
) -> None:
    with pytest.raises(DataError, match=r"2021-07-26.*overlaps"):
        model.predict(client.data.iloc[29:35])


# --- contributions and ROI


def test_contributions_add_up(fitted: Any, fitted_otherwise: Any) -> None:
    parts = {"baseline", "channels", "fitted"}
    for shared, others in (
        (fitted, {"controls"}),
        (fitted_otherwise, {"seasonality", "trend"}),
    ):
        contributions = shared.model.contributions()
        assert set(contributions.data_vars) == parts | others
        total = sum(
            contributions[name].sum([d for d in contributions[name].dims if d in others_dims])
            for name in contributions.data_vars
            if name != "fitted"
            for others_dims in [("channel", "control")]
        )
        np.testing.assert_allclose(total, contributions["fitted"], rtol=1e-12)
        assert contributions["channels"].shape == (2, contributions.sizes["draw"], 52, 3)
        assert list(contributions["channel"].values) == shared.channels
        assert contributions["channels"].max() < 5 * shared.training["revenue"].max()
        assert contributions["fitted"].mean() > 0.5 * shared.training["revenue"].mean()


def test_roi_by_hand(model: PymcModel, client: SimulatedClient) -> None:
    first, second, third = client.channel_names
    table = model.roi({first: 0.25, second: None})
    assert list(table.columns) == ["spend", "exposure", "contribution", "roi", "ci_low", "ci_high"]
    assert table.index.name == "channel"
    assert list(table.index) == client.channel_names
    sums = client.data.head(30)[client.channel_names].sum()
    np.testing.assert_allclose(table["exposure"], sums)
    earned = model.contributions()["channels"].sum("date")
    for name, cost in ((first, 0.25), (third, 1.0)):
        returns = (earned.sel(channel=name) / (sums[name] * cost)).values
        row = table.loc[name]
        assert row["spend"] == pytest.approx(sums[name] * cost)
        assert row["contribution"] == pytest.approx(float(earned.sel(channel=name).mean()))
        assert row["roi"] == pytest.approx(returns.mean())
        assert row["ci_low"] == pytest.approx(np.quantile(returns, 0.05))
        assert row["ci_high"] == pytest.approx(np.quantile(returns, 0.95))
    unpaid = table.loc[second]
    assert unpaid[["spend", "roi", "ci_low", "ci_high"]].isna().all()
    assert unpaid["contribution"] > 0


def test_roi_uses_the_costs_that_the_model_was_made_with(
    client: SimulatedClient, fake_sampler: Install
) -> None:
    fake_sampler()
    first = client.channel_names[0]
    made_with = make(client, cost_per_unit={first: 2}).fit(**FEW)
    free = made_with.roi({})
    assert made_with.roi().loc[first, "roi"] == pytest.approx(free.loc[first, "roi"] / 2)


def test_every_return_uses_those_costs(client: SimulatedClient, fake_sampler: Install) -> None:
    fake_sampler()
    first, second, _ = client.channel_names
    made_with = make(client, cost_per_unit={first: 2, second: None}).fit(**FEW)
    dates = ("2021-02-01", "2021-05-01")
    exposure = client.data[client.data["date_week"].between(*dates)][first].sum()
    for ask, name, power in (
        (made_with.roi, "roi", -1),
        (made_with.marginal_roi, "marginal_roi", -1),
        (made_with.cost_per_outcome, "cost_per_outcome", 1),
    ):
        table, free = ask(dates=dates), ask({}, dates=dates)
        assert table.loc[first, "spend"] == pytest.approx(2 * exposure)
        columns = [name, "ci_low", "ci_high"]
        pd.testing.assert_series_equal(
            table.loc[first, columns], free.loc[first, columns] * 2.0**power
        )
        assert table.loc[second, columns].isna().all()
        narrow = ask(dates=dates, ci_prob=0.5)
        assert narrow.loc[first, "ci_low"] > table.loc[first, "ci_low"]


def test_curves_and_carry_over_of_a_model(model: PymcModel, client: SimulatedClient) -> None:
    curves, narrow = model.response_curves(), model.response_curves(0.5)
    assert list(curves.columns) == ["channel", "spend", "mean", "ci_low", "ci_high", "observed"]
    assert list(curves["channel"].unique()) == client.channel_names
    assert (narrow["ci_high"] - narrow["ci_low"]).sum() < (
        curves["ci_high"] - curves["ci_low"]
    ).sum()
    times, narrow = model.carry_over(), model.carry_over(0.5)
    assert list(times.index) == client.channel_names
    assert (narrow["ci_high"] < times["ci_high"]).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_channel_without_spend_has_no_roi(client: SimulatedClient, fake_sampler: Install) -> None:
    fake_sampler()
    first = client.channel_names[0]
    dark = SimulatedClient(
        client.data.assign(**{first: 0.0}), {}, "date_week", "revenue", client.channel_names
    )
    with pytest.warns(UserWarning, match=f"without any variation: '{first}'"):
        never = make(dark)
    table = never.fit(**FEW).roi()
    assert table.loc[first, ["roi", "ci_low", "ci_high"]].isna().all()
    assert table.loc[first, "contribution"] == 0
    assert table.drop(index=first).notna().all(axis=None)


@pytest.mark.parametrize(
    ("costs", "error"),
    [({"tv": 1.0}, ColumnError), ({"channel_1_cost": 0}, SpecificationError)],
)
def test_impossible_costs_are_refused(
    model: PymcModel, costs: dict[str, float], error: type[Exception]
) -> None:
    for ask in (model.roi, model.marginal_roi, model.cost_per_outcome):
        with pytest.raises(error, match="cost_per_unit"):
            ask(costs)


# --- before the fit, and what cannot be fitted


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.predict(),
        lambda m: m.predict_draws(),
        lambda m: m.summarize_variable("intercept"),
        lambda m: m.contributions(),
        lambda m: m.roi(),
        lambda m: m.marginal_roi(),
        lambda m: m.cost_per_outcome(),
        lambda m: m.response_curves(),
        lambda m: m.carry_over(),
        lambda m: m.idata,
        lambda m: m.convergence,
        lambda m: m.refresh(pd.DataFrame()),
        lambda m: m.save("never-written.nc"),
    ],
)
def test_nothing_is_answered_before_the_fit(
    client: SimulatedClient, ask: Callable[[PymcModel], Any]
) -> None:
    with pytest.raises(NotFittedError, match=r"call fit\(\) first"):
        ask(make(client))


@pytest.mark.parametrize(
    "setting",
    [
        {"draws": 0},
        {"draws": 2.5},
        {"tune": -1},
        {"chains": True},
        {"target_accept": 1.0},
        {"target_accept": 0},
        {"target_accept": "high"},
        {"random_seed": -1},
    ],
)
def test_impossible_sampling_settings_are_refused(
    client: SimulatedClient, fake_sampler: Install, setting: dict[str, Any]
) -> None:
    sampler = fake_sampler()
    model = make(client)
    with pytest.raises(SpecificationError, match=f"Got {next(iter(setting))}="):
        model.fit(**setting)
    with pytest.raises(SpecificationError, match=f"Got {next(iter(setting))}="):
        model.production_fleet(**setting)
    assert not sampler.calls
    assert "not fitted" in repr(model)


def test_an_unknown_sampling_setting_is_refused(model: PymcModel, client: SimulatedClient) -> None:
    with pytest.raises(SpecificationError, match=r"'cores'.*'draws'"):
        model.refresh(client.data, cores=2)
    with pytest.raises(SpecificationError, match=r"'cores'.*'draws'"):
        model.production_fleet(cores=2)


def test_the_caller_s_table_is_not_changed(client: SimulatedClient, fake_sampler: Install) -> None:
    fake_sampler()
    mine = client.data.head(30).copy()
    before = mine.copy(deep=True)
    model = PymcModel(mine, "revenue", "date_week", client.channel_names, ["events"], lag_max=3)
    model.fit(**FEW)
    pd.testing.assert_frame_equal(mine, before)
    mine["revenue"] = 0.0
    assert float(model.idata["observed_data"]["y"].sum()) == before["revenue"].sum()


@pytest.mark.parametrize(("trend", "changepoints"), [(False, None), (True, 1), (4, 4)])
def test_trend_as_a_switch_or_a_number(
    client: SimulatedClient, trend: bool | int, changepoints: int | None
) -> None:
    assert make(client, trend=trend).spec.trend == changepoints


def test_a_model_without_a_seed_keeps_the_one_it_drew(
    client: SimulatedClient, fake_sampler: Install
) -> None:
    sampler = fake_sampler()
    model = make(client, random_seed=None)
    model.fit(**FEW)
    model.fit(**FEW)
    model.fit(**FEW, random_seed=17)
    assert [call[2].random_seed for call in sampler.calls] == [model.random_seed] * 2 + [17]
    assert make(client, random_seed=None).random_seed != model.random_seed


def test_settings_reach_the_engine(client: SimulatedClient, fake_sampler: Install) -> None:
    sampler = fake_sampler()
    make(client, time_varying_media=True).fit(7, 8, 3, 0.95, 9, False)
    data, spec, sampling = sampler.calls[0]
    assert (sampling.draws, sampling.tune, sampling.chains) == (7, 8, 3)
    assert (sampling.target_accept, sampling.random_seed) == (0.95, 9)
    assert spec.time_varying_media
    assert spec.lag_max == 3
    assert data.n_periods == 30


def test_overrides_reach_the_engine_and_the_shown_priors(
    client: SimulatedClient, fake_sampler: Install
) -> None:
    from pymc_extras.prior import Prior

    sampler = fake_sampler()
    mine = Prior("Beta", alpha=2, beta=2, dims="channel")
    model = make(client, model_priors={"adstock_alpha": mine})
    assert model.model_priors["adstock_alpha"] == mine
    model.fit(**FEW)
    assert sampler.calls[0][1].prior_overrides["adstock_alpha"]["kwargs"] == {"alpha": 2, "beta": 2}
    with pytest.raises(PriorError, match="adstock_alpha"):
        make(client, model_priors={"adstock_alfa": mine})


# --- convergence


def bad_chains() -> dict[str, Any]:
    apart = np.array([[[1.0], [1.0]], [[5.0], [5.0]]]) + np.arange(2)[None, :, None] * 1e-3
    return {"saturation_lam": apart}


def warnings_of(act: Callable[[], Any]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [entry for entry in caught if entry.category is ConvergenceWarning]


def test_chains_that_disagree_are_warned_of_once(
    client: SimulatedClient, fake_sampler: Install
) -> None:
    """At the user's line, naming what is worst and what to do."""
    sampler = fake_sampler()
    model = make(client)
    settings = {**FEW, "draws": 400}
    shifted = np.full((2, 400, 3), 1.0)
    shifted[1] += 4
    sampler.options = {
        "fixed": {"saturation_lam": shifted + np.random.default_rng(0).normal(0, 0.1, (2, 400, 3))},
        "diverging": 5,
    }
    (warning,) = warnings_of(lambda: model.fit(**settings))
    assert warning.filename == __file__
    text = str(warning.message)
    for name in client.channel_names:
        assert f"saturation_lam[{name}]" in text
    assert "adstock" not in text
    assert "5 of 800 draws diverged" in text
    assert "target_accept" in text
    assert model.convergence.worst()["variable"].tolist() == ["saturation_lam"] * 3
    for act in (
        lambda: model.refresh(client.data.iloc[30:32], progressbar=False),
        lambda: model.production_fleet(progressbar=False),
    ):
        (warning,) = warnings_of(act)
        assert warning.filename == __file__
    assert not warnings_of(lambda: (model.predict(), model.roi(), model.convergence))


def test_good_chains_are_not_warned_of(client: SimulatedClient, fake_sampler: Install) -> None:
    fake_sampler()
    model = make(client)
    assert not warnings_of(lambda: model.fit(**{**FEW, "draws": 1000}))
    assert model.convergence.converged
    assert model.convergence.draws == 2000


# --- refresh


def test_refresh_adds_and_restates(client: SimulatedClient, fake_sampler: Install) -> None:
    sampler = fake_sampler()
    model = make(client).fit(**FEW)
    old_scale = float(model.config.model_data.scale("target"))
    roi_before = model.roi()
    new = client.data.iloc[27:34].copy()
    new["revenue"] *= 10
    untouched = new.copy(deep=True)
    assert model.refresh(new, progressbar=False) is model
    pd.testing.assert_frame_equal(new, untouched)

    (record,) = model.refresh_history
    assert (record.periods_added, record.periods_restated) == (4, 3)
    assert record.first_date == "2021-01-04"
    assert record.last_date == "2021-08-23"
    columns = ["roi", "ci_low", "ci_high"]
    before, after = (record.roi[[f"{c}_{when}" for c in columns]] for when in ("before", "after"))
    np.testing.assert_array_equal(before, roi_before[columns])
    np.testing.assert_array_equal(after, model.roi()[columns])
    assert list(record.roi.index) == client.channel_names

    data, _, sampling = sampler.calls[-1]
    assert data.n_periods == 34
    expected = [*client.data["revenue"].iloc[:27], *new["revenue"]]
    np.testing.assert_array_equal(data.dataset["target"], expected)
    assert float(data.scale("target")) == old_scale
    assert (sampling.draws, sampling.chains) == (6, 2)
    assert len(model.predict()) == 34
    np.testing.assert_array_equal(model.idata["observed_data"]["y"], expected)
    model.refresh(client.data.iloc[34:36], progressbar=False, draws=8)
    assert len(model.refresh_history) == 2
    assert model.idata["posterior"].sizes["draw"] == 8


def test_refresh_may_rescale(client: SimulatedClient, fake_sampler: Install) -> None:
    fake_sampler()
    model = make(client).fit(**FEW)
    new = client.data.iloc[30:34].copy()
    new["revenue"] *= 10
    model.refresh(new, rescale=True, progressbar=False)
    assert float(model.config.model_data.scale("target")) == new["revenue"].max()


def test_a_prior_that_no_longer_fits_the_longer_window_is_refused(
    client: SimulatedClient, fake_sampler: Install
) -> None:
    """A basis that spanned 30 weeks does not span 40."""
    sampler = fake_sampler()
    model = make(client, time_varying_media=True, model_priors={"media_tvp_config": {"L": 16.0}})
    model.fit(**FEW)
    for act in (model.refresh, lambda new, **rest: model.production_fleet(2, new, **rest)):
        with pytest.raises(PriorError, match="more than half"):
            act(client.data.iloc[30:], progressbar=False)
    assert len(sampler.calls) == 1


def test_a_failed_refresh_leaves_the_model_as_it_was(
    client: SimulatedClient, model: PymcModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model.predict()
    held = model.config, model.spec, model._fit, model._sampling

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("out of memory")

    def check() -> None:
        assert (model.config, model.spec, model._fit, model._sampling) == held
        assert model.refresh_history == []
        pd.testing.assert_frame_equal(model.predict(), before)

    new = client.data.iloc[30:34]
    with pytest.raises(DataError, match="gap"):
        model.refresh(client.data.iloc[32:34])
    check()
    with monkeypatch.context() as patch:
        patch.setattr(BayesianEngine, "fit", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            model.refresh(new, rescale=True, draws=9, progressbar=False)
    check()
    with monkeypatch.context() as patch:
        # After sampling, while the results are gathered.
        patch.setattr(RefreshRecord, "of", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            model.refresh(new, progressbar=False)
    check()


def test_a_failed_fit_keeps_the_one_before(
    model: PymcModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model._fit, model._sampling

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(BayesianEngine, "fit", fail)
    with pytest.raises(RuntimeError):
        model.fit(draws=9)
    assert (model._fit, model._sampling) == before


def test_refresh_samples_the_new_data(client: SimulatedClient) -> None:
    """For real: a second fit must not see the first one's data."""
    few = {**TINY, "draws": 100, "tune": 100}
    model = make(client, control_names=None, lag_max=2).fit(**few)
    sigma = model.summarize_variable("y_sigma")["coef"]
    level = model.predict()["mean"].mean()
    new = client.data.iloc[:32].drop(columns="events").copy()
    new["revenue"] = new["revenue"] * 3
    model.refresh(new, progressbar=False)
    assert model.refresh_history[0].periods_restated == 30
    assert model.predict()["mean"].mean() == pytest.approx(3 * level, rel=0.1)
    assert model.summarize_variable("y_sigma")["coef"] > 1.5 * sigma


def test_a_fit_by_hand_is_summarised_by_hand() -> None:
    """The stand-in of these tests keeps the values that it is given."""
    fit = fake_fit(fixed={"intercept": 0.5})
    assert (fit.posterior["intercept"] == 0.5).all()


@pytest.mark.parametrize(
    ("options", "sign", "message"),
    [({"scale_data": False}, 1, "scale_data=True"), ({}, -1, "negative on average")],
)
def test_a_target_that_default_priors_cannot_reach(
    options: dict[str, Any], sign: int, message: str
) -> None:
    client = simulate_client(n_periods=30, n_channels=1)
    data = client.data.assign(revenue=sign * client.data["revenue"])
    with pytest.warns(DataWarning, match=message):
        PymcModel(data, "revenue", "date_week", client.channel_names, lag_max=3, **options)


def test_a_column_of_ones_is_pointed_out() -> None:
    client = simulate_client(n_periods=30, n_channels=1)
    data = client.data.assign(ones=1)
    with pytest.warns(DataWarning, match="Controls without any variation: 'ones'"):
        PymcModel(data, "revenue", "date_week", client.channel_names, ["ones"], lag_max=3)


@pytest.mark.parametrize(
    "options",
    [
        {"random_seed": 2**70},
        {"engine": ["bayesian"]},
        {"scale_data": "no"},
        {"target_is_money": 1},
        {"cost_per_unit": ["channel_1_cost"]},
    ],
)
def test_wrong_kinds_of_options_are_refused_by_name(options: dict[str, Any]) -> None:
    client = simulate_client(n_periods=30, n_channels=1)
    (name,) = options
    with pytest.raises(SpecificationError, match=name):
        PymcModel(client.data, "revenue", "date_week", client.channel_names, lag_max=3, **options)


def test_the_same_model_as_an_object_of_pymc_marketing(fitted: Any) -> None:
    """Built on the scaled data, with the names and priors of that package."""
    mmm = fitted.model.to_pymc_marketing()
    names = {variable.name for variable in mmm.model.free_RVs}
    ours = set(fitted.model.idata["posterior"].data_vars) - {"media_temporal_latent_multiplier"}
    assert names == ours - {"intercept"} | {"intercept_contribution"}
    np.testing.assert_array_equal(
        mmm.model["channel_data"].get_value(), fitted.model.config.model_data.scaled("media").values
    )
