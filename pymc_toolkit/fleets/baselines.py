"""Predictions that need no media mix model, for one to be held against.

They are probabilistic, as the model's are, so that their CRPS can be compared with its: each comes
with errors of its own making from within training.

References
----------
Hyndman, Athanasopoulos (2021). Forecasting: principles and practice, 3rd ed., sections 5.2, 5.10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.arrays import Array
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.dates import season_length
from pymc_toolkit.fleets.scoring import METRICS, score_draws
from pymc_toolkit.metrics import coverage
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE

SEASONAL_NAIVE, TRAINING_MEAN = "seasonal naive", "training mean"
LAST_VALUE, RIDGE = "last value", "ridge on adstocked media"

# Geometric retention rates that the ridge regression chooses from by cross-validation.
_RETENTIONS = (0.0, 0.3, 0.6)
_PENALTIES = np.logspace(-3, 3, 13)
_FOLDS = 5
# Points at which a sample of errors is read, so that samples of any size make one table.
_LEVELS = np.linspace(0.0025, 0.9975, 200)


@dataclass(frozen=True)
class Forecast:
    """A prediction of the held-out periods.

    Parameters
    ----------
    mean : ndarray of shape (date,)
    draws : ndarray of shape (sample, date)
        One row alone is a point forecast.
    """

    mean: Array
    draws: Array


Baseline = Callable[[ModelData, int, int], Forecast | None]


def training_mean(data: ModelData, trained_on: int, lag_max: int) -> Forecast:
    """The average of training, with the spread of the training values around it."""
    training, periods = _target(data)[:trained_on], data.n_periods - trained_on
    mean = np.full(periods, training.mean())
    return Forecast(mean, mean + (training - training.mean())[:, None])


def last_value(data: ModelData, trained_on: int, lag_max: int) -> Forecast:
    """The last value of training, with the changes of training over as many periods."""
    training, periods = _target(data)[:trained_on], data.n_periods - trained_on
    mean = np.full(periods, training[-1])
    changes = [
        np.quantile(training[ahead:] - training[:-ahead], _LEVELS)
        # Beyond the length of training the longest known change stands in.
        for ahead in np.minimum(np.arange(1, periods + 1), trained_on - 1)
    ]
    return Forecast(mean, mean + np.column_stack(changes))


def seasonal_naive(data: ModelData, trained_on: int, lag_max: int) -> Forecast | None:
    """The values of a year before, with the errors that this made within training.

    With less than two years of training there are too few errors for a spread: a point forecast.
    None with less than a year, or for more than a year ahead.
    """
    training, periods = _target(data)[:trained_on], data.n_periods - trained_on
    season = season_length(data.frequency)
    if not periods <= season <= trained_on:
        return None
    start = trained_on - season
    mean = training[start : start + periods]
    errors = training[season:] - training[:-season]
    spread = errors if errors.size >= season else np.zeros(1)
    return Forecast(mean, mean + spread[:, None])


def ridge(data: ModelData, trained_on: int, lag_max: int) -> Forecast:
    """A ridge regression on adstocked media and controls, with its cross-validated errors.

    Retention (one for all channels) and penalty are chosen by cross-validation within training.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    target = _target(data)[:trained_on]
    candidates = []
    for retention in _RETENTIONS:
        features = _features(data, retention, lag_max)
        model = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES))
        known = features[:trained_on]
        errors = target - cross_val_predict(model, known, target, cv=KFold(_FOLDS))
        mean = model.fit(known, target).predict(features[trained_on:])
        candidates.append((float((errors**2).mean()), errors, mean))
    _, errors, mean = min(candidates, key=lambda candidate: candidate[0])
    return Forecast(mean, mean + np.quantile(errors, _LEVELS)[:, None])


BASELINES: Mapping[str, Baseline] = {
    TRAINING_MEAN: training_mean,
    LAST_VALUE: last_value,
    SEASONAL_NAIVE: seasonal_naive,
    RIDGE: ridge,
}


def baseline_scores(
    data: ModelData, trained_on: int, lag_max: int, names: Sequence[str] = tuple(BASELINES)
) -> pd.DataFrame:
    """Score predictions that need no media mix model.

    Parameters
    ----------
    data : ModelData
        The training window followed by the held-out periods; the sum over regions is predicted.
    trained_on : int
        Number of periods of training.
    lag_max : int
        Of the carry-over that the ridge regression gives media.
    names : sequence of str
        Some of :data:`BASELINES`.

    Returns
    -------
    pandas.DataFrame
        Index name; columns ``mape, nrmse, r_squared, crps, coverage`` (of the 90% interval); NaN
        where a baseline says nothing.
    """
    data = data.total()
    actual = _target(data)[trained_on:]
    rows = {}
    for name in names:
        forecast = BASELINES[name](data, trained_on, lag_max)
        if forecast is None:
            rows[name] = dict.fromkeys((*METRICS, "coverage"), float("nan"))
            continue
        inside = float("nan")
        if len(forecast.draws) > 1:
            tails = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)
            inside = coverage(actual, *np.quantile(forecast.draws, tails, axis=0))
        scores = score_draws(actual, forecast.mean, forecast.draws)
        rows[name] = {**scores, "coverage": inside}
    return pd.DataFrame(rows).T


def _target(data: ModelData) -> Array:
    values: Array = data.dataset["target"].values
    return values


def _features(data: ModelData, retention: float, lag_max: int) -> Array:
    """Carried-over media and controls, one row a period."""
    media = data.dataset["media"].transpose(DATE, ...).values
    rates = {"alpha": np.full(media.shape[1], retention)}
    carried = carry_over(media, ADSTOCKS["geometric"].kernel(lag_max, rates))
    return np.hstack([carried, data.dataset["controls"].transpose(DATE, ...).values])
