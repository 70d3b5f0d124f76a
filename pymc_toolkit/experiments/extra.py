"""The libraries of the extra ``experiments``, asked for only where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymc_toolkit.exceptions import MissingExtraError

_LIBRARIES = ("econml", "statsmodels")


@contextmanager
def experiments_extra() -> Iterator[None]:
    """Say how to install the extra where an import inside the block does not find it.

    Raises
    ------
    MissingExtraError
        If EconML or statsmodels is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library not in _LIBRARIES:
            raise
        raise MissingExtraError(
            f"Got no {library} in this environment; expected the libraries of the extra "
            "'experiments'. Run: pip install pymc_toolkit[experiments]"
        ) from error
