"""A saturation curve through what one channel was predicted to earn at each spend."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import ColumnError, DataError, NotFittedError, SpecificationError
from pymc_toolkit.metrics import r_squared

logger = logging.getLogger(__name__)

LEVELS = ("Overall", "DMA")

# As multiples of the largest spend and response: a curve that saturates far beyond the data is a
# straight line in them, and one that does so far below a constant.
_SATURATION = (1e-3, 1e2)
_TOP = (1e-3, 1e2)
_SLOPE = (0.1, 20.0)
# Fits start at the median of the spend and this slope. More starting values were tried on curves
# of all slopes, with much noise and few points: none led to a better fit.
_START_SLOPE = 1.5


class ResponseCurveFit:
    """The curve ``bottom + (top - bottom) x^slope / (saturation^slope + x^slope)`` of one channel.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns ``impressions``, ``spend`` and ``predicted`` (what the channel earned), and the
        dates. It is not modified.
    model_level : {"Overall", "DMA"}
        Whether rows of one date are added up, or each is a point of its own.
    date_col : str
        Column of dates, read where rows are added up.
    bottom_param : bool
        Whether the curve may start above zero.

    Attributes
    ----------
    top, bottom, saturation, slope : float
        Of the curve, once fitted: its limits, the spend that earns the middle of them, and its
        exponent.
    r_2 : float
        Share of the variance that the curve explains; 0 if it is worse than the mean, NaN if what
        was earned does not vary.

    Raises
    ------
    SpecificationError
        If the level is unknown.
    ColumnError
        If a column is missing.
    DataError
        If there are fewer than three points, a value is missing, impressions or spend are negative
        or all zero, or nothing was earned.

    Notes
    -----
    Spend at a point is its impressions at the average price of all, so that prices which change
    do not bend the curve.

    Examples
    --------
    >>> weeks = pd.date_range("2026-01-05", periods=20, freq="W-MON")
    >>> x = np.linspace(10.0, 200.0, 20)
    >>> earned = 50.0 * x**2 / (80.0**2 + x**2)
    >>> data = pd.DataFrame(
    ...     {"week_monday": weeks, "impressions": x, "spend": x, "predicted": earned}
    ... )
    >>> curve = ResponseCurveFit(data).fit()
    >>> round(curve.slope, 2), round(curve.saturation, 1), round(curve.top, 1)
    (2.0, 80.0, 50.0)
    """

    def __init__(
        self,
        data: pd.DataFrame,
        *,
        model_level: str = "Overall",
        date_col: str = "week_monday",
        bottom_param: bool = False,
    ) -> None:
        if model_level not in LEVELS:
            raise SpecificationError(
                f"Got model_level={model_level!r}; expected one of {', '.join(map(repr, LEVELS))}."
            )
        self.data = data
        self.model_level, self.date_col = model_level, date_col
        self.bottom_param = bool(bottom_param)
        self._x, self._y = _points(data, date_col if model_level == "Overall" else None)
        self._fitted = False

    @property
    def Modellevel(self) -> str:  # noqa: N802
        """Old name of ``model_level``."""
        return self.model_level

    @property
    def Datecol(self) -> str:  # noqa: N802
        """Old name of ``date_col``."""
        return self.date_col

    def fit(self, *, generate_figure: bool = False, print_r_sqr: bool = False) -> ResponseCurveFit:
        """Find the curve with the least squared error.

        Parameters
        ----------
        generate_figure : bool
            Not here; this says where.
        print_r_sqr : bool
            Whether to log R², at level INFO.

        Returns
        -------
        ResponseCurveFit
            Itself.

        Raises
        ------
        SpecificationError
            If a figure is asked for.
        DataError
            If the search for it does not end.
        """
        if generate_figure:
            raise SpecificationError(
                "Got generate_figure=True; expected False, since engines draw nothing. Draw "
                "predict(x) with plotly in a script of your own, such as those in discoveries/; "
                "reports draw response curves of fitted models."
            )
        self.top, self.bottom, self.saturation, self.slope = self._best()
        self._fitted = True
        r2 = r_squared(self._y, self.predict(self._x))
        # A comparison with NaN is false, so that NaN stays.
        self.r_2 = 0.0 if r2 < 0 else r2
        if print_r_sqr:
            logger.info("R² of the response curve: %.3f", self.r_2)
        return self

    def fit_model(
        self, *, generate_figure: bool = False, print_r_sqr: bool = False
    ) -> ResponseCurveFit:
        """Another name of :meth:`fit`.

        Parameters
        ----------
        generate_figure, print_r_sqr : bool
            As for :meth:`fit`.

        Returns
        -------
        ResponseCurveFit
            Itself.
        """
        return self.fit(generate_figure=generate_figure, print_r_sqr=print_r_sqr)

    def predict(self, x: ArrayLike) -> Array:
        """What the curve earns.

        Parameters
        ----------
        x : array-like of shape (n,)
            Spend; below zero counts as none.

        Returns
        -------
        ndarray of shape (n,)
            Not negative, and never falling with spend.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        self._check_fitted("predict")
        return self.Hill(x, self.top, self.bottom, self.saturation, self.slope)

    def get_summary(self) -> dict[str, Any]:
        """The curve in numbers and in writing.

        Returns
        -------
        dict
            ``params`` with ``slope``, ``saturation``, ``top`` and ``bottom``, ``r2``, and
            ``equation``.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        self._check_fitted("get_summary")
        names = ("slope", "saturation", "top", "bottom")
        power = f"{self.slope:.4g}"
        start = f"{self.bottom:.4g} + " if self.bottom else ""
        return {
            "params": {name: getattr(self, name) for name in names},
            "r2": self.r_2,
            "equation": (
                f"y = {start}{self.top - self.bottom:.4g} * x^{power} / "
                f"({self.saturation:.4g}^{power} + x^{power})"
            ),
        }

    def Hill(  # noqa: N802
        self, x: ArrayLike, top: float, bottom: float, saturation: float, slope: float
    ) -> Array:
        """The curve of some parameters.

        Parameters
        ----------
        x : array-like of shape (n,)
            Spend; below zero counts as none.
        top, bottom, saturation, slope : float
            Bottom counts as zero unless ``bottom_param``.

        Returns
        -------
        ndarray of shape (n,)
        """
        start = bottom if self.bottom_param else 0.0
        return start + (top - start) * _hill(np.asarray(x, dtype=float), saturation, slope)

    def _hill_equation(
        self, x: ArrayLike, top: float, bottom: float, saturation: float, slope: float
    ) -> Array:
        return self.Hill(x, top, bottom, saturation, slope)

    def _best(self) -> tuple[float, float, float, float]:
        """Top, bottom, saturation and slope of the best fit, in the units of the data."""
        x_unit, y_unit = self._x.max(), self._y.max()
        found = _least_squares(self._x / x_unit, self._y / y_unit, self.bottom_param)
        saturation, slope, rise, bottom = (float(p) for p in (*found, 0.0)[:4])
        return (
            float((bottom + rise) * y_unit),
            float(bottom * y_unit),
            float(saturation * x_unit),
            slope,
        )

    def _check_fitted(self, method: str) -> None:
        if not self._fitted:
            raise NotFittedError(
                f"Got {method} before fit; expected a fitted curve. Call fit first."
            )


ResponseCurveFitter = ResponseCurveFit


def _points(data: pd.DataFrame, date_col: str | None) -> tuple[Array, Array]:
    """Spend at the average price and what was earned, in the order of spend."""
    dates = [] if date_col is None else [date_col]
    columns = ["impressions", "spend", "predicted"]
    missing = [name for name in (*dates, *columns) if name not in data.columns]
    if missing:
        raise ColumnError(
            f"Got no columns {', '.join(map(repr, missing))}; expected impressions, spend and "
            "predicted, and date_col to name the dates. Rename the columns."
        )
    numbers = data[columns].to_numpy(dtype=float)
    if not np.isfinite(numbers).all() or data[dates].isna().to_numpy().any():
        raise DataError(
            "Got missing or infinite values; expected a date and finite numbers in every row. "
            "Leave out the rows without."
        )
    if (numbers[:, :2] < 0).any():
        raise DataError("Got negative impressions or spend; expected numbers of at least zero.")
    impressions, spend, earned = numbers.T
    if not impressions.sum() > 0 or not spend.sum() > 0:
        raise DataError("Got no impressions or no spend at all; expected some of both.")
    x, y = impressions * (spend.sum() / impressions.sum()), earned
    if date_col is not None:
        table = pd.DataFrame({"date": data[date_col].to_numpy(), "x": x, "y": y})
        x, y = table.groupby("date")[["x", "y"]].sum().to_numpy().T
    if len(x) < 3 or not y.max() > 0:
        raise DataError(
            f"Got {len(x)} points, of which {int((y > 0).sum())} earned anything; expected at "
            "least three points, and one that did."
        )
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _hill(x: Array, saturation: float, slope: float) -> Array:
    """x^s / (g^s + x^s), which neither overflows nor divides by zero."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(x, 0.0))
    curve: Array = expit(slope * (logs - np.log(saturation)))
    return curve


def _curve(x: Array, saturation: float, slope: float, rise: float, bottom: float = 0.0) -> Array:
    """The curve by its bottom and what it rises from there, so that each has bounds of its own."""
    return bottom + rise * _hill(x, saturation, slope)


def _least_squares(x: Array, y: Array, with_bottom: bool) -> Array:
    """Parameters of :func:`_curve` for spend and response of at most 1.

    On that scale one set of bounds fits every client.
    """
    half = float(np.clip(np.median(x), 0.01, 1.0))
    start, low, high = [half, _START_SLOPE, 1.0], [*_bounds(0)], [*_bounds(1)]
    if with_bottom:
        start, low, high = [*start, 0.05], [*low, 0.0], [*high, 1.0]
    with warnings.catch_warnings():
        # As many parameters as points leave no covariance, and none is used.
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            found: Array = curve_fit(_curve, x, y, start, bounds=(low, high), max_nfev=2000)[0]
        except RuntimeError as error:
            raise DataError(
                f"Got {len(x)} points that no curve was found for; expected what is earned to rise "
                "with spend. Look at the data."
            ) from error
    return found


def _bounds(side: int) -> tuple[float, float, float]:
    return _SATURATION[side], _SLOPE[side], _TOP[side]
