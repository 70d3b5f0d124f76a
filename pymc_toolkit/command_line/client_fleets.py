"""Fleets of a client's file: run, or taken from disk while nothing that decides them changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.client_fits import Standing
from pymc_toolkit.command_line.client_models import key_of, subject_of
from pymc_toolkit.command_line.data_files import named_table, read_table
from pymc_toolkit.command_line.kept import file_digest, is_kept, keep
from pymc_toolkit.command_line.task_tables import FleetTable, ForecastTable, ProductionTable
from pymc_toolkit.exceptions import ClientFileError
from pymc_toolkit.fleets.forecast import ForecastFleet
from pymc_toolkit.fleets.holdout import HoldoutFleet
from pymc_toolkit.fleets.job import Client
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.fleets.stability import StabilityFleet
from pymc_toolkit.model_spec import digest_of
from pymc_toolkit.pymc_model import PymcModel

logger = logging.getLogger(__name__)

_CLASSES: Mapping[str, type[FleetResult]] = {
    fleet.kind: fleet
    for fleet in (ProductionFleet, HoldoutFleet, RecoveryFleet, StabilityFleet, ForecastFleet)
}
PRODUCTION = ProductionFleet.kind


@dataclass(frozen=True)
class Run:
    """A fleet of a client, and where it is.

    Parameters
    ----------
    name : str
    fleet : FleetResult
    file : Path
        netCDF file that it was saved to.
    reused : bool
        Whether it was there.
    """

    name: str
    fleet: FleetResult
    file: Path
    reused: bool


def chosen_fleets(client: ClientFile, names: tuple[str, ...]) -> dict[str, FleetTable]:
    """Fleets of a client's file by name; all of them if none is named.

    Parameters
    ----------
    client : ClientFile
    names : tuple of str

    Raises
    ------
    ClientFileError
        If the file has no such fleet, or none at all.
    """
    known: dict[str, FleetTable] = dict(client.tables.fleets)
    strange = [name for name in names if name not in known]
    if strange or not known:
        got = repr(strange[0]) if strange else "no fleet"
        has = ", ".join(map(repr, known)) or "a table such as [fleets.production]"
        raise ClientFileError(
            f"{client.path}, [fleets]: Got {got}; expected {has}. Name a fleet of the file, or add "
            "it there."
        )
    return {name: known[name] for name in names or known}


def run_fleet(standing: Standing, name: str, table: FleetTable, running: Running) -> Run:
    """Run a fleet and save it, or take the one on disk if it would be the same.

    Parameters
    ----------
    standing : Standing
        Its model is fitted here if the fleet starts from a fit.
    name : str
        Part of the names of its files.
    table : FleetTable
    running : Running
    """
    client, model = standing.client, standing.model
    changes = table.sampling.model_dump(exclude_none=True)
    path = client.output(f".fleet-{name}.nc")
    key = _key(client, model, table, changes)
    if is_kept(path, key):
        logger.info("%s: took the fleet %s from %s.", client.name, name, path)
        return Run(name, _CLASSES[table.kind].load(path), path, reused=True)
    if isinstance(table, ForecastTable) or table.options().get("source") == "posterior":
        model = standing.fitted().model
    logger.info("%s: running the fleet %s.", client.name, name)
    fleet = getattr(model, f"{table.kind}_fleet")(
        **_options(client, table),
        **{**client.tables.sampling.model_dump(), **changes},
        progressbar=running.progressbar,
        n_jobs=running.n_jobs,
        checkpoint_dir=running.checkpoint_dir,
    )
    fleet.save(path)
    # A member may have failed for a reason that is gone next time.
    if not fleet.failed:
        keep(path, key)
    return Run(name, fleet, path, reused=False)


def known_holdout(client: ClientFile, model: PymcModel) -> ProductionFleet | None:
    """The holdout of this model as it is now, if it has been run and saved.

    Parameters
    ----------
    client : ClientFile
    model : PymcModel
    """
    name, table = holdout_table(client)
    path = client.output(f".fleet-{name}.nc")
    changes = table.sampling.model_dump(exclude_none=True)
    if not path.is_file() or not is_kept(path, _key(client, model, table, changes)):
        return None
    return ProductionFleet.load(path)


def holdout_table(client: ClientFile) -> tuple[str, ProductionTable]:
    """The first production fleet of a client's file and its name, or one with defaults.

    Parameters
    ----------
    client : ClientFile
    """
    for name, table in client.tables.fleets.items():
        if isinstance(table, ProductionTable):
            return name, table
    return PRODUCTION, ProductionTable()


def _options(client: ClientFile, table: FleetTable) -> dict[str, Any]:
    """Arguments of the fleet's method, tables that they name read."""
    options = table.options()
    scenarios = options.get("scenarios")
    if isinstance(scenarios, dict):
        options["scenarios"] = {
            name: read_table(client, plan, "[fleets] scenarios")
            if named_table(client, plan)
            else plan
            for name, plan in scenarios.items()
        }
    return options


def _key(
    client: ClientFile, model: PymcModel, table: FleetTable, changes: Mapping[str, Any]
) -> str:
    """Digest of all that decides a fleet."""
    options = table.options()
    scenarios = options.get("scenarios")
    plans = scenarios.values() if isinstance(scenarios, dict) else ()
    files = [path for plan in plans if (path := named_table(client, plan))]
    subject = subject_of(client, model, **changes)
    return digest_of(
        {
            "kind": table.kind,
            "options": options,
            "files": [file_digest(path) for path in files if path.is_file()],
            # Results say whose they are, and what exposure cost.
            "client": asdict(Client.of(subject.config)),
            "fit": key_of(subject),
        }
    )
