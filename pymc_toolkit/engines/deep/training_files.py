"""Checkpoints of a training: tensors and plain values, and what they are of."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint

from pymc_toolkit.engines.deep.training import Panel
from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.whole_files import whole_file

# Of the file's contents; raise it when they change.
_LAYOUT = 1


def digest(panel: Panel) -> str:
    """What tells panels apart."""
    found = hashlib.sha256(str(panel.start_week).encode())
    for part in (panel.media, panel.controls, panel.regions, panel.target):
        found.update(str(tuple(part.shape)).encode())
        found.update(part.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def write_training(path: str | Path, key: Mapping[str, Any], state: Mapping[str, Any]) -> Path:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write; an existing one is replaced, missing folders are made.
    key : Mapping
        What the training is of, as plain values.
    state : Mapping
        :meth:`Training.state_dict`.

    Returns
    -------
    Path
    """
    path = Path(path)
    with whole_file(path) as draft:
        torch.save({"layout": _LAYOUT, "key": dict(key), "training": dict(state)}, draft)
    return path


def read_training(path: str | Path, key: Mapping[str, Any]) -> dict[str, Any]:
    """Read what :func:`write_training` wrote; only tensors and plain values are loaded.

    Parameters
    ----------
    path : str or Path
    key : Mapping
        The checkpoint has to be of it.

    Returns
    -------
    dict
        For :meth:`Training.load_state_dict`.

    Raises
    ------
    SavedModelError
        If the file is missing, no checkpoint, or one of something else.
    """
    if not zipfile.is_zipfile(path):
        raise SavedModelError(f"Got {path}; expected a file that save_checkpoint wrote.")
    try:
        strange = get_unsafe_globals_in_checkpoint(path)
        # Wherever it was trained: what goes on takes its tensors to where its networks are.
        saved = None if strange else torch.load(path, map_location="cpu", weights_only=True)
    except RuntimeError as error:
        raise SavedModelError(
            f"Got {path}, which cannot be read ({error}); expected a file that save_checkpoint "
            "wrote."
        ) from error
    if not isinstance(saved, dict) or saved.get("layout") != _LAYOUT or "key" not in saved:
        raise SavedModelError(
            f"Got {path}, which is no checkpoint of this version; expected layout {_LAYOUT}. "
            "Begin the training again."
        )
    differ = [name for name, value in key.items() if saved["key"].get(name) != value]
    if differ:
        raise SavedModelError(
            f"Got a checkpoint in {path} with other {', '.join(differ)}; expected that of this "
            "training. Resume it with the config, seed and data that it was begun with."
        )
    state: dict[str, Any] = saved["training"]
    return state
