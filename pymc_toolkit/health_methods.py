"""Whether a model can be believed: the part of the facade that checks its data and its fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from pymc_toolkit.analysis.before import before_data
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Engine, Fit
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.health.assess import assess
from pymc_toolkit.health.data_checks import check_data
from pymc_toolkit.health.result import Health
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.verdicts import Verdict


class HealthMethods(ABC):
    """Checks of a model, before and after its fit."""

    config: ClientConfig
    spec: ModelSpec
    _engine: Engine
    _sampling: Sampling

    def check_data(self, thresholds: Thresholds | Mapping[str, float] | None = None) -> Verdict:
        """Ask of data and priors, before anything is fitted, whether they can carry this model.

        Parameters
        ----------
        thresholds : Thresholds or Mapping of str to float, optional
            Limits that differ from the default, such as ``{"vif": 12}``; their names are the fields
            of :class:`pymc_toolkit.health.thresholds.Thresholds`.

        Returns
        -------
        Verdict
            Each check with a status, the figure behind it, a sentence and what to do about it.

        Raises
        ------
        SpecificationError
            For an unknown threshold or an impossible value of one.
        """
        limits, data = Thresholds.of(thresholds), self.config.model_data
        before = before_data(self._engine.name, data, self.spec, self._sampling)
        return Verdict(check_data(data, self.spec, limits, before))

    def health(
        self,
        holdout: ProductionFleet | None = None,
        thresholds: Thresholds | Mapping[str, float] | None = None,
    ) -> Health:
        """Ask whether the fit can be believed, and of which channels it knows what it says.

        Parameters
        ----------
        holdout : ProductionFleet, optional
            A holdout of this client, such as :meth:`PymcModel.production_fleet` gives; without one
            the verdict asks for a look, because nothing was predicted that the model had not seen.
        thresholds : Thresholds or Mapping of str to float, optional
            As for :meth:`check_data`.

        Returns
        -------
        Health
            ``verdict``, ``evidence`` by channel, ``blocked`` (whether a gate failed) and
            ``remedies``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            For an unknown threshold, or a holdout of another client.
        """
        return assess(self.config, self._fitted(), holdout, Thresholds.of(thresholds))

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""
