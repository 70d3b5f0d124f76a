"""What TV returned where it makes people search: a plain model beside one with a channel graph.

    python benchmark/driven_client.py                 # 20 clients
    python benchmark/driven_client.py --clients 5

On each simulated client 40% of what is spent on search is caused by TV. Switching TV off would lose
what it sells directly and what the searches it caused sell. A model without a graph knows the
first only. Nothing is told to the other about the graph: it finds the edge in the series of spend.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit import PymcModel
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.simulate_graphs import simulate_driven_client

PLAIN, DIRECT, TOTAL = "plain", "graph, direct", "graph, total"
CAUSE, EFFECT = "tv", "search"


def compare(seed: int) -> list[dict[str, Any]]:
    """Fit one client with and without a graph, and set both beside the truth."""
    client = simulate_driven_client(seed=seed)
    roles = (client.data, client.target_name, client.date_column, client.channel_names)
    rows = []
    for graph in (None, "notears"):
        model = PymcModel(*roles, client.control_names, random_seed=seed, channel_dag=graph)
        model.fit(progressbar=False)
        kinds = {PLAIN: "direct"} if graph is None else {DIRECT: "direct", TOTAL: "total"}
        about = {"client": seed, "r_hat": model.convergence.r_hat}
        if graph:
            there = model.channel_graph().edges(0.0).set_index(["cause", "effect", "lag"])
            about["edge"] = there["probability"].get((CAUSE, EFFECT, 0), 0.0)
        for name, kind in kinds.items():
            for channel, row in model.roi(kind=kind).iterrows():
                truth = client.truth["total_roi"][channel]
                rows.append(
                    {
                        **about,
                        "model": name,
                        "channel": channel,
                        "truth": truth,
                        "roi": row["roi"],
                        "covered": row["ci_low"] <= truth <= row["ci_high"],
                    }
                )
    return rows


def report(table: pd.DataFrame) -> str:
    """Make the table: by channel and model, how often the true total return is in the interval."""
    lines = [
        "| channel | model | true total ROI inside the 90% interval | median error | mean bias |",
        "|---|---|---|---|---|",
    ]
    for (channel, model), rows in table.groupby(["channel", "model"], sort=False):
        error = rows["roi"] / rows["truth"] - 1
        lines.append(
            f"| {channel} | {model} | {rows['covered'].sum()} of {len(rows)} | "
            f"{np.median(np.abs(error)):.1%} | {error.mean():+.1%} |"
        )
    found = table.dropna(subset="edge").drop_duplicates("client")["edge"]
    lines.append(
        f"\nProbability of the edge from {CAUSE} to {EFFECT}: median {found.median():.2f}, "
        f"smallest {found.min():.2f}. Largest R-hat {table['r_hat'].max():.3f}."
    )
    return "\n".join(lines)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    warnings.simplefilter("ignore", ConvergenceWarning)
    count = parser.parse_args().clients
    print(report(pd.DataFrame([row for seed in range(count) for row in compare(seed)])))


if __name__ == "__main__":
    main()
