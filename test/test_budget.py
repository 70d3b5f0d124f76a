"""A divided budget: what plans bring, that the best one is the best, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from decision_examples import (
    HORIZON,
    bought,
    divided,
    fit_of,
    four_channels,
    money,
    outcome_by_hand,
    random_budgets,
)
from fits import fake_fit, small_config
from scipy.optimize import brentq, linprog

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.decisions.budget import outlook_of
from pymc_toolkit.decisions.limits import Constraint
from pymc_toolkit.decisions.objectives import Objective
from pymc_toolkit.decisions.outcome import leave_each_other_alone, marginal_gains, thinned
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ColumnError, DataError, DataWarning, SpecificationError
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import SAMPLE
from pymc_toolkit.pymc_model import PymcModel

CONFIG = four_channels()
FIT = fit_of(CONFIG)
FIRST, SECOND, THIRD, FOURTH = CONFIG.channel_names
LAST_YEAR = CONFIG.table[CONFIG.channel_names].iloc[28 : 28 + HORIZON].to_numpy()
DRIVEN = ModelSpec(lag_max=3, channel_dag=ChannelDag("notears", lags=1))
WIDE = 0.8


def mean_outcomes(fit: Fit, budgets: np.ndarray) -> np.ndarray:
    """What budgets bring on average, from formulas of carry-over and saturation alone.

    Budgets are of shape (budget, channel); last year's flighting, and three lags.
    """
    unit, target = (fit.training.scale(role).values for role in ("media", "target"))
    before = fit.training.dataset["media"].values[-2:]
    plans = budgets[:, None] * (LAST_YEAR / LAST_YEAR.sum(axis=0))
    ends = [np.broadcast_to(part, (len(budgets), *part.shape)) for part in (before, 0 * before)]
    exposure = np.concatenate([ends[0], plans, ends[1]], axis=1) / unit
    posterior = fit.posterior.stack(sample=SAMPLE).transpose("sample", ...)
    retention, lam, alpha = (
        posterior[name].values for name in ("adstock_alpha", "saturation_lam", "saturation_alpha")
    )
    total = np.zeros(len(budgets))
    for rate, half, height in zip(retention, lam, alpha, strict=True):
        weights = rate[:, None] ** np.arange(3)
        weights /= weights.sum(axis=1, keepdims=True)
        carried = sum(weights[:, k] * exposure[:, 2 - k : exposure.shape[1] - k] for k in range(3))
        total += (height * carried / (half + carried)).sum(axis=(1, 2)) * target
    return np.asarray(total / len(alpha))


def best_direction(slopes: np.ndarray, worst: int) -> float:
    """The most that moving money about brings on average in the worst draws, by unit of money."""
    draws, channels = slopes.shape
    below, level = np.eye(draws), np.ones((draws, 1))
    found = linprog(
        np.concatenate([np.zeros(channels), [-1.0], np.full(draws, 1 / worst)]),
        A_ub=np.hstack([-slopes, level, -below]),
        b_ub=np.zeros(draws),
        A_eq=[np.concatenate([np.ones(channels), np.zeros(draws + 1)])],
        b_eq=[0.0],
        bounds=[(-1.0, 1.0)] * channels + [(None, None)] + [(0.0, None)] * draws,
    )
    return -float(found.fun)


@pytest.fixture(scope="module")
def best() -> Any:
    """The budget of a horizon, divided within wide bounds."""
    return divided(FIT, CONFIG, bounds=WIDE)


class TestOutcome:
    def test_a_plan_is_followed_until_nothing_is_left_of_it(self) -> None:
        outlook = outlook_of(FIT, CONFIG, None, HORIZON)
        np.testing.assert_allclose(outlook.planned, LAST_YEAR.sum(axis=0))
        expected = outcome_by_hand(FIT, CONFIG, LAST_YEAR)
        found = outlook.brings(outlook.planned.to_numpy())
        np.testing.assert_allclose(found.values, expected.values)

    def test_what_comes_after_the_horizon_counts(self) -> None:
        """With all spend in the last period, the first of its three lags alone is inside."""
        table = CONFIG.table.tail(1).loc[lambda t: t.index.repeat(HORIZON)].copy()
        table["date_week"] = CONFIG.model_data.next_dates(HORIZON)
        table[CONFIG.channel_names] = 0.0
        table.iloc[-1, table.columns.get_indexer(CONFIG.channel_names)] = 1000.0
        plan = table.drop(columns="revenue")
        fit = fit_of(CONFIG, ModelSpec(lag_max=3))
        outlook = outlook_of(fit, CONFIG, plan, HORIZON)
        spent = np.zeros((HORIZON, 4))
        spent[-1] = plan[CONFIG.channel_names].to_numpy()[-1]
        whole = outcome_by_hand(fit, CONFIG, spent)
        np.testing.assert_allclose(outlook.brings(outlook.planned.to_numpy()), whole)

    def test_money_follows_the_flighting_of_the_plan(self) -> None:
        costs = {FIRST: 2.0, SECOND: None}
        config = four_channels(cost_per_unit=costs)
        outlook = outlook_of(FIT, config, None, HORIZON)
        assert outlook.channels == [FIRST, THIRD, FOURTH]
        doubled = outlook.with_money(2 * outlook.planned.to_numpy()).dataset["media"].values
        np.testing.assert_allclose(doubled, LAST_YEAR * [2, 1, 2, 2])
        assert outlook.planned[FIRST] == pytest.approx(2 * LAST_YEAR[:, 0].sum())
        periods = outlook.periods(outlook.planned.to_numpy())
        np.testing.assert_allclose(periods, LAST_YEAR[:, [0, 2, 3]] * [2, 1, 1])

    def test_a_channel_that_the_plan_leaves_out_is_spread_evenly(self) -> None:
        plan = CONFIG.table.iloc[28 : 28 + HORIZON].drop(columns="revenue").assign(**{SECOND: 0.0})
        plan["date_week"] = CONFIG.model_data.next_dates(HORIZON)
        found = divided(FIT, CONFIG, plan=plan, bounds={SECOND: (600.0, 900.0)})
        assert found.table.loc[SECOND, "current"] == 0.0
        assert found.table.loc[SECOND, "change"] == np.inf
        shares = found.flighting[SECOND] / found.flighting[SECOND].sum()
        np.testing.assert_allclose(shares, 1 / HORIZON)
        assert divided(FIT, CONFIG, plan=plan).table.loc[SECOND, "recommended"] == 0.0

    def test_marginal_gains_are_slopes(self) -> None:
        outlook = outlook_of(FIT, CONFIG, None, HORIZON)
        planned = outlook.planned.to_numpy()
        together = marginal_gains(outlook, planned, outlook.brings(planned), together=True)
        alone = marginal_gains(outlook, planned, outlook.brings(planned), together=False)
        np.testing.assert_allclose(together, alone, rtol=1e-8)
        more, less = planned.copy(), planned.copy()
        more[1] *= 1.01
        less[1] *= 0.99
        slope = (outlook.brings(more) - outlook.brings(less)).sum("channel") / (more - less)[1]
        np.testing.assert_allclose(together.isel(channel=1), slope, rtol=2e-3)

    def test_channels_that_drive_each_other_are_noticed(self) -> None:
        driven = fit_of(CONFIG, DRIVEN)
        for fit, expected in ((FIT, True), (driven, False)):
            outlook = outlook_of(fit, CONFIG, None, HORIZON)
            planned = outlook.planned.to_numpy()
            assert leave_each_other_alone(outlook, 0.7 * planned, 1.3 * planned) is expected

    def test_draws_are_thinned_evenly(self) -> None:
        few = thinned(FIT, 8)
        assert few.posterior["draw"].values.tolist() == [0, 6, 13, 19]
        assert thinned(FIT, 40) is FIT


class TestBest:
    def test_it_beats_a_thousand_others(self) -> None:
        fit = fit_of(CONFIG, ModelSpec(lag_max=3))
        found = divided(fit, CONFIG, bounds=WIDE)
        low, high = money(found, "lower"), money(found, "upper")
        rng = np.random.default_rng(0)
        others = random_budgets(low, high, found.total, 1000, rng)
        budgets = np.array([money(found), money(found, "current"), *others])
        brought = mean_outcomes(fit, budgets)
        assert brought[0] > brought[1:].max()
        assert brought[2:].max() > brought[1]
        assert found.uplift.mean == pytest.approx(brought[0] - brought[1])

    def test_it_is_what_equal_slopes_say_of_a_closed_form(self) -> None:
        """One draw without carry-over: each channel's money where its slope is the common one."""
        fit = fit_of(CONFIG, ModelSpec(lag_max=1), chains=1, draws=1)
        found = divided(fit, CONFIG, bounds=WIDE)
        unit, target = (fit.training.scale(role).values for role in ("media", "target"))
        lam, alpha = (fit.posterior[f"saturation_{n}"].values[0, 0] for n in ("lam", "alpha"))
        share = LAST_YEAR / LAST_YEAR.sum(axis=0) / unit
        low, high = money(found, "lower"), money(found, "upper")

        def slope(spend: float, at: int) -> float:
            exposure = share[:, at] * spend
            each = alpha[at] * lam[at] * share[:, at] / (lam[at] + exposure) ** 2
            return float(each.sum() * target)

        def spent(price: float) -> np.ndarray:
            return np.array(
                [
                    low[at]
                    if slope(low[at], at) <= price
                    else high[at]
                    if slope(high[at], at) >= price
                    else brentq(lambda x, at=at: slope(x, at) - price, low[at], high[at])
                    for at in range(4)
                ]
            )

        price = brentq(lambda p: spent(p).sum() - found.total, 1e-6, 1e6, xtol=1e-12, rtol=1e-14)
        np.testing.assert_allclose(money(found), spent(price), rtol=1e-3)
        inside = (money(found) > low * 1.001) & (money(found) < high * 0.999)
        assert inside.sum() >= 2

    def test_channels_that_may_move_return_the_same_at_the_margin(self) -> None:
        found = divided(FIT, CONFIG, bounds=5.0)
        assert found.kkt_residual < 1e-3
        inside = found.table.loc[~found.table["at_bound"], "marginal_roi"]
        assert len(inside) >= 2
        np.testing.assert_allclose(inside, inside.mean(), rtol=2e-3)
        at_top = found.table["recommended"] >= found.table["upper"] * (1 - 1e-6)
        assert (found.table.loc[at_top, "marginal_roi"] > inside.mean()).all()
        assert (found.table["change"].abs() > 0.02).any()

    def test_limits_are_kept(self) -> None:
        cap = 0.9 * LAST_YEAR[:, :2].sum()
        found = divided(
            FIT,
            CONFIG,
            total=1.1 * LAST_YEAR.sum(),
            bounds=WIDE,
            hold=[FOURTH],
            constraints=[Constraint({FIRST: 1, SECOND: 1}, high=cap)],
        )
        table = found.table
        assert found.total == pytest.approx(1.1 * LAST_YEAR.sum())
        assert table.loc[FOURTH, "recommended"] == pytest.approx(LAST_YEAR[:, 3].sum())
        assert table["held"].tolist() == [False, False, False, True]
        assert table.loc[[FIRST, SECOND], "recommended"].sum() <= cap * (1 + 1e-6)
        assert (table["recommended"] >= table["lower"] * (1 - 1e-9)).all()
        assert (table["recommended"] <= table["upper"] * (1 + 1e-9)).all()
        assert found.kkt_residual < 1e-3
        assert table["current"].sum() == pytest.approx(found.total)

    @pytest.mark.parametrize("name", ["cvar", "quantile"])
    def test_what_is_careful_is_better_where_it_is_meant_to_be(self, name: str) -> None:
        fit = fit_of(CONFIG, draws=300)
        objective = Objective(name, 0.1)
        boldest, careful = divided(fit, CONFIG), divided(fit, CONFIG, objective=name)
        values = [objective.value(a.uplift_draws.values.ravel()) for a in (boldest, careful)]
        assert values[1] > values[0]
        assert values[1] >= 0
        assert careful.uplift.mean < boldest.uplift.mean
        riskier = divided(fit, CONFIG, objective=name, risk=0.6)
        assert riskier.uplift.mean > careful.uplift.mean

    def test_where_no_change_is_safe_the_current_budget_stays(self) -> None:
        """Draws that contradict each other: whatever gains in one loses in the other."""
        fit = fit_of(CONFIG, ModelSpec(lag_max=1), chains=1, draws=2)
        alpha = fit.posterior["saturation_alpha"]
        unlike = alpha.copy(data=np.array([[[9.0, 9, 0.1, 0.1], [0.1, 0.1, 9, 9]]]))
        posterior = fit.posterior.assign(saturation_alpha=unlike)
        fit.idata["posterior"] = type(fit.idata)(posterior)
        found = divided(fit, CONFIG, objective="cvar", risk=0.4)
        assert found.uplift.low >= -1e-6
        assert found.table["change"].abs().max() < 0.31

    def test_the_most_that_returns_a_target(self) -> None:
        usual = divided(FIT, CONFIG)
        target = 0.97 * usual.outcome.mean / usual.total
        found = divided(FIT, CONFIG, objective="target_roi", target_roi=target, bounds=WIDE)
        assert found.outcome.mean / found.total == pytest.approx(target, rel=1e-4)
        assert found.kkt_residual < 2e-3
        dearer = divided(FIT, CONFIG, objective="target_roi", target_roi=1.2 * target, bounds=WIDE)
        assert dearer.total < found.total
        assert dearer.outcome.mean < found.outcome.mean
        # A budget of the same money that is divided for its outcome alone brings no more.
        same = divided(
            FIT,
            CONFIG,
            total=found.total,
            bounds={name: (row["lower"], row["upper"]) for name, row in found.table.iterrows()},
        )
        assert found.outcome.mean == pytest.approx(same.outcome.mean, rel=1e-5)
        capped = divided(
            FIT,
            CONFIG,
            total=dearer.total,
            objective="target_roi",
            target_roi=target,
            bounds={name: (row["lower"], row["upper"]) for name, row in found.table.iterrows()},
        )
        assert capped.total <= dearer.total * (1 + 1e-6)
        with pytest.raises(SpecificationError, match="target_roi=1e\\+06; expected at most"):
            divided(FIT, CONFIG, objective="target_roi", target_roi=1e6)

    @pytest.mark.parametrize("unit", [1e6, 1e-6, 1e-10])
    def test_a_constraint_may_be_in_any_unit(self, unit: float) -> None:
        usual = money(divided(FIT, CONFIG))[0]
        cap = Constraint({FIRST: unit}, high=0.9 * usual * unit)
        found = divided(FIT, CONFIG, constraints=[cap])
        assert money(found)[0] == pytest.approx(0.9 * usual, rel=1e-5)
        assert found.kkt_residual < 1e-3

    @pytest.mark.parametrize("seed", range(4))
    def test_the_residual_of_a_kink_is_that_of_its_directions(self, seed: int) -> None:
        """Independently: the best direction from the current budget, by its worst draws alone."""
        fit = fit_of(CONFIG, draws=50, seed=seed)
        found = divided(fit, CONFIG, objective="cvar", bounds=0.1, total=80_000.0)
        slopes = found.marginal_draws_current.values.reshape(-1, 4)
        gain = best_direction(slopes, int(0.1 * len(slopes)))
        still = bool((money(found) == money(found, "current")).all())
        assert still == (gain < 1e-6)
        assert found.kkt_residual < 1e-3

    def test_a_cap_above_what_is_best_changes_nothing(self) -> None:
        usual = divided(FIT, CONFIG)
        target = {"objective": "target_roi", "target_roi": usual.outcome.mean / usual.total}
        free = divided(FIT, CONFIG, **target)
        for cap in (1.5, 4.0):
            capped = divided(FIT, CONFIG, total=cap * usual.total, **target)
            np.testing.assert_allclose(money(capped), money(free), rtol=1e-3)
            np.testing.assert_allclose(money(capped, "current"), LAST_YEAR.sum(axis=0))

    def test_bounds_that_say_nothing_do_not_blur_the_search(self) -> None:
        """As wide as a user writes who wants none."""
        near, far = (
            divided(FIT, CONFIG, bounds=dict.fromkeys(CONFIG.channel_names, (0.0, most)))
            for most in (LAST_YEAR.sum(), 1e13)
        )
        assert near.uplift.mean > 0
        np.testing.assert_allclose(money(far), money(near), rtol=1e-3)
        assert not far.table["at_bound"].any()

    def test_s_shaped_curves(self) -> None:
        fit = fit_of(CONFIG, ModelSpec(lag_max=2, saturation="hill"), fixed={"saturation_slope": 5})
        found = divided(fit, CONFIG, bounds=WIDE)
        outlook = outlook_of(fit, CONFIG, None, HORIZON)
        rng = np.random.default_rng(1)
        low, high = money(found, "lower"), money(found, "upper")
        others = random_budgets(low, high, found.total, 200, rng)
        reached = float(outlook.brings(money(found)).sum("channel").mean())
        assert reached > max(float(outlook.brings(o).sum("channel").mean()) for o in others)


class TestGraph:
    def test_what_channels_do_to_each_other_counts(self) -> None:
        fit = fit_of(CONFIG, DRIVEN, draws=100)
        found = divided(fit, CONFIG)
        outlook = outlook_of(fit, CONFIG, None, HORIZON)
        assert found.kkt_residual < 1e-3
        rng = np.random.default_rng(2)
        low, high = money(found, "lower"), money(found, "upper")
        others = random_budgets(low, high, found.total, 100, rng)
        reached = float(outlook.brings(money(found)).sum("channel").mean())
        assert reached > max(float(outlook.brings(o).sum("channel").mean()) for o in others)
        # More on one channel and nothing else: what all bring changes by its marginal return.
        more = money(found).copy()
        more[0] *= 1.001
        added = (outlook.brings(more) - outlook.brings(money(found))).sum("channel").mean()
        marginal = found.table["marginal_roi"].iloc[0] * (more - money(found))[0]
        assert float(added) == pytest.approx(marginal)


class TestSaid:
    def test_figures_are_of_all_draws(self, best: Any) -> None:
        current = outcome_by_hand(FIT, CONFIG, LAST_YEAR)
        recommended = outcome_by_hand(FIT, CONFIG, best.flighting.to_numpy())
        dark = outcome_by_hand(FIT, CONFIG, np.zeros_like(LAST_YEAR))
        difference = (recommended - current).sum("channel")
        np.testing.assert_allclose(best.uplift_draws, difference, rtol=1e-6)
        assert best.uplift.mean == pytest.approx(float(difference.mean()))
        assert best.uplift.low == pytest.approx(float(difference.quantile(0.05)))
        assert best.probability_positive == float((difference > 0).mean())
        assert best.outcome.mean == pytest.approx(float((recommended - dark).sum("channel").mean()))
        for column, brought in (("contribution_current", current), ("contribution", recommended)):
            expected = bought(brought - dark, best).mean(axis=0)
            np.testing.assert_allclose(best.table[column], expected)
        high = np.quantile(bought(recommended - dark, best), 0.95, axis=0)
        np.testing.assert_allclose(best.table["contribution_high"], high)

    def test_table_and_flighting_agree(self, best: Any) -> None:
        table = best.table
        np.testing.assert_allclose(best.flighting.sum(), table["recommended"])
        np.testing.assert_allclose(best.flighting.max(), table["planned_max"])
        assert best.flighting.index.tolist() == CONFIG.model_data.next_dates(HORIZON).tolist()
        np.testing.assert_allclose(table["seen_max"], CONFIG.table[CONFIG.channel_names].max())
        beyond = table["planned_max"] > table["seen_max"]
        assert table["beyond_seen"].tolist() == beyond.tolist()
        np.testing.assert_allclose(table["change"], table["recommended"] / table["current"] - 1)
        assert best.total == pytest.approx(table["recommended"].sum())
        assert best.marginal_draws.dims == (*SAMPLE, "channel")
        means = best.marginal_draws.mean(SAMPLE)
        np.testing.assert_allclose(table["marginal_roi"], means)

    def test_beyond_what_was_seen(self) -> None:
        found = divided(FIT, CONFIG, total=20 * LAST_YEAR.sum())
        assert found.table["beyond_seen"].all()
        assert found.summary()["beyond_seen"] == CONFIG.channel_names

    def test_says_what_it_is_compared_with(self, best: Any) -> None:
        assert not best.scaled
        assert best.compared_with == "the plan"
        planned = LAST_YEAR.sum()
        other = divided(FIT, CONFIG, total=1.2 * planned)
        assert other.scaled
        assert other.total_planned == pytest.approx(planned)
        assert other.compared_with == f"the plan of {planned:,.0f}, scaled to {1.2 * planned:,.0f}"

    def test_summary_is_plain(self, best: Any) -> None:
        summary = best.summary()
        assert summary["kkt_residual"] == best.kkt_residual
        assert summary["uplift_share"] == best.uplift.mean / best.outcome_current.mean
        assert summary["total_current"] == pytest.approx(LAST_YEAR.sum())
        assert all(isinstance(v, str | int | float | list | None) for v in summary.values())

    def test_moves_hand_money_from_losers_to_winners(self, best: Any) -> None:
        moves = best.moves()
        difference = best.table["recommended"] - best.table["current"]
        assert moves["amount"].sum() == pytest.approx(difference.clip(lower=0).sum())
        assert moves["amount"].is_monotonic_decreasing
        for source, rows in moves.groupby("source"):
            assert rows["amount"].sum() == pytest.approx(-difference[source])
        assert len(best.moves(1)) == 1
        still = replace(best, table=best.table.assign(recommended=best.table["current"]))
        assert still.moves().empty

    def test_the_interval_that_was_asked_for(self) -> None:
        narrow = divided(FIT, CONFIG, ci_prob=0.5)
        assert narrow.uplift.low == pytest.approx(float(narrow.uplift_draws.quantile(0.25)))
        assert narrow.ci_prob == 0.5

    def test_channels_that_are_not_bought_stay_as_planned(self) -> None:
        config = four_channels(cost_per_unit={SECOND: None, THIRD: 0.5})
        found = divided(FIT, config)
        assert found.table.index.tolist() == [FIRST, THIRD, FOURTH]
        np.testing.assert_allclose(found.plan[SECOND], LAST_YEAR[:, 1])
        units = found.table.loc[THIRD, "recommended"] / 0.5
        assert found.plan[THIRD].sum() == pytest.approx(units)
        assert found.total == pytest.approx((LAST_YEAR * [1, 0, 0.5, 1]).sum())

    def test_effectiveness_goes_on_as_the_model_says(self) -> None:
        """The multiplier of the weeks ahead is no constant, and reaches the answer."""
        constant = fit_of(CONFIG, ModelSpec(lag_max=3))
        shared = {name: FIT.posterior[name] for name in constant.posterior.data_vars}
        constant.idata["posterior"] = type(FIT.idata)(constant.posterior.assign(shared))
        drifting, still = (divided(f, CONFIG).outcome.mean for f in (FIT, constant))
        assert drifting != pytest.approx(still, rel=1e-3)


class TestRefused:
    @pytest.mark.parametrize(
        ("question", "error", "match"),
        [
            ({"horizon": 0}, SpecificationError, "horizon=0"),
            ({"horizon": 2.5}, SpecificationError, "horizon=2.5"),
            ({"ci_prob": 1.5}, SpecificationError, "ci_prob=1.5"),
            ({"objective": "best"}, SpecificationError, "objective='best'"),
            ({"bounds": {"tv": (0, 1)}}, ColumnError, "'tv' in bounds"),
            ({"total": 10 * LAST_YEAR.sum(), "bounds": {FIRST: (0, 1)}}, SpecificationError, "tot"),
            ({"horizon": 53, "plan": "as last year"}, DataError, "for 53 periods"),
            ({"plan": CONFIG.table.head(3)}, DataError, "3 rows for scenario 'plan'"),
            ({"plan": "as ever"}, SpecificationError, "plan='as ever'"),
            ({"plan": 3}, SpecificationError, "plan=3"),
        ],
    )
    def test_impossible_questions(
        self, question: dict[str, Any], error: type[Exception], match: str, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("pymc_toolkit.decisions.budget.leave_each_other_alone", None)
        with pytest.raises(error, match=match):
            divided(FIT, CONFIG, **question)

    def test_nothing_that_is_bought(self) -> None:
        organic = four_channels(cost_per_unit=dict.fromkeys(CONFIG.channel_names))
        with pytest.raises(SpecificationError, match="none of whose channels is bought"):
            divided(FIT, organic)

    def test_a_channel_that_was_never_on_air(self) -> None:
        table = small_config(80).table.assign(new=0.0)
        with pytest.warns(DataWarning, match="'new'"):
            config = ClientConfig(
                table, "revenue", "date_week", ["channel_1_cost", "channel_2_cost", "new"]
            )
        fit = fake_fit(config.model_data)
        assert divided(fit, config).table.loc["new", "recommended"] == 0.0
        with pytest.raises(DataError, match="allow money for 'new', never on air"):
            divided(fit, config, bounds={"new": (0.0, 100.0)})


@pytest.mark.usefixtures("convergence_is_not_the_point")
def test_a_fitted_model_divides_its_budget(fake_sampler: Any) -> None:
    fake_sampler()
    model = PymcModel(CONFIG.table, "revenue", "date_week", CONFIG.channel_names, random_seed=3)
    with pytest.raises(RuntimeError, match="fit"):
        model.optimize_budget()
    model.fit(draws=10, tune=1, chains=2, progressbar=False)
    found = model.optimize_budget(horizon=5, bounds=0.2)
    assert (found.horizon, found.objective) == (5, "cvar")
    assert found.kkt_residual < 1e-3
    again = model.optimize_budget(horizon=5, bounds=0.2)
    pd.testing.assert_frame_equal(found.table, again.table)
    # What is recommended is a table that the model predicts from.
    assert len(model.predict(found.plan)) == 5
