"""Units whose outcome is not held at a floor or a ceiling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.experiments.frame import read_trial
from pymc_toolkit.experiments.nuisance import FOLDS, check_folds
from pymc_toolkit.model_spec import whole_number


def away_from_bounds(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    low: float = 0.0,
    high: float = 1.0,
    margin: float = 2.0,
    folds: int = FOLDS,
    random_state: int = 0,
) -> pd.Series:
    """Find the units whose outcome a floor or ceiling is not expected to cut off, treated or not.

    A treatment that adds a constant adds less where the outcome is cut off at a bound, so the
    average over all units is of a smaller effect than the average over these. Units are chosen by
    their covariates, never by their own outcome: it is predicted for either arm by a linear
    regression on units of other folds that are not at a bound. Choosing by the outcome itself
    would bias the comparison of the arms.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    outcome : str
        Column of what was measured, between ``low`` and ``high``.
    treatment : str
        Column of 1 (treated) and 0 (control).
    low, high : float
        The bounds; infinite where there is none.
    margin : float
        Standard deviations of the prediction's error that must fit between prediction and bound.
    folds : int
        At least 2.
    random_state : int
        Decides which unit is in which fold.

    Returns
    -------
    pandas.Series of bool
        With the index of ``data``.

    Raises
    ------
    DataError
        If the table cannot be used, an outcome lies beyond the bounds, or too few units do not lie
        at one.
    SpecificationError
        If the bounds or the margin are impossible.

    References
    ----------
    Crump, Hotz, Imbens, Mitnik (2009). Dealing with limited overlap in estimation of average
    treatment effects: on choosing units by covariates alone.

    Examples
    --------
    >>> x = np.arange(60.0)
    >>> t = np.arange(60) % 2
    >>> table = pd.DataFrame({"x": x, "treatment": t, "outcome": np.maximum(x - 9.5 + 2 * t, 0)})
    >>> int(away_from_bounds(table, ["x"], high=np.inf).sum())
    50
    """
    from sklearn.model_selection import StratifiedKFold

    if not low < high:
        raise SpecificationError(f"Got bounds {low!r} and {high!r}; expected the lower one first.")
    if not 0 <= margin < np.inf:
        raise SpecificationError(f"Got margin={margin!r}; expected a number of zero or more.")
    whole_number("folds", folds, 2)
    whole_number("random_state", random_state, 0)
    trial = read_trial(data, outcome, treatment, covariates)
    check_folds(trial, folds)
    y = trial.outcome
    if y.min() < low or y.max() > high:
        raise DataError(
            f"Got outcomes from {y.min():g} to {y.max():g} in {outcome!r}; expected all between "
            f"{low:g} and {high:g}. Give the bounds that the outcome really has."
        )
    inside = (y > low) & (y < high)
    free = np.ones(trial.n_units, dtype=bool)
    split = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    x = trial.basis()
    for train, held_out in split.split(x, trial.treatment):
        for arm in (trial.treated, ~trial.treated):
            rows = train[(arm & inside)[train]]
            predicted, spread = _extrapolate(x[rows], y[rows], x[held_out])
            room = np.minimum(predicted - low, high - predicted)
            free[held_out] &= room > margin * spread
    return pd.Series(free, index=data.index, name="away_from_bounds")


def _extrapolate(x: Array, y: Array, x_new: Array) -> tuple[Array, float]:
    """Predictions of a linear regression, and the standard deviation of its residuals."""
    from sklearn.linear_model import LinearRegression

    spare = len(y) - x.shape[1] - 1
    if spare < 2:
        raise DataError(
            f"Got {len(y)} units in an arm whose outcome is not at a bound, for {x.shape[1]} "
            f"covariates; expected at least {x.shape[1] + 3}. The outcome is cut off too often to "
            "tell what it would be otherwise."
        )
    model = LinearRegression().fit(x, y)
    spread = float(np.sqrt(((y - model.predict(x)) ** 2).sum() / spare))
    return model.predict(x_new), spread
