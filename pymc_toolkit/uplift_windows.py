"""A client's experiments: read from a table, checked against its data, and put on its dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import KINDS, UpliftTest, with_lags
from pymc_toolkit.exceptions import UpliftTestError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, DATE

# Columns of pymc-marketing's tables of lift tests, which know levels of spend and no dates.
_BY_LEVEL = {"x": "level", "delta_x": "spend_change", "delta_y": "effect"}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class UpliftArrays:
    """Tests of one kind on the dates of a window, scaled; one row for each measured value.

    Parameters
    ----------
    test : ndarray of shape (row,)
        Position of each row's test among all.
    channel : ndarray of shape (row,)
        Position of its channel.
    with_change, without : ndarray of shape (row, lag, date)
        Exposure of the channel, by lag.
    weights : ndarray of shape (row, date)
        How much of each period's outcome the row measured.
    effect, sigma, lower, upper : ndarray of shape (row,)
        In scaled units of the target; limits that are not there are infinite.
    """

    test: Array
    channel: Array
    with_change: Array
    without: Array
    weights: Array
    effect: Array
    sigma: Array
    lower: Array
    upper: Array


def read_uplift_tests(tests: pd.DataFrame | UpliftTest | Iterable[UpliftTest]) -> list[UpliftTest]:
    """Tests from a table, or as they are.

    Parameters
    ----------
    tests : pandas.DataFrame, UpliftTest or iterable of UpliftTest
        A table has a row a test and columns named as the fields of
        :class:`pymc_toolkit.components.uplift_tests.UpliftTest`, or pymc-marketing's ``channel, x,
        delta_x, delta_y, sigma``; a cell without a value is that field's default.

    Returns
    -------
    list of UpliftTest

    Raises
    ------
    UpliftTestError
        If there are no tests, a column is unknown, or a test is impossible.
    """
    if isinstance(tests, UpliftTest):
        return [tests]
    if not isinstance(tests, pd.DataFrame | Iterable):
        raise UpliftTestError(f"Got {tests!r}; expected UpliftTest objects or a table of them.")
    given = _from_table(tests) if isinstance(tests, pd.DataFrame) else list(tests)
    strange = [test for test in given if not isinstance(test, UpliftTest)]
    if strange or not given:
        raise UpliftTestError(
            f"Got {strange[0] if strange else 'no tests'!r}; expected UpliftTest objects, or a "
            "table with one test a row."
        )
    return given


def _from_table(table: pd.DataFrame) -> list[UpliftTest]:
    known = [field.name for field in fields(UpliftTest)]
    by_level = set(_BY_LEVEL) <= set(table.columns)
    renamed = table.rename(columns=_BY_LEVEL) if by_level else table
    strange = [str(name) for name in renamed.columns if name not in known]
    if strange:
        raise UpliftTestError(
            f"Got column {strange[0]!r} in a table of tests; expected some of "
            f"{', '.join(known)}, or channel, x, delta_x, delta_y, sigma."
        )
    twice = renamed.columns[renamed.columns.duplicated()]
    if len(twice):
        raise UpliftTestError(
            f"Got a table of tests with several columns for {twice[0]!r}; expected one."
        )
    if "spend_change" in renamed and renamed["spend_change"].isna().any():
        raise UpliftTestError(
            "Got a table of tests without a value of spend_change in some rows; expected one in "
            "each: the change that was tested, or 'off' for all of the spend against none."
        )
    tests = []
    for row in renamed.to_dict("records"):
        values: dict[str, Any] = {str(name): _plain(value) for name, value in row.items()}
        given = {key: value for key, value in values.items() if not _empty(value)}
        channel = given.pop("channel", "")
        tests.append(UpliftTest(channel, **given))
    return tests


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.number | np.bool) else value


def _empty(value: Any) -> bool:
    return bool(np.ndim(value) == 0 and pd.isna(value))


def check_uplift_tests(tests: Sequence[UpliftTest], data: ModelData) -> None:
    """Refuse tests that are not about a client's data.

    Parameters
    ----------
    tests : sequence of UpliftTest
    data : ModelData

    Raises
    ------
    UpliftTestError
        If the client has regions, a channel is unknown, a test lies partly outside the data or does
        not begin and end with periods, the number of its effects is not that of its periods, or two
        tests are the same.
    """
    seen: dict[object, str] = {}
    if tests and data.is_panel:
        raise UpliftTestError(
            f"Got the test {tests[0].label!r} of a client with regions; expected a client that is "
            "one series. Sum the regions, with the effect and spend of the whole market."
        )
    for test in tests:
        if test.channel not in data.channels:
            raise UpliftTestError(
                f"Got a test of {test.channel!r}; expected one of "
                f"{', '.join(map(repr, data.channels))}."
            )
        if test.geo is not None:
            raise UpliftTestError(
                f"Got a test of {test.channel!r} in region {test.geo!r} of a client without "
                "regions; scale its effect and spend to the whole market, and leave out geo."
            )
        if test.identity in seen:
            raise UpliftTestError(
                f"Got the test {test.label!r} twice; expected each test once. "
                "Repetitions that were measured independently need names of their own."
            )
        seen[test.identity] = test.label
        measured = 1 if test.level is not None else len(_periods(test, data)[1])
        if len(test.effects) not in (1, measured):
            raise UpliftTestError(
                f"Got {len(test.effects)} effects in the test {test.label!r}; expected one in "
                f"total, or one for each of its {measured} periods."
            )


def check_spend_changes(tests: Sequence[UpliftTest], data: ModelData) -> None:
    """Refuse changes of spend that the client's own data cannot have seen.

    Parameters
    ----------
    tests : sequence of UpliftTest
        Of this client's channels and periods.
    data : ModelData

    Raises
    ------
    UpliftTestError
        If the channel had no spend in the window, or less than the change.
    """
    for test in tests:
        if test.level is None:
            _check_spend_change(test, data)


def _check_spend_change(test: UpliftTest, data: ModelData) -> None:
    changed, _ = _periods(test, data)
    spend = float(_media(test, data)[changed].sum())
    if test.change is None and spend == 0:
        raise UpliftTestError(
            f"Got the test {test.label!r} of all spend against none, in a window without spend on "
            f"{test.channel!r}; expected spend there. Where the test itself took the "
            "spend away, give what was not spent as a negative spend_change."
        )
    taken = (test.change or 0.0) * (1 if test.included else -1)
    if taken > spend * (1 + _ROUNDING):
        raise UpliftTestError(
            f"Got spend_change={test.change:g} in the test {test.label!r}, whose window has "
            f"{spend:g} of {test.channel!r} in all; expected a change within the spend that was "
            "there, or included=False for a change that the data do not hold."
        )


def _periods(test: UpliftTest, data: ModelData) -> tuple[Array, Array]:
    """Positions of the periods with the changed spend, and of those that were measured.

    Raises
    ------
    UpliftTestError
        If they are not whole periods of the data.
    """
    starts = data.dates
    ends = starts[1:].append(data.next_dates(1)) - pd.Timedelta(days=1)
    first, last = starts[0], ends[-1]
    start, end, until = (pd.Timestamp(day) for day in (test.start, test.end, test.last_day))
    if start < first or until > last:
        raise UpliftTestError(
            f"Got the test {test.label!r}, measured until {until.date()}, on data from "
            f"{first.date()} to {last.date()}; expected it to lie within them. Add the missing "
            "periods to the data first."
        )
    if start not in starts:
        near = starts[starts.searchsorted(start) - 1]
        raise UpliftTestError(
            f"Got the test {test.label!r}, which starts within a period; expected the first day of "
            f"one, such as {near.date()}. Give the effect of whole periods."
        )
    from_start = starts >= start
    found = []
    for day in (end, until):
        if day not in ends:
            inside = ends[ends.searchsorted(day)]
            raise UpliftTestError(
                f"Got the test {test.label!r}, measured until {until.date()}, of which "
                f"{day.date()} is not the last day of a period; expected one that is, such as "
                f"{inside.date()}. Give the effect of whole periods."
            )
        found.append(np.flatnonzero(from_start & (starts <= day)))
    return found[0], found[1]


def seen_tests(tests: Sequence[UpliftTest], data: ModelData) -> tuple[UpliftTest, ...]:
    """Tests that were over, and measured, within a window; those by level of spend always are.

    Parameters
    ----------
    tests : sequence of UpliftTest
    data : ModelData
        The window.
    """
    first = data.dates[0]
    end = data.next_dates(1)[0]
    return tuple(
        test
        for test in tests
        if test.level is not None
        or (pd.Timestamp(test.start) >= first and pd.Timestamp(test.last_day) < end)
    )


def uplift_rows(tests: Sequence[UpliftTest]) -> dict[str, int]:
    """Number of measured values of each kind of test."""
    counts = dict.fromkeys(KINDS, 0)
    for test in tests:
        counts[test.kind] += len(test.effects)
    return {kind: count for kind, count in counts.items() if count}


def uplift_arrays(
    tests: Sequence[UpliftTest], data: ModelData, lag_max: int
) -> dict[str, UpliftArrays]:
    """Tests on the dates of a window, by kind.

    Parameters
    ----------
    tests : sequence of UpliftTest
        Checked.
    data : ModelData
    lag_max : int

    Returns
    -------
    dict of str to UpliftArrays
    """
    scale = float(data.scale("target"))
    arrays = {}
    for kind in uplift_rows(tests):
        parts = [_rows(i, test, data, lag_max) for i, test in enumerate(tests) if test.kind == kind]
        joined = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(UpliftArrays)
        }
        for name in ("effect", "sigma", "lower", "upper"):
            joined[name] = joined[name] / scale
        arrays[kind] = UpliftArrays(**joined)
    return arrays


def _rows(position: int, test: UpliftTest, data: ModelData, lag_max: int) -> UpliftArrays:
    """The rows of one test, with effects in original units."""
    count = len(test.effects)
    channel = data.channels.index(test.channel)
    unit = float(data.scale("media").values[channel])
    with_change, without, weights = _arms(test, data)
    before = test.level or 0.0
    after = before + (test.change or 0.0) if test.level is not None else 0.0
    changed, unchanged = (
        np.repeat(with_lags(arm[None] / unit, np.array([start / unit]), lag_max), count, axis=0)
        for arm, start in ((with_change, after), (without, before))
    )

    def full(value: float | None, missing: float) -> Array:
        return np.full(count, missing if value is None else value)

    return UpliftArrays(
        np.full(count, position),
        np.full(count, channel),
        changed,
        unchanged,
        weights,
        np.array(test.effects),
        np.array(test.sigmas, float),
        full(test.lower, -np.inf),
        full(test.upper, np.inf),
    )


def _arms(test: UpliftTest, data: ModelData) -> tuple[Array, Array, Array]:
    """Spend with the change and without it, by date, and what is measured, by row and date."""
    periods = data.n_periods
    if test.level is not None:
        without = np.full(periods, test.level)
        return without + (test.change or 0.0), without, np.full((1, periods), 1 / periods)
    changed, measured = _periods(test, data)
    actual = _media(test, data)
    if test.change is None:
        other = actual.copy()
        other[changed] = 0.0
    else:
        other = _changed(actual, changed, test.change * (-1 if test.included else 1))
    arms = (actual, other) if test.included else (other, actual)
    weights = np.zeros((len(test.effects), periods))
    if len(test.effects) == 1:
        weights[0, measured] = 1.0
    else:
        weights[np.arange(len(measured)), measured] = 1.0
    return *arms, weights


def _changed(actual: Array, periods: Array, change: float) -> Array:
    """Spend with a change: added evenly over the periods, or taken away in proportion."""
    other = actual.copy()
    if change > 0:
        other[periods] += change / len(periods)
    else:
        total = actual[periods].sum()
        other[periods] *= max(0.0, 1 + change / total) if total > 0 else 1.0
    return other


def _media(test: UpliftTest, data: ModelData) -> Array:
    media: Array = data.dataset["media"].sel({CHANNEL: test.channel}).transpose(DATE).values
    return media.astype(float)


def with_effects(
    tests: Sequence[UpliftTest], effects: Mapping[int, Array]
) -> tuple[UpliftTest, ...]:
    """Tests with other measured values, by position.

    Parameters
    ----------
    tests : sequence of UpliftTest
    effects : Mapping of int to ndarray of shape (row,)
        In original units.
    """
    changed = list(tests)
    for position, values in effects.items():
        test = tests[position]
        given = tuple(float(value) for value in values)
        effect = given if isinstance(test.effect, tuple) else given[0]
        changed[position] = replace(test, effect=effect)
    return tuple(changed)
