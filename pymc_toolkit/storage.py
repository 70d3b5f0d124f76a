"""One file that holds everything needed to predict and refresh a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.fit_files import fit_header, read_file, restore_fit, write_file
from pymc_toolkit.refresh import RefreshRecord

_KIND = "model"
# Raise it when a file of the old layout can no longer be read as it is: also when a default of
# priors.py changes that predictions depend on, since files hold overrides only.
_LAYOUT = 1


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
    header = {
        "layout": _LAYOUT,
        **fit_header(saved.fit),
        "client": saved.config.to_dict(),
        "random_seed": saved.random_seed,
        "history": [_record_to_dict(record) for record in saved.history],
    }
    return write_file(saved.fit.idata, header, path, _KIND)


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
    idata, header = read_file(path, _KIND, _LAYOUT)
    fit = restore_fit(idata, header)
    history = [_record_from_dict(record) for record in header["history"]]
    config = ClientConfig.restore(header["client"], fit.training)
    return SavedModel(config, fit, header["random_seed"], history)


def _record_to_dict(record: RefreshRecord) -> dict[str, Any]:
    return {**vars(record), "roi": record.roi.to_dict("split")}


def _record_from_dict(values: dict[str, Any]) -> RefreshRecord:
    table = values["roi"]
    roi = pd.DataFrame(
        table["data"], index=pd.Index(table["index"], name="channel"), columns=table["columns"]
    )
    return RefreshRecord(**{**values, "roi": roi.astype(float)})
