"""Score predictions, a model's and naive ones, on the same periods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.prediction import prediction_table
from pymc_toolkit.arrays import Array
from pymc_toolkit.metrics import crps, mape, nrmse, r_squared
from pymc_toolkit.names import SAMPLE

MODEL, SEASONAL_NAIVE, TRAINING_MEAN = "model", "seasonal naive", "training mean"


def score(actual: Array, prediction: xr.Dataset) -> dict[str, float]:
    """Metrics of a probabilistic prediction.

    Parameters
    ----------
    actual : ndarray of shape (date,)
    prediction : xarray.Dataset
        From :func:`pymc_toolkit.analysis.prediction.predict`, on the same dates.

    Returns
    -------
    dict
        ``mape, nrmse, r_squared, crps``.
    """
    mean = prediction_table(prediction)["mean"].to_numpy()
    draws = prediction["observation"].stack(sample=SAMPLE).transpose("sample", ...).values
    return _metrics(actual, mean, draws)


def score_point(actual: Array, predicted: Array) -> dict[str, float]:
    """Metrics of a point prediction; all NaN where it has none."""
    if np.isnan(predicted).any():
        return dict.fromkeys(("mape", "nrmse", "r_squared", "crps"), float("nan"))
    return _metrics(actual, predicted, predicted[None, :])


def naive_scores(target: pd.Series, test_size: int, season: int) -> pd.DataFrame:
    """Scores of predictions that need no model.

    Parameters
    ----------
    target : pandas.Series
        The whole series, by date.
    test_size : int
        Number of periods at its end that are predicted from those before.
    season : int
        Number of periods in a year.

    Returns
    -------
    pandas.DataFrame
        Index ``seasonal naive`` (a year before; NaN with less history) and ``training mean``;
        columns ``mape, nrmse, r_squared, crps``.
    """
    values = target.to_numpy(dtype=float)
    training, test = values[:-test_size], values[-test_size:]
    a_year_before = np.full(test_size, np.nan)
    if test_size <= season <= training.size:
        start = training.size - season
        a_year_before = values[start : start + test_size]
    return pd.DataFrame(
        {
            SEASONAL_NAIVE: score_point(test, a_year_before),
            TRAINING_MEAN: score_point(test, np.full(test_size, training.mean())),
        }
    ).T


def season_length(frequency: str) -> int:
    """Number of periods in a year, whole weeks where the data are daily.

    Examples
    --------
    >>> season_length("W-MON"), season_length("MS"), season_length("D")
    (52, 12, 364)
    """
    return {"D": 364, "MS": 12}.get(frequency, 52)


def _metrics(actual: Array, mean: Array, draws: Array) -> dict[str, float]:
    return {
        "mape": mape(actual, mean),
        "nrmse": nrmse(actual, mean),
        "r_squared": r_squared(actual, mean),
        "crps": crps(actual, draws),
    }
