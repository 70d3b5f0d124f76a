"""A range of days that a user asks about, as periods of a client's window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.dates import parse_dates
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE

# First and last day, either of them open.
Dates = tuple[Any, Any]


def periods_between(data: ModelData, dates: Dates | None) -> xr.DataArray:
    """Which periods begin between two days.

    Parameters
    ----------
    data : ModelData
    dates : tuple of date-like or None, optional
        First and last day, inclusive: ISO text or timestamps, None for an open end. All periods
        by default.

    Returns
    -------
    xarray.DataArray of bool
        With dim date.

    Raises
    ------
    SpecificationError
        If they are no dates, in the wrong order, outside the window, or without a period.
    """
    first, last = _days(dates)
    start, end = data.dates[0], data.next_dates(1)[0] - pd.Timedelta(days=1)
    first, last = start if first is None else first, end if last is None else last
    window = f"the window from {start.date()} to {end.date()}"
    asked = f"Got dates from {first.date()} to {last.date()}"
    if first > last:
        raise SpecificationError(f"{asked}; expected the first day before the last. Swap them.")
    if first < start or last > end:
        raise SpecificationError(
            f"{asked}; expected days within {window}. Use None for an end that is to stay open."
        )
    between = (data.dates >= first) & (data.dates <= last)
    if not between.any():
        raise SpecificationError(
            f"{asked}, in which no period begins; expected at least one of {window}. Make the "
            "range longer."
        )
    return xr.DataArray(between, {DATE: data.dataset[DATE]}, DATE)


def _days(dates: Dates | None) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    try:
        first, last = (None, None) if dates is None else dates
        return _day(first), _day(last)
    except (TypeError, ValueError) as error:
        raise SpecificationError(
            f"Got dates={dates!r}; expected the first and the last day, such as "
            "('2024-01-01', '2024-06-30'), or None in place of either."
        ) from error


def _day(value: Any) -> pd.Timestamp | None:
    if value is None:
        return None
    if np.ndim(value):
        raise DataError(f"Got {value!r}; expected one date.")
    return pd.Timestamp(parse_dates(pd.Series([value], name=DATE)).iloc[0])
