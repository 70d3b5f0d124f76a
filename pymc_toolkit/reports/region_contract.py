"""What a report shows of single regions, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class RegionReport:
    """How well each region was predicted on the held-out periods, beside naive forecasts.

    Parameters
    ----------
    held_out : int
        Number of periods.
    table : pandas.DataFrame
        Over all regions, as :attr:`pymc_toolkit.fleets.member.Member.regions` gives it: index
        ``model, last value, seasonal naive, training mean``.
    regions : pandas.DataFrame
        Of each region, as :attr:`pymc_toolkit.fleets.member.Member.by_region` gives it.
    """

    held_out: int
    table: pd.DataFrame
    regions: pd.DataFrame
