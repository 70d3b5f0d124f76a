"""One client: roles, scalers, log lines, later periods and refreshes."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import ColumnError, DataError, DataWarning, SpecificationError
from pymc_toolkit.simulate import simulate_ms

N = 30
MONDAYS = pd.date_range("2024-01-01", periods=N + 10, freq="W-MON")
LOGGER = "pymc_toolkit.client_config"


def weeks(start: int = 0, stop: int = N, **columns: object) -> pd.DataFrame:
    """Rows of one long good table, with some columns replaced."""
    rng = np.random.default_rng(0)
    size = len(MONDAYS)
    good = pd.DataFrame(
        {
            "date": MONDAYS,
            "y": rng.uniform(50, 100, size).round(2),
            "tv": rng.integers(0, 9, size),
            "radio": rng.uniform(0, 9, size),
            "price": rng.normal(size=size),
        }
    )
    return good.iloc[start:stop].reset_index(drop=True).assign(**columns)


def regions(start: int = 0, stop: int = N, names: tuple[str, ...] = ("north", "south")):
    """The same weeks in each region, the second twice as large."""
    parts = []
    for i, name in enumerate(names):
        part = weeks(start, stop, region=name)
        part[["y", "tv", "radio"]] *= i + 1
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def client(data: pd.DataFrame | None = None, **options: object) -> ClientConfig:
    """A client from a table like those above."""
    defaults = {
        "target_name": "y",
        "date_column": "date",
        "channel_names": ["tv", "radio"],
        "control_names": ["price"],
    }
    return ClientConfig(weeks() if data is None else data, **{**defaults, **options})


def ms_client() -> ClientConfig:
    """The flagship client."""
    ms = simulate_ms()
    return ClientConfig(ms.data, ms.target_name, ms.date_column, ms.channel_names, ms.control_names)


class TestScaling:
    def test_max_abs_is_the_default_for_every_role(self):
        config = client()
        for values in (config.channels(), config.controls(), config.target(scaled=True)):
            np.testing.assert_allclose(np.abs(values).max("date"), 1.0)
        assert {scaler.method for scaler in config.model_data.scalers.values()} == {"max_abs"}

    def test_scale_data_false_leaves_everything_as_it_is(self):
        config, table = client(scale_data=False), weeks()
        np.testing.assert_array_equal(config.channels(), table[["tv", "radio"]])
        np.testing.assert_array_equal(config.controls(), table[["price"]])
        np.testing.assert_array_equal(config.target(scaled=True), table["y"])
        np.testing.assert_array_equal(config.covariates().iloc[:, 1:], table.iloc[:, 2:])

    @pytest.mark.parametrize("method", ["min_max", "standard", "none"])
    def test_a_method_for_controls_moves_no_other_role(self, method):
        config = client(control_scaler=method)
        xr.testing.assert_identical(config.channels(), client().channels())
        assert config.model_data.scalers["controls"].method == method
        assert not np.allclose(config.controls(), client().controls())

    @pytest.mark.parametrize("option", ["target_scaler", "channel_scaler"])
    def test_a_method_that_moves_zero_is_refused(self, option):
        with pytest.raises(SpecificationError, match=r"'standard' for the .*zero must stay zero"):
            client(**{option: "standard"})

    @pytest.mark.parametrize(
        ("variable", "method"),
        [("target", "target"), ("media", "channels"), ("controls", "controls")],
    )
    @pytest.mark.parametrize("scaler", ["max_abs", "none"])
    def test_the_inverse_brings_original_units_back(self, variable, method, scaler):
        config = client(target_scaler=scaler, channel_scaler=scaler, control_scaler="standard")
        read = getattr(config, method)
        back = config.inverse_scaler(variable)(read(scaled=True))
        xr.testing.assert_allclose(back, read(scaled=False))
        xr.testing.assert_identical(read(scaled=False), config.model_data.dataset[variable])

    def test_an_unknown_variable_has_no_inverse(self):
        with pytest.raises(
            SpecificationError, match="'channels'; expected one of 'target', 'media'"
        ):
            client().inverse_scaler("channels")

    def test_covariates_are_what_the_model_sees(self):
        config = client()
        covariates = config.covariates()
        assert list(covariates) == ["date", "tv", "radio", "price"]
        assert list(covariates["date"]) == list(MONDAYS[:N])
        np.testing.assert_array_equal(covariates[["tv", "radio"]], config.channels())
        np.testing.assert_array_equal(covariates["price"], config.controls()[:, 0])

    def test_covariates_without_controls(self):
        assert client(control_names=None).covariates().shape == (N, 3)


class TestOptions:
    def test_no_channels(self):
        with pytest.raises(SpecificationError, match="no channel_names"):
            client(channel_names=[])

    def test_columns_keep_the_users_order(self):
        config = client(channel_names=["radio", "tv"])
        assert config.model_data.channels == ["radio", "tv"]
        np.testing.assert_array_equal(config.channels(scaled=False)[:, 0], weeks()["radio"])
        assert config.used_columns == ["date", "y", "radio", "tv", "price"]

    def test_costs_of_units(self):
        assert client(cost_per_unit={"tv": 2, "radio": None}).cost_per_unit == {
            "tv": 2,
            "radio": None,
        }

    @pytest.mark.parametrize("cost", [0, -1, np.inf, np.nan, "3"])
    def test_impossible_costs_are_refused(self, cost):
        with pytest.raises(SpecificationError, match=f"{cost!r} for 'tv'"):
            client(cost_per_unit={"tv": cost})

    def test_costs_of_what_is_not_a_channel(self):
        with pytest.raises(ColumnError, match="'price', which is not a channel.*'tv', 'radio'"):
            client(cost_per_unit={"price": 1})


class TestLogLines:
    def test_loading(self, caplog):
        caplog.set_level(logging.INFO, logger=LOGGER)
        ms_client()
        assert caplog.record_tuples == [
            (LOGGER, logging.INFO, "Target variable scaled using MaxAbsScaler."),
            (LOGGER, logging.INFO, "Channel variables scaled using MaxAbsScaler."),
            (LOGGER, logging.INFO, "Control variables scaled using MaxAbsScaler."),
            (LOGGER, logging.INFO, "Client data loaded for 'client0' with 161 rows."),
        ]

    def test_reading(self, caplog):
        config = ms_client()
        caplog.set_level(logging.INFO, logger=LOGGER)
        caplog.clear()
        config.channels()
        assert caplog.messages == ["Returning channels in scaled form."]
        caplog.clear()
        covariates = config.covariates()
        assert covariates.shape == (161, 16)
        assert caplog.messages[-1] == "Covariates DataFrame constructed with shape (161, 16)."

    def test_the_clients_name_and_other_scalers(self, caplog):
        caplog.set_level(logging.INFO, logger=LOGGER)
        client(client_name="Ümläut % {0}", control_scaler="standard")
        assert "Control variables scaled using StandardScaler." in caplog.messages
        assert caplog.messages[-1] == f"Client data loaded for 'Ümläut % {{0}}' with {N} rows."

    def test_nothing_is_said_to_be_scaled_when_nothing_is(self, caplog):
        caplog.set_level(logging.INFO, logger=LOGGER)
        client(scale_data=False)
        assert not [message for message in caplog.messages if "scaled using" in message]


class TestCallersTable:
    @pytest.fixture
    def odd(self) -> pd.DataFrame:
        """A table that needs every kind of conversion: unsorted, text dates, odd types."""
        frame = weeks(note="?", gap=np.nan).iloc[::-1]
        frame["date"] = frame["date"].dt.strftime("%Y-%m-%d")
        frame["tv"] = frame["tv"].astype("Int64")
        frame["price"] = (frame["price"] > 0).astype(object)
        frame.index = pd.Index([f"r{i % 3}" for i in range(N)], name="date")
        return frame

    def test_reading_changes_nothing(self, odd):
        before = odd.copy(deep=True)
        with pytest.warns(DataWarning, match="not sorted"):
            client(odd).covariates()
        pd.testing.assert_frame_equal(odd, before)
        assert odd.index.name == "date"

    def test_later_periods_and_refreshes_change_nothing(self, odd):
        config = client(weeks(note="?", gap=np.nan))
        later = odd.assign(date=weeks(8, 8 + N)["date"].to_numpy()[::-1])
        before = later.copy(deep=True)
        with pytest.warns(DataWarning, match="not sorted"):
            config.refreshed(later)
        later["date"] = weeks(N, N + 10)["date"].to_numpy()[np.arange(N) % 10]
        future = later.iloc[:10]
        future_before = future.copy(deep=True)
        config.future(future)
        pd.testing.assert_frame_equal(later.drop(columns="date"), before.drop(columns="date"))
        pd.testing.assert_frame_equal(future, future_before)

    def test_changing_the_table_afterwards_changes_no_client(self):
        table = weeks()
        config = client(table)
        before = config.model_data.digest()
        table.loc[:, "tv"] = 1_000
        table["y"] = 0.0
        assert config.model_data.digest() == before
        assert float(config.channels(scaled=False).max()) < 1_000

    def test_changing_the_clients_own_table_changes_no_model_data(self):
        config = client()
        before = config.model_data.digest()
        config.table.loc[0, "y"] = 1e6
        assert config.model_data.digest() == before

    def test_changing_the_list_of_names_afterwards_changes_no_client(self):
        names = ["tv", "radio"]
        config = client(channel_names=names)
        names.append("price")
        assert config.channel_names == ["tv", "radio"]


class TestFuture:
    def test_later_periods_have_the_clients_scale_and_no_target(self):
        config = client()
        later = config.future(weeks(N, N + 10, tv=5_000))
        assert list(later.dates) == list(MONDAYS[N:])
        assert later.scalers is config.model_data.scalers
        scale = float(config.model_data.scale("media").sel(channel="tv"))
        np.testing.assert_allclose(later.scaled("media").sel(channel="tv"), 5_000 / scale)
        assert later.dataset["target"].isnull().all()

    def test_the_target_is_not_needed(self):
        config, later = client(), weeks(N, N + 3)
        expected = config.future(later).digest()
        assert config.future(later.drop(columns="y")).digest() == expected
        assert config.future(later.assign(y="unknown")).digest() == expected

    def test_a_single_period_and_text_dates_do(self):
        later = weeks(N, N + 1)
        later["date"] = later["date"].dt.strftime("%Y-%m-%d")
        assert client().future(later).n_periods == 1

    def test_a_constant_plan_is_no_reason_to_warn(self, recwarn):
        client().future(weeks(N, N + 5, tv=0))
        assert not [warning for warning in recwarn if warning.category is DataWarning]

    def test_unsorted_rows_are_sorted_with_a_warning(self):
        with pytest.warns(DataWarning, match="not sorted"):
            later = client().future(weeks(N, N + 5).iloc[::-1])
        np.testing.assert_array_equal(later.dataset["media"][:, 0], weeks(N, N + 5)["tv"])

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            (weeks(N - 2, N + 3), "2024-07-15, 2024-07-22 in the new data, which overlaps"),
            (weeks(N + 1, N + 5), "without 2024-07-29"),
            (weeks(N, N + 5).drop(index=2), "without 2024-08-12"),
            (weeks(N, N + 5).iloc[[0, 0, 1]], "more than one row for 2024-07-29"),
            (weeks(N, N + 5, tv=-1), "Got -1 in rows 0, 1, 2, 3, 4 of channel 'tv'"),
            (weeks(N, N + 5, price=np.nan), "no value in rows 0, 1, 2, 3, 4 of 'price'"),
            (weeks(N, N + 5, radio="9"), "text in 'radio'"),
            (weeks(N, N), "0 rows"),
            (
                weeks(N, N + 2, date=MONDAYS[N : N + 2] + pd.Timedelta(days=1)),
                r"from 2024-07-30 .*expected every period \(W-MON\) from 2024-07-29",
            ),
        ],
        ids=["overlap", "late", "gap", "twice", "negative", "nan", "text", "empty", "tuesdays"],
    )
    def test_refused(self, table, message):
        with pytest.raises(DataError, match=message):
            client().future(table)

    @pytest.mark.parametrize("data", [None, {"date": []}, [1, 2]])
    def test_refuses_what_is_not_a_table(self, data):
        with pytest.raises(DataError, match="expected a pandas DataFrame"):
            client().future(data)

    def test_lacking_and_unknown_columns(self):
        later = weeks(N, N + 5)
        with pytest.raises(ColumnError, match="new data without 'tv', 'price'; expected every"):
            client().future(later.drop(columns=["tv", "price"]))
        with pytest.raises(ColumnError, match="new data with 'tiktok', which"):
            client().future(later.assign(tiktok=1))

    def test_columns_that_the_client_had_but_did_not_use_are_fine(self):
        config = client(weeks(note="x"))
        assert config.future(weeks(N, N + 2, note=1.0)).n_periods == 2
        assert config.future(weeks(N, N + 2)).n_periods == 2


class TestRefreshed:
    def test_further_periods_are_added(self):
        config = client()
        refreshed = config.refreshed(weeks(N, N + 4))
        assert list(refreshed.model_data.dates) == list(MONDAYS[: N + 4])
        np.testing.assert_array_equal(refreshed.target(), weeks(0, N + 4)["y"])

    def test_restating_the_middle_keeps_the_order(self, recwarn):
        restated = weeks(10, 13, y=[1.0, 2.0, 3.0], tv=[0, 0, 1])
        refreshed = client().refreshed(restated)
        expected = weeks()
        expected.loc[10:12, "y"] = [1.0, 2.0, 3.0]
        expected.loc[10:12, "tv"] = [0, 0, 1]
        np.testing.assert_array_equal(refreshed.target(), expected["y"])
        np.testing.assert_array_equal(refreshed.channels(scaled=False), expected[["tv", "radio"]])
        assert list(refreshed.table["date"]) == list(MONDAYS[:N])
        assert not [warning for warning in recwarn if warning.category is DataWarning]

    def test_restating_and_adding_at_once_is_the_whole_table_at_once(self):
        refreshed = client().refreshed(weeks(20, N + 6), rescale=True)
        assert refreshed.model_data.digest() == client(weeks(0, N + 6)).model_data.digest()

    def test_earlier_periods_go_in_front(self):
        refreshed = client(weeks(5, N)).refreshed(weeks(0, 5), rescale=True)
        assert refreshed.model_data.digest() == client().model_data.digest()

    def test_the_client_itself_is_left_as_it_was(self):
        config = client()
        before, table = config.model_data.digest(), config.table.copy(deep=True)
        config.refreshed(weeks(10, N + 4, y=range(N - 6)), rescale=True)
        assert config.model_data.digest() == before
        pd.testing.assert_frame_equal(config.table, table)

    def test_a_scaled_unit_stays_what_it_was(self):
        config = client()
        refreshed = config.refreshed(weeks(N, N + 4, tv=[500, 1, 2, 3]))
        for variable in ("target", "media", "controls"):
            xr.testing.assert_identical(
                refreshed.model_data.scale(variable), config.model_data.scale(variable)
            )
        assert float(refreshed.channels().max()) > 1

    def test_unless_rescale_is_asked_for(self):
        refreshed = client().refreshed(weeks(N, N + 4, tv=[500, 1, 2, 3]), rescale=True)
        assert float(refreshed.model_data.scale("media").sel(channel="tv")) == 500
        np.testing.assert_allclose(refreshed.channels().max("date"), 1.0)

    def test_a_refreshed_client_can_be_refreshed_again(self):
        twice = client().refreshed(weeks(N, N + 4)).refreshed(weeks(N + 2, N + 8))
        np.testing.assert_array_equal(twice.target(), weeks(0, N + 8)["y"])
        assert twice.future(weeks(N + 8, N + 10)).n_periods == 2

    def test_the_same_rows_change_nothing(self):
        assert client().refreshed(weeks()).model_data.digest() == client().model_data.digest()

    def test_text_dates_restate_the_same_weeks(self):
        again = weeks(5, 8, y=1.0)
        again["date"] = again["date"].dt.strftime("%Y-%m-%d")
        refreshed = client().refreshed(again)
        assert refreshed.model_data.n_periods == N
        np.testing.assert_array_equal(refreshed.target()[5:8], 1.0)

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            (weeks(N + 2, N + 5), "gap: no row for 2024-07-29, 2024-08-05"),
            (weeks(N, N + 5).drop(index=2), "gap: no row for 2024-08-12"),
            (weeks(N, N + 3).iloc[[0, 1, 1]], "more than one row for 2024-08-05"),
            (
                weeks(N, N + 2, date=MONDAYS[N : N + 2] + pd.Timedelta(days=1)),
                "off the W-MON rhythm: 2024-07-30, 2024-08-06",
            ),
            (weeks(N, N + 3, y=[1.0, np.nan, 2.0]), "no value in row 1 of 'y'"),
            (weeks(N, N + 3, tv=[1, 2, -3]), "Got -3 in row .* of channel 'tv'"),
        ],
        ids=["late", "gap", "twice", "tuesdays", "nan", "negative"],
    )
    def test_refused(self, table, message):
        config = client()
        before = config.model_data.digest()
        with pytest.raises(DataError, match=message):
            config.refreshed(table)
        assert config.model_data.digest() == before

    def test_lacking_and_unknown_columns(self):
        with pytest.raises(ColumnError, match="new data without 'y'"):
            client().refreshed(weeks(N, N + 5).drop(columns="y"))
        with pytest.raises(ColumnError, match="new data with 'tiktok'"):
            client().refreshed(weeks(N, N + 5, tiktok=1))

    def test_the_log_counts_new_rows(self, caplog):
        config = client(client_name="shop")
        caplog.set_level(logging.INFO, logger=LOGGER)
        config.refreshed(weeks(20, N + 4))
        assert "Client data of 'shop' refreshed: 34 rows, 4 of them new." in caplog.messages


class TestRegions:
    def test_arrays_have_a_geo_dim_and_a_scale_for_each_region(self):
        config = client(regions(), geo_column="region")
        assert config.model_data.is_panel
        assert config.channels().dims == ("date", "geo", "channel")
        assert config.target().sizes == {"date": N, "geo": 2}
        np.testing.assert_allclose(config.channels().max("date"), 1.0)
        np.testing.assert_allclose(
            config.target().sel(geo="south"), 2 * config.target().sel(geo="north")
        )

    def test_covariates_have_a_row_for_each_date_and_region(self):
        config = client(regions(), geo_column="region")
        table = config.covariates()
        assert list(table.columns) == ["date", "region", "tv", "radio", "price"]
        south = table[table["region"] == "south"]
        np.testing.assert_array_equal(south["date"], config.model_data.dates)
        np.testing.assert_array_equal(
            south["radio"], config.channels().sel(geo="south", channel="radio")
        )
        np.testing.assert_array_equal(
            south["price"], config.controls().sel(geo="south", control="price")
        )

    def test_later_periods_continue_the_same_regions(self):
        config = client(regions(), geo_column="region")
        later = config.future(regions(N, N + 5).iloc[::-1].sort_values("date"))
        whole = config.model_data.followed_by(later)
        assert whole.dataset.sizes == {"date": N + 5, "geo": 2, "channel": 2, "control": 1}
        np.testing.assert_array_equal(
            whole.dataset["media"].sel(geo="south", channel="radio"),
            2 * weeks(0, N + 5)["radio"],
        )

    def test_later_periods_of_other_regions_are_refused(self):
        config = client(regions(), geo_column="region")
        with pytest.raises(DataError, match="region 'west' in 'region'.*'north', 'south'"):
            config.future(regions(N, N + 5, names=("north", "west")))
        with pytest.raises(DataError, match="no row for region 'south' on 2024-07-29"):
            config.future(regions(N, N + 5, names=("north",)))

    def test_one_region_can_be_restated_alone(self):
        config = client(regions(), geo_column="region")
        refreshed = config.refreshed(weeks(3, 5, region="south", y=[1.0, 2.0]))
        np.testing.assert_array_equal(refreshed.target().sel(geo="south")[3:5], [1.0, 2.0])
        xr.testing.assert_identical(
            refreshed.target().sel(geo="north"), config.target().sel(geo="north")
        )

    def test_a_new_period_needs_every_region(self):
        config = client(regions(), geo_column="region")
        with pytest.raises(DataError, match="no row for region 'south' on 2024-07-29"):
            config.refreshed(weeks(N, N + 1, region="north"))

    def test_a_new_region_has_no_scale_that_could_be_kept(self):
        config = client(regions(), geo_column="region")
        more = regions(0, N + 1, names=("north", "south", "west"))
        with pytest.raises(DataError, match="region 'west' in 'region'.*'north', 'south'"):
            config.refreshed(more)
        assert config.refreshed(more, rescale=True).model_data.dataset.sizes["geo"] == 3


class TestStorage:
    @pytest.mark.parametrize("panel", [False, True])
    def test_a_restored_client_is_the_same(self, panel):
        config = client(regions(), geo_column="region") if panel else client(client_name="shop")
        restored = ClientConfig.restore(config.to_dict(), config.model_data)
        pd.testing.assert_frame_equal(restored.table, config.table)
        assert restored.to_dict() == config.to_dict()
        later = regions(N, N + 2) if panel else weeks(N, N + 2)
        assert (
            restored.refreshed(later).model_data.digest()
            == config.refreshed(later).model_data.digest()
        )

    def test_columns_may_be_called_as_dims_are(self):
        names = {"date": "week", "y": "date", "tv": "channel", "radio": "geo", "price": "control"}
        config = ClientConfig(
            weeks().rename(columns=names), "date", "week", ["channel", "geo"], ["control"]
        )
        restored = ClientConfig.restore(config.to_dict(), config.model_data)
        pd.testing.assert_frame_equal(restored.table, config.table)
