"""The command line from month to month: what carries on from the fit before, and what does not."""

from __future__ import annotations

import io
import json
import logging
import shutil
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel_engine
import pytest
from client_examples import SHOP, files_of, write_client
from fits import FakeSampler

from pymc_toolkit import PymcModel, engines
from pymc_toolkit.cli import main
from pymc_toolkit.client_file import read_client_file
from pymc_toolkit.command_line.client_fits import Standing
from pymc_toolkit.command_line.client_models import settings_of
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.health.result import GATES, Health
from pymc_toolkit.refresh import RefreshRecord
from pymc_toolkit.verdicts import Check, Status, Verdict

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")

FIRST, SECOND, THIRD = 52, 56, 60
LAG_2 = SHOP.replace("lag_max = 3", "lag_max = 2")


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    """What a command answers to machines, one client a line."""
    with redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        main([str(arguments[0]), "--json", *map(str, arguments[1:])])
    return [json.loads(line) for line in out.getvalue().splitlines()]


class Shop:
    """A client on disk, whose first month has been run."""

    def __init__(self, folder: Path, first: dict[str, Any], table: pd.DataFrame) -> None:
        self.file, self.first, self.table = folder / "shop.toml", first, table
        self.saved = folder / "output" / "shop-co.nc"
        self.previous = folder / "output" / "shop-co.previous.nc"

    def set(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def give(self, data: int | pd.DataFrame) -> None:
        """Write the first weeks of the client's data, or other data."""
        table = self.table.head(data) if isinstance(data, int) else data
        table.to_csv(self.file.parent / "data" / "shop.csv", index=False)

    def run(self, data: int | pd.DataFrame, *command: str) -> dict[str, Any]:
        self.give(data)
        (answer,) = run(*(command or ("fit",)), self.file)
        return answer

    def standing(self, data: int | pd.DataFrame = SECOND) -> Standing:
        """What a command would fit, before it does."""
        self.give(data)
        return Standing(read_client_file(self.file))

    def corrected(self, weeks: int, rows: slice) -> pd.DataFrame:
        table = self.table.head(weeks).copy()
        table.loc[table.index[rows], "revenue"] *= 1.01
        return table


@pytest.fixture(scope="module")
def first_month(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A client and its first fit. Do not run it: it is shared."""
    folder = tmp_path_factory.mktemp("first")
    file = write_client(folder)
    shop = Shop(folder, {}, pd.read_csv(folder / "data" / "shop.csv"))
    sampler = FakeSampler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BayesianEngine, "fit", lambda _, *args, **more: sampler(*args, **more))
        shop.give(FIRST)
        (answer,) = run("fit", file)
    return Shop(folder, answer, shop.table)


@pytest.fixture
def shop(first_month: Shop, tmp_path: Path) -> Shop:
    return copied(first_month, tmp_path / "shop")


def copied(shop: Shop, folder: Path) -> Shop:
    shutil.copytree(shop.file.parent, folder)
    return Shop(folder, shop.first, shop.table)


@pytest.fixture
def sampler(fake_sampler, monkeypatch: pytest.MonkeyPatch) -> FakeSampler:
    """Made-up draws, of which neither health is asked nor a page is written: that takes longer."""
    health = Health(Verdict([Check(GATES[0], Status.FAIL, "A sentence.")]), pd.DataFrame())
    monkeypatch.setattr(PymcModel, "health", lambda *_: health)
    for fleet in (FleetResult, ProductionFleet):
        monkeypatch.setattr(fleet, "generate_report", lambda _, path: path)
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


def compares(answer: dict[str, Any], earlier: dict[str, Any], factor: Any = 1.0) -> bool:
    """Whether an answer has the returns of an earlier one beside its own."""
    before, after = (change(answer)[f"roi_{when}"] for when in ("before", "after"))
    return bool(np.allclose(before, roi(earlier) * factor) and np.allclose(after, roi(answer)))


def same_model(one: PymcModel, other: PymcModel) -> bool:
    return (
        one.config.model_data.digest() == other.config.model_data.digest()
        and one.spec == other.spec
        and one.idata["posterior"].to_dataset().equals(other.idata["posterior"].to_dataset())
    )


class TestTheNextMonth:
    def test_carries_on_from_the_one_before(self, shop, sampler, caplog):
        for key in ("refresh", "fitted_anew"):
            assert shop.first["results"][key] is None
        written = files_of(shop.saved.parent)
        with caplog.at_level(logging.INFO, "pymc_toolkit.command_line"):
            second = shop.run(SECOND)
        results = second["results"]
        assert (results["reused"], results["fitted_anew"]) == (False, None)
        refresh = results["refresh"]
        assert refresh["periods_added"] == SECOND - FIRST
        assert refresh["periods_restated"] == 0
        assert refresh["last_date"] == shop.table["date_week"].iloc[SECOND - 1]
        assert compares(second, shop.first)
        assert caplog.text.count("refreshing the fit") == 1
        assert "not used" not in caplog.text
        assert files_of(shop.saved.parent) - written == {
            "shop-co.previous.nc",
            "shop-co.previous.nc.key",
        }

    def test_is_what_refresh_makes_of_it(self, shop, sampler):
        expected = PymcModel.load(shop.saved)
        restated = shop.corrected(SECOND, slice(10, 12))
        expected.refresh(restated.iloc[10:], progressbar=False)
        shop.run(restated)
        found = PymcModel.load(shop.saved)
        assert same_model(found, expected)
        (record,), (wanted,) = found.refresh_history, expected.refresh_history
        assert (record.periods_added, record.periods_restated) == (4, 2)
        assert record.first_date == wanted.first_date
        pd.testing.assert_frame_equal(record.roi, wanted.roi)

    def test_a_report_after_the_fit_tells_it(self, shop, sampler, reported):
        shop.run(SECOND)
        answer = shop.run(SECOND, "report")
        # A fit and a holdout.
        assert len(sampler.calls) == 2
        assert answer["results"]["reused"] is True
        (record,) = reported[0].refresh_history
        assert record.periods_added == answer["results"]["refresh"]["periods_added"] == 4

    def test_its_page_has_what_changed(self, shop, fake_sampler):
        fake_sampler()
        answer = shop.run(SECOND, "report")
        page = Path(answer["files"]["report"]).read_text(encoding="utf-8")
        assert "What changed since the last report" in page
        assert "added 4 weeks" in page

    @pytest.mark.parametrize("command", ["report", "optimize", "fleet"])
    def test_whatever_command_comes_first(self, shop, sampler, reported, command):
        shop.run(SECOND, command)
        (record,) = PymcModel.load(shop.saved).refresh_history
        assert record.periods_added == 4

    def test_fleets_before_the_fit_are_those_of_the_refreshed_model(self, shop, sampler, reported):
        table = shop.table.head(SECOND).copy()
        table.loc[table.index[-1], "revenue"] = 2 * table["revenue"].max()
        shop.run(table, "fleet", "--fleet", "production")
        shop.run(table, "report")
        assert len(sampler.calls) == 2
        scale = PymcModel.load(shop.saved).config.model_data.scale("target")
        fleet = ProductionFleet.load(shop.saved.with_name("shop-co.fleet-production.nc"))
        assert float(fleet[0].job.data.scale("target")) == float(scale)

    def test_and_the_one_after_it(self, shop, sampler):
        second, third = shop.run(SECOND), shop.run(THIRD)
        assert third["results"]["refresh"]["periods_added"] == THIRD - SECOND
        assert compares(third, second)
        assert len(PymcModel.load(shop.saved).refresh_history) == 2
        assert len(PymcModel.load(shop.previous).refresh_history) == 1

    def test_people_are_told(self, shop, sampler, capsys):
        shop.give(SECOND)
        main(["fit", "--quiet", str(shop.file)])
        assert "4 periods more, 0 restated" in capsys.readouterr().out
        shop.give(SECOND + 1)
        main(["fit", "--quiet", str(shop.file)])
        assert "1 period more, 0 restated" in capsys.readouterr().out

    def test_names_and_unused_columns_may_be_others(self, shop, sampler):
        text = SHOP.replace('target = "revenue"', 'target = "sales"').replace("Shop &", "SHOP &")
        shop.set(text)
        table = shop.table.head(SECOND).rename(columns={"revenue": "sales"}).assign(note="a")
        assert compares(shop.run(table), shop.first)
        config = PymcModel.load(shop.saved).config
        assert (config.client_name, config.target_name) == ("SHOP & Co", "sales")

    def test_more_draws_are_the_same_model(self, shop, sampler):
        shop.set(SHOP.replace("draws = 20", "draws = 30"))
        assert compares(shop.run(SECOND), shop.first)
        assert sampler.calls[-1][2].draws == 30

    def test_a_prior_that_a_test_gave_stays(self, shop, sampler):
        """It was learnt from the data of then, and would be another one now."""
        start = pd.Timestamp(shop.table[shop.table["channel_1_cost"] > 0]["date_week"].iloc[5])
        end = (start + pd.Timedelta(days=6)).date()
        test = f"start = {start.date()}\nend = {end}\neffect = 100.0\nsigma = 50.0\n"
        shop.set(f'{SHOP}[[experiments]]\nkind = "prior"\nchannel = "channel_1_cost"\n{test}')
        shop.run(FIRST)
        given = PymcModel.load(shop.saved).spec.prior_overrides
        assert given
        restated = shop.table.head(SECOND).copy()
        restated.loc[restated["date_week"] == str(start.date()), "channel_1_cost"] *= 1.5
        standing = shop.standing(restated)
        assert standing.model.spec.prior_overrides == given
        assert standing.fitted().figures["refresh"]["periods_restated"] == 1


class TestAgainInOneMonth:
    def test_nothing_new_is_not_compared_with_itself(self, shop, sampler):
        second, again = shop.run(SECOND), shop.run(SECOND)
        assert len(sampler.calls) == 1
        assert again["results"]["reused"] is True
        assert again["results"]["refresh"] == second["results"]["refresh"]
        # Nor is anything lost with the fit before.
        shop.previous.unlink()
        assert shop.run(SECOND)["results"] == again["results"]

    def test_a_correction_is_compared_with_the_month_before(self, shop, sampler, tmp_path):
        """And its result is that of a month that was run once."""
        once = copied(shop, tmp_path / "once")
        corrected = shop.corrected(SECOND, slice(50, 54))
        shop.run(SECOND)
        twice = shop.run(corrected)
        assert twice["results"]["refresh"]["periods_added"] == 4
        # Two of the four are new to the month before.
        assert twice["results"]["refresh"]["periods_restated"] == 2
        assert once.run(corrected)["results"] == twice["results"]
        assert same_model(PymcModel.load(shop.saved), PymcModel.load(once.saved))

    def test_a_correction_in_the_first_month_is_a_first_fit(self, shop, sampler):
        answer = shop.run(shop.corrected(FIRST, slice(3, 4)))
        assert len(sampler.calls) == 1
        assert answer["results"]["refresh"] is None
        assert answer["results"]["fitted_anew"] is None
        assert not shop.previous.exists()

    def test_other_costs_count_on_both_sides(self, shop, sampler):
        second = shop.run(SECOND)
        shop.set(SHOP.replace("[model]", "cost_per_unit = { channel_1_cost = 2.0 }\n[model]"))
        again = shop.run(SECOND)
        assert again["results"]["reused"] is True
        factor = pd.Series({"channel_1_cost": 0.5, "channel_2_cost": 1.0})
        assert compares(again, shop.first, factor)
        assert np.allclose(change(again), change(second).mul(factor, axis=0))
        assert compares(shop.run(THIRD), again)

    def test_costs_of_the_new_month_count_in_the_one_before(self, shop, sampler):
        shop.set(SHOP.replace("[model]", "cost_per_unit = { channel_1_cost = 2.0 }\n[model]"))
        factor = pd.Series({"channel_1_cost": 0.5, "channel_2_cost": 1.0})
        assert compares(shop.run(SECOND), shop.first, factor)


class TestAnotherModel:
    def test_is_fitted_anew_and_says_why(self, shop, sampler, caplog):
        shop.set(LAG_2)
        answer = shop.run(SECOND)
        assert "lag_max (3, now 2)" in answer["results"]["fitted_anew"]
        assert answer["results"]["refresh"] is None
        warned = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        (said,) = [line for line in warned if "anew" in line]
        assert "lag_max (3, now 2)" in said
        assert float(sampler.calls[-1][0].scale("target")) == shop.table["revenue"][:SECOND].max()
        # It is what the month after carries on from.
        assert compares(shop.run(THIRD), answer)

    def test_that_is_taken_back_carries_on(self, shop, sampler):
        shop.set(LAG_2)
        shop.run(SECOND)
        shop.set(SHOP)
        assert compares(shop.run(SECOND), shop.first)

    @pytest.mark.parametrize(
        ("before", "after", "named"),
        [
            ('controls = ["events"]', "", "controls"),
            ("lag_max = 3", 'adstock = "delayed"\nlag_max = 3', "adstock (geometric, now delayed)"),
            ("lag_max = 3", "lag_max = 3\ntrend = true", "trend (False, now True)"),
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
    def test_by_any_setting(self, shop, caplog, before, after, named):
        shop.set(SHOP.replace(before, after))
        shop.standing()
        (said,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        assert f"than those of the fit before: {named}." in said

    def test_with_an_option_that_there_was_not_yet(self, shop, caplog):
        """Its default does what was done without it."""
        note = shop.saved.with_name("shop-co.nc.key")
        known = json.loads(note.read_text())
        del known["settings"]["trend"]
        note.write_text(json.dumps(known))
        shop.standing()
        assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == []
        shop.set(SHOP.replace("lag_max = 3", "lag_max = 3\ntrend = 2"))
        shop.standing()
        assert "trend (False, now 2)" in caplog.text

    def test_is_not_one_by_what_decides_no_fit(self, shop):
        known = settings_of(read_client_file(shop.file))
        for change in ("[output]\nfolder = 'other'", "[optimize]\nhorizon = 3"):
            shop.set(f"{SHOP}\n{change}\n")
            assert settings_of(read_client_file(shop.file)) == known
        shop.set(SHOP.replace("[model]", 'geo_column = "region"\n[model]'))
        assert settings_of(read_client_file(shop.file)) != known


class TestOtherData:
    def refused(self, caplog: pytest.LogCaptureFixture) -> str:
        (said,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        return said

    def test_without_earlier_periods(self, shop, caplog):
        standing = shop.standing(shop.table.iloc[4:SECOND])
        first = shop.table["date_week"].iloc[0]
        said = f"without 4 periods that the fit before had, from {first} on."
        assert said in self.refused(caplog)
        assert standing.model.config.model_data.n_periods == SECOND - 4

    @pytest.mark.parametrize(
        ("column", "role", "factor", "named"),
        [
            ("revenue", "target", 1000, "the target"),
            ("channel_2_cost", "media", 0.01, "media 'channel_2_cost'"),
            ("events", "controls", 100, "controls 'events'"),
        ],
    )
    def test_in_another_unit(self, shop, caplog, column, role, factor, named):
        table = shop.table.head(SECOND)
        table = table.assign(**{column: table[column] * factor})
        fresh = shop.standing(table).model.config.model_data.scale(role)
        assert named in self.refused(caplog)
        assert np.isclose(fresh, table[column].max()).any()

    @pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
    def test_in_another_unit_without_scaling(self, shop, sampler, caplog):
        """What the model sees as it is has a size all the same."""
        shop.set(SHOP.replace("lag_max = 3", "lag_max = 3\nscale_data = false"))
        shop.run(FIRST)
        table = shop.table.head(SECOND)
        caplog.clear()
        anew = shop.run(table.assign(revenue=table["revenue"] * 1000))["results"]["fitted_anew"]
        assert "the target" in anew
        assert shop.run(table)["results"]["refresh"]["periods_restated"] == 0

    def test_that_grew_keep_their_scale(self, shop):
        table = shop.table.head(SECOND).copy()
        table.loc[table.index[-1], "channel_1_cost"] = 2 * table["channel_1_cost"].max()
        kept = shop.standing(table).model.config.model_data
        assert kept.scale("media").equals(shop.standing().model.config.model_data.scale("media"))
        assert float(kept.scaled("media").max()) > 1

    @pytest.mark.filterwarnings("ignore:Channels without any variation")
    def test_a_channel_that_went_on_air_gets_its_first_scale(self, shop, sampler):
        table = shop.table.copy()
        table["channel_2_cost"] = np.where(table.index < FIRST, 0.0, 100.0)
        shop.run(table.head(FIRST))
        data = shop.standing(table.head(SECOND)).model.config.model_data
        assert float(data.scale("media").sel(channel="channel_2_cost")) == 100
        assert float(data.scale("target")) == table["revenue"].iloc[:FIRST].max()

    def test_that_are_those_of_the_month_before(self, shop, sampler):
        shop.run(SECOND)
        answer = shop.run(FIRST)
        assert answer["results"]["refresh"] is None
        assert np.allclose(roi(answer), roi(shop.first))


class TestRegions:
    TEXT = """\
[client]
name = "Shop & Co"
data = "data/shop.csv"
target = "sales"
date_column = "week"
channels = ["tv", "search"]
controls = ["price"]
geo_column = "region"

[model]
engine = "deep"
"""

    @pytest.fixture
    def panel(self, shop, sampler, monkeypatch) -> Shop:
        """A client with regions, whose engine is a small one that goes by the deep one's name."""
        panel_engine.install(monkeypatch)
        small = engines._ENGINES[panel_engine.NAME]
        monkeypatch.setitem(engines._ENGINES, "deep", small)
        shop.set(self.TEXT)
        shop.run(self.weeks(FIRST))
        return shop

    def weeks(self, count: int, regions: Sequence[str] = ("north", "south")) -> pd.DataFrame:
        table = panel_engine.panel_table(SECOND, regions=regions)
        return table[table["week"].isin(table["week"].unique()[:count])]

    def test_carry_on_on_scales_of_their_own(self, panel):
        first = PymcModel.load(panel.saved)
        refresh = panel.run(self.weeks(SECOND))["results"]["refresh"]
        assert (refresh["periods_added"], refresh["periods_restated"]) == (4, 0)
        scales = [m.config.model_data.scale("target") for m in (first, PymcModel.load(panel.saved))]
        assert scales[0].equals(scales[1])

    def test_that_are_new_are_fitted_anew(self, panel, caplog):
        panel.standing(self.weeks(SECOND, ("north", "south", "west")))
        assert "Got region 'west'" in caplog.text

    def test_in_another_unit_are_named(self, panel, caplog):
        table = self.weeks(SECOND)
        table.loc[table["region"] == "south", "tv"] *= 1000
        panel.standing(table)
        assert "media 'south' 'tv'" in caplog.text


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("where", "what"), [(BayesianEngine, "fit"), (PymcModel, "save")], ids=["fit", "save"]
    )
    def test_a_fit_that_fails_costs_nothing(self, shop, sampler, monkeypatch, where, what):
        before = shop.saved.read_bytes(), shop.saved.with_name("shop-co.nc.key").read_bytes()

        def fail(*_: Any, **__: Any) -> None:
            raise OSError("no space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(where, what, fail)
            assert shop.run(SECOND)["exit_code"] == 1
        after = shop.saved.read_bytes(), shop.saved.with_name("shop-co.nc.key").read_bytes()
        assert after == before
        assert compares(shop.run(SECOND), shop.first)

    def test_an_end_before_the_note_is_written_neither(self, shop, sampler):
        shop.run(SECOND)
        shop.saved.with_name("shop-co.nc.key").unlink()
        answer = shop.run(SECOND)
        assert answer["results"]["reused"] is False
        assert compares(answer, shop.first)

    def test_a_file_that_was_changed_is_no_month_before(self, shop, sampler):
        other = PymcModel.load(shop.saved)
        other.config.client_name = "other"
        other.save(shop.saved)
        assert shop.run(SECOND)["results"]["refresh"] is None
        assert not shop.previous.exists()

    def test_a_file_of_another_layout_is_none_either(self, shop, monkeypatch, caplog):
        monkeypatch.setattr("pymc_toolkit.storage._LAYOUT", 99)
        with caplog.at_level(logging.INFO, "pymc_toolkit.command_line"):
            data = shop.standing().model.config.model_data
        assert "of layout 1" in caplog.text
        assert float(data.scale("target")) == shop.table["revenue"][:SECOND].max()

    def test_other_versions_carry_on(self, shop, sampler, monkeypatch):
        shop.run(SECOND)
        monkeypatch.setattr("pymc_toolkit.fleets.job.__version__", "99")
        answer = shop.run(SECOND)
        assert answer["results"]["reused"] is False
        assert compares(answer, shop.first)

    def test_each_client_carries_on_for_itself(self, shop, sampler, tmp_path):
        other = copied(shop, tmp_path / "other")
        shop.give(SECOND)
        other.give(shop.table.iloc[2:SECOND])
        one, two = run("fit", shop.file, other.file)
        assert compares(one, shop.first)
        assert two["results"]["refresh"] is None
        assert "without 2 periods" in two["results"]["fitted_anew"]


def test_a_channel_that_was_not_bought_has_no_returns_to_compare():
    columns = ["roi_before", "ci_low_before", "ci_high_before"]
    columns += [name.replace("before", "after") for name in columns]
    index = pd.Index(["tv", "views", "mail"], name="channel")
    record = RefreshRecord(
        "2024-01-01", "2024-03-25", 4, 0, pd.DataFrame(1.0, index=index, columns=columns)
    )
    found = record.at_costs({"views": 0.5, "mail": None}, {"views": 2.0, "tv": None})
    assert found.roi.loc[["tv", "mail"]].isna().all(axis=None)
    assert (found.roi.loc["views"] == 0.25).all()
    assert (record.roi == 1.0).all(axis=None)
