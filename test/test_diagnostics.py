"""Convergence of chains, and priors against posteriors."""

from __future__ import annotations

from typing import Any

import arviz as az
import numpy as np
import pytest
import xarray as xr
from fits import fake_fit, small_data

from pymc_toolkit.analysis.diagnostics import prior_against_posterior
from pymc_toolkit.model_spec import ModelSpec

SMOOTH = ModelSpec(lag_max=2, time_varying_media=True)


def test_every_readable_scalar_is_judged_by_its_own_numbers() -> None:
    fit = fake_fit(spec=SMOOTH, draws=100, diverging=3, depth=7)
    result = fit.convergence
    posterior = fit.posterior
    names = set(result.table["variable"])
    assert names == {n for n in posterior.data_vars if not n.endswith("_hsgp_coefs_offset")}
    assert len(result.table) == sum(posterior[n].isel(chain=0, draw=0).size for n in names)
    row = result.table.set_index(["variable", "coordinate"]).loc[
        ("saturation_alpha", "channel_2_cost")
    ]
    draws = posterior["saturation_alpha"].sel(channel="channel_2_cost").values
    assert row["r_hat"] == pytest.approx(float(az.rhat(draws)))
    assert row["ess_bulk"] == pytest.approx(float(az.ess(draws, method="bulk")))
    alone = posterior[["saturation_alpha"]].sel(channel="channel_2_cost")
    tail = az.ess(alone, method="tail")["saturation_alpha"]
    assert row["ess_tail"] == pytest.approx(float(tail))
    assert "2021-01-11" in set(result.table["coordinate"])
    assert set(result.table.query("variable == 'intercept'")["coordinate"]) == {""}
    assert (result.divergences, result.max_tree_depth, result.draws) == (3, 7, 200)


def test_the_worst_decides() -> None:
    apart = np.random.default_rng(0).normal(1, 0.01, (2, 500, 2))
    apart[1, :, 1] += 1
    result = fake_fit(draws=500, fixed={"saturation_lam": apart}).convergence
    worst = result.worst().iloc[0]
    assert (worst["variable"], worst["coordinate"]) == ("saturation_lam", "channel_2_cost")
    assert result.r_hat == worst["r_hat"] > 1.5
    assert result.ess_bulk == result.table["ess_bulk"].min() < 20
    assert not result.converged
    by_variable = result.by_variable()
    assert by_variable["r_hat"].idxmax() == "saturation_lam"
    assert by_variable.loc["saturation_lam", "r_hat"] == result.r_hat
    assert by_variable.loc["saturation_lam", "ess_bulk"] == result.ess_bulk


@pytest.mark.parametrize(
    ("options", "converged"),
    [
        ({"draws": 800}, True),
        ({"draws": 100}, False),
        ({"draws": 800, "diverging": 1}, True),
        ({"draws": 800, "diverging": 2}, False),
    ],
)
def test_each_limit_counts(options: dict[str, int], converged: bool) -> None:
    """Independent draws: only their number, or a divergence, can fail."""
    result = fake_fit(**options).convergence
    assert result.converged is converged


def test_a_single_chain_cannot_be_judged() -> None:
    result = fake_fit(chains=1, draws=2000).convergence
    assert np.isnan(result.r_hat)
    assert not result.converged


def test_draws_that_are_not_numbers_do_not_pass() -> None:
    broken = np.random.default_rng(0).normal(1, 0.1, (2, 800, 2))
    broken[0, 5, 0] = np.nan
    result = fake_fit(draws=800, fixed={"saturation_lam": broken}).convergence
    assert not result.converged
    assert np.isnan(result.r_hat)
    assert np.isnan(result.ess_bulk)
    assert result.worst()["variable"].tolist() == ["saturation_lam"]


def test_priors_against_posteriors_of_a_real_fit(fitted: Any, fitted_otherwise: Any) -> None:
    for shared in (fitted, fitted_otherwise):
        fit = shared.model._fit
        table = prior_against_posterior(fit, ci_prob=0.8)
        for when in ("prior", "posterior"):
            low, middle, high = (table[f"{when}_{part}"] for part in ("low", "median", "high"))
            assert (low < middle).all()
            assert (middle < high).all()
        for name, rows in table.groupby("variable"):
            draws = fit.posterior[name]
            expected = np.atleast_1d(draws.quantile(0.9, ("chain", "draw")))
            np.testing.assert_allclose(rows["posterior_high"], expected)
    table = prior_against_posterior(fitted.model._fit, ci_prob=0.8).set_index(
        ["variable", "coordinate"]
    )
    assert set(table.index.get_level_values(0)) >= {"intercept", "y_sigma", "saturation_lam"}
    from scipy import stats

    low, median, high = stats.beta(1, 3).ppf([0.1, 0.5, 0.9])
    row = table.loc[("adstock_alpha", "channel_1_cost")]
    assert row["prior_low"] == pytest.approx(low, abs=0.02)
    assert row["prior_median"] == pytest.approx(median, abs=0.03)
    assert row["prior_high"] == pytest.approx(high, abs=0.04)
    scale = table.loc[("y_sigma", "")]
    # The data say far more about the noise than the prior does.
    assert scale["posterior_high"] < scale["prior_median"] / 4


def test_one_prior_for_all_channels_is_one_row() -> None:
    shared = {"dist": "HalfNormal", "kwargs": {"sigma": 1}}
    spec = ModelSpec(lag_max=2, prior_overrides={"saturation_lam": shared})
    fit = fake_fit(small_data(), spec)
    one = fit.posterior["saturation_lam"].isel(channel=0, drop=True)
    fit.idata["posterior"] = xr.DataTree(fit.posterior.assign(saturation_lam=one))
    rows = prior_against_posterior(fit).query("variable == 'saturation_lam'")
    assert rows["coordinate"].tolist() == [""]
    assert rows["prior_median"].item() == pytest.approx(0.67, abs=0.06)
