"""A made-up client's report with realistic numbers and awkward names, to test without a model."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from report_examples import BEST, NASTY, QUOTED, UNPAID, example_experiments, example_report

from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.reports.client.contract import (
    ClientReport,
    Estimate,
    Recommendation,
    Refresh,
)
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.verdicts import Check, Status, Verdict

# Evidence, what to do, and by which fraction the budget changes.
_ADVICE: dict[str, tuple[str, str, float]] = {
    "snapchat_cost": ("prior-driven", "test", 0.0),
    "facebook_ads_conversions_cost": ("identified", "reduce", -0.16),
    "facebook_ads_brand_awareness_cost": ("identified", "keep", 0.0),
    "facebook_ads_engagement_cost": ("prior-driven", "test", 0.0),
    "google_ads_video_cost": ("identified", "reduce", -0.3),
    BEST: ("tested", "increase", 0.21),
    "google_ads_search_men_cost": ("identified", "keep", 0.0),
    "google_ads_search_kids_cost": ("prior-driven", "test", 0.0),
    NASTY: ("identified", "reduce", -0.3),
    "google_ads_search_brand_cost": ("identified", "increase", 0.3),
    QUOTED: ("tested", "increase", 0.27),
    "google_ads_search_others_cost": ("prior-driven", "test", 0.0),
    UNPAID: ("identified", "", 0.0),
}
_WEEKS = 161
_HORIZON = 13
_REASONS = {
    "increase": "With 93% probability money here returns more than the money it is traded with.",
    "reduce": "With 88% probability money here returns less than the money it is traded with.",
    "keep": "The best budget found leaves it about where it is.",
    "test": "The data say little about this channel: an experiment should come first.",
    "": "",
}
_EVIDENCE = {
    "tested": "An experiment measured it in March 2023, and the model agrees with it.",
    "identified": "The way it varied tells what it earns (distance 0.58 of 1 from what was "
    "assumed); no experiment confirms it.",
    "prior-driven": "The data hardly moved what was assumed of it before (distance 0.08 of 1).",
}


def example_client_report(**changes: Any) -> ClientReport:
    """Make the report of a fashion shop: 161 weeks, 13 channels (one unpaid), 13 weeks ahead."""
    model = example_report()
    channels = _channels(model)
    report = ClientReport(
        client=model.client,
        target_name="online revenue",
        target_is_money=True,
        ci_prob=0.9,
        brand=Brand("North & Co", primary="#14365d", accent="#0072b2"),
        verdict=_verdict(),
        blocked=False,
        remedies=("Vary the spend of TV and radio apart from each other.",),
        media_share=Estimate(*model.media_share),
        media_contribution=_summed(model),
        media_roi=Estimate(2.134, 1.771, 2.523),
        channels=channels,
        recommendation=_recommendation(channels),
        waterfall=_waterfall(model),
        components=model.components,
        curves=model.curves,
        levels=_levels(channels),
        carry_over=_carry_over(channels),
        fit=model.fit,
        scores=model.scores,
        priors=model.priors,
        provenance=model.provenance,
        refresh=_refresh(channels),
        experiments=example_experiments(),
    )
    return dataclasses.replace(report, **changes)


def blocked_client_report(**changes: Any) -> ClientReport:
    """Make the same of a model that did not pass."""
    bad = Check(
        "convergence",
        Status.FAIL,
        "The chains do not agree: the largest R-hat is 1.21.",
        1.21,
        1.05,
        remedy="Draw more: fit(draws=2000, tune=2000), or simplify the model.",
    )
    checks = (bad, *_verdict().checks)
    report = example_client_report()
    return dataclasses.replace(
        report,
        **{
            "verdict": Verdict(checks),
            "blocked": True,
            "remedies": (bad.remedy, *report.remedies),
            "recommendation": None,
            "channels": report.channels.assign(verb="", reason=""),
            "levels": report.levels.assign(recommended=np.nan),
            **changes,
        },
    )


def full_client_report(**changes: Any) -> ClientReport:
    """Make a report whose page one has as much on it as it may have."""
    report = example_client_report()
    names = {name: f"{name}_and_fees" for name in report.channels.index}
    troubles = [
        Check(f"a check with a rather long name {letter}", Status.REVIEW, "") for letter in "ABCDEF"
    ]
    advice = report.recommendation
    assert advice is not None
    moves = pd.concat([advice.moves, advice.moves.iloc[:1]], ignore_index=True)
    moves[["source", "destination"]] = moves[["source", "destination"]].replace(names)
    return dataclasses.replace(
        report,
        **{
            "verdict": Verdict((*report.verdict.checks, *troubles)),
            "channels": report.channels.rename(index=names),
            "recommendation": dataclasses.replace(
                advice, moves=moves, table=advice.table.rename(index=names)
            ),
            "waterfall": report.waterfall.replace({"part": names}),
            "components": report.components.rename(columns=names),
            "curves": report.curves.replace({"channel": names}),
            "levels": report.levels.rename(index=names),
            "carry_over": report.carry_over.rename(index=names),
            "refresh": None,
            **changes,
        },
    )


def small_client_report(**changes: Any) -> ClientReport:
    """Make a report of two channels and a target that is no money, with nothing to move."""
    names = [BEST, NASTY]
    full = example_client_report()
    rest = [name for name in full.channels.index if name not in names]
    advice = full.recommendation
    assert advice is not None
    table = advice.table.loc[names].assign(change=0.0, at_bound=False, beyond_seen=False)
    table["recommended"] = table["current"]
    still = dataclasses.replace(
        advice,
        table=table,
        total=float(table["recommended"].sum()),
        planned=float(table["current"].sum()),
        moves=advice.moves.iloc[:0],
        probability=0.55,
        uplift=Estimate(11.2, -81.0, 98.7),
        flighting=advice.flighting[names],
    )
    channels = full.channels.loc[names].assign(above_one=np.nan, verb="keep")
    return dataclasses.replace(
        full,
        **{
            "client": "Client 0",
            "target_name": "orders",
            "target_is_money": False,
            "brand": Brand(currency="USD", locale="en_US"),
            "verdict": Verdict(full.verdict.checks[:1]),
            "channels": channels,
            "recommendation": still,
            "waterfall": full.waterfall[~full.waterfall["part"].isin(rest)],
            "components": full.components.drop(columns=rest),
            "curves": full.curves[full.curves["channel"].isin(names)],
            "levels": full.levels.loc[names],
            "carry_over": full.carry_over.loc[names],
            "priors": full.priors[~full.priors["coordinate"].isin(rest)],
            "refresh": None,
            "experiments": None,
            **changes,
        },
    )


def _channels(model: ModelReport) -> pd.DataFrame:
    totals, roi = model.totals, model.roi
    media = totals["contribution"][roi["paid"]].sum()
    spend = roi["spend"].where(roi["paid"])
    table = pd.DataFrame(
        {
            "spend": spend,
            "spend_share": spend / spend.sum(),
            "contribution": totals["contribution"],
            "contribution_low": totals["ci_low"],
            "contribution_high": totals["ci_high"],
            "effect": (totals["contribution"] / media).where(roi["paid"]),
            "effect_low": (totals["ci_low"] / media).where(roi["paid"]),
            "effect_high": (totals["ci_high"] / media).where(roi["paid"]),
            "roi": roi["roi"].where(roi["paid"]),
            "roi_low": roi["ci_low"].where(roi["paid"]),
            "roi_high": roi["ci_high"].where(roi["paid"]),
        }
    )
    for end in ("", "_low", "_high"):
        table[f"marginal{end}"] = 0.61 * table[f"roi{end}"]
    reach = (table["roi"] - 1) / (table["roi_high"] - table["roi_low"])
    table["above_one"] = (0.5 + reach).clip(0.0001, 0.9999)
    table["tier"] = [_ADVICE[name][0] for name in table.index]
    table["evidence"] = [_EVIDENCE[tier] for tier in table["tier"]]
    table["verb"] = [_ADVICE[name][1] for name in table.index]
    table["reason"] = [_REASONS[verb] for verb in table["verb"]]
    return table


def _summed(model: ModelReport) -> Estimate:
    share, total = model.media_share, model.components.to_numpy().sum()
    return Estimate(*(float(end * total) for end in share))


def _recommendation(channels: pd.DataFrame) -> Recommendation:
    spent = channels["spend"].dropna()
    current = spent / _WEEKS * _HORIZON
    change = pd.Series({name: _ADVICE[str(name)][2] for name in current.index})
    # What is given up goes to those that gain.
    gain = change.clip(lower=0) * current
    gain *= -(change.clip(upper=0) * current).sum() / gain.sum()
    recommended = current * (1 + change.clip(upper=0)) + gain
    change = recommended / current - 1
    table = pd.DataFrame(
        {
            "current": current,
            "recommended": recommended,
            "change": change,
            "lower": 0.7 * current,
            "upper": 1.3 * current,
            "at_bound": change < -0.29,
            "beyond_seen": [name == QUOTED for name in current.index],
            "held": [_ADVICE[str(name)][1] == "test" for name in current.index],
        }
    )
    moves = pd.DataFrame(
        {
            "source": ["facebook_ads_conversions_cost", NASTY, "google_ads_video_cost"],
            "destination": [BEST, QUOTED, "google_ads_search_brand_cost"],
            "amount": [8_632.0, 7_800.0, 6_435.0],
            "carried": True,
        }
    )
    dates = pd.date_range("2024-02-05", periods=_HORIZON, freq="W-MON", name="date")
    flighting = pd.DataFrame(
        {name: np.full(_HORIZON, money / _HORIZON) for name, money in recommended.items()}, dates
    )
    return Recommendation(
        horizon=_HORIZON,
        total=float(recommended.sum()),
        planned=float(current.sum()),
        uplift=Estimate(38_420.0, 7_310.0, 71_900.0),
        probability=0.957,
        table=table,
        moves=moves,
        flighting=flighting,
    )


def _waterfall(model: ModelReport) -> pd.DataFrame:
    whole = model.components
    rows = []
    for name in ("baseline", "trend", "seasonality"):
        rows.append((name, "standing", float(whole[name].sum())))
    controls = float(whole[["events", "emails_delivered"]].to_numpy().sum())
    rows.append(("2 controls", "controls", controls))
    ranked = model.totals.sort_values("contribution", ascending=False)
    rows += [(str(name), "media", float(row["contribution"])) for name, row in ranked.iterrows()]
    rows.append(("together", "total", sum(amount for *_, amount in rows)))
    table = pd.DataFrame(rows, columns=["part", "kind", "contribution"])
    spread = 0.08 * table["contribution"].abs()
    table["ci_low"] = table["contribution"] - spread
    table["ci_high"] = table["contribution"] + spread
    media = table["part"].isin(model.totals.index)
    for end in ("ci_low", "ci_high"):
        table.loc[media, end] = ranked[end].to_numpy()
    return table


def _levels(channels: pd.DataFrame) -> pd.DataFrame:
    present = channels["spend"] / _WEEKS
    change = pd.Series({name: _ADVICE[str(name)][2] for name in channels.index})
    levels = pd.DataFrame({"present": present, "recommended": present * (1 + change)})
    levels["money"] = levels.index != UNPAID
    levels.loc[UNPAID, "present"] = 23_000.0
    return levels


def _carry_over(channels: pd.DataFrame) -> pd.DataFrame:
    middle = pd.Series(np.linspace(0.6, 2.9, len(channels)), index=channels.index)
    return pd.DataFrame(
        {
            "half_life": middle,
            "ci_low": 0.7 * middle,
            "ci_high": 1.5 * middle,
            "share_immediate": 0.6,
            "share_low": 0.5,
            "share_high": 0.7,
        }
    )


def _refresh(channels: pd.DataFrame) -> Refresh:
    now = channels[["roi", "roi_low", "roi_high"]].dropna()
    before = now * np.linspace(0.82, 1.31, len(now))[:, None]
    before.columns = pd.Index(["roi_before", "ci_low_before", "ci_high_before"])
    after = now.set_axis(["roi_after", "ci_low_after", "ci_high_after"], axis=1)
    return Refresh("2021-01-04", "2024-01-29", 13, 2, before.join(after))


def _verdict() -> Verdict:
    return Verdict(
        (
            Check(
                "channels apart",
                Status.REVIEW,
                "Facebook and video moved together (r = 0.86): the model can hardly tell them "
                "apart.",
                0.86,
                0.8,
                remedy="Vary the spend of TV and radio apart from each other.",
            ),
            Check(
                "convergence",
                Status.PASS,
                "All chains agree: the largest R-hat is 1.008.",
                1.008,
                1.01,
            ),
            Check(
                "holdout",
                Status.PASS,
                "On the 4 held-out weeks the model was off by 5.2% on average, last year's values "
                "by 11.8%.",
                0.052,
                0.118,
            ),
            Check("baseline", Status.PASS, "Without media, sales would be above zero.", 0.0, 0.0),
            Check("residuals", Status.PASS, "What is left unexplained has no pattern.", 0.1, 0.3),
        )
    )
