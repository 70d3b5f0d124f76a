"""Read the table of an experiment whose units are regions over time."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.columns import SHOWN
from pymc_toolkit.dates import parse_dates
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.experiments.scaling import read_day
from pymc_toolkit.validation import check_columns, check_numbers, check_regions, parse_regions

# Control regions beyond the number of treated ones: placebos need regions to be compared with.
_MORE_CONTROLS = 3
# A line through the periods before a test takes two.
FEWEST_BEFORE = 2


@dataclass(frozen=True)
class Panel:
    """Regions of a geo experiment as arrays, checked.

    Parameters
    ----------
    treated : ndarray of shape (date, treated region)
    controls : ndarray of shape (date, control region)
    dates : pandas.DatetimeIndex
        Up to the end of the test.
    n_before : int
        Number of dates before the test.
    treated_names, control_names : tuple of str
    """

    treated: Array
    controls: Array
    dates: pd.DatetimeIndex
    n_before: int
    treated_names: tuple[str, ...]
    control_names: tuple[str, ...]

    @property
    def n_treated(self) -> int:
        """Number of treated regions."""
        return self.treated.shape[1]

    @property
    def n_control(self) -> int:
        """Number of control regions."""
        return self.controls.shape[1]

    @property
    def n_during(self) -> int:
        """Number of dates of the test."""
        return len(self.dates) - self.n_before

    @property
    def cells(self) -> int:
        """Number of treated regions times dates of the test: what a total is a sum over."""
        return self.n_treated * self.n_during


def read_panel(
    data: pd.DataFrame,
    treated: Sequence[str],
    start: object,
    end: object = None,
    *,
    date: str = "date",
    region: str = "region",
    outcome: str = "outcome",
) -> Panel:
    """Read and check the table of a geo experiment; the table itself is not changed.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a region and date.
    treated : sequence of str
        Names of the treated regions; all others are controls.
    start, end : date-like
        First and last day of the test; without an end, the last of the data. Later rows are left
        out.
    date, region, outcome : str
        Columns.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        If a value is missing or cannot be read, a region and date come twice or not at all, a
        treated region is unknown, the test lies outside the data, or there are too few controls.
    SpecificationError
        If no region is treated, one is named twice, or the test ends before it starts.
    """
    check_columns(data, {"date": [date], "region": [region], "outcome": [outcome]})
    table = pd.DataFrame(
        {
            date: parse_dates(data[date]),
            region: parse_regions(data[region]),
            outcome: check_numbers(data, [outcome])[outcome],
        }
    )
    if table[outcome].nunique() == 1:
        raise DataError(
            f"Got outcome {outcome!r} with the value {table[outcome].iloc[0]:g} in every row; "
            "expected one that varies. Check that the right column was named."
        )
    doubled = table.duplicated([date, region], keep=False)
    if doubled.any():
        first = table[doubled].iloc[0]
        raise DataError(
            f"Got {int(doubled.sum())} rows that share region and date with another, such as "
            f"{first[region]!r} on {first[date].date()}; expected one row a region and date. Sum "
            "or drop the doubles."
        )
    check_regions(table, date, region)
    names = _treated_names(treated, sorted(table[region].unique()), region)
    wide = table.pivot(index=date, columns=region, values=outcome).sort_index()
    first_day, last_day = _window(wide.index, start, end)
    wide = wide.loc[:last_day]
    controls = [name for name in wide.columns if name not in names]
    needed = len(names) + _MORE_CONTROLS
    if len(controls) < needed:
        raise DataError(
            f"Got {len(controls)} control region{'' if len(controls) == 1 else 's'} for "
            f"{len(names)} treated; expected at least {needed}, since placebo tests treat as many "
            "control regions and compare them with the rest. Add regions that were not treated."
        )
    return Panel(
        treated=wide[names].to_numpy(dtype=float),
        controls=wide[controls].to_numpy(dtype=float),
        dates=pd.DatetimeIndex(wide.index),
        n_before=int((wide.index < first_day).sum()),
        treated_names=tuple(names),
        control_names=tuple(controls),
    )


def _treated_names(treated: Sequence[str], known: list[str], region: str) -> list[str]:
    names = [treated] if isinstance(treated, str) else [str(name) for name in treated]
    if not names or len(set(names)) < len(names):
        raise SpecificationError(
            f"Got treated={treated!r}; expected the names of one or more regions, each once."
        )
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            shown = ", ".join(map(repr, known[:SHOWN])) + (" …" if len(known) > SHOWN else "")
            raise DataError(
                f"Got treated region {name!r}, which is not in {region!r}; expected one of "
                f"{shown}." + (f" Did you mean {near[0]!r}?" if near else "")
            )
    return names


def _window(
    dates: pd.DatetimeIndex, start: object, end: object
) -> tuple[pd.Timestamp, pd.Timestamp]:
    first = read_day(start, "start")
    last = dates[-1] if end is None else read_day(end, "end")
    span = f"{dates[0].date()} to {dates[-1].date()}"
    before = int((dates < first).sum())
    if first > dates[-1] or before == 0:
        raise DataError(
            f"Got a test that starts on {first.date()}, outside the data ({span}); expected a day "
            "within them, with dates before it. Check the year, or send more of the history."
        )
    if before < FEWEST_BEFORE:
        raise DataError(
            f"Got {before} date before the test ({first.date()}); expected at least "
            f"{FEWEST_BEFORE}. Send more of the history."
        )
    if last < first:
        raise SpecificationError(
            f"Got a test from {first.date()} to {last.date()}; expected its end on or after its "
            "start. Exchange the two dates."
        )
    if last > dates[-1]:
        raise DataError(
            f"Got a test that ends on {last.date()}, outside the data ({span}); expected data for "
            "all of it. Wait for them, or give the last day that was measured as its end."
        )
    if not ((dates >= first) & (dates <= last)).any():
        raise DataError(
            f"Got a test from {first.date()} to {last.date()}, in which there is no date of the "
            "data; expected at least one. Check the dates of the table."
        )
    return first, last


def comparisons(panel: Panel, most: int, random_state: int) -> list[tuple[Array, Array]]:
    """Sets of as many control regions as are treated, each with the other controls.

    Parameters
    ----------
    panel : Panel
    most : int
        Above this many possible sets, as many are drawn at random.
    random_state : int

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Columns of the controls that play the treated, and the rest.
    """
    m, k = panel.n_control, panel.n_treated
    if comb(m, k) <= most:
        chosen = set(combinations(range(m), k))
    else:
        rng = np.random.default_rng(random_state)
        chosen = set()
        while len(chosen) < most:
            chosen.add(tuple(sorted(rng.choice(m, size=k, replace=False).tolist())))
    every = np.arange(m)
    return [(np.array(few), np.setdiff1d(every, few)) for few in sorted(chosen)]
