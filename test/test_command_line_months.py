"""The command line from month to month: what carries on from the fit before, and what does not."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from client_examples import SHOP, files_of, write_client
from fits import FakeSampler

from pymc_toolkit import PymcModel
from pymc_toolkit.cli import main
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.refresh import RefreshRecord

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")

FIRST, SECOND, THIRD = 52, 56, 60


class Shop:
    """A client on disk, whose data are those of a month."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = write_client(folder)
        self.table = pd.read_csv(self.data)
        self._capsys = capsys

    @property
    def data(self) -> Path:
        return self.file.parent / "data" / "shop.csv"

    @property
    def saved(self) -> Path:
        return self.file.parent / "output" / "shop-co.nc"

    @property
    def previous(self) -> Path:
        return self.saved.with_name("shop-co.previous.nc")

    def set(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def run(self, command: str = "fit", weeks: int | pd.DataFrame = FIRST) -> dict[str, Any]:
        table = self.table.head(weeks) if isinstance(weeks, int) else weeks
        table.to_csv(self.data, index=False)
        main([command, "--json", str(self.file)])
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert answer["error"] is None, answer["error"]
        return answer

    def corrected(self, weeks: int, rows: slice) -> pd.DataFrame:
        table = self.table.head(weeks).copy()
        table.loc[table.index[rows], "revenue"] *= 1.01
        return table


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, capsys)


@pytest.fixture
def sampler(fake_sampler) -> FakeSampler:
    return fake_sampler()


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[PymcModel]:
    """Models that a report was asked of; none is written."""
    models: list[PymcModel] = []

    def client_report(model: PymcModel, output_html: Path, **_: Any) -> Path:
        models.append(model)
        return output_html

    monkeypatch.setattr(PymcModel, "client_report", client_report)
    return models


def roi(answer: dict[str, Any]) -> pd.Series:
    return pd.DataFrame(answer["results"]["roi"]).set_index("channel")["roi"]


def change(answer: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(answer["results"]["refresh"]["roi"]).set_index("channel")


def same_model(one: PymcModel, other: PymcModel) -> bool:
    return (
        one.config.model_data.digest() == other.config.model_data.digest()
        and one.spec == other.spec
        and one.idata["posterior"].to_dataset().equals(other.idata["posterior"].to_dataset())
    )


class TestTheNextMonth:
    def test_carries_on_from_the_one_before(self, shop, sampler, caplog):
        first = shop.run()
        assert first["results"]["refresh"] is None
        assert first["results"]["fitted_anew"] is None
        with caplog.at_level(logging.INFO, "pymc_toolkit.command_line"):
            second = shop.run(weeks=SECOND)
        results = second["results"]
        assert (results["reused"], results["fitted_anew"]) == (False, None)
        assert results["refresh"]["periods_added"] == SECOND - FIRST
        assert results["refresh"]["periods_restated"] == 0
        assert results["refresh"]["last_date"] == shop.table["date_week"].iloc[SECOND - 1]
        pd.testing.assert_series_equal(change(second)["roi_before"], roi(first), check_names=False)
        pd.testing.assert_series_equal(change(second)["roi_after"], roi(second), check_names=False)
        assert caplog.text.count("refreshing the fit") == 1
        assert "not used" not in caplog.text

    def test_is_what_refresh_makes_of_it(self, shop, sampler):
        shop.run()
        expected = PymcModel.load(shop.saved)
        restated = shop.corrected(SECOND, slice(10, 12))
        expected.refresh(restated.iloc[10:], progressbar=False)
        shop.run(weeks=restated)
        found = PymcModel.load(shop.saved)
        assert same_model(found, expected)
        (record,), (wanted,) = found.refresh_history, expected.refresh_history
        assert (record.periods_added, record.periods_restated) == (4, 2)
        assert record.first_date == wanted.first_date
        pd.testing.assert_frame_equal(record.roi, wanted.roi)

    def test_a_report_in_a_process_of_its_own_tells_it(self, shop, sampler, reported):
        shop.run()
        shop.run(weeks=SECOND)
        answer = shop.run("report", SECOND)
        # Two fits, and a holdout.
        assert len(sampler.calls) == 3
        assert answer["results"]["reused"] is True
        (record,) = reported[0].refresh_history
        assert record.periods_added == 4
        assert answer["results"]["refresh"]["periods_added"] == 4

    @pytest.mark.parametrize("command", ["report", "optimize", "fleet"])
    def test_whatever_command_comes_first(self, shop, sampler, reported, command):
        shop.run()
        shop.run(command, SECOND)
        (record,) = PymcModel.load(shop.saved).refresh_history
        assert record.periods_added == 4

    def test_fleets_before_the_fit_are_those_of_the_refreshed_model(self, shop, sampler, reported):
        shop.run()
        main(["fleet", "--quiet", "--fleet", "production", str(shop.file)])
        shop.table.head(SECOND).to_csv(shop.data, index=False)
        main(["fleet", "--quiet", "--fleet", "production", str(shop.file)])
        count = len(sampler.calls)
        shop.run("report", SECOND)
        assert len(sampler.calls) == count + 1
        scale = PymcModel.load(shop.saved).config.model_data.scale("target")
        fleet = ProductionFleet.load(shop.saved.with_name("shop-co.fleet-production.nc"))
        assert float(fleet[0].job.data.scale("target")) == float(scale)

    def test_and_the_one_after_it(self, shop, sampler):
        shop.run()
        second = shop.run(weeks=SECOND)
        third = shop.run(weeks=THIRD)
        assert third["results"]["refresh"]["periods_added"] == THIRD - SECOND
        pd.testing.assert_series_equal(change(third)["roi_before"], roi(second), check_names=False)
        assert len(PymcModel.load(shop.saved).refresh_history) == 2
        assert len(PymcModel.load(shop.previous).refresh_history) == 1

    def test_nothing_but_the_fit_before_is_written_besides(self, shop, sampler):
        shop.run()
        written = files_of(shop.saved.parent)
        shop.run(weeks=SECOND)
        assert files_of(shop.saved.parent) - written == {
            "shop-co.previous.nc",
            "shop-co.previous.nc.key",
        }

    def test_people_are_told(self, shop, sampler, capsys):
        shop.run()
        shop.table.head(SECOND).to_csv(shop.data, index=False)
        main(["fit", "--quiet", str(shop.file)])
        assert "4 periods more, 0 restated" in capsys.readouterr().out

    def test_names_and_unused_columns_may_be_others(self, shop, sampler):
        shop.run()
        text = SHOP.replace('target = "revenue"', 'target = "sales"').replace("Shop &", "SHOP &")
        shop.set(text)
        renamed = shop.table.head(SECOND).rename(columns={"revenue": "sales"}).assign(note="a")
        answer = shop.run(weeks=renamed)
        assert answer["results"]["refresh"]["periods_added"] == 4
        config = PymcModel.load(shop.saved).config
        assert (config.client_name, config.target_name) == ("SHOP & Co", "sales")

    def test_more_draws_are_the_same_model(self, shop, sampler):
        shop.run()
        shop.set(SHOP.replace("draws = 20", "draws = 30"))
        assert shop.run(weeks=SECOND)["results"]["refresh"]["periods_added"] == 4
        assert sampler.calls[-1][2].draws == 30

    def test_a_prior_that_a_test_gave_stays(self, shop, sampler):
        """It was learnt from the data of then, and would be another one now."""
        spent = shop.table[shop.table["channel_1_cost"] > 0]["date_week"].iloc[5]
        test = f"start = {spent}\nend = {spent}\neffect = 100.0\nsigma = 50.0\n"
        shop.set(f'{SHOP}[[experiments]]\nkind = "prior"\nchannel = "channel_1_cost"\n{test}')
        shop.run()
        given = PymcModel.load(shop.saved).spec.prior_overrides
        assert given
        answer = shop.run(weeks=shop.corrected(SECOND, slice(0, 30)))
        assert answer["results"]["fitted_anew"] is None
        assert PymcModel.load(shop.saved).spec.prior_overrides == given


class TestAgainInOneMonth:
    def test_nothing_new_is_not_compared_with_itself(self, shop, sampler):
        shop.run()
        second = shop.run(weeks=SECOND)
        again = shop.run(weeks=SECOND)
        assert len(sampler.calls) == 2
        assert again["results"]["reused"] is True
        assert again["results"]["refresh"] == second["results"]["refresh"]

    def test_a_correction_is_compared_with_the_month_before(self, shop, sampler, tmp_path, capsys):
        """And its result is that of a month that was run once."""
        corrected = shop.corrected(SECOND, slice(50, 54))
        shop.run()
        shop.run(weeks=SECOND)
        twice = shop.run(weeks=corrected)
        assert twice["results"]["refresh"]["periods_added"] == 4
        # Two of the four are new to the month before.
        assert twice["results"]["refresh"]["periods_restated"] == 2
        once = Shop(tmp_path / "once", capsys)
        once.run()
        assert once.run(weeks=corrected)["results"] == twice["results"]
        assert same_model(PymcModel.load(shop.saved), PymcModel.load(once.saved))

    def test_a_correction_in_the_first_month_is_a_first_fit(self, shop, sampler):
        shop.run()
        answer = shop.run(weeks=shop.corrected(FIRST, slice(3, 4)))
        assert len(sampler.calls) == 2
        assert answer["results"]["refresh"] is None
        assert answer["results"]["fitted_anew"] is None
        assert not shop.previous.exists()

    def test_other_costs_count_on_both_sides(self, shop, sampler):
        costs = SHOP.replace("[model]", "cost_per_unit = { channel_1_cost = 2.0 }\n[model]")
        first = shop.run()
        second = shop.run(weeks=SECOND)
        shop.set(costs)
        third = shop.run(weeks=SECOND)
        assert third["results"]["reused"] is True
        factor = pd.Series({"channel_1_cost": 0.5, "channel_2_cost": 1.0})
        for column in ("roi_before", "ci_low_before", "roi_after", "ci_high_after"):
            expected = change(second)[column] * factor
            pd.testing.assert_series_equal(change(third)[column], expected, check_names=False)
        pd.testing.assert_series_equal(change(third)["roi_after"], roi(third), check_names=False)
        later = shop.run(weeks=THIRD)
        pd.testing.assert_series_equal(change(later)["roi_before"], roi(third), check_names=False)
        assert roi(first)["channel_1_cost"] * 0.5 == pytest.approx(
            change(third)["roi_before"]["channel_1_cost"]
        )

    def test_the_fit_of_now_is_found_without_that_before(self, shop, sampler):
        shop.run()
        shop.run(weeks=SECOND)
        shop.previous.unlink()
        assert shop.run(weeks=SECOND)["results"]["reused"] is True


class TestAnotherModel:
    def test_is_fitted_anew_and_says_why(self, shop, sampler, caplog, capsys):
        shop.run()
        shop.set(SHOP.replace("lag_max = 3", "lag_max = 2"))
        answer = shop.run(weeks=SECOND)
        assert "lag_max (3, now 2)" in answer["results"]["fitted_anew"]
        assert answer["results"]["refresh"] is None
        warned = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        (said,) = [line for line in warned if "anew" in line]
        assert "lag_max (3, now 2)" in said
        fresh = sampler.calls[-1][0]
        assert float(fresh.scale("target")) == shop.table["revenue"].head(SECOND).max()

    def test_that_is_taken_back_carries_on(self, shop, sampler):
        first = shop.run()
        shop.set(SHOP.replace("lag_max = 3", "lag_max = 2"))
        shop.run(weeks=SECOND)
        shop.set(SHOP)
        answer = shop.run(weeks=SECOND)
        assert answer["results"]["refresh"]["periods_added"] == 4
        pd.testing.assert_series_equal(change(answer)["roi_before"], roi(first), check_names=False)

    def test_is_what_the_month_after_carries_on_from(self, shop, sampler):
        shop.run()
        shop.set(SHOP.replace("lag_max = 3", "lag_max = 2"))
        second = shop.run(weeks=SECOND)
        third = shop.run(weeks=THIRD)
        pd.testing.assert_series_equal(change(third)["roi_before"], roi(second), check_names=False)

    @pytest.mark.parametrize(
        ("before", "after", "named"),
        [
            ('controls = ["events"]', "", "controls"),
            ("lag_max = 3", 'lag_max = 3\nadstock = "delayed"', "adstock (geometric, now delayed)"),
            ("lag_max = 3", 'lag_max = 3\ntarget_scaler = "none"', "target_scaler"),
            (
                "[sampling]",
                '[model.priors.intercept]\ndist = "HalfNormal"\nkwargs = { sigma = 2 }\n[sampling]',
                "priors",
            ),
            (
                "[sampling]",
                '[[experiments]]\nchannel = "channel_1_cost"\nlevel = 10.0\n'
                "spend_change = 5.0\neffect = 100.0\nsigma = 50.0\n[sampling]",
                "experiments",
            ),
        ],
    )
    def test_by_any_setting(self, shop, sampler, before, after, named):
        shop.run()
        shop.set(SHOP.replace(before, after))
        assert named in shop.run(weeks=SECOND)["results"]["fitted_anew"]


class TestOtherData:
    def test_without_earlier_periods(self, shop, sampler):
        shop.run()
        answer = shop.run(weeks=shop.table.iloc[4:SECOND])
        said = answer["results"]["fitted_anew"]
        assert f"without 4 periods that it was made of, the first of them {'2'}" in said
        assert sampler.calls[-1][0].n_periods == SECOND - 4

    @pytest.mark.parametrize(
        ("column", "factor", "named"),
        [
            ("revenue", 1000, "the target"),
            ("channel_2_cost", 0.01, "media 'channel_2_cost'"),
            ("events", 100, "controls 'events'"),
        ],
    )
    def test_in_another_unit(self, shop, sampler, column, factor, named):
        shop.run()
        table = shop.table.head(SECOND).assign(**{column: shop.table[column] * factor})
        answer = shop.run(weeks=table)
        assert named in answer["results"]["fitted_anew"]
        largest = table[column].max()
        role = {"revenue": "target", "events": "controls"}.get(column, "media")
        assert np.isclose(sampler.calls[-1][0].scale(role), largest).any()

    def test_that_grew_keep_their_scale(self, shop, sampler):
        shop.run()
        table = shop.table.head(SECOND).copy()
        table.loc[table.index[-1], "channel_1_cost"] = 2 * table["channel_1_cost"].max()
        assert shop.run(weeks=table)["results"]["fitted_anew"] is None
        first, second = (call[0].scale("media") for call in sampler.calls)
        assert first.equals(second)

    def test_a_channel_that_went_on_air_gets_its_first_scale(self, shop, sampler):
        table = shop.table.copy()
        table.loc[table.index[:FIRST], "channel_2_cost"] = 0
        shop.run(weeks=table.head(FIRST))
        assert shop.run(weeks=table.head(SECOND))["results"]["fitted_anew"] is None
        assert sampler.calls[-1][0].scaled("media").max() <= 1

    def test_that_are_those_of_the_month_before(self, shop, sampler):
        shop.run()
        shop.run(weeks=SECOND)
        answer = shop.run(weeks=FIRST)
        assert answer["results"]["refresh"] is None
        assert sampler.calls[-1][0].n_periods == FIRST


class TestWhatGoesWrong:
    def test_a_fit_that_fails_costs_nothing(self, shop, sampler, monkeypatch):
        first = shop.run()
        folder = shop.saved.parent
        before = {name: (folder / name).read_bytes() for name in files_of(folder)}
        with monkeypatch.context() as patch:

            def fail(*_: Any, **__: Any) -> None:
                raise MemoryError("no memory")

            patch.setattr(BayesianEngine, "fit", fail)
            shop.table.head(SECOND).to_csv(shop.data, index=False)
            assert main(["fit", "--quiet", str(shop.file)]) == 1
        assert {name: (folder / name).read_bytes() for name in files_of(folder)} == before
        shop._capsys.readouterr()
        answer = shop.run(weeks=SECOND)
        pd.testing.assert_series_equal(change(answer)["roi_before"], roi(first), check_names=False)

    def test_nor_one_that_cannot_be_written(self, shop, sampler, monkeypatch):
        shop.run()
        before = shop.saved.read_bytes()
        with monkeypatch.context() as patch:

            def full(*_: Any) -> None:
                raise OSError("no space left on device")

            patch.setattr(PymcModel, "save", full)
            shop.table.head(SECOND).to_csv(shop.data, index=False)
            assert main(["fit", "--quiet", str(shop.file)]) == 1
        assert shop.saved.read_bytes() == before
        shop._capsys.readouterr()
        assert shop.run(weeks=SECOND)["results"]["refresh"]["periods_added"] == 4

    def test_nor_an_end_before_its_note_is_written(self, shop, sampler):
        first = shop.run()
        shop.run(weeks=SECOND)
        shop.saved.with_name("shop-co.nc.key").unlink()
        answer = shop.run(weeks=SECOND)
        assert answer["results"]["reused"] is False
        pd.testing.assert_series_equal(change(answer)["roi_before"], roi(first), check_names=False)

    def test_a_file_that_was_changed_is_no_month_before(self, shop, sampler):
        shop.run()
        other = PymcModel.load(shop.saved)
        other.config.client_name = "other"
        other.save(shop.saved)
        answer = shop.run(weeks=SECOND)
        assert answer["results"]["refresh"] is None
        assert not shop.previous.exists()

    def test_a_file_of_another_layout_is_none_either(self, shop, sampler, monkeypatch):
        shop.run()
        monkeypatch.setattr("pymc_toolkit.storage._LAYOUT", 99)
        assert shop.run(weeks=SECOND)["results"]["refresh"] is None

    def test_other_versions_carry_on(self, shop, sampler, monkeypatch):
        shop.run()
        shop.run(weeks=SECOND)
        monkeypatch.setattr("pymc_toolkit.fleets.job.__version__", "99")
        answer = shop.run(weeks=SECOND)
        assert answer["results"]["reused"] is False
        assert answer["results"]["refresh"]["periods_added"] == 4

    def test_each_client_carries_on_for_itself(self, tmp_path, sampler, capsys):
        files = [
            write_client(
                tmp_path,
                SHOP.replace("Shop & Co", name).replace("shop.csv", f"{name}.csv"),
                f"{name}.toml",
                seed,
            )
            for seed, name in enumerate(("one", "two"))
        ]
        paths = [tmp_path / "data" / f"{name}.csv" for name in ("one", "two")]
        tables = [pd.read_csv(path) for path in paths]
        for path, table in zip(paths, tables, strict=True):
            table.head(FIRST).to_csv(path, index=False)
        main(["fit", "--json", *map(str, files)])
        capsys.readouterr()
        tables[0].head(SECOND).to_csv(paths[0], index=False)
        tables[1].iloc[2:SECOND].to_csv(paths[1], index=False)
        main(["fit", "--json", *map(str, files)])
        one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert one["results"]["refresh"]["periods_added"] == 4
        assert two["results"]["refresh"] is None
        assert "without 2 periods" in two["results"]["fitted_anew"]


def test_a_channel_that_was_not_bought_has_no_returns_to_compare():
    columns = ["roi_before", "ci_low_before", "ci_high_before"]
    columns += [name.replace("before", "after") for name in columns]
    index = pd.Index(["tv", "views", "mail"], name="channel")
    table = pd.DataFrame(1.0, index=index, columns=columns)
    record = RefreshRecord("2024-01-01", "2024-03-25", 4, 0, table)
    found = record.at_costs({"views": 0.5, "mail": None}, {"views": 2.0, "tv": None})
    assert found.roi.loc["tv"].isna().all()
    assert found.roi.loc["mail"].isna().all()
    assert (found.roi.loc["views"] == 0.25).all()
    assert (record.roi == 1.0).all(axis=None)
