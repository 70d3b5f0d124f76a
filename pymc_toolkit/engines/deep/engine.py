"""The deep engine: an ensemble of networks, each trained on the client's data in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.dates import check_seasonality
from pymc_toolkit.engines.base import Fit, Unit
from pymc_toolkit.engines.deep.beliefs import draw
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.ensemble import Outputs
from pymc_toolkit.engines.deep.layers import hill_curve
from pymc_toolkit.engines.deep.members import Trained, started, train_members
from pymc_toolkit.engines.deep.noise import as_variables, leftovers, observed
from pymc_toolkit.engines.deep.options import DeepOptions
from pymc_toolkit.engines.deep.progress import progress_bar
from pymc_toolkit.engines.deep.series import Levels, components_of, panel_of
from pymc_toolkit.engines.deep.states import new_network, read, restored, run
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, GEO, NETWORK_WEIGHTS, SAMPLE
from pymc_toolkit.priors import component_parameters
from pymc_toolkit.validation import check_length

_SATURATIONS = ("michaelis_menten", "hill")
# Standard deviation of errors before the data, relative to the level: middle, spread of its log.
_SIGMA_MIDDLE, _SIGMA_SPREAD = 0.08, 0.5


class DeepEngine:
    """Fits with torch; see :class:`pymc_toolkit.engines.base.Engine` for what each method gives.

    Carry-over is geometric and saturation a Hill curve, with a slope of one for
    ``michaelis_menten``. Coefficients always move over time.
    """

    name = "deep"
    named_priors = False
    packages = ("torch", "numpy")

    def check(self, data: ModelData, spec: ModelSpec) -> None:
        """Refuse what networks do not have: other curves, priors by name, experiments, graphs."""
        check_length(data.n_periods, spec.lag_max)
        check_seasonality(spec.yearly_seasonality, data.frequency)
        _refuse_others(spec)
        DeepOptions.of(data, spec)
        level = Levels.of(data).target
        if (level <= 0).any():
            raise DataError(
                "Got a target whose mean is zero or less"
                + (f" in {int((level <= 0).sum())} regions" if data.is_panel else "")
                + "; expected a positive one, which the networks take as their unit. Leave such "
                "regions out, or turn its sign."
            )

    def advise(self, data: ModelData, spec: ModelSpec) -> None:
        """Nothing: networks have no priors that a scale could make hopeless."""

    def recipe(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """Settings of the networks and of the ensemble."""
        return {"settings": DeepOptions.of(data, spec).to_dict()}

    def plan(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> dict[str, Any]:
        """Members and epochs."""
        options = DeepOptions.of(data, spec)
        return {"members": options.members, "epochs": options.settings.n_epochs}

    def describe(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> str:
        """Networks and epochs."""
        plan = self.plan(data, spec, sampling)
        return f"an ensemble of {plan['members']} networks and up to {plan['epochs']} epochs"

    def fit(
        self,
        data: ModelData,
        spec: ModelSpec,
        sampling: Sampling,
        progressbar: bool = True,
        cores: int | None = None,
    ) -> Fit:
        """Train the ensemble; of ``sampling`` only the seed is read."""
        self.check(data, spec)
        options = DeepOptions.of(data, spec)
        levels = Levels.of(data)
        panel = panel_of(data, levels, options.settings, data.n_periods)
        with progress_bar(options.settings, progressbar) as progress, _cores(cores):
            trained, *free = [
                train_members(
                    partial(new_network, data, chosen.settings),
                    panel,
                    chosen,
                    sampling.random_seed,
                    progress,
                )
                for chosen in (options, options.without_share_prior())
                if chosen
            ]
        posterior = read(trained.networks, data, spec, levels)
        outputs = run(posterior, data, options.settings, panel)
        predicted, baseline = (outputs[n].double().numpy() for n in ("predictions", "baseline"))
        left = leftovers(predicted, baseline, panel, options.settings)
        posterior = posterior.assign(as_variables(left, levels.target, data.is_panel))
        stats = _sample_stats(trained)
        if free:
            # How far the answer moves without the pull is part of the answer.
            without = run(read(free[0].networks, data, spec, levels), data, options.settings, panel)
            size = levels.target * data.scale("target").values.reshape(-1)
            stats = stats.assign(_pull(options.settings, size, outputs, without))
        arrays = data.to_arrays()
        groups = {
            "posterior": posterior,
            "sample_stats": stats,
            "observed_data": arrays[["target"]].rename(target="y"),
            "constant_data": arrays.drop_vars("target"),
        }
        return Fit(self.name, spec, sampling, data, xr.DataTree.from_dict(groups))

    def decompose(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Split what each network expects of the training window, and what follows it."""
        settings, levels = _settings(fit), Levels.of(fit.training)
        panel = panel_of(data, levels, settings, fit.training.n_periods)
        outputs = run(fit.posterior, fit.training, settings, panel)
        return components_of(outputs, data, levels, settings)

    def credit_upstream(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Refused: a network's graph blends channels, and does not say what began what."""
        raise SpecificationError(
            "Got a fit of the deep engine; expected one of the Bayesian engine, whose channel "
            "graph tells what each channel causes. Use engine='bayesian'."
        )

    def channels_interact(self, fit: Fit) -> bool:
        """Always: the recurrent state that moves all coefficients reads every channel."""
        return True

    def observe(self, fit: Fit, expected: xr.DataArray, seed: int) -> xr.DataArray:
        """Add errors, and after training the drift of the level, to what networks expect."""
        level = Levels.of(fit.training).target
        return observed(fit.posterior, expected, fit.training, level, seed)

    def response(self, fit: Fit, exposure: xr.DataArray) -> xr.DataArray:
        """Response to a carried-over exposure at average effectiveness.

        A channel's own part alone: what it does through a graph of channels is left out.
        """
        settings, levels = _settings(fit), Levels.of(fit.training)
        panel = panel_of(fit.training, levels, settings, fit.training.n_periods)
        outputs = run(fit.posterior, fit.training, settings, panel)
        average = outputs["coefficients"].double().mean(2).numpy() * levels.target[:, None]
        dims = (GEO, CHANNEL) if fit.training.is_panel else (CHANNEL,)
        coords = {dim: fit.training.dataset[dim] for dim in dims}
        shape = average.shape if fit.training.is_panel else (len(average), average.shape[-1])
        coefficient = xr.DataArray(
            average.reshape(1, *shape), {**coords, "chain": [0]}, (*SAMPLE, *dims)
        )
        read_by = exposure / xr.DataArray(levels.media.reshape(shape[-len(dims) :]), coords, dims)
        curves = []
        for weights in fit.posterior[NETWORK_WEIGHTS].values[0]:
            learnt = restored(weights, fit.training, settings).get_parameters()
            saturated = hill_curve(
                torch.from_numpy(read_by.transpose(..., CHANNEL).values),
                learnt["hill_half_saturation"].double(),
                learnt["hill_slope"].double(),
            )
            mix = learnt.get("interaction_mix", torch.zeros(saturated.shape[-1])).double()
            curves.append(((1 - mix) * saturated).numpy())
        found = xr.DataArray(
            np.stack(curves)[None],
            {**read_by.coords, "chain": [0]},
            (*SAMPLE, *read_by.transpose(..., CHANNEL).dims),
        )
        return found * coefficient

    def uplift_effects(self, fit: Fit, tests: Sequence[UpliftTest]) -> list[Array]:
        """None: a specification with experiments is refused."""
        return []

    def prior_of_tests(
        self, data: ModelData, spec: ModelSpec, tests: Sequence[UpliftTest], seed: int
    ) -> dict[str, Any]:
        """Refused: networks have no priors by name."""
        raise SpecificationError(
            "Got the deep engine; expected the Bayesian one, whose priors can say what tests "
            "measured. Use engine='bayesian'."
        )

    def unit(self, fit: Fit, variable: str) -> Unit | None:
        """Unit of a posterior variable; relative ones of a panel, and weights, have none."""
        panel = fit.training.is_panel
        if variable in ("y_sigma", "level_drift"):
            return {"target": 1}
        if variable == "intercept":
            return None if panel else {"target": 1}
        if variable == "gamma_control":
            return None if panel else {"target": 1, "controls": -1}
        parameter = component_parameters(fit.spec).get(variable)
        if parameter is None or parameter.unit is None or panel:
            return None
        powers = dict(zip(("target", "media"), parameter.unit, strict=True))
        return {role: power for role, power in powers.items() if power}

    def priors(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """None by name; what is believed before the data is in beliefs.py, and in the options."""
        return {}

    def prior_draws(self, data: ModelData, spec: ModelSpec, draws: int, seed: int) -> xr.Dataset:
        """Networks whose readable parameters are drawn around where training starts."""
        settings, levels = DeepOptions.of(data, spec).settings, Levels.of(data)
        panel = panel_of(data, levels, settings, data.n_periods)
        generator = torch.Generator().manual_seed(seed)
        networks = started(lambda: new_network(data, settings), panel, draws, seed)
        for network in networks:
            draw(network, 1.0, generator)
        rng = np.random.default_rng(seed)
        shape = (draws, len(levels.target))
        sigma = _SIGMA_MIDDLE * np.exp(_SIGMA_SPREAD * rng.standard_normal(shape))
        nothing = np.zeros(shape)
        found = {"y_sigma": sigma, "level_drift": nothing}
        found |= dict.fromkeys(("y_shared_sigma", "level_shared_drift"), nothing[:, 0])
        posterior = read(networks, data, spec, levels)
        return posterior.assign(as_variables(found, levels.target, data.is_panel))


def _settings(fit: Fit) -> Any:
    return DeepOptions.of(fit.training, fit.spec).settings


def _refuse_others(spec: ModelSpec) -> None:
    """Refuse parts of a specification that networks do not have."""
    for name, allowed in (("adstock", ("geometric",)), ("saturation", _SATURATIONS)):
        if getattr(spec, name) not in allowed:
            raise SpecificationError(
                f"Got {name}={getattr(spec, name)!r}; expected "
                f"{' or '.join(map(repr, allowed))}, the deep engine's."
            )
    for name, instead in (
        ("trend", "Use time_varying_intercept=True, whose baseline may go anywhere."),
        ("uplift_tests", "Experiments take engine='bayesian'."),
        ("channel_dag", "Use engine_options={'enable_dag': True, 'dag_mode': 'notears'}."),
        ("prior_overrides", "Its beliefs are set by engine_options."),
    ):
        if getattr(spec, name):
            raise SpecificationError(
                f"Got {name} with engine='deep'; expected none, which the deep engine does not "
                f"have. {instead}"
            )


def _sample_stats(trained: Trained) -> xr.Dataset:
    """What training went through: the groups of :func:`pymc_toolkit.engines.convergence`."""
    history = trained.history
    checked = sorted(history.validation)
    misfits = np.array(history.misfits)[:, trained.first :]
    return xr.Dataset(
        {
            "diverging": (SAMPLE, (misfits[-1] >= misfits[0]).astype(int)[None]),
            "cycles": (SAMPLE, np.array(trained.cycles)[None]),
            "misfit": (("epoch", *SAMPLE), misfits[:, None]),
            "validation_error": ("checked_epoch", [history.validation[e] for e in checked]),
            "best_epoch": history.best_epoch if history.best_epoch > 0 else len(misfits),
        },
        {"chain": [0], "draw": range(misfits.shape[1]), "checked_epoch": checked},
    )


def _pull(
    settings: DeepSettings, size: Array, outputs: Outputs, without: Outputs
) -> dict[str, Any]:
    """The prior on media's share, and each member's share in training with and without it.

    Regions count by ``size``, the mean of their target in original units.
    """

    def shares(given: Outputs) -> Array:
        level = torch.from_numpy(size)[:, None]
        media = (given["contributions"].sum(-1) * level).sum((1, 2))
        found: Array = (media / (given["predictions"] * level).sum((1, 2))).numpy()
        return found

    return {
        "media_share_prior": settings.media_share_prior,
        "media_share_weight": settings.media_share_weight,
        "media_share": (SAMPLE, shares(outputs)[None]),
        "media_share_without_prior": (SAMPLE, shares(without)[None]),
    }


class _cores:  # noqa: N801 - read as a with statement
    """Threads of torch for the time of a block; the process's own number comes back after it."""

    def __init__(self, cores: int | None) -> None:
        self.wanted, self.before = cores, torch.get_num_threads()

    def __enter__(self) -> None:
        if self.wanted:
            torch.set_num_threads(self.wanted)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.before)
