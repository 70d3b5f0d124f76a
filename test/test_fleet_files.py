"""A fleet that was saved and loaded says what it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import QUIET, FakeSampler, small_config, small_subject

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.forecast import run_forecast
from pymc_toolkit.fleets.holdout import HoldoutFleet, run_holdout
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.fleets.recovery import RecoveryFleet, run_recovery
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.fleets.stability import run_stability
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]

MAKE: dict[str, Callable[[], FleetResult]] = {
    "production": lambda: run_production([small_subject()], 4, QUIET),
    "holdout": lambda: run_holdout(small_subject(), [4, 6], "rolling", 2, QUIET),
    "recovery": lambda: run_recovery(small_subject(), 2, "prior", QUIET),
    "stability": lambda: run_stability(small_subject(), StabilityPlan(1, 1, 0.05, 1), QUIET),
    "forecast": lambda: run_forecast(small_subject(small_config(80)), 5, None, QUIET),
}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def assert_alike(one: Any, other: Any) -> None:
    """Equal, but for the last digit of floats, which may differ with the layout in memory."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_alike(one[key], other[key])
    elif isinstance(one, float):
        np.testing.assert_allclose(other, one, rtol=1e-10, equal_nan=True)
    else:
        assert one == other


@pytest.mark.parametrize("kind", MAKE)
def test_every_kind_of_fleet_comes_back(fake_sampler: Install, tmp_path: Path, kind: str) -> None:
    fake_sampler()
    fleet = MAKE[kind]()
    path = fleet.save(tmp_path / "new" / f"{kind}.nc")
    loaded = type(fleet).load(path)
    assert loaded.options == fleet.options
    assert_alike(fleet.summary(), loaded.summary())
    pd.testing.assert_frame_equal(fleet.to_frame(), loaded.to_frame())
    pd.testing.assert_frame_equal(
        fleet.verdict().to_frame().drop(columns="sentence"),
        loaded.verdict().to_frame().drop(columns="sentence"),
    )
    for before, after in zip(fleet, loaded, strict=True):
        assert after.job.key == before.job.key
        assert after.job.about == before.job.about
        assert after.job.client == before.job.client
        assert after.job.data.digest() == before.job.data.digest()
        pd.testing.assert_frame_equal(before.prediction, after.prediction)
        pd.testing.assert_frame_equal(before.roi, after.roi)
    loaded.generate_report(tmp_path / "loaded.html")


def test_fits_that_members_share_are_stored_once(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    loaded = type(MAKE["forecast"]()).load(MAKE["forecast"]().save(tmp_path / "f.nc"))
    assert loaded[0].fit is loaded[1].fit


def test_failures_come_back(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_sampler()

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise ValueError("Zufall <&> 日本")

    monkeypatch.setattr(BayesianEngine, "fit", fail)
    fleet = MAKE["recovery"]()
    loaded = RecoveryFleet.load(fleet.save(tmp_path / "f.nc"))
    assert [member.failure for member in loaded] == [member.failure for member in fleet]
    assert loaded.summary() == fleet.summary() != {}
    assert loaded[0].failure.error == "ValueError: Zufall <&> 日本"


def test_another_kind_of_file_is_refused(
    fake_sampler: Install, fitted: Any, tmp_path: Path
) -> None:
    fake_sampler()
    fleet = MAKE["production"]().save(tmp_path / "fleet.nc")
    model = fitted.model.save(tmp_path / "model.nc")
    with pytest.raises(SavedModelError, match="holds a production fleet; expected a holdout"):
        HoldoutFleet.load(fleet)
    with pytest.raises(SavedModelError, match="holds no fleet of this package"):
        ProductionFleet.load(model)
    with pytest.raises(SavedModelError, match="holds no model of this package"):
        PymcModel.load(fleet)
    with pytest.raises(FileNotFoundError, match=r"missing\.nc"):
        ProductionFleet.load(tmp_path / "missing.nc")


def test_a_file_of_a_fleet_holds_no_code(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    content = MAKE["recovery"]().save(tmp_path / "f.nc").read_bytes()
    assert content[1:4] == b"HDF"
    assert b"pickle" not in content
