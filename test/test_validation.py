"""Every bad table is refused before anything is sampled, with an error that names the culprit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit import validation
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import ColumnError, DataError, DataWarning, ToolkitError
from pymc_toolkit.model_data import ModelData

N = 30
MONDAYS = pd.date_range("2024-01-01", periods=N, freq="W-MON")


def table(**columns: object) -> pd.DataFrame:
    """A good weekly table, with some columns replaced."""
    rng = np.random.default_rng(0)
    good = pd.DataFrame(
        {
            "date": MONDAYS,
            "y": rng.uniform(50, 100, N),
            "tv": rng.uniform(0, 9, N),
            "radio": rng.uniform(0, 9, N),
            "price": rng.normal(size=N),
        }
    )
    return good.assign(**columns)


def panel(*regions: object) -> pd.DataFrame:
    """One good table after the other."""
    parts = [table(region=[region] * N) for region in regions]
    return pd.concat(parts, ignore_index=True)


def read(client_data: pd.DataFrame, **options: object) -> ModelData:
    """What the package makes of a table."""
    defaults = {
        "target_name": "y",
        "date_column": "date",
        "channel_names": ["tv", "radio"],
        "control_names": ["price"],
    }
    return ClientConfig(client_data, **{**defaults, **options}).model_data


def with_first(value: object, dtype: object = float) -> pd.Series:
    """A column of small numbers whose first value is something else."""
    return pd.Series([value, *range(1, N)], dtype=dtype)


class TestTable:
    @pytest.mark.parametrize("thing", [{"y": [1]}, [[1, 2]], None, np.zeros((3, 3)), "data.csv"])
    def test_refuses_what_is_not_a_dataframe(self, thing):
        with pytest.raises(DataError, match=f"type {type(thing).__name__}.*DataFrame"):
            read(thing)

    @pytest.mark.parametrize(
        ("empty", "message"),
        [(table().head(0), "0 rows and 5 columns"), (pd.DataFrame(), "0 rows and 0 columns")],
    )
    def test_refuses_an_empty_table(self, empty, message):
        with pytest.raises(DataError, match=message):
            read(empty)

    @pytest.mark.parametrize("rows", [1, 2])
    def test_refuses_too_few_rows_to_tell_the_spacing(self, rows):
        with pytest.raises(DataError, match=f"Got {rows} dates; expected at least 3"):
            read(table().head(rows))

    @pytest.mark.parametrize(
        "index",
        [
            [0] * N,
            [f"row {i}" for i in range(N)],
            pd.Index(range(N, 0, -1), name="date"),
            pd.MultiIndex.from_product([["a"], range(N)], names=["tv", "y"]),
        ],
        ids=["all the same", "text", "called like a column", "two levels called like columns"],
    )
    def test_the_index_plays_no_part(self, index):
        assert read(table().set_axis(index)).digest() == read(table()).digest()

    def test_columns_that_are_not_used_may_hold_anything(self):
        odd = table(note=["?"] * N, gap=[np.nan] * N, **{"<b>": [-np.inf] * N})
        assert read(odd).digest() == read(table()).digest()

    def test_names_with_quotes_html_or_other_alphabets_work(self):
        names = {
            "date": "Datum für {0} %s",
            "y": "売上",
            "tv": "<b>\"TV\" & 'radio'</b>",
            "radio": "радио\n📻",
            "price": "back\\slash",
        }
        data = read(
            table().rename(columns=names),
            target_name=names["y"],
            date_column=names["date"],
            channel_names=[names["tv"], names["radio"]],
            control_names=[names["price"]],
        )
        assert data.channels == [names["tv"], names["radio"]]
        assert data.controls == [names["price"]]
        np.testing.assert_array_equal(data.dataset["media"], read(table()).dataset["media"])

    def test_errors_are_the_builtin_ones_too(self):
        with pytest.raises(ValueError, match="tv"):
            read(table(tv=with_first(-1)))
        with pytest.raises(KeyError) as caught:
            read(table(), channel_names=["it's"])
        assert isinstance(caught.value, ToolkitError)
        # A KeyError prints the repr of its message unless told otherwise.
        assert str(caught.value).startswith('Got channel "it\'s", which is not a column')


class TestNames:
    def test_suggests_the_nearest_name(self):
        with pytest.raises(ColumnError, match="channel 'radoi'.*Did you mean 'radio'"):
            read(table(), channel_names=["tv", "radoi"])

    def test_lists_the_columns_where_none_is_near(self):
        with pytest.raises(ColumnError, match="target 'zzz'.*The table has date, y, tv"):
            read(table(), target_name="zzz")

    def test_a_date_that_is_the_index_is_explained(self):
        with pytest.raises(ColumnError, match=r"'date', which is the index.*reset_index\(\)"):
            read(table().set_index("date"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"control_names": ["tv"]}, "'tv' as channel and as control"),
            ({"channel_names": ["tv", "y"]}, "'y' as target and as channel"),
            ({"target_name": "date"}, "'date' as date and as target"),
            ({"geo_column": "radio"}, "'radio' as region and as channel"),
            ({"channel_names": ["tv", "tv"]}, "'tv' twice as channel"),
        ],
    )
    def test_refuses_two_roles(self, options, message):
        with pytest.raises(ColumnError, match=message):
            read(table(), **options)

    def test_refuses_a_name_that_the_table_has_twice(self):
        doubled = table()
        doubled.insert(0, "tv", 1.0, allow_duplicates=True)
        with pytest.raises(ColumnError, match="2 columns named 'tv'"):
            read(doubled)

    def test_other_names_may_be_there_twice(self):
        doubled = table(note=1)
        doubled.insert(0, "note", 2, allow_duplicates=True)
        assert read(doubled).digest() == read(table()).digest()

    @pytest.mark.parametrize("names", ["tv", None, 3, ["tv", 3], [["tv"]]])
    def test_refuses_what_is_not_a_list_of_names(self, names):
        with pytest.raises(ColumnError, match="channel_names=.*expected column names"):
            read(table(), channel_names=names)

    def test_a_string_is_not_a_list_of_controls(self):
        with pytest.raises(ColumnError, match="control_names='price'"):
            read(table(), control_names="price")

    @pytest.mark.parametrize(
        "names",
        [
            ("tv", "radio"),
            pd.Index(["tv", "radio"]),
            np.array(["tv", "radio"]),
            (name for name in ["tv", "radio"]),
        ],
        ids=["tuple", "index", "array", "generator"],
    )
    def test_any_sequence_of_names_works(self, names):
        assert read(table(), channel_names=names).channels == ["tv", "radio"]

    @pytest.mark.parametrize("names", [None, [], pd.Index(["price"]), np.array(["price"])])
    def test_controls_are_optional(self, names):
        expected = [] if names is None else list(names)
        assert read(table(), control_names=names).controls == expected

    def test_columns_on_two_levels_are_not_found(self):
        with pytest.raises(ColumnError, match="'date', which is not a column"):
            read(pd.concat({"a": table()}, axis=1))


class TestDates:
    @pytest.mark.parametrize(
        "dates",
        [
            MONDAYS.strftime("%Y-%m-%d"),
            MONDAYS.strftime("%Y-%m-%dT%H:%M:%S"),
            MONDAYS.strftime("%d/%m/%Y"),
            MONDAYS.strftime("%m/%d/%Y"),
            MONDAYS.strftime("%d.%m.%Y"),
            MONDAYS.strftime("%Y%m%d"),
            pd.Categorical(MONDAYS.strftime("%Y-%m-%d")),
            pd.array(MONDAYS.strftime("%Y-%m-%d"), dtype="string"),
            pd.Series(list(MONDAYS.date), dtype=object),
            pd.Series(list(MONDAYS), dtype=object),
            [dt.datetime(2024, 1, 1, 9, 30) + dt.timedelta(weeks=i) for i in range(N)],
            MONDAYS.tz_localize("Europe/Berlin"),
            MONDAYS.as_unit("s"),
            MONDAYS.as_unit("ns"),
        ],
        ids=[
            "iso",
            "iso with time",
            "day first",
            "month first",
            "dots",
            "compact",
            "categories",
            "string dtype",
            "date objects",
            "timestamp objects",
            "datetime objects with time of day",
            "time zone",
            "seconds",
            "nanoseconds",
        ],
    )
    def test_every_way_to_write_the_same_weeks(self, dates):
        data = read(table(date=dates))
        assert list(data.dates) == list(MONDAYS)
        assert data.digest() == read(table()).digest()

    def test_dates_that_have_two_readings_are_refused(self):
        months = pd.date_range("2024-01-01", periods=12, freq="MS").strftime("%d/%m/%Y")
        with pytest.raises(DataError, match="'01/02/2024'.*month first and with the day first"):
            read(table().head(12).assign(date=months))

    @pytest.mark.parametrize(
        ("dates", "culprit"),
        [
            (["pancake", *MONDAYS[1:].strftime("%Y-%m-%d")], "'pancake'"),
            (["2024-02-30", *MONDAYS[1:].strftime("%Y-%m-%d")], "'2024-02-30'"),
            ([*MONDAYS[:-1].strftime("%Y-%m-%d"), "22.07.2024"], "'22.07.2024'"),
            ([*MONDAYS[:-1].strftime("%Y-%m-%d"), ""], "''"),
            ([f"2024-W{week:02d}" for week in range(N)], "'2024-W00'"),
            (MONDAYS.to_period("W"), "2024-01-01/2024-01-07"),
            (pd.to_timedelta(np.arange(N), unit="D"), "0 days"),
            (
                [day.tz_localize("Europe/Berlin").isoformat() for day in MONDAYS],
                "'2024-01-01T00:00:00.01:00'",
            ),
            ([[2024, 1, 1]] * N, r"\[2024, 1, 1\]"),
        ],
        ids=[
            "text",
            "impossible",
            "mixed",
            "blank",
            "iso weeks",
            "periods",
            "durations",
            "offsets that change",
            "lists",
        ],
    )
    def test_unreadable_dates(self, dates, culprit):
        with pytest.raises(DataError, match=f"Got .*{culprit}.* in date column 'date'") as caught:
            read(table(date=pd.Series(dates)))
        assert "expected dates such as '2024-01-01'" in str(caught.value)

    @pytest.mark.parametrize(
        ("dates", "culprit"),
        [
            (np.arange(N), "0"),
            (MONDAYS.strftime("%Y%m%d").astype(int), "20240101"),
            (pd.Series(range(N), dtype=object), "0"),
            (np.arange(N) + 45_292.0, "45292.0"),
            ([True, False] * 15, "True"),
            (pd.Categorical(range(N)), "0"),
            (pd.Series(["2024-01-01", *range(N - 1)], dtype=object), "0"),
        ],
        ids=["counter", "compact", "objects", "spreadsheet", "flags", "categories", "some"],
    )
    def test_numbers_are_not_dates(self, dates, culprit):
        with pytest.raises(DataError, match=f"numbers such as {culprit} in date column 'date'"):
            read(table(date=dates))

    @pytest.mark.parametrize("missing", [pd.NaT, None, np.nan])
    def test_a_missing_date_names_its_row(self, missing):
        dates = pd.Series(MONDAYS.strftime("%Y-%m-%d"), dtype=object)
        dates[3] = missing
        with pytest.raises(DataError, match="no date in row 3 of 'date'"):
            read(table(date=dates))

    def test_duplicate_dates(self):
        with pytest.raises(DataError, match="more than one row for 2024-01-22 in 'date'"):
            read(pd.concat([table(), table().iloc[[3]]]))

    def test_two_rows_of_one_day_are_duplicates_whatever_their_time(self):
        hours = pd.date_range("2024-01-01", periods=N, freq="h")
        with pytest.raises(DataError, match="more than one row for 2024-01-01, 2024-01-02"):
            read(table(date=hours))

    def test_unsorted_dates_are_sorted_with_a_warning(self):
        with pytest.warns(DataWarning, match="not sorted by 'date'"):
            data = read(table().sample(frac=1, random_state=0))
        assert data.digest() == read(table()).digest()

    def test_the_warning_points_at_the_caller(self):
        with pytest.warns(DataWarning, match="not sorted") as caught:
            read(table().iloc[::-1])
        assert caught[0].filename == __file__


class TestFrequency:
    @pytest.mark.parametrize("frequency", ["D", "MS", *(f"W-{day}" for day in ("MON", "SUN"))])
    def test_accepted(self, frequency):
        dates = pd.date_range("2023-12-25", periods=N, freq=frequency)
        assert read(table(date=dates)).frequency == frequency

    def test_a_daily_table_with_a_missing_day(self):
        days = pd.date_range("2024-01-01", periods=N)
        with pytest.raises(DataError, match=r"gap: no row for 2024-01-08; .*\(D\)"):
            read(table(date=days).drop(index=7))

    def test_a_missing_week_and_a_missing_month(self):
        with pytest.raises(DataError, match="gap: no row for 2024-02-19;"):
            read(table().drop(index=7))
        months = pd.date_range("2022-01-01", periods=N, freq="MS")
        with pytest.raises(DataError, match="gap: no row for 2022-03-01;"):
            read(table(date=months).drop(index=2))

    def test_many_missing_days_are_counted(self):
        days = pd.date_range("2024-01-01", periods=N)
        with pytest.raises(DataError, match="2024-01-10, .* and 3 more;"):
            read(table(date=days).drop(index=range(9, 17)))

    @pytest.mark.parametrize("row", [0, 7, N - 1])
    @pytest.mark.parametrize("shift", [-1, 1])
    def test_a_week_off_by_a_day_is_named_and_not_called_a_gap(self, row, shift):
        dates = MONDAYS.to_series(index=range(N))
        dates[row] += pd.Timedelta(days=shift)
        stray = dates[row].date()
        with pytest.raises(DataError, match=f"off the W-MON rhythm: {stray};"):
            read(table(date=dates))

    def test_month_end_dates_are_explained(self):
        ends = pd.date_range("2022-01-31", periods=N, freq="ME")
        with pytest.raises(DataError, match=r"from 2022-01-31.*first of its month"):
            read(table(date=ends))

    @pytest.mark.parametrize(("frequency", "days"), [("14D", 14), ("QS", 92), ("YS", 365)])
    def test_other_spacings(self, frequency, days):
        dates = pd.date_range("2000-01-01", periods=N, freq=frequency)
        with pytest.raises(DataError, match=f"mostly {days} days apart"):
            read(table(date=dates))

    def test_workdays_have_gaps(self):
        with pytest.raises(DataError, match="gap: no row for 2024-01-06, 2024-01-07"):
            read(table(date=pd.bdate_range("2024-01-01", periods=N)))


class TestNumbers:
    @pytest.mark.parametrize(
        "values",
        [
            pd.Series([Decimal("1.5") * i for i in range(N)], dtype=object),
            pd.Series(np.arange(N) * 1.5, dtype=object),
            pd.array(np.arange(N) * 1.5, dtype="Float64"),
            pd.arrays.SparseArray(np.arange(N) * 1.5),
            pd.Categorical(np.arange(N) * 1.5),
            (np.arange(N) * 1.5).astype(np.float32),
        ],
        ids=["Decimal", "object", "Float64", "sparse", "categories", "float32"],
    )
    def test_unusual_but_exact_numbers(self, values):
        expected = read(table(tv=np.arange(N) * 1.5))
        assert read(table(tv=values)).digest() == expected.digest()

    @pytest.mark.parametrize(
        "values",
        [
            [True, False] * 15,
            pd.array([True, False] * 15, dtype="boolean"),
            pd.Series([True, False] * 15, dtype=object),
            pd.array([1, 0] * 15, dtype="Int64"),
            np.array([1, 0] * 15, dtype=np.uint8),
        ],
        ids=["bool", "boolean", "object", "Int64", "uint8"],
    )
    def test_flags_are_ones_and_zeros(self, values):
        controls = read(table(price=values)).dataset["controls"]
        np.testing.assert_array_equal(controls.values.ravel(), [1.0, 0.0] * 15)

    @pytest.mark.parametrize("column", ["y", "tv", "price"])
    @pytest.mark.parametrize(
        ("missing", "dtype"),
        [
            (np.nan, float),
            (None, object),
            (pd.NA, "Int64"),
            (Decimal("nan"), object),
            (pd.NA, "boolean"),
        ],
        ids=["nan", "None", "Int64", "Decimal", "boolean"],
    )
    def test_a_missing_value_names_its_row(self, column, missing, dtype):
        values = pd.Series([1, 0] * 15).astype(dtype)
        values[4] = missing
        with pytest.raises(DataError, match=f"no value in row 4 of '{column}'"):
            read(table(**{column: values}))

    @pytest.mark.parametrize("column", ["y", "tv", "price"])
    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_an_infinite_value_names_its_row(self, column, value):
        with pytest.raises(DataError, match=f"infinite value in row 0 of '{column}'"):
            read(table(**{column: with_first(value)}))

    @pytest.mark.parametrize("value", [np.inf, Decimal("-Infinity")])
    def test_an_infinite_object_too(self, value):
        with pytest.raises(DataError, match="infinite value in row 0 of 'price'"):
            read(table(price=with_first(value, object)))

    def test_large_floats_are_what_they_are(self):
        assert read(table(tv=with_first(1e300, object))).digest()

    def test_rows_are_those_of_the_callers_table(self):
        shuffled = table(tv=with_first(np.nan)).iloc[::-1]
        shuffled.index = [f"r{i}" for i in range(N)]
        with pytest.raises(DataError, match=f"no value in row r{N - 1} of 'tv'"):
            read(shuffled)

    def test_many_rows_are_cut_short(self):
        with pytest.raises(DataError, match=r"rows 0, 1, 2, 3, 4 … of 'tv'"):
            read(table(tv=np.nan))

    @pytest.mark.parametrize("column", ["y", "tv", "price"])
    def test_text(self, column):
        with pytest.raises(DataError, match=f"text in '{column}' .*'1,000'"):
            read(table(**{column: with_first("1,000", object)}))

    @pytest.mark.parametrize(
        "values",
        [
            [str(value) for value in range(N)],
            [f"{value}.234" for value in range(N)],
            pd.Categorical([str(value) for value in range(N)]),
            pd.array([str(value) for value in range(N)], dtype="string"),
            ["nan", *(str(value) for value in range(1, N))],
        ],
        ids=["whole", "thousands or decimals", "categories", "string dtype", "nan"],
    )
    def test_numbers_written_as_text_are_text(self, values):
        with pytest.raises(DataError, match=r"text in 'tv' .*pandas\.to_numeric"):
            read(table(tv=values))

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (MONDAYS, "Timestamp"),
            (pd.to_timedelta(np.arange(N), unit="D"), "Timedelta"),
            (pd.period_range("2024-01", periods=N, freq="M"), "Period"),
            (pd.Series([[1.0]] * N), "list"),
            (np.arange(N) + 1j, "complex"),
        ],
    )
    def test_other_things_are_not_numbers(self, values, kind):
        with pytest.raises(DataError, match=f"{kind}.* in 'tv'"):
            read(table(tv=values))

    def test_fractions(self):
        fractions = pd.Series([Fraction(i, 2) for i in range(N)], dtype=object)
        assert read(table(tv=fractions)).digest() == read(table(tv=np.arange(N) / 2)).digest()

    @pytest.mark.parametrize(
        ("value", "dtype"),
        [
            (2**53 + 1, np.int64),
            (2**60, np.int64),
            (2**63 + 5, np.uint64),
            (2**60, "Int64"),
            (10**30, object),
            (Decimal(10) ** 30, object),
        ],
    )
    def test_whole_numbers_beyond_a_float(self, value, dtype):
        values = pd.Series([value, *range(1, N)], dtype=dtype)
        with pytest.raises(DataError, match=rf"{int(value)} in 'tv'.*2\*\*53.*thousands"):
            read(table(tv=values))

    def test_large_negative_whole_numbers_too(self):
        with pytest.raises(DataError, match=f"{2**60} in 'price'"):
            read(table(price=pd.Series([-(2**60), *range(1, N)])))

    def test_the_largest_exact_whole_number_is_fine(self):
        media = read(table(tv=with_first(2**53, np.int64))).dataset["media"]
        assert int(media[0, 0]) == 2**53


class TestRoles:
    def test_negative_spend(self):
        with pytest.raises(DataError, match="Got -3 in row 0 of channel 'radio'"):
            read(table(radio=with_first(-3)))

    def test_negative_controls_and_targets_are_fine(self):
        data = read(table(price=with_first(-3), y=with_first(-3)))
        assert float(data.dataset["target"][0]) == -3

    @pytest.mark.parametrize("value", [0, 2.5])
    def test_a_channel_without_variation_is_warned_of(self, value):
        with pytest.warns(DataWarning, match="'radio'") as caught:
            data = read(table(radio=value))
        assert "'tv'" not in str(caught[0].message)
        assert data.channels == ["tv", "radio"]

    @pytest.mark.parametrize("value", [0, 5])
    def test_a_target_without_variation_is_refused(self, value):
        with pytest.raises(DataError, match=f"target 'y' with the value {value} in every row"):
            read(table(y=value))

    @pytest.mark.parametrize(("periods", "lag_max"), [(13, 4), (10, 1), (0, 52)])
    def test_too_short_for_the_carry_over(self, periods, lag_max):
        message = f"Got {periods} periods; expected at least {lag_max + 10} .lag_max={lag_max}"
        with pytest.raises(DataError, match=message):
            validation.check_length(periods, lag_max)

    def test_just_long_enough(self):
        validation.check_length(14, 4)


class TestRegions:
    def test_rows_end_up_at_their_date_and_region(self):
        both = panel("south", "north")
        both["y"] = np.arange(len(both), dtype=float)
        target = read(both, geo_column="region").dataset["target"]
        assert target.dims == ("date", "geo")
        np.testing.assert_array_equal(target.sel(geo="south"), np.arange(N))
        np.testing.assert_array_equal(target.sel(geo="north"), np.arange(N, 2 * N))

    def test_one_region_after_the_other_is_sorted_enough(self, recwarn):
        read(panel("south", "north"), geo_column="region")
        assert not [warning for warning in recwarn if warning.category is DataWarning]

    def test_unsorted_rows_are_sorted_with_a_warning(self):
        both = panel("south", "north")
        with pytest.warns(DataWarning, match="not sorted by 'date'"):
            data = read(both.sample(frac=1, random_state=0), geo_column="region")
        assert data.digest() == read(both, geo_column="region").digest()

    def test_a_missing_combination_is_named(self):
        with pytest.raises(DataError, match="no row for region 'north' on 2024-07-22"):
            read(panel("south", "north").iloc[:-1], geo_column="region")

    def test_a_doubled_combination_is_refused(self):
        both = panel("south", "north")
        with pytest.raises(DataError, match="more than one row for 2024-01-01.*same region"):
            read(pd.concat([both, both.iloc[[0]]]), geo_column="region")

    @pytest.mark.parametrize("rows", [slice(3, 3), slice(0, N - 1)], ids=["one", "a region"])
    def test_a_missing_region_is_refused(self, rows):
        both = panel("south", "north")
        both.loc[rows, "region"] = None
        with pytest.raises(DataError, match=r"no region in rows? \d.* of 'region'"):
            read(both, geo_column="region")

    @pytest.mark.parametrize("dtype", [int, "category", "string", float])
    def test_regions_of_any_type_become_text(self, dtype):
        both = panel(1, 2)
        data = read(both.assign(region=both["region"].astype(dtype)), geo_column="region")
        assert [name[0] for name in data.dataset["geo"].values] == ["1", "2"]

    def test_a_gap_is_one_of_dates(self):
        both = panel("south", "north")
        with pytest.raises(DataError, match="gap: no row for 2024-01-15;"):
            read(both[both["date"] != MONDAYS[2]], geo_column="region")
