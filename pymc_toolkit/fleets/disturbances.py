"""What a stability fleet changes: the periods, the values, the seed, and one channel's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import over_regions
from pymc_toolkit.dates import period_name
from pymc_toolkit.exceptions import ColumnError, DataError, SpecificationError
from pymc_toolkit.fleets.job import Job, Subject
from pymc_toolkit.fleets.windows import checked_holdout
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.names import CHANNEL, DATE, GEO
from pymc_toolkit.plurals import count

REFERENCE, REFRESH, PERTURBATION, SEED, PLACEBO = (
    "reference",
    "refresh",
    "perturbation",
    "seed",
    "placebo",
)
# Name of each threshold -> kind of member it is for, and its default. All are relative changes of
# ROI; the first three are limits from above, the last is one from below.
THRESHOLDS: Mapping[str, float] = {
    "refresh_change": 0.15,
    "perturbation_change": 0.08,
    "seed_change": 0.05,
    "placebo_drop": 0.50,
}


@dataclass(frozen=True)
class StabilityPlan:
    """What a stability fleet does to the data.

    Parameters
    ----------
    refreshes : int
        Fits without the last 1, 2, … up to that many periods.
    perturbations : int
        Fits with noise.
    noise : float
        Standard deviation of the multiplicative noise on media and target.
    seeds : int
        Fits that differ in nothing but the seed.
    placebo_channel : str, optional
        Channel whose series is shuffled; the one with the largest spend by default.
    thresholds : Mapping of str to float
        Some of :data:`THRESHOLDS`, with other values.
    """

    refreshes: int = 4
    perturbations: int = 2
    noise: float = 0.05
    seeds: int = 2
    placebo_channel: str | None = None
    thresholds: Mapping[str, float] | None = None

    def checked(self, subject: Subject) -> StabilityPlan:
        """The plan with all its numbers checked and its defaults filled in.

        Parameters
        ----------
        subject : Subject

        Raises
        ------
        SpecificationError, DataError, ColumnError
            As :func:`pymc_toolkit.fleets.stability.run_stability` says.
        """
        counts = {
            name: whole_number(name, getattr(self, name), lowest=0)
            for name in ("refreshes", "perturbations", "seeds")
        }
        if counts["refreshes"]:
            checked_holdout("refreshes", counts["refreshes"], subject.data, subject.spec)
        return StabilityPlan(
            **counts,
            noise=_checked_noise(self.noise),
            placebo_channel=_checked_channel(self.placebo_channel, subject),
            thresholds=_checked_thresholds(self.thresholds),
        )

    def jobs(self, subject: Subject) -> list[Job]:
        """The reference and every change of it, all on the scales of the reference."""
        data, n_periods = subject.data, subject.data.n_periods
        unit = period_name(data.frequency)
        seeds = iter(subject.seeds(2 * (2 + self.refreshes + self.perturbations + self.seeds)))

        def job(name: str, kind: str, dataset: xr.Dataset) -> Job:
            changed = replace(data, dataset=dataset)
            length = changed.n_periods
            return subject.job(name, changed, length, next(seeds), about={"kind": kind})

        jobs = [job("reference", REFERENCE, data.dataset)]
        for left_out in range(1, self.refreshes + 1):
            name = f"without the last {count(left_out, unit)}"
            window = data.dataset.isel({DATE: slice(None, n_periods - left_out)})
            jobs.append(job(name, REFRESH, window))
        for i in range(self.perturbations):
            rng = np.random.default_rng(next(seeds))
            name = f"noise of {self.noise:.3g}, {i + 1}"
            jobs.append(job(name, PERTURBATION, _perturbed(data.dataset, self.noise, rng)))
        for i in range(self.seeds):
            jobs.append(job(f"seed {i + 1}", SEED, data.dataset))
        rng = np.random.default_rng(next(seeds))
        channel = str(self.placebo_channel)
        placebo = job(f"{channel} shuffled", PLACEBO, _shuffled(data.dataset, channel, rng))
        # Experiments on the channel would still say what it earns.
        others = tuple(t for t in placebo.spec.uplift_tests if t.channel != channel)
        return [*jobs, replace(placebo, spec=replace(placebo.spec, uplift_tests=others))]


def _perturbed(dataset: xr.Dataset, noise: float, rng: np.random.Generator) -> xr.Dataset:
    """Media and target, each value times one plus noise; no spend turns negative."""
    changed = {}
    for name in ("target", "media"):
        factor = 1 + noise * rng.standard_normal(dataset[name].shape)
        changed[name] = dataset[name] * (np.maximum(factor, 0) if name == "media" else factor)
    return dataset.assign(changed)


def _shuffled(dataset: xr.Dataset, channel: str, rng: np.random.Generator) -> xr.Dataset:
    """One channel's series in another order, the same in all regions."""
    media = dataset["media"].copy(deep=True)
    media.loc[{CHANNEL: channel}] = rng.permutation(media.sel({CHANNEL: channel}).values)
    return dataset.assign(media=media)


def _checked_noise(noise: Any) -> float:
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 < noise < 1:
        raise SpecificationError(
            f"Got noise={noise!r}; expected a number between 0 and 1, such as 0.05."
        )
    return float(noise)


def _checked_thresholds(thresholds: Any) -> dict[str, float]:
    """The defaults with the user's own in their place."""
    given = {} if thresholds is None else thresholds
    if not isinstance(given, Mapping):
        raise SpecificationError(
            f"Got thresholds={thresholds!r}; expected a mapping, such as {{'refresh_change': 0.1}}."
        )
    for name, value in given.items():
        if name not in THRESHOLDS:
            raise SpecificationError(
                f"Got threshold {name!r}; expected some of {', '.join(map(repr, THRESHOLDS))}."
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
            raise SpecificationError(
                f"Got threshold {name}={value!r}; expected a number above 0, such as "
                f"{THRESHOLDS[name]}."
            )
    return {**THRESHOLDS, **{name: float(value) for name, value in given.items()}}


def _checked_channel(channel: Any, subject: Subject) -> str:
    """The channel to shuffle: the one asked for, or the one with the largest spend."""
    data = subject.data
    if channel is not None and channel not in data.channels:
        raise ColumnError(
            f"Got placebo_channel={channel!r}; expected one of "
            f"{', '.join(map(repr, data.channels))}."
        )
    media = data.dataset["media"]
    constant = media.max(DATE) == media.min(DATE)
    if data.is_panel:
        constant = constant.all(GEO)
    if channel is not None:
        if bool(constant.sel({CHANNEL: channel})):
            raise DataError(
                f"Got placebo_channel={channel!r}, which never varies: shuffled it is the same. "
                "Choose another."
            )
        return str(channel)
    costs = [subject.config.cost_per_unit.get(name, 1.0) for name in data.channels]
    spend = over_regions(media.sum(DATE)) * np.array(
        [0.0 if cost is None else cost for cost in costs]
    )
    spend = spend.where(~constant, -1.0)
    if bool((spend < 0).all()):
        raise DataError("Got no channel that varies; expected one whose series can be shuffled.")
    return str(spend.idxmax(CHANNEL).item())
