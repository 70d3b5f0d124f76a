"""What a refresh changed: the window, restated periods, and ROI before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE


@dataclass(frozen=True)
class RefreshRecord:
    """What a refresh changed.

    Parameters
    ----------
    first_date, last_date : str
        Window after the refresh, ISO dates.
    periods_added, periods_restated : int
    roi : pandas.DataFrame
        Index channel; ``roi_before, ci_low_before, ci_high_before, roi_after, ci_low_after,
        ci_high_after``.
    """

    first_date: str
    last_date: str
    periods_added: int
    periods_restated: int
    roi: pd.DataFrame

    def at_costs(
        self, before: Mapping[str, float | None], now: Mapping[str, float | None]
    ) -> RefreshRecord:
        """The same refresh with the money counted anew.

        Parameters
        ----------
        before, now : Mapping of str to float or None
            Cost of one unit, by channels that are not money, as this record has it and as it
            should; None for a channel that was not bought.

        Returns
        -------
        RefreshRecord
            Without returns of a channel that was not bought then, or is not now.
        """

        def price(costs: Mapping[str, float | None], channel: str) -> float:
            cost = costs.get(channel, 1.0)
            return np.nan if cost is None else cost

        ratio = [price(before, name) / price(now, name) for name in self.roi.index]
        return replace(self, roi=self.roi.mul(ratio, axis=0))

    @classmethod
    def of(
        cls, before: ModelData, after: ModelData, roi_before: pd.DataFrame, roi_after: pd.DataFrame
    ) -> RefreshRecord:
        """Compare two windows and the returns found on them.

        Parameters
        ----------
        before, after : ModelData
        roi_before, roi_after : pandas.DataFrame
            Index channel; ``roi, ci_low, ci_high`` among their columns.
        """
        return cls(
            first_date=str(after.dates[0].date()),
            last_date=str(after.dates[-1].date()),
            periods_added=after.n_periods - before.n_periods,
            periods_restated=_restated(before, after),
            roi=_side_by_side(roi_before, roi_after),
        )


def _restated(before: ModelData, after: ModelData) -> int:
    """Number of periods of the old window whose values are not what they were."""
    known = after.dataset.isel({DATE: after.dates.isin(before.dates)})
    changed = xr.zeros_like(known[DATE], dtype=bool)
    for name in known.data_vars:
        differs = known[name] != before.dataset[name]
        changed = changed | differs.any([dim for dim in differs.dims if dim != DATE])
    return int(changed.sum())


def _side_by_side(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    columns = ["roi", "ci_low", "ci_high"]
    return before[columns].add_suffix("_before").join(after[columns].add_suffix("_after"))
