"""Labelled arrays: every number at its place, windows and later dates, and an honest digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.dates import infer_frequency, parse_dates
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.model_data import ModelData, to_dataset, to_table
from pymc_toolkit.scalers import Scaler

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FREQUENCIES = ("D", "MS", *(f"W-{day}" for day in WEEKDAYS))
FREQUENCY = st.sampled_from(FREQUENCIES)
START = st.dates(date(1900, 1, 1), date(2200, 1, 1))


def table(periods: int = 6, frequency: str = "W-MON", start: object = "2024-01-01"):
    """A checked table whose every number tells where it belongs."""
    rows = np.arange(periods)
    return pd.DataFrame(
        {
            "when": pd.date_range(start, periods=periods, freq=frequency),
            "y": 1000.0 + rows,
            "tv": 2000.0 + rows,
            "radio": 3000.0 + rows,
            "price": 4000.0 + rows,
        }
    )


def model_data(client_data: pd.DataFrame | None = None, frequency: str = "W-MON") -> ModelData:
    """Two channels and one control, scaled by their largest value."""
    client_data = table(frequency=frequency) if client_data is None else client_data
    dataset = to_dataset(client_data, "y", "when", ["tv", "radio"], ["price"])
    scalers = {name: Scaler.fit(dataset[name], "max_abs", name) for name in dataset.data_vars}
    return ModelData(dataset, scalers, frequency)


def panel() -> pd.DataFrame:
    """Two regions, sorted by date and region; the second is ten times the first."""
    parts = [
        table().assign(region=name, **{c: table()[c] * k for c in ("y", "tv", "radio", "price")})
        for name, k in (("a", 1), ("b", 10))
    ]
    return pd.concat(parts).sort_values(["when", "region"], ignore_index=True)


class TestToDataset:
    def test_every_column_at_its_place(self):
        dataset = model_data().dataset
        assert dataset["media"].dims == ("date", "channel")
        np.testing.assert_array_equal(dataset["target"], table()["y"])
        np.testing.assert_array_equal(dataset["media"].sel(channel="radio"), table()["radio"])
        np.testing.assert_array_equal(dataset["controls"].sel(control="price"), table()["price"])
        np.testing.assert_array_equal(dataset["date"], table()["when"])
        assert set(dataset.coords) == {"date", "channel", "control"}

    def test_channels_in_the_users_order(self):
        dataset = to_dataset(table(), "y", "when", ["radio", "tv"], [])
        assert list(dataset["channel"].values) == ["radio", "tv"]
        np.testing.assert_array_equal(dataset["media"][:, 0], table()["radio"])
        assert dataset["controls"].shape == (6, 0)

    def test_regions(self):
        dataset = to_dataset(panel(), "y", "when", ["tv", "radio"], ["price"], "region")
        assert dataset["target"].dims == ("date", "geo")
        assert dataset["media"].dims == ("date", "geo", "channel")
        assert dataset["controls"].dims == ("date", "geo", "control")
        for name, k in (("a", 1), ("b", 10)):
            region = dataset.sel(geo=name)
            np.testing.assert_array_equal(region["target"], table()["y"] * k)
            np.testing.assert_array_equal(region["media"], table()[["tv", "radio"]] * k)
            np.testing.assert_array_equal(region["controls"], table()[["price"]] * k)

    @pytest.mark.parametrize("geo", [None, "region"])
    def test_and_back(self, geo):
        original = table() if geo is None else panel()
        dataset = to_dataset(original, "y", "when", ["tv", "radio"], ["price"], geo)
        back = to_table(dataset, "y", "when", geo)
        keys = ["when"] if geo is None else ["when", "region"]
        assert list(back) == [*keys, "y", "tv", "radio", "price"]
        pd.testing.assert_frame_equal(back[list(original)], original)

    def test_names_that_are_dims_survive_the_way_back(self):
        names = {"y": "date", "tv": "channel", "radio": "geo", "region": "target"}
        renamed = panel().rename(columns=names)
        dataset = to_dataset(renamed, "date", "when", ["channel", "geo"], ["price"], "target")
        back = to_table(dataset, "date", "when", "target")
        pd.testing.assert_frame_equal(back[list(renamed)], renamed)


class TestModelData:
    def test_names_and_sizes(self):
        data = model_data()
        assert (data.n_periods, data.channels, data.controls) == (6, ["tv", "radio"], ["price"])
        assert not data.is_panel
        assert data.dates[0] == pd.Timestamp("2024-01-01")

    def test_scaled_and_scale(self):
        data = model_data()
        np.testing.assert_allclose(data.scaled("target").max(), 1.0)
        np.testing.assert_array_equal(data.scale("media"), [2005.0, 3005.0])
        xr.testing.assert_allclose(
            data.scaled("media") * data.scale("media"), data.dataset["media"]
        )

    def test_a_window_keeps_the_scalers(self):
        data = model_data()
        window = data.window(1, 4)
        assert list(window.dates) == list(data.dates[1:4])
        assert window.scalers is data.scalers
        xr.testing.assert_identical(window.scaled("media"), data.scaled("media")[1:4])
        assert data.n_periods == 6

    @pytest.mark.parametrize("cut", [1, 3, 5])
    @pytest.mark.parametrize("frequency", FREQUENCIES)
    def test_a_window_followed_by_the_rest_is_the_whole(self, cut, frequency):
        data = model_data(frequency=frequency)
        joined = data.window(None, cut).followed_by(data.window(cut, None))
        xr.testing.assert_identical(joined.dataset, data.dataset)
        assert joined.digest() == data.digest()

    def test_what_follows_is_scaled_as_what_it_follows(self):
        data = model_data()
        later = model_data(table(3, start=data.next_dates(1)[0]).assign(tv=1.0))
        joined = data.followed_by(later)
        assert joined.scalers is data.scalers
        assert joined.n_periods == 9
        np.testing.assert_allclose(joined.scaled("media").sel(channel="tv")[6:], 1 / 2005)

    def test_what_follows_must_have_the_same_columns(self):
        dataset = to_dataset(table(), "y", "when", ["tv"], ["price"])
        fewer = replace(model_data(), dataset=dataset)
        with pytest.raises(ValueError, match="exact"):
            model_data().followed_by(fewer)

    @given(start=START, frequency=FREQUENCY, periods=st.integers(0, 5))
    def test_next_dates_continue_the_series(self, start, frequency, periods):
        whole = pd.date_range(start, periods=4 + periods, freq=frequency)
        data = model_data(table(4, frequency, start), frequency)
        assert list(data.next_dates(periods)) == list(whole[4:])


class TestDigest:
    def test_same_data_same_digest(self):
        assert model_data().digest() == model_data().digest()
        assert len(model_data().digest()) == 64

    @pytest.mark.parametrize("column", ["y", "tv", "radio", "price"])
    @pytest.mark.parametrize("row", [0, 5])
    def test_every_value_counts(self, column, row):
        changed = table()
        changed.loc[row, column] = np.nextafter(changed.loc[row, column], 0)
        scalers = model_data().scalers
        assert replace(model_data(changed), scalers=scalers).digest() != model_data().digest()

    def test_every_date_counts(self):
        later = model_data(table(start="2024-01-08"))
        assert later.digest() != model_data().digest()

    @pytest.mark.parametrize("variable", ["target", "media", "controls"])
    @pytest.mark.parametrize("part", ["center", "scale"])
    def test_every_scale_counts(self, variable, part):
        data = model_data()
        scaler = data.scalers[variable]
        changed = replace(scaler, **{part: getattr(scaler, part) + 1e-9})
        scalers = {**data.scalers, variable: changed}
        assert replace(data, scalers=scalers).digest() != data.digest()

    @pytest.mark.parametrize("dim", ["channel", "control"])
    def test_every_name_counts(self, dim):
        data = model_data()
        names = [f"{name}!" for name in data.dataset[dim].values]
        renamed = replace(data, dataset=data.dataset.assign_coords({dim: names}))
        # The scalers still go by the old names; only the digest is asked for.
        assert renamed.digest() != data.digest()

    @pytest.mark.parametrize(
        ("channels", "controls"),
        [
            (["a", "bc"], ["d"]),
            (["a", "b"], ["cd"]),
            (["ab", "c"], ["d"]),
            (["a\x1fb", "c"], ["d"]),
        ],
    )
    def test_names_that_read_alike_when_strung_together(self, channels, controls):
        data = model_data()
        plain = data.dataset.assign_coords(channel=["a", "b"], control=["c\x1fd"])
        other = data.dataset.assign_coords(channel=channels, control=controls)
        assert replace(data, dataset=plain).digest() != replace(data, dataset=other).digest()

    def test_pairs_of_those_differ_too(self):
        data = model_data()
        first = data.dataset.assign_coords(channel=["a", "bc"], control=["d"])
        second = data.dataset.assign_coords(channel=["a", "b"], control=["cd"])
        assert replace(data, dataset=first).digest() != replace(data, dataset=second).digest()

    def test_regions_count(self):
        dataset = to_dataset(panel(), "y", "when", ["tv", "radio"], ["price"], "region")
        scalers = {name: Scaler.fit(dataset[name], "max_abs", name) for name in dataset.data_vars}
        data = ModelData(dataset, scalers, "W-MON")
        renamed = replace(data, dataset=dataset.assign_coords(geo=["a", "c"]))
        assert data.is_panel
        assert renamed.digest() != data.digest()

    def test_how_it_is_held_does_not_count(self):
        data = model_data()
        held = data.dataset.assign_coords(
            date=data.dataset["date"].astype("datetime64[ns]"),
            channel=np.array(data.channels, dtype=object),
        )
        reordered = {name: data.scalers[name] for name in ("controls", "media", "target")}
        assert replace(data, dataset=held, scalers=reordered).digest() == data.digest()


class TestAnyDates:
    @given(start=START, frequency=FREQUENCY, periods=st.integers(10, 40))
    def test_the_frequency_is_found(self, start, frequency, periods):
        dates = pd.date_range(start, periods=periods, freq=frequency)
        assert infer_frequency(dates) == frequency

    @given(
        start=START,
        frequency=FREQUENCY,
        style=st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y-%m-%d 13:05"]),
    )
    def test_text_and_timestamps_are_the_same(self, start, frequency, style):
        dates = pd.Series(pd.date_range(start, periods=5, freq=frequency))
        pd.testing.assert_series_equal(
            parse_dates(dates.dt.strftime(style)), parse_dates(dates), check_names=False
        )

    @given(start=START, frequency=FREQUENCY, gap=st.integers(1, 10))
    def test_any_gap_is_found(self, start, frequency, gap):
        dates = pd.date_range(start, periods=12, freq=frequency)
        with pytest.raises(DataError, match=f"no row for {dates[gap].date()};"):
            infer_frequency(dates.delete(gap))

    @settings(max_examples=25)
    @given(start=START, frequency=FREQUENCY, seed=st.integers(0, 99))
    @pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
    def test_any_order_of_rows_is_the_same_client(self, start, frequency, seed):
        rows = table(10, frequency, start)
        shuffled = rows.sample(frac=1, random_state=seed)
        shuffled["when"] = shuffled["when"].dt.strftime("%Y-%m-%d")
        roles = {"target_name": "y", "date_column": "when", "channel_names": ["tv", "radio"]}
        digests = [ClientConfig(data, **roles).model_data.digest() for data in (rows, shuffled)]
        assert digests[0] == digests[1]
