"""Time one fit of the flagship client beside pymc-marketing's own, in alternating fresh processes.

    python benchmark/fit.py                 # warm compile cache
    python benchmark/fit.py --cold          # each run starts with an empty one
    python benchmark/fit.py --repeats 3

Both sides fit data/ms.csv with the same data, priors, chains and draws; pymc-marketing uses
its default sampler. Ratios carry over to other machines; seconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIDES = ("pymc_toolkit", "pymc-marketing")


def main() -> None:
    """Run both sides in turn and print their figures and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.draws)))
        return
    figures: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for repeat in range(options.repeats):
        # Alternating, and starting with the other side each time: the machine's drift hits both.
        for side in SIDES if repeat % 2 == 0 else reversed(SIDES):
            figures[side].append(run(side, options.draws, options.cold))
            print(side, figures[side][-1], flush=True)
    report(figures)


def run(side: str, draws: int, cold: bool) -> dict[str, float]:
    """Run one side in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if cold:
            environment["PYTENSOR_FLAGS"] = f"base_compiledir={folder}"
            environment["NUMBA_CACHE_DIR"] = folder
        command = [sys.executable, __file__, "--worker", side, "--draws", str(draws)]
        started = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        elapsed = time.perf_counter() - started
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    figures["wall"] = elapsed
    figures["seconds_per_100_ess"] = 100 * elapsed / figures["ess_bulk_min"]
    return figures


def work(side: str, draws: int) -> dict[str, float]:
    """Fit on one side and measure what came out."""
    warnings.simplefilter("ignore")
    fit: Callable[[int], Any] = {"pymc_toolkit": fit_ours, "pymc-marketing": fit_peer}[side]
    posterior, stats, free = fit(draws)
    import arviz as az

    readable = posterior[free]
    return {
        "ess_bulk_min": min(float(v.min()) for v in az.ess(readable).data_vars.values()),
        "ess_tail_min": min(
            float(v.min()) for v in az.ess(readable, method="tail").data_vars.values()
        ),
        "r_hat_max": max(float(v.max()) for v in az.rhat(readable).data_vars.values()),
        "divergences": int(stats["diverging"].sum()),
        "gradients": int(stats["n_steps"].sum()),
    }


def make_model() -> Any:
    """Make the flagship model with the user guide's call."""
    import pandas as pd

    from pymc_toolkit import PymcModel

    table = pd.read_csv(ROOT / "data" / "ms.csv")
    channels = [name for name in table if name.endswith("_cost")] + ["youtube_organic_views"]
    return PymcModel(
        table,
        "ecommerce_revenue",
        "date_week",
        channels,
        ["events", "emails_delivered"],
        lag_max=4,
        time_varying_media=True,
        random_seed=1,
    )


def fit_ours(draws: int) -> Any:
    """Fit with this package."""
    model = make_model().fit(draws=draws, tune=draws, progressbar=False)
    posterior = model.idata["posterior"].to_dataset()
    free = [name for name in posterior.data_vars if name != "media_temporal_latent_multiplier"]
    return posterior, model.idata["sample_stats"].to_dataset(), free


def fit_peer(draws: int) -> Any:
    """Fit the same graph with pymc-marketing's default sampler."""
    from pymc_toolkit.engines.bayesian.build import build_mmm

    model = make_model()
    mmm = build_mmm(model.config.model_data, model.spec)
    target = model.config.target().to_numpy()
    mmm.fit(mmm.X, target, draws=draws, tune=draws, chains=4, random_seed=1, progressbar=False)
    free = [rv.name for rv in mmm.model.free_RVs]
    stats = mmm.idata["sample_stats"].to_dataset()
    steps = "n_steps" if "n_steps" in stats else "tree_size"
    return mmm.idata["posterior"].to_dataset(), stats.rename({steps: "n_steps"}), free


def report(figures: dict[str, list[dict[str, float]]]) -> None:
    """Print medians of both sides and the ratio between them."""
    ours, peer = (figures[side] for side in SIDES)
    print(f"\n{'median of ' + str(len(ours)):28}{SIDES[0]:>16}{SIDES[1]:>16}{'ratio':>10}")
    for name in ours[0]:
        mine, theirs = median(run[name] for run in ours), median(run[name] for run in peer)
        ratio = f"{theirs / mine:10.2f}" if mine else f"{'':>10}"
        print(f"{name:28}{mine:16.4g}{theirs:16.4g}{ratio}")


if __name__ == "__main__":
    main()
