"""Simulated clients: the same seed gives the same table, and the truth is what made it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate import SimulatedClient, simulate_client, simulate_ms

DATA = Path(__file__).parents[1] / "data"

# The order in which the guide shows the flagship client's columns.
MS_COLUMNS = [
    "date_week",
    "ecommerce_revenue",
    "snapchat_cost",
    "emails_delivered",
    "facebook_ads_conversions_cost",
    "facebook_ads_brand_awareness_cost",
    "facebook_ads_engagement_cost",
    "google_ads_video_cost",
    "google_ads_shopping_cost",
    "google_ads_search_men_cost",
    "google_ads_search_kids_cost",
    "google_ads_display_only_cost",
    "google_ads_search_brand_cost",
    "google_ads_search_women_cost",
    "google_ads_search_others_cost",
    "youtube_organic_views",
    "events",
]
MS_COUNTS = ["emails_delivered", "youtube_organic_views", "events"]
CLIENTS = {
    "ms": simulate_ms,
    "small": lambda: simulate_client(n_periods=60, n_channels=3, seed=1),
    "drifting": lambda: simulate_client(n_periods=156, seed=2, effectiveness_drift=-0.4),
}


@pytest.fixture(params=CLIENTS)
def client(request) -> SimulatedClient:
    return CLIENTS[request.param]()


def recomputed_contributions(client: SimulatedClient) -> np.ndarray:
    """Contribution per week and channel from the parameters of the truth alone."""
    parameters = client.truth["parameters"]

    def by_channel(name: str) -> np.ndarray:
        return np.array([parameters[name][channel] for channel in client.channel_names])

    kernel = ADSTOCKS["geometric"].kernel(4, {"alpha": by_channel("adstock_alpha")})
    response = SATURATIONS["michaelis_menten"].response(
        carry_over(client.data[client.channel_names].to_numpy(float), kernel),
        lam=by_channel("saturation_lam"),
        alpha=by_channel("saturation_alpha"),
    )
    return response * np.array(parameters["media_temporal_latent_multiplier"])[:, None]


def flat(truth: object, path: str = "") -> dict[str, float]:
    """Every number of a truth by its path."""
    if not isinstance(truth, dict | list):
        return {path: truth}
    parts = truth.items() if isinstance(truth, dict) else enumerate(truth)
    return {k: v for key, part in parts for k, v in flat(part, f"{path}/{key}").items()}


def unexplained(client: SimulatedClient) -> np.ndarray:
    """What is left of the target without the parts that the truth tells of."""
    parameters = client.truth["parameters"]
    residual = client.data[client.target_name].to_numpy() - parameters["intercept"]
    for name, coefficient in parameters["gamma_control"].items():
        residual = residual - coefficient * client.data[name].to_numpy()
    return residual - recomputed_contributions(client).sum(axis=1)


class TestAnyClient:
    def test_contributions_follow_from_the_parameters(self, client):
        totals = recomputed_contributions(client).sum(axis=0)
        told = [client.truth["contributions"][name] for name in client.channel_names]
        np.testing.assert_allclose(told, totals)

    def test_the_truth_explains_the_target_but_for_noise(self, client):
        residual, sigma = unexplained(client), client.truth["parameters"]["y_sigma"]
        # The flagship also has a small season that its truth leaves out on purpose.
        assert abs(residual.mean()) < 4 * sigma / np.sqrt(len(residual))
        assert 0.75 * sigma < residual.std() < 1.5 * sigma
        assert np.abs(residual).max() < 6 * sigma

    def test_roi_is_contribution_per_unit_spent(self, client):
        spent = client.data[client.channel_names].sum()
        for name in client.channel_names:
            expected = client.truth["contributions"][name] / spent[name]
            assert client.truth["roi"][name] == pytest.approx(expected)

    def test_the_truth_names_every_channel_and_control(self, client):
        truth = client.truth
        for told in (truth["contributions"], truth["roi"], truth["parameters"]["adstock_alpha"]):
            assert list(told) == client.channel_names
        assert list(truth["parameters"]["gamma_control"]) == client.control_names

    def test_the_truth_lies_where_the_components_allow(self, client):
        parameters = client.truth["parameters"]
        assert all(0 <= rate <= 1 for rate in parameters["adstock_alpha"].values())
        assert min(parameters["saturation_lam"].values()) > 0
        assert min(parameters["saturation_alpha"].values()) > 0
        assert min(parameters["media_temporal_latent_multiplier"]) > 0

    def test_the_table_is_one_that_the_package_takes(self, client):
        config = ClientConfig(
            client.data,
            client.target_name,
            client.date_column,
            client.channel_names,
            client.control_names,
        )
        assert config.model_data.frequency == "W-MON"
        assert config.model_data.n_periods == len(client.data)
        assert (client.data[client.target_name] > 0).all()

    def test_what_is_written_can_be_read_again(self, client, tmp_path):
        table, truth = client.write(tmp_path, "shop")
        assert (table.name, truth.name) == ("shop.csv", "shop_truth.json")
        pd.testing.assert_frame_equal(pd.read_csv(table), client.data)
        assert json.loads(truth.read_text(encoding="utf-8")) == client.truth


class TestSeeds:
    @pytest.mark.parametrize("simulate", [simulate_client, simulate_ms])
    def test_same_seed_same_client(self, simulate):
        first, second = simulate(seed=7), simulate(seed=7)
        pd.testing.assert_frame_equal(first.data, second.data)
        assert first.truth == second.truth

    @pytest.mark.parametrize("simulate", [simulate_client, simulate_ms])
    def test_another_seed_another_client(self, simulate):
        first, second = simulate(seed=7), simulate(seed=8)
        target = first.target_name
        assert not np.allclose(first.data[target], second.data[target])

    def test_numpys_global_seed_plays_no_part(self):
        state = np.random.get_state()[1].copy()
        simulate_client(n_periods=30)
        np.testing.assert_array_equal(np.random.get_state()[1], state)


class TestOptions:
    @pytest.mark.parametrize(("n_periods", "n_channels"), [(20, 1), (53, 7)])
    def test_size(self, n_periods, n_channels):
        client = simulate_client(n_periods=n_periods, n_channels=n_channels)
        assert client.data.shape == (n_periods, n_channels + 3)
        assert client.channel_names == [f"channel_{i + 1}_cost" for i in range(n_channels)]

    @pytest.mark.parametrize(("n_periods", "n_channels"), [(19, 2), (52, 0), (-1, 1)])
    def test_too_small(self, n_periods, n_channels):
        with pytest.raises(SpecificationError, match=f"{n_periods} periods and {n_channels} chan"):
            simulate_client(n_periods=n_periods, n_channels=n_channels)

    def test_without_noise_the_truth_is_the_target(self):
        client = simulate_client(noise=0.0)
        np.testing.assert_allclose(unexplained(client), 0, atol=0.01)

    def test_noise_is_a_share_of_the_mean(self):
        loud = simulate_client(noise=0.2)
        share = loud.truth["parameters"]["y_sigma"] / loud.data[loud.target_name].mean()
        assert share == pytest.approx(0.2, rel=0.1)

    @pytest.mark.parametrize("change", [0.0, -0.4, 0.5])
    def test_drift_is_the_change_from_the_first_week_to_the_last(self, change):
        client = simulate_client(effectiveness_drift=change)
        multiplier = client.truth["parameters"]["media_temporal_latent_multiplier"]
        assert multiplier[-1] - multiplier[0] == pytest.approx(change)
        assert np.mean(multiplier) == pytest.approx(1)


class TestFlagship:
    def test_columns_and_types_are_those_of_the_guide(self):
        data = simulate_ms().data
        assert list(data) == MS_COLUMNS
        assert len(data) == 161
        types = data.dtypes.drop("date_week")
        assert set(types[MS_COUNTS].astype(str)) == {"int64"}
        assert set(types.drop(MS_COUNTS).astype(str)) == {"float64"}

    def test_dates_are_text(self):
        dates = simulate_ms().data["date_week"]
        assert dates.map(type).eq(str).all()
        assert dates.str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()
        steps = pd.to_datetime(dates, format="%Y-%m-%d").diff().dropna()
        assert (steps == pd.Timedelta(days=7)).all()

    def test_roles(self):
        client = simulate_ms()
        assert len(client.channel_names) == 13
        assert sorted(client.control_names) == ["emails_delivered", "events"]
        named = {client.date_column, client.target_name}
        assert named | {*client.channel_names, *client.control_names} == set(MS_COLUMNS)

    def test_counts_are_whole_and_nothing_is_negative(self):
        data = simulate_ms().data.drop(columns="date_week")
        assert (data >= 0).all(axis=None)
        assert data["events"].max() <= 7

    def test_the_file_in_the_repository_is_this_client(self):
        pd.testing.assert_frame_equal(pd.read_csv(DATA / "ms.csv"), simulate_ms().data)

    def test_so_is_its_truth(self):
        told = json.loads((DATA / "ms_truth.json").read_text(encoding="utf-8"))
        # Approximately: the last digit of a logarithm depends on the processor.
        assert flat(told) == pytest.approx(flat(simulate_ms().truth))
