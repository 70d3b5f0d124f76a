"""What checks of a column share: what its values are, and how error messages show them."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api import types

SHOWN = 5


def shown_examples(column: pd.Series) -> str:
    """The first few values, dates without their technical form."""
    return ", ".join(
        repr(value) if isinstance(value, str) else str(value) for value in column.head(SHOWN)
    )


def shown_rows(mask: pd.Series) -> str:
    """The labels of the first few rows where the mask holds."""
    labels = [str(label) for label in mask.index[mask]]
    shown = ", ".join(labels[:SHOWN]) + (" …" if len(labels) > SHOWN else "")
    return f"row{'s' if len(labels) > 1 else ''} {shown}"


def shown_dates(dates: pd.Series) -> str:
    """The first few distinct dates, and how many more there are."""
    labels = [str(pd.Timestamp(value).date()) for value in dates.drop_duplicates()]
    return ", ".join(labels[:SHOWN]) + (
        f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    )


def without_categories(column: pd.Series) -> pd.Series:
    """A categorical column as what its categories are."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def is_number(column: pd.Series) -> pd.Series:
    """Which values of a column are numbers (or true or false)."""
    if types.is_numeric_dtype(column) or types.is_bool_dtype(column):
        return pd.Series(True, index=column.index)
    return column.map(lambda value: isinstance(value, Real | Decimal | np.bool)).astype(bool)
