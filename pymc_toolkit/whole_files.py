"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Write a file beside its place, and move it there once it is whole.

    Whatever happens meanwhile, a file that was there before is left as it was, and nobody reads
    half of the new one.

    Parameters
    ----------
    path : str or Path
        An existing file is replaced (of a link, what it leads to); missing folders are made.

    Yields
    ------
    Path
        What to write to.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "new" / "a.txt"
    ...     with whole_file(path) as draft:
    ...         _ = draft.write_text("whole")
    ...     path.read_text()
    'whole'
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, where moving a file is one step.
    draft = target.with_name(f".{uuid4().hex}.part")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
