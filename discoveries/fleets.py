r"""Test one client's model from several sides: recovery, holdout, stability and forecast fleets.

Without arguments all of them run on the simulated client in data/ms.csv, some 15 fits:

    python discoveries/fleets.py

Name some fleets, and another client as for main_job.py:

    python discoveries/fleets.py --fleets holdout forecast --data client.csv --date week \
        --target revenue --channels tv search

An interrupted run goes on where it stopped: finished fits are kept in the output folder. It prints
verdicts and where the reports are.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
from client_options import client_parser, model_of, parse, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import PymcModel

FLEETS: Mapping[str, Callable[..., Any]] = {
    "production": PymcModel.production_fleet,
    "recovery": PymcModel.recovery_fleet,
    "holdout": PymcModel.holdout_fleet,
    "stability": PymcModel.stability_fleet,
    "forecast": PymcModel.forecast_fleet,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the fleets and say where their reports are."""
    options = read(arguments)
    show_logs()
    model = model_of(options)
    console = Console(soft_wrap=True)
    with joblib.parallel_config(backend="loky", n_jobs=options.workers):
        for name in options.fleets:
            fleet = FLEETS[name](
                model,
                **({"n_simulations": options.simulations} if name == "recovery" else {}),
                checkpoint_dir=options.output / "checkpoints",
                draws=options.draws,
                tune=options.tune,
            )
            file = options.output / f"{options.client}-{name}.html"
            report = fleet.generate_report(output_html=file)
            show(console, name, fleet.verdict(), report)


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = client_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--fleets", nargs="+", choices=FLEETS, default=list(FLEETS))
    parser.add_argument("--simulations", type=int, default=1, help="of the recovery fleet")
    parser.add_argument("--workers", type=int, default=1, help="members fitted at the same time")
    return parse(parser, arguments)


def show(console: Console, name: str, verdict: Any, report: Path) -> None:
    """Print the checks of a fleet, and where its report is."""
    table = Table(title=f"{name.capitalize()} fleet")
    for heading in ("check", "outcome", "what came out"):
        table.add_column(heading)
    for check in verdict.checks:
        table.add_row(check.name, check.status, check.sentence)
    console.print(table, f"{verdict.sentence}\nReport: {report}")


if __name__ == "__main__":
    main()
