"""Results on disk that are taken again as long as nothing that decided them has changed.

Beside a result stands a small file with the key of what made it and a digest of the result itself:
a name is no proof of what is in a file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from pymc_toolkit.whole_files import whole_file

logger = logging.getLogger(__name__)

_ENDING = ".key"


def keep(path: Path, key: str, **facts: Any) -> None:
    """Note what made a result.

    Parameters
    ----------
    path : Path
        The result, which has been written.
    key : str
        Digest of all that decides it.
    **facts
        Whatever else should be known of it, as plain values.
    """
    note = {"key": key, "sha256": file_digest(path), **facts}
    with whole_file(_beside(path)) as draft:
        draft.write_text(f"{json.dumps(note)}\n", encoding="utf-8")


def note_of(path: Path) -> dict[str, Any] | None:
    """What was noted of a result, if it is there and whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict or None
        ``key``, and the facts that :func:`keep` was given.
    """
    if not path.is_file():
        return None
    try:
        note: dict[str, Any] = json.loads(_beside(path).read_text(encoding="utf-8"))
        digest, _ = note["sha256"], note["key"]
    except (OSError, ValueError, KeyError, TypeError):
        logger.info("%s has no note of what made it: it is not used.", path)
        return None
    if digest != file_digest(path):
        logger.warning("%s is not as it was written: it is not used.", path)
        return None
    return note


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
    note = note_of(path)
    if note is not None and note["key"] != key:
        logger.info(
            "%s is of other data, settings or versions than those of now: it is not used.", path
        )
    return note is not None and note["key"] == key


def copy_kept(path: Path, to: Path) -> None:
    """Copy a result and the note beside it; what was there is replaced, whole or not at all.

    Parameters
    ----------
    path, to : Path
    """
    # The note last: until it is there, nothing takes the copy for a result.
    for source, target in ((path, to), (_beside(path), _beside(to))):
        with whole_file(target) as draft:
            shutil.copyfile(source, draft)


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


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _ENDING)
