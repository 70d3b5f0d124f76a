"""Fill the contracts of fleets' reports from the fleets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.dates import period_name, season_length
from pymc_toolkit.engines import get_engine
from pymc_toolkit.fleets.baselines import SEASONAL_NAIVE, TRAINING_MEAN
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.model_spec import digest_of
from pymc_toolkit.names import DATE
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.assemble import region_reports, software, timestamp
from pymc_toolkit.reports.contract import Provenance
from pymc_toolkit.reports.fleet_contract import (
    ForecastReport,
    HoldoutReport,
    OverviewReport,
    RecoveryReport,
    StabilityReport,
)
from pymc_toolkit.reports.formats import human, percent, span
from pymc_toolkit.verdicts import Status, Verdict

if TYPE_CHECKING:
    from pymc_toolkit.fleets.forecast import ForecastFleet
    from pymc_toolkit.fleets.holdout import HoldoutFleet
    from pymc_toolkit.fleets.production import ProductionFleet
    from pymc_toolkit.fleets.recovery import RecoveryFleet
    from pymc_toolkit.fleets.result import FleetResult
    from pymc_toolkit.fleets.stability import StabilityFleet

# Periods of training shown before the held-out ones.
_SHOWN_BEFORE = 26
_NO_FINDING = "No finding: no member of this fleet could be fitted."
_NONE_YET = "No forecast yet: the model failed its checks, so its figures are for diagnosis only."


def recovery_report(fleet: RecoveryFleet) -> RecoveryReport:
    """Gather what the report of a recovery fleet shows."""
    n, several = len(fleet.finished), len(fleet.finished) > 1
    table = fleet.parameters() if n else pd.DataFrame()
    scores = fleet.scores() if n else pd.DataFrame()
    first = table[table["member"] == fleet.finished[0].name] if n else table
    columns = ["variable", "coordinate", "truth", "mean", "ci_low", "ci_high"]
    target = fleet[0].job.client.target_name
    simulations = count(len(fleet), "simulation")
    verdict = fleet.verdict()
    share = percent(float(table["inside_90"].mean())) if n else ""
    return RecoveryReport(
        **_common(
            fleet,
            verdict,
            title=f"Can the model of {fleet[0].job.client.name} find what is true?",
            question=(
                f"If {target} had been made by this model with known parameters, on this client's "
                "own media and controls, would a fit find them? Parameters were drawn from the "
                f"{fleet.options['source']}, and the model was fitted in {simulations}."
            ),
            headline=(
                f"In {count(n, 'simulation')}, {share} of the true parameters lie in their 90% "
                f"intervals; {percent(0.9)} should."
            ),
        ),
        source=str(fleet.options["source"]),
        n_simulations=n,
        scores=scores,
        intervals=first[columns] if n else pd.DataFrame(columns=columns),
        channels=fleet.channels() if n else pd.DataFrame(columns=_RECOVERED),
        ranks=table[["variable", "coordinate", "rank"]] if several else None,
        uniformity=fleet.uniformity() if several else None,
    )


_RECOVERED = [
    *("simulation", "channel", "truth", "contribution", "ci_low", "ci_high"),
    *("roi_truth", "roi", "roi_low", "roi_high"),
]


def holdout_report(fleet: HoldoutFleet) -> HoldoutReport:
    """Gather what the report of a holdout fleet shows."""
    job, verdict = fleet[0].job, fleet.verdict()
    unit = period_name(job.data.frequency)
    lengths = ", ".join(str(length) for length in fleet.options["holdouts"])
    layout = {
        "last": f"the last {lengths} {unit}s",
        "expanding": f"stretches of {lengths} {unit}s, each from all that precedes it",
        "rolling": f"stretches of {lengths} {unit}s, each from as many {unit}s before it",
    }[str(fleet.options["windows"])]
    scores = fleet.scores() if fleet.finished else pd.DataFrame(columns=_SCORED)
    headline = _NO_FINDING
    if fleet.finished:
        error = scores.groupby("prediction")["mape"].mean()
        others = error.drop(MODEL).dropna()
        best = others.idxmin() if len(others) else None
        headline = (
            f"Given the media that ran, the model is off by {percent(float(error[MODEL]))} on "
            "average"
        ) + (f"; the best baseline ({best}) by {percent(float(others[best]))}." if best else ".")
    return HoldoutReport(
        **_common(
            fleet,
            verdict,
            title=f"How well does the model of {job.client.name} predict?",
            question=(
                f"How far off is the model when it has to predict {job.client.target_name} of "
                f"{unit}s that it has not seen ({layout}), and is it better than predictions that "
                "need no model?"
            ),
            headline=headline,
        ),
        windows=str(fleet.options["windows"]),
        scores=scores,
        forecasts={
            member.name: member.prediction.tail(member.job.held_out + _SHOWN_BEFORE).reset_index(
                names=DATE
            )
            for member in fleet.finished
        },
        regions=region_reports(fleet.finished),
    )


_SCORED = [
    *("member", "periods", "first_date", "prediction"),
    *("mape", "nrmse", "r_squared", "crps", "coverage"),
]


def stability_report(fleet: StabilityFleet) -> StabilityReport:
    """Gather what the report of a stability fleet shows."""
    client, verdict, tests = fleet[0].job.client, fleet.verdict(), fleet.tests()
    reference = fleet.reference
    moved = tests.drop("placebo", errors="ignore")
    headline = _NO_FINDING if not len(fleet.finished) else "The unchanged fit failed."
    if len(moved):
        worst = moved["value"].idxmax()
        headline = (
            f"Returns move by {percent(float(moved['value'].max()))} on average under the change "
            f"that moves them most ({worst})"
        )
        if "placebo" in tests.index:
            fall = float(tests.loc["placebo", "value"])
            headline += (
                f"; a shuffled channel loses {percent(fall)} of its return"
                if fall > 0
                else "; a shuffled channel loses nothing of its return"
            )
        headline += "."
    return StabilityReport(
        **_common(
            fleet,
            verdict,
            title=f"How stable are the answers for {client.name}?",
            question=(
                "How much do the returns of channels move when the model is fitted without the "
                "last periods, with a little noise, or with another seed; and does a channel lose "
                "its return when its series is shuffled, as it should?"
            ),
            headline=headline,
        ),
        drift=fleet.drift(),
        tests=tests,
        reference=reference.roi[["roi", "ci_low", "ci_high"]]
        if reference
        else pd.DataFrame(columns=["roi", "ci_low", "ci_high"]),
        placebo_channel=fleet.placebo_channel,
    )


def forecast_report(fleet: ForecastFleet) -> ForecastReport:
    """Gather what the report of a forecast fleet shows."""
    job, verdict = fleet[0].job, fleet.verdict()
    unit = period_name(job.data.frequency)
    history = (
        job.training.total().dataset["target"].to_series().tail(season_length(job.data.frequency))
    )
    totals = fleet.totals() if fleet.finished else pd.DataFrame(columns=_TOTALS)
    # Of the other fleets a failure is the finding; a forecast that failed is none.
    headline = _NONE_YET
    if fleet.finished and verdict.status is not Status.FAIL:
        first = totals.iloc[0]
        headline = (
            f"Expect {human(first['mean'])} of {job.client.target_name} over the next "
            f"{count(fleet.horizon, unit)} "
            f"({span(human(first['ci_low']), human(first['ci_high']))}) under the plan "
            f"\u201c{first.name}\u201d."
        )
    return ForecastReport(
        **_common(
            fleet,
            verdict,
            title=f"What is ahead for {job.client.name}?",
            question=(
                f"What will {job.client.target_name} be over the next {count(fleet.horizon, unit)} "
                f"under {count(len(fleet), 'plan')} for media, if all else stays as it was?"
            ),
            headline=headline,
        ),
        horizon=fleet.horizon,
        history=history.rename("actual").to_frame().reset_index(names=DATE),
        forecasts={m.name: fleet.forecast(m.name).reset_index(names=DATE) for m in fleet.finished},
        totals=totals,
        channels=fleet.channels() if fleet.finished else pd.DataFrame(columns=_PLANNED),
    )


_TOTALS = [
    *("spend", "mean", "ci_low", "ci_high"),
    *("difference", "difference_low", "difference_high"),
]
_PLANNED = [
    *("scenario", "channel", "spend", "contribution", "ci_low", "ci_high"),
    *("planned_max", "seen_max"),
]


def overview_report(fleet: ProductionFleet, links: Mapping[str, str]) -> OverviewReport:
    """Gather what the overview of several clients shows.

    Parameters
    ----------
    fleet : ProductionFleet
    links : Mapping of str to str
        Path of each client's own report, relative to the overview.
    """
    verdict = fleet.verdict()
    rows: dict[str, dict[str, Any]] = {}
    for member in fleet:
        if member.failure:
            rows[member.name] = {"status": str(Status.FAIL), "sentence": member.failure.error}
            continue
        own, scores = fleet.verdict_of(member.name), fleet.scores(member.name)
        naive = scores["crps"].loc[[SEASONAL_NAIVE, TRAINING_MEAN]].dropna()
        rows[member.name] = {
            "status": str(own.status),
            "sentence": own.sentence,
            "mape": scores.loc[MODEL, "mape"],
            "crps": scores.loc[MODEL, "crps"],
            "naive_crps": naive.iloc[0] if len(naive) else float("nan"),
            "coverage": member.coverage,
            "test_size": member.job.held_out,
        }
    columns = ["status", "sentence", "mape", "crps", "naive_crps", "coverage", "test_size"]
    clients = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    states = clients["status"].value_counts()
    parts = [
        f"{states[status]} {word}"
        for status, word in (("pass", "passed"), ("review", "to be looked at"), ("fail", "failed"))
        if status in states
    ]
    common = _common(
        fleet,
        verdict,
        title="This month's clients",
        question=(
            "Whose model can be used this month? Each was trained without its last "
            f"{count(fleet.test_size, 'period')}, which it then had to predict."
        ),
        headline="",
    )
    # One client's failure takes nothing from what is said of the others.
    headline = f"Of {count(len(fleet), 'client')}: {', '.join(parts)}."
    common |= {"client": count(len(fleet), "client"), "headline": headline}
    return OverviewReport(**common, clients=clients, links=list(links.items()))


def fleet_provenance(fleet: FleetResult) -> Provenance:
    """Where the numbers of a fleet come from.

    Parameters
    ----------
    fleet : FleetResult
    """
    jobs = [member.job for member in fleet]
    job = jobs[0]
    engine = get_engine(job.engine)
    recipe = {
        "fleet": fleet.kind,
        "options": dict(fleet.options),
        "engine": job.engine,
        **job.spec.to_dict(),
        **engine.recipe(job.training, job.spec),
        "members": {
            job.name: {
                "trained_on": job.trained_on,
                "periods": job.data.n_periods,
                "sampling": asdict(job.sampling),
                "fit": job.key,
            }
            for job in jobs
        },
    }
    return Provenance(
        engine=job.engine,
        first_date=str(min(job.data.dates[0] for job in jobs).date()),
        last_date=str(max(job.data.dates[-1] for job in jobs).date()),
        n_periods=max(job.data.n_periods for job in jobs),
        frequency=job.data.frequency,
        random_seed=int(fleet.options["random_seed"]),
        sampling=engine.plan(job.training, job.spec, job.sampling),
        held_out=0,
        spec=recipe,
        spec_hash=digest_of(recipe),
        data_hash=digest_of({job.name: job.data.digest() for job in jobs}),
        versions=software(engine.packages),
        created=timestamp(),
    )


def _common(
    fleet: FleetResult, verdict: Verdict, *, title: str, question: str, headline: str
) -> dict[str, Any]:
    """What every fleet's report shows."""
    if not fleet.finished:
        headline = _NO_FINDING
    table = fleet.to_frame().reindex(
        columns=["state", "divergences", "r_hat", "ess_bulk", "train_mape"]
    )
    return {
        "title": title,
        "client": fleet[0].job.client.name,
        "question": question,
        "headline": headline,
        "target_name": fleet[0].job.client.target_name,
        "ci_prob": CI_PROB,
        "verdict": verdict,
        "members": table.rename(columns={"train_mape": "mape"}),
        "failures": {member.name: member.failure.traceback for member in fleet if member.failure},
        "provenance": fleet_provenance(fleet),
    }
