"""Simulated panels: what they say of themselves is what is in the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit import simulate_panels
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_panels import simulate_panel


def test_every_region_has_every_week_once() -> None:
    panel = simulate_panel(n_regions=3, n_periods=30, seed=2)
    counts = panel.data.groupby([panel.date_column, panel.geo_column]).size()
    assert len(counts) == 90
    assert (counts == 1).all()
    config = ClientConfig(
        panel.data,
        panel.target_name,
        panel.date_column,
        panel.channel_names,
        panel.control_names,
        geo_column=panel.geo_column,
    )
    assert config.model_data.is_panel
    assert config.model_data.n_periods == 30


def test_what_channels_brought_is_what_is_lost_without_them(monkeypatch) -> None:
    """The same panel with channels that bring nothing; a season would follow the mean of sales."""
    monkeypatch.setattr(simulate_panels, "_SEASON", 0.0)
    panel = simulate_panel(n_regions=4, n_periods=60, seed=3, noise=0.0)
    idle = tuple(replace(plan, amplitude=0.0) for plan in simulate_panels._PLANS)
    monkeypatch.setattr(simulate_panels, "_PLANS", idle)
    without = simulate_panel(n_regions=4, n_periods=60, seed=3, noise=0.0)
    pd.testing.assert_frame_equal(
        panel.data.drop(columns="orders"), without.data.drop(columns="orders")
    )
    lost = panel.data["orders"].sum() - without.data["orders"].sum()
    assert sum(panel.truth["contributions"].values()) == pytest.approx(lost, rel=1e-6)
    assert 0.3 < lost / panel.data["orders"].sum() < 0.6
    for name in panel.channel_names:
        earned, spent = panel.truth["contributions"][name], float(panel.data[name].sum())
        assert panel.truth["roi"][name] == pytest.approx(earned / spent)


def test_search_follows_tv_within_every_region() -> None:
    panel = simulate_panel(n_regions=5, n_periods=150, seed=4)
    ((cause, effect),) = panel.truth["edges"]
    for _, rows in panel.data.groupby(panel.geo_column):
        others = [name for name in panel.channel_names if name not in (cause, effect)]
        follows = rows[cause].corr(rows[effect])
        assert follows > 0.5
        assert follows > max(abs(rows[name].corr(rows[effect])) for name in others)


def test_regions_differ_in_size_and_in_their_plans() -> None:
    panel = simulate_panel(n_regions=6, seed=5)
    wide = panel.data.pivot(index="week", columns="region", values="tv")
    assert wide.mean().max() > 1.5 * wide.mean().min()
    assert (wide.corr().to_numpy()[np.triu_indices(6, 1)] < 0.9).all()


def test_a_seed_gives_one_panel() -> None:
    same = [simulate_panel(n_regions=2, n_periods=30, seed=6).data for _ in range(2)]
    pd.testing.assert_frame_equal(*same)
    other = simulate_panel(n_regions=2, n_periods=30, seed=7).data
    assert not other["tv"].equals(same[0]["tv"])


@pytest.mark.parametrize("wrong", [{"n_regions": 1}, {"n_periods": 19}])
def test_too_small_a_panel_is_refused(wrong) -> None:
    with pytest.raises(SpecificationError, match="at least 2 regions and 20 periods"):
        simulate_panel(**wrong)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_has_a_size(noise: float) -> None:
    with pytest.raises(SpecificationError, match="expected a share of at least zero"):
        simulate_panel(noise=noise)
