"""Files of fits: arrays and JSON in one netCDF file (HDF5), never code.

A file holds the groups of one fit or of several, and everything else as JSON in an attribute of the
root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xarray as xr

from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.version import __version__
from pymc_toolkit.whole_files import whole_file

# Of the resolution that client tables are read with.
_DATES = xr.coders.CFDatetimeCoder(time_unit="us")
# What reading a damaged file raises, depending on where it is damaged.
UNREADABLE = (OSError, ValueError, KeyError, AttributeError, RuntimeError, TypeError)


def write_file(tree: xr.DataTree, header: Mapping[str, Any], path: str | Path, kind: str) -> Path:
    """Write a tree of arrays to a file, whole or not at all.

    Parameters
    ----------
    tree : xarray.DataTree
        Left as it is.
    header : Mapping
        Plain values; its ``layout`` tells versions of the file apart.
    path : str or Path
        File to write; an existing one is replaced, missing folders are made.
    kind : str
        What the file holds, in one word: ``model``, ``fleet`` or ``checkpoint``.

    Returns
    -------
    Path
    """
    path = Path(path)
    tree = tree.copy()
    tree.attrs[_attribute(kind)] = json.dumps({"version": __version__, **header})
    with whole_file(path) as draft:
        tree.to_netcdf(draft, engine="h5netcdf")
    return path


def read_file(path: str | Path, kind: str, layout: int) -> tuple[xr.DataTree, dict[str, Any]]:
    """Read what :func:`write_file` wrote.

    Parameters
    ----------
    path : str or Path
    kind : str
    layout : int
        The one that can be read.

    Returns
    -------
    tree : xarray.DataTree
        In memory.
    header : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SavedModelError
        If it holds something else, or is of another layout.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Got {str(path)!r}; expected a file written by save().")
    try:
        with xr.open_datatree(path, engine="h5netcdf", decode_times=_DATES) as opened:
            tree = opened.load()
    except UNREADABLE as error:
        raise SavedModelError(
            f"Got {str(path)!r}, which is no netCDF file, or a damaged one; expected one "
            "written by save()."
        ) from error
    return tree, _header(tree, path, kind, layout)


def fit_header(fit: Fit) -> dict[str, Any]:
    """What a fit is beside its arrays, as plain values."""
    return {
        "engine": fit.engine,
        "spec": fit.spec.to_dict(),
        "sampling": asdict(fit.sampling),
        "frequency": fit.training.frequency,
    }


def restore_fit(idata: xr.DataTree, header: Mapping[str, Any]) -> Fit:
    """A fit from its groups and what :func:`fit_header` gave.

    Parameters
    ----------
    idata : xarray.DataTree
    header : Mapping
    """
    observed, constant = (idata[group].to_dataset() for group in ("observed_data", "constant_data"))
    return Fit(
        engine=header["engine"],
        spec=ModelSpec.from_dict(header["spec"]),
        sampling=Sampling(**header["sampling"]),
        training=ModelData.from_arrays(constant.assign(target=observed["y"]), header["frequency"]),
        idata=idata,
    )


def _header(tree: xr.DataTree, path: Path, kind: str, layout: int) -> dict[str, Any]:
    text = tree.attrs.pop(_attribute(kind), None)
    if text is None:
        raise SavedModelError(
            f"Got {str(path)!r}, which holds no {kind} of this package; expected a file written by "
            "save()."
        )
    try:
        header: dict[str, Any] = json.loads(text)
        found = header["layout"]
    except (ValueError, TypeError, KeyError) as error:
        raise SavedModelError(
            f"Got {str(path)!r}, whose description of the {kind} cannot be read; expected a file "
            f"written by save(). Save the {kind} again."
        ) from error
    if found != layout:
        raise SavedModelError(
            f"Got {str(path)!r} of layout {found}; this version reads layout {layout}. "
            f"Load it with the version that wrote it, or make the {kind} again."
        )
    return header


def _attribute(kind: str) -> str:
    return f"pymc_toolkit_{kind}"
