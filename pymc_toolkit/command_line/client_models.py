"""A client's model from its file, and what decides its fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.data_files import read_table
from pymc_toolkit.command_line.outcome import plain
from pymc_toolkit.command_line.tables import ChannelDagTable, ExperimentTable
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import ClientFileError
from pymc_toolkit.fleets.job import Subject, fit_key
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.uplift_windows import read_uplift_tests

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
    for kind, tests in _experiments(client).items():
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


def settings_of(client: ClientFile) -> dict[str, Any]:
    """What a client's file says of the model: all that a refresh leaves as it was.

    Data, costs, names and sampling are no part of it.

    Parameters
    ----------
    client : ClientFile

    Returns
    -------
    dict
        Plain values, by the keys of the file.
    """
    roles, options = client.tables.client, client.tables.model
    return plain(
        {
            "channels": roles.channels,
            "controls": roles.controls,
            "geo_column": roles.geo_column,
            **options.model_dump(),
            "priors": options.priors.model_dump(exclude_unset=True),
            "experiments": {
                kind: [asdict(test) for test in tests]
                for kind, tests in _experiments(client).items()
            },
        }
    )


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


def _experiments(client: ClientFile) -> dict[str, list[UpliftTest]]:
    """The file's tests, by the way in which the model is told of them."""
    by_kind: dict[str, list[UpliftTest]] = {}
    for number, experiment in enumerate(client.tables.experiments, start=1):
        by_kind.setdefault(experiment.kind, []).extend(_tests(client, experiment, number))
    return by_kind


def _tests(client: ClientFile, experiment: ExperimentTable, number: int) -> Iterable[UpliftTest]:
    if experiment.file is None:
        return [UpliftTest(**experiment.model_dump(exclude={"kind", "file"}))]
    return read_uplift_tests(read_table(client, experiment.file, f"[experiments #{number}] file"))
