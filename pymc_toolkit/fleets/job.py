"""What a fleet does: frozen jobs, each a fit of one model on one window, checked before any run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import xarray as xr

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling, digest_of
from pymc_toolkit.uplift_windows import seen_tests
from pymc_toolkit.version import __version__


@dataclass(frozen=True)
class Subject:
    """What a fleet tests: a client, and how it is modelled.

    Parameters
    ----------
    config : ClientConfig
    engine : str
    spec : ModelSpec
    sampling : Sampling
        Its seed is that of the whole fleet.
    fit : Fit, optional
        Of the model on all periods, where it has been fitted.
    """

    config: ClientConfig
    engine: str
    spec: ModelSpec
    sampling: Sampling
    fit: Fit | None = None

    @property
    def data(self) -> ModelData:
        """All periods of the client."""
        return self.config.model_data

    def seeds(self, count: int) -> list[int]:
        """Independent seeds, the same whatever runs where; more of them leave the first as is."""
        children = np.random.SeedSequence(self.sampling.random_seed).spawn(count)
        return [int(child.generate_state(1)[0]) for child in children]

    def job(self, name: str, data: ModelData, trained_on: int, seed: int, **more: Any) -> Job:
        """One fit of this model, with what is known that its training window has seen.

        Parameters
        ----------
        name : str
        data : ModelData
        trained_on : int
        seed : int
        **more
            ``about`` or ``truth`` of the job.
        """
        training = data.window(None, trained_on)
        tests = seen_tests(self.spec.uplift_tests, training)
        # Of a channel that was not on air yet there is nothing to learn from.
        dag = self.spec.channel_dag and self.spec.channel_dag.without(training.dark_channels)
        return Job(
            name=name,
            client=Client.of(self.config),
            data=data,
            trained_on=trained_on,
            engine=self.engine,
            spec=replace(self.spec, uplift_tests=tests, channel_dag=dag),
            sampling=replace(self.sampling, random_seed=seed),
            **more,
        )


class HasSubject(Protocol):
    """A model that a fleet can test."""

    def fleet_subject(self, **sampling: Any) -> Subject:
        """What a fleet tests, with some sampling settings changed."""


@dataclass(frozen=True)
class Client:
    """What results say of a client.

    Parameters
    ----------
    name, target_name : str
    cost_per_unit : Mapping of str to float or None
    target_is_money : bool
        As given to the client's configuration.
    """

    name: str
    target_name: str
    cost_per_unit: Mapping[str, float | None]
    target_is_money: bool

    @classmethod
    def of(cls, config: ClientConfig) -> Client:
        """The client of a configuration."""
        return cls(
            config.client_name, config.target_name, config.cost_per_unit, config.target_is_money
        )


@dataclass(frozen=True, eq=False)
class Job:
    """One fit of one model on one window.

    Parameters
    ----------
    name : str
        Unique in its fleet.
    client : Client
    data : ModelData
        The training window, followed by the periods that the fit then predicts.
    trained_on : int
        Number of periods, from the first, that the model is trained on.
    engine : str
    spec : ModelSpec
    sampling : Sampling
    about : Mapping of str to Any
        What the fleet wants to know again of this job, as plain values.
    truth : xarray.Dataset, optional
        What made the data, where they were simulated.
    """

    name: str
    client: Client
    data: ModelData
    trained_on: int
    engine: str
    spec: ModelSpec
    sampling: Sampling
    about: Mapping[str, Any] = field(default_factory=dict)
    truth: xr.Dataset | None = None

    @property
    def training(self) -> ModelData:
        """The window that the model is trained on."""
        return self.data.window(None, self.trained_on)

    @property
    def held_out(self) -> int:
        """Number of periods after training."""
        return self.data.n_periods - self.trained_on

    @cached_property
    def key(self) -> str:
        """What decides the fit; jobs that differ only in what they predict share it."""
        return fit_key(self.engine, self.spec, self.sampling, self.training)


def fit_key(engine: str, spec: ModelSpec, sampling: Sampling, training: ModelData) -> str:
    """SHA-256 of all that decides a fit, versions of the packages that make it included.

    Parameters
    ----------
    engine : str
    spec : ModelSpec
    sampling : Sampling
    training : ModelData
    """
    packages = get_engine(engine).packages
    return digest_of(
        {
            "engine": engine,
            "spec": spec.digest(),
            "sampling": asdict(sampling),
            "training": training.digest(),
            "versions": {"pymc_toolkit": __version__, **{p: version(p) for p in packages}},
        }
    )


def check_jobs(jobs: Sequence[Job]) -> None:
    """Refuse a plan before any of it runs.

    Parameters
    ----------
    jobs : sequence of Job

    Raises
    ------
    SpecificationError
        If there is nothing to do, if two jobs have one name, or if the engine cannot fit a job.
    DataError
        If a training window is too short.
    """
    if not jobs:
        raise SpecificationError("Got a fleet without members; expected at least one fit.")
    check_distinct("members", [job.name for job in jobs])
    for job in jobs:
        get_engine(job.engine).check(job.training, job.spec)


def check_distinct(called: str, names: Sequence[object]) -> None:
    """Refuse names that occur twice.

    Parameters
    ----------
    called : str
        What the names are of, for the error.
    names : sequence

    Raises
    ------
    SpecificationError
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SpecificationError(
            f"Got {called} with {', '.join(map(repr, twice))} more than once; expected each to be "
            "different. Name each one once."
        )
