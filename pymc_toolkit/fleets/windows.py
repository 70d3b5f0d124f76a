"""Cut a client's periods into what a model is trained on and what it then has to predict."""

from __future__ import annotations

from typing import Any

from pymc_toolkit.exceptions import DataError, DataWarning, warn_user
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, whole_number
from pymc_toolkit.validation import fewest_periods


def checked_holdout(
    called: str, value: Any, data: ModelData, spec: ModelSpec, times: int = 1
) -> int:
    """A number of periods to hold out, such that enough remain to train on.

    Parameters
    ----------
    called : str
        Name of the argument, for the error.
    value : Any
    data : ModelData
    spec : ModelSpec
    times : int
        How many holdouts of that length lie one after the other.

    Returns
    -------
    int

    Raises
    ------
    SpecificationError
        If it is not a whole number of at least 1.
    DataError
        If too few periods remain.
    """
    periods = whole_number(called, value)
    longest = (data.n_periods - fewest_periods(spec.lag_max)) // times
    if periods > longest:
        several = f", {times} times," if times > 1 else ""
        raise DataError(
            f"Got {called}={periods}{several} of {data.n_periods} periods; expected at most "
            f"{max(longest, 0)}, so that enough remain to train on. Hold out fewer periods."
        )
    return periods


def split(data: ModelData, first: int, cut: int, last: int) -> ModelData:
    """Training and held-out periods, on scales that the held-out ones had no part in.

    Parameters
    ----------
    data : ModelData
    first, cut, last : int
        Training is from ``first`` up to ``cut``, the holdout from there up to ``last``.

    Returns
    -------
    ModelData
        The one followed by the other.
    """
    training = data.window(first, cut).rescaled()
    return training.followed_by(data.window(cut, last))


def warn_of_launches(data: ModelData, trained_on: int) -> None:
    """Warn of channels that are first on air in the held-out periods.

    Parameters
    ----------
    data : ModelData
        Training followed by the holdout.
    trained_on : int
    """
    launched = data.window(None, trained_on).launches(data)
    if launched:
        warn_user(
            f"First on air in the held-out periods: {', '.join(map(repr, launched))}. The model "
            "has not seen them, so what it predicts of them is the prior's; judge the holdout "
            "accordingly, or hold out fewer periods.",
            DataWarning,
        )
