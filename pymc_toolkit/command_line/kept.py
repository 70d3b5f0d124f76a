"""Results on disk that are taken again as long as nothing that decided them has changed.

Beside a result stands a small file with the key of what made it and a digest of the result itself:
a name is no proof of what is in a file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from pymc_toolkit.whole_files import whole_file

logger = logging.getLogger(__name__)

_ENDING = ".key"


def keep(path: Path, key: str) -> None:
    """Note what made a result.

    Parameters
    ----------
    path : Path
        The result, which has been written.
    key : str
        Digest of all that decides it.
    """
    note = {"key": key, "sha256": file_digest(path)}
    with whole_file(_note_of(path)) as draft:
        draft.write_text(f"{json.dumps(note)}\n", encoding="utf-8")


def is_kept(path: Path, key: str) -> bool:
    """Whether a result is there, whole, and made by what the key stands for.

    Parameters
    ----------
    path : Path
    key : str

    Returns
    -------
    bool
    """
    if not path.is_file():
        return False
    try:
        note = json.loads(_note_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        logger.info("%s has no note of what made it: it is not used.", path)
        return False
    if note.get("key") != key:
        logger.info(
            "%s is of other data, settings or versions than those of now: it is not used.", path
        )
        return False
    if note.get("sha256") != file_digest(path):
        logger.warning("%s is not as it was written: it is not used.", path)
        return False
    return True


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + _ENDING)
