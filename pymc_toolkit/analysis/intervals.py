"""Posterior draws as a mean and an equal-tailed interval."""

from __future__ import annotations

from numbers import Real

import pandas as pd
import xarray as xr

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import SAMPLE

# One probability for every interval that is shown, unless the user asks for another.
CI_PROB = 0.9


def check_probability(ci_prob: float) -> None:
    """Refuse what is no probability of an interval."""
    if not isinstance(ci_prob, Real) or not 0 < ci_prob < 1:
        raise SpecificationError(f"Got ci_prob={ci_prob!r}; expected a number between 0 and 1.")


def summarise(draws: xr.DataArray, ci_prob: float = CI_PROB) -> xr.Dataset:
    """Mean and equal-tailed interval over the draws.

    Parameters
    ----------
    draws : xarray.DataArray
        With dims chain and draw.
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``ci_low`` and ``ci_high``, without chain and draw.

    Raises
    ------
    SpecificationError
        If ``ci_prob`` is not between 0 and 1.
    """
    check_probability(ci_prob)
    tails = draws.quantile([(1 - ci_prob) / 2, (1 + ci_prob) / 2], dim=SAMPLE)
    return xr.Dataset(
        {
            "mean": draws.mean(SAMPLE),
            "ci_low": tails.isel(quantile=0, drop=True),
            "ci_high": tails.isel(quantile=1, drop=True),
        }
    )


def to_frame(summary: xr.Dataset) -> pd.DataFrame:
    """A summary as a table with its dims, in the order of the first variable's, as index."""
    columns = list(summary.data_vars)
    return summary.to_dataframe(dim_order=list(summary[columns[0]].dims))[columns]
