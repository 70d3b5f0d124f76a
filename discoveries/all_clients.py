r"""The monthly job for several clients at once: one report a client, one overview.

Clients are described in one JSON file, a list of settings as PymcModel takes them, with the path of
the client's table (from the file's own folder) as ``data``:

    [{"client_name": "shop", "data": "shop.csv", "date_column": "week", "target_name": "revenue",
      "channel_names": ["tv", "search"], "control_names": ["price"], "time_varying_media": true}]

    python discoveries/all_clients.py clients.json

Without an argument it runs on three simulated clients. It prints where the overview is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd
from client_options import ROOT, show_logs
from rich.console import Console

from pymc_toolkit import ProductionFleet, PymcModel, simulate_client


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job and say where the overview is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clients", type=Path, nargs="?", help="JSON file that describes clients")
    parser.add_argument("--test-size", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1, help="clients fitted at the same time")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=63)
    parser.add_argument("--output", type=Path, default=ROOT / "output")
    options = parser.parse_args(arguments)
    show_logs()

    described = described_clients(options.clients) if options.clients else simulated_clients()
    models = [PymcModel(**settings, random_seed=options.seed) for settings in described]
    with joblib.parallel_config(backend="loky", n_jobs=options.workers):
        fleet = ProductionFleet.for_clients(
            models,
            test_size=options.test_size,
            checkpoint_dir=options.output / "checkpoints",
            draws=options.draws,
            tune=options.tune,
        )
    report = fleet.generate_report(output_html=options.output / "clients.html")
    console = Console(soft_wrap=True)
    for check in fleet.verdict().checks:
        console.print(f"{check.name}: {check.status}. {check.sentence}")
    console.print(f"Overview: {report}")


def described_clients(file: Path) -> list[dict[str, object]]:
    """Settings of the clients that a JSON file describes."""
    clients = json.loads(file.read_text(encoding="utf-8"))
    return [
        {
            **{name: value for name, value in client.items() if name != "data"},
            "client_data": pd.read_csv(file.parent / client["data"]),
        }
        for client in clients
    ]


def simulated_clients() -> list[dict[str, object]]:
    """Settings of three clients whose truth is known."""
    clients = {f"shop {i}": simulate_client(n_periods=104, n_channels=3, seed=i) for i in (1, 2, 3)}
    return [
        {
            "client_name": name,
            "client_data": client.data,
            "target_name": client.target_name,
            "date_column": client.date_column,
            "channel_names": client.channel_names,
            "control_names": client.control_names,
            "lag_max": 4,
        }
        for name, client in clients.items()
    ]


if __name__ == "__main__":
    main()
