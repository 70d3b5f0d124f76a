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
    """What is usual in the training window, on the package's scaled data.

    Parameters
    ----------
    target : ndarray of shape (region,)
        Mean of each region's target: the networks' unit.
    control_mean, control_sd : ndarray of shape (control,)
        The networks read controls as distances to the mean in standard deviations.
    """

    target: Array
    control_mean: Array
    control_sd: Array

    @classmethod
    def of(cls, training: ModelData) -> Levels:
        """Those of a window."""
        controls = _values(training, "controls")
        flat = controls.reshape(-1, controls.shape[-1])
        sd = flat.std(axis=0)
        return cls(
            _values(training, "target").mean(axis=1),
            flat.mean(axis=0),
            np.where(sd > 1e-12 * np.abs(flat).max(axis=0, initial=0), sd, 1.0),
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
    controls = (_values(data, "controls") - levels.control_mean) / levels.control_sd
    target = np.nan_to_num(_values(data, "target")) / levels.target[:, None]
    # The last turning point of the baseline is one spacing before the end of training.
    spacing, knots = settings.baseline_knot_weeks, settings.baseline_knots
    start = knots * spacing - (training - spacing) if knots else 0
    return Panel(
        _tensor(_values(data, "media")),
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


def _values(data: ModelData, variable: str) -> Array:
    """A variable on the package's scaled data, of shape (region, period, ...)."""
    scaled = data.scaled(variable)
    if not data.is_panel:
        scaled = scaled.expand_dims(GEO)
    values: Array = scaled.transpose(GEO, DATE, ...).values
    return values


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(torch.get_default_dtype())
