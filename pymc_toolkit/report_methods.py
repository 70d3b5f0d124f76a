"""The report for the client: the part of the facade that puts all of its answers on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.limits import Bounds
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.health.result import Health
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.labels import check_labels
from pymc_toolkit.refresh import RefreshRecord

if TYPE_CHECKING:
    from pymc_toolkit.reports.client.brand import Brand
    from pymc_toolkit.reports.client.texts import Texts


class Reported(Protocol):
    """What a report asks of a model; see the facade's other parts for each."""

    config: ClientConfig
    refresh_history: list[RefreshRecord]

    @property
    def uplift_tests(self) -> tuple[UpliftTest, ...]:
        """The experiments that the model learns from."""

    def _fitted(self) -> Fit:
        """The fit of the model as it is."""

    def health(
        self,
        holdout: ProductionFleet | None = None,
        thresholds: Thresholds | Mapping[str, float] | None = None,
    ) -> Health:
        """Whether the fit can be believed."""

    def production_fleet(self, test_size: int, *, progressbar: bool) -> ProductionFleet:
        """Hold out the last periods."""

    def optimize_budget(
        self, total: float | None, horizon: int, *, bounds: Bounds, hold: Sequence[str]
    ) -> Allocation:
        """Divide a budget."""

    def uplift_summary(self, *, progressbar: bool) -> pd.DataFrame:
        """What experiments taught the model."""


class ReportMethods:
    """The report that a client reads."""

    def client_report(
        self: Reported,
        output_html: str | Path,
        *,
        brand: Brand | None = None,
        holdout: ProductionFleet | None = None,
        allocation: Allocation | None = None,
        horizon: int = 13,
        total: float | None = None,
        bounds: Bounds = 0.3,
        test_size: int = 4,
        thresholds: Thresholds | Mapping[str, float] | None = None,
        labels: Mapping[str, str] | None = None,
        texts: Texts | None = None,
        progressbar: bool = True,
    ) -> Path:
        """Write what media earned, whether to believe it, and what to do with the next budget.

        Where a check fails without which nothing may be decided, the report says what to do about
        it in place of a recommendation. Otherwise the budget is divided here: channels of which
        the data say little keep their plan, and so do those of which the model is not sure enough.

        Parameters
        ----------
        output_html : str or Path
            File to write; missing folders are made. It needs no other file and no network.
        brand : Brand, optional
            Name, logo, colours, currency and locale; :class:`pymc_toolkit.Brand` has defaults.
        holdout : ProductionFleet, optional
            Of this client; made here, with one more fit, if not given.
        allocation : Allocation, optional
            A budget to report instead of the one that would be looked for here.
        horizon : int
            Number of periods to plan.
        total : float, optional
            Money over the horizon, and
        bounds : float or Mapping of str to (float, float)
            how far a channel may move, as for :meth:`PymcModel.optimize_budget`.
        test_size : int
            Periods to hold out, where no holdout is given.
        thresholds : Thresholds or Mapping of str to float, optional
            As for :meth:`PymcModel.health`.
        labels : Mapping of str to str, optional
            What readers are shown in place of names of channels, controls and the target, such as
            ``{"google_search_spend": "Google Search"}``; the others keep their names.
        texts : Texts, optional
            Words of another language; English by default.
        progressbar : bool

        Returns
        -------
        Path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the path is a folder or no HTML file, a label is of no column or of two, the holdout
            is of another client, or no budget keeps to the limits.
        """
        from pymc_toolkit.reports.client.assemble import Findings, client_report
        from pymc_toolkit.reports.client.brand import Brand
        from pymc_toolkit.reports.client.page import client_page
        from pymc_toolkit.reports.client.recommend import asked, carried
        from pymc_toolkit.reports.client.relabel import labelled
        from pymc_toolkit.reports.client.texts import ENGLISH
        from pymc_toolkit.reports.render import checked_target, write

        checked_target(output_html)
        labels = labels or {}
        roles = self.config
        check_labels(labels, [roles.target_name, *roles.channel_names, *roles.control_names])
        fit, brand = self._fitted(), brand or Brand()
        if holdout is None:
            holdout = self.production_fleet(test_size, progressbar=progressbar)
        health = self.health(holdout, thresholds)
        recommended = None
        if allocation is not None:
            recommended = asked(allocation, health.evidence)
        elif not health.blocked:
            search = partial(self.optimize_budget, total, horizon)
            costs = self.config.cost_per_unit
            recommended = carried(search, health.evidence, costs, bounds, total is not None)
        found = Findings(
            config=self.config,
            fit=fit,
            health=health,
            holdout=holdout,
            recommended=None if health.blocked else recommended,
            refreshes=self.refresh_history,
            experiments=self.uplift_summary(progressbar=progressbar) if self.uplift_tests else None,
        )
        report = labelled(client_report(found, brand), labels)
        return write(client_page(report, texts or ENGLISH), output_html)
