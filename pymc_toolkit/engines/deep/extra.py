"""The library of the extra ``deep``, asked for when this room is entered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymc_toolkit.exceptions import MissingExtraError


@contextmanager
def deep_extra() -> Iterator[None]:
    """Say how to install the extra where an import inside the block does not find torch.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "torch":
            raise
        raise MissingExtraError(
            "Got no torch in this environment; expected the library of the extra 'deep'. "
            "Run: pip install pymc_toolkit[deep]"
        ) from error
