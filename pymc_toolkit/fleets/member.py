"""One member of a fleet: its job, and the fit or the failure that came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pprint import pformat
from typing import Any

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.prediction import predict, prediction_table
from pymc_toolkit.analysis.returns import roi
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.exceptions import MemberFailedError
from pymc_toolkit.fleets.job import Job
from pymc_toolkit.fleets.regions import RegionScores, score_regions
from pymc_toolkit.fleets.scoring import score
from pymc_toolkit.metrics import coverage

# Prediction, scores in training and after it, and scores by region.
_Measures = tuple[pd.DataFrame, dict[str, float], dict[str, float] | None, RegionScores | None]


@dataclass(frozen=True)
class Failure:
    """What went wrong with a member.

    Parameters
    ----------
    error : str
        Kind of error and message, in one line.
    traceback : str
    """

    error: str
    traceback: str


@dataclass(frozen=True, eq=False, repr=False)
class Member:
    """One fit of a fleet and how it did. It prints as its summary.

    Parameters
    ----------
    job : Job
    outcome : Fit or Failure
    """

    job: Job
    outcome: Fit | Failure

    @property
    def name(self) -> str:
        """Unique in the fleet."""
        return self.job.name

    @property
    def failure(self) -> Failure | None:
        """What went wrong, None if nothing did."""
        return self.outcome if isinstance(self.outcome, Failure) else None

    @property
    def fit(self) -> Fit:
        """The fitted model.

        Raises
        ------
        MemberFailedError
            If it could not be fitted; the message holds the traceback.
        """
        if isinstance(self.outcome, Failure):
            raise MemberFailedError(
                f"Member {self.name!r} failed: {self.outcome.error}. Mend the cause and run the "
                f"fleet again; with a checkpoint_dir only this member is fitted anew.\n"
                f"{self.outcome.traceback}"
            )
        return self.outcome

    @property
    def convergence(self) -> Convergence:
        """R-hat, effective sample sizes and divergences."""
        return self.fit.convergence

    @property
    def prediction(self) -> pd.DataFrame:
        """What happened and what the model expected, in training and after it, over all regions.

        Index date; ``actual`` (NaN where not known), ``mean`` (expected), ``ci_low, ci_high`` (90%
        predictive interval), ``holdout`` (bool).
        """
        return self._measures[0]

    @property
    def train(self) -> dict[str, float]:
        """``mape, nrmse, r_squared, crps`` in training, of the sum over regions."""
        return self._measures[1]

    @property
    def test(self) -> dict[str, float] | None:
        """The same on the held-out periods, None without any."""
        return self._measures[2]

    @property
    def regions(self) -> pd.DataFrame | None:
        """Errors by region and period after training, beside naive forecasts; None without any.

        Index ``model, last value, seasonal naive, training mean``; columns ``wape, rmse,
        r_squared_median, r_squared_pooled, coverage, skill``, as
        :class:`pymc_toolkit.fleets.regions.RegionScores` has them.
        """
        scores = self._measures[3]
        return None if scores is None else scores.table.copy()

    @property
    def by_region(self) -> pd.DataFrame | None:
        """The same for each region; None for a model of one series, or without held-out periods.

        Long: ``region, prediction, actual, expected, error, wape, r_squared, coverage``.
        """
        scores = self._measures[3]
        return None if scores is None else scores.regions.copy()

    @property
    def coverage(self) -> float:
        """Share of the held-out periods inside their 90% predictive interval; NaN without any."""
        held_out = self.prediction[self.prediction["holdout"]].dropna(subset="actual")
        if held_out.empty:
            return float("nan")
        return coverage(held_out["actual"], held_out["ci_low"], held_out["ci_high"])

    def contributions(self) -> xr.Dataset:
        """Draws of every component in all periods, as :meth:`PymcModel.contributions` gives them.

        They are computed at every call: kept, those of a large fleet would fill the memory.
        """
        return decomposition(self.fit, self.job.data)

    @cached_property
    def roi(self) -> pd.DataFrame:
        """Return of each channel in the training window, as :meth:`PymcModel.roi` gives it."""
        contributions = decomposition(self.fit)["channels"]
        media = self.job.training.dataset["media"]
        return roi(contributions, media, self.job.client.cost_per_unit)

    def summary(self) -> dict[str, Any]:
        """Sampler diagnostics, and scores in and out of sample.

        Returns
        -------
        dict
            ``divergences``, ``max_tree_depth``, ``train`` and, where periods were held out,
            ``test``, each of the two with ``mape, nrmse, r_squared, crps``, and ``regions``
            where there are any; for a member that failed ``failed`` alone, with the error.
        """
        if self.failure:
            return {"failed": self.failure.error}
        return {
            "divergences": self.convergence.divergences,
            "max_tree_depth": self.convergence.max_tree_depth,
            "train": dict(self.train),
            **({"test": dict(self.test)} if self.test else {}),
            **({} if self.regions is None else {"regions": self.regions.to_dict("index")}),
        }

    def __repr__(self) -> str:
        return pformat(self.summary(), sort_dicts=False)

    @cached_property
    def _measures(self) -> _Measures:
        job = self.job
        by_region = predict(self.fit, job.data)
        predicted = by_region.total()
        actual = job.data.total().dataset["target"].to_series()
        table = prediction_table(predicted)
        table.insert(0, "actual", actual)
        table["holdout"] = [i >= job.trained_on for i in range(len(table))]
        known, later = slice(None, job.trained_on), slice(job.trained_on, None)
        train = score(actual.to_numpy()[known], predicted.periods(known))
        # A forecast has periods after training too, but nothing has happened in them yet.
        held_out = job.held_out and bool(actual.iloc[later].notna().all())
        test = score(actual.to_numpy()[later], predicted.periods(later)) if held_out else None
        regions = None
        if held_out and job.data.is_panel:
            regions = score_regions(job.data, job.trained_on, by_region)
        return table, train, test, regions
