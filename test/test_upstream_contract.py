"""What this package relies on in pymc-marketing and nutpie; a new version must keep it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import small_config, small_data

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.engines.bayesian.build import build_mmm
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.priors import plain

GUIDE = ModelSpec(lag_max=4, time_varying_media=True)
GUIDE_VARIABLES = {
    "intercept_contribution",
    "adstock_alpha",
    "saturation_alpha",
    "saturation_lam",
    "media_temporal_latent_multiplier_raw_eta",
    "media_temporal_latent_multiplier_raw_ls",
    "media_temporal_latent_multiplier_raw_hsgp_coefs_offset",
    "gamma_control",
    "y_sigma",
}
OTHERWISE = ModelSpec(
    lag_max=4,
    time_varying_intercept=True,
    yearly_seasonality=2,
    trend=3,
    prior_overrides={
        "likelihood": plain(
            "StudentT",
            {
                "sigma": plain("HalfNormal", {"sigma": 1}),
                "nu": plain("Gamma", {"alpha": 2, "beta": 0.1}),
            },
        )
    },
)


@pytest.fixture(scope="module")
def data() -> ModelData:
    return small_data()


@pytest.fixture(scope="module")
def mmm(data: ModelData) -> Any:
    return build_mmm(data, GUIDE)


def free_variables(model: Any) -> set[str]:
    return {variable.name for variable in model.free_RVs}


def test_names_of_free_variables(mmm: Any) -> None:
    assert free_variables(mmm.model) == GUIDE_VARIABLES


def test_names_of_free_variables_of_the_other_parts() -> None:
    model = build_mmm(small_data(controls=False), OTHERWISE).model
    assert free_variables(model) == {
        "intercept_baseline",
        "intercept_latent_process_raw_eta",
        "intercept_latent_process_raw_ls",
        "intercept_latent_process_raw_hsgp_coefs_offset",
        "adstock_alpha",
        "saturation_alpha",
        "saturation_lam",
        "gamma_fourier",
        "delta",
        "y_sigma",
        "y_nu",
    }
    assert list(model.coords["changepoint"]) == [0, 1, 2]
    assert len(model.coords["fourier_mode"]) == 4


@pytest.mark.parametrize("adstock", ADSTOCKS)
def test_names_of_adstock_parameters(adstock: str) -> None:
    from pymc_marketing import mmm as upstream

    component = ADSTOCKS[adstock]
    theirs = getattr(upstream, component.upstream)(l_max=3).variable_mapping
    assert theirs == {p.name: f"adstock_{p.name}" for p in component.parameters}


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_names_of_saturation_parameters(saturation: str) -> None:
    from pymc_marketing import mmm as upstream

    component = SATURATIONS[saturation]
    theirs = getattr(upstream, component.upstream)().variable_mapping
    assert theirs == {p.name: f"saturation_{p.name}" for p in component.parameters}


def test_every_prior_reaches_the_graph(data: ModelData) -> None:
    """An unknown key would only warn upstream, and the default would be used instead."""
    overrides = {
        "intercept": plain("Gamma", {"alpha": 4, "beta": 4}),
        "adstock_alpha": plain("Beta", {"alpha": 4, "beta": 4}, "channel"),
        "saturation_lam": plain("Gamma", {"alpha": 4, "beta": 4}, "channel"),
        "saturation_alpha": plain("LogNormal", {"mu": 0, "sigma": 1}, "channel"),
        "gamma_control": plain("Gamma", {"alpha": 4, "beta": 4}, "control"),
        "gamma_fourier": plain("Normal", {"mu": 0, "sigma": 1}, "fourier_mode"),
        "delta": plain("Normal", {"mu": 0, "sigma": 1}, "changepoint"),
        "likelihood": plain("Normal", {"sigma": plain("Gamma", {"alpha": 4, "beta": 4})}),
    }
    spec = ModelSpec(lag_max=2, yearly_seasonality=1, trend=2, prior_overrides=overrides)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message="PyTensor could not link")
        model = build_mmm(data, spec).model
    variables = {"intercept": "intercept_contribution", "likelihood": "y_sigma"}
    for name, prior in overrides.items():
        wanted = prior["kwargs"]["sigma"]["dist"] if name == "likelihood" else prior["dist"]
        op = model[variables.get(name, name)].owner.op
        core = getattr(op, "core_op", op)
        assert type(core).__name__ == f"{wanted}RV", name


def test_a_prior_without_dims_is_shared_by_all_channels(data: ModelData) -> None:
    """Upstream gives a prior whose dims are None one value a channel."""
    for name in ("saturation_lam", "adstock_alpha"):
        shared = {name: plain("Beta", {"alpha": 2, "beta": 2})}
        model = build_mmm(data, ModelSpec(lag_max=3, prior_overrides=shared)).model
        assert model[name].type.dims == ()


def test_fixed_scaling_leaves_media_and_controls_as_given(mmm: Any, data: ModelData) -> None:
    np.testing.assert_array_equal(mmm.scalers["_channel"].values, [1.0, 1.0])
    assert float(mmm.scalers["_target"]) == float(data.scale("target"))
    graph = mmm.model
    np.testing.assert_array_equal(graph["channel_data"].get_value(), data.scaled("media").values)
    np.testing.assert_array_equal(graph["control_data"].get_value(), data.scaled("controls").values)
    np.testing.assert_allclose(
        graph["target_data"].get_value(), data.dataset["target"].values, rtol=1e-12
    )


def test_a_built_model_is_not_rebuilt_by_fit(
    mmm: Any, data: ModelData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fit samples the first data, so every fit of ours makes a new object."""
    import pymc as pm

    class SampledError(Exception):
        pass

    def stop(*args: Any, **kwargs: Any) -> None:
        raise SampledError(len(pm.modelcontext(kwargs.get("model")).coords["date"]))

    monkeypatch.setattr(pm, "sample", stop)
    other = data.window(5, 25)
    table = pd.DataFrame({"date": other.dates})
    table[["channel_0", "channel_1"]] = other.scaled("media").values
    table["control_0"] = other.scaled("controls").values
    with pytest.raises(SampledError) as caught:
        mmm.fit(table, pd.Series(other.dataset["target"].values, name="y"))
    assert caught.value.args == (data.n_periods,)


def test_building_again_gives_an_independent_graph(data: ModelData) -> None:
    first, second = build_mmm(data, GUIDE), build_mmm(data.window(None, 25), GUIDE)
    assert first.model is not second.model
    assert len(first.model.coords["date"]) == 30
    assert len(second.model.coords["date"]) == 25


def test_columns_may_have_names_of_internal_columns() -> None:
    names = {"channel_1_cost": "date", "channel_2_cost": "y", "events": "channel_0"}
    table = small_config().table.rename(columns=names)
    data = ClientConfig(table, "revenue", "date_week", ["date", "y"], ["channel_0"]).model_data
    model = build_mmm(data, ModelSpec(lag_max=3)).model
    np.testing.assert_array_equal(model["channel_data"].get_value(), data.scaled("media").values)
    np.testing.assert_array_equal(model["control_data"].get_value(), data.scaled("controls").values)
    np.testing.assert_array_equal(model["target_data"].get_value(), data.dataset["target"].values)


def test_the_default_basis_reaches_past_the_data() -> None:
    """Upstream chooses L itself where it is None; ours is always given."""
    from pymc_marketing.hsgp_kwargs import HSGPKwargs

    assert HSGPKwargs().L is None
    assert HSGPKwargs(m=7, L=3.0, eta_lam=1, ls_mu=2, ls_sigma=3, cov_func="matern52").L == 3.0


def test_sampling_returns_free_variables_alone(fitted: Any) -> None:
    """nutpie's ``var_names`` keeps deterministics out of the compiled function."""
    ours = {"intercept"} | GUIDE_VARIABLES - {"intercept_contribution"}
    assert set(fitted.model.idata["posterior"].data_vars) == ours | {
        "media_temporal_latent_multiplier"
    }
    stats = fitted.model.idata["sample_stats"]
    assert stats["diverging"].dtype == bool
    assert stats["depth"].max() > 0
    assert not any(values.dtype == object for values in stats.data_vars.values())
