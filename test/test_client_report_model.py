"""From a model to a client's report: the same numbers, and nothing that evidence does not carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import FakeSampler

from pymc_toolkit import PymcModel, simulate_client
from pymc_toolkit.decisions.allocation import Allocation, Interval
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import NotFittedError, SpecificationError
from pymc_toolkit.health.result import Health
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.reports import render
from pymc_toolkit.reports.client import assemble
from pymc_toolkit.reports.client.contract import ClientReport
from pymc_toolkit.reports.client.recommend import asked, carried, recommendation
from pymc_toolkit.verdicts import Check, Status, Verdict

# What no sampler drew does not converge, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.ConvergenceWarning")

CHANNELS = ["tv", "radio", "search"]
PLAN = {"tv": 100.0, "radio": 100.0, "search": 100.0}


def allocation_of(changes: dict[str, float], sure: dict[str, float], hold: Sequence[str] = ()):
    """An allocation whose marginal returns differ with a given probability."""
    recommended = {name: PLAN[name] + changes.get(name, 0.0) for name in PLAN}
    table = pd.DataFrame({"current": PLAN, "recommended": recommended})
    table.index.name = CHANNEL
    draws = np.full((1, 100, 3), 1.0)
    for i, name in enumerate(CHANNELS):
        better = round(100 * sure.get(name, 0.5))
        sign = np.sign(changes.get(name, 0.0))
        draws[0, :better, i] += sign * (i + 1) * 0.1
        draws[0, better:, i] -= sign * (i + 1) * 0.1
    marginal = xr.DataArray(draws, {CHANNEL: CHANNELS}, ("chain", "draw", CHANNEL))
    table = table.assign(
        change=table["recommended"] / table["current"] - 1,
        lower=70.0,
        upper=130.0,
        at_bound=False,
        beyond_seen=False,
        held=table.index.isin(list(hold)),
    )
    dates = pd.date_range("2024-01-01", periods=4, freq="W-MON", name="date")
    flat = pd.DataFrame({name: np.full(4, money / 4) for name, money in recommended.items()}, dates)
    nothing = Interval(0.0, 0.0, 0.0)
    return Allocation(
        table=table,
        total=300.0,
        total_planned=300.0,
        horizon=4,
        uplift=Interval(5.0, 1.0, 9.0),
        probability_positive=0.97,
        uplift_draws=marginal.isel({CHANNEL: 0}),
        kkt_residual=0.0,
        objective="mean",
        target_roi=None,
        outcome_current=nothing,
        outcome=nothing,
        flighting=flat,
        plan=flat,
        marginal_draws=marginal,
        marginal_draws_current=marginal,
        target_is_money=True,
        ci_prob=0.9,
    )


class Search:
    """Stands in for the search: moves money from free channels to free ones, as far as known."""

    def __init__(self, sure: dict[str, float]) -> None:
        self.sure = sure
        self.asked: list[list[str]] = []
        self.bounds: list[Any] = []

    def __call__(self, *, bounds: Any, hold: Sequence[str]) -> Allocation:
        self.asked.append(list(hold))
        self.bounds.append(bounds)
        free = [name for name in CHANNELS if name not in hold]
        changes = {free[0]: -20.0, free[-1]: 20.0} if len(free) > 1 else {}
        return allocation_of(changes, self.sure, hold)


def evidence(**tiers: str) -> pd.DataFrame:
    return pd.DataFrame({"tier": {name: tiers.get(name, "identified") for name in CHANNELS}})


class TestWhatEvidenceCarries:
    def test_channels_that_rest_on_assumptions_are_held_and_to_be_tested(self) -> None:
        search = Search({"radio": 1.0, "search": 1.0})
        found = carried(search, evidence(tv="prior-driven"), {})
        assert found is not None
        allocation, advice = found
        assert search.asked == [["tv"]]
        assert allocation.table.at["tv", "recommended"] == PLAN["tv"]
        assert advice["verb"].to_dict() == {"tv": "test", "radio": "reduce", "search": "increase"}

    def test_moves_that_are_not_sure_are_taken_back(self) -> None:
        """Asked again without the channel, so that no advice contradicts the budget."""
        search = Search({"tv": 0.5, "search": 0.5})
        found = carried(search, evidence(), {})
        assert found is not None
        allocation, advice = found
        assert search.asked == [[], ["tv", "search"]]
        moved = allocation.table["recommended"] != allocation.table["current"]
        acted = advice["verb"].isin(("increase", "reduce"))
        assert (moved <= acted).all()
        assert "not sure enough" in advice.at["tv", "reason"]

    def test_nothing_is_left_to_move(self) -> None:
        found = carried(Search({}), evidence(), {})
        assert found is not None
        assert found[0].moves().empty
        assert set(found[1]["verb"]) == {"keep"}

    def test_other_money_and_no_channel_to_give_it_to(self) -> None:
        tiers = evidence(**dict.fromkeys(CHANNELS, "prior-driven"))
        assert carried(Search({}), tiers, {}, fixed_total=True) is None
        assert carried(Search({}), tiers, {}) is not None

    def test_what_stays_keeps_its_share_of_other_money(self) -> None:
        """Held at the plan's money it would leave the rest to few channels, or be too much."""
        search = Search({"radio": 1.0, "search": 1.0})
        found = carried(search, evidence(tv="prior-driven"), {}, fixed_total=True)
        assert found is not None
        assert search.asked == [[], []]
        assert search.bounds[1] == {"tv": (100.0,) * 2, "radio": (70.0, 130.0), "search": (70, 130)}
        assert found[0].table["held"].tolist() == [True, False, False]

    def test_a_small_change_of_a_large_channel_is_a_change(self) -> None:
        """Less than a hundredth of its own money, but a move that would be listed."""

        def search(*, bounds: Any, hold: Sequence[str]) -> Allocation:
            if hold:
                return allocation_of({}, {}, hold)
            known = allocation_of({"tv": 0.9, "search": -0.9}, {"search": 1.0})
            table = known.table.assign(current=[100.0, 100.0, 3.0], recommended=[100.9, 100.0, 2.1])
            return dataclasses.replace(known, table=table)

        found = carried(search, evidence(), {})
        assert found is not None
        assert found[0].moves().empty

    def test_all_moves_together_have_to_be_likely(self) -> None:
        """Or page one would say to keep the plan, above channels to increase and to reduce."""
        known = Search({"tv": 1.0, "search": 1.0})

        def search(*, bounds: Any, hold: Sequence[str]) -> Allocation:
            if bounds == dict.fromkeys(CHANNELS, (100.0, 100.0)):
                return allocation_of({}, {})
            return dataclasses.replace(known(bounds=bounds, hold=hold), probability_positive=0.71)

        found = carried(search, evidence(), {})
        assert found is not None
        assert found[0].moves().empty
        assert set(found[1]["verb"]) == {"keep"}
        assert "71%" in found[1].at["tv", "reason"]
        _, advice = asked(search(bounds=0.3, hold=()), evidence())
        assert set(advice["verb"]) == {"keep"}

    def test_limits_that_leave_no_such_budget(self) -> None:
        """They are the client's: the best that they allow is shown, with what is doubtful of it."""

        def search(*, bounds: Any, hold: Sequence[str]) -> Allocation:
            if hold:
                raise SpecificationError("Got bounds that the total lies outside of.")
            return allocation_of({"tv": -20.0, "search": 20.0}, {"tv": 1.0, "search": 1.0})

        found = carried(search, evidence(tv="prior-driven"), {})
        assert found is not None
        assert found[1]["verb"].to_dict() == {"tv": "test", "radio": "keep", "search": "increase"}
        assert recommendation(*found).moves["carried"].tolist() == [False]

    def test_intervals_are_the_reports(self) -> None:
        """Whatever probability those of the allocation have."""
        known = allocation_of({"tv": -20.0, "search": 20.0}, {})
        draws = xr.DataArray(np.linspace(0.0, 100.0, 1001)[None], dims=("chain", "draw"))
        narrow = dataclasses.replace(
            known, uplift_draws=draws, uplift=Interval(50.0, 25.0, 75.0), ci_prob=0.5
        )
        found = recommendation(*asked(narrow, evidence())).uplift
        np.testing.assert_allclose(found, (50.0, 5.0, 95.0))

    def test_channels_that_are_not_bought_are_not_held(self) -> None:
        search = Search({"tv": 1.0, "search": 1.0})
        carried(search, evidence(radio="prior-driven"), {"radio": None})
        assert search.asked[0] == []
        assert carried(search, evidence(), dict.fromkeys(CHANNELS, None)) is None

    def test_bounds_of_held_channels_are_left_out(self) -> None:
        search = Search({"radio": 1.0, "search": 1.0})
        bounds = {"tv": (50.0, 120.0), "radio": (50.0, 120.0)}
        carried(search, evidence(tv="prior-driven"), {}, bounds)
        assert search.bounds == [{"radio": (50.0, 120.0)}]

    def test_moves_know_whether_both_ends_are_carried(self) -> None:
        allocation = allocation_of({"tv": -20.0, "search": 20.0}, {"tv": 1.0, "search": 1.0})
        advice = pd.DataFrame({"verb": {"tv": "reduce", "radio": "keep", "search": "increase"}})
        assert recommendation(allocation, advice).moves["carried"].tolist() == [True]
        unsure = advice.replace({"verb": {"increase": "test"}})
        assert recommendation(allocation, unsure).moves["carried"].tolist() == [False]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> PymcModel:
    """A model of 60 weeks and three channels, one of them not bought, fitted by no sampler."""
    sampler = FakeSampler()
    monkeypatch.setattr(BayesianEngine, "fit", lambda self, *given, **more: sampler(*given, **more))
    client = simulate_client(n_periods=70, n_channels=3, seed=3)
    names = client.channel_names
    model = PymcModel(
        client.data,
        "revenue",
        "date_week",
        names,
        client.control_names,
        lag_max=3,
        random_seed=1,
        cost_per_unit={names[2]: None},
    )
    return model.fit(draws=30, tune=1, chains=2, progressbar=False)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[ClientReport]:
    """Contracts of the reports that are written."""
    made: list[ClientReport] = []
    known = assemble.client_report

    def remembered(*given: Any) -> ClientReport:
        made.append(known(*given))
        return made[-1]

    monkeypatch.setattr(assemble, "client_report", remembered)
    return made


def healthy(model: PymcModel, monkeypatch: pytest.MonkeyPatch, tier: str = "identified") -> None:
    """Let the model pass its checks, whatever it is."""
    names = model.config.channel_names
    table = pd.DataFrame({"tier": tier, "shift": 0.5, "reason": "It varied."}, index=names)
    health = Health(Verdict((Check("convergence", Status.PASS, "Fine."),)), table)
    monkeypatch.setattr(type(model), "health", lambda self, *given, **more: health)


class TestFromAModel:
    def test_numbers_are_the_models(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        healthy(model, monkeypatch)
        path = model.client_report(tmp_path / "new" / "client.html", horizon=6, progressbar=False)
        assert path.stat().st_size < 6_000_000
        (report,) = written
        returns, marginal = model.roi(), model.marginal_roi()
        np.testing.assert_allclose(report.channels["roi"], returns["roi"])
        np.testing.assert_allclose(report.channels["roi_high"], returns["ci_high"])
        np.testing.assert_allclose(report.channels["marginal"], marginal["marginal_roi"])
        # Sums are of draws: what all bought channels returned lies between the least and the most.
        bought = returns.dropna(subset="roi")
        assert report.media_roi is not None
        expected = bought["contribution"].sum() / bought["spend"].sum()
        assert report.media_roi.mean == pytest.approx(expected)
        assert report.channels["effect"].sum() == pytest.approx(1)
        total = float(model.contributions()["fitted"].sum("date").mean())
        assert report.waterfall["contribution"].iloc[-1] == pytest.approx(total)
        assert report.media_contribution.mean == pytest.approx(
            report.media_share.mean * total, rel=0.2
        )
        assert report.recommendation is not None
        assert report.recommendation.horizon == 6
        assert int(report.fit["holdout"].sum()) == 4

    def test_unpaid_channels_have_no_return_and_no_advice(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        healthy(model, monkeypatch)
        model.client_report(tmp_path / "client.html", horizon=6, progressbar=False)
        unpaid = written[0].channels.iloc[2]
        assert np.isnan(unpaid["roi"])
        assert unpaid["verb"] == ""
        assert unpaid["contribution"] > 0

    @pytest.mark.parametrize("share", [0.4, 2.0])
    def test_other_money_than_planned(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        share: float,
    ) -> None:
        healthy(model, monkeypatch)
        first, second, _ = model.config.channel_names
        evidence = model.health().evidence
        evidence.loc[first, "tier"] = "prior-driven"
        plan = model.optimize_budget(horizon=6, bounds=0.1).table["current"]
        total = share * float(plan.sum())
        model.client_report(tmp_path / "client.html", horizon=6, total=total, progressbar=False)
        advice = written[0].recommendation
        assert advice is not None
        assert advice.table.at[first, "recommended"] == pytest.approx(share * plan[first])
        assert advice.table.at[second, "current"] == pytest.approx(share * plan[second])
        assert advice.planned == pytest.approx(plan.sum())
        assert advice.scaled

    def test_money_to_divide_and_only_assumptions(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        healthy(model, monkeypatch, "prior-driven")
        path = model.client_report(tmp_path / "client.html", total=1e5, progressbar=False)
        assert written[0].recommendation is None
        assert "Every channel&#39;s return is mostly assumed" in path.read_text(encoding="utf-8")

    def test_nothing_bought(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        costs = dict.fromkeys(model.config.channel_names)
        monkeypatch.setattr(model.config, "cost_per_unit", costs)
        path = model.client_report(tmp_path / "client.html", progressbar=False)
        (report,) = written
        assert report.media_roi is None
        assert report.channels[["roi", "effect", "spend"]].isna().all(axis=None)
        assert path.read_text(encoding="utf-8").count("not bought") >= 3

    def test_what_rests_on_assumptions_stays_as_planned(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        healthy(model, monkeypatch, "prior-driven")
        path = model.client_report(tmp_path / "client.html", horizon=6, progressbar=False)
        advice = written[0].recommendation
        assert advice is not None
        np.testing.assert_allclose(advice.table["recommended"], advice.table["current"])
        assert advice.moves.empty
        bought = written[0].channels["roi"].notna()
        assert set(written[0].channels.loc[bought, "verb"]) == {"test"}
        assert "clearly better than the plan" in path.read_text(encoding="utf-8")

    def test_a_model_that_fails_recommends_nothing(
        self, model: PymcModel, written: list[ClientReport], tmp_path: Path
    ) -> None:
        """What no sampler drew does not converge."""
        assert model.health().blocked
        path = model.client_report(tmp_path / "client.html", progressbar=False)
        (report,) = written
        assert report.blocked
        assert report.recommendation is None
        assert (report.channels["verb"] == "").all()
        assert "What to do before any budget is moved" in path.read_text(encoding="utf-8")
        # What a client reads first names no variables of the model.
        assert (
            report.remedies[0] == "Fit the model again, with more draws and tune, tighter priors."
        )

    def test_a_given_allocation_is_reported_as_it_is(
        self,
        model: PymcModel,
        written: list[ClientReport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        healthy(model, monkeypatch)
        given = model.optimize_budget(horizon=5)
        model.client_report(tmp_path / "client.html", allocation=given, progressbar=False)
        advice = written[0].recommendation
        assert advice is not None
        np.testing.assert_allclose(advice.table["recommended"], given.table["recommended"])
        assert advice.uplift == tuple(given.uplift)

    def test_a_refresh_is_told(
        self,
        model: PymcModel,
        written: list[ClientReport],
        tmp_path: Path,
    ) -> None:
        longer = simulate_client(n_periods=74, n_channels=3, seed=3).data.iloc[-4:]
        model.refresh(longer, progressbar=False)
        model.client_report(tmp_path / "client.html", progressbar=False)
        refresh = written[0].refresh
        assert refresh is not None
        assert refresh.periods_added == 4
        assert list(refresh.roi.index) == model.config.channel_names

    def test_refuses_before_anything_is_fitted(self, model: PymcModel, tmp_path: Path) -> None:
        with pytest.raises(SpecificationError, match="folder"):
            model.client_report(tmp_path)
        client = simulate_client(n_periods=40, n_channels=2)
        unfitted = PymcModel(client.data, "revenue", "date_week", client.channel_names, lag_max=3)
        with pytest.raises(NotFittedError):
            unfitted.client_report(tmp_path / "client.html")
        assert list(tmp_path.iterdir()) == []


def test_other_reports_are_rendered_as_before() -> None:
    """The page says which template it is put into."""
    from report_examples import example_report

    page = render.page_of(example_report())
    assert (page.template, tuple(page.styles)) == ("page.html", ("style.css",))
    assert dataclasses.replace(page, title="x").template == "page.html"
