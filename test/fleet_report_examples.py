"""Made-up reports of fleets with awkward names, to test drawing without a fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from report_examples import NASTY, QUOTED, example_report

from pymc_toolkit.reports.fleet_contract import (
    FleetReport,
    ForecastReport,
    HoldoutReport,
    OverviewReport,
    RecoveryReport,
    StabilityReport,
)
from pymc_toolkit.verdicts import Check, Status, Verdict

CHANNELS = [NASTY, QUOTED, *(f"a_channel_with_a_long_name_{i}_cost" for i in range(11))]
BASELINES = ["training mean", "last value", "seasonal naive", "ridge on adstocked media"]
TRACEBACK = "Traceback (most recent call last):\n  <b>here</b>\nValueError: no </pre> luck"


def _spread(rng: np.random.Generator, middle: np.ndarray) -> dict[str, np.ndarray]:
    arm = np.abs(middle) * rng.uniform(0.1, 0.5, middle.size)
    return {"mean": middle, "ci_low": middle - arm, "ci_high": middle + arm}


def _common(kind: str, names: list[str], failed: list[str]) -> dict[str, Any]:
    members = pd.DataFrame(
        {"state": "finished", "divergences": 0.0, "r_hat": 1.004, "ess_bulk": 812.0, "mape": 0.03},
        index=pd.Index([*names, *failed], name="member"),
    )
    members.loc[failed, "state"] = "failed"
    members.loc[failed, ["divergences", "r_hat", "ess_bulk", "mape"]] = np.nan
    checks = (
        Check("convergence", Status.PASS, "The sampler converged.", 1.004, 1.01),
        Check(f"{kind} of {NASTY}", Status.REVIEW, f"Look at {QUOTED}.", None, 0.9),
    )
    return {
        "title": f"A {kind} fleet of {QUOTED}",
        "client": QUOTED,
        "question": f"What does the {kind} fleet say?",
        "headline": f"The {kind} fleet says this of {NASTY}.",
        "target_name": "ecommerce_revenue",
        "ci_prob": 0.9,
        "verdict": Verdict(checks),
        "members": members,
        "failures": dict.fromkeys(failed, TRACEBACK),
        "provenance": dataclasses.replace(example_report().provenance, held_out=0),
    }


def recovery_example(simulations: int = 20, **changes: Any) -> RecoveryReport:
    """Simulations of 13 channels; one simulation has neither ranks nor tests of them."""
    rng = np.random.default_rng(1)
    names = [f"simulation {i + 1}" for i in range(simulations)]
    variables = {"intercept": [""], "saturation_lam": CHANNELS, "adstock_alpha": CHANNELS}
    scalars = [(v, c) for v, coordinates in variables.items() for c in coordinates]
    intervals = pd.DataFrame(scalars, columns=["variable", "coordinate"]).assign(
        truth=rng.uniform(0.2, 1.5, len(scalars)),
        **_spread(rng, rng.uniform(0.2, 1.5, len(scalars))),
    )
    truth = rng.gamma(2, 1e6, simulations * len(CHANNELS))
    estimate = _spread(rng, truth * rng.uniform(0.7, 1.3, truth.size))
    channels = pd.DataFrame(
        {
            "simulation": np.repeat(names, len(CHANNELS)),
            "channel": CHANNELS * simulations,
            "truth": truth,
            "contribution": estimate["mean"],
            "ci_low": estimate["ci_low"],
            "ci_high": estimate["ci_high"],
            "roi_truth": truth / 1e5,
            "roi": np.where(np.arange(truth.size) % 13 == 12, np.nan, estimate["mean"] / 1e5),
            "roi_low": estimate["ci_low"] / 1e5,
            "roi_high": estimate["ci_high"] / 1e5,
        }
    )
    several = simulations > 1
    ranks = pd.concat(
        [pd.DataFrame(scalars, columns=["variable", "coordinate"])] * simulations, ignore_index=True
    )
    ranks["rank"] = (rng.integers(100, size=len(ranks)) + 0.5) / 100
    # One parameter whose estimates are too high in every simulation.
    ranks.loc[ranks["variable"] == "intercept", "rank"] = 0.03
    scores = pd.DataFrame(
        {"score": 0.5, "coverage_50": 0.55, "coverage_90": 0.85, "bias": -0.1, "scalars": 20.0},
        index=["intercept", "media_temporal_latent_multiplier_raw_eta", "saturation_lam"],
    )
    tests = pd.DataFrame(scalars, columns=["variable", "coordinate"])
    report = RecoveryReport(
        **_common("recovery", names, ["simulation that failed"]),
        source="prior",
        n_simulations=simulations,
        scores=scores,
        intervals=intervals,
        channels=channels,
        ranks=ranks if several else None,
        uniformity=tests.assign(p_value=rng.uniform(size=len(tests))) if several else None,
    )
    return dataclasses.replace(report, **changes)


def holdout_example(windows: int = 3, **changes: Any) -> HoldoutReport:
    """Three lengths with some windows each."""
    rng = np.random.default_rng(2)
    first = pd.date_range("2023-06-05", periods=windows, freq="28D")
    cases = [(length, date) for length in (4, 8, 12) for date in first]
    names = {case: f"{case[0]} weeks from {case[1].date()}" for case in cases}
    scores = pd.DataFrame(
        [
            {
                "member": names[case],
                "periods": case[0],
                "first_date": case[1],
                "prediction": name,
                "mape": 0.05 + 0.02 * i,
                "nrmse": 0.2,
                "r_squared": 0.4 - i,
                "crps": 0.03 + 0.02 * i + 0.005 * rng.uniform(),
                "coverage": 0.75,
            }
            for case in cases
            for i, name in enumerate(["model", *BASELINES])
        ]
    )
    scores.loc[scores["prediction"] == "seasonal naive", ["crps", "mape", "coverage"]] = np.nan
    forecasts = {}
    for (length, date), name in names.items():
        dates = pd.date_range(end=date + pd.Timedelta(weeks=length - 1), periods=30, freq="7D")
        level = 60_000 + 10_000 * np.sin(np.arange(30) / 4)
        table = pd.DataFrame({"date": dates, "actual": level + rng.normal(0, 2_000, 30)})
        table = table.assign(mean=level, ci_low=level - 4_000, ci_high=level + 4_000)
        forecasts[name] = table.assign(holdout=np.arange(30) >= 30 - length)
    report = HoldoutReport(
        **_common("holdout", list(names.values()), ["16 weeks"]),
        windows="last" if windows == 1 else "expanding",
        scores=scores,
        forecasts=forecasts,
    )
    return dataclasses.replace(report, **changes)


def stability_example(**changes: Any) -> StabilityReport:
    """Twenty members of 13 channels, one of them without a return."""
    rng = np.random.default_rng(3)
    kinds = ["refresh"] * 12 + ["perturbation"] * 4 + ["seed"] * 3 + ["placebo"]
    reference = rng.gamma(2, 2, len(CHANNELS))
    reference[-1] = np.nan
    rows = []
    for i, kind in enumerate(kinds):
        change = rng.normal(0, 0.1, len(CHANNELS))
        rows.append(
            pd.DataFrame(
                {
                    "member": f"{kind} {i}",
                    "kind": kind,
                    "channel": CHANNELS,
                    "reference": 1e5,
                    "estimate": 1e5 * (1 + change),
                    "contribution_change": change,
                    "reference_roi": reference,
                    "roi": reference * (1 + change),
                    "roi_change": change + np.where(np.isnan(reference), np.nan, 0.0),
                }
            )
        )
    drift = pd.concat(rows, ignore_index=True)
    tests = pd.DataFrame(
        {
            "value": [0.08, 0.09, 0.01, 0.31],
            "threshold": [0.15, 0.08, 0.05, 0.5],
            "threshold_name": [
                *("refresh_change", "perturbation_change", "seed_change", "placebo_drop"),
            ],
            "members": [12, 4, 3, 1],
        },
        index=["refresh", "perturbation", "seed", "placebo"],
    )
    table = pd.DataFrame({"roi": reference}, index=CHANNELS)
    table = table.assign(ci_low=table["roi"] * 0.6, ci_high=table["roi"] * 1.5)
    report = StabilityReport(
        **_common("stability", ["reference", *drift["member"].unique()], ["seed 99"]),
        drift=drift,
        tests=tests,
        reference=table,
        placebo_channel=CHANNELS[0],
    )
    return dataclasses.replace(report, **changes)


def forecast_example(scenarios: int = 4, **changes: Any) -> ForecastReport:
    """Plans over eight weeks, the second beyond what was seen."""
    rng = np.random.default_rng(4)
    names = ["as last year", NASTY, QUOTED, "flat"][:scenarios]
    dates = pd.date_range("2024-02-05", periods=8, freq="7D")
    history = pd.DataFrame(
        {
            "date": pd.date_range(end="2024-01-29", periods=52, freq="7D"),
            "actual": 60_000 + rng.normal(0, 5_000, 52),
        }
    )
    level = {name: 60_000.0 + 5_000 * i for i, name in enumerate(names)}
    forecasts = {
        name: pd.DataFrame({"date": dates, "mean": value}).assign(
            ci_low=value - 6_000, ci_high=value + 6_000
        )
        for name, value in level.items()
    }
    totals = pd.DataFrame(
        {
            name: {
                **{"spend": np.nan if i == 2 else 1e5, "mean": 8 * value},
                **{"ci_low": 7.5 * value, "ci_high": 8.5 * value},
                **{"difference": 4e4 * i, "difference_low": 4e4 * i - 5e4},
                "difference_high": 4e4 * i + (5e4 if i else -5e4),
            }
            for i, (name, value) in enumerate(level.items())
        }
    ).T.rename_axis("scenario")
    channels = pd.DataFrame(
        [
            {
                "scenario": name,
                "channel": channel,
                **{"spend": 9e3, "contribution": 2e4, "ci_low": 1e4, "ci_high": 4e4},
                **{"planned_max": 3e3 if name == NASTY else 1e3, "seen_max": 2e3},
            }
            for name in names
            for channel in CHANNELS
        ]
    )
    report = ForecastReport(
        **_common("forecast", names, []),
        horizon=8,
        history=history,
        forecasts=forecasts,
        totals=totals,
        channels=channels,
    )
    return dataclasses.replace(report, **changes)


def overview_example(**changes: Any) -> OverviewReport:
    """Twenty clients, one of which failed."""
    names = [NASTY, QUOTED, *(f"client {i}" for i in range(17)), "broken"]
    clients = pd.DataFrame(
        {
            "status": ["review", "fail", *["pass"] * 17, "fail"],
            "sentence": f"All checks of {QUOTED} passed.",
            "mape": 0.05,
            "crps": np.linspace(0.02, 0.2, 20),
            "naive_crps": 0.11,
            "coverage": 1.0,
            "test_size": 4.0,
        },
        index=names,
    )
    clients.loc["broken", ["mape", "crps", "naive_crps", "coverage", "test_size"]] = np.nan
    report = OverviewReport(
        **_common("production", names[:-1], ["broken"]),
        clients=clients,
        links=[(name, f"overview-client {i}?&#.html") for i, name in enumerate(names[:-1])],
    )
    return dataclasses.replace(report, **changes)


# Made when they are asked for: every worker reads the names, few need the reports.
EXAMPLES: dict[str, Callable[[], FleetReport]] = {
    "recovery": recovery_example,
    "single-recovery": partial(recovery_example, 1),
    "holdout": holdout_example,
    "single-holdout": partial(holdout_example, 1),
    "stability": stability_example,
    "forecast": forecast_example,
    "single-forecast": partial(forecast_example, 1),
    "overview": overview_example,
}
