"""How well a panel is predicted region by region, beside forecasts that need no model.

Regions differ in size far more than a region differs from week to week. A forecast that knows
nothing but the usual size of each region therefore has a high R² over all of them together, and
a model's is worth nothing without that of such a forecast beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.prediction import Prediction
from pymc_toolkit.arrays import Array
from pymc_toolkit.fleets.baselines import BASELINES, LAST_VALUE, SEASONAL_NAIVE, TRAINING_MEAN
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.metrics import coverage, r_squared, rmse, wape
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE, GEO, SAMPLE

# Forecasts of each region from its own past alone.
NAIVE = (LAST_VALUE, SEASONAL_NAIVE, TRAINING_MEAN)
_TAILS = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)


@dataclass(frozen=True)
class RegionScores:
    """Errors on the held-out periods of a panel, of a model and of naive forecasts.

    Parameters
    ----------
    table : pandas.DataFrame
        Index ``model, last value, seasonal naive, training mean``; columns ``wape, rmse`` (target
        units) and ``coverage`` (of 90% intervals) over all regions and periods,
        ``r_squared_median`` (over regions that vary), ``r_squared_pooled`` (of all regions and
        periods together) and ``skill`` (one less the model's WAPE over this one's; NaN for the
        model). NaN where a forecast says nothing.
    regions : pandas.DataFrame
        Long: ``region, prediction, actual, expected`` (sums over the held-out periods), ``error``
        (sum of absolute errors), ``wape, r_squared`` (NaN where a region does not vary),
        ``coverage``.
    """

    table: pd.DataFrame
    regions: pd.DataFrame


@dataclass(frozen=True)
class _Forecast:
    """Means and 90% intervals, each of shape (date, geo); ends are NaN where there are none."""

    mean: Array
    low: Array
    high: Array


def score_regions(data: ModelData, trained_on: int, prediction: Prediction) -> RegionScores:
    """Score a model's prediction of the held-out periods of a panel, region by region.

    Parameters
    ----------
    data : ModelData
        The training window followed by the held-out periods, with regions.
    trained_on : int
        Number of periods of training.
    prediction : Prediction
        Of the same periods, training included.

    Returns
    -------
    RegionScores
    """
    target = data.window(trained_on, None).dataset["target"].transpose(DATE, GEO)
    names = [str(name) for name in target[GEO].values]
    forecasts = {MODEL: _of_model(prediction.periods(slice(trained_on, None)))}
    forecasts |= _naive(data, trained_on)
    by_region = pd.concat(
        [_by_region(name, names, target.values, known) for name, known in forecasts.items()],
        ignore_index=True,
    )
    return RegionScores(_table(target.values, forecasts, by_region), by_region)


def _of_model(prediction: Prediction) -> _Forecast:
    mean = prediction.expected.mean(SAMPLE).transpose(DATE, GEO).values
    ends = prediction.observation.quantile(_TAILS, SAMPLE).transpose("quantile", DATE, GEO)
    return _Forecast(mean, *ends.values)


def _naive(data: ModelData, trained_on: int) -> dict[str, _Forecast]:
    """What the past of each region alone leads one to expect; left out where nothing is said."""
    found = {}
    for name in NAIVE:
        # They use no media, so that the carry-over does not matter.
        parts = [BASELINES[name](part, trained_on, 1) for part in data.regions().values()]
        said = [part for part in parts if part is not None]
        if len(said) < len(parts):
            continue
        mean = np.column_stack([part.mean for part in said])
        ends = np.full((2, *mean.shape), np.nan)
        if all(len(part.draws) > 1 for part in said):
            ends = np.stack([np.quantile(part.draws, _TAILS, axis=0) for part in said], axis=-1)
        found[name] = _Forecast(mean, *ends)
    return found


def _by_region(name: str, regions: list[str], actual: Array, known: _Forecast) -> pd.DataFrame:
    rows = [
        {
            "region": region,
            "prediction": name,
            "actual": actual[:, i].sum(),
            "expected": known.mean[:, i].sum(),
            "error": np.abs(actual[:, i] - known.mean[:, i]).sum(),
            "wape": wape(actual[:, i], known.mean[:, i]),
            "r_squared": r_squared(actual[:, i], known.mean[:, i]),
            "coverage": _coverage(actual[:, i], known.low[:, i], known.high[:, i]),
        }
        for i, region in enumerate(regions)
    ]
    return pd.DataFrame(rows)


def _table(
    actual: Array, forecasts: Mapping[str, _Forecast], by_region: pd.DataFrame
) -> pd.DataFrame:
    median = by_region.groupby("prediction")["r_squared"].median()
    rows = {
        name: {
            "wape": wape(actual.ravel(), known.mean.ravel()),
            "rmse": rmse(actual.ravel(), known.mean.ravel()),
            "r_squared_median": median[name],
            "r_squared_pooled": r_squared(actual.ravel(), known.mean.ravel()),
            "coverage": _coverage(actual.ravel(), known.low.ravel(), known.high.ravel()),
        }
        for name, known in forecasts.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").reindex([MODEL, *NAIVE])
    others = table["wape"].where((table.index != MODEL) & (table["wape"] > 0))
    return table.assign(skill=1 - table.loc[MODEL, "wape"] / others)


def _coverage(actual: Array, low: Array, high: Array) -> float:
    return coverage(actual, low, high) if np.isfinite(low).all() else float("nan")
