"""One client: the table, the role of each column, and the scalers."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit import dates, validation
from pymc_toolkit.arrays import Array
from pymc_toolkit.costs import checked_costs
from pymc_toolkit.exceptions import ColumnError, DataError, SpecificationError
from pymc_toolkit.model_data import ModelData, to_dataset, to_table
from pymc_toolkit.model_spec import flag
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, GEO
from pymc_toolkit.scalers import Scaler, check_method

logger = logging.getLogger(__name__)

# How log lines and errors call the variables of the data set.
_ROLES = {"target": "Target", "media": "Channel", "controls": "Control"}
_STORED = (
    "target_name",
    "date_column",
    "channel_names",
    "control_names",
    "client_name",
    "geo_column",
    "scale_data",
    "scaling_methods",
    "cost_per_unit",
    "target_is_money",
    "known_columns",
)


class ClientConfig:
    """One client's checked data, column roles and scalers.

    The table is copied and checked on the way in; the caller's DataFrame is never changed.

    Parameters
    ----------
    client_data : pandas.DataFrame
        One row a period (and region), with a date column of text or timestamps: daily, weekly or
        first-of-month.
    target_name : str
        Column that media should move, in any unit.
    date_column : str
    channel_names : sequence of str
        Spend or exposure columns, zero or above.
    control_names : sequence of str, optional
        Other drivers: events, prices, emails.
    client_name : str
        Shown in logs and reports.
    scale_data : bool
        False leaves every column as it is.
    geo_column : str, optional
        Column that names the region of a row; every region needs every date.
    target_scaler, channel_scaler, control_scaler : str
        ``max_abs`` or ``none``; for controls also ``min_max`` and ``standard``.
    cost_per_unit : Mapping of str to float or None, optional
        For channels that are not money: what one unit cost; None for a channel that was not bought
        (organic), which then has no ROI.
    target_is_money : bool
        Whether the target is in the currency of the spend, so that an ROI of 1 is break-even.

    Raises
    ------
    DataError, ColumnError
        If the table cannot be used as it is; the message says why.
    SpecificationError
        If an option is unknown.

    Examples
    --------
    >>> from pymc_toolkit.simulate import simulate_client
    >>> client = simulate_client(n_periods=30, n_channels=2)
    >>> config = ClientConfig(client.data, "revenue", "date_week", client.channel_names)
    >>> config.model_data.n_periods
    30
    """

    def __init__(
        self,
        client_data: pd.DataFrame,
        target_name: str,
        date_column: str,
        channel_names: Sequence[str],
        control_names: Sequence[str] | None = None,
        client_name: str = "client0",
        scale_data: bool = True,
        geo_column: str | None = None,
        target_scaler: str = "max_abs",
        channel_scaler: str = "max_abs",
        control_scaler: str = "max_abs",
        cost_per_unit: Mapping[str, float | None] | None = None,
        target_is_money: bool = True,
    ) -> None:
        (self.target_name,) = _names("target_name", [target_name])
        (self.date_column,) = _names("date_column", [date_column])
        self.channel_names = _names("channel_names", channel_names)
        self.control_names = _names("control_names", [] if control_names is None else control_names)
        self.client_name = client_name
        self.geo_column = geo_column
        self.scale_data = flag("scale_data", scale_data)
        self.target_is_money = flag("target_is_money", target_is_money)
        self.scaling_methods = {
            "target": target_scaler if scale_data else "none",
            "media": channel_scaler if scale_data else "none",
            "controls": control_scaler if scale_data else "none",
        }
        for role, method in self.scaling_methods.items():
            check_method(method, role)
        if not self.channel_names:
            raise SpecificationError("Got no channel_names; expected at least one channel.")
        self.cost_per_unit = checked_costs(cost_per_unit or {}, self.channel_names)
        self.table, self.model_data = self._read(client_data)
        self._log_scalers()
        self.known_columns = [str(column) for column in client_data.columns]
        logger.info("Client data loaded for '%s' with %d rows.", client_name, len(self.table))

    @property
    def key_columns(self) -> list[str]:
        """Columns that tell one row from another: the date, and the region where there are any."""
        return [self.date_column, *([self.geo_column] if self.geo_column else [])]

    @property
    def used_columns(self) -> list[str]:
        """Columns that the model reads, the target included."""
        return [
            *self.key_columns,
            self.target_name,
            *self.channel_names,
            *self.control_names,
        ]

    @property
    def _numeric(self) -> list[str]:
        return [self.target_name, *self.channel_names, *self.control_names]

    def channels(self, scaled: bool = True) -> xr.DataArray:
        """Media by date (and region) and channel, scaled or in original units."""
        return self._variable("media", "channels", scaled)

    def controls(self, scaled: bool = True) -> xr.DataArray:
        """Controls by date (and region) and control, scaled or in original units."""
        return self._variable("controls", "controls", scaled)

    def target(self, scaled: bool = False) -> xr.DataArray:
        """Target by date (and region), in original units or scaled."""
        return self._variable("target", "target variable", scaled)

    def covariates(self) -> pd.DataFrame:
        """Dates, scaled channels and scaled controls as the model sees them.

        Returns
        -------
        pandas.DataFrame of shape (periods, 1 + channels + controls)
            One row a period; for a client with regions one row a period and region, with the
            column of regions after that of dates.
        """
        media = _rows(self.channels(scaled=True), CHANNEL)
        controls = _rows(self.controls(scaled=True), CONTROL)
        frame = pd.DataFrame(
            np.hstack([media, controls]), columns=[*self.channel_names, *self.control_names]
        )
        for position, (name, values) in enumerate(self.table[self.key_columns].items()):
            frame.insert(position, name, values.to_numpy())
        logger.info("Covariates DataFrame constructed with shape %s.", frame.shape)
        return frame

    def inverse_scaler(self, variable: str) -> Callable[[xr.DataArray], xr.DataArray]:
        """Function that brings scaled values of ``target``, ``media`` or ``controls`` back.

        Raises
        ------
        SpecificationError
            For any other name.
        """
        if variable not in self.model_data.scalers:
            raise SpecificationError(
                f"Got {variable!r}; expected one of {', '.join(map(repr, _ROLES))}."
            )
        logger.info("Inverse scaler function for '%s' returned.", variable)
        return self.model_data.scalers[variable].inverse

    def future(self, new_data: pd.DataFrame) -> ModelData:
        """Check a table of periods that follow the client's own, without a target needed.

        Parameters
        ----------
        new_data : pandas.DataFrame
            The date, channel and control columns (the target column is ignored), from the period
            right after the last known one, without gaps.

        Returns
        -------
        ModelData
            With the client's scalers; its target is not a number.

        Raises
        ------
        DataError, ColumnError
            For missing or extra columns, overlapping or gapped dates, and everything that is
            refused of a client's table.
        """
        self._check_is_table(new_data)
        needed = [name for name in self.used_columns if name != self.target_name]
        validation.check_new_columns(new_data.columns, needed, self.known_columns)
        validation.check_columns(new_data, self._roles(with_target=False))
        table = self._clean(new_data, [*self.channel_names, *self.control_names])
        if self.geo_column:
            known = self.model_data.dataset[GEO].values
            validation.check_regions(table, self.date_column, self.geo_column, known)
        validation.check_not_negative(table[self.channel_names])
        dates.check_follows(
            pd.DatetimeIndex(table[self.date_column].drop_duplicates()),
            self.model_data.dates[-1],
            self.model_data.frequency,
        )
        table[self.target_name] = np.nan
        future = ModelData(self._dataset(table), self.model_data.scalers, self.model_data.frequency)
        launched = self.model_data.launches(future)
        if launched:
            raise DataError(
                f"Got spend on {', '.join(map(repr, launched))}, never on air in the "
                "training window; expected channels that the model has seen. Refresh the model "
                "with periods in which they were on air, or plan them at zero."
            )
        return future

    def refreshed(self, new_data: pd.DataFrame, rescale: bool = False) -> ClientConfig:
        """A client with further periods, and with old ones restated where the new table has them.

        Parameters
        ----------
        new_data : pandas.DataFrame
            Every column that the model reads, for new periods and for those to restate.
        rescale : bool
            Whether to fit the scalers anew; by default a scaled unit stays what it was.

        Returns
        -------
        ClientConfig
            A new one; this one is left as it was.

        Raises
        ------
        DataError, ColumnError
            As for a new client; also for columns that the client's table does not have, and for
            regions that are new where scales are kept.
        """
        self._check_is_table(new_data)
        validation.check_new_columns(new_data.columns, self.used_columns, self.known_columns)
        validation.check_columns(new_data, self._roles())
        table = self._clean(new_data, self._numeric)
        keys = self.key_columns
        joined = pd.concat([self.table, table[self.used_columns]], ignore_index=True)
        joined = joined.drop_duplicates(keys, keep="last").sort_values(keys, ignore_index=True)
        if self.geo_column and not rescale:
            # A region that is new has no scale to keep.
            regions = self.model_data.dataset[GEO].values
            validation.check_regions(joined, self.date_column, self.geo_column, regions)
        client = copy.copy(self)
        client.table, client.model_data = client._read(joined)
        if rescale:
            client._log_scalers()
        else:
            client.model_data = client.model_data.with_units_of(self.model_data)
        logger.info(
            "Client data of '%s' refreshed: %d rows, %d of them new.",
            self.client_name,
            len(client.table),
            len(client.table) - len(self.table),
        )
        return client

    def to_dict(self) -> dict[str, Any]:
        """Names, roles and options as plain values; the data are in ``model_data``."""
        return {name: getattr(self, name) for name in _STORED}

    @classmethod
    def restore(cls, values: Mapping[str, Any], data: ModelData) -> ClientConfig:
        """A client from what :meth:`to_dict` gave, and its data.

        Parameters
        ----------
        values : Mapping
        data : ModelData
        """
        client = object.__new__(cls)
        for name in _STORED:
            setattr(client, name, values[name])
        client.model_data = data
        client.table = to_table(
            data.dataset, client.target_name, client.date_column, client.geo_column
        )[client.used_columns]
        return client

    def _read(self, table: pd.DataFrame) -> tuple[pd.DataFrame, ModelData]:
        """Check a table; return a clean copy of it and its labelled arrays."""
        validation.check_columns(table, self._roles())
        clean = self._clean(table, self._numeric)
        if self.geo_column:
            validation.check_regions(clean, self.date_column, self.geo_column)
        frequency = dates.infer_frequency(
            pd.DatetimeIndex(clean[self.date_column].drop_duplicates())
        )
        validation.check_target(clean[self.target_name])
        validation.check_not_negative(clean[self.channel_names])
        validation.warn_of_constants(clean[self.channel_names], "Channels")
        validation.warn_of_constants(clean[self.control_names], "Controls")
        dataset = self._dataset(clean)
        scalers = self._fit_scalers(dataset)
        return clean[self.used_columns], ModelData(dataset, scalers, frequency)

    def _clean(self, table: pd.DataFrame, numeric: list[str]) -> pd.DataFrame:
        """A sorted copy of a table with real dates, region names and floats."""
        # Values are checked before rows move, so that errors name the rows of the caller's table.
        clean = table.copy()
        clean[self.date_column] = dates.parse_dates(table[self.date_column])
        if self.geo_column:
            clean[self.geo_column] = validation.parse_regions(table[self.geo_column])
        clean[numeric] = validation.check_numbers(table, numeric)
        return validation.sort_rows(clean, self.date_column, self.geo_column)

    def _fit_scalers(self, dataset: xr.Dataset) -> dict[str, Scaler]:
        return {
            variable: Scaler.fit(dataset[variable], method, variable)
            for variable, method in self.scaling_methods.items()
        }

    def _log_scalers(self) -> None:
        """Say which scalers were fitted; a refresh that keeps its scales has none to name."""
        for variable, scaler in self.model_data.scalers.items():
            if scaler.method == "none":
                logger.info("%s variables left unscaled.", _ROLES[variable])
            else:
                logger.info(
                    "%s variable%s scaled using %s.",
                    _ROLES[variable],
                    "" if variable == "target" else "s",
                    scaler.label,
                )

    def _dataset(self, table: pd.DataFrame) -> xr.Dataset:
        return to_dataset(
            table,
            self.target_name,
            self.date_column,
            self.channel_names,
            self.control_names,
            self.geo_column,
        )

    def _variable(self, variable: str, called: str, scaled: bool) -> xr.DataArray:
        logger.info("Returning %s in %s.", called, "scaled form" if scaled else "original scale")
        data = self.model_data
        return data.scaled(variable) if scaled else data.dataset[variable]

    def _roles(self, with_target: bool = True) -> dict[str, Sequence[str]]:
        return {
            "date": [self.date_column],
            **({"region": [self.geo_column]} if self.geo_column else {}),
            **({"target": [self.target_name]} if with_target else {}),
            "channel": self.channel_names,
            "control": self.control_names,
        }

    def _check_is_table(self, new_data: Any) -> None:
        validation.check_columns(new_data, {})


def _rows(values: xr.DataArray, columns: str) -> Array:
    """A variable as a table: one row a period (and region)."""
    ordered: Array = values.transpose(DATE, ..., columns).values
    return ordered.reshape(math.prod(ordered.shape[:-1]), ordered.shape[-1])


def _names(argument: str, names: Any) -> list[str]:
    """A list of column names, refusing a bare string (which is a sequence of letters)."""
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else None
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise ColumnError(f"Got {argument}={names!r}; expected column names, as a list of texts.")
    return listed
