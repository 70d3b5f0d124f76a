"""A saved model is the same model, and a file is whole or not there."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import FakeSampler, small_config

from pymc_toolkit import storage
from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.pymc_model import PymcModel

FEW = {"draws": 6, "tune": 1, "chains": 2, "progressbar": False}
AWKWARD = [
    """Пошук & "Ads" <b>it's</b>""",
    "</script>/tv\\radio",
    "日本語 ü\n  two lines",
]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def assert_same_predictions(one: PymcModel, other: PymcModel, future: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one.predict(), other.predict(), check_exact=True)
    pd.testing.assert_frame_equal(one.predict(future), other.predict(future), check_exact=True)
    # Sums over an array may differ in the last digit with its layout in memory.
    pd.testing.assert_frame_equal(one.roi(), other.roi(), rtol=1e-12)


def test_a_loaded_model_is_the_same_model(fitted: Any, tmp_path: Path) -> None:
    path = fitted.model.save(tmp_path / "new folder" / "client0.nc")
    assert path == tmp_path / "new folder" / "client0.nc"
    loaded = PymcModel.load(path)
    assert_same_predictions(fitted.model, loaded, fitted.future)
    ours, theirs = fitted.model._fit, loaded._fit
    assert loaded.spec == fitted.model.spec
    assert theirs.sampling == ours.sampling
    assert loaded.random_seed == fitted.model.random_seed
    assert theirs.training.digest() == ours.training.digest()
    assert theirs.spec.digest() == ours.spec.digest()
    assert repr(loaded) == repr(fitted.model)
    assert loaded.config.to_dict() == fitted.model.config.to_dict()
    assert {name: str(prior) for name, prior in loaded.model_priors.items()} == {
        name: str(prior) for name, prior in fitted.model.model_priors.items()
    }
    for group in fitted.model.idata.children:
        xr.testing.assert_equal(
            loaded.idata[group].to_dataset(), fitted.model.idata[group].to_dataset()
        )
    assert loaded.summarize_variable("gamma_control") == fitted.model.summarize_variable(
        "gamma_control"
    )
    pd.testing.assert_frame_equal(loaded.convergence.table, fitted.model.convergence.table)


def test_a_model_without_controls_comes_back(fitted_otherwise: Any, tmp_path: Path) -> None:
    loaded = PymcModel.load(fitted_otherwise.model.save(tmp_path / "m.nc"))
    future = fitted_otherwise.future.drop(columns="events")
    assert_same_predictions(fitted_otherwise.model, loaded, future)
    assert loaded.config.control_names == []


def test_saving_leaves_the_model_alone(fitted: Any, tmp_path: Path) -> None:
    before = dict(fitted.model.idata.attrs)
    first = fitted.model.save(tmp_path / "first.nc")
    assert fitted.model.idata.attrs == before
    loaded = PymcModel.load(first)
    assert loaded.idata.attrs == before
    assert_same_predictions(loaded, PymcModel.load(loaded.save(tmp_path / "b.nc")), fitted.future)


@pytest.fixture
def refreshed(fake_sampler: Callable[..., FakeSampler]) -> PymcModel:
    """A model with awkward names, numpy's numbers in its options, and a history."""
    fake_sampler()
    table = small_config(40, 3).table
    plain = ["channel_1_cost", "channel_2_cost", "channel_3_cost"]
    channels = dict(zip(plain, AWKWARD, strict=True))
    table = table.rename(columns={**channels, "events": "event's <i>"})
    model = PymcModel(
        table.head(30),
        "revenue",
        "date_week",
        AWKWARD,
        ["event's <i>"],
        client_name='Müller & "Søn"',
        control_scaler="standard",
        time_varying_media=True,
        cost_per_unit={AWKWARD[0]: np.int64(2), AWKWARD[1]: None, AWKWARD[2]: np.float32(0.5)},
        random_seed=np.int64(3),
    )
    model.fit(**FEW, target_accept=np.float32(0.9))
    return model.refresh(table.iloc[28:33], progressbar=False)


def test_awkward_names_and_history_survive(refreshed: PymcModel, tmp_path: Path) -> None:
    loaded = PymcModel.load(refreshed.save(tmp_path / "m.nc"))
    assert loaded.config.channel_names == AWKWARD
    assert loaded.config.cost_per_unit == {AWKWARD[0]: 2, AWKWARD[1]: None, AWKWARD[2]: 0.5}
    assert loaded.config.client_name == 'Müller & "Søn"'
    assert list(loaded.roi().index) == AWKWARD
    pd.testing.assert_frame_equal(loaded.predict(), refreshed.predict(), check_exact=True)
    (ours,), (theirs,) = refreshed.refresh_history, loaded.refresh_history
    pd.testing.assert_frame_equal(ours.roi, theirs.roi, check_exact=True)
    assert np.isnan(theirs.roi.loc[AWKWARD[1], "roi_before"])
    assert (theirs.periods_added, theirs.periods_restated) == (3, 0)
    assert theirs.last_date == ours.last_date


def test_a_loaded_model_can_be_refreshed(refreshed: PymcModel, tmp_path: Path) -> None:
    table = small_config(40, 3).table
    table.columns = ["date_week", "revenue", *AWKWARD, "event's <i>"]
    loaded = PymcModel.load(refreshed.save(tmp_path / "m.nc"))
    for model in (refreshed, loaded):
        model.refresh(table.iloc[33:38], progressbar=False)
    assert len(loaded.refresh_history) == 2
    assert len(refreshed.refresh_history) == 2
    assert_same_predictions(refreshed, loaded, table.iloc[38:].drop(columns="revenue"))
    assert loaded._fit.training.digest() == refreshed._fit.training.digest()
    pd.testing.assert_frame_equal(
        loaded.config.table, refreshed.config.table, check_column_type=False
    )


def test_a_small_roi_keeps_all_its_digits(refreshed: PymcModel, tmp_path: Path) -> None:
    record = refreshed.refresh_history[0]
    record.roi.iloc[0, 0] = 1.23456789012345e-13
    loaded = PymcModel.load(refreshed.save(tmp_path / "m.nc"))
    assert loaded.refresh_history[0].roi.iloc[0, 0] == 1.23456789012345e-13


def test_there_is_no_code_in_the_file(fitted: Any, tmp_path: Path) -> None:
    """Only numbers and text: loading can run nothing."""
    path = fitted.model.save(tmp_path / "m.nc")
    content = path.read_bytes()
    assert not any(word in content for word in (b"pickle", b"cloudpickle", b"\x80\x04\x95"))
    kinds = set()

    def note(_name: str, item: Any) -> None:
        values = [item] if isinstance(item, h5py.Dataset) else []
        for dtype in [v.dtype for v in values]:
            kinds.add("text" if h5py.check_string_dtype(dtype) else dtype.kind)

    with h5py.File(path) as file:
        file.visititems(note)
    assert kinds <= {"text", "f", "i", "u", "S"}


@pytest.mark.parametrize("content", [b"just text", b"", b"\x89HDF\r\n\x1a\n and then nothing"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.nc"
    path.write_bytes(content)
    with pytest.raises(SavedModelError, match=r"notes\.nc"):
        PymcModel.load(path)


def test_another_netcdf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "climate.nc"
    xr.Dataset({"t": ("x", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(SavedModelError, match="holds no model"):
        PymcModel.load(path)


def test_another_layout_is_refused(
    refreshed: PymcModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storage, "_LAYOUT", 999)
        path = refreshed.save(tmp_path / "m.nc")
    with pytest.raises(SavedModelError, match="layout 999; this version reads layout 1"):
        PymcModel.load(path)


@pytest.mark.parametrize("header", ["not JSON", json.dumps({"engine": "bayesian"}), "[]"])
def test_a_damaged_header_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "m.nc"
    tree = xr.DataTree(xr.Dataset(attrs={"pymc_toolkit_model": header}))
    tree.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(SavedModelError, match=r"m\.nc"):
        PymcModel.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.nc"):
        PymcModel.load(tmp_path / "nowhere.nc")
    with pytest.raises(FileNotFoundError, match="save"):
        PymcModel.load(tmp_path)


def test_a_failed_write_leaves_the_old_file_whole(
    refreshed: PymcModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = refreshed.save(tmp_path / "m.nc")
    old = path.read_bytes()

    def full_disk(_tree: Any, file: Any, **_options: Any) -> None:
        Path(file).write_bytes(b"half a fi")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(xr.DataTree, "to_netcdf", full_disk)
        with pytest.raises(OSError, match="No space"):
            refreshed.save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.nc"]


def test_an_old_file_is_replaced(refreshed: PymcModel, tmp_path: Path) -> None:
    """At once, not overwritten: who reads the old one goes on reading it."""
    path = tmp_path / "m.nc"
    path.write_text("an older file")
    with path.open() as reader:
        refreshed.save(path)
        assert reader.read() == "an older file"
    pd.testing.assert_frame_equal(PymcModel.load(path).predict(), refreshed.predict())
    assert os.listdir(tmp_path) == ["m.nc"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
def test_a_saved_file_may_be_read_as_any_other(refreshed: PymcModel, tmp_path: Path) -> None:
    """Colleagues on a shared disk must be able to load it."""
    plain = tmp_path / "plain.txt"
    plain.write_text("x")
    saved = refreshed.save(tmp_path / "m.nc")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_path_may_be_text(refreshed: PymcModel, tmp_path: Path) -> None:
    path = refreshed.save(str(tmp_path / "m.nc"))
    assert PymcModel.load(str(path)).random_seed == 3
