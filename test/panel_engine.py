"""A small engine for panels, and a client with regions, to test what lies behind an engine.

Each region has a ridge regression of its own; draws are refits to data with some noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.linear_model import Ridge

from pymc_toolkit import engines
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, GEO, SAMPLE
from pymc_toolkit.pymc_model import PymcModel

NAME = "ridge by region"
CHANNELS, CONTROLS = ["tv", "search"], ["price"]
REGIONS = ["east", "north", "south", "west"]
# Members of the ensemble, and observations around each of them.
MEMBERS, AROUND = 5, 8
# Parameters of a region, and their dims beside it.
_OWN_DIMS: dict[str, tuple[str, ...]] = {
    "intercept": (),
    "beta": (CHANNEL,),
    "gamma": (CONTROL,),
    "season": ("wave",),
    "y_sigma": (),
}


class RidgeByRegion:
    """A linear model by region; see :class:`pymc_toolkit.engines.base.Engine`."""

    name = NAME
    packages = ("scikit-learn", "numpy")
    named_priors = False

    def advise(self, data: ModelData, spec: ModelSpec) -> None:
        """Nothing to warn of."""

    def recipe(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """Nothing that is not in the specification."""
        return {}

    def plan(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> dict[str, Any]:
        """One regression a region."""
        return {"regressions": 1}

    def describe(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> str:
        """The same in words."""
        return "a ridge regression by region"

    def check(self, data: ModelData, spec: ModelSpec) -> None:
        """Everything can be fitted."""

    def fit(
        self,
        data: ModelData,
        spec: ModelSpec,
        sampling: Sampling,
        progressbar: bool = True,
        cores: int | None = None,
    ) -> Fit:
        """Fit every member of the ensemble to every region."""
        rng = np.random.default_rng(sampling.random_seed)
        media, controls, target = (data.scaled(role) for role in ("media", "controls", "target"))
        drawn: dict[str, list[list[Any]]] = {name: [] for name in _OWN_DIMS}
        for _ in range(MEMBERS):
            member: dict[str, list[Any]] = {name: [] for name in drawn}
            for region in target[GEO].values:
                y = target.sel(geo=region).values
                parts = (media.sel(geo=region), controls.sel(geo=region), _year(data))
                x = np.hstack([part.values for part in parts])
                noisy = y + 0.02 * rng.standard_normal(y.shape)
                ridge = Ridge(0.01).fit(x, noisy)
                member["intercept"].append(ridge.intercept_)
                sizes = [part.shape[1] for part in parts[:2]]
                slopes = np.split(ridge.coef_, np.cumsum(sizes))
                for name, slope in zip(("beta", "gamma", "season"), slopes, strict=True):
                    member[name].append(slope)
                member["y_sigma"].append((y - ridge.predict(x)).std() + 0.01)
            for name, values in member.items():
                drawn[name].append(values)
        posterior = self._named({name: np.array([v]) for name, v in drawn.items()}, data)
        stats = {name: (SAMPLE, np.zeros((1, MEMBERS), int)) for name in ("diverging", "depth")}
        arrays = data.to_arrays()
        groups = {
            "posterior": posterior,
            "sample_stats": xr.Dataset(stats),
            "observed_data": arrays[["target"]].rename(target="y"),
            "constant_data": arrays.drop_vars("target"),
        }
        return Fit(self.name, spec, sampling, data, xr.DataTree.from_dict(groups))

    def decompose(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Baseline, media, controls and year of each region, dims in an order of its own."""
        parameters = fit.posterior
        flat = xr.ones_like(data.dataset["target"], dtype=float)
        return xr.Dataset(
            {
                "baseline": (flat * parameters["intercept"]).transpose(*SAMPLE, DATE, GEO),
                "channels": data.scaled("media") * parameters["beta"],
                "controls": data.scaled("controls") * parameters["gamma"],
                "seasonality": (_year(data) * parameters["season"]).sum("wave"),
            }
        )

    def channels_interact(self, fit: Fit) -> bool:
        """Each channel has a slope of its own."""
        return False

    def observe(self, fit: Fit, expected: xr.DataArray, seed: int) -> xr.DataArray:
        """Several observations around each member of the ensemble."""
        many = xr.concat([expected] * AROUND, dim="draw")
        many = many.assign_coords(draw=range(many.sizes["draw"]))
        sigma = xr.concat([fit.posterior["y_sigma"]] * AROUND, dim="draw")
        sigma = sigma.assign_coords(draw=many["draw"])
        noise = np.random.default_rng(seed).standard_normal(many.shape)
        return many + sigma * many.copy(data=noise)

    def response(self, fit: Fit, exposure: xr.DataArray) -> xr.DataArray:
        """The more the merrier."""
        return fit.posterior["beta"] * exposure

    def credit_upstream(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """A tenth of what search brought goes to television."""
        channels = self.decompose(fit, data)["channels"]
        part = 0.1 * channels.sel(channel="search", drop=True)
        sign = xr.DataArray([1.0, -1.0], coords={CHANNEL: CHANNELS})
        moved = part.sum(DATE) * xr.DataArray(
            [[0.0, 1.0], [0.0, 0.0]], coords={CHANNEL: CHANNELS, "effect": CHANNELS}
        )
        return xr.Dataset({"channels": channels + sign * part, "moved": moved})

    def uplift_effects(self, fit: Fit, tests: Sequence[Any]) -> list[Any]:
        """There are no tests."""
        return [None for _ in tests]

    def unit(self, fit: Fit, variable: str) -> dict[str, float] | None:
        """Levels are in units of the target, slopes by unit of what they multiply."""
        powers = {"beta": {"target": 1, "media": -1}, "gamma": {"target": 1, "controls": -1}}
        return powers.get(variable, {"target": 1})

    def priors(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """There are none."""
        return {}

    def prior_draws(self, data: ModelData, spec: ModelSpec, draws: int, seed: int) -> xr.Dataset:
        """Parameters of which some will be near those that are fitted."""
        rng = np.random.default_rng(seed)
        sizes = {**data.dataset.sizes, "wave": 2}
        between = {"intercept": (0.3, 0.5), "beta": (0.1, 0.4), "y_sigma": (0.02, 0.04)}
        drawn = {}
        for name, dims in _OWN_DIMS.items():
            shape = (1, draws, sizes[GEO], *(sizes[dim] for dim in dims))
            drawn[name] = rng.uniform(*between.get(name, (-0.1, 0.1)), shape)
        return self._named(drawn, data)

    def _named(self, values: dict[str, Any], data: ModelData) -> xr.Dataset:
        return xr.Dataset(
            {name: ((*SAMPLE, GEO, *_OWN_DIMS[name]), drawn) for name, drawn in values.items()},
            coords={
                "chain": [0],
                "draw": range(values["intercept"].shape[1]),
                **{dim: data.dataset[dim].values for dim in (GEO, CHANNEL, CONTROL)},
            },
        )


def _year(data: ModelData) -> xr.DataArray:
    """Sine and cosine of the day of the year, the same in all regions."""
    angle = 2 * np.pi * data.dates.day_of_year.to_numpy() / 365.25
    waves = np.column_stack([np.sin(angle), np.cos(angle)])
    return xr.DataArray(waves, dims=(DATE, "wave"), coords={DATE: data.dataset[DATE]})


def panel_table(
    n_periods: int = 120, seed: int = 0, regions: Sequence[str] = REGIONS
) -> pd.DataFrame:
    """Regions of very different sizes, whose sales follow media, price and the year."""
    rng = np.random.default_rng(seed)
    weeks = pd.date_range("2022-01-03", periods=n_periods, freq="W-MON")
    year = np.sin(2 * np.pi * np.arange(n_periods) / 52)
    parts = []
    for number, region in enumerate(regions):
        size = 10.0 ** (2 + number % 3) * (1 + number)
        tv = size * rng.gamma(2.0, 0.5, n_periods) * (rng.random(n_periods) > 0.3)
        search = size * rng.gamma(4.0, 0.1, n_periods)
        price = 10 + rng.standard_normal(n_periods).cumsum() / 10
        sales = 5 * size + 0.8 * tv + 2 * search + size * (year - 0.1 * (price - 10))
        sales = sales * (1 + 0.03 * rng.standard_normal(n_periods))
        columns = {"week": weeks, "region": region, "sales": sales.clip(0)}
        parts.append(pd.DataFrame({**columns, "tv": tv, "search": search, "price": price}))
    table = pd.concat(parts).sort_values(["week", "region"], ignore_index=True)
    return table


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine be asked for by its name."""
    monkeypatch.setitem(engines._ENGINES, NAME, (__name__, RidgeByRegion.__name__))


def panel_model(table: pd.DataFrame | None = None, **options: Any) -> PymcModel:
    """A model of a client with regions, not fitted."""
    table = panel_table() if table is None else table
    given = {"geo_column": "region", "engine": NAME, "random_seed": 3, **options}
    return PymcModel(table, "sales", "week", CHANNELS, CONTROLS, **given)
