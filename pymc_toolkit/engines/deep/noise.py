"""What a fit leaves unexplained, and how far the level may drift after training.

Errors and drift have a part that all regions share, which does not average out in their sum, and a
part of each region's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.training import Panel
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHAIN, DATE, DRAW, GEO, SAMPLE

SIGMA, SHARED_SIGMA = "y_sigma", "y_shared_sigma"
DRIFT, SHARED_DRIFT = "level_drift", "level_shared_drift"
# Draws of observations that are made around an ensemble, however few its members.
_DRAWS = 500
_LEAST = 1e-6


def leftovers(
    predictions: Array, baseline: Array, panel: Panel, settings: DeepSettings
) -> dict[str, Array]:
    """Standard deviations of errors and of the baseline's drift, in units of a region's level.

    Parameters
    ----------
    predictions, baseline : ndarray of shape (member, region, period)
        In training.
    panel : Panel
    settings : DeepSettings

    Returns
    -------
    dict of str to ndarray
        ``y_sigma`` and ``level_drift`` (member, region), ``y_shared_sigma`` and
        ``level_shared_drift`` (member,), which are zero for a single region.
    """
    # Around the ensemble's mean: how far its members are apart is in their own draws already.
    middle = panel.target.double().numpy() - predictions.mean(axis=0)
    errors = np.broadcast_to(middle, predictions.shape)
    periods = errors.shape[-1]
    own, shared = _apart(errors)
    # As many degrees of freedom as numbers that follow each region; at most half of the periods.
    followed = 2 + settings.baseline_knots + 2 * settings.seasonal_harmonics
    factor = np.sqrt(periods / (periods - min(followed, periods / 2)))
    spacing = settings.baseline_knot_weeks
    found = {
        SIGMA: factor * own.std(axis=-1),
        SHARED_SIGMA: factor * shared.std(axis=-1),
        DRIFT: np.zeros(own.shape[:2]),
        SHARED_DRIFT: np.zeros(len(shared)),
    }
    if settings.baseline_knots and periods > spacing:
        own, shared = _apart(baseline[..., spacing:] - baseline[..., :-spacing])
        found[DRIFT] = np.sqrt((own**2).mean(axis=-1) / spacing)
        found[SHARED_DRIFT] = np.sqrt((shared**2).mean(axis=-1) / spacing)
    return found


def as_variables(found: Mapping[str, Array], level: Array, panel: bool) -> dict[str, xr.Variable]:
    """Leftovers as posterior variables on the package's scaled data.

    Parameters
    ----------
    found : Mapping of str to ndarray
        From :func:`leftovers`.
    level : ndarray of shape (region,)
    panel : bool
        Whether there are regions.

    Returns
    -------
    dict of str to xarray.Variable
        Those of single regions with dims chain, draw and geo; the shared ones, of a panel alone,
        are relative to the regions' levels. Without the drift of a level that does not move.
    """
    # A level that does not move, and what single series do not share, are no parameters.
    moving = (DRIFT,) if found[DRIFT].any() else ()
    shared = (SHARED_SIGMA, *((SHARED_DRIFT,) if moving else ()))
    by_region = {name: np.maximum(found[name], _LEAST) * level for name in (SIGMA, *moving)}
    if not panel:
        return {name: xr.Variable(SAMPLE, values[None, :, 0]) for name, values in by_region.items()}
    return {
        **{name: xr.Variable((*SAMPLE, GEO), values[None]) for name, values in by_region.items()},
        **{name: xr.Variable(SAMPLE, found[name][None]) for name in shared},
    }


def observed(
    posterior: xr.Dataset, expected: xr.DataArray, training: ModelData, level: Array, seed: int
) -> xr.DataArray:
    """Draws of what may be observed around the expected target, on the package's scaled data.

    After the training window the level goes on as a random walk.

    Parameters
    ----------
    posterior : xarray.Dataset
    expected : xarray.DataArray
        Dims chain, draw, date and, of a panel, geo.
    training : ModelData
    level : ndarray of shape (region,)
    seed : int

    Returns
    -------
    xarray.DataArray
        As ``expected``, with one chain and as many draws for each draw of it as make 500 of all.
    """
    rng = np.random.default_rng(seed)
    draws = expected.sizes[CHAIN] * expected.sizes[DRAW]
    times = -(-_DRAWS // draws)
    # Every time a region's, its own dims last: (draw, date[, geo]).
    dims = [dim for dim in (DATE, GEO) if dim in expected.dims]
    flat = expected.stack(sample=SAMPLE).transpose("sample", *dims)
    repeated = np.repeat(flat.values, times, axis=0)
    after = np.asarray(expected[DATE].values > training.dates[-1].to_datetime64())

    def scattered(name: str, walk: bool, shared: bool) -> Array:
        size = posterior[name].stack(sample=SAMPLE).transpose("sample", ...).values
        size = np.repeat(size, times, axis=0)
        size = size.reshape(len(size), 1, *size.shape[1:])
        if GEO in dims and shared:
            size = size[..., None]
        shape = (*repeated.shape[:2], 1) if GEO in dims and shared else repeated.shape
        steps = rng.standard_normal(shape)
        if walk:
            steps = np.cumsum(steps * after.reshape(1, -1, *[1] * (len(shape) - 2)), axis=1)
        drawn: Array = size * steps * (level if shared else 1.0)
        return drawn

    for name, walk, shared in (
        (SIGMA, False, False),
        (DRIFT, True, False),
        (SHARED_SIGMA, False, True),
        (SHARED_DRIFT, True, True),
    ):
        if name in posterior:
            repeated = repeated + scattered(name, walk, shared)
    coords = {CHAIN: [0], DRAW: range(len(repeated)), **{dim: expected[dim] for dim in dims}}
    return xr.DataArray(repeated[None], coords, (CHAIN, DRAW, *dims))


def _apart(values: Array) -> tuple[Array, Array]:
    """What each region has of its own, and what all of them share, over axis 1."""
    if values.shape[1] == 1:
        return values, np.zeros_like(values[:, 0])
    shared = values.mean(axis=1)
    return values - shared[:, None], shared
