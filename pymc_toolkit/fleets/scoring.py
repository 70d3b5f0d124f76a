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


def naive_scores(target: pd.Series, test_size: int, season: int) -> pd.DataFrame:
    """Score predictions that need no model.

    They are probabilistic, as the model's is, so that their CRPS can be compared with its: the
    training mean comes with the spread of the training values around it, the seasonal naive with
    the errors that it made within training (with less than a season of those, with none).

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
    mean = np.full(test_size, training.mean())
    rows = {
        SEASONAL_NAIVE: dict.fromkeys(("mape", "nrmse", "r_squared", "crps"), float("nan")),
        TRAINING_MEAN: _metrics(test, mean, mean + (training - training.mean())[:, None]),
    }
    if test_size <= season <= training.size:
        start = training.size - season
        a_year_before = values[start : start + test_size]
        errors = training[season:] - training[:-season]
        spread = errors if errors.size >= season else np.zeros(1)
        rows[SEASONAL_NAIVE] = _metrics(test, a_year_before, a_year_before + spread[:, None])
    return pd.DataFrame(rows).T


def _metrics(actual: Array, mean: Array, draws: Array) -> dict[str, float]:
    return {
        "mape": mape(actual, mean),
        "nrmse": nrmse(actual, mean),
        "r_squared": r_squared(actual, mean),
        "crps": crps(actual, draws),
    }
