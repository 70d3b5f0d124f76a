"""The commands, each on one client: fit, fleet, report, optimize."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.client_fits import Standing
from pymc_toolkit.command_line.client_fleets import (
    Run,
    chosen_fleets,
    holdout_table,
    known_holdout,
    run_fleet,
)
from pymc_toolkit.command_line.data_files import named_table, read_table
from pymc_toolkit.command_line.outcome import Outcome
from pymc_toolkit.decisions.advice import advise
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.limits import Constraint
from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.health.result import Health
from pymc_toolkit.verdicts import Verdict
from pymc_toolkit.whole_files import whole_file

if TYPE_CHECKING:
    from pymc_toolkit.reports.client.brand import Brand

MODEL, REPORT, ALLOCATION, FLIGHTING = "model", "report", "allocation", "flighting"
# Of a budget, what the report can be asked for.
_ASKED_BY_REPORT = {"total", "horizon", "bounds"}
_BLOCKED = "No budget is recommended by a model that failed a check on which all else rests."
# What people are shown of an allocation.
_SHARES = [
    *("current", "recommended", "change", "lower", "upper"),
    *("marginal_roi", "marginal_low", "marginal_high", "at_bound", "beyond_seen"),
]
# What people are shown of a table of returns; machines get all of it.
_RETURNS = ["spend", "contribution", "roi", "ci_low", "ci_high"]


@dataclass(frozen=True)
class Task:
    """How a command is run; none of it changes a result.

    Parameters
    ----------
    fleets : tuple of str
        Those to run; all of the file by default.
    n_jobs : int, optional
        Members of a fleet fitted at the same time.
    progressbar : bool
    """

    fleets: tuple[str, ...] = ()
    n_jobs: int | None = None
    progressbar: bool = False

    def running(self, client: ClientFile) -> Running:
        """How a client's fleets are run."""
        return Running(self.n_jobs, client.checkpoints, self.progressbar)


def fit(client: ClientFile, task: Task) -> Outcome:
    """Fit the model, save it, and ask whether it can be believed.

    A holdout that is on disk, of this model as it is now, is part of the evidence.

    Parameters
    ----------
    client : ClientFile
    task : Task
    """
    fitted = Standing(client, task.progressbar).fitted()
    model = fitted.model
    health = model.health(known_holdout(client, model), client.tables.health.thresholds)
    roi = model.roi()
    return Outcome(
        verdicts={MODEL: health.verdict},
        files={MODEL: client.output(".nc")},
        results={
            **fitted.figures,
            "convergence": _convergence_figures(model.convergence),
            "roi": roi,
            **_health_figures(health),
        },
        shown={
            "Return on spend, 90% interval": roi[[name for name in _RETURNS if name in roi]],
            "What is known of each channel": health.evidence,
            **_checks_shown({MODEL: health.verdict}),
        },
        notes=[*fitted.notes, *health.remedies],
    )


def fleet(client: ClientFile, task: Task) -> Outcome:
    """Run fleets of the file, save each and write its report.

    Parameters
    ----------
    client : ClientFile
    task : Task
    """
    tables = chosen_fleets(client, task.fleets)
    standing, running = Standing(client, task.progressbar), task.running(client)
    runs = [run_fleet(standing, name, table, running) for name, table in tables.items()]
    files: dict[str, Path] = {}
    for run in runs:
        report = run.fleet.generate_report(client.output(f".fleet-{run.name}.html"))
        files |= {run.name: run.file, f"{run.name} {REPORT}": report}
    verdicts = {run.name: run.fleet.verdict() for run in runs}
    return Outcome(
        verdicts=verdicts,
        files=files,
        results={"fleets": {run.name: _fleet_figures(run) for run in runs}},
        shown=_checks_shown(verdicts),
    )


def report(client: ClientFile, task: Task) -> Outcome:
    """Write the client's report, with a holdout and the budget that the evidence carries.

    Parameters
    ----------
    client : ClientFile
    task : Task
    """
    from pymc_toolkit.reports.render import checked_target

    # What cannot be used is refused before hours of sampling.
    brand, budget, _ = _brand(client), _budget(client), checked_target(client.report)
    standing = Standing(client, task.progressbar)
    fitted = standing.fitted()
    model = fitted.model
    name, table = holdout_table(client)
    holdout = run_fleet(standing, name, table, task.running(client))
    if not isinstance(holdout.fleet, ProductionFleet):
        raise TypeError(f"{holdout.file} holds no production fleet.")
    limits, asked = client.tables.health.thresholds, client.tables.optimize
    health = model.health(holdout.fleet, limits)
    # The report divides the budget itself, with more care, unless it is asked for more than that.
    more = asked.model_fields_set - _ASKED_BY_REPORT
    page = model.client_report(
        client.report,
        brand=brand,
        holdout=holdout.fleet,
        allocation=model.optimize_budget(**budget) if more and not health.blocked else None,
        **{name: budget[name] for name in sorted(_ASKED_BY_REPORT)},
        thresholds=limits,
        labels=client.tables.labels,
        progressbar=task.progressbar,
    )
    return Outcome(
        verdicts={MODEL: health.verdict},
        files={MODEL: client.output(".nc"), name: holdout.file, REPORT: page},
        results={**fitted.figures, **_health_figures(health)},
        shown=_checks_shown({MODEL: health.verdict}),
        notes=[*fitted.notes, *([_BLOCKED] if health.blocked else []), *health.remedies],
    )


def optimize(client: ClientFile, task: Task) -> Outcome:
    """Divide the budget of the next periods, unless the model failed a check that forbids it.

    Parameters
    ----------
    client : ClientFile
    task : Task
    """
    budget = _budget(client)
    fitted = Standing(client, task.progressbar).fitted()
    model = fitted.model
    health = model.health(known_holdout(client, model), client.tables.health.thresholds)
    files = {MODEL: client.output(".nc")}
    results: dict[str, Any] = {**fitted.figures, **_health_figures(health)}
    figures = dict.fromkeys(("summary", "table", "moves", "advice", "flighting"))
    verdicts = {MODEL: health.verdict}
    written = {what: client.output(f".{what}.csv") for what in (ALLOCATION, FLIGHTING)}
    if health.blocked:
        notes = [*fitted.notes, _BLOCKED, *health.remedies]
        # A budget of an earlier run would be taken for this one's.
        for path in written.values():
            path.unlink(missing_ok=True)
        return Outcome(verdicts, files, {**results, **figures}, _checks_shown(verdicts), notes)
    allocation = model.optimize_budget(**budget)
    advice = advise(allocation, health.evidence)
    for what, table in ((ALLOCATION, allocation.table), (FLIGHTING, allocation.flighting)):
        with whole_file(written[what]) as draft:
            table.to_csv(draft)
    figures = {
        "summary": allocation.summary(),
        "table": allocation.table,
        "moves": allocation.moves(),
        "advice": advice,
        "flighting": allocation.flighting,
    }
    shown = {
        f"Budget over the horizon (current: {allocation.compared_with})": allocation.table[_SHARES],
        "What to do": advice,
        "Largest moves": allocation.moves(),
    }
    notes = [*fitted.notes, _uplift_sentence(allocation), *health.remedies]
    return Outcome(verdicts, {**files, **written}, {**results, **figures}, shown, notes)


def _budget(client: ClientFile) -> dict[str, Any]:
    """Arguments of ``optimize_budget``."""
    table = client.tables.optimize
    bounds, plan = table.bounds, table.plan
    given = table.model_dump(exclude={"bounds", "plan", "constraints"})
    return {
        **given,
        "bounds": {name: tuple(pair) for name, pair in bounds.items()}
        if isinstance(bounds, dict)
        else bounds,
        "constraints": [
            Constraint(limit.weights, limit.low, limit.high) for limit in table.constraints
        ],
        "plan": read_table(client, plan, "[optimize] plan")
        if plan and named_table(client, plan)
        else plan,
    }


def _brand(client: ClientFile) -> Brand:
    from pymc_toolkit.reports.client.brand import Brand

    given = client.tables.report.brand.model_dump()
    logo = given.pop("logo")
    return Brand(**given, logo=client.beside(logo) if logo else None)


def _uplift_sentence(allocation: Allocation) -> str:
    uplift, chance = allocation.uplift, allocation.probability_positive
    return (
        f"The recommended budget is expected to bring {uplift.mean:,.0f} more than "
        f"{allocation.compared_with} ({allocation.ci_prob:.0%} interval {uplift.low:,.0f} to "
        f"{uplift.high:,.0f}), and brings more with a probability of {chance:.0%}."
    )


def _checks_shown(verdicts: Mapping[str, Verdict]) -> dict[str, pd.DataFrame]:
    """Checks for people: without figures, which their sentences have."""
    shown = {}
    for about, verdict in verdicts.items():
        checks = verdict.to_frame()
        if len(checks):
            shown[f"Checks: {about}"] = checks[["check", "status", "sentence"]]
    return shown


def _convergence_figures(convergence: Convergence) -> dict[str, Any]:
    return {
        "converged": convergence.converged,
        "r_hat": convergence.r_hat,
        "ess_bulk": convergence.ess_bulk,
        **convergence.figures,
    }


def _health_figures(health: Health) -> dict[str, Any]:
    return {
        "evidence": health.evidence,
        "blocked": health.blocked,
        "remedies": health.remedies,
    }


def _fleet_figures(run: Run) -> dict[str, Any]:
    return {
        "kind": run.fleet.kind,
        "reused": run.reused,
        "members": len(run.fleet),
        "failed": [member.name for member in run.fleet.failed],
        "table": run.fleet.to_frame(),
    }


COMMANDS: Mapping[str, Callable[[ClientFile, Task], Outcome]] = {
    "fit": fit,
    "fleet": fleet,
    "report": report,
    "optimize": optimize,
}
