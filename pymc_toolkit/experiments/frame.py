"""Read the table of an experiment whose units are users, stores or visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.columns import is_number, shown_examples, shown_rows, without_categories
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.validation import check_columns, check_numbers

# A variance takes two.
FEWEST_UNITS = 2
# Combinations of covariates that vary less than this share of what others do are rounding errors.
_REPEATED = 1e-10


@dataclass(frozen=True)
class Trial:
    """Units of an experiment as arrays, checked.

    Parameters
    ----------
    outcome : ndarray of shape (unit,)
    treatment : ndarray of shape (unit,)
        1 where treated, else 0.
    covariates : ndarray of shape (unit, covariate)
        Without any, of shape (unit, 0).
    names : tuple of str
        Of the covariates.
    """

    outcome: Array
    treatment: Array
    covariates: Array
    names: tuple[str, ...]

    @property
    def treated(self) -> Array:
        """Which units were treated."""
        return self.treatment == 1

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.outcome)

    @property
    def n_treated(self) -> int:
        """Number of treated units."""
        return int(self.treated.sum())

    @property
    def n_control(self) -> int:
        """Number of units that were not treated."""
        return self.n_units - self.n_treated

    def basis(self) -> Array:
        """Centred combinations of the covariates that do not repeat each other.

        Regressions on these are regressions on the covariates, whatever their units, and also
        where one follows from the others.

        Returns
        -------
        ndarray of shape (unit, rank)
            Uncorrelated, each with mean 0 and standard deviation 1.
        """
        spread = self.covariates.std(axis=0)
        centred = (self.covariates - self.covariates.mean(axis=0)) / np.where(spread > 0, spread, 1)
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        return left[:, sizes > _REPEATED * sizes.max()] * np.sqrt(self.n_units)


def read_trial(
    data: pd.DataFrame,
    outcome: str | None,
    treatment: str,
    covariates: Sequence[str] = (),
    *,
    adjusts: bool = True,
    fewest: int = FEWEST_UNITS,
) -> Trial:
    """Read and check the table of an experiment; the table itself is not changed.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    outcome : str or None
        Column of what was measured; None where it plays no part.
    treatment : str
        Column of 1 (treated) and 0 (control).
    covariates : sequence of str
        Columns known before treatment.
    adjusts : bool
        Whether the caller needs at least one covariate.
    fewest : int
        Units that each arm must have at least.

    Returns
    -------
    Trial

    Raises
    ------
    DataError
        If a value is missing or no number, the treatment is not 0 or 1, an arm has too few units
        or the outcome never varies.
    ColumnError
        If a column is missing or was given two roles.
    SpecificationError
        If covariates are needed and none is named.
    """
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    if adjusts and not names:
        raise SpecificationError(
            "Got no covariates; expected at least one column that was known before treatment. "
            "Without any there is nothing to adjust for: use difference_in_means."
        )
    measured = [] if outcome is None else [outcome]
    check_columns(data, {"outcome": measured, "treatment": [treatment], "covariate": names})
    numbers = check_numbers(data, [*measured, *names])
    arms = _arms(data[treatment])
    trial = Trial(
        # Treatment stands in for an outcome that plays no part.
        outcome=numbers[outcome].to_numpy(dtype=float) if measured else arms.astype(float),
        treatment=arms,
        covariates=numbers[names].to_numpy(dtype=float).reshape(len(data), len(names)),
        names=tuple(str(name) for name in names),
    )
    for arm, count in (("treated", trial.n_treated), ("control", trial.n_control)):
        if count < fewest:
            raise DataError(
                f"Got {count} {arm} unit{'' if count == 1 else 's'} in {treatment!r}; expected at "
                f"least {fewest} in each arm. Collect more units, or check the coding of "
                f"{treatment!r} (1 is treated, 0 is control)."
            )
    if np.ptp(trial.outcome) == 0:
        raise DataError(
            f"Got outcome {outcome!r} with the value {trial.outcome[0]:g} in every row; expected "
            "one that varies. Check that the right column was named."
        )
    if adjusts and not np.ptp(trial.covariates, axis=0).any():
        raise DataError(
            f"Got covariates without any variation: {', '.join(map(repr, names))}; expected at "
            "least one that differs between units. Name others, or use difference_in_means."
        )
    return trial


def _arms(column: pd.Series) -> Array:
    name = column.name
    if column.isna().any():
        raise DataError(
            f"Got no treatment in {shown_rows(column.isna())} of {name!r}; expected 0 or 1 in "
            "every row. Drop units whose treatment is not known."
        )
    column = without_categories(column)
    odd = column[~is_number(column)]
    if odd.empty:
        odd = column[~column.isin([0, 1])]
    if len(odd):
        raise DataError(
            f"Got {shown_examples(odd.drop_duplicates())} in treatment {name!r}; expected only 0 "
            "(control) and 1 (treated). Code the two arms so; split more than two arms into pairs."
        )
    return column.astype(int).to_numpy()
