"""What a recommended budget is worth where the truth is known.

    python benchmark/budget.py                       # data/ms.csv and 10 clients of the same kind
    python benchmark/budget.py --seeds 11 12 13      # other clients of that kind

Each client is fitted twice, with default priors and with the ``media_share`` of
``discoveries/main_job.py``, and the budget of the next 13 weeks is divided with default bounds, by
each objective. What the recommended budget then really brings more than the plan is set against the
most that any budget within the same bounds could: the truth is a fit of one draw, the parameters
that made the data, whose last effectiveness holds on. The best budget under the truth is searched
for with scipy alone and with the search under test; the better one counts.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import LinearConstraint, minimize

from pymc_toolkit import Allocation, ClientConfig, PymcModel, simulate_ms
from pymc_toolkit.decisions.budget import BudgetQuestion, divide_budget, outlook_of
from pymc_toolkit.decisions.outcome import Outlook
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, CONTROL
from pymc_toolkit.simulate import MS_SEED
from pymc_toolkit.simulate_plans import LAG_MAX, SimulatedClient

ORGANIC, HORIZON, ENOUGH = "youtube_organic_views", 13, 0.7
SEED, OBJECTIVES = 63, ("mean", "cvar")
# What media are expected to bring before the data -> how the tables call it.
SHARES = {None: "default", 0.5: "media_share=0.5"}


def model_of(client: SimulatedClient, media_share: float | None) -> PymcModel:
    """The model of discoveries/main_job.py, with one prior of media or another."""
    return PymcModel(
        client.data,
        client.target_name,
        client.date_column,
        client.channel_names,
        ["events", "emails_delivered"],
        time_varying_media=True,
        random_seed=SEED,
        cost_per_unit={ORGANIC: None},
        media_share=media_share,
    )


def true_fit(client: SimulatedClient, model: PymcModel) -> Fit:
    """The truth as a fit of one draw; effectiveness is the last one throughout."""
    data, truth = model.config.model_data, client.truth["parameters"]
    target = float(data.scale("target"))
    media = data.scale("media").sel({CHANNEL: data.channels}).values
    last = truth["media_temporal_latent_multiplier"][-1]

    def along(name: str, names: list[str]) -> np.ndarray:
        return np.array([truth[name][each] for each in names], dtype=float)

    controls = along("gamma_control", data.controls) * data.scale("controls").values / target
    values = {
        "intercept": ((), truth["intercept"] / target),
        "y_sigma": ((), truth["y_sigma"] / target),
        "gamma_control": ((CONTROL,), controls),
        "adstock_alpha": ((CHANNEL,), along("adstock_alpha", data.channels)),
        "saturation_lam": ((CHANNEL,), along("saturation_lam", data.channels) / media),
        "saturation_alpha": (
            (CHANNEL,),
            along("saturation_alpha", data.channels) * last / target,
        ),
    }
    posterior = xr.Dataset(values, {CHANNEL: data.channels, CONTROL: data.controls})
    posterior = posterior.expand_dims(chain=[0], draw=[0])
    groups = xr.DataTree.from_dict({"posterior": posterior})
    return Fit("bayesian", ModelSpec(lag_max=LAG_MAX), Sampling(1, 1, 1), data, groups)


def truth_of(client: SimulatedClient, model: PymcModel) -> Outlook:
    """What budgets truly bring over the horizon."""
    return outlook_of(true_fit(client, model), model.config, None, HORIZON)


def true_outcome(truth: Outlook, money: np.ndarray) -> float:
    """What all media truly bring under a budget."""
    return float(truth.brings(money).sum())


def best_uplift(truth: Outlook, config: ClientConfig, table: pd.DataFrame) -> float:
    """The most that a budget of the same total and bounds truly brings more than the current."""
    current = table["current"].to_numpy()
    low, high = (table[name].to_numpy() for name in ("lower", "upper"))
    unit = current.sum()
    base = true_outcome(truth, current)
    found = minimize(
        lambda share: -(true_outcome(truth, share * unit) - base) / base,
        current / unit,
        method="SLSQP",
        bounds=list(zip(low / unit, high / unit, strict=True)),
        constraints=[LinearConstraint(np.ones(len(current)), 1.0, 1.0)],
        options={"maxiter": 300, "ftol": 1e-12},
    )
    own = divide_budget(truth.fit, config, BudgetQuestion(horizon=HORIZON))
    return max(-found.fun * base, own.uplift.mean)


def judged(truth: Outlook, allocation: Allocation, best: float) -> dict[str, Any]:
    """A recommended budget beside the best one."""
    current, recommended = (
        allocation.table[name].to_numpy() for name in ("current", "recommended")
    )
    uplift = true_outcome(truth, recommended) - true_outcome(truth, current)
    return {
        "objective": allocation.objective,
        "uplift": uplift,
        "ratio": uplift / best,
        "said": allocation.uplift.mean,
        "covered": allocation.uplift.low <= uplift <= allocation.uplift.high,
        "kkt": allocation.kkt_residual,
    }


def compare(client: SimulatedClient, model: PymcModel) -> list[dict[str, Any]]:
    """Divide a fitted client's budget by each objective, and hold it against the truth."""
    truth, rows, best = truth_of(client, model), [], 0.0
    for objective in OBJECTIVES:
        start = time.perf_counter()
        allocation = model.optimize_budget(horizon=HORIZON, objective=objective)
        seconds = time.perf_counter() - start
        best = best or best_uplift(truth, model.config, allocation.table)
        rows.append({**judged(truth, allocation, best), "best": best, "seconds": seconds})
    return rows


def measure(seed: int) -> list[dict[str, Any]]:
    """Fit one client with each prior and compare its budgets."""
    client, rows = simulate_ms(seed), []
    for share, priors in SHARES.items():
        model = model_of(client, share)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(progressbar=False)
        rows += [{"client": seed, "priors": priors, **row} for row in compare(client, model)]
    return rows


def report(table: pd.DataFrame) -> str:
    """Make the table, and what it comes to."""
    lines = [
        "| client (seed) | priors | objective | true uplift, euros | of the best possible | uplift "
        "that the model expects, euros | over the true one | KKT residual | time, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        name = "`data/ms.csv`" if row.client == MS_SEED else row.client
        lines.append(
            f"| {name} | {row.priors} | {row.objective} | {row.uplift:,.0f} | {row.ratio:.0%} | "
            f"{row.said:,.0f}{' (held)' if row.covered else ''} | {row.said / row.uplift:.1f} | "
            f"{row.kkt:.0e} | {row.seconds:.0f} |"
        )
    groups = table.groupby(["priors", "objective"], sort=False)
    return "\n".join([*lines, "", *(_sentence(*names, rows) for names, rows in groups)])


def _sentence(priors: str, objective: str, rows: pd.DataFrame) -> str:
    """What the rows of one prior and objective come to."""
    return (
        f"- {priors}, `{objective}`: positive for {(rows['uplift'] > 0).sum()} of {len(rows)} "
        f"clients, at least {ENOUGH:.0%} of the best for {(rows['ratio'] >= ENOUGH).sum()}; median "
        f"{rows['ratio'].median():.0%}, least {rows['ratio'].min():.0%}. Expected uplift over the "
        f"true one: median {(rows['said'] / rows['uplift']).median():.1f}; the 90% interval holds "
        f"the true one for {rows['covered'].sum()}."
    )


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[MS_SEED, *range(1, 11)])
    parser.add_argument("--csv", type=Path, help="where to write rows, client by client")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        rows += measure(seed)
        if options.csv:
            pd.DataFrame(rows).to_csv(options.csv, index=False)
    print(report(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
