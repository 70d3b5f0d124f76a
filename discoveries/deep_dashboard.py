r"""A panel of regions, fitted with the deep engine: what adds up, over time, and between channels.

Without arguments it simulates a panel in which the spend on search follows that on TV:

    python discoveries/deep_dashboard.py

With a table of your own, one row a date and region:

    python discoveries/deep_dashboard.py --data panel.csv --date week --region dma \
        --target visits --channels tv search --controls price --dag-mode notears

Where weeks are numbers, --first-week says which Monday number 0 is; --drop-incomplete leaves out
regions that lack some. It writes a dashboard, one HTML file that needs no network, and
dag_adjacency.csv, the weights of the links between channels, beside it. Needs the extra: python -m
pip install ".[deep]"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from client_options import ROOT, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import PymcModel
from pymc_toolkit.reports.assemble_dashboard import write_dashboard
from pymc_toolkit.simulate_panels import simulate_panel

_SEED = 8


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit the panel, and say where the dashboard is."""
    options = read(arguments)
    show_logs()
    console = Console(soft_wrap=True)
    model = PymcModel(
        panel(options),
        options.target,
        options.date,
        options.channels,
        options.controls,
        geo_column=options.region,
        engine="deep",
        engine_options=engine_options(options),
        client_name=options.client,
        cost_per_unit=dict.fromkeys(options.organic),
        random_seed=options.seed,
        target_is_money=False,
    )
    model.fit()
    console.print(returns(model))
    page, weights = write_dashboard(
        model.fleet_subject(),
        options.output / f"{options.client}.html",
        most_edges=options.edges,
        weakest=options.weakest,
    )
    console.print(f"Dashboard: {page}\nLinks:     {weights or 'none in this model'}")


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; without data, simulate a panel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="CSV, one row a date and region")
    parser.add_argument("--client", help="name of the client; the file's by default")
    for role in ("date", "region", "target"):
        parser.add_argument(f"--{role}", help="a column")
    parser.add_argument("--channels", nargs="+", help="columns of spend or exposure")
    parser.add_argument("--controls", nargs="*", default=[], help="columns of other drivers")
    parser.add_argument("--organic", nargs="*", default=[], help="channels that are not money")
    parser.add_argument("--first-week", type=pd.Timestamp, help="Monday of the week numbered 0")
    parser.add_argument("--drop-incomplete", action="store_true", help="regions that lack dates")
    parser.add_argument("--epochs", type=int, default=1500)
    parser.add_argument("--members", type=int, default=5, help="networks of the ensemble")
    parser.add_argument("--dag-mode", choices=("triangular", "notears"), default="notears")
    parser.add_argument("--edges", type=int, default=20, help="most links to draw")
    parser.add_argument("--weakest", type=float, default=0.05, help="weight of the weakest of them")
    parser.add_argument("--seed", type=int, default=63)
    parser.add_argument("--output", type=Path, default=ROOT / "output")
    options = parser.parse_args(arguments)
    named = ("date", "region", "target", "channels")
    if options.data is None:
        simulate(options)
    elif not all(getattr(options, name) for name in named):
        parser.error("--data needs " + ", ".join(f"--{name}" for name in named))
    options.client = options.client or options.data.stem
    return options


def simulate(options: argparse.Namespace) -> None:
    """Write a simulated panel, and name its columns as a user would."""
    simulated = simulate_panel(seed=_SEED)
    options.data = options.output / "deep_dashboard.csv"
    options.output.mkdir(parents=True, exist_ok=True)
    simulated.data.to_csv(options.data, index=False)
    options.date, options.region = simulated.date_column, simulated.geo_column
    options.target = simulated.target_name
    options.channels, options.controls = simulated.channel_names, simulated.control_names


def panel(options: argparse.Namespace) -> pd.DataFrame:
    """The table, with dates for the numbers of weeks and without regions that lack some."""
    table = pd.read_csv(options.data)
    if options.first_week is not None:
        weeks = pd.to_timedelta(7 * table[options.date], unit="D")
        table[options.date] = options.first_week + weeks
    if options.drop_incomplete:
        dates = table.groupby(options.region)[options.date].transform("nunique")
        table = table[dates == table[options.date].nunique()]
    return table[
        [options.date, options.region, options.target, *options.channels, *options.controls]
    ]


def engine_options(options: argparse.Namespace) -> dict[str, Any]:
    """Settings of the deep engine, which has no graph by default; the others keep theirs."""
    return {
        "n_epochs": options.epochs,
        "members": options.members,
        "enable_dag": True,
        "dag_mode": options.dag_mode,
        "dag_fit_weight": 1.0,
    }


def returns(model: PymcModel) -> Table:
    """What each channel brought over all regions, and for each unit of money."""
    shown = Table(title="What channels brought in all regions, 90% intervals")
    for heading in ("channel", "spend or units", "contribution", "by unit spent", "from", "to"):
        shown.add_column(heading, justify="left" if heading == "channel" else "right")
    for row in model.roi().itertuples():
        amounts = (f"{row.exposure:,.0f}", f"{row.contribution:,.0f}")
        returned = (row.roi, row.ci_low, row.ci_high)
        # What was not bought has no return.
        shown.add_row(str(row.Index), *amounts, *(f"{x:.2f}" if x == x else "" for x in returned))
    return shown


if __name__ == "__main__":
    main()
