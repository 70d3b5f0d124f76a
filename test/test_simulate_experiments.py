"""Simulated geo tests: what they lose is what the channel brings, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_experiments import simulate_geo_test

CLIENT = simulate_client(n_periods=60, n_channels=2, seed=1)
CHANNEL = "channel_1_cost"


def test_the_effect_is_the_contribution_of_the_channel() -> None:
    """Of all periods: then no carry-over leads beyond, and the truth of the client says as much."""
    test = simulate_geo_test(CLIENT, CHANNEL, 0, 60)
    assert test.effect == pytest.approx(CLIENT.truth["contributions"][CHANNEL], rel=1e-9)


def test_regions_add_up_to_the_client_less_what_was_lost() -> None:
    test = simulate_geo_test(CLIENT, CHANNEL, 40, 4, noise=0.0)
    total = test.regions.groupby("date")["outcome"].sum().to_numpy()
    np.testing.assert_allclose(total, test.client_data["revenue"], rtol=1e-12)
    lost = CLIENT.data["revenue"].to_numpy() - total
    np.testing.assert_allclose(lost[:40], 0, atol=1e-9)
    assert lost[40:44].sum() == pytest.approx(test.treated_share * test.effect, rel=1e-9)
    # Carry-over ends: the last weeks are as they were.
    np.testing.assert_allclose(lost[47:], 0, atol=1e-9)
    spend = test.client_data[CHANNEL] / CLIENT.data[CHANNEL]
    np.testing.assert_allclose(spend[40:44], 1 - test.treated_share)
    assert (spend.drop(range(40, 44)) == 1).all()
    assert (test.start, test.end) == ("2021-10-11", "2021-11-07")


def test_the_clients_own_table_is_left_alone() -> None:
    before = CLIENT.data.copy(deep=True)
    one, same, other = (simulate_geo_test(CLIENT, CHANNEL, 40, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(CLIENT.data, before)
    pd.testing.assert_frame_equal(one.regions, same.regions)
    assert not one.regions.equals(other.regions)
    assert replace(one, regions=other.regions).effect == other.effect


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channel": "radio"}, "expected one of 'channel_1_cost'"),
        ({"first": 58}, "lie within"),
        ({"first": -1}, "lie within"),
        ({"periods": 0}, "lie within"),
        ({"n_treated": 0}, "at least 1"),
        ({"n_treated": 23}, "2 others"),
    ],
)
def test_impossible_tests_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        simulate_geo_test(CLIENT, **{"channel": CHANNEL, "first": 40, "periods": 4, **changes})
