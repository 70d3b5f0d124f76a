"""Fleets of a model: the part of the facade that tests it from several sides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.forecast import ForecastFleet, Scenarios, run_forecast
from pymc_toolkit.fleets.holdout import HoldoutFleet, run_holdout
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.fleets.recovery import RecoveryFleet, run_recovery
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.fleets.stability import StabilityFleet, run_stability


class FleetMethods(ABC):
    """Fleets of a model, none of which changes it.

    Each takes ``n_jobs`` (members fitted at the same time; what joblib is configured to by
    default, which is one), ``checkpoint_dir`` (folder in which finished members are stored, and
    from which an interrupted fleet goes on), ``progressbar``, and sampling settings (``draws``,
    ``tune``, ``chains``, ``target_accept``, ``random_seed``) where they should differ from the last
    fit's. All arguments are checked before anything is fitted. Within
    ``joblib.parallel_config(backend=...)`` members are fitted where that backend runs. A member
    that fails is recorded and shown; the others finish.
    """

    @abstractmethod
    def fleet_subject(self, new_data: pd.DataFrame | None = None, **sampling: Any) -> Subject:
        """What a fleet tests: this model, with some sampling settings changed.

        Parameters
        ----------
        new_data : pandas.DataFrame, optional
            New or restated periods to add first.
        **sampling
            Settings that differ from the last fit's.
        """

    def production_fleet(
        self,
        test_size: int = 4,
        new_data: pd.DataFrame | None = None,
        progressbar: bool = True,
        *,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        **sampling: Any,
    ) -> ProductionFleet:
        """Hold out the last periods, train on the rest and score the prediction.

        Parameters
        ----------
        test_size : int
            Number of periods to hold out.
        new_data : pandas.DataFrame, optional
            New or restated periods to add first, as for :meth:`PymcModel.refresh`.
        progressbar, n_jobs, checkpoint_dir, **sampling
            See :class:`FleetMethods`.

        Returns
        -------
        ProductionFleet

        Raises
        ------
        SpecificationError, DataError
            If ``test_size`` is impossible.
        """
        subject = self.fleet_subject(new_data, **sampling)
        return run_production([subject], test_size, Running(n_jobs, checkpoint_dir, progressbar))

    def recovery_fleet(
        self,
        n_simulations: int = 1,
        source: str = "prior",
        progressbar: bool = True,
        *,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        **sampling: Any,
    ) -> RecoveryFleet:
        """Simulate targets from known parameters on this client's covariates, and recover them.

        Parameters
        ----------
        n_simulations : int
            Number of simulated targets; 50 or more tell whether inference is calibrated.
        source : {"prior", "posterior"}
            Where the known parameters are drawn from; ``posterior`` (of a fitted model) makes
            targets that look like the client's.
        progressbar, n_jobs, checkpoint_dir, **sampling
            See :class:`FleetMethods`.

        Returns
        -------
        RecoveryFleet

        Raises
        ------
        SpecificationError
            If an argument is impossible.
        NotFittedError
            If the source is the posterior of a model that has not been fitted.
        """
        subject = self.fleet_subject(**sampling)
        running = Running(n_jobs, checkpoint_dir, progressbar)
        return run_recovery(subject, n_simulations, source, running)

    def holdout_fleet(
        self,
        holdouts: Iterable[int] = (4, 8, 12),
        windows: str = "last",
        progressbar: bool = True,
        *,
        n_windows: int | None = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        **sampling: Any,
    ) -> HoldoutFleet:
        """Predict held-out periods of several lengths, beside baselines on the same split.

        Parameters
        ----------
        holdouts : iterable of int
            Numbers of periods to hold out.
        windows : {"last", "expanding", "rolling"}
            ``last``: the last periods of all, one member a length. ``expanding``: several holdouts
            one after the other, each predicted from all that precedes it. ``rolling``: each
            predicted from as many periods as precede the first.
        progressbar : bool
            See :class:`FleetMethods`.
        n_windows : int, optional
            Holdouts of each length for expanding and rolling windows; 3 by default.
        n_jobs, checkpoint_dir, **sampling
            See :class:`FleetMethods`.

        Returns
        -------
        HoldoutFleet

        Raises
        ------
        SpecificationError, DataError
            If a length or the windows are impossible.
        """
        subject = self.fleet_subject(**sampling)
        running = Running(n_jobs, checkpoint_dir, progressbar)
        return run_holdout(subject, holdouts, windows, n_windows, running)

    def stability_fleet(
        self,
        refreshes: int = 4,
        perturbations: int = 2,
        seeds: int = 2,
        progressbar: bool = True,
        *,
        noise: float = 0.05,
        placebo_channel: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        **sampling: Any,
    ) -> StabilityFleet:
        """Refit under changes that should not matter, and under one that should.

        Parameters
        ----------
        refreshes : int
            Refits without the last 1, 2, … up to that many periods.
        perturbations : int
            Refits with multiplicative noise on media and target.
        seeds : int
            Refits that differ in nothing but the seed.
        progressbar : bool
            See :class:`FleetMethods`.
        noise : float
            Standard deviation of the noise, as a share.
        placebo_channel : str, optional
            Channel whose series is shuffled in one more refit; the one with the largest spend by
            default.
        thresholds : Mapping of str to float, optional
            Limits other than the default: ``refresh_change`` (0.15), ``perturbation_change`` (0.08)
            and ``seed_change`` (0.05) are the mean relative changes of ROI that pass,
            ``placebo_drop`` (0.50) is how far the ROI of the shuffled channel has to fall.
        n_jobs, checkpoint_dir, **sampling
            See :class:`FleetMethods`.

        Returns
        -------
        StabilityFleet

        Raises
        ------
        SpecificationError, DataError, ColumnError
            If an argument is impossible.
        """
        subject = self.fleet_subject(**sampling)
        plan = StabilityPlan(refreshes, perturbations, noise, seeds, placebo_channel, thresholds)
        return run_stability(subject, plan, Running(n_jobs, checkpoint_dir, progressbar))

    def forecast_fleet(
        self,
        horizon: int = 8,
        scenarios: Scenarios | None = None,
        progressbar: bool = True,
        *,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        **sampling: Any,
    ) -> ForecastFleet:
        """Forecast the target under spend scenarios, from this model's fit or a new one.

        Parameters
        ----------
        horizon : int
            Number of periods ahead.
        scenarios : sequence of str or Mapping of str to str or pandas.DataFrame, optional
            ``as last year`` (spend of the same periods a year before) and ``flat`` (average of the
            last year in every period) are known by name; a table has the date column (and that of
            regions) and every channel, one row a period (and region) ahead. Controls that it leaves
            out are those of a year before (or their average, with less history). By default the two
            names, or ``flat`` alone with less than a year of history.
        progressbar, n_jobs, checkpoint_dir, **sampling
            See :class:`FleetMethods`.

        Returns
        -------
        ForecastFleet

        Raises
        ------
        SpecificationError, DataError, ColumnError
            If the horizon or a scenario is impossible.
        """
        subject = self.fleet_subject(**sampling)
        running = Running(n_jobs, checkpoint_dir, progressbar)
        return run_forecast(subject, horizon, scenarios, running)
