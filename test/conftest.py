"""Fits that are shared between tests: each distinct graph costs a compilation."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
import small_fleet
import xarray as xr
from fits import FakeSampler
from hypothesis import settings

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.engines.convergence import Convergence, convergence
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.names import DATE
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_graphs import simulate_driven_client

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TRAINED_ON = 52

# Where tests are spread over workers, a file is run by one of them, so that what it makes for all
# of its tests is made once; so is what needs the shared fits, whichever file it is in.
_SHARED_FITS = {"fitted", "fitted_otherwise"}
# What takes longest comes first, so that no worker waits long for another at the end.
_LONGEST = (
    "shared fits",
    *("test_reports_browser.py", "test_discoveries.py", "test_command_line_docs.py"),
    *("test_sampling.py", "test_compiled.py", "test_readme.py", "test_deep_trainer.py"),
    *("test_deep_engine.py", "test_budget.py", "test_graph.py", "test_engine.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    groups = {}
    for item in items:
        shared = _SHARED_FITS.intersection(getattr(item, "fixturenames", ()))
        groups[item] = "shared fits" if shared else item.path.name
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    place = {group: number for number, group in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(groups[item], len(place)))


@dataclass(frozen=True)
class Fitted:
    """A model that was really sampled, on the first weeks of a simulated client."""

    model: PymcModel
    table: pd.DataFrame
    channels: list[str]
    log: list[tuple[str, str]]

    @property
    def training(self) -> pd.DataFrame:
        return self.table.head(TRAINED_ON)

    @property
    def future(self) -> pd.DataFrame:
        return self.table.iloc[TRAINED_ON:].drop(columns="revenue")


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.getMessage()))


@contextmanager
def _log_of_the_package() -> Iterator[list[tuple[str, str]]]:
    handler, logger = _Records(), logging.getLogger("pymc_toolkit")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _sampled(seed: int, sampling: dict[str, int], **options: Any) -> Fitted:
    client = simulate_client(n_periods=60, n_channels=3, seed=1)
    with _log_of_the_package() as log, warnings.catch_warnings():
        # Far too few draws to converge; what is tested does not depend on it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = PymcModel(
            client_data=client.data.head(TRAINED_ON),
            target_name="revenue",
            date_column="date_week",
            channel_names=client.channel_names,
            random_seed=seed,
            **options,
        ).fit(**sampling, progressbar=False)
    return Fitted(model, client.data, client.channel_names, log)


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    """The model of the user guide in small. Do not refit it: it is shared."""
    return _sampled(
        1,
        {"draws": 200, "tune": 300, "chains": 2},
        control_names=["events"],
        lag_max=4,
        scale_data=True,
        saturation="michaelis_menten",
        time_varying_media=True,
    )


@pytest.fixture(scope="session")
def fitted_otherwise() -> Fitted:
    """A model of all the parts that the guide's has not. Do not refit it: it is shared."""
    from pymc_extras.prior import Prior

    likelihood = Prior(
        "StudentT", sigma=Prior("HalfNormal", sigma=1), nu=Prior("Gamma", alpha=10, beta=1)
    )
    return _sampled(
        2,
        {"draws": 50, "tune": 150, "chains": 2},
        adstock="delayed",
        saturation="hill",
        time_varying_intercept=True,
        yearly_seasonality=2,
        trend=3,
        model_priors={"likelihood": likelihood},
    )


@pytest.fixture(scope="session")
def driven() -> PymcModel:
    """A model with a channel graph, of a client whose TV makes people search. Do not refit it."""
    client = simulate_driven_client(n_periods=104, seed=3)
    model = PymcModel(
        client.data,
        client.target_name,
        client.date_column,
        client.channel_names,
        client.control_names,
        dag_mode="notears",
        random_seed=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(draws=200, tune=300, chains=2, progressbar=False)


@pytest.fixture(scope="session")
def one_worker(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> RecoveryFleet:
    """A small fleet, member after member: what other ways to run it must equal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return small_fleet.recover(fitted.model, tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def fake_sampler(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeSampler]:
    """Replace sampling by made-up draws; returns what remembers the calls."""

    def install(**options: Any) -> FakeSampler:
        sampler = FakeSampler(**options)
        monkeypatch.setattr(
            BayesianEngine, "fit", lambda _self, *args, **kwargs: sampler(*args, **kwargs)
        )
        return sampler

    return install


@pytest.fixture
def convergence_is_not_the_point() -> Iterator[None]:
    """For tests whose draws are made up or too few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture
def convergence_is_quick(
    convergence_is_not_the_point: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For tests of many fits: what each date has of its own takes longer than all else."""

    def quick(posterior: xr.Dataset, sample_stats: xr.Dataset) -> Convergence:
        return convergence(posterior.drop_dims(DATE, errors="ignore"), sample_stats)

    monkeypatch.setattr("pymc_toolkit.engines.base.convergence", quick)
