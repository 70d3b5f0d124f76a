"""The commands, each on one client: fit, fleet, report, optimize."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.client_fleets import (
    Run,
    chosen_fleets,
    known_holdout,
    run_fleet,
)
from pymc_toolkit.command_line.client_models import build_model, fitted_model
from pymc_toolkit.command_line.outcome import Outcome
from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.health.result import Health

MODEL, REPORT, ALLOCATION, FLIGHTING = "model", "report", "allocation", "flighting"
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
    model, reused = fitted_model(client, build_model(client), task.progressbar)
    health = model.health(known_holdout(client, model), client.tables.health.thresholds)
    roi = model.roi()
    return Outcome(
        verdicts={MODEL: health.verdict},
        files={MODEL: client.output(".nc")},
        results={
            "reused": reused,
            "convergence": _convergence_figures(model.convergence),
            "roi": roi,
            **_health_figures(health),
        },
        shown={
            "Return on spend, 90% interval": roi[[name for name in _RETURNS if name in roi]],
            "Evidence": health.evidence,
        },
        notes=health.remedies,
    )


def fleet(client: ClientFile, task: Task) -> Outcome:
    """Run fleets of the file, save each and write its report.

    Parameters
    ----------
    client : ClientFile
    task : Task
    """
    tables = chosen_fleets(client, task.fleets)
    model = build_model(client)
    running = task.running(client)
    runs = [run_fleet(client, model, name, table, running) for name, table in tables.items()]
    files: dict[str, Path] = {}
    for run in runs:
        report = run.fleet.generate_report(client.output(f".fleet-{run.name}.html"))
        files |= {run.name: run.file, f"{run.name} {REPORT}": report}
    verdicts = {run.name: run.fleet.verdict() for run in runs}
    return Outcome(
        verdicts=verdicts,
        files=files,
        results={"fleets": {run.name: _fleet_figures(run) for run in runs}},
        shown={name: verdict.to_frame() for name, verdict in verdicts.items()},
    )


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
}
