"""Score predictions, a model's and others, by the same metrics."""

from __future__ import annotations

from pymc_toolkit.analysis.prediction import Prediction, prediction_table
from pymc_toolkit.arrays import Array
from pymc_toolkit.metrics import crps, mape, nrmse, r_squared
from pymc_toolkit.names import SAMPLE

MODEL = "model"
METRICS = ("mape", "nrmse", "r_squared", "crps")


def score(actual: Array, prediction: Prediction) -> dict[str, float]:
    """Metrics of a model's prediction.

    Parameters
    ----------
    actual : ndarray of shape (date,)
    prediction : Prediction
        Of one series, on the same dates.

    Returns
    -------
    dict
        ``mape, nrmse, r_squared, crps``.
    """
    mean = prediction_table(prediction)["mean"].to_numpy()
    draws = prediction.observation.stack(sample=SAMPLE).transpose("sample", ...).values
    return score_draws(actual, mean, draws)


def score_draws(actual: Array, mean: Array, draws: Array) -> dict[str, float]:
    """Metrics of a prediction made of a mean and draws.

    Parameters
    ----------
    actual, mean : ndarray of shape (date,)
    draws : ndarray of shape (sample, date)

    Returns
    -------
    dict
        ``mape, nrmse, r_squared, crps``.
    """
    return {
        "mape": mape(actual, mean),
        "nrmse": nrmse(actual, mean),
        "r_squared": r_squared(actual, mean),
        "crps": crps(actual, draws),
    }
