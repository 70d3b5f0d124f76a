"""A client's table as labelled arrays, normalised once at the boundary.

Everything behind this point works on :class:`ModelData` and never sees a DataFrame of the user's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.arrays import over_regions
from pymc_toolkit.names import CHANNEL, CONTROL, DATA_VARIABLES, DATE, GEO
from pymc_toolkit.scalers import Scaler

_SCALER_PARTS = ("center", "scale")


@dataclass(frozen=True)
class ModelData:
    """One client's series in original units, with the scalers that the model uses on them.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables ``target`` (date[, geo]), ``media`` (date[, geo], channel) and ``controls``
        (date[, geo], control), sorted by date.
    scalers : Mapping of str to Scaler
        One for each variable of the data set.
    frequency : str
        pandas offset alias of the dates: ``D``, ``W-MON`` … ``W-SUN`` or ``MS``.
    """

    dataset: xr.Dataset
    scalers: Mapping[str, Scaler]
    frequency: str

    @property
    def dates(self) -> pd.DatetimeIndex:
        """First day of each period."""
        return pd.DatetimeIndex(self.dataset.indexes[DATE])

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return self.dataset.sizes[DATE]

    @property
    def channels(self) -> list[str]:
        """Channel names, in the user's order."""
        return [str(name) for name in self.dataset[CHANNEL].values]

    @property
    def controls(self) -> list[str]:
        """Control names, in the user's order."""
        return [str(name) for name in self.dataset[CONTROL].values]

    @property
    def is_panel(self) -> bool:
        """Whether there is more than one region."""
        return GEO in self.dataset.dims

    def scaled(self, variable: str) -> xr.DataArray:
        """A variable as the model sees it."""
        return self.scalers[variable].transform(self.dataset[variable])

    def scale(self, variable: str) -> xr.DataArray:
        """Size of one scaled unit of a variable, in original units."""
        return self.scalers[variable].scale

    def total(self) -> ModelData:
        """The panel as one series: sums of target and media, means of controls.

        What has no regions is returned as it is. Nothing is fitted to the sums, so that they can
        hold periods that a model must not have seen: their scalers leave everything as it is.
        """
        if not self.is_panel:
            return self
        sums = over_regions(self.dataset[["target", "media"]])
        dataset = sums.assign(controls=self.dataset["controls"].mean(GEO))
        scalers = {name: Scaler.fit(dataset[name], "none", name) for name in self.scalers}
        return replace(self, dataset=dataset, scalers=scalers)

    def regions(self) -> dict[str, ModelData]:
        """Each region of a panel as a series of its own, with its scalers."""
        return {
            str(name): replace(
                self,
                dataset=self.dataset.isel({GEO: i}, drop=True),
                scalers={role: scaler.of_region(i) for role, scaler in self.scalers.items()},
            )
            for i, name in enumerate(self.dataset[GEO].values)
        }

    def window(self, start: int | None, stop: int | None) -> ModelData:
        """The periods from ``start`` up to ``stop``, with the same scalers."""
        return replace(self, dataset=self.dataset.isel({DATE: slice(start, stop)}))

    def rescaled(self) -> ModelData:
        """The same periods with scalers of the same methods fitted to them alone.

        A column that is all zero in these periods keeps the unit that it has.
        """
        scalers = {
            name: Scaler.fit(self.dataset[name], scaler.method, name).with_units_of(
                scaler, where=self.empty(name)
            )
            for name, scaler in self.scalers.items()
        }
        return replace(self, scalers=scalers)

    def with_units_of(self, earlier: ModelData) -> ModelData:
        """The same periods on the scales of an earlier window, where that knew them."""
        scalers = {
            name: scaler.with_units_of(self.scalers[name], where=earlier.empty(name))
            for name, scaler in earlier.scalers.items()
        }
        return replace(self, scalers=scalers)

    def empty(self, variable: str) -> xr.DataArray:
        """Whether each column of a variable is all zero."""
        return (self.dataset[variable] == 0).all(DATE)

    @property
    def dark_channels(self) -> list[str]:
        """Channels that were never on air, of which these periods can say nothing."""
        dark = self.empty("media")
        if self.is_panel:
            dark = dark.all(GEO)
        return [str(name) for name in dark[CHANNEL].values[dark.values]]

    def followed_by(self, future: ModelData) -> ModelData:
        """These periods and then those of another window, with the scalers of these."""
        joined = xr.concat([self.dataset, future.dataset], dim=DATE, join="exact")
        return replace(self, dataset=joined)

    def launches(self, later: ModelData) -> list[str]:
        """Channels that another window has on air and that these periods never had."""
        dark = set(later.dark_channels)
        return [name for name in self.dark_channels if name not in dark]

    def next_dates(self, periods: int) -> pd.DatetimeIndex:
        """The dates that follow the last one."""
        following = pd.date_range(self.dates[-1], periods=periods + 1, freq=self.frequency)
        return following[1:]

    def to_arrays(self) -> xr.Dataset:
        """The series together with the scalers, as one data set that a file can hold."""
        scalers = {
            f"{name}_{part}": getattr(scaler, part).assign_attrs(method=scaler.method)
            for name, scaler in self.scalers.items()
            for part in _SCALER_PARTS
        }
        return self.dataset.assign(scalers)

    @classmethod
    def from_arrays(cls, arrays: xr.Dataset, frequency: str) -> ModelData:
        """The series and scalers that :meth:`to_arrays` put together."""
        scalers = {}
        for name in DATA_VARIABLES:
            center, scale = (arrays[f"{name}_{part}"] for part in _SCALER_PARTS)
            scalers[name] = Scaler(scale.attrs["method"], center, scale)
        return cls(arrays[list(DATA_VARIABLES)], scalers, frequency)

    def digest(self) -> str:
        """SHA-256 of the dates, names and values: the provenance of a fit."""
        digest = hashlib.sha256()
        # As text: the resolution of timestamps may change on the way through a file.
        labels = [list(self.dates.strftime("%Y-%m-%dT%H:%M:%S"))]
        for name in (*([GEO] if self.is_panel else []), CHANNEL, CONTROL):
            labels.append([str(label) for label in self.dataset[name].values])
        digest.update(json.dumps(labels).encode())
        for name in DATA_VARIABLES:
            digest.update(np.ascontiguousarray(self.dataset[name].values, dtype="<f8").tobytes())
            for part in (self.scalers[name].center, self.scalers[name].scale):
                digest.update(np.ascontiguousarray(part.values, dtype="<f8").tobytes())
        return digest.hexdigest()


def to_dataset(
    table: pd.DataFrame,
    target: str,
    date: str,
    channels: list[str],
    controls: list[str],
    geo: str | None = None,
) -> xr.Dataset:
    """Turn a checked table into labelled arrays.

    Parameters
    ----------
    table : pandas.DataFrame
        Checked and sorted by :mod:`pymc_toolkit.validation`: real timestamps, finite numbers,
        one row a date (and region).
    target, date : str
        Column names.
    channels, controls : list of str
        Column names.
    geo : str, optional
        Column that names the region of a row.

    Returns
    -------
    xarray.Dataset
    """
    dates = pd.DatetimeIndex(table[date].drop_duplicates())
    # to_numpy: a named index would bring its own dim along.
    coords: dict[str, object] = {DATE: dates.to_numpy()}
    shape: tuple[int, ...] = (len(dates),)
    dims: tuple[str, ...] = (DATE,)
    if geo is not None:
        regions = table[geo].drop_duplicates().astype(str).to_list()
        coords[GEO] = regions
        shape, dims = (len(dates), len(regions)), (DATE, GEO)

    def block(columns: list[str]) -> np.ndarray:
        return table[columns].to_numpy(dtype=float).reshape(*shape, len(columns))

    return xr.Dataset(
        {
            "target": (dims, table[target].to_numpy(dtype=float).reshape(shape)),
            "media": ((*dims, CHANNEL), block(channels)),
            "controls": ((*dims, CONTROL), block(controls)),
        },
        coords={**coords, CHANNEL: channels, CONTROL: np.array(controls, dtype=str)},
    )


def to_table(dataset: xr.Dataset, target: str, date: str, geo: str | None = None) -> pd.DataFrame:
    """Turn labelled arrays back into a table, the inverse of :func:`to_dataset`.

    Parameters
    ----------
    dataset : xarray.Dataset
    target, date : str
        Column names.
    geo : str, optional
        Name of the column of regions.

    Returns
    -------
    pandas.DataFrame
        Date, region, target, channels, controls; one row a date (and region).
    """
    rows = dataset["target"].to_dataframe(name="target").reset_index()
    rows = rows.rename(columns={DATE: date, "target": target, **({GEO: geo} if geo else {})})
    for variable, dim in (("media", CHANNEL), ("controls", CONTROL)):
        names = [str(name) for name in dataset[dim].values]
        rows[names] = dataset[variable].values.reshape(len(rows), len(names))
    keys = [date, *([geo] if geo else [])]
    return rows[[*keys, *rows.columns.drop(keys)]]
