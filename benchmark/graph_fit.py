"""What a channel graph adds to the time of a fit, on the flagship (161 weeks, 13 channels).

    python benchmark/graph_fit.py                # three fits a side, warm, alternating
    python benchmark/graph_fit.py --repeats 1

Time is that of the whole fit: learning the graph, sampling, and diagnostics. Effective draws are
those of the worst variable that both models have, and of the worst of all.
"""

from __future__ import annotations

import argparse
import time
import warnings

import pandas as pd

from pymc_toolkit import ChannelDag, PymcModel, simulate_ms
from pymc_toolkit.components.acyclicity import EXPM, LOGDET
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.names import DAG_VARIABLES

PLAIN = "plain"
MODELS = {
    PLAIN: None,
    "graph, log-determinant": ChannelDag(acyclicity=LOGDET),
    "graph, matrix exponential": ChannelDag(acyclicity=EXPM),
}


def fit(name: str, seed: int) -> dict[str, float | str]:
    """Fit one model, and say how long it took and what it gave."""
    client = simulate_ms()
    roles = (client.data, client.target_name, client.date_column, client.channel_names)
    model = PymcModel(
        *roles,
        client.control_names,
        time_varying_media=True,
        random_seed=seed,
        channel_dag=MODELS[name],
    )
    started = time.perf_counter()
    model.fit(progressbar=False)
    seconds = time.perf_counter() - started
    table = model.convergence.table
    shared = table[~table["variable"].isin(DAG_VARIABLES)]
    return {
        "model": name,
        "seconds": seconds,
        "smallest ESS, shared variables": shared["ess_bulk"].min(),
        "smallest ESS": table["ess_bulk"].min(),
        "R-hat": model.convergence.r_hat,
        "divergences": model.convergence.divergences,
        "leapfrog steps": float(model.idata["sample_stats"]["n_steps"].sum()),
    }


def main() -> None:
    """Fit all models in turn and print means and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in MODELS:
        fit(name, seed=0)
    rows = [fit(name, seed) for seed in range(1, repeats + 1) for name in MODELS]
    table = pd.DataFrame(rows).groupby("model", sort=False).mean()
    table["s per 100 effective draws"] = 100 * table["seconds"] / table["smallest ESS"]
    plain = table.loc[PLAIN]
    lines = ["| | " + " | ".join([*table.index, *(f"ratio, {m}" for m in table.index[1:])]) + " |"]
    lines.append("|---" * (2 * len(table)) + "|")
    for figure in table.columns:
        cells = [f"{value:,.3g}" for value in table[figure]]
        if plain[figure]:
            cells += [f"{table.loc[name, figure] / plain[figure]:.2f}" for name in table.index[1:]]
        else:
            cells += [""] * (len(table) - 1)
        lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
