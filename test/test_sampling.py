"""The pilot run and what it leads to: the same posterior, sooner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import arviz as az
import numpy as np
import pytest
import xarray as xr
from fits import small_config
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit.components.time_varying import basis_scales, log_relative
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.bayesian import sampling as module
from pymc_toolkit.engines.bayesian.build import build_mmm
from pymc_toolkit.engines.bayesian.compiled import Affine, CompiledModel
from pymc_toolkit.engines.bayesian.graph import Structure, centring
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.priors import hsgp_config

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def plain_run(data: ModelData, spec: ModelSpec) -> xr.Dataset:
    """A long run of pymc-marketing's own graph, in its own coordinates, by nutpie alone."""
    import nutpie
    from pymc.model.transform.optimization import freeze_dims_and_data

    model = freeze_dims_and_data(build_mmm(data, spec).model)
    names = [variable.name for variable in model.free_RVs]
    compiled = nutpie.compile_pymc_model(model, var_names=names)
    trace = nutpie.sample(
        compiled, draws=3000, tune=1500, chains=4, seed=9, target_accept=0.95, progress_bar=False
    )
    return trace["posterior"].to_dataset().rename(intercept_contribution="intercept")


def distances(ours: xr.Dataset, theirs: xr.Dataset) -> np.ndarray:
    """Of every quantile of every parameter, in Monte Carlo errors."""
    found = []
    for name in ours.data_vars:
        for level in QUANTILES:
            both = [posterior[name] for posterior in (ours, theirs)]
            values = [draws.quantile(level, ("chain", "draw")) for draws in both]
            errors = [az.mcse(draws, method="quantile", prob=level) for draws in both]
            spread = np.sqrt(errors[0].to_numpy() ** 2 + errors[1].to_numpy() ** 2)
            found.append(((values[0] - values[1]).to_numpy() / spread).ravel())
    return np.concatenate(found)


def check_the_same(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    z = distances(ours, theirs)
    assert z.size == 5 * (1 + 1 + 1 + 3 * 2)
    assert abs(z).max() < 4.5
    assert np.sqrt((z**2).mean()) < 1.5


CLIENT, SPEC = small_config(40, seed=3), ModelSpec(lag_max=3)
LONG = Sampling(draws=3000, tune=1500, chains=4, target_accept=0.95, random_seed=1)


def test_the_posterior_is_that_of_a_run_without_a_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the density is pymc-marketing's is tested in test_graph.py, point by point."""
    engine, data = get_engine("bayesian"), CLIENT.model_data
    ours = engine.fit(data, SPEC, LONG, progressbar=False).posterior
    monkeypatch.setattr(module, "_FEWEST_FOR_PILOT", LONG.tune + 1)
    plain = replace(LONG, random_seed=2)
    check_the_same(ours, engine.fit(data, SPEC, plain, progressbar=False).posterior)


@pytest.mark.slow
def test_the_posterior_is_that_of_a_long_plain_run() -> None:
    """Within Monte Carlo error; most of the minute is nutpie's compilation of their graph."""
    data = CLIENT.model_data
    theirs = plain_run(data, SPEC)
    ours = get_engine("bayesian").fit(data, SPEC, LONG, progressbar=False).posterior
    theirs = theirs.assign_coords(channel=ours["channel"], control=ours["control"])
    check_the_same(ours, theirs)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_an_affine_map_and_back(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = np.tril(rng.normal(size=(size, size))) + 3 * np.eye(size)
    affine = Affine(rng.normal(size=size), factor)
    points = rng.normal(size=(5, size))
    np.testing.assert_allclose(affine.inverse(affine(points)), points, atol=1e-9)
    np.testing.assert_allclose(affine(affine.inverse(points[0])), points[0], atol=1e-9)


def test_the_shape_of_draws_is_their_mean_and_covariance() -> None:
    rng = np.random.default_rng(0)
    mix = np.array([[2.0, 0, 0], [1.9, 0.3, 0], [0, 0, 1e-3]])
    draws = 5 + rng.normal(size=(4000, 3)) @ mix.T
    shape = module._shape_of(draws)
    np.testing.assert_allclose(shape.centre, 5, atol=0.15)
    found, true = shape.factor @ shape.factor.T, mix @ mix.T
    units = np.sqrt(np.outer(np.diag(true), np.diag(true)))
    np.testing.assert_allclose(found / units, true / units, atol=0.1)
    assert np.array_equal(shape.factor, np.tril(shape.factor))
    # With fewer draws than dimensions, and with one that never moved, it is still a shape.
    few = np.column_stack([rng.normal(size=(4, 6)), np.ones(4)])
    assert np.isfinite(np.linalg.inv(module._shape_of(few).factor)).all()


SMOOTH = Structure(ModelSpec(lag_max=2, time_varying_media=True), n_channels=1, n_controls=0)


def stub_model(start: np.ndarray, level: np.ndarray, **pieces: tuple[int, int]) -> CompiledModel:
    return CompiledModel(SMOOTH, ("a",), pieces, start, level, lambda *given: given)


def test_coefficients_are_centred_as_far_as_the_data_determine_them() -> None:
    """Those that the data know get power one, those that they do not get zero, others between."""
    name = "media_temporal_latent_multiplier"
    rng = np.random.default_rng(0)
    n, frequencies = 4000, np.array([0.01, 0.01, 0.01])
    eta, ls = rng.lognormal(-2, 0.3, n), rng.lognormal(1.6, 0.3, n)
    config = hsgp_config(SMOOTH.priors["media_tvp_config"])
    scales = basis_scales(frequencies, config, eta, ls)
    # Known from the data alone, from the prior alone, and from both alike.
    usual = np.exp(np.log(scales).mean())
    known = np.full(n, 2 * usual) + rng.normal(0, 0.01 * usual, n)
    unknown = rng.normal(0, scales[:, 1])
    both = rng.normal(usual, usual / np.sqrt(2), n)
    offsets = np.column_stack([known, unknown, both]) / scales
    values = {"eta": eta, "ls": ls, "hsgp_coefs_offset": offsets}
    dims = {"hsgp_coefs_offset": ("chain", "draw", "m")}
    posterior = xr.Dataset(
        {
            f"{name}_raw_{key}": (dims.get(key, ("chain", "draw")), value[None])
            for key, value in values.items()
        }
    )
    arrays = {
        f"{name}_frequencies": (("m",), frequencies),
        centring(name): (("m",), np.full(3, 0.3)),
    }
    model = stub_model(np.zeros(4), np.zeros(4), **{f"{name}_raw_hsgp_coefs_offset": (1, 4)})
    before = np.full((n, 4), 7.0)
    after_arrays, after = module._centred(model, arrays, posterior, before)
    power = after_arrays[centring(name)][1]
    np.testing.assert_allclose(power, [1, 0, 0.5], atol=0.12)
    np.testing.assert_array_equal(arrays[centring(name)][1], 0.3)
    assert (before == 7).all()
    assert (after[:, 0] == 7).all()
    expected = offsets * np.exp(power * log_relative(scales, config))
    np.testing.assert_allclose(after[:, 1:], expected)


def test_models_without_smooth_multipliers_are_left_as_they_are() -> None:
    points = np.ones((2, 3))
    arrays, coordinates = module._centred(
        stub_model(np.zeros(3), np.zeros(3)), {"target_data": ((), points)}, xr.Dataset(), points
    )
    assert set(arrays) == {"target_data"}
    np.testing.assert_array_equal(coordinates, points)


class _Recorded:
    """Stands in for nutpie: remembers what it was asked, and returns draws of its own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls: list[Mapping[str, Any]] = []
        self.bound: list[Any] = []

    def __call__(self, bound: Any, **given: Any) -> xr.DataTree:
        self.calls.append(given)
        self.bound.append(bound)
        shape = (given["chains"], given["draws"])
        drawn = np.random.default_rng(0).normal(1.0, 2.0, (*shape, self.size))
        dims = ("chain", "draw")
        stats = {"unconstrained_draw": ((*dims, "x"), drawn), "text": (dims, np.full(shape, None))}
        posterior = {"a": (dims, drawn[..., 0]), "b": (dims, drawn[..., 1])}
        return xr.DataTree.from_dict(
            {"posterior": xr.Dataset(posterior), "sample_stats": xr.Dataset(stats)}
        )


@pytest.mark.parametrize(
    ("tune", "pilot", "left"), [(1000, (400, 400), 200), (200, (80, 80), 40), (199, None, 199)]
)
def test_tune_is_all_that_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch, tune: int, pilot: tuple[int, int] | None, left: int
) -> None:
    recorded = _Recorded(2)
    monkeypatch.setattr(module, "_run", recorded)
    model = stub_model(np.zeros(2), np.ones(2))
    arrays = {"target_data": (("date",), np.full(5, np.e))}
    run = Sampling(draws=30, tune=tune, chains=3, target_accept=0.97, random_seed=5)
    posterior, stats = module.sample(model, arrays, run, progressbar=False, cores=1)
    *first, last = recorded.calls
    assert [(call["tune"], call["draws"]) for call in first] == ([pilot] if pilot else [])
    assert (last["tune"], last["draws"], last["chains"]) == (left, 30, 3)
    assert last["target_accept"] == 0.97
    assert {call["cores"] for call in recorded.calls} == {1}
    assert len({call["seed"] for call in recorded.calls}) == len(recorded.calls)
    assert set(posterior.data_vars) == {"a"}
    assert "text" not in stats
    # The run begins where the pilot ended, in units of what that found.
    _, affine, start = recorded.bound[-1]
    expected = (2.0, 2.0) if pilot else (1.0, 0.0)
    np.testing.assert_allclose(affine.centre, expected if pilot else (1, 1), atol=0.3)
    np.testing.assert_array_equal(start(7), start(7))
    assert not np.array_equal(start(7), start(8))


def test_the_first_guess_knows_the_size_of_the_target() -> None:
    model = stub_model(np.array([0.5, -3.0]), np.array([0.0, 1.0]))
    for target, expected in (
        ([0.2, 0.4], np.log(0.3)),
        # Where the target is negative on average there is no logarithm, but a size.
        ([-5.0, 1.0], np.log(0.05)),
    ):
        affine = model.first_guess({"target_data": (("date",), np.array(target))})
        np.testing.assert_allclose(affine.centre, [0.5, -3 + expected])
        np.testing.assert_array_equal(affine.factor, np.eye(2))


def test_cores_change_nothing_but_the_time() -> None:
    data, spec = small_config(30).model_data, ModelSpec(lag_max=2)
    run = Sampling(draws=30, tune=250, chains=3, random_seed=2)
    engine = get_engine("bayesian")
    one, two = (engine.fit(data, spec, run, False, cores).posterior for cores in (1, 2))
    xr.testing.assert_identical(one.drop_attrs(), two.drop_attrs())
