"""A budget of the deep engine, where channels act on each other and there are a few networks."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate_panels import simulate_panel

OPTIONS = {"members": 3, "n_epochs": 20, "min_epochs": 5, "validation_weeks": 6}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def test_a_panel_of_the_deep_engine_divides_its_budget() -> None:
    panel = simulate_panel(n_regions=3, n_periods=60, seed=1)
    model = PymcModel(
        panel.data,
        panel.target_name,
        panel.date_column,
        panel.channel_names,
        panel.control_names,
        geo_column=panel.geo_column,
        engine="deep",
        random_seed=3,
        engine_options=OPTIONS,
    ).fit(progressbar=False)
    found = model.optimize_budget(horizon=6)
    assert found.kkt_residual < 0.01
    assert found.uplift.mean >= 0
    assert found.uplift_draws.sizes == {"chain": 1, "draw": 3}
    np.testing.assert_allclose(found.flighting.sum(), found.table["recommended"])
    assert found.table["recommended"].sum() == pytest.approx(found.table["current"].sum())
    table = model.compare_scenarios({"usual": "as last year", "best": found}, horizon=6)
    assert table.loc["best", "difference"] == pytest.approx(found.uplift.mean, rel=1e-3)
