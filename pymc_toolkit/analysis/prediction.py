"""Predict the target in the training window and beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE, FITTED, SAMPLE


@dataclass(frozen=True)
class Prediction:
    """What a fit expects of the target, and what may then be observed, in original units.

    Each has draws of its own: around few expectations, such as those of an ensemble, there may be
    many observations.

    Parameters
    ----------
    expected : xarray.DataArray
        Draws of the expected target, dims chain, draw and date (and geo).
    observation : xarray.DataArray
        Draws of observations around it, of the same periods (and regions).
    """

    expected: xr.DataArray
    observation: xr.DataArray

    def periods(self, which: slice) -> Prediction:
        """Some of the periods, by position."""
        chosen = {DATE: which}
        return Prediction(self.expected.isel(chosen), self.observation.isel(chosen))

    def total(self) -> Prediction:
        """The sum over regions; the same where there is one series."""
        return Prediction(over_regions(self.expected), over_regions(self.observation))


def predict(fit: Fit, data: ModelData | None = None) -> Prediction:
    """Expected target and draws of observations around it, in original units.

    Parameters
    ----------
    fit : Fit
    data : ModelData, optional
        The training window followed by later periods; the training window alone by default.

    Returns
    -------
    Prediction
        The same fit gives the same draws.
    """
    expected = decomposition(fit, data)[FITTED]
    scale = fit.training.scale("target")
    seed = fit.sampling.random_seed
    observation = get_engine(fit.engine).observe(fit, expected / scale, seed) * scale
    return Prediction(expected, observation.transpose(*expected.dims))


def prediction_table(prediction: Prediction, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Mean of the expected target and interval of the observations, by date (and region).

    Parameters
    ----------
    prediction : Prediction
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Index date, or date and geo; ``mean, ci_low, ci_high``.
    """
    interval = to_frame(summarise(prediction.observation, ci_prob))
    # The two have other draws, but the same periods and regions in the same order.
    mean = prediction.expected.mean(SAMPLE)
    return interval.assign(mean=mean.to_numpy().ravel())
