"""The command line: what it runs, keeps, writes and answers, whatever goes wrong with a client."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from client_examples import SHOP, files_of, write_client
from hypothesis import given
from hypothesis import strategies as st

from pymc_toolkit import PymcModel
from pymc_toolkit.cli import main
from pymc_toolkit.command_line import batch, tasks
from pymc_toolkit.command_line.kept import is_kept, keep
from pymc_toolkit.command_line.outcome import ClientRun, Outcome, plain, worst
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.verdicts import Check, Status, Verdict

ROOT = Path(__file__).resolve().parent.parent
KEYS = [
    *("schema", "version", "command", "file", "client", "status", "exit_code", "verdicts"),
    *("checks", "files", "results", "warnings", "error", "seconds"),
]


def judged(status: Status) -> Outcome:
    return Outcome({"model": Verdict([Check("a", status, "A sentence.")])}, {}, {})


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written for machines: nothing but one object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_client(tmp_path)


@pytest.fixture
def sampler(fake_sampler):
    return fake_sampler()


@pytest.fixture
def commands(monkeypatch) -> dict[str, Any]:
    """What a command does, replaced by what a test puts there."""
    replaced = dict(tasks.COMMANDS)
    monkeypatch.setattr(batch, "COMMANDS", replaced)
    return replaced


@pytest.fixture
def no_pages(monkeypatch) -> None:
    """Reports are not the point, and take a second each."""
    for fleet in (FleetResult, ProductionFleet):
        monkeypatch.setattr(fleet, "generate_report", lambda _, path: path)


class TestFit:
    def test_writes_a_model_that_can_be_loaded(self, shop, sampler, capsys):
        assert main(["fit", str(shop)]) in (0, 10, 20)
        model = PymcModel.load(shop.parent / "output" / "shop-co.nc")
        assert model.config.client_name == "Shop & Co"
        (call,) = sampler.calls
        assert (call[2].draws, call[2].tune, call[2].chains, call[2].random_seed) == (20, 20, 2, 0)
        printed = capsys.readouterr().out
        assert "channel_1_cost" in printed
        assert "shop-co.nc" in printed

    def test_results_are_those_of_the_model(self, shop, sampler, capsys):
        code = main(["fit", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert list(answer) == KEYS
        assert answer["exit_code"] == code
        model = PymcModel.load(answer["files"]["model"])
        expected = model.roi()
        found = pd.DataFrame(answer["results"]["roi"]).set_index("channel")
        pd.testing.assert_frame_equal(found, expected)
        assert answer["status"] == str(model.health().verdict.status)
        assert answer["results"]["reused"] is False
        assert {check["about"] for check in answer["checks"]} == {"model"}

    def test_nothing_is_written_elsewhere(self, shop, sampler, tmp_path_factory, monkeypatch):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        monkeypatch.chdir(elsewhere)
        main(["fit", str(shop)])
        assert not files_of(elsewhere)
        assert files_of(shop.parent) == {
            "shop.toml",
            "data/shop.csv",
            "output/shop-co.nc",
            "output/shop-co.nc.key",
        }

    def test_limits_of_checks_are_the_clients(self, shop, sampler, capsys):
        shop.write_text(f"{SHOP}\n[health]\nthresholds = {{ years = 0.1, years_fail = 0.05 }}\n")
        main(["fit", "--json", str(shop)])
        (answer,) = answers(capsys)
        (years,) = (row for row in answer["checks"] if row["check"] == "years of history")
        assert (years["status"], years["threshold"]) == ("pass", 0.1)


class TestWhatIsKept:
    def run(self, shop: Path) -> None:
        main(["fit", "--quiet", str(shop)])

    def test_the_same_is_not_fitted_again(self, shop, sampler):
        self.run(shop)
        shop.write_text(f"# A remark.\n{SHOP}")
        self.run(shop)
        assert len(sampler.calls) == 1

    @pytest.mark.parametrize(
        "change",
        ["draws = 20->draws = 21", "lag_max = 3->lag_max = 2", 'controls = ["events"]->'],
    )
    def test_other_settings_are(self, shop, sampler, change):
        self.run(shop)
        shop.write_text(SHOP.replace(*change.split("->")))
        self.run(shop)
        assert len(sampler.calls) == 2

    def test_other_data_are(self, shop, sampler):
        self.run(shop)
        write_client(shop.parent, seed=1)
        self.run(shop)
        assert len(sampler.calls) == 2
        assert sampler.calls[0][0].digest() != sampler.calls[1][0].digest()

    def test_a_file_that_was_changed_is(self, shop, sampler, caplog):
        self.run(shop)
        saved = shop.parent / "output" / "shop-co.nc"
        other = PymcModel.load(saved)
        other.config.client_name = "other"
        other.save(saved)
        with caplog.at_level(logging.WARNING, "pymc_toolkit"):
            self.run(shop)
        assert len(sampler.calls) == 2
        assert "not as it was written" in caplog.text
        assert PymcModel.load(saved).config.client_name == "Shop & Co"

    def test_costs_and_names_need_no_fit(self, shop, sampler, capsys):
        self.run(shop)
        text = SHOP.replace('"Shop & Co"', '"SHOP: Co"').replace(
            'controls = ["events"]',
            'controls = ["events"]\ncost_per_unit = { channel_1_cost = 2 }\n'
            'not_bought = ["channel_2_cost"]',
        )
        shop.write_text(text)
        capsys.readouterr()
        main(["fit", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert len(sampler.calls) == 1
        assert answer["results"]["reused"] is True
        found = pd.DataFrame(answer["results"]["roi"]).set_index("channel")
        table = pd.read_csv(shop.parent / "data" / "shop.csv")
        assert found.loc["channel_1_cost", "spend"] == pytest.approx(
            2 * table["channel_1_cost"].sum()
        )
        assert np.isnan(found.loc["channel_2_cost", "roi"])
        assert PymcModel.load(answer["files"]["model"]).config.client_name == "SHOP: Co"
        main(["fit", "--quiet", str(shop)])
        assert len(sampler.calls) == 1

    def test_without_its_note_a_file_is_nothing(self, tmp_path):
        file = tmp_path / "a.nc"
        assert not is_kept(file, "key")
        file.write_bytes(b"one")
        assert not is_kept(file, "key")
        keep(file, "key")
        assert is_kept(file, "key")
        assert not is_kept(file, "other key")
        (tmp_path / "a.nc.key").write_text("[")
        assert not is_kept(file, "key")
        file.unlink()
        assert not is_kept(file, "key")


@pytest.mark.usefixtures("convergence_is_not_the_point")
class TestFleet:
    def test_all_of_the_file(self, shop, sampler, capsys):
        code = main(["fleet", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert answer["verdicts"].keys() == answer["results"]["fleets"].keys()
        assert answer["verdicts"].keys() == {"production", "ahead"}
        assert code == answer["exit_code"]
        codes = {"pass": 0, "review": 10, "fail": 20}
        assert code == max(codes[entry["status"]] for entry in answer["verdicts"].values())
        assert files_of(shop.parent / "output") == {
            *(f"shop-co.fleet-{name}.html" for name in ("production", "ahead")),
            *(f"shop-co.fleet-{name}.nc" for name in ("production", "ahead")),
            *(f"shop-co.fleet-{name}.nc.key" for name in ("production", "ahead")),
            *("shop-co.nc", "shop-co.nc.key"),
        }
        assert ProductionFleet.load(answer["files"]["production"]).test_size == 4
        assert answer["results"]["fleets"]["ahead"]["kind"] == "forecast"

    def test_one_by_name(self, shop, sampler, capsys):
        main(["fleet", "--json", "--fleet", "production", str(shop)])
        (answer,) = answers(capsys)
        assert list(answer["verdicts"]) == ["production"]
        assert not (shop.parent / "output" / "shop-co.nc").exists()

    def test_one_that_is_not_there(self, shop, sampler, capsys):
        assert main(["fleet", "--json", "--fleet", "prod", str(shop)]) == 1
        (answer,) = answers(capsys)
        assert "Got 'prod'; expected 'production', 'ahead'" in answer["error"]["message"]
        assert not sampler.calls

    def test_none_at_all(self, shop, capsys):
        shop.write_text(SHOP[: SHOP.index("[fleets")])
        assert main(["fleet", "--json", str(shop)]) == 1
        assert "Got no fleet" in answers(capsys)[0]["error"]["message"]

    @pytest.mark.usefixtures("no_pages")
    def test_the_same_is_not_run_again(self, shop, sampler, capsys):
        main(["fleet", "--quiet", str(shop)])
        count = len(sampler.calls)
        capsys.readouterr()
        main(["fleet", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert len(sampler.calls) == count
        assert all(entry["reused"] for entry in answer["results"]["fleets"].values())
        shop.write_text(SHOP.replace("test_size = 4", "test_size = 5"))
        main(["fleet", "--quiet", str(shop)])
        # The holdout alone: a forecast takes the model's own fit.
        assert len(sampler.calls) == count + 1

    @pytest.mark.usefixtures("no_pages")
    def test_a_fleet_says_what_exposure_costs_now(self, shop, sampler):
        main(["fleet", "--quiet", "--fleet", "production", str(shop)])
        shop.write_text(SHOP.replace("[model]", "cost_per_unit = { channel_1_cost = 2 }\n[model]"))
        main(["fleet", "--quiet", "--fleet", "production", str(shop)])
        fleet = ProductionFleet.load(shop.parent / "output" / "shop-co.fleet-production.nc")
        assert fleet[0].job.client.cost_per_unit == {"channel_1_cost": 2.0}

    @pytest.mark.usefixtures("no_pages")
    def test_sampling_of_its_own(self, shop, sampler):
        shop.write_text(SHOP.replace("test_size = 4", "test_size = 4\nsampling = { draws = 30 }"))
        main(["fleet", "--quiet", "--fleet", "production", str(shop)])
        ((_, _, sampling),) = sampler.calls
        assert (sampling.draws, sampling.tune, sampling.chains) == (30, 20, 2)

    @pytest.mark.usefixtures("no_pages")
    def test_scenarios_from_a_file(self, shop, sampler, capsys):
        def plan(amount: float) -> None:
            dates = pd.date_range(history["date_week"].iloc[-1], periods=5, freq="7D")[1:]
            table = pd.DataFrame({"date_week": dates, "channel_1_cost": amount})
            table.assign(channel_2_cost=1.0).to_csv(shop.parent / "push.csv", index=False)

        history = pd.read_csv(shop.parent / "data" / "shop.csv")
        shop.write_text(SHOP.replace('["flat"]', '{ usual = "flat", push = "push.csv" }'))
        plan(5.0)
        main(["fleet", "--json", "--fleet", "ahead", str(shop)])
        plan(6.0)
        main(["fleet", "--json", "--fleet", "ahead", str(shop)])
        main(["fleet", "--json", "--fleet", "ahead", str(shop)])
        first, second, third = answers(capsys)
        assert first["results"]["fleets"]["ahead"]["members"] == 2
        reused = [each["results"]["fleets"]["ahead"]["reused"] for each in (first, second, third)]
        assert reused == [False, False, True]

    @pytest.mark.usefixtures("no_pages")
    def test_a_fleet_with_a_failed_member_is_run_again(self, shop, fake_sampler, monkeypatch):
        calls = []

        def fail(*_: Any, **__: Any) -> None:
            calls.append(1)
            raise RuntimeError("no memory")

        monkeypatch.setattr(BayesianEngine, "fit", fail)
        for _ in range(2):
            assert main(["fleet", "--quiet", "--fleet", "production", str(shop)]) == 20
        assert len(calls) == 2

    @pytest.mark.usefixtures("no_pages")
    def test_jobs_and_checkpoints(self, shop, sampler, monkeypatch):
        asked = {}
        run = PymcModel.production_fleet

        def spy(model: PymcModel, **options: Any) -> ProductionFleet:
            asked.update(options)
            return run(model, **options)

        monkeypatch.setattr(PymcModel, "production_fleet", spy)
        shop.write_text(f"{SHOP}\n[output]\nfolder = 'out'\ncheckpoints = true\n")
        main(["fleet", "--quiet", "--fleet", "production", "--jobs", "2", str(shop)])
        assert asked["n_jobs"] == 2
        assert len(list((shop.parent / "out" / "checkpoints").glob("*.nc"))) == 1


@pytest.mark.usefixtures("convergence_is_not_the_point")
class TestReportAndBudget:
    @pytest.mark.usefixtures("no_pages")
    def test_a_holdout_that_is_there_is_part_of_the_verdict(self, shop, sampler, capsys):
        def holdout_checks() -> list[str]:
            main(["fit", "--json", str(shop)])
            (answer,) = answers(capsys)
            return [row["sentence"] for row in answer["checks"] if "holdout" in row["check"]]

        before = holdout_checks()
        main(["fleet", "--quiet", "--fleet", "production", str(shop)])
        capsys.readouterr()
        after = holdout_checks()
        assert any("Nothing was held out" in sentence for sentence in before)
        assert after
        assert not any("Nothing was held out" in sentence for sentence in after)

    @pytest.fixture
    def asked(self, monkeypatch) -> dict[str, Any]:
        """What a report is asked for; none is written."""
        options: dict[str, Any] = {}

        def client_report(model: PymcModel, output_html: Path, **given: Any) -> Path:
            options.update(given, model=model)
            return output_html

        monkeypatch.setattr(PymcModel, "client_report", client_report)
        return options

    def report(self, shop: Path, capsys, optimize: str, more: str = "") -> dict[str, Any]:
        text = SHOP.replace("test_size = 4", "test_size = 6")
        shop.write_text(f"{text}\n{more}\n[optimize]\nhorizon = 5\n{optimize}\n")
        main(["report", "--json", str(shop)])
        return answers(capsys)[0]

    def test_a_report_is_given_all_that_it_needs(self, shop, sampler, capsys, asked):
        (shop.parent / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        brand = '[report]\noutput = "pages.html"\n[report.brand]\nname = "North"\nlogo = "logo.svg"'
        more = f"{brand}\n[health]\nthresholds = {{ years = 0.1, years_fail = 0.05 }}"
        answer = self.report(shop, capsys, "bounds = 0.2\ntotal = 1000", more)
        assert answer["files"]["report"] == str(shop.parent / "pages.html")
        assert asked["brand"].name == "North"
        assert asked["brand"].logo_uri.startswith("data:image/svg")
        assert asked["holdout"].test_size == 6
        assert (asked["horizon"], asked["bounds"], asked["total"]) == (5, 0.2, 1000)
        assert asked["allocation"] is None
        health = asked["model"].health(asked["holdout"], asked["thresholds"])
        assert answer["status"] == str(health.verdict.status)
        found = {row["check"]: row["status"] for row in answer["checks"]}
        assert found["years of history"] == "pass"
        # All of it is there now.
        assert len(sampler.calls) == 2
        main(["report", "--quiet", str(shop)])
        assert len(sampler.calls) == 2

    @pytest.mark.parametrize("blocked", [False, True])
    def test_a_budget_with_more_than_a_report_is_asked_for(
        self, shop, sampler, capsys, asked, monkeypatch, blocked
    ):
        monkeypatch.setattr("pymc_toolkit.health.result.Health.blocked", blocked)
        answer = self.report(shop, capsys, 'hold = ["channel_1_cost"]')
        assert answer["error"] is None
        assert answer["results"]["blocked"] is blocked
        if blocked:
            assert asked["allocation"] is None
        else:
            assert asked["allocation"].horizon == 5
            assert asked["allocation"].table.loc["channel_1_cost", "held"]

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ('[report]\noutput = "pages.pdf"', "ends in .html"),
            ('[report.brand]\ncurrency = "EURO"', "ISO 4217"),
            ('[report.brand]\nlogo = "none.svg"', "logo"),
            ('[optimize]\nplan = "none.csv"', "no file"),
        ],
    )
    def test_what_cannot_be_used_is_refused_before_sampling(
        self, shop, sampler, capsys, more, message
    ):
        shop.write_text(f"{SHOP}\n{more}\n")
        commands = ["report", "optimize"] if "optimize" in more else ["report"]
        for command in commands:
            assert main([command, "--json", str(shop)]) == 1
            (answer,) = answers(capsys)
            assert message in answer["error"]["message"]
        assert sampler.calls == []

    def test_a_report_is_written(self, shop, sampler, capsys):
        main(["report", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert answer["error"] is None
        page = shop.parent / "output" / "shop-co.report.html"
        assert answer["files"]["report"] == str(page)
        assert "Shop &amp; Co" in page.read_text(encoding="utf-8")

    def test_a_budget_is_that_of_the_model(self, shop, sampler, capsys, monkeypatch):
        monkeypatch.setattr("pymc_toolkit.health.result.Health.blocked", False)
        shop.write_text(f"{SHOP}\n[optimize]\nhorizon = 5\nbounds = 0.2\ntotal = 1000\n")
        main(["optimize", "--json", str(shop)])
        (answer,) = answers(capsys)
        model = PymcModel.load(answer["files"]["model"])
        expected = model.optimize_budget(1000.0, 5, bounds=0.2)
        table = pd.DataFrame(answer["results"]["table"]).set_index("channel")
        pd.testing.assert_series_equal(table["recommended"], expected.table["recommended"])
        assert table["recommended"].sum() == pytest.approx(1000)
        written = pd.read_csv(answer["files"]["allocation"], index_col="channel")
        pd.testing.assert_series_equal(written["recommended"], expected.table["recommended"])
        assert len(pd.read_csv(answer["files"]["flighting"])) == 5
        assert answer["results"]["summary"]["horizon"] == 5
        assert set(pd.DataFrame(answer["results"]["advice"])["verb"]) <= {
            *("increase", "keep", "test", "reduce")
        }

    def test_limits_of_a_budget(self, shop, sampler, capsys, monkeypatch):
        monkeypatch.setattr("pymc_toolkit.health.result.Health.blocked", False)
        shop.write_text(
            f"{SHOP}\n[optimize]\ntotal = 1000\n"
            "bounds = { channel_1_cost = [100, 900], channel_2_cost = [100, 900] }\n"
            "[[optimize.constraints]]\nweights = { channel_1_cost = 1 }\nhigh = 150\n"
        )
        main(["optimize", "--json", str(shop)])
        (answer,) = answers(capsys)
        table = pd.DataFrame(answer["results"]["table"]).set_index("channel")
        assert 100 <= table.loc["channel_1_cost", "recommended"] <= 150 * (1 + 1e-6)

    def test_a_model_that_failed_divides_nothing(self, shop, sampler, capsys, monkeypatch):
        monkeypatch.setattr("pymc_toolkit.health.result.Health.blocked", True)
        monkeypatch.setattr(PymcModel, "optimize_budget", None)
        folder = shop.parent / "output"
        old = [folder / f"shop-co.{name}.csv" for name in ("allocation", "flighting")]
        folder.mkdir()
        for path in old:
            path.write_text("of last month")
        main(["optimize", "--json", str(shop)])
        (answer,) = answers(capsys)
        assert answer["error"] is None
        assert answer["results"]["blocked"] is True
        assert answer["results"]["table"] is None
        assert list(answer["files"]) == ["model"]
        assert not any(path.exists() for path in old)


class TestManyClients:
    def test_each_runs_whatever_becomes_of_the_others(self, tmp_path, commands, capsys):
        def run(client: Any, _: Any) -> Outcome:
            if client.name == "breaks":
                raise ZeroDivisionError("a bug")
            if client.name == "refused":
                raise SpecificationError("Got a model that cannot be.")
            return judged(Status.PASS)

        commands["fit"] = run
        names = ["good", "breaks", "refused", "also good"]
        files = [
            write_client(tmp_path, SHOP.replace("Shop & Co", name), f"{number}.toml")
            for number, name in enumerate(names)
        ]
        missing = tmp_path / "none.toml"
        assert main(["fit", "--json", *map(str, files), str(missing)]) == 1
        found = answers(capsys)
        assert [each["client"] for each in found] == [*names, None]
        assert [each["status"] for each in found] == ["pass", "error", "error", "pass", "error"]
        assert [each["exit_code"] for each in found] == [0, 1, 1, 0, 1]
        kinds = [each["error"] and each["error"]["kind"] for each in found]
        assert kinds == [None, "ZeroDivisionError", "SpecificationError", None, "ClientFileError"]
        for each, file in zip(found, [*files, missing], strict=True):
            assert list(each) == KEYS
            assert each["file"] == str(file)
            if each["error"]:
                assert each["error"]["message"].startswith(str(file))

    @pytest.mark.parametrize(
        ("statuses", "code"),
        [
            ([Status.PASS], 0),
            ([Status.REVIEW, Status.PASS], 10),
            ([Status.PASS, Status.FAIL, Status.REVIEW], 20),
        ],
    )
    def test_the_worst_counts(self, tmp_path, commands, statuses, code):
        left = iter(statuses)
        commands["fit"] = lambda *_: judged(next(left))
        files = [
            write_client(tmp_path, SHOP.replace("Shop", f"Shop {number}"), f"{number}.toml")
            for number in range(len(statuses))
        ]
        assert main(["fit", "--quiet", *map(str, files)]) == code

    @given(st.lists(st.sampled_from([0, 10, 20, 1]), min_size=1))
    def test_no_answer_is_worse_than_a_bad_one(self, codes):
        found = worst(codes)
        assert found in codes
        assert found == (1 if 1 in codes else max(codes))

    def test_no_client_writes_over_another(self, tmp_path, commands, capsys):
        commands["fit"] = lambda *_: judged(Status.PASS)
        first = write_client(tmp_path)
        second = write_client(tmp_path, SHOP.replace("Shop & Co", "shop co"), "second.toml")
        assert main(["fit", "--json", str(first), str(second), str(first)]) == 1
        one, two, three = answers(capsys)
        assert one["error"] is None
        assert f"would replace those of {first}" in two["error"]["message"]
        assert "would replace" in three["error"]["message"]

    @pytest.mark.parametrize("flags", [["--json"], []])
    def test_names_that_the_output_cannot_hold(
        self, tmp_path, commands, monkeypatch, caplog, flags
    ):
        """The clients after such a one still have their run, and machines its name."""
        commands["fit"] = lambda *_: judged(Status.PASS)
        files = [
            write_client(tmp_path, SHOP.replace("Shop", name), f"{number}.toml")
            for number, name in enumerate(["Müller", "東京", "Shop"])
        ]
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        odd = tmp_path / "odd \udcff.toml"
        assert main(["fit", "--quiet", *flags, *map(str, files[:2]), str(odd), str(files[2])]) == 1
        sys.stdout.flush()
        assert caplog.text.encode("utf-8").count(b"odd \\udcff.toml")
        text = written.getvalue().decode("ascii")
        if flags:
            found = [json.loads(line) for line in text.splitlines()]
            assert [each["client"] for each in found] == [
                "Müller & Co",
                "東京 & Co",
                None,
                "Shop & Co",
            ]
        else:
            assert "Shop & Co: fit, pass" in text

    def test_a_table_of_all(self, tmp_path, commands, capsys):
        commands["fit"] = lambda *_: judged(Status.REVIEW)
        files = [
            write_client(tmp_path, SHOP.replace("Shop", f"Shop {number}"), f"{number}.toml")
            for number in (1, 2)
        ]
        main(["fit", "--quiet", *map(str, files)])
        printed = capsys.readouterr().out
        assert "All clients" in printed
        assert printed.count("review") >= 4


class TestLog:
    @pytest.fixture(autouse=True)
    def _speaks(self, commands) -> Iterator[None]:
        def run(*_: Any) -> Outcome:
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                name = logging.getLevelName(level).lower()
                logging.getLogger("pymc_toolkit.command_line.tasks").log(level, "own %s", name)
                logging.getLogger("pymc_toolkit.pymc_model").log(level, "package %s", name)
            return judged(Status.PASS)

        commands["fit"] = run
        before = logging.getLogger("pymc_toolkit").level
        yield
        assert logging.getLogger("pymc_toolkit").level == before
        assert not logging.getLogger("pymc_toolkit").handlers

    @pytest.mark.parametrize(
        ("flags", "lowest_own", "lowest_of_package"),
        [
            ([], "info", "warning"),
            (["-v"], "info", "info"),
            (["-vv"], "debug", "debug"),
            (["-q"], "warning", "warning"),
            (["-qqq"], "error", "error"),
        ],
    )
    def test_goes_to_standard_error(self, shop, capsys, flags, lowest_own, lowest_of_package):
        main(["fit", "--json", *flags, str(shop)])
        captured = capsys.readouterr()
        levels = ["debug", "info", "warning", "error"]
        for whose, lowest in (("own", lowest_own), ("package", lowest_of_package)):
            heard = [level for level in levels if f"{whose} {level}" in captured.err]
            assert heard == levels[levels.index(lowest) :]
        assert len(captured.out.splitlines()) == 1

    def test_warnings_are_said_once_and_kept(self, shop, commands, capsys):
        from pymc_toolkit.exceptions import DataWarning, warn_user

        def run(*_: Any) -> Outcome:
            for text in ("first", "first", "second"):
                warn_user(text, DataWarning)
            return judged(Status.PASS)

        commands["fit"] = run
        main(["fit", "--json", str(shop)])
        captured = capsys.readouterr()
        assert json.loads(captured.out)["warnings"] == ["first", "second"]
        assert captured.err.count("first") == 1
        assert ".py" not in captured.err

    def test_a_breakdown_leaves_its_traceback(self, shop, commands, capsys):
        commands["fit"] = lambda *_: 1 / 0
        assert main(["fit", "-q", str(shop)]) == 1
        captured = capsys.readouterr()
        assert "Traceback" in captured.err
        assert "division by zero" in captured.out


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["fit"],
            ["train", "a.toml"],
            ["fit", "--jobs", "2", "a.toml"],
            ["fleet", "--jobs", "0", "a.toml"],
            ["fleet", "--jobs", "two", "a.toml"],
        ],
    )
    def test_wrong_use(self, arguments, capsys):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code == 2
        said = capsys.readouterr().err
        assert "usage: pymc-toolkit" in said
        # Names of functions are none of a user's business.
        assert "_jobs" not in said

    def test_the_schema(self, capsys):
        assert main(["schema"]) == 0
        assert "client" in json.loads(capsys.readouterr().out)["properties"]

    @pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
    def test_help(self, arguments, capsys):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code == 0
        assert capsys.readouterr().out


class TestJson:
    @given(
        st.recursive(
            st.none()
            | st.floats()
            | st.sampled_from(
                [np.float64("nan"), np.int64(3), np.bool(True), pd.NaT, Path("a"), Status.PASS]
            )
            | st.datetimes().map(pd.Timestamp)
            | st.just(pd.DataFrame({"a": [1.0, np.inf]}, index=pd.Index(["x", "y"], name="b"))),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
        )
    )
    def test_holds_whatever_a_command_finds(self, value):
        text = json.dumps(plain(value), allow_nan=False)
        assert json.loads(text) == plain(value)

    def test_keys_are_the_same_after_an_error(self):
        failed = ClientRun("fit", Path("a.toml"), None, None, ("KeyError", "a.toml: b"))
        passed = replace(failed, outcome=judged(Status.PASS), error=None, client="a")
        assert list(failed.to_dict()) == list(passed.to_dict()) == KEYS


class TestProcess:
    def test_the_whole_of_it_on_a_small_client(self, tmp_path, tmp_path_factory):
        """A real process, a real sampler, another folder, and a client that is refused.

        And the month after, in a process of its own.
        """
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        shop = write_client(tmp_path)
        wrong = write_client(tmp_path, SHOP.replace("lag_max", "lagmax"), "wrong.toml")
        data = tmp_path / "data" / "shop.csv"
        table = pd.read_csv(data)
        table.head(56).to_csv(data, index=False)
        command = [sys.executable, "-m", "pymc_toolkit", "fit", "--json", str(shop), str(wrong)]
        how = {"capture_output": True, "text": True, "cwd": elsewhere}
        how |= {"env": _with({"PYTHONPATH": str(ROOT)})}
        result = subprocess.run(command, **how)
        assert result.returncode == 1, result.stderr
        good, refused = (json.loads(line) for line in result.stdout.splitlines())
        assert good["status"] in ("review", "fail")
        assert good["results"]["convergence"]["draws"] == 40
        assert "did not converge" in good["warnings"][0]
        assert "Did you mean 'lag_max'?" in refused["error"]["message"]
        assert "fitting the model" in result.stderr
        assert not files_of(elsewhere)
        loaded = PymcModel.load(tmp_path / "output" / "shop-co.nc")
        assert float(loaded.roi()["roi"].iloc[0]) == good["results"]["roi"][0]["roi"]
        table.to_csv(data, index=False)
        result = subprocess.run(command[:-1], **how)
        later = json.loads(result.stdout)["results"]
        assert "refreshing the fit" in result.stderr
        assert (later["reused"], later["refresh"]["periods_added"]) == (False, 4)
        assert later["refresh"]["roi"][0]["roi_before"] == good["results"]["roi"][0]["roi"]
        assert later["refresh"]["roi"][0]["roi_after"] == later["roi"][0]["roi"]


def _with(more: dict[str, str]) -> dict[str, str]:
    import os

    return {**os.environ, **more}
