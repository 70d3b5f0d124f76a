"""Tables that a client's file names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.exceptions import ClientFileError

_PARQUET = (".parquet", ".pq")
TABLES = (".csv", *_PARQUET)


def read_table(client: ClientFile, named: str, key: str) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    client : ClientFile
        Whose settings name it, and say how CSV files are written.
    named : str
        Path from the folder of the client's file.
    key : str
        Table and key that name it, for errors.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ClientFileError
        If there is no such file, or it cannot be read.
    """
    path, csv = client.beside(named), client.tables.client.csv
    where = f"{client.path}, {key}: Got {named!r}"
    if path.suffix.lower() not in TABLES:
        raise ClientFileError(f"{where}; expected a file that ends in {', '.join(TABLES)}.")
    if not path.is_file():
        raise ClientFileError(
            f"{where}, and there is no file {path}; expected one. Paths are from the folder of the "
            "client's file."
        )
    try:
        if path.suffix.lower() in _PARQUET:
            return pd.read_parquet(path)
        return pd.read_csv(
            path,
            sep=csv.separator,
            decimal=csv.decimal,
            thousands=csv.thousands,
            encoding=csv.encoding,
        )
    except ImportError as error:
        raise ClientFileError(
            f"{where}, and pandas finds no library that reads Parquet; expected pyarrow to be "
            "installed. Install it, or give the table as CSV."
        ) from error
    except (OSError, ValueError, LookupError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ClientFileError(
            f"{where}, which cannot be read ({reason}); expected a table with one row a period. "
            "Look at the file, and at [client.csv]."
        ) from error


def named_table(client: ClientFile, named: str) -> Path | None:
    """The table that a value names, None where it is a word with a meaning of its own.

    Parameters
    ----------
    client : ClientFile
    named : str
    """
    path = client.beside(named)
    return path if path.suffix.lower() in TABLES else None
