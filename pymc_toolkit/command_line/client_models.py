"""A client's model from its file, and its fit: the one on disk, or a fresh one."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.data_files import read_table
from pymc_toolkit.command_line.kept import is_kept, keep
from pymc_toolkit.command_line.tables import ChannelDagTable, ExperimentTable
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import ClientFileError
from pymc_toolkit.fleets.job import Subject, fit_key
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.uplift_windows import read_uplift_tests

logger = logging.getLogger(__name__)

# Arguments of the model that go by another name in a file.
_CLIENT_ARGUMENTS = {
    "name": "client_name",
    "target": "target_name",
    "date_column": "date_column",
    "channels": "channel_names",
    "controls": "control_names",
    "geo_column": "geo_column",
    "target_is_money": "target_is_money",
}


def build_model(client: ClientFile) -> PymcModel:
    """The model of a client's file, not fitted.

    Parameters
    ----------
    client : ClientFile

    Returns
    -------
    PymcModel

    Raises
    ------
    ClientFileError
        If a file that it names cannot be read, or a channel's cost is given twice.
    DataError, ColumnError, SpecificationError, PriorError, UpliftTestError
        As :class:`pymc_toolkit.PymcModel` and its ``add_uplift_tests`` raise them.
    """
    arguments = model_arguments(client)
    table = read_table(client, client.tables.client.data, "[client] data")
    model = PymcModel(table, **arguments)
    by_kind: dict[str, list[UpliftTest]] = {}
    for number, experiment in enumerate(client.tables.experiments, start=1):
        by_kind.setdefault(experiment.kind, []).extend(_tests(client, experiment, number))
    for kind, tests in by_kind.items():
        model.add_uplift_tests(tests, kind=kind)
    return model


def model_arguments(client: ClientFile) -> dict[str, Any]:
    """Arguments of the model that a client's file stands for, its data apart.

    Parameters
    ----------
    client : ClientFile

    Returns
    -------
    dict
    """
    roles, options = client.tables.client, client.tables.model
    both = sorted(set(roles.cost_per_unit) & set(roles.not_bought))
    if both:
        raise ClientFileError(
            f"{client.path}, [client]: Got {both[0]!r} in cost_per_unit and in not_bought; "
            "expected it in one of them. Take it out of the other."
        )
    given = options.model_dump(exclude={"priors", "channel_dag"})
    dag = options.channel_dag
    return {
        **{argument: getattr(roles, name) for name, argument in _CLIENT_ARGUMENTS.items()},
        "cost_per_unit": {**roles.cost_per_unit, **dict.fromkeys(roles.not_bought)},
        **given,
        "channel_dag": ChannelDag(**dag.model_dump()) if isinstance(dag, ChannelDagTable) else dag,
        # What is left out stays as each prior has it.
        "model_priors": options.priors.model_dump(exclude_unset=True),
        "random_seed": client.tables.sampling.random_seed,
    }


def subject_of(client: ClientFile, model: PymcModel, **changes: Any) -> Subject:
    """What decides a fit or a fleet: the model, and how its file says that it is sampled.

    Parameters
    ----------
    client : ClientFile
    model : PymcModel
    **changes
        Sampling settings that differ from the file's.
    """
    return model.fleet_subject(**{**client.tables.sampling.model_dump(), **changes})


def key_of(subject: Subject) -> str:
    """Digest of all that decides the fit of a subject, versions included.

    Parameters
    ----------
    subject : Subject
    """
    return fit_key(subject.engine, subject.spec, subject.sampling, subject.data)


def fitted_model(client: ClientFile, model: PymcModel, progressbar: bool) -> tuple[PymcModel, bool]:
    """The model with its fit: that on disk if nothing that decides it has changed, or a fresh one.

    Parameters
    ----------
    client : ClientFile
    model : PymcModel
        Not fitted.
    progressbar : bool

    Returns
    -------
    PymcModel
        Its file is ``client.output(".nc")``.
    bool
        Whether the fit was there.
    """
    path, key = client.output(".nc"), key_of(subject_of(client, model))
    if not is_kept(path, key):
        logger.info("%s: fitting the model.", client.name)
        model.fit(**client.tables.sampling.model_dump(), progressbar=progressbar)
        model.save(path)
        keep(path, key)
        return model, False
    logger.info("%s: took the fit from %s.", client.name, path)
    known = PymcModel.load(path)
    if known.config.to_dict() != model.config.to_dict():
        # Costs and names decide no fit, and may be others since.
        known.config = model.config
        known.save(path)
        keep(path, key)
    return known, True


def _tests(client: ClientFile, experiment: ExperimentTable, number: int) -> Iterable[UpliftTest]:
    if experiment.file is None:
        return [UpliftTest(**experiment.model_dump(exclude={"kind", "file"}))]
    return read_uplift_tests(read_table(client, experiment.file, f"[experiments #{number}] file"))
