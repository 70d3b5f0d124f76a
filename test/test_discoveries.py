"""The scripts in discoveries/ run: with a stand-in sampler here, and for real where marked slow."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from dashboard_examples import fitted_subject
from fits import FakeSampler

from pymc_toolkit import ClientConfig, PymcModel, simulate_ms
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import ConvergenceWarning, SpecificationError
from pymc_toolkit.simulate_experiments import simulate_geo_test
from pymc_toolkit.simulate_panels import simulate_panel

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_DATA = ROOT.parent / "shared" / "data"

# File, date, target, channels, controls, organic channels.
PUBLIC = {
    "pymc_mmm_example": ("date_week", "y", ["x1", "x2"], ["event_1", "event_2", "t"], []),
    "robyn_dt_simulated_weekly": (
        "DATE",
        "revenue",
        ["tv_S", "ooh_S", "print_S", "search_S", "facebook_S"],
        ["competitor_sales_B", "newsletter"],
        [],
    ),
    "meridian_national_all_channels": (
        "time",
        "conversions",
        [*(f"Channel{i}_spend" for i in range(5)), "Organic_channel0_impression"],
        ["competitor_sales_control", "sentiment_score_control", "Promo"],
        ["Organic_channel0_impression"],
    ),
}


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as Python runs it: its own folder comes first on the path."""
    monkeypatch.syspath_prepend(str(ROOT / "discoveries"))
    # A benchmark may have the same name.
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


@pytest.fixture
def main_job(monkeypatch) -> ModuleType:
    return script("main_job", monkeypatch)


def arguments(name: str, data: Path, output: Path) -> list[str]:
    date, target, channels, controls, organic = PUBLIC[name]
    return [
        *("--data", str(data), "--date", date, "--target", target),
        *("--channels", *channels, "--controls", *controls, "--organic", *organic),
        *("--output", str(output)),
    ]


def public_file(name: str) -> Path:
    path = PUBLIC_DATA / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"public data set {path.name} is not on this machine")
    return path


def panel_script(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, dict[str, Any]]:
    """The script of a panel, with a model that was fitted to something else, and what it asks."""
    dashboard, asked = script("deep_dashboard", monkeypatch), {}
    subject = fitted_subject(weight=0.4)

    class StandIn:
        def __init__(self, table, target, date, channels, controls, **options):
            ClientConfig(table, target, date, channels, controls, geo_column=options["geo_column"])
            asked.update(table=table, **options)

        def fit(self):
            return self

        def roi(self):
            columns = ["exposure", "contribution", "roi", "ci_low", "ci_high"]
            return pd.DataFrame(1.0, index=["tv"], columns=columns)

        def fleet_subject(self):
            return subject

    monkeypatch.setattr(dashboard, "PymcModel", StandIn)
    return dashboard, asked


@pytest.mark.usefixtures("convergence_is_quick")
class TestPlumbing:
    @pytest.fixture(autouse=True)
    def _stand_in(self, monkeypatch):
        monkeypatch.setattr(BayesianEngine, "fit", staticmethod(FakeSampler()))

    def test_runs_on_the_simulated_client_and_says_where_the_report_is(
        self, main_job, tmp_path, capsys
    ):
        main_job.main(["--output", str(tmp_path), "--draws", "20"])
        printed = capsys.readouterr().out
        assert f"Report: {tmp_path / 'ms.html'}" in printed
        assert (tmp_path / "ms.html").is_file()
        assert f"Report for the client: {tmp_path / 'ms-client.html'}" in printed
        assert (tmp_path / "ms-client.html").is_file()
        assert "snapchat_cost" in printed
        assert PymcModel.load(tmp_path / "ms.nc").config.model_data.n_periods == 161

    def test_labels_are_of_the_columns_that_the_client_has(self, main_job):
        options = main_job.parse(
            main_job.job_parser(), ["--target", "orders", "--controls", "events"]
        )
        labels = main_job.labels_of(options)
        assert labels["snapchat_cost"] == "Snapchat"
        assert not {"emails_delivered", "ecommerce_revenue"} & set(labels)

    def test_wrong_labels_are_refused_before_the_fit(self, main_job, monkeypatch, tmp_path):
        monkeypatch.delattr(PymcModel, "fit")
        with pytest.raises(SpecificationError, match="Got a label for 'tv'"):
            main_job.main(["--output", str(tmp_path), "--labels", "tv=TV"])

    @pytest.mark.parametrize("name", PUBLIC)
    def test_runs_on_public_data_with_only_names_changed(self, main_job, tmp_path, name):
        main_job.main([*arguments(name, public_file(name), tmp_path), "--draws", "20"])
        assert (tmp_path / f"{name}.html").is_file()

    def test_every_fleet_writes_its_report(self, monkeypatch, tmp_path, capsys):
        fleets = script("fleets", monkeypatch)
        fleets.main(["--output", str(tmp_path), "--draws", "20", "--simulations", "2"])
        printed = capsys.readouterr().out
        for name in fleets.FLEETS:
            report = tmp_path / f"ms-{name}.html"
            assert f"Report: {report}" in printed
            assert 4e6 < report.stat().st_size < 6e6
        # 1 + 2 + 3 + 10 + 1 fits; production and the holdout of 4 weeks differ in their seed.
        assert len(list((tmp_path / "checkpoints").iterdir())) == 17

    def test_a_budget_is_divided_and_explained(self, monkeypatch, tmp_path, capsys):
        script("budget", monkeypatch).main(
            ["--output", str(tmp_path), "--draws", "20", "--horizon", "8"]
        )
        printed = capsys.readouterr().out
        assert "Budget of 8 periods" in printed
        assert "Largest moves" in printed
        assert "recommended" in printed
        # So few draws are no posterior.
        budget, warning = printed.split("Decide nothing by this model yet.")
        assert "convergence: " in warning
        # Channels that are not bought are none of it.
        assert "youtube" not in budget

    def test_one_fleet_of_another_client(self, monkeypatch, tmp_path):
        name = "pymc_mmm_example"
        fleets = script("fleets", monkeypatch)
        known = [*arguments(name, public_file(name), tmp_path), "--draws", "20"]
        fleets.main([*known, "--fleets", "forecast"])
        assert (tmp_path / f"{name}-forecast.html").is_file()
        assert not (tmp_path / f"{name}-holdout.html").exists()

    def test_all_clients_get_a_report_and_an_overview(self, monkeypatch, tmp_path, capsys):
        all_clients = script("all_clients", monkeypatch)
        all_clients.main(["--output", str(tmp_path), "--draws", "20"])
        assert f"Overview: {tmp_path / 'clients.html'}" in capsys.readouterr().out
        overview = (tmp_path / "clients.html").read_text(encoding="utf-8")
        for number in (1, 2, 3):
            assert (tmp_path / f"clients-shop-{number}.html").is_file()
            assert f'href="clients-shop-{number}.html"' in overview

    def test_a_simulated_experiment_reaches_the_report(self, monkeypatch, tmp_path, capsys):
        pytest.importorskip("statsmodels", reason="the extra experiments is not installed")
        experiment = script("experiment", monkeypatch)
        experiment.main(["--output", str(tmp_path), "--draws", "20"])
        printed = capsys.readouterr().out
        assert f"Report: {tmp_path / 'experiment.html'}" in printed
        page = (tmp_path / "experiment.html").read_text(encoding="utf-8")
        assert "What did experiments teach the model?" in page
        (test,) = PymcModel.load(tmp_path / "experiment.nc").uplift_tests
        # Regions that went without the channel sold less, so it brings something.
        truth = simulate_geo_test(
            simulate_ms(), "google_ads_shopping_cost", experiment._FIRST_WEEK, seed=experiment._SEED
        )
        brought = (1 - truth.treated_share) * truth.effect
        assert test.effects[0] == pytest.approx(brought, abs=2 * test.sigmas[0])
        assert 0 < test.sigmas[0] < brought

    def test_an_experiment_from_files(self, monkeypatch, tmp_path):
        pytest.importorskip("statsmodels", reason="the extra experiments is not installed")
        experiment = script("experiment", monkeypatch)
        geo = simulate_geo_test(simulate_ms(), "snapchat_cost", 60, seed=1)
        geo.regions.to_csv(tmp_path / "regions.csv", index=False)
        known = ["--regions", str(tmp_path / "regions.csv"), "--channel", "snapchat_cost"]
        with pytest.raises(SystemExit):
            experiment.main(known)
        known += ["--treated", *geo.treated, "--start", geo.start, "--end", geo.end]
        experiment.main([*known, "--method", "synthetic", "--output", str(tmp_path)])
        (test,) = PymcModel.load(tmp_path / "ms.nc").uplift_tests
        assert (test.channel, test.start, test.end) == ("snapchat_cost", geo.start, geo.end)

    def test_a_channel_graph_is_set_beside_the_truth(self, monkeypatch, tmp_path, capsys):
        graph = script("channel_graph", monkeypatch)
        graph.main(["--output", str(tmp_path), "--draws", "20", "--required", "tv:search"])
        printed = capsys.readouterr().out
        assert f"Report: {tmp_path / 'channel_graph.html'}" in printed
        assert "tv → search" in printed
        assert "truth, total" in printed
        page = (tmp_path / "channel_graph.html").read_text(encoding="utf-8")
        assert "How do channels drive each other?" in page
        adjacency = pd.read_csv(tmp_path / "dag_adjacency.csv", index_col=0)
        assert adjacency.loc["tv", "search"] > 0

    def test_a_channel_graph_of_a_client_from_a_file(self, monkeypatch, tmp_path, capsys):
        graph = script("channel_graph", monkeypatch)
        order = ["--order", "google_ads_video_cost", "google_ads_search_brand_cost"]
        data = ["--data", str(ROOT / "data" / "ms.csv"), "--draws", "20"]
        graph.main([*data, "--output", str(tmp_path), *order])
        assert "truth, total" not in capsys.readouterr().out
        assert (tmp_path / "ms.html").is_file()

    def test_a_dashboard_of_a_simulated_panel(self, monkeypatch, tmp_path, capsys):
        dashboard, asked = panel_script(monkeypatch)
        options = ["--members", "3", "--epochs", "20", "--edges", "7", "--output", str(tmp_path)]
        dashboard.main(options)
        printed = capsys.readouterr().out
        assert f"Dashboard: {tmp_path / 'deep_dashboard.html'}" in printed
        assert (tmp_path / "deep_dashboard.html").is_file()
        assert (tmp_path / "dag_adjacency.csv").is_file()
        assert (asked["engine"], asked["geo_column"]) == ("deep", "region")
        assert asked["engine_options"]["members"] == 3
        assert asked["engine_options"]["n_epochs"] == 20

    @pytest.mark.parametrize("mode", ["triangular", "notears"])
    def test_a_dashboard_of_a_panel_has_a_graph(self, monkeypatch, tmp_path, capsys, mode):
        pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")
        simulate_panel(n_regions=3, n_periods=30).data.to_csv(tmp_path / "small.csv", index=False)
        known = ["--data", str(tmp_path / "small.csv"), "--output", str(tmp_path)]
        known += ["--date", "week", "--region", "region", "--target", "orders", "--channels"]
        known += ["tv", "search", "--members", "2", "--epochs", "2", "--dag-mode", mode]
        script("deep_dashboard", monkeypatch).main(known)
        assert f"Links:     {tmp_path / 'dag_adjacency.csv'}" in capsys.readouterr().out
        weights = pd.read_csv(tmp_path / "dag_adjacency.csv", index_col=0)
        assert weights.loc["tv", "search"] > 0
        assert (weights.loc["search", "tv"] > 0) == (mode == "notears")

    def test_a_dashboard_of_numbered_weeks(self, monkeypatch, tmp_path):
        dashboard, asked = panel_script(monkeypatch)
        table = simulate_panel(n_regions=3, n_periods=30).data
        weeks = pd.to_datetime(table["week"])
        table["week"] = (weeks - weeks.min()).dt.days // 7
        table.drop(index=len(table) - 1).to_csv(tmp_path / "numbers.csv", index=False)
        known = ["--data", str(tmp_path / "numbers.csv"), "--output", str(tmp_path)]
        with pytest.raises(SystemExit):
            dashboard.main(known)
        known += ["--date", "week", "--region", "region", "--target", "orders"]
        known += ["--channels", "tv", "search", "--first-week", "2020-01-06", "--organic", "search"]
        dashboard.main([*known, "--drop-incomplete"])
        assert asked["cost_per_unit"] == {"search": None}
        assert list(asked["table"]) == ["week", "region", "orders", "tv", "search"]
        # The last region lacks its last week.
        assert set(asked["table"]["region"]) == {"region 01", "region 02"}
        assert str(asked["table"]["week"].iloc[1].date()) == "2020-01-13"
        assert (tmp_path / "numbers.html").is_file()

    def test_clients_described_in_a_file(self, monkeypatch, tmp_path):
        all_clients = script("all_clients", monkeypatch)
        settings = all_clients.simulated_clients()[0]
        settings.pop("client_data").to_csv(tmp_path / "shop.csv", index=False)
        file = tmp_path / "clients.json"
        file.write_text(json.dumps([{**settings, "data": "shop.csv"}]), encoding="utf-8")
        all_clients.main([str(file), "--output", str(tmp_path / "out"), "--draws", "20"])
        assert (tmp_path / "out" / "clients.html").is_file()


@pytest.mark.slow
class TestInference:
    def test_flagship_converges_and_covers_the_truth(self):
        truth = json.loads((ROOT / "data" / "ms_truth.json").read_text(encoding="utf-8"))
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model = PymcModel(
                client_data=pd.read_csv(ROOT / "data" / "ms.csv"),
                target_name="ecommerce_revenue",
                date_column="date_week",
                channel_names=list(truth["contributions"]),
                control_names=["events", "emails_delivered"],
                lag_max=4,
                scale_data=True,
                saturation="michaelis_menten",
                time_varying_media=True,
                random_seed=63,
            ).fit(progressbar=False)
        assert model.convergence.r_hat <= 1.01
        total = model.contributions()["channels"].sum("date")
        low, high = (total.quantile(q, ("chain", "draw")) for q in (0.05, 0.95))
        covered = [
            float(low.sel(channel=name)) <= value <= float(high.sel(channel=name))
            for name, value in truth["contributions"].items()
        ]
        assert sum(covered) >= 10

    @pytest.mark.parametrize("name", PUBLIC)
    def test_public_data(self, main_job, tmp_path, name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            main_job.main(arguments(name, public_file(name), tmp_path))
        assert (tmp_path / f"{name}.html").is_file()

    def test_real_panel_summed_to_one_series(self, main_job, tmp_path):
        panel = pd.read_csv(public_file("deepcausalmmm_MMM_Data"))
        channels = [name for name in panel if name.startswith("impressions_")]
        controls = [name for name in panel if name.startswith("control_")]
        national = panel.groupby("weekid")[[*channels, "target_visits", *controls]].sum()
        # The data set has week numbers only; the first Monday is made up.
        national.insert(0, "week", pd.date_range("2022-01-03", periods=len(national), freq="7D"))
        national.to_csv(tmp_path / "national.csv", index=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            main_job.main(
                [
                    *("--data", str(tmp_path / "national.csv"), "--date", "week"),
                    *("--target", "target_visits", "--channels", *channels),
                    *("--controls", *controls, "--organic", *channels, "--target-is-no-money"),
                    *("--output", str(tmp_path)),
                ]
            )
        assert (tmp_path / "national.html").is_file()
