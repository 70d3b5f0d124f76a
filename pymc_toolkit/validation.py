"""What is refused about a client's table, and why, before anything is sampled.

Every function takes a table, never changes it, and either returns a clean piece of it or raises an
error that says what was got, what was expected and what to do.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from pymc_toolkit.columns import (
    SHOWN,
    is_number,
    shown_dates,
    shown_examples,
    shown_rows,
    without_categories,
)
from pymc_toolkit.exceptions import (
    ColumnError,
    DataError,
    DataWarning,
    warn_user,
)

# Whole numbers beyond this are not all representable as 64-bit floats.
_LARGEST_EXACT_INTEGER = 2**53
# Periods that must remain to learn from once the longest carry-over has been built up.
_PERIODS_BEYOND_LAG = 10


def check_columns(table: pd.DataFrame, roles: dict[str, Sequence[str]]) -> None:
    """Refuse names that are not in the table, appear twice, or play two roles.

    Parameters
    ----------
    table : pandas.DataFrame
    roles : dict of str to sequence of str
        Column names by role, such as ``{"target": ["y"], "channel": ["tv", "radio"]}``.

    Raises
    ------
    DataError
        If the table is not a DataFrame, or has no rows.
    ColumnError
        If a name is missing (the nearest is suggested), doubled, or has two roles.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"Got client data of type {type(table).__name__}; expected a pandas DataFrame. "
            "Read the file with pandas.read_csv first."
        )
    if table.empty:
        raise DataError(
            f"Got a table with {len(table)} rows and {table.shape[1]} columns; expected one row a "
            "period."
        )
    seen: dict[str, str] = {}
    for role, names in roles.items():
        for name in names:
            if name in seen:
                first = f"as {seen[name]} and" if seen[name] != role else "twice"
                raise ColumnError(
                    f"Got {name!r} {first} as {role}; expected each column once. Decide on one "
                    "role for it."
                )
            seen[name] = role
            _check_in_table(table, name, role)


def _check_in_table(table: pd.DataFrame, name: str, role: str) -> None:
    count = int((table.columns == name).sum())
    if count == 1:
        return
    if count > 1:
        raise ColumnError(
            f"Got {count} columns named {name!r} in the table; expected one. Rename the others."
        )
    if name is not None and name in table.index.names:
        raise ColumnError(
            f"Got {role} {name!r}, which is the index of the table; expected a column. Call "
            "reset_index() on the table first."
        )
    columns = [str(column) for column in table.columns]
    near = difflib.get_close_matches(str(name), columns, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else f" The table has {', '.join(columns)}."
    raise ColumnError(f"Got {role} {name!r}, which is not a column of the table.{hint}")


def parse_regions(column: pd.Series) -> pd.Series:
    """Read a column of region names as text.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    pandas.Series of str

    Raises
    ------
    DataError
        If a name is missing.
    """
    if column.isna().any():
        raise DataError(
            f"Got no region in {shown_rows(column.isna())} of {column.name!r}; expected a name in "
            "every row."
        )
    return column.astype(str)


def sort_rows(table: pd.DataFrame, date: str, geo: str | None) -> pd.DataFrame:
    """Sort rows by date (and region), with a warning if they were not; refuse doubled dates.

    A table that holds one region after the other, each in order, counts as sorted.

    Parameters
    ----------
    table : pandas.DataFrame
        With real timestamps in the date column.
    date : str
    geo : str or None

    Returns
    -------
    pandas.DataFrame
        A new table.

    Raises
    ------
    DataError
        If a date occurs twice (in one region).
    """
    keys = [date] if geo is None else [date, geo]
    # The index plays no part, and its name may be that of a column.
    table = table.reset_index(drop=True)
    doubled = table.duplicated(keys, keep=False)
    if doubled.any():
        raise DataError(
            f"Got more than one row for {shown_dates(table.loc[doubled, date])} in {date!r}"
            f"{' and the same region' if geo else ''}; expected one. Sum or drop the doubles."
        )
    series = [table[date]] if geo is None else [rows for _, rows in table.groupby(geo)[date]]
    if not all(dates.is_monotonic_increasing for dates in series):
        warn_user(
            f"The rows were not sorted by {date!r}; they were sorted for the model. Check that the "
            "table is the one you meant.",
            DataWarning,
        )
    return table.sort_values(keys, kind="stable", ignore_index=True)


def check_regions(
    table: pd.DataFrame, date: str, geo: str, known: Iterable[str] | None = None
) -> None:
    """Refuse a table in which a region lacks a date that another has.

    Parameters
    ----------
    table : pandas.DataFrame
        With real timestamps in the date column and text in the region column.
    date, geo : str
    known : iterable of str, optional
        Regions that there must be, no more and no fewer; by default those of the table.

    Raises
    ------
    DataError
        If a region lacks a date, or is not among those known.
    """
    regions = set(table[geo] if known is None else map(str, known))
    strange = sorted(set(table[geo]) - regions)
    if strange:
        raise DataError(
            f"Got region {', '.join(map(repr, strange[:SHOWN]))} in {geo!r}; expected those that "
            f"the model knows: {', '.join(map(repr, sorted(regions)[:SHOWN]))}"
            f"{' …' if len(regions) > SHOWN else ''}."
        )
    expected = pd.MultiIndex.from_product([table[date].unique(), sorted(regions)])
    lacking = expected.difference(pd.MultiIndex.from_frame(table[[date, geo]]))
    if len(lacking):
        pairs = [f"{region!r} on {when.date()}" for when, region in lacking[:SHOWN]]
        raise DataError(
            f"Got no row for region {', '.join(pairs)}{' …' if len(lacking) > SHOWN else ''}; "
            f"expected every region of {geo!r} on every date. Complete the table or drop those "
            "regions."
        )


def check_numbers(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Read columns as finite floats.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : iterable of str

    Returns
    -------
    pandas.DataFrame of float
        Only those columns, with the table's index.

    Raises
    ------
    DataError
        If a column holds text, a missing or infinite value, or whole numbers that a float cannot
        hold exactly.
    """
    return pd.DataFrame({name: _numbers(table[name]) for name in columns}, index=table.index)


def _numbers(column: pd.Series) -> pd.Series:
    name = column.name
    missing = column.isna()
    if missing.any():
        raise DataError(
            f"Got no value in {shown_rows(missing)} of {name!r}; expected a number in every row. "
            "Fill it with what is true (zero if nothing happened) or drop the column."
        )
    column = without_categories(column)
    odd = column[~is_number(column)]
    if len(odd):
        # Numbers in text are refused too: "1.234" is a thousand and more to half of Europe.
        kind = "text" if isinstance(odd.iloc[0], str) else f"{type(odd.iloc[0]).__name__} values"
        raise DataError(
            f"Got {kind} in {name!r} ({shown_examples(odd)}); expected numbers. Convert the column "
            "with pandas.to_numeric once thousands separators and currency signs are gone, or "
            "encode categories as 0 and 1."
        )
    if types.is_complex_dtype(column):
        raise DataError(f"Got complex numbers in {name!r}; expected real ones.")
    largest = _largest_not_float(column)
    if largest > _LARGEST_EXACT_INTEGER:
        raise DataError(
            f"Got {largest} in {name!r}, beyond the whole numbers that a float holds exactly "
            "(2**53); expected smaller numbers. Express the column in thousands or millions."
        )
    floats = column.astype(float)
    infinite = ~np.isfinite(floats)
    if infinite.any():
        raise DataError(
            f"Got an infinite value in {shown_rows(infinite)} of {name!r}; expected finite numbers."
        )
    return floats


def check_not_negative(media: pd.DataFrame) -> None:
    """Refuse negative spend.

    Parameters
    ----------
    media : pandas.DataFrame of float
        One column a channel.

    Raises
    ------
    DataError
        If a value is below zero.
    """
    for name, column in media.items():
        if (column < 0).any():
            raise DataError(
                f"Got {column.min():g} in {shown_rows(column < 0)} of channel {name!r}; expected "
                "spend or exposure of zero or more. Book refunds in the period they belong to."
            )


def warn_of_constants(columns: pd.DataFrame, role: str) -> None:
    """Warn about channels or controls that cannot teach the model anything.

    Parameters
    ----------
    columns : pandas.DataFrame of float
    role : str
        What they are called in the warning.
    """
    constant = [str(name) for name, column in columns.items() if column.nunique() == 1]
    if constant:
        warn_user(
            f"{role} without any variation: {', '.join(map(repr, constant))} (all zero or "
            "constant). The data say nothing about them: their results are the prior's. Drop them "
            "or use a longer history.",
            DataWarning,
        )


def check_target(target: pd.Series) -> None:
    """Refuse a target that never moves.

    Parameters
    ----------
    target : pandas.Series of float

    Raises
    ------
    DataError
        If it is all zero or constant.
    """
    if target.nunique() == 1:
        raise DataError(
            f"Got target {target.name!r} with the value {target.iloc[0]:g} in every row; expected "
            "a series that varies. Check that the right column was named."
        )


def fewest_periods(lag_max: int) -> int:
    """Number of periods that a model with this carry-over needs at least."""
    return lag_max + _PERIODS_BEYOND_LAG


def check_length(n_periods: int, lag_max: int) -> None:
    """Refuse a history too short to learn carry-over from.

    Parameters
    ----------
    n_periods, lag_max : int

    Raises
    ------
    DataError
        If there are fewer than ``lag_max + 10`` periods.
    """
    needed = fewest_periods(lag_max)
    if n_periods < needed:
        raise DataError(
            f"Got {n_periods} periods; expected at least {needed} (lag_max={lag_max}, plus "
            f"{_PERIODS_BEYOND_LAG}). Use a longer history or a smaller lag_max."
        )


def check_new_columns(given: Iterable[str], needed: Sequence[str], known: Iterable[str]) -> None:
    """Refuse a table of further periods that lacks columns or brings unknown ones.

    Parameters
    ----------
    given : iterable of str
        Columns of the new table.
    needed : sequence of str
        Columns that the model reads.
    known : iterable of str
        Columns of the client's table.

    Raises
    ------
    ColumnError
        If a needed column is missing or one is not in the client's table.
    """
    given = list(given)
    missing = [name for name in needed if name not in given]
    if missing:
        raise ColumnError(
            f"Got new data without {', '.join(map(repr, missing))}; expected every column that the "
            f"model reads: {', '.join(map(repr, needed))}."
        )
    known = set(map(str, known))
    extra = [str(name) for name in given if str(name) not in known]
    if extra:
        raise ColumnError(
            f"Got new data with {', '.join(map(repr, extra))}, which the client's table does not "
            "have; expected the same columns. Drop them, or make a new model that uses them."
        )


def _largest_not_float(column: pd.Series) -> int:
    """Size of the largest finite number that is not a float already; 0 where there is none."""
    if types.is_object_dtype(column):
        floats = column.map(lambda value: isinstance(value, float) or abs(value) == math.inf)
        column = column[~floats.astype(bool)]
    elif not types.is_integer_dtype(column):
        return 0
    return max(abs(int(column.max())), abs(int(column.min()))) if len(column) else 0
