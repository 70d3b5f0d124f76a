"""Scalers give back what they took, keep zero where the model needs it, and are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.preprocessing
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.scalers import Scaler, check_method

METHODS = ["max_abs", "min_max", "standard", "none"]
SKLEARN = {
    "max_abs": sklearn.preprocessing.MaxAbsScaler,
    "min_max": sklearn.preprocessing.MinMaxScaler,
    "standard": sklearn.preprocessing.StandardScaler,
}
# What a column of money or counts may hold; scikit-learn takes smaller sizes for rounding errors.
NUMBERS = st.one_of(
    st.just(0.0), st.floats(1e-3, 1e9), st.floats(1e-3, 1e9).map(lambda value: -value)
)
TABLES = hnp.arrays(
    float, st.tuples(st.integers(2, 12), st.integers(1, 4)), elements=NUMBERS, fill=st.nothing()
)


def labelled(values: np.ndarray) -> xr.DataArray:
    names = [f"c{i}" for i in range(values.shape[1])]
    return xr.DataArray(values, dims=("date", "control"), coords={"control": names})


@pytest.mark.parametrize("method", METHODS)
@given(values=TABLES)
def test_round_trip(method, values):
    table = labelled(values)
    scaler = Scaler.fit(table, method, "controls")
    back = scaler.inverse(scaler.transform(table))
    assert back.dims == table.dims
    size = np.abs(values).max(axis=0)
    np.testing.assert_allclose(
        back.values / np.where(size, size, 1), values / np.where(size, size, 1), atol=1e-9
    )


@pytest.mark.parametrize("method", list(SKLEARN))
@given(values=TABLES)
def test_agrees_with_scikit_learn(method, values):
    expected = SKLEARN[method]().fit_transform(values)
    scaled = Scaler.fit(labelled(values), method, "controls").transform(labelled(values))
    np.testing.assert_allclose(scaled.values, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", ["max_abs", "none"])
@given(values=TABLES)
def test_zero_stays_zero_both_ways(method, values):
    scaler = Scaler.fit(labelled(values), method, "media")
    nothing = labelled(np.zeros_like(values))
    assert (scaler.transform(nothing) == 0).all()
    assert (scaler.inverse(nothing) == 0).all()


@given(values=TABLES)
def test_max_abs_ends_at_one(values):
    scaled = Scaler.fit(labelled(values), "max_abs", "media").transform(labelled(values))
    used = np.abs(values).max(axis=0) > 0
    np.testing.assert_allclose(np.abs(scaled.values).max(axis=0)[used], 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_column_stays_finite(method, value):
    table = labelled(np.column_stack([np.full(5, value), np.arange(5.0)]))
    scaler = Scaler.fit(table, method, "controls")
    assert np.isfinite(scaler.transform(table)).all()
    np.testing.assert_allclose(scaler.inverse(scaler.transform(table)), table)


def test_each_column_is_scaled_for_itself():
    table = labelled(np.array([[1.0, -40.0], [2.0, 20.0]]))
    np.testing.assert_array_equal(Scaler.fit(table, "max_abs", "controls").scale, [2, 40])


def test_each_region_is_scaled_for_itself():
    values = np.arange(1.0, 13.0).reshape(2, 3, 2)
    table = xr.DataArray(values, dims=("date", "geo", "channel"))
    scaler = Scaler.fit(table, "max_abs", "media")
    assert scaler.scale.dims == ("geo", "channel")
    np.testing.assert_array_equal(scaler.scale, values[1])
    np.testing.assert_allclose(scaler.transform(table).values, values / values[1])


def test_a_single_series_has_a_single_scale():
    target = xr.DataArray([3.0, -6.0], dims="date")
    scaler = Scaler.fit(target, "max_abs", "target")
    assert float(scaler.scale) == 6
    np.testing.assert_array_equal(scaler.transform(target), [0.5, -1.0])


def test_no_columns_at_all():
    nothing = labelled(np.zeros((4, 0)))
    assert Scaler.fit(nothing, "standard", "controls").transform(nothing).shape == (4, 0)


def test_columns_are_found_by_name():
    table = labelled(np.array([[1.0, 10.0], [2.0, 40.0]]))
    scaler = Scaler.fit(table, "max_abs", "media")
    swapped = scaler.transform(table.isel(control=[1, 0]))
    np.testing.assert_array_equal(swapped.sel(control="c0"), [0.5, 1.0])


def test_later_values_use_the_scale_that_was_fitted():
    scaler = Scaler.fit(labelled(np.array([[1.0], [4.0]])), "max_abs", "media")
    np.testing.assert_array_equal(scaler.transform(labelled(np.array([[8.0]]))), [[2.0]])


def test_posterior_draws_keep_their_dims():
    target = xr.DataArray([2.0, 4.0], dims="date")
    scaler = Scaler.fit(target, "max_abs", "target")
    draws = xr.DataArray(np.ones((2, 3, 2)), dims=("chain", "draw", "date"))
    assert scaler.inverse(draws).dims == draws.dims
    assert (scaler.inverse(draws) == 4).all()


def test_the_fitted_table_is_left_alone():
    table = labelled(np.array([[1.0], [4.0]]))
    before = table.copy(deep=True)
    Scaler.fit(table, "standard", "controls").transform(table)
    xr.testing.assert_identical(table, before)


@pytest.mark.parametrize("role", ["target", "media"])
@pytest.mark.parametrize("method", ["min_max", "standard"])
def test_methods_that_move_zero_are_for_controls_only(method, role):
    with pytest.raises(SpecificationError, match=f"'{method}' for the {role}.*zero must stay zero"):
        check_method(method, role)
    check_method(method, "controls")


@pytest.mark.parametrize("method", ["MaxAbsScaler", "", None, ["max_abs"]])
def test_unknown_methods_are_refused(method):
    with pytest.raises(
        SpecificationError, match="expected one of max_abs, min_max, standard, none"
    ):
        Scaler.fit(labelled(np.ones((2, 1))), method, "controls")


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("max_abs", "MaxAbsScaler"),
        ("min_max", "MinMaxScaler"),
        ("standard", "StandardScaler"),
        ("none", "identity"),
    ],
)
def test_label(method, label):
    assert Scaler.fit(labelled(np.ones((2, 1))), method, "controls").label == label
