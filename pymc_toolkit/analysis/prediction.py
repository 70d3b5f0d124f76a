"""Predict the target in the training window and beyond it."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import FITTED


def predict(fit: Fit, data: ModelData | None = None) -> xr.Dataset:
    """Expected target and draws of observations around it, in original units.

    Parameters
    ----------
    fit : Fit
    data : ModelData, optional
        The training window followed by later periods; the training window alone by default.

    Returns
    -------
    xarray.Dataset
        ``expected`` and ``observation``, with dims chain, draw and date. The same fit gives the
        same draws.
    """
    expected = decomposition(fit, data)[FITTED]
    scale = fit.training.scale("target")
    seed = fit.sampling.random_seed
    observation = get_engine(fit.engine).observe(fit, expected / scale, seed) * scale
    return xr.Dataset({"expected": expected, "observation": observation})


def prediction_table(prediction: xr.Dataset, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Mean of the expected target and interval of the observations, by date.

    Parameters
    ----------
    prediction : xarray.Dataset
        From :func:`predict`.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Index date; ``mean, ci_low, ci_high``.
    """
    interval = summarise(prediction["observation"], ci_prob)
    return to_frame(interval.assign(mean=summarise(prediction["expected"], ci_prob)["mean"]))
