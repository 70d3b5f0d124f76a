"""The deep engine behind the facade: parts, draws, files, fleets, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_extras.prior import Prior

from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.engines.base import sum_components
from pymc_toolkit.engines.convergence import CYCLES_LIMIT, TrainingEnd
from pymc_toolkit.engines.deep.engine import DeepEngine, _sample_stats
from pymc_toolkit.engines.deep.members import Trained
from pymc_toolkit.engines.deep.noise import observed
from pymc_toolkit.engines.deep.options import DeepOptions
from pymc_toolkit.engines.deep.series import Levels, panel_of
from pymc_toolkit.engines.deep.states import restored
from pymc_toolkit.engines.deep.training import History
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_panels import simulate_panel

OPTIONS: dict[str, Any] = {"members": 3, "n_epochs": 20, "min_epochs": 5, "validation_weeks": 6}
MEMBERS = OPTIONS["members"]
CLIENT = simulate_client(n_periods=60, n_channels=2, seed=1)
PANEL = simulate_panel(n_regions=3, n_periods=60, seed=1)
TRAINED_ON = 52
TRAINING = CLIENT.data.head(TRAINED_ON)
FUTURE = CLIENT.data.iloc[TRAINED_ON:].drop(columns="revenue")
FIRST, SECOND = CLIENT.channel_names
# Where numbers of 32 bits went another way.
CLOSE = 1e-5

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def client_model(
    table: pd.DataFrame = TRAINING, options: dict[str, Any] | None = None, **given: Any
) -> PymcModel:
    """A model of the simulated client, not fitted."""
    return PymcModel(
        table,
        "revenue",
        "date_week",
        [FIRST, SECOND],
        ["events"],
        **{"engine": "deep", "random_seed": 3, **given},
        engine_options={**OPTIONS, **(options or {})},
    )


def panel_model(table: pd.DataFrame = PANEL.data, **given: Any) -> PymcModel:
    """A model of the simulated panel, not fitted."""
    return PymcModel(
        table,
        PANEL.target_name,
        PANEL.date_column,
        PANEL.channel_names,
        PANEL.control_names,
        geo_column=PANEL.geo_column,
        engine="deep",
        random_seed=3,
        engine_options=OPTIONS,
        **given,
    )


def weights_of(model: PymcModel) -> np.ndarray:
    """Every number that was learnt, a row a member."""
    found: np.ndarray = model._fitted().posterior["network_weights"].values[0]
    return found


@pytest.fixture(scope="module")
def model() -> PymcModel:
    return client_model(yearly_seasonality=1, time_varying_intercept=True).fit(progressbar=False)


@pytest.fixture(scope="module")
def regions() -> PymcModel:
    return panel_model().fit(progressbar=False)


@pytest.mark.parametrize("name", ["model", "regions"])
def test_parts_are_what_networks_predict(name: str, request: pytest.FixtureRequest) -> None:
    fitted: PymcModel = request.getfixturevalue(name)
    parts = fitted.contributions()
    xr.testing.assert_allclose(sum_components(parts.drop_vars("fitted")), parts["fitted"])
    fit = fitted._fitted()
    settings, levels = DeepOptions.of(fit.training, fit.spec).settings, Levels.of(fit.training)
    panel = panel_of(fit.training, levels, settings, fit.training.n_periods)
    scale = fit.training.scale("target").values
    for member, weights in enumerate(weights_of(fitted)):
        network = restored(weights, fit.training, settings).eval()
        with torch.no_grad():
            alone = network(
                panel.media, panel.controls, panel.regions, start_week=panel.start_week
            )[0]
        said = alone.double().numpy() * (levels.target * scale)[:, None]
        fitted_values = parts["fitted"].isel(chain=0, draw=member).values
        by_region = fitted_values[:, None] if fitted_values.ndim == 1 else fitted_values
        np.testing.assert_allclose(by_region.T, said, rtol=CLOSE)


def test_the_target_comes_back_in_its_own_units(model: PymcModel) -> None:
    mean = model.predict()["mean"]
    assert (mean / TRAINING["revenue"].to_numpy() - 1).abs().mean() < 0.25
    later = model.predict(FUTURE)
    assert len(later) == len(FUTURE)
    assert (later["ci_low"] < later["mean"]).all()
    assert (later["mean"] < later["ci_high"]).all()


def test_what_comes_later_does_not_change_the_past(model: PymcModel) -> None:
    fit, engine = model._fitted(), DeepEngine()
    changed = FUTURE.assign(**{FIRST: 10 * FUTURE[FIRST].max(), "events": 0})
    before = engine.decompose(fit, fit.training)
    changed_at = TRAINED_ON + 4
    later = []
    for table in (FUTURE, changed.iloc[4:]):
        rows = pd.concat([FUTURE.iloc[: len(FUTURE) - len(table)], table])
        whole = pd.concat([TRAINING, rows.assign(revenue=0.0)])
        joined = fit.training.followed_by(
            client_model(whole).config.model_data.window(TRAINED_ON, None)
        )
        later.append(engine.decompose(fit, joined))
    for name, part in before.items():
        for found in later:
            past = found[name].isel(date=slice(TRAINED_ON))
            np.testing.assert_allclose(past, part, rtol=CLOSE, atol=1e-6, err_msg=str(name))
        same, other = (found[name].isel(date=slice(changed_at)) for found in later)
        np.testing.assert_allclose(same, other, rtol=CLOSE, atol=1e-6, err_msg=str(name))
    reached = [found["channels"].isel(date=changed_at).sel(channel=FIRST) for found in later]
    assert (reached[1] > reached[0]).all()


def test_same_seed_same_networks_whatever_ran_before(model: PymcModel) -> None:
    given: dict[str, Any] = {"yearly_seasonality": 1, "time_varying_intercept": True}
    torch.manual_seed(11)
    torch.rand(7)
    again = client_model(**given).fit(progressbar=False)
    np.testing.assert_array_equal(weights_of(again), weights_of(model))
    pd.testing.assert_frame_equal(again.predict(FUTURE), model.predict(FUTURE))
    other = client_model(**given).fit(random_seed=4, progressbar=False)
    assert not np.array_equal(weights_of(other), weights_of(model))


def test_cores_change_nothing_and_are_given_back(model: PymcModel) -> None:
    fit, before = model._fitted(), torch.get_num_threads()
    again = DeepEngine().fit(fit.training, fit.spec, fit.sampling, False, cores=before + 1)
    assert torch.get_num_threads() == before
    xr.testing.assert_identical(again.posterior, fit.posterior)


def test_the_callers_generator_is_left_alone(model: PymcModel, tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = client_model().fit(progressbar=False)
    again.predict(FUTURE)
    PymcModel.load(again.save(tmp_path / "model.nc")).contributions()
    fit = again._fitted()
    DeepEngine().prior_draws(fit.training, fit.spec, 4, 1)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_clients_table_is_left_alone() -> None:
    table = TRAINING.copy(deep=True)
    client_model(table).fit(progressbar=False).predict(FUTURE)
    pd.testing.assert_frame_equal(table, TRAINING)


def test_a_saved_model_says_the_same(model: PymcModel, tmp_path: Path) -> None:
    loaded = PymcModel.load(model.save(tmp_path / "model.nc"))
    assert loaded.spec == model.spec
    pd.testing.assert_frame_equal(loaded.predict(FUTURE), model.predict(FUTURE))
    xr.testing.assert_equal(loaded.contributions(), model.contributions())
    assert loaded.convergence.sentence == model.convergence.sentence


def test_a_panel_from_predictions_to_files(regions: PymcModel, tmp_path: Path) -> None:
    table = regions.predict()
    assert list(table.index.names) == [PANEL.date_column, "region"]
    actual = PANEL.data.groupby("region")[PANEL.target_name].mean()
    # Regions of different size each keep theirs.
    np.testing.assert_allclose(table["mean"].groupby("region").mean(), actual, rtol=0.1)
    parts = regions.contributions()
    assert parts["channels"].dims == ("chain", "draw", "date", "geo", "channel")
    roi = regions.roi()
    spend = PANEL.data[PANEL.channel_names].sum()
    earned = parts["channels"].sum(("date", "geo")).mean(("chain", "draw")).to_series()
    np.testing.assert_allclose(roi["roi"], (earned / spend)[roi.index])
    loaded = PymcModel.load(regions.save(tmp_path / "panel.nc"))
    pd.testing.assert_frame_equal(loaded.predict(), table)
    pd.testing.assert_frame_equal(loaded.roi(), roi)


@pytest.mark.parametrize("panel", [False, True])
def test_a_client_without_controls(panel: bool, tmp_path: Path) -> None:
    names = (PANEL.target_name, PANEL.date_column, PANEL.channel_names)
    given = (PANEL.data, *names) if panel else (TRAINING, "revenue", "date_week", [FIRST, SECOND])
    regions = {"geo_column": PANEL.geo_column} if panel else {}
    fitted = PymcModel(*given, engine="deep", engine_options=OPTIONS, **regions)
    fitted.fit(progressbar=False)
    parts = fitted.contributions()
    assert "controls" not in parts
    xr.testing.assert_allclose(sum_components(parts.drop_vars("fitted")), parts["fitted"])
    loaded = PymcModel.load(fitted.save(tmp_path / "model.nc"))
    pd.testing.assert_frame_equal(loaded.predict(), fitted.predict())


def test_the_default_float_may_be_double(model: PymcModel, tmp_path: Path) -> None:
    path, expected = model.save(tmp_path / "model.nc"), model.predict(FUTURE)
    torch.set_default_dtype(torch.float64)
    try:
        loaded = PymcModel.load(path).predict(FUTURE)
        again = client_model().fit(progressbar=False).predict(FUTURE)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(loaded, expected, rtol=CLOSE)
    assert (again > 0).all(axis=None)


def test_an_ensemble_of_one() -> None:
    alone = client_model(options={"members": 1}).fit(progressbar=False)
    assert alone.contributions()["fitted"].sizes["draw"] == 1
    table = alone.predict(FUTURE)
    assert (table["ci_low"] < table["ci_high"]).all()
    roi = alone.roi()
    np.testing.assert_allclose(roi["ci_low"], roi["ci_high"])


def test_members_differ(model: PymcModel) -> None:
    posterior = model.idata["posterior"].to_dataset()
    for name in ("intercept", "adstock_alpha", "saturation_lam", "saturation_alpha"):
        assert (posterior[name].std("draw") > 0).all(), name


def test_observations_are_more_than_members_and_spread_out_later(model: PymcModel) -> None:
    fit = model._fitted()
    assert model.predict_draws().sizes["draw"] >= 500 > MEMBERS
    # A drift that can be told from the errors, and one expectation for all weeks.
    posterior = fit.posterior.assign(
        y_sigma=xr.full_like(fit.posterior["y_sigma"], 0.01),
        level_drift=xr.full_like(fit.posterior["level_drift"], 0.02),
    )
    dates = fit.training.dates.union(pd.DatetimeIndex(FUTURE["date_week"]))
    flat = xr.DataArray(
        np.ones((1, MEMBERS, len(dates))),
        {"chain": [0], "draw": range(MEMBERS), "date": dates},
        ("chain", "draw", "date"),
    )
    drawn = observed(posterior, flat, fit.training, Levels.of(fit.training).target, seed=1)
    spread = drawn.std(("chain", "draw")).values
    weeks = np.maximum(np.arange(1 - TRAINED_ON, len(FUTURE) + 1), 0)
    np.testing.assert_allclose(spread, np.sqrt(0.01**2 + weeks * 0.02**2), rtol=0.15)


def test_a_baseline_that_moves_is_less_certain_later(model: PymcModel) -> None:
    assert (model.idata["posterior"]["level_drift"] > 1e-5).all()
    still = client_model().fit(progressbar=False)
    assert "level_drift" not in still.idata["posterior"]


def test_shared_errors_do_not_average_out(regions: PymcModel) -> None:
    fit, level = regions._fitted(), np.array([1.0, 2.0, 3.0])
    nothing = fit.posterior[["y_sigma", "y_shared_sigma"]] * 0
    expected = xr.zeros_like(regions.contributions()["fitted"])
    spreads = {}
    for name, size in (("y_sigma", 0.1 * level), ("y_shared_sigma", 0.1)):
        posterior = nothing.assign({name: nothing[name] + size})
        drawn = observed(posterior, expected, fit.training, level, seed=1)
        np.testing.assert_allclose(drawn.std(("chain", "draw", "date")), 0.1 * level, rtol=0.02)
        spreads[name] = float(drawn.sum("geo").std())
    assert spreads["y_shared_sigma"] == pytest.approx(0.1 * level.sum(), rel=0.02)
    assert spreads["y_sigma"] == pytest.approx(0.1 * np.sqrt((level**2).sum()), rel=0.02)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trend": True}, "Got trend .*time_varying_intercept=True"),
        ({"adstock": "delayed"}, "Got adstock='delayed'; expected 'geometric'"),
        ({"saturation": "logistic"}, "expected 'michaelis_menten' or 'hill'"),
        ({"dag_mode": "notears"}, "Got channel_dag .*'enable_dag': True"),
        (
            {"model_priors": {"intercept": Prior("Normal", mu=0, sigma=1)}},
            "Got prior_overrides .*engine_options",
        ),
        ({"options": {"epochs": 4}}, r"engine_options \['epochs'\]; expected some of members"),
        ({"options": {"adstock_lags": 4}}, "expected it to follow from lag_max"),
        ({"options": {"media_scaling": "share"}}, "expected it to follow from channel_scaler"),
        ({"options": {"members": 0}}, "members=0"),
        ({"options": {"device": 1}}, "device=1"),
        ({"engine": "bayesian"}, "engine_options .*use engine='deep'"),
    ],
)
def test_what_networks_do_not_have_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        client_model(**given)


@pytest.mark.parametrize(("best", "learnt"), [(1, [True, False]), (-1, [False, True])])
def test_a_member_has_learnt_by_the_epoch_that_is_kept(best: int, learnt: list[bool]) -> None:
    # Of a twin and two members: misfit before each of four epochs.
    misfits = [[9.0, 1.0, 1.0], [9.0, 0.5, 2.0], [9.0, 0.8, 0.9], [9.0, 3.0, 0.4]]
    history = History(misfits=misfits, best_epoch=best)
    stats = _sample_stats(Trained([], history, first=1, cycles=[0.0, 0.0]))
    assert stats["diverging"].values.tolist() == [[int(not each) for each in learnt]]
    assert int(stats["best_epoch"]) == (best if best > 0 else len(misfits))


def test_experiments_and_upstream_credit_are_refused(model: PymcModel) -> None:
    weeks = pd.to_datetime(TRAINING["date_week"])
    start, end = weeks.iloc[20], weeks.iloc[23] + pd.Timedelta(days=6)
    test = UpliftTest(FIRST, f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}", effect=100.0, sigma=10.0)
    with pytest.raises(SpecificationError, match="Got uplift_tests .*engine='bayesian'"):
        client_model().add_uplift_tests(test)
    with pytest.raises(SpecificationError, match="engine='bayesian'"):
        client_model().add_uplift_tests(test, kind="prior")
    with pytest.raises(SpecificationError, match="engine='bayesian'|graph"):
        model.roi(kind="total")


def test_a_target_without_a_level_is_refused() -> None:
    centred = TRAINING.assign(revenue=TRAINING["revenue"] - TRAINING["revenue"].mean())
    for table in (centred, TRAINING.assign(revenue=-TRAINING["revenue"])):
        with pytest.raises(DataError, match="mean is zero or less; expected a positive one"):
            client_model(table)
    name = PANEL.target_name
    one = PANEL.data["region"] == "region 02"
    lost = PANEL.data.assign(**{name: PANEL.data[name].where(~one, -1.0)})
    with pytest.raises(DataError, match="zero or less in 1 regions"):
        panel_model(lost)


def test_slopes_stay_at_one_or_are_learnt(model: PymcModel) -> None:
    assert "saturation_slope" not in model.idata["posterior"]
    fits = [model, client_model(saturation="hill").fit(progressbar=False)]
    slopes = []
    for fitted in fits:
        fit = fitted._fitted()
        settings = DeepOptions.of(fit.training, fit.spec).settings
        networks = [restored(row, fit.training, settings) for row in weights_of(fitted)]
        slopes.append(np.array([net.get_parameters()["hill_slope"].numpy() for net in networks]))
    np.testing.assert_array_equal(slopes[0], 1)
    assert (slopes[1].std(axis=0) > 0).all()
    np.testing.assert_allclose(fits[1]._fitted().posterior["saturation_slope"].values[0], slopes[1])


def test_a_graph_of_channels_has_no_cycles() -> None:
    graph = {"enable_dag": True, "dag_mode": "notears"}
    fitted = client_model(options=graph).fit(progressbar=False)
    edges = fitted._fitted().posterior["dag_adjacency"]
    assert edges.dims == ("chain", "draw", "channel", "effect")
    for weights in edges.values[0]:
        assert np.diag(weights) == pytest.approx(0)
        # Two channels have the one cycle there and back.
        assert np.cosh(weights[0, 1] * weights[1, 0]) * 2 - 2 < CYCLES_LIMIT
    end = fitted.convergence
    assert isinstance(end, TrainingEnd)
    assert end.cycles < CYCLES_LIMIT


def test_a_channel_may_be_dark_in_one_region(regions: PymcModel) -> None:
    first = PANEL.data["region"] == "region 01"
    table = PANEL.data.assign(radio=PANEL.data["radio"].where(~first, 0.0))
    fitted = panel_model(table).fit(progressbar=False)
    earned = fitted.contributions()["channels"].sel(channel="radio")
    assert np.isfinite(earned).all()
    assert (earned.sel(geo="region 01") == 0).all()
    assert (earned.sel(geo="region 02").sum("date") > 0).all()
    levels = Levels.of(fitted.config.model_data)
    radio = PANEL.channel_names.index("radio")
    others = table[~first].groupby("region")["radio"].max().mean()
    scale = fitted.config.model_data.scale("media").values
    assert levels.media[0, radio] * scale.reshape(-1, 5)[0, radio] == pytest.approx(others)
    assert (np.delete(levels.media, radio, axis=1) == 1).all()


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
@pytest.mark.parametrize("saturation", ["michaelis_menten", "hill"])
def test_response_to_constant_media_is_its_contribution(saturation: str) -> None:
    """Without carry-over every week answers to its own exposure, at the mean coefficient."""
    steady = TRAINING.assign(**{FIRST: 3000.0, SECOND: 500.0})
    fitted = client_model(steady, lag_max=1, saturation=saturation).fit(progressbar=False)
    fit = fitted._fitted()
    exposure = fit.training.scaled("media").mean("date")
    earned = DeepEngine().decompose(fit, fit.training)["channels"].mean("date")
    found = DeepEngine().response(fit, exposure)
    np.testing.assert_allclose(found.transpose("chain", "draw", "channel"), earned, rtol=10 * CLOSE)


def test_one_simulation_is_recovered_and_one_forecast_judged(tmp_path: Path) -> None:
    untrained = client_model(CLIENT.data)
    recovery = untrained.recovery_fleet(1, progressbar=False)
    assert [member.failure for member in recovery] == [None]
    production = untrained.production_fleet(test_size=4, progressbar=False)
    assert [member.failure for member in production] == [None]
    assert production[0].fit.training.n_periods == len(CLIENT.data) - 4
    path = production.generate_report(tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    assert production[0].convergence.sentence in page
    assert "members 3, epochs 20" in page
