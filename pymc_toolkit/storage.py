"""One file that holds everything needed to predict and refresh: arrays and JSON, never code.

The file is netCDF (HDF5): the groups of the fit, and the names, roles, specification and history as
JSON in an attribute of the root.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import xarray as xr

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import DATA_VARIABLES
from pymc_toolkit.refresh import RefreshRecord
from pymc_toolkit.scalers import Scaler
from pymc_toolkit.version import __version__

_ATTRIBUTE = "pymc_toolkit_model"
# Raise it when a file of the old layout can no longer be read as it is: also when a default of
# priors.py changes that predictions depend on, since files hold overrides only.
_LAYOUT = 1
# Of the resolution that client tables are read with.
_DATES = xr.coders.CFDatetimeCoder(time_unit="us")


@dataclass(frozen=True)
class SavedModel:
    """What a file holds.

    Parameters
    ----------
    config : ClientConfig
    fit : Fit
    random_seed : int
        Of the model; fits that name none use it.
    history : sequence of RefreshRecord
    """

    config: ClientConfig
    fit: Fit
    random_seed: int
    history: Sequence[RefreshRecord]


def save(saved: SavedModel, path: str | Path) -> Path:
    """Write a fitted model to a file, whole or not at all.

    Parameters
    ----------
    saved : SavedModel
    path : str or Path
        File to write; an existing one is replaced, missing folders are made.

    Returns
    -------
    Path
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fit = saved.fit
    header = {
        "layout": _LAYOUT,
        "version": __version__,
        "engine": fit.engine,
        "spec": fit.spec.to_dict(),
        "sampling": asdict(fit.sampling),
        "client": saved.config.to_dict(),
        "frequency": fit.training.frequency,
        "random_seed": saved.random_seed,
        "history": [_record_to_dict(record) for record in saved.history],
    }
    tree = fit.idata.copy()
    tree.attrs[_ATTRIBUTE] = json.dumps(header)
    # Written beside the target and moved into place: a crash leaves the old file whole.
    draft = path.with_name(f".{uuid4().hex}.part")
    try:
        tree.to_netcdf(draft, engine="h5netcdf")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def load(path: str | Path) -> SavedModel:
    """Read a model that :func:`save` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    SavedModel

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SavedModelError
        If the file is not a saved model, or of a layout that this version does not read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Got {str(path)!r}; expected a file written by save().")
    try:
        with xr.open_datatree(path, engine="h5netcdf", decode_times=_DATES) as tree:
            idata = tree.load()
    except (OSError, ValueError) as error:
        raise SavedModelError(
            f"Got {str(path)!r}, which is not a netCDF file; expected one written by save()."
        ) from error
    header = _header(idata, path)
    data = _model_data(idata, header["frequency"])
    fit = Fit(
        engine=header["engine"],
        spec=ModelSpec.from_dict(header["spec"]),
        sampling=Sampling(**header["sampling"]),
        training=data,
        idata=idata,
    )
    history = [_record_from_dict(record) for record in header["history"]]
    config = ClientConfig.restore(header["client"], data)
    return SavedModel(config, fit, header["random_seed"], history)


def _header(idata: xr.DataTree, path: Path) -> dict[str, Any]:
    text = idata.attrs.pop(_ATTRIBUTE, None)
    if text is None:
        raise SavedModelError(
            f"Got {str(path)!r}, which holds no model of this package; expected a file written by "
            "save()."
        )
    try:
        header: dict[str, Any] = json.loads(text)
        layout = header["layout"]
    except (ValueError, TypeError, KeyError) as error:
        raise SavedModelError(
            f"Got {str(path)!r}, whose description of the model cannot be read; expected a file "
            "written by save(). Save the model again."
        ) from error
    if layout != _LAYOUT:
        raise SavedModelError(
            f"Got {str(path)!r} of layout {layout}; this version reads layout {_LAYOUT}. "
            "Load it with the version that wrote it, or fit the model again."
        )
    return header


def _model_data(idata: xr.DataTree, frequency: str) -> ModelData:
    constant = idata["constant_data"].to_dataset()
    observed = idata["observed_data"].to_dataset()
    dataset = constant[["media", "controls"]].assign(target=observed["y"])[list(DATA_VARIABLES)]
    scalers = {
        name: Scaler(
            constant[f"{name}_scale"].attrs["method"],
            constant[f"{name}_center"],
            constant[f"{name}_scale"],
        )
        for name in DATA_VARIABLES
    }
    return ModelData(dataset, scalers, frequency)


def _record_to_dict(record: RefreshRecord) -> dict[str, Any]:
    return {**vars(record), "roi": record.roi.to_dict("split")}


def _record_from_dict(values: dict[str, Any]) -> RefreshRecord:
    table = values["roi"]
    roi = pd.DataFrame(
        table["data"], index=pd.Index(table["index"], name="channel"), columns=table["columns"]
    )
    return RefreshRecord(**{**values, "roi": roi.astype(float)})
