"""Read, space and continue a client's dates; what is refused about them, and why."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from pymc_toolkit.columns import (
    is_number,
    shown_dates,
    shown_examples,
    shown_rows,
    without_categories,
)
from pymc_toolkit.exceptions import DataError, SpecificationError


def parse_dates(column: pd.Series) -> pd.Series:
    """Read a column of dates, as text or timestamps.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    pandas.Series of datetime64
        Without time of day and time zone; always of the same resolution.

    Raises
    ------
    DataError
        If a value is missing, a number, or cannot be read as a date, or if text can be read both
        as month first and as day first.
    """
    name = column.name
    if column.isna().any():
        raise DataError(
            f"Got no date in {shown_rows(column.isna())} of {name!r}; expected a date in every row."
        )
    column = without_categories(column)
    numbers = is_number(column)
    if numbers.any():
        raise DataError(
            f"Got numbers such as {column[numbers].iloc[0]} in date column {name!r}; expected "
            "dates such as '2024-01-01'. Convert them with pandas.to_datetime and the right "
            "format first."
        )
    dates = _read_dates(column)
    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_localize(None)
    return dates.dt.normalize().dt.as_unit("us")


def _read_dates(column: pd.Series) -> pd.Series:
    """The one reading of a column that makes every value a date."""
    name = column.name
    year_first = column.astype(str).str.match(r"\d{4}").all()
    try:
        with warnings.catch_warnings():
            # pandas warns about day-first text; both readings are tried here.
            warnings.simplefilter("ignore", UserWarning)
            readings = [
                pd.to_datetime(column, errors="coerce", dayfirst=day_first)
                for day_first in ((False,) if year_first else (False, True))
            ]
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"Got {shown_examples(column)} in date column {name!r}, which cannot be read as dates "
            f"({error}); expected dates such as '2024-01-01' in one time zone."
        ) from error
    unread = min((reading.isna() for reading in readings), key=lambda mask: mask.sum())
    if unread.any():
        raise DataError(
            f"Got {shown_examples(column[unread])} in date column {name!r}, which cannot be read "
            "as dates of one format; expected dates such as '2024-01-01' throughout."
        )
    complete = [reading for reading in readings if reading.notna().all()]
    if not complete[0].equals(complete[-1]):
        raise DataError(
            f"Got {shown_examples(column)} in date column {name!r}, which can be read with the "
            "month first and with the day first; expected dates such as '2024-01-31'. Convert them "
            "with pandas.to_datetime and the right format first."
        )
    return complete[0]


def infer_frequency(dates: pd.DatetimeIndex) -> str:
    """Find the spacing of sorted, distinct dates: daily, weekly or the start of each month.

    Parameters
    ----------
    dates : pandas.DatetimeIndex

    Returns
    -------
    str
        ``D``, ``W-MON`` … ``W-SUN`` or ``MS``.

    Raises
    ------
    DataError
        If there are fewer than three dates, a gap, or another spacing.

    Examples
    --------
    >>> infer_frequency(pd.date_range("2024-01-01", periods=5, freq="7D"))
    'W-MON'
    """
    if len(dates) < 3:
        raise DataError(f"Got {len(dates)} dates; expected at least 3 to tell their spacing.")
    steps = pd.Series(np.diff(dates.to_numpy())).dt.days
    usual = int(steps.mode().iloc[0])
    if usual == 1:
        frequency = "D"
    elif usual == 7:
        weekday = pd.Series(dates.day_name()).mode().iloc[0]
        frequency = f"W-{weekday[:3].upper()}"
    elif 28 <= usual <= 31 and (dates.day == 1).all():
        frequency = "MS"
    else:
        raise DataError(
            f"Got dates that are mostly {usual} days apart (from {dates[0].date()}); expected "
            "daily, weekly, or first-of-month dates. Resample the table to one of these"
            + (", or move each date to the first of its month." if 28 <= usual <= 31 else ".")
        )
    expected = pd.date_range(dates[0], dates[-1], freq=frequency)
    # Strays first: a row on the wrong day also leaves a hole, which zeros should not fill.
    stray = dates.difference(expected)
    if len(stray):
        raise DataError(
            f"Got dates off the {frequency} rhythm: {shown_dates(stray.to_series())}; expected "
            "evenly spaced periods. Move them onto the rhythm or resample the table."
        )
    missing = expected.difference(dates)
    if len(missing):
        raise DataError(
            f"Got a gap: no row for {shown_dates(missing.to_series())}; expected every period "
            f"({frequency}). Add the rows (with zeros where nothing was spent)."
        )
    return frequency


def check_follows(new: pd.DatetimeIndex, last: pd.Timestamp, frequency: str) -> None:
    """Refuse new dates that do not start right after the last known one.

    Parameters
    ----------
    new : pandas.DatetimeIndex
        Sorted.
    last : pandas.Timestamp
    frequency : str

    Raises
    ------
    DataError
        If they overlap with what is known, or leave a gap.
    """
    overlap = new[new <= last]
    if len(overlap):
        raise DataError(
            f"Got {shown_dates(overlap.to_series())} in the new data, which overlaps the training "
            f"window (to {last.date()}); expected later dates only. Call predict() without data "
            "for the training window."
        )
    expected = pd.date_range(last, periods=len(new) + 1, freq=frequency)[1:]
    if not new.equals(expected):
        missing = expected.difference(new)
        raise DataError(
            f"Got new data from {new[0].date()} to {new[-1].date()} without "
            f"{shown_dates(missing.to_series())}; expected every period ({frequency}) from "
            f"{expected[0].date()} on. Add the periods between."
        )


def season_length(frequency: str) -> int:
    """Number of periods in a year, whole weeks where the data are daily.

    Examples
    --------
    >>> season_length("W-MON"), season_length("MS"), season_length("D")
    (52, 12, 364)
    """
    return {"D": 364, "MS": 12}.get(frequency, 52)


def check_seasonality(harmonics: int | None, frequency: str) -> None:
    """Refuse more waves of a year than its periods can tell apart.

    Parameters
    ----------
    harmonics : int, optional
    frequency : str

    Raises
    ------
    SpecificationError
    """
    most = season_length(frequency) // 2
    if harmonics and harmonics > most:
        raise SpecificationError(
            f"Got yearly_seasonality={harmonics}; expected at most {most}, half of the periods in "
            f"a year ({frequency})."
        )


def period_name(frequency: str) -> str:
    """What one period is called.

    Examples
    --------
    >>> period_name("W-MON"), period_name("MS"), period_name("D")
    ('week', 'month', 'day')
    """
    return {"D": "day", "MS": "month"}.get(frequency, "week")
