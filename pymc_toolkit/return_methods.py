"""What media brought: the part of the facade that splits the target and sets it against cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.carry_over import carry_over
from pymc_toolkit.analysis.contributions import DIRECT, decomposition
from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.periods import Dates
from pymc_toolkit.analysis.response import response_curves
from pymc_toolkit.analysis.returns import (
    STEP,
    Costs,
    channel_returns,
    cost_per_outcome,
    marginal_roi,
)
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.costs import checked_costs
from pymc_toolkit.engines.base import Fit


class ReturnMethods(ABC):
    """Contributions and returns of a model's channels."""

    config: ClientConfig

    def contributions(self, kind: str = DIRECT) -> xr.Dataset:
        """What each part of the model contributed in each period of the training window.

        Parameters
        ----------
        kind : {"direct", "total"}
            ``total`` credits each channel with what it caused through others, along the channel
            graph; the sum over channels is the same.

        Returns
        -------
        xarray.Dataset
            Posterior draws (chain, draw) in original units: ``channels`` (date, channel),
            ``baseline`` (date), ``controls`` (date, control), ``seasonality`` and ``trend`` where
            the model has them, and their sum ``fitted`` (date); each by region (geo) too where
            there are regions.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return decomposition(self._fitted(), kind=kind)

    def roi(
        self,
        cost_per_unit: Mapping[str, float | None] | None = None,
        ci_prob: float = CI_PROB,
        kind: str = DIRECT,
        *,
        dates: Dates | None = None,
        by_region: bool = False,
    ) -> pd.DataFrame:
        """Return of each channel on what it cost, over the training window and all regions.

        Parameters
        ----------
        cost_per_unit : Mapping of str to float or None, optional
            For channels that are not money: cost of one unit, None for one that was not bought;
            what the model was made with by default.
        ci_prob : float
            Probability of the equal-tailed interval.
        kind : {"direct", "total"}
            As for :meth:`contributions`.
        dates : tuple of date-like or None, optional
            First and last day, inclusive, as ISO text or timestamps, None for an open end: what
            the periods that begin between them contributed, over their spend.
        by_region : bool
            Whether each region has a row, instead of all together.

        Returns
        -------
        pandas.DataFrame
            Index channel (and region); ``spend, exposure, contribution, roi, ci_low, ci_high``. ROI
            is target units per unit of money.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If days are not of the training window, or a single series is asked for regions.
        """
        fit, costs = self._fitted(), self._costs(cost_per_unit)
        return channel_returns(fit, costs, ci_prob, kind=kind, dates=dates, by_region=by_region)

    def marginal_roi(
        self,
        cost_per_unit: Mapping[str, float | None] | None = None,
        ci_prob: float = CI_PROB,
        *,
        step: float = STEP,
        dates: Dates | None = None,
        by_region: bool = False,
    ) -> pd.DataFrame:
        """Return of each channel on a little more of its spend, flighted as it was.

        With diminishing returns it is below :meth:`roi`, and money is best moved to where it is
        highest. The model is asked what would have been: all of the channel's spend in the range
        is raised by ``step``, everything else is left as it was, and what this adds by the end of
        the training window is set against the added money.

        Parameters
        ----------
        cost_per_unit : Mapping of str to float or None, optional
            As for :meth:`roi`.
        ci_prob : float
            Probability of the equal-tailed interval.
        step : float
            By how much spend is raised, as a share of it.
        dates : tuple of date-like or None, optional
            As for :meth:`roi`; spend is raised in this range, its carry-over counts beyond.
        by_region : bool
            Whether to give what each region's added money brought, instead of all together.

        Returns
        -------
        pandas.DataFrame
            Index channel (and region); ``spend`` (before it is raised), ``marginal_roi`` (target
            units per unit of money), ``ci_low, ci_high``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the step is not above zero, days are not of the training window, or a single series
            is asked for regions.
        """
        fit, costs = self._fitted(), self._costs(cost_per_unit)
        return marginal_roi(fit, costs, ci_prob, step=step, dates=dates, by_region=by_region)

    def cost_per_outcome(
        self,
        cost_per_unit: Mapping[str, float | None] | None = None,
        ci_prob: float = CI_PROB,
        kind: str = DIRECT,
        *,
        dates: Dates | None = None,
        by_region: bool = False,
    ) -> pd.DataFrame:
        """Money that one unit of the target cost through each channel: of use where it counts.

        Parameters
        ----------
        cost_per_unit : Mapping of str to float or None, optional
        ci_prob : float
        kind : {"direct", "total"}
        dates : tuple of date-like or None, optional
        by_region : bool
            All as for :meth:`roi`.

        Returns
        -------
        pandas.DataFrame
            Index channel (and region); ``spend, contribution, cost_per_outcome`` (median)
            ``, ci_low, ci_high``; infinite as far as draws say that the channel brought nothing.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            As for :meth:`roi`.
        """
        fit, costs = self._fitted(), self._costs(cost_per_unit)
        return cost_per_outcome(fit, costs, ci_prob, kind=kind, dates=dates, by_region=by_region)

    def response_curves(self, ci_prob: float = CI_PROB) -> pd.DataFrame:
        """Contribution per period of each channel by what is spent on it per period.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Long: ``channel, spend`` (in the unit of the channel's column, which ``cost_per_unit``
            does not change), ``mean, ci_low, ci_high`` (target units), ``observed`` (whether as
            much was ever spent in one period). Of all regions together, at average effectiveness,
            for spend that is held for as long as carry-over lasts.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return response_curves(self._fitted(), ci_prob)

    def carry_over(self, ci_prob: float = CI_PROB) -> pd.DataFrame:
        """How long the effect of each channel's spend takes to come about.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Index channel; ``half_life`` (periods from the start of the spend until half of its
            effect has come about), ``ci_low, ci_high``, and ``share_immediate, share_low,
            share_high`` (share of the effect within the period of the spend).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return carry_over(self._fitted(), ci_prob)

    def _costs(self, cost_per_unit: Costs | None) -> Costs:
        if cost_per_unit is None:
            return self.config.cost_per_unit
        return checked_costs(cost_per_unit, self.config.channel_names)

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""
