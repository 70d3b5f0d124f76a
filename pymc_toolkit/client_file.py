"""A client's settings as one TOML file, read and checked before anything is fitted."""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pymc_toolkit.command_line.complaints import complaints
from pymc_toolkit.command_line.task_tables import ClientTables
from pymc_toolkit.exceptions import ClientFileError

# Bytes of a file's name before its ending; file systems take 255 with it.
_LONGEST = 100
# Windows gives these to devices, whatever ending they have.
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")
# Letters and marks that nobody sees, beside those of their own category.
_UNSEEN = frozenset(
    map(chr, [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, *range(0xFE00, 0xFE10)])
) | frozenset(map(chr, [*range(0x180B, 0x1810), *range(0xE0100, 0xE01F0)]))


@dataclass(frozen=True)
class ClientFile:
    """The settings of one client, and the file that they stand in.

    Parameters
    ----------
    path : Path
        The TOML file, as the user named it.
    tables : ClientTables
        What it holds.
    """

    path: Path
    tables: ClientTables

    @property
    def name(self) -> str:
        """The client's name."""
        return self.tables.client.name

    @cached_property
    def slug(self) -> str:
        """What the client's files are called."""
        return slug(self.name)

    @property
    def folder(self) -> Path:
        """Where results are written."""
        return self.beside(self.tables.output.folder)

    @property
    def checkpoints(self) -> Path | None:
        """Where members of fleets are kept as they finish, if anywhere."""
        return self.folder / "checkpoints" if self.tables.output.checkpoints else None

    @property
    def report(self) -> Path:
        """Where the client's report is written."""
        named = self.tables.report.output
        return self.beside(named) if named else self.output(".report.html")

    def beside(self, path: str) -> Path:
        """A path that the file names, which is meant from the file's own folder.

        Parameters
        ----------
        path : str

        Raises
        ------
        ClientFileError
            If it begins with a user that this machine does not have.
        """
        try:
            return self.path.parent / Path(path).expanduser()
        except RuntimeError as error:
            raise ClientFileError(
                f"{self.path}: Got the path {path!r}, of a user who has no home folder here; "
                "expected one that can be followed. Name its folders instead of ~."
            ) from error

    def output(self, ending: str) -> Path:
        """A file of this client in the output folder.

        Parameters
        ----------
        ending : str
            What follows the client's name, such as ``.nc``.
        """
        return self.folder / f"{self.slug}{ending}"


def read_client_file(path: str | Path) -> ClientFile:
    """Read a client's settings and check every one of them.

    Parameters
    ----------
    path : str or Path
        TOML file.

    Returns
    -------
    ClientFile

    Raises
    ------
    ClientFileError
        If it cannot be read, is not TOML, or has a key or a value that is not expected; the message
        has a line for each, with file, table and key.
    """
    path = Path(path)
    try:
        # Some editors begin a file with a mark that TOML does not have.
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ClientFileError(
            f"{path}: Got a file that cannot be read ({error.strerror}); expected a TOML file of a "
            "client's settings. Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ClientFileError(
            f"{path}: Got text that is not UTF-8; expected TOML, which is. Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ClientFileError(
            f"{path}: Got text that is not TOML ({error}); expected tables of keys and values. "
            "Correct that line; paths are written with / or between single quotes."
        ) from error
    try:
        tables = ClientTables.model_validate(given)
    except ValidationError as error:
        raise ClientFileError("\n".join(complaints(path, given, error))) from error
    return ClientFile(path, tables)


def json_schema() -> dict[str, Any]:
    """JSON schema of a client's file, for editors that complete and check TOML.

    Returns
    -------
    dict
    """
    return ClientTables.model_json_schema()


def slug(name: str) -> str:
    """A name in letters and digits of its own script, as every file system takes it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        In small letters, words joined by hyphens. A name that is too long is cut, and one without
        letters or digits replaced; both end in a digest, so that they stay apart.

    Examples
    --------
    >>> slug("Müller & Co"), slug("東京 / 大阪"), slug("con")
    ('müller-co', '東京-大阪', 'client-con')
    """
    kept = "".join(_kept(_folded(name)))
    words = "-".join(filter(None, kept.split("-")))
    found = unicodedata.normalize("NFC", words)
    if not found or len(found.encode()) > _LONGEST:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
        start = found.encode()[: _LONGEST - len(digest) - 1].decode(errors="ignore")
        return f"{start.strip('-') or 'client'}-{digest}"
    return f"client-{found}" if _RESERVED.fullmatch(found) else found


def _folded(name: str) -> str:
    """A name as it is compared by who ignores case and the width or style of letters."""
    for _ in range(2):
        # Capitals of some letters are made of several, which have small ones of their own.
        name = unicodedata.normalize("NFKD", name.casefold())
    return name


def _kept(name: str) -> Iterator[str]:
    """Letters and digits with their marks, and a hyphen for all else that can be seen."""
    before = ""
    for char in name:
        kind = unicodedata.category(char)
        if kind == "Cf" or char in _UNSEEN:
            continue
        letter = kind[0] in "LN" or (kind[0] == "M" and before not in ("", "-"))
        before = char if letter else "-"
        yield before
