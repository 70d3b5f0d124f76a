"""Windows of a panel: weeks held out of training, and empty weeks in front of it.

A window never hears of a later one: splitting copies, and padding adds zeros to what is scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from torch import Tensor
from torch.nn import functional

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.checks import Panel, as_array, check_shapes
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.model_spec import whole_number

# A panel's parts by the names that splits and pipelines give them.
PANELS = ("X_media", "X_control", "y")


def temporal_split(
    X_media: Panel,  # noqa: N803
    X_control: Panel,  # noqa: N803
    y: Panel,
    holdout_ratio: float | None = None,
    *,
    holdout_weeks: int | None = None,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Cut the last weeks off a panel.

    Parameters
    ----------
    X_media : ndarray or Tensor of shape (region, week, channel)
    X_control : ndarray or Tensor of shape (region, week, control)
    y : ndarray or Tensor of shape (region, week)
    holdout_ratio : float, optional
        Share of the weeks to cut off, rounded to whole weeks, one at least.
    holdout_weeks : int, optional
        Their number. Give one of the two.

    Returns
    -------
    training, holdout : dict of str to ndarray
        ``X_media``, ``X_control`` and ``y`` of the first and of the last weeks: copies, all weeks
        in one of them.

    Raises
    ------
    SpecificationError
        If both or neither are given, or the one is no number of weeks or no share.
    DataError
        If shapes do not fit together, or no week remains to train on.

    Examples
    --------
    >>> import numpy as np
    >>> media, controls, y = np.ones((2, 10, 3)), np.ones((2, 10, 1)), np.ones((2, 10))
    >>> training, holdout = temporal_split(media, controls, y, 0.2)
    >>> training["y"].shape, holdout["X_media"].shape
    ((2, 8), (2, 2, 3))
    """
    panels = [as_array(panel) for panel in (X_media, X_control, y)]
    check_shapes(*panels)
    weeks = panels[2].shape[1]
    held_out = _held_out(weeks, holdout_ratio, holdout_weeks)
    if held_out >= weeks:
        raise DataError(
            f"Got {held_out} weeks to hold out of {weeks}; expected at most {weeks - 1}, so that "
            "some remain to train on. Hold out fewer weeks."
        )
    cut = weeks - held_out
    parts = dict(zip(PANELS, panels, strict=True))
    return (
        {name: panel[:, :cut].copy() for name, panel in parts.items()},
        {name: panel[:, cut:].copy() for name, panel in parts.items()},
    )


def pad_weeks(panel: Tensor, weeks: int) -> Tensor:
    """Put weeks of zeros in front of a panel, for the network to start in.

    In scaled media zero is off air, in scaled controls the usual value. The values of a padded
    target mean nothing: leave its first weeks out of an error.

    Parameters
    ----------
    panel : Tensor of shape (region, week) or (region, week, series)
        Scaled.
    weeks : int
        ``burn_in_weeks`` of the settings.

    Returns
    -------
    Tensor with that many weeks more

    Raises
    ------
    SpecificationError
        If weeks is no whole number, or below zero.

    Examples
    --------
    >>> import torch
    >>> pad_weeks(torch.ones(1, 2), 3)
    tensor([[0., 0., 0., 1., 1.]])
    """
    before = (whole_number("weeks", weeks, 0), 0)
    return functional.pad(panel, before if panel.ndim == 2 else (0, 0, *before))


def panels_of(window: Mapping[str, Panel], *names: str) -> list[Array]:
    """Arrays of a window's parts.

    Parameters
    ----------
    window : Mapping of str to ndarray or Tensor
        As :func:`temporal_split` returns.
    *names : str
        The parts.

    Returns
    -------
    list of ndarray

    Raises
    ------
    DataError
        If a part is missing.
    """
    missing = [name for name in names if name not in window]
    if missing:
        raise DataError(
            f"Got a window of {sorted(window)}; expected {', '.join(names)}. Add {missing}."
        )
    return [as_array(window[name]) for name in names]


def _held_out(weeks: int, ratio: float | None, number: int | None) -> int:
    """How many weeks to hold out."""
    if (ratio is None) == (number is None):
        raise SpecificationError(
            f"Got holdout_ratio={ratio!r} and holdout_weeks={number!r}; expected one of them. "
            "Give the share or the number of the weeks to hold out."
        )
    if ratio is None:
        return whole_number("holdout_weeks", number)
    if not isinstance(ratio, Real) or not 0 < ratio < 1:
        raise SpecificationError(
            f"Got holdout_ratio={ratio!r}; expected a share of the weeks, above 0 and below 1."
        )
    return max(1, round(ratio * weeks))
