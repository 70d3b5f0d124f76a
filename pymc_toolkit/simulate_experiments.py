"""Geo tests whose truth is known: a channel switched off in some regions of a simulated client."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_plans import LAG_MAX, SimulatedClient

_FEWEST_CONTROLS = 2


@dataclass(frozen=True)
class SimulatedGeoTest:
    """A test in some regions, as raw data, with the truth behind it.

    Parameters
    ----------
    regions : pandas.DataFrame
        Long: ``date, region, outcome``.
    client_data : pandas.DataFrame
        The client's table with the test in it: less spend in the treated regions, and less sales.
    treated : list of str
        Regions without the channel during the test.
    treated_share : float
        Share of the market that these are.
    start, end : str
        First and last day of the test.
    effect : float
        What the channel brings the whole market in these periods, carry-over into later ones not
        counted.
    """

    regions: pd.DataFrame
    client_data: pd.DataFrame
    treated: list[str]
    treated_share: float
    start: str
    end: str
    effect: float


def simulate_geo_test(
    client: SimulatedClient,
    channel: str,
    first: int,
    periods: int = 4,
    n_regions: int = 24,
    n_treated: int = 3,
    noise: float = 0.01,
    seed: int = 0,
) -> SimulatedGeoTest:
    """Switch a channel off in some regions of a simulated weekly client.

    Parameters
    ----------
    client : SimulatedClient
    channel : str
    first, periods : int
        First period of the test, from 0, and how many it lasts.
    n_regions, n_treated : int
    noise : float
        Standard deviation of what moves a region's share of sales from week to week.
    seed : int

    Returns
    -------
    SimulatedGeoTest

    Raises
    ------
    SpecificationError
        If the channel is unknown, the test does not lie within the data, or too few regions are
        left to compare with.

    Examples
    --------
    >>> from pymc_toolkit.simulate import simulate_client
    >>> client = simulate_client(n_periods=60, n_channels=2, seed=1)
    >>> test = simulate_geo_test(client, "channel_1_cost", first=40)
    >>> test.regions.shape, test.start, test.end
    ((1440, 3), '2021-10-11', '2021-11-07')
    """
    table = client.data.copy()
    if channel not in client.channel_names:
        raise SpecificationError(
            f"Got channel={channel!r}; expected one of "
            f"{', '.join(map(repr, client.channel_names))}."
        )
    if first < 0 or periods < 1 or first + periods > len(table):
        raise SpecificationError(
            f"Got a test of {periods} periods from number {first} on {len(table)} periods; "
            "expected it to lie within them."
        )
    if n_treated < 1 or n_regions - n_treated < _FEWEST_CONTROLS:
        raise SpecificationError(
            f"Got {n_treated} treated regions of {n_regions}; expected at least 1, and at least "
            f"{_FEWEST_CONTROLS} others."
        )
    rng = np.random.default_rng(seed)
    window = slice(first, first + periods)
    lost = _lost(client, channel, window)
    names = [f"region {i + 1:02d}" for i in range(n_regions)]
    sizes = rng.dirichlet(np.full(n_regions, 10.0))
    moved = sizes[:, None] * np.exp(noise * rng.standard_normal((n_regions, len(table))))
    sales = moved / moved.sum(axis=0) * table[client.target_name].to_numpy()
    treated = np.sort(rng.choice(n_regions, n_treated, replace=False))
    sales[treated] -= sizes[treated, None] * lost
    share = float(sizes[treated].sum())
    dates = pd.to_datetime(table[client.date_column])
    table[client.target_name] = sales.sum(axis=0)
    spend = table[channel].to_numpy(dtype=float, copy=True)
    spend[window] *= 1 - share
    table[channel] = spend
    return SimulatedGeoTest(
        regions=pd.DataFrame(
            {
                "date": np.tile(dates.to_numpy(), n_regions),
                "region": np.repeat(names, len(table)),
                "outcome": sales.ravel(),
            }
        ),
        client_data=table,
        treated=[names[i] for i in treated],
        treated_share=share,
        start=str(dates.iloc[first].date()),
        end=str((dates.iloc[first + periods - 1] + pd.Timedelta(days=6)).date()),
        effect=float(lost[window].sum()),
    )


def _lost(client: SimulatedClient, channel: str, window: slice) -> Array:
    """What the market would sell less in each period without the channel in a window."""
    parameters = client.truth["parameters"]
    kernel = ADSTOCKS["geometric"].kernel(
        LAG_MAX, {"alpha": np.array([parameters["adstock_alpha"][channel]])}
    )
    spend = client.data[[channel]].to_numpy(dtype=float)
    off = spend.copy()
    off[window] = 0.0
    earned = [
        SATURATIONS["michaelis_menten"].response(
            carry_over(series, kernel)[:, 0],
            lam=parameters["saturation_lam"][channel],
            alpha=parameters["saturation_alpha"][channel],
        )
        for series in (spend, off)
    ]
    effectiveness = np.array(parameters["media_temporal_latent_multiplier"])
    return (earned[0] - earned[1]) * effectiveness
