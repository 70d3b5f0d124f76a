"""The numpy decomposition against pymc-marketing's own graph, and what must hold of any window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import fake_fit, fake_posterior, small_data
from hypothesis import given, settings
from hypothesis import strategies as st
from structures import SHARED, STRUCTURES, windows

from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.engines.base import sum_components
from pymc_toolkit.engines.bayesian.build import build_mmm
from pymc_toolkit.engines.bayesian.decompose import decompose, respond, time_multipliers
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import COMPONENTS, INTERCEPT_MULTIPLIER, MEDIA_MULTIPLIER

_UPSTREAM = {"intercept_contribution": "intercept", "intercept_baseline": "intercept"}


def one_draw(data: ModelData, spec: ModelSpec) -> xr.Dataset:
    posterior = fake_posterior(data, spec, chains=1, draws=1, seed=5)
    for name in SHARED.keys() & spec.prior_overrides.keys():
        posterior[name] = posterior[name].isel(channel=0, drop=True)
    return posterior


def upstream_values(model: Any, posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """Values of the graph's free variables."""
    return {
        rv.name: posterior[_UPSTREAM.get(rv.name, rv.name)].values[0, 0] for rv in model.free_RVs
    }


def evaluate(model: Any, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every deterministic of a pymc-marketing graph at given values of its free variables."""
    import pymc as pm
    import pytensor

    names = [variable.name for variable in model.deterministics if variable.name not in values]
    fixed = pm.do(model, values)
    outputs = [fixed[name] for name in names]
    return dict(zip(names, pytensor.function([], outputs, mode="FAST_COMPILE")(), strict=True))


def assert_same(components: xr.Dataset, graph: dict[str, np.ndarray], last: int) -> None:
    """Every component equals the graph's, over the last periods, in the graph's unit."""
    of_graph = {
        "channels": "channel_contribution",
        "controls": "control_contribution",
        "seasonality": "yearly_seasonality_contribution",
        "trend": "trend_effect_contribution",
    }
    expected = {ours: graph[theirs][-last:] for ours, theirs in of_graph.items() if theirs in graph}
    if "intercept_contribution" in graph:
        expected["baseline"] = graph["intercept_contribution"][-last:]
    assert set(components.data_vars) == {"baseline", *expected}
    tail = components.isel(chain=0, draw=0, date=slice(-last, None))
    for name, values in expected.items():
        np.testing.assert_allclose(tail[name].values, values, rtol=1e-9, atol=1e-14, err_msg=name)
    np.testing.assert_allclose(sum_components(components)[0, 0, -last:], graph["mu"][-last:], 1e-9)


def test_the_structures_cover_every_component() -> None:
    specs = [spec for spec, _ in STRUCTURES.values()]
    assert {spec.adstock for spec in specs} == set(ADSTOCKS)
    assert {spec.saturation for spec in specs} == set(SATURATIONS)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_decomposition_is_that_of_the_graph(structure: str) -> None:
    """In the training window and after it, where carry-over and time must go on."""
    spec, controls = STRUCTURES[structure]
    training, everything = windows(controls)
    posterior = one_draw(training, spec)
    mmm = build_mmm(training, spec)
    values = upstream_values(mmm.model, posterior)
    inside = evaluate(mmm.model, values)
    assert_same(decompose(posterior, spec, training, training), inside, training.n_periods)

    after = everything.n_periods - training.n_periods
    table = pd.DataFrame({"date": everything.dates[-after:]})
    for prefix, variable in (("channel", "media"), ("control", "controls")):
        columns = everything.scaled(variable).values[-after:]
        for i in range(columns.shape[1]):
            table[f"{prefix}_{i}"] = columns[:, i]
    window = mmm._posterior_predictive_data_transformation(table, include_last_observations=True)
    model = mmm._set_xarray_data(window, model=mmm.model.copy())
    for effect in mmm.mu_effects:
        effect.set_data(mmm, model, window)
    # Effectiveness stays relative to the average of training.
    values |= {name: value for name, value in inside.items() if name.endswith("_f_mean")}
    ours = decompose(posterior, spec, training, everything)
    if spec.trend:
        # Upstream stretches the trend so that its last changepoint is at the new end; ours goes on.
        padded = slice(-window.sizes["date"], None)
        values["trend_effect_contribution"] = ours["trend"].values[0, 0, padded]
    outside = evaluate(model, values)
    if spec.trend:
        outside["trend_effect_contribution"] = values["trend_effect_contribution"]
    assert_same(ours, outside, after)


@pytest.mark.parametrize("frequency", ["W-MON", "MS", "D"])
def test_the_trend_goes_on_as_a_straight_line(frequency: str) -> None:
    """After training there are no changepoints: the last slope holds, by days."""
    spec = ModelSpec(lag_max=2, trend=3)
    training, everything = windows(False, frequency)
    posterior = fake_posterior(training, spec)
    trend = decompose(posterior, spec, training, everything)["trend"].isel(chain=0, draw=0)
    days = (everything.dates - everything.dates[0]).days.to_numpy()
    slopes = np.diff(trend.values) / np.diff(days)
    # The changepoint at the end of training begins to count after it.
    slope = posterior["delta"].values[0, 0].sum() / days[training.n_periods - 1]
    np.testing.assert_allclose(slopes[training.n_periods - 1 :], slope, rtol=1e-8)


def test_decomposition_of_monthly_data_is_that_of_the_graph() -> None:
    """Months are of unequal length: periods are counted, and the trend goes by days."""
    spec = ModelSpec(lag_max=2, time_varying_media=True, trend=4, yearly_seasonality=1)
    training, _ = windows(True, "MS")
    posterior = one_draw(training, spec)
    model = build_mmm(training, spec).model
    graph = evaluate(model, upstream_values(model, posterior))
    assert_same(decompose(posterior, spec, training, training), graph, training.n_periods)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_multipliers_are_those_of_the_graph(structure: str) -> None:
    spec, controls = STRUCTURES[structure]
    if not (spec.time_varying_media or spec.time_varying_intercept):
        pytest.skip("held constant")
    training, _ = windows(controls)
    posterior = one_draw(training, spec)
    model = build_mmm(training, spec).model
    graph = evaluate(model, upstream_values(model, posterior))
    time = np.arange(training.n_periods, dtype=float)
    for name, values in time_multipliers(posterior, spec, training.n_periods, time).items():
        np.testing.assert_allclose(values[0, 0], graph[name], 1e-9)


@pytest.mark.parametrize("adstock", ADSTOCKS)
def test_carry_over_reaches_past_the_end_of_training(adstock: str) -> None:
    """Training and future together are the long series: its tail does not start cold."""
    spec = ModelSpec(lag_max=5, adstock=adstock)
    long = small_data(40)
    training = long.window(None, 30)
    posterior = fake_posterior(training, spec)
    joined = decompose(posterior, spec, training, training.followed_by(long.window(30, None)))
    xr.testing.assert_allclose(joined, decompose(posterior, spec, long, long), rtol=1e-12)
    cold = decompose(posterior, spec, training, long.window(30, None))["channels"]
    assert (joined["channels"].isel(date=slice(30, 34)) > cold.isel(date=slice(0, 4))).any()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_future_does_not_change_the_past(structure: str) -> None:
    spec, controls = STRUCTURES[structure]
    training, everything = windows(controls)
    posterior = fake_posterior(training, spec)
    alone = decompose(posterior, spec, training, training)
    joined = decompose(posterior, spec, training, everything)
    xr.testing.assert_allclose(
        joined.isel(date=slice(None, training.n_periods)), alone, rtol=1e-12, atol=1e-14
    )


def test_multipliers_average_one_over_training() -> None:
    spec = ModelSpec(lag_max=2, time_varying_media=True, time_varying_intercept=True)
    posterior = fake_posterior(small_data(), spec, draws=10)
    multipliers = time_multipliers(posterior, spec, 30, np.arange(45.0))
    assert set(multipliers) == {MEDIA_MULTIPLIER, INTERCEPT_MULTIPLIER}
    for values in multipliers.values():
        np.testing.assert_allclose(values[..., :30].mean(axis=-1), 1, 1e-12)
        assert (values > 0).all()
        assert values.std(axis=-1).min() > 1e-3


positive = st.floats(1e-3, 50)
fractions = st.floats(0.01, 0.99)


@settings(max_examples=30, deadline=None)
@given(
    saturation=st.sampled_from(list(SATURATIONS)),
    adstock=st.sampled_from(list(ADSTOCKS)),
    intercept=positive,
    amplitude=positive,
    carried=fractions,
    control=st.floats(-50, 50),
    slope=st.floats(-5, 5),
)
def test_components_add_up_to_the_expected_target(
    saturation: str,
    adstock: str,
    intercept: float,
    amplitude: float,
    carried: float,
    control: float,
    slope: float,
) -> None:
    spec = ModelSpec(
        lag_max=4,
        adstock=adstock,
        saturation=saturation,
        time_varying_media=True,
        yearly_seasonality=1,
        trend=2,
    )
    fixed = {"intercept": intercept, "gamma_control": control, "delta": slope}
    own = {"michaelis_menten": "alpha", "tanh": "b"}.get(saturation, "beta")
    fixed[f"saturation_{own}"] = amplitude
    if "alpha" in [parameter.name for parameter in ADSTOCKS[adstock].parameters]:
        fixed["adstock_alpha"] = carried
    fit = fake_fit(small_data(20), spec, chains=1, draws=2, fixed=fixed)
    components = decompose(fit.posterior, spec, fit.training, fit.training)
    assert set(components.data_vars) == set(COMPONENTS)
    by_hand = sum(
        part.values.sum(axis=-1) if part.ndim == 4 else part.values
        for part in components.data_vars.values()
    )
    total = sum_components(components)
    assert total.dims == ("chain", "draw", "date")
    np.testing.assert_allclose(total.values, by_hand, rtol=1e-12, atol=1e-9)
    assert np.isfinite(total.values).all()
    assert (components["channels"].values >= 0).all()


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_a_steady_exposure_earns_its_response(saturation: str) -> None:
    """Kernels sum to one: once carry-over is built up, the window agrees with the curve."""
    spec = ModelSpec(lag_max=4, saturation=saturation)
    data = small_data()
    level = 0.6
    steady = data.dataset["media"] * 0 + level * data.scale("media")
    data = ModelData(data.dataset.assign(media=steady), data.scalers, data.frequency)
    posterior = fake_posterior(data, spec)
    held = decompose(posterior, spec, data, data)["channels"].isel(date=-1, drop=True)
    exposure = xr.DataArray(np.full(2, level), dims="channel", coords={"channel": data.channels})
    xr.testing.assert_allclose(respond(posterior, spec, exposure).transpose(*held.dims), held)


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_response_to_a_grid_is_that_of_each_point(saturation: str) -> None:
    spec = ModelSpec(lag_max=2, saturation=saturation)
    posterior = fake_posterior(small_data(), spec)
    grid = xr.DataArray(
        np.linspace(0, 1.3, 14).reshape(2, 7),
        dims=("channel", "point"),
        coords={"channel": posterior["channel"]},
    )
    response = respond(posterior, spec, grid)
    assert set(response.dims) == {"chain", "draw", "channel", "point"}
    for point in range(7):
        xr.testing.assert_allclose(
            response.isel(point=point), respond(posterior, spec, grid.isel(point=point))
        )
    assert (response.isel(channel=0, point=0) == 0).all()


def test_a_channel_that_was_never_spent_on_earns_nothing() -> None:
    data = small_data()
    media = data.dataset["media"].copy()
    media[:, 0] = 0
    data = ModelData(data.dataset.assign(media=media), data.scalers, data.frequency)
    for saturation in SATURATIONS:
        spec = ModelSpec(lag_max=3, saturation=saturation)
        channels = decompose(fake_posterior(data, spec), spec, data, data)["channels"]
        assert (channels.isel(channel=0) == 0).all(), saturation
        assert (channels.isel(channel=1) > 0).any(), saturation
