"""Half-lives and immediate shares, against closed forms and against what an impulse brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from fits import fake_fit, small_data
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pymc_toolkit.analysis.carry_over import carry_over, half_life, kernel_draws
from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import SAMPLE

CLIENT = small_data()
FIRST, SECOND = CLIENT.channels


@pytest.mark.parametrize("periods", [1, 2, 5])
def test_the_half_life_of_a_geometric_carry_over_is_the_well_known_one(periods: int) -> None:
    """With a^n = 1/2 it is n periods: log(1/2) / log(a)."""
    fit = fake_fit(spec=ModelSpec(lag_max=200), fixed={"adstock_alpha": 0.5 ** (1 / periods)})
    table = carry_over(fit)
    assert table.index.tolist() == CLIENT.channels
    assert table.index.name == "channel"
    np.testing.assert_allclose(table[["half_life", "ci_low", "ci_high"]], periods)
    np.testing.assert_allclose(table["share_immediate"], 1 - 0.5 ** (1 / periods))


@pytest.mark.parametrize("adstock", ADSTOCKS)
def test_the_kernel_is_what_an_impulse_brings_over_time(adstock: str) -> None:
    """On a curve that is a straight line, spend of one week among weeks without any."""
    lag_max = 5
    media = np.zeros(CLIENT.dataset["media"].shape)
    media[10] = [300.0, 700.0]
    impulse = CLIENT.dataset["media"].copy(data=media)
    data = replace(CLIENT, dataset=CLIENT.dataset.assign(media=impulse))
    fit = fake_fit(data, ModelSpec(lag_max=lag_max, adstock=adstock), fixed={"saturation_lam": 1e9})
    brought = decomposition(fit)["channels"].isel(date=slice(10, 10 + lag_max))
    share = (brought / brought.sum("date")).transpose(*SAMPLE, "channel", "date")
    np.testing.assert_allclose(kernel_draws(fit), share, atol=1e-7)


def test_the_table_is_of_the_draws() -> None:
    fit = fake_fit(spec=ModelSpec(lag_max=6, adstock="delayed"), draws=40)
    table = carry_over(fit, ci_prob=0.5)
    assert list(table.columns) == [
        *("half_life", "ci_low", "ci_high"),
        *("share_immediate", "share_low", "share_high"),
    ]
    kernel = kernel_draws(fit).sel(channel=SECOND).values.reshape(-1, 6)
    # The same reading of the same curve by numpy's own interpolation.
    times = [np.interp(0.5, [0, *np.cumsum(row)], np.arange(7)) for row in kernel]
    row = table.loc[SECOND]
    assert row["half_life"] == pytest.approx(np.mean(times))
    assert row["ci_low"] == pytest.approx(np.quantile(times, 0.25))
    assert row["ci_high"] == pytest.approx(np.quantile(times, 0.75))
    assert row["share_immediate"] == pytest.approx(kernel[:, 0].mean())
    assert row["share_high"] == pytest.approx(np.quantile(kernel[:, 0], 0.75))


@given(hnp.arrays(float, st.tuples(st.just(3), st.integers(1, 8)), elements=st.floats(0, 1)))
def test_a_half_life_lies_where_half_is_reached(weights: np.ndarray) -> None:
    """Also where nothing comes at once, or all of it in the last period."""
    weights[:, -1] += 0.01
    kernel = weights / weights.sum(axis=-1, keepdims=True)
    for time, row in zip(half_life(kernel), kernel, strict=True):
        reached = np.interp(time, np.arange(len(row) + 1), [0, *np.cumsum(row)])
        assert reached == pytest.approx(0.5)
        assert 0 < time < len(row)


def test_without_carry_over_all_is_immediate() -> None:
    table = carry_over(fake_fit(spec=ModelSpec(lag_max=1)))
    assert (table["share_immediate"] == 1).all()
    assert (table["half_life"] == 0.5).all()


def test_a_parameter_that_channels_share_is_that_of_each() -> None:
    fit = fake_fit(spec=ModelSpec(lag_max=4, adstock="weibull_cdf"))
    posterior = fit.posterior
    shared = posterior.assign(adstock_k=posterior["adstock_k"].isel(channel=0, drop=True))
    every = posterior["adstock_k"].copy()
    every[..., 1] = every[..., 0]
    found, expected = (
        carry_over(replace(fit, idata=xr.DataTree.from_dict({"posterior": draws})))
        for draws in (shared, posterior.assign(adstock_k=every))
    )
    np.testing.assert_allclose(found, expected)
    assert (found["half_life"][FIRST] != found["half_life"][SECOND]).all()


def test_a_channel_graph_changes_nothing() -> None:
    """What spend does on its own channel is what the table is of."""
    given: dict[str, Any] = {"fixed": {"adstock_alpha": [0.3, 0.6]}}
    plain = carry_over(fake_fit(spec=ModelSpec(lag_max=4), **given))
    blended = carry_over(fake_fit(spec=ModelSpec(lag_max=4, channel_dag=ChannelDag()), **given))
    np.testing.assert_allclose(blended, plain)


def test_a_fit_without_carry_over_parameters_is_refused() -> None:
    fit = fake_fit()
    bare = xr.DataTree.from_dict({"posterior": fit.posterior.drop_vars("adstock_alpha")})
    with pytest.raises(SpecificationError, match="without adstock_alpha; expected one whose"):
        carry_over(replace(fit, idata=bare))
