"""What one experiment does for two channels that move together, on clients whose truth is known.

    python benchmark/uplift.py                 # 20 clients
    python benchmark/uplift.py --clients 5

Two of three channels are on air in the same weeks and spend in step (correlation of weekly spend
about 0.99), so that history says what they bring together, but not which of them. Each client is
fitted without an experiment; with one on the first of them, a four-week comparison of all spend
against none with a standard error of a tenth of the effect; and with the same result entered by
level of spend, which knows neither carry-over nor dates, as pymc-marketing's lift tests do.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit import PymcModel
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import ConvergenceWarning

CHANNELS = ["tv", "online_video", "radio"]
PERIODS, LAG_MAX, WEEKS = 104, 4, 4
WITHOUT, WINDOW, LEVEL = WAYS = ("without", "with", "by level")


@dataclass(frozen=True)
class Client:
    """A table and the truth behind it.

    Parameters
    ----------
    table : pandas.DataFrame
    roi : ndarray of shape (channel,)
    effect : float
        What the first channel's spend in the window of the experiment brought within it.
    by_level : float
        What the difference of steady responses says of the same weeks at the true parameters.
    start : int
        First week of the experiment.
    """

    table: pd.DataFrame
    roi: np.ndarray
    effect: float
    by_level: float
    start: int


def simulate(seed: int) -> Client:
    """Simulate a client with two channels that spend in step."""
    rng = np.random.default_rng([seed, 5])
    levels = rng.uniform(2_000, 5_000, 3)
    shared, own = rng.normal(0, 1, PERIODS), rng.normal(0, 1, (PERIODS, 3))
    movement = np.column_stack([shared, shared, own[:, 2]]) + 0.1 * own * [1, 1, 0]
    on_air, start = flights(rng)
    media = levels * np.exp(0.45 * movement) * np.column_stack([on_air, on_air, np.ones(PERIODS)])
    parameters = {
        "lam": levels * rng.uniform(0.7, 2.0, 3),
        # Of the two in step one earns much more than the other.
        "alpha": levels * np.append(rng.permutation([1.5, 5.0]), 3.0),
    }
    retention = rng.uniform(0.4, 0.7, 3)

    def respond(spend: np.ndarray) -> np.ndarray:
        return SATURATIONS["michaelis_menten"].response(spend, **parameters)

    def earn(spend: np.ndarray) -> np.ndarray:
        kernel = ADSTOCKS["geometric"].kernel(LAG_MAX, {"alpha": retention})
        return respond(carry_over(spend, kernel))

    window = slice(start, start + WEEKS)
    off = media.copy()
    off[window, 0] = 0
    earned = earn(media)
    expected = 20_000 + earned.sum(axis=1)
    noise = rng.normal(0, 0.03 * expected.mean(), PERIODS)
    table = pd.DataFrame(media, columns=CHANNELS)
    table.insert(0, "sales", expected + noise)
    table.insert(0, "week", pd.date_range("2023-01-02", periods=PERIODS, freq="W-MON"))
    return Client(
        table,
        earned.sum(axis=0) / media.sum(axis=0),
        float((earned - earn(off))[window, 0].sum()),
        float(respond(media)[window, 0].sum()),
        start,
    )


def flights(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Weeks on air, and the first week of a flight that an experiment fits into."""
    on_air, week, starts = np.zeros(PERIODS), 2, []
    while week < PERIODS:
        length = int(rng.integers(5, 11))
        on_air[week : week + length] = 1
        starts.append(week)
        week += length + int(rng.integers(3, 7))
    return on_air, starts[len(starts) // 2] + 1


def experiment(client: Client, seed: int, way: str) -> UpliftTest:
    """What an experiment measured, and how it is told to the model."""
    rng = np.random.default_rng([seed, 6])
    sigma = 0.1 * client.effect
    effect = client.effect + sigma * rng.standard_normal()
    window = client.table.iloc[client.start : client.start + WEEKS]
    if way == LEVEL:
        spend = float(window[CHANNELS[0]].mean())
        return UpliftTest(
            CHANNELS[0],
            level=0.0,
            spend_change=spend,
            effect=effect / WEEKS,
            sigma=sigma / WEEKS,
        )
    return UpliftTest(
        CHANNELS[0],
        window["week"].iloc[0],
        window["week"].iloc[-1] + pd.Timedelta(days=6),
        effect=effect,
        sigma=sigma,
    )


def fit(client: Client, seed: int, way: str) -> pd.DataFrame:
    """Fit a client in one way; its ROI with intervals, and the truth."""
    model = PymcModel(client.table, "sales", "week", CHANNELS, lag_max=LAG_MAX, random_seed=seed)
    if way != WITHOUT:
        model.add_uplift_tests(experiment(client, seed, way))
    table = model.fit(progressbar=False).roi()
    return table.assign(truth=client.roi, r_hat=model.convergence.r_hat, way=way, client=seed)


def main() -> None:
    """Fit all clients in all ways and print how far off they were."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    clients = {seed: simulate(seed) for seed in range(options.clients)}
    rows = [fit(client, seed, way) for seed, client in clients.items() for way in WAYS]
    print(report(pd.concat(rows).reset_index(), list(clients.values())))


def report(rows: pd.DataFrame, clients: list[Client]) -> str:
    """Make the tables."""
    error = rows["roi"] / rows["truth"] - 1
    rows = rows.assign(
        error=error.abs(),
        bias=error,
        inside=rows["truth"].between(rows["ci_low"], rows["ci_high"]),
        width=(rows["ci_high"] - rows["ci_low"]) / rows["truth"],
    )
    grouped: Any = rows.groupby(["channel", "way"], sort=False)
    table = grouped.agg(
        error=("error", "median"),
        bias=("bias", "mean"),
        inside=("inside", "mean"),
        width=("width", "median"),
        r_hat=("r_hat", "max"),
    )
    lines = [
        f"{len(clients)} clients, {PERIODS} weeks; experiment of {WEEKS} weeks on {CHANNELS[0]}.\n",
        "| channel | experiment | median error of ROI | mean bias | truth in 90% interval "
        "| median width | largest R-hat |",
        "|---|---|---|---|---|---|---|",
    ]
    for (channel, way), row in table.iterrows():
        lines.append(
            f"| {channel} | {way} | {row['error']:.1%} | {row['bias']:+.1%} | {row['inside']:.0%} "
            f"| {row['width']:.0%} | {row['r_hat']:.3f} |"
        )
    off = np.array([client.by_level / client.effect - 1 for client in clients])
    lines.append(
        "\nAt the true parameters, the difference of steady responses in the weeks of the "
        f"experiment is {off.mean():+.0%} off what they brought ({off.min():+.0%} to "
        f"{off.max():+.0%})."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
