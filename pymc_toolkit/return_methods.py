"""What media brought: the part of the facade that splits the target and sets it against cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import DIRECT, decomposition, roi
from pymc_toolkit.analysis.intervals import CI_PROB
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

        Returns
        -------
        pandas.DataFrame
            Index channel; ``spend, exposure, contribution, roi, ci_low, ci_high``. ROI is target
            units per unit of money.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return returns(self.config, self._fitted(), cost_per_unit, ci_prob, kind)

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""


def returns(
    config: ClientConfig,
    fit: Fit,
    cost_per_unit: Mapping[str, float | None] | None = None,
    ci_prob: float = CI_PROB,
    kind: str = DIRECT,
) -> pd.DataFrame:
    """Return of each channel of a fit, as :meth:`ReturnMethods.roi` gives it."""
    costs = (
        config.cost_per_unit
        if cost_per_unit is None
        else checked_costs(cost_per_unit, config.channel_names)
    )
    components = decomposition(fit, kind=kind)
    return roi(components["channels"], fit.training.dataset["media"], costs, ci_prob)
