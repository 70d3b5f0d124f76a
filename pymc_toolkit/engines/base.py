"""What every engine offers, and the one container that every engine returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.engines.convergence import Convergence, convergence
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, CONTROL, FITTED

# Powers of the scales of target, media and controls that lead from the scaled model to original
# units: {"target": 1, "controls": -1} is target units per unit of control, {} a pure number.
Unit = Mapping[str, float]


@dataclass(frozen=True)
class Fit:
    """A fitted model: what was asked, on which data, and what came out.

    Parameters
    ----------
    engine : str
        Name of the engine that made it.
    spec : ModelSpec
    sampling : Sampling
    training : ModelData
        The window that was fitted.
    idata : xarray.DataTree
        Groups ``posterior`` (parameters on the scaled data), ``sample_stats``,
        ``posterior_predictive`` and ``observed_data`` (the target in original units) and
        ``constant_data`` (media, controls and scales). A point estimate is a posterior with one
        draw.
    """

    engine: str
    spec: ModelSpec
    sampling: Sampling
    training: ModelData
    idata: xr.DataTree

    @property
    def posterior(self) -> xr.Dataset:
        """Parameters on the scaled data, with dims chain and draw."""
        return self.idata["posterior"].to_dataset()

    @property
    def sample_stats(self) -> xr.Dataset:
        """What the sampler reported of each draw."""
        return self.idata["sample_stats"].to_dataset()

    @cached_property
    def convergence(self) -> Convergence:
        """R-hat, effective sample sizes and divergences; once computed they travel with the fit."""
        return convergence(self.posterior, self.sample_stats)


class Engine(Protocol):
    """A way to fit a model and to say what follows from the fit."""

    name: str
    # Packages whose version may change what the same fit gives.
    packages: tuple[str, ...]
    # Whether a user may replace priors by name.
    named_priors: bool

    def check(self, data: ModelData, spec: ModelSpec) -> None:
        """Refuse, before anything is sampled, what this engine cannot fit."""

    def advise(self, data: ModelData, spec: ModelSpec) -> None:
        """Warn of what can be fitted, but hardly to any use."""

    def recipe(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """What decides a fit beside data, specification and sampling, as plain values."""

    def plan(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> dict[str, Any]:
        """How much work a fit is, in the engine's own terms, for reports."""

    def describe(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> str:
        """The same as a part of a sentence, for logs."""

    def fit(
        self,
        data: ModelData,
        spec: ModelSpec,
        sampling: Sampling,
        progressbar: bool = True,
        cores: int | None = None,
    ) -> Fit:
        """Fit the model on all periods of the data.

        Parameters
        ----------
        data : ModelData
        spec : ModelSpec
        sampling : Sampling
        progressbar : bool
        cores : int, optional
            Cores to use at the same time, all by default; the result does not depend on it.
        """

    def decompose(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Split the expected target into components, on the scaled data.

        Parameters
        ----------
        fit : Fit
        data : ModelData
            The training window, optionally followed by later periods.

        Returns
        -------
        xarray.Dataset
            The variables of :data:`pymc_toolkit.names.COMPONENTS` that the model has, with dims
            chain, draw, date (and geo) and their own.
        """

    def credit_upstream(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Contributions of a model with a channel graph, credited to the channel that began them.

        Parameters
        ----------
        fit : Fit
        data : ModelData
            As for :meth:`decompose`.

        Returns
        -------
        xarray.Dataset
            On the scaled data: ``channels`` (chain, draw, date, channel), with the same sum over
            channels as those of :meth:`decompose`; and ``moved`` (chain, draw, channel, effect),
            what the first channel is credited with of what the second brought. Both with dim geo
            where there are regions.
        """

    def channels_interact(self, fit: Fit) -> bool:
        """Whether spend on one channel can change what another brings."""

    def observe(self, fit: Fit, expected: xr.DataArray, seed: int) -> xr.DataArray:
        """Draw observations around the expected target, both on the scaled data.

        There may be more draws of observations than of the expected target.
        """

    def response(self, fit: Fit, exposure: xr.DataArray) -> xr.DataArray:
        """Response of each channel to an exposure held for long, at average effectiveness.

        Parameters
        ----------
        fit : Fit
        exposure : xarray.DataArray
            Scaled, non-negative, with dim channel; with dim geo too where there are regions, and
            so is the response.
        """

    def uplift_effects(self, fit: Fit, tests: Sequence[UpliftTest]) -> list[Array]:
        """What each draw says that each test measured, on the scaled data.

        Parameters
        ----------
        fit : Fit
        tests : sequence of UpliftTest
            Of the training window; the fit need not have seen them.

        Returns
        -------
        list of ndarray of shape (chain, draw, row)
            By test: one value in total, or one a period where the test gives one a period.
        """

    def prior_of_tests(
        self, data: ModelData, spec: ModelSpec, tests: Sequence[UpliftTest], seed: int
    ) -> Mapping[str, Any]:
        """Priors, in plain form and by name, that say what tests measured.

        Parameters
        ----------
        data : ModelData
        spec : ModelSpec
        tests : sequence of UpliftTest
        seed : int

        Raises
        ------
        UpliftTestError
            If the model has no prior that could say so.
        """

    def unit(self, fit: Fit, variable: str) -> Unit | None:
        """Unit of a posterior variable, None where no single factor leads to original units."""

    def priors(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """Priors of the model by name, in the form that its users know."""

    def prior_draws(self, data: ModelData, spec: ModelSpec, draws: int, seed: int) -> xr.Dataset:
        """Draws of every parameter before the data, named and scaled as the posterior.

        Parameters
        ----------
        data : ModelData
        spec : ModelSpec
        draws : int
        seed : int

        Returns
        -------
        xarray.Dataset
            With dims chain (one), draw and the parameters' own.
        """


def sum_components(components: xr.Dataset) -> xr.DataArray:
    """Add components up to the expected target, region by region where there are regions.

    Parameters
    ----------
    components : xarray.Dataset
        As :meth:`Engine.decompose` returns it.

    Returns
    -------
    xarray.DataArray
        With dims chain, draw and date (and geo).
    """
    total = xr.zeros_like(components["baseline"])
    for part in components.data_vars.values():
        total = total + part.sum([dim for dim in part.dims if dim in (CHANNEL, CONTROL)])
    return total.rename(FITTED)
