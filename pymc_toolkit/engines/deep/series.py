"""A client's series as the networks read them, and their parts on the package's scaled data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.scaling import centre_and_spread
from pymc_toolkit.engines.deep.training import Panel
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, GEO, SAMPLE

# Parts of the prediction by the names that the networks and the package give them.
_PARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "baseline": ("baseline", ()),
    "seasonality": ("seasonal_contribution", ()),
    "channels": ("contributions", (CHANNEL,)),
    "controls": ("control_contributions", (CONTROL,)),
}


@dataclass(frozen=True)
class Levels:
    """What is usual in the training window.

    Parameters
    ----------
    target : ndarray of shape (region,)
        Mean of each region's target, on the package's scaled data: the networks' unit.
    media : ndarray of shape (region, channel)
        What to divide the package's scaled media by: one, but where a channel was never on air in
        a region. There it is what is usual in the others, since a unit of its own is not known.
    control_centre, control_spread : ndarray of shape (control,)
        Over all regions, in original units: a region's own values may hardly move in training, and
        in units of that small spread what comes after it would be far off.
    """

    target: Array
    media: Array
    control_centre: Array
    control_spread: Array

    @classmethod
    def of(cls, training: ModelData) -> Levels:
        """Those of a window."""
        controls = _by_region(training.dataset["controls"])
        return cls(
            _by_region(training.scaled("target")).mean(axis=1),
            _units(training),
            *centre_and_spread(np.concatenate(controls)),
        )


def panel_of(data: ModelData, levels: Levels, settings: DeepSettings, training: int) -> Panel:
    """A window as the networks read it.

    Parameters
    ----------
    data : ModelData
        The training window, optionally followed by later periods.
    levels : Levels
        Of the training window.
    settings : DeepSettings
    training : int
        Number of its periods.

    Returns
    -------
    Panel
        With a target of zero where none is known.
    """
    controls = _by_region(data.dataset["controls"]) - levels.control_centre
    controls = controls / levels.control_spread
    if settings.control_clip is not None:
        controls = controls.clip(-settings.control_clip, settings.control_clip)
    target = np.nan_to_num(_by_region(data.scaled("target"))) / levels.target[:, None]
    # The last turning point of the baseline is one spacing before the end of training.
    spacing, knots = settings.baseline_knot_weeks, settings.baseline_knots
    start = knots * spacing - (training - spacing) if knots else 0
    return Panel(
        _tensor(_by_region(data.scaled("media")) / levels.media[:, None]),
        _tensor(controls),
        torch.arange(len(target)),
        _tensor(target),
        float(start),
    )


def components_of(
    outputs: Mapping[str, Tensor], data: ModelData, levels: Levels, settings: DeepSettings
) -> xr.Dataset:
    """Parts of the prediction on the package's scaled data, one draw a member.

    Parameters
    ----------
    outputs : Mapping of str to Tensor
        Of an ensemble.
    data : ModelData
    levels : Levels
    settings : DeepSettings

    Returns
    -------
    xarray.Dataset
        Dims chain, draw, date, geo (of a panel) and their own.
    """
    present = {
        name: part
        for name, part in _PARTS.items()
        if (name != "controls" or data.controls)
        and (name != "seasonality" or settings.seasonal_harmonics)
    }
    parts = {}
    for name, (output, own) in present.items():
        values = outputs[output].double().cpu().numpy()
        sized = values * levels.target.reshape(-1, *[1] * (values.ndim - 2))
        moved = np.swapaxes(sized, 1, 2)[None]
        dims = (*SAMPLE, DATE, GEO, *own) if data.is_panel else (*SAMPLE, DATE, *own)
        parts[name] = (dims, moved if data.is_panel else moved[:, :, :, 0])
    coords = {dim: data.dataset[dim] for dim in (DATE, CHANNEL)}
    if data.controls:
        coords[CONTROL] = data.dataset[CONTROL]
    if data.is_panel:
        coords[GEO] = data.dataset[GEO]
    members = len(outputs["baseline"])
    return xr.Dataset(parts, coords={"chain": [0], "draw": range(members), **coords})


def _units(training: ModelData) -> Array:
    """What to divide scaled media by, of shape (region, channel)."""
    highest = _by_region(training.dataset["media"]).max(axis=1)
    units = np.ones_like(highest)
    seen = highest > 0
    usual = highest.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    # A channel that was never on air anywhere keeps the package's unit.
    fill = ~seen & (usual > 0)
    scale = training.scale("media")
    scales = scale.values if training.is_panel else scale.values[None]
    return np.where(fill, usual / scales, units)


def _by_region(values: xr.DataArray) -> Array:
    """A variable as an array of shape (region, period, ...), of one region where it has none."""
    by_region = values if GEO in values.dims else values.expand_dims(GEO)
    found: Array = by_region.transpose(GEO, DATE, ...).values
    return found


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(torch.get_default_dtype())
