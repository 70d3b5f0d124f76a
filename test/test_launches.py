"""A channel that is dark in training and then launched: the everyday case of a new campaign."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from fits import QUIET, FakeSampler, small_subject

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import DataError, DataWarning
from pymc_toolkit.fleets.production import run_production
from pymc_toolkit.simulate import simulate_client

LAUNCH = 36

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def table() -> pd.DataFrame:
    launched = np.where(np.arange(40) < LAUNCH, 0.0, 5000.0)
    return simulate_client(n_periods=40, n_channels=1).data.assign(new=launched)


def client(data: pd.DataFrame) -> ClientConfig:
    return ClientConfig(data, "revenue", "date_week", ["channel_1_cost", "new"], ["events"])


def dark_client() -> ClientConfig:
    with pytest.warns(DataWarning, match="'new'"):
        return client(table().head(LAUNCH))


def test_a_holdout_with_a_launch_is_predicted_in_the_units_of_the_channel(
    fake_sampler: Callable[..., FakeSampler],
) -> None:
    sampler = fake_sampler()
    config = client(table())
    with pytest.warns(DataWarning, match="First on air in the held-out periods: 'new'"):
        fleet = run_production([small_subject(config)], 4, QUIET)
    ((training, _, _),) = sampler.calls
    assert training.scale("media").sel(channel="new") == 5000.0
    assert float(fleet[0].job.data.scaled("media").max()) < 2


def test_a_forecast_with_a_launch_is_refused() -> None:
    future = table().iloc[LAUNCH:].drop(columns="revenue")
    with pytest.raises(DataError, match=r"'new', never on air in the training window"):
        dark_client().future(future)
    planned_dark = dark_client().future(future.assign(new=0.0))
    assert planned_dark.dark_channels == ["new"]


def test_a_refresh_gives_a_launched_channel_its_first_scale() -> None:
    config = dark_client()
    refreshed = config.refreshed(table().iloc[LAUNCH:])
    scale = refreshed.model_data.scale("media")
    assert scale.sel(channel="new") == 5000.0
    assert scale.sel(channel="channel_1_cost") == config.model_data.scale("media")[0]
    assert refreshed.model_data.scale("target") == config.model_data.scale("target")


@pytest.mark.parametrize("rescale", [False, True])
def test_a_refresh_names_scalers_only_if_it_fits_them(
    caplog: pytest.LogCaptureFixture, rescale: bool
) -> None:
    data = table().assign(new=1.0 + np.arange(40))
    config = client(data.head(LAUNCH))
    caplog.clear()
    with caplog.at_level("INFO", logger="pymc_toolkit.client_config"):
        config.refreshed(data.iloc[LAUNCH:], rescale=rescale)
    assert ("Target variable scaled using MaxAbsScaler." in caplog.messages) == rescale
