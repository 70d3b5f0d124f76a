"""What the network refuses: wrong shapes, missing values and regions that it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError, DataWarning, warn_user

type Panel = Array | Tensor
type Regions = Tensor | Array | Sequence[int] | None


def as_array(values: Panel) -> Array:
    """A panel as an array, wherever its tensor is.

    Parameters
    ----------
    values : Tensor or ndarray

    Returns
    -------
    ndarray of the same shape
        May share memory with the panel.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def check_shapes(media: Array, controls: Array, target: Array) -> None:
    """Check that media, controls and target are of the same regions and weeks.

    Parameters
    ----------
    media : ndarray of shape (region, week, channel)
    controls : ndarray of shape (region, week, control)
    target : ndarray of shape (region, week)

    Raises
    ------
    DataError
        If they are not, or there is no region or no week.
    """
    shapes = [values.shape for values in (media, controls, target)]
    if [len(shape) for shape in shapes] != [3, 3, 2] or len({s[:2] for s in shapes}) != 1:
        raise DataError(
            f"Got media, controls and target of shapes {shapes}; expected (region, week, channel), "
            "(region, week, control) and (region, week), with the same regions and weeks."
        )
    if 0 in shapes[2]:
        raise DataError(f"Got a panel of shape {shapes[2]}; expected regions and weeks.")


def check_panel(name: str, values: Tensor, width: int | None, dtype: torch.dtype) -> None:
    """Check a tensor of numbers by region and week, and by series if it has a width.

    Parameters
    ----------
    name : str
        Named in the error.
    values : Tensor of shape (region, week) or (region, week, series)
    width : int, optional
        Number of series; None for a tensor without that dim.
    dtype : torch.dtype
        That of the network.

    Raises
    ------
    DataError
        If it is no tensor of the network's floats, has another shape, or holds NaN or infinity.
    """
    dims = "(region, week)" if width is None else f"(region, week, {width})"
    if not isinstance(values, Tensor) or values.dtype != dtype:
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise DataError(
            f"Got {name} as {kind}; expected a tensor of {dtype} of shape {dims}, as the network's."
        )
    rank = 2 if width is None else 3
    if values.ndim != rank or 0 in values.shape[:2] or width not in (None, values.shape[-1]):
        raise DataError(
            f"Got {name} of shape {tuple(values.shape)}; expected {dims}, with at least one region "
            "and one week."
        )
    if not torch.isfinite(values).all():
        raise DataError(
            f"Got NaN or infinity in {name}; expected finite numbers. Fill the gaps, or leave the "
            "weeks out."
        )


def check_same_panel(**panels: Tensor) -> None:
    """Check that tensors have the same regions and weeks.

    Parameters
    ----------
    **panels : Tensor of shape (region, week, ...)
        By the name in the error.

    Raises
    ------
    DataError
        If one differs from the first.
    """
    (first, expected), *others = panels.items()
    for name, values in others:
        if values.shape[:2] != expected.shape[:2]:
            raise DataError(
                f"Got {name} of shape {tuple(values.shape)} beside {first} of shape "
                f"{tuple(expected.shape)}; expected the same regions and weeks."
            )


def region_ids(given: Tensor, panel: Tensor, n_regions: int) -> Tensor:
    """The region of each row of a panel.

    Parameters
    ----------
    given : Tensor of shape (region,) or (region, week)
        Whole numbers, the same in every week of a row.
    panel : Tensor of shape (region, week, ...)
        What they belong to.
    n_regions : int
        Number of regions of the network.

    Returns
    -------
    Tensor of int64, of shape (region,)

    Raises
    ------
    DataError
        If they are no whole numbers, have another shape, change within a row, or are out of range.
    """
    rows, weeks = panel.shape[:2]
    if not isinstance(given, Tensor) or given.is_floating_point() or given.dtype == torch.bool:
        kind = given.dtype if isinstance(given, Tensor) else type(given).__name__
        raise DataError(f"Got region ids as {kind}; expected a tensor of whole numbers.")
    if tuple(given.shape) not in ((rows,), (rows, weeks)):
        raise DataError(
            f"Got region ids of shape {tuple(given.shape)}; expected ({rows},) or "
            f"({rows}, {weeks}), as the media."
        )
    ids = given.reshape(rows, -1).long()
    if (ids != ids[:, :1]).any():
        raise DataError("Got region ids that change within a row; expected one region in each.")
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= n_regions:
        raise DataError(
            f"Got region ids from {lowest} to {highest}; expected 0 to {n_regions - 1}, as the "
            f"network has {n_regions} regions."
        )
    return ids[:, 0]


def row_regions(given: Regions, panel: Panel, n_regions: int) -> Tensor:
    """The region of each row of a panel, whatever it is given as.

    Parameters
    ----------
    given : Tensor, ndarray or sequence of shape (region,) or (region, week), optional
        As for :func:`region_ids`. None is for all regions in their order; of fewer rows a warning
        says which regions they were taken for.
    panel : Tensor or ndarray of shape (region, week, ...)
    n_regions : int

    Returns
    -------
    Tensor of int64, of shape (region,)

    Raises
    ------
    DataError
        As :func:`region_ids`.
    """
    shape = torch.empty(panel.shape[:2], device="meta")
    if given is not None:
        ids = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
        return region_ids(ids.cpu(), shape, n_regions)
    rows = len(panel)
    if rows < n_regions:
        warn_user(
            f"Got {rows} rows and no R, with {n_regions} regions; took them for regions 0 to "
            f"{rows - 1}. Pass R, the number of each row's region.",
            DataWarning,
        )
    return region_ids(torch.arange(rows), shape, n_regions)
