"""The Bayesian engine: what a fit holds, and what is refused before sampling."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import TINY, fake_fit, small_config, small_data

from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.engines.bayesian.sampling import with_labels
from pymc_toolkit.exceptions import ConvergenceWarning, DataError, SpecificationError
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import POSTERIOR_VARIABLES
from pymc_toolkit.priors import plain
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client

ENGINE = get_engine("bayesian")


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(SpecificationError, match=r"engine='jax'.*'bayesian'"):
        get_engine("jax")


def test_several_regions_are_refused() -> None:
    table = small_config().table
    both = pd.concat([table.assign(region=name) for name in ("north", "south")])
    with pytest.raises(SpecificationError, match="one series"):
        PymcModel(both, "revenue", "date_week", ["channel_1_cost"], geo_column="region")


@pytest.mark.parametrize(("n_periods", "lag_max", "fine"), [(24, 14, True), (24, 15, False)])
def test_a_history_shorter_than_the_carry_over_is_refused(
    n_periods: int, lag_max: int, fine: bool
) -> None:
    data, spec = small_data(n_periods), ModelSpec(lag_max=lag_max)
    if fine:
        ENGINE.check(data, spec)
        return
    with pytest.raises(DataError, match="Got 24 periods; expected at least 25"):
        ENGINE.fit(data, spec, Sampling())


def test_names_and_dims_of_the_posterior(fitted: Any, fitted_otherwise: Any) -> None:
    """The public schema, whatever pymc-marketing calls its variables."""
    dims = {
        "adstock_": ("channel",),
        "saturation_": ("channel",),
        "gamma_control": ("control",),
        "gamma_fourier": ("fourier_mode",),
        "delta": ("changepoint",),
    }
    for model in (fitted.model, fitted_otherwise.model):
        for name, values in model.idata["posterior"].data_vars.items():
            known = name in POSTERIOR_VARIABLES or name.startswith(("adstock_", "saturation_"))
            assert known, name
            assert np.isfinite(values).all(), name
            if not name.endswith("_hsgp_coefs_offset"):
                own = next((d for prefix, d in dims.items() if name.startswith(prefix)), ())
                if name in ("media_temporal_latent_multiplier", "intercept_latent_process"):
                    own = ("date",)
                assert values.dims == ("chain", "draw", *own), name
    guide = fitted.model.idata["posterior"]
    assert list(guide["channel"].values) == fitted.channels
    assert list(guide["control"].values) == ["events"]
    assert guide["intercept"].shape == (2, 200)
    other = fitted_otherwise.model.idata["posterior"]
    assert other.sizes["fourier_mode"] == 4
    assert other.sizes["changepoint"] == 3
    assert {"y_nu", "intercept", "adstock_theta", "saturation_kappa"} <= set(other.data_vars)
    assert "gamma_control" not in other


def test_channels_are_named_in_the_order_of_the_model() -> None:
    posterior = xr.Dataset(
        {
            "intercept": (("chain", "draw"), np.ones((1, 1))),
            "saturation_lam": (("chain", "draw", "channel"), [[[1.0, 2.0]]]),
        },
        coords={"channel": ["channel_0", "channel_1"]},
    )
    named = with_labels(posterior, ["zoo", "alpha"], [])
    assert set(named.data_vars) == {"intercept", "saturation_lam"}
    assert float(named["saturation_lam"].sel(channel="zoo").squeeze()) == 1.0
    assert float(named["saturation_lam"].sel(channel="alpha").squeeze()) == 2.0


def test_the_same_seed_gives_the_same_draws() -> None:
    config = small_config()
    spec = ModelSpec(lag_max=2)

    def draws(seed: int) -> xr.Dataset:
        sampling = Sampling(draws=20, tune=20, chains=2, random_seed=seed)
        return ENGINE.fit(config.model_data, spec, sampling, progressbar=False).posterior

    first, again, other = draws(3), draws(3), draws(4)
    xr.testing.assert_identical(first.drop_attrs(), again.drop_attrs())
    assert not np.array_equal(first["intercept"], other["intercept"])
    chains = first["intercept"].values
    assert not np.array_equal(chains[0], chains[1])


def test_one_chain_and_a_prior_shared_by_all_channels() -> None:
    from pymc_extras.prior import Prior

    config = small_config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = PymcModel(
            config.table,
            "revenue",
            "date_week",
            config.channel_names,
            lag_max=2,
            model_priors={"saturation_lam": Prior("HalfNormal", sigma=1)},
            random_seed=0,
        ).fit(**{**TINY, "chains": 1})
    assert model.idata["posterior"]["saturation_lam"].dims == ("chain", "draw")
    assert np.isnan(model.convergence.r_hat)
    assert not model.convergence.converged
    prediction = model.predict()
    assert np.isfinite(prediction.to_numpy()).all()
    # The channels' units differ, so a shared half saturation has none.
    summary = model.summarize_variable("saturation_lam")
    raw = float(model.idata["posterior"]["saturation_lam"].mean())
    assert summary["coef"] == pytest.approx(raw)


@pytest.mark.parametrize("nu", [None, 3.0])
def test_observations_spread_as_the_likelihood_says(nu: float | None) -> None:
    kwargs: dict[str, Any] = {"sigma": plain("HalfNormal", {"sigma": 1})}
    if nu is not None:
        kwargs["nu"] = nu
    likelihood = plain("StudentT" if nu else "Normal", kwargs)
    spec = ModelSpec(lag_max=2, prior_overrides={"likelihood": likelihood})
    fit = fake_fit(spec=spec, chains=2, draws=4000, fixed={"y_sigma": 0.3})
    if nu is not None:
        fit.idata["posterior"] = xr.DataTree(fit.posterior.drop_vars("y_nu"))
    expected = xr.zeros_like(ENGINE.decompose(fit, fit.training)["baseline"]) + 7
    noise = (ENGINE.observe(fit, expected, seed=0) - expected).values.ravel() / 0.3
    from scipy import stats

    exact = stats.t(nu) if nu else stats.norm()
    assert stats.kstest(noise, exact.cdf).statistic < 0.005
    again = (ENGINE.observe(fit, expected, seed=0) - expected).values.ravel() / 0.3
    np.testing.assert_array_equal(noise, again)
    other = (ENGINE.observe(fit, expected, seed=1) - expected).values.ravel() / 0.3
    assert not np.array_equal(noise, other)


def test_observations_use_each_draws_own_scale() -> None:
    likelihood = plain(
        "StudentT",
        {
            "sigma": plain("HalfNormal", {"sigma": 1}),
            "nu": plain("Gamma", {"alpha": 2, "beta": 0.1}),
        },
    )
    spec = ModelSpec(lag_max=2, prior_overrides={"likelihood": likelihood})
    sigma = np.array([[0.001] * 4, [10.0] * 4])
    fit = fake_fit(spec=spec, fixed={"y_sigma": sigma, "y_nu": 200.0})
    expected = xr.zeros_like(ENGINE.decompose(fit, fit.training)["baseline"])
    spread = ENGINE.observe(fit, expected, seed=0).std(("draw", "date")).values
    np.testing.assert_allclose(spread, [0.001, 10.0], rtol=0.25)


def test_prior_draws_are_of_every_free_variable(fitted: Any, fitted_otherwise: Any) -> None:
    """Named and shaped as the posterior, and drawn from the prior that was asked for."""
    for shared in (fitted, fitted_otherwise):
        fit = shared.model._fit
        drawn = ENGINE.prior_draws(fit.training, fit.spec, draws=300, seed=1)
        free = {
            name
            for name in fit.posterior.data_vars
            if not name.endswith(("multiplier", "latent_process"))
        }
        assert set(drawn.data_vars) == free
        for name in free:
            assert drawn[name].dims == fit.posterior[name].dims
            assert drawn[name].shape == (1, 300, *fit.posterior[name].shape[2:])
    fit = fitted.model._fit
    prior = ENGINE.prior_draws(fit.training, fit.spec, draws=4000, seed=1)
    assert prior["saturation_alpha"]["channel"].values.tolist() == fitted.channels
    np.testing.assert_allclose(prior["saturation_alpha"].mean(), 2.0, rtol=0.05)
    np.testing.assert_allclose(prior["adstock_alpha"].mean(), 0.25, rtol=0.05)
    np.testing.assert_allclose(prior["media_temporal_latent_multiplier_raw_eta"].mean(), 0.1, 0.1)
    np.testing.assert_allclose(prior["media_temporal_latent_multiplier_raw_ls"].mean(), 5, 0.1)
    offsets = prior["media_temporal_latent_multiplier_raw_hsgp_coefs_offset"]
    np.testing.assert_allclose(offsets.std(("chain", "draw")), 1.0, rtol=0.1)
    # Channels are drawn independently.
    assert abs(np.corrcoef(prior["saturation_alpha"].values[0].T)[0, 1]) < 0.1


@pytest.mark.usefixtures("convergence_is_not_the_point")
def test_transformed_and_non_centred_priors_are_sampled_and_reported() -> None:
    """Their variables are no free variables, nor are lists of hyperparameters one number."""
    from pymc_extras.prior import Prior

    from pymc_toolkit.analysis.diagnostics import prior_against_posterior

    client = simulate_client(n_periods=30, n_channels=2)
    model = PymcModel(
        client.data,
        "revenue",
        "date_week",
        client.channel_names,
        client.control_names,
        yearly_seasonality=1,
        trend=2,
        random_seed=1,
        model_priors={
            "saturation_lam": Prior("Normal", mu=0, sigma=1, dims="channel", transform="exp"),
            "gamma_control": Prior(
                "Normal", mu=0, sigma=Prior("HalfNormal"), dims="control", centered=False
            ),
            "gamma_fourier": Prior("Laplace", mu=0, b=[1.0, 0.5], dims="fourier_mode"),
            "delta": Prior("Laplace", mu=0, b=[0.2, 0.1], dims="changepoint"),
            "adstock_alpha": {
                "dist": "Beta",
                "kwargs": {"alpha": [1.0, 2.0], "beta": 3.0},
                "dims": "channel",
            },
        },
    ).fit(**TINY)
    assert (model.idata["posterior"]["saturation_lam"] > 0).all()
    assert len(model.summarize_variable("gamma_control")) == 1
    table = prior_against_posterior(model._fit)
    assert {"saturation_lam", "gamma_control", "gamma_fourier", "delta"} <= set(table["variable"])
    assert np.isfinite(table.drop(columns=["variable", "coordinate"]).to_numpy()).all()


@pytest.mark.parametrize(("harmonics", "fits"), [(26, True), (27, False)])
def test_a_season_has_no_more_harmonics_than_the_year_has_pairs_of_periods(
    harmonics: int, fits: bool
) -> None:
    spec = ModelSpec(lag_max=3, yearly_seasonality=harmonics)
    if fits:
        BayesianEngine().check(small_data(), spec)
    else:
        with pytest.raises(SpecificationError, match="at most 26"):
            BayesianEngine().check(small_data(), spec)
