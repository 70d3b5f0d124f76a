"""What to do next: the part of the facade that divides a budget and compares plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.advice import advise
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.budget import BudgetQuestion, divide_budget
from pymc_toolkit.decisions.limits import Bounds, Constraint
from pymc_toolkit.decisions.objectives import CVAR
from pymc_toolkit.decisions.plans import Plan
from pymc_toolkit.decisions.scenarios import Scenario, scenario_table
from pymc_toolkit.engines.base import Fit


class DecisionMethods(ABC):
    """Budgets and scenarios of a model; none of them changes it."""

    config: ClientConfig

    def optimize_budget(
        self,
        total: float | None = None,
        horizon: int = 13,
        *,
        bounds: Bounds = 0.3,
        objective: str = CVAR,
        risk: float | None = None,
        target_roi: float | None = None,
        constraints: Sequence[Constraint] = (),
        hold: Sequence[str] = (),
        plan: Plan | None = None,
        ci_prob: float = CI_PROB,
    ) -> Allocation:
        """Divide a budget among the channels that are bought, for the periods right after the data.

        Each channel's money is divided among periods (and regions) as in the plan; what it brings
        after the horizon counts. Channels that are not bought stay as planned.

        Parameters
        ----------
        total : float, optional
            Money over the whole horizon, that of the plan by default. With
            ``objective="target_roi"`` it is the most that may be spent, and a plan that spends less
            stays as it is.
        horizon : int
            Number of periods ahead.
        bounds : float or Mapping of str to (float, float)
            How far a channel may move from the current budget, as a fraction of it; or money over
            the horizon by channel, where channels that are left out may move by 0.3.
        objective : {"cvar", "mean", "quantile", "target_roi"}
            ``cvar``: what the change from the current budget brings on average in the worst share
            ``risk`` of the draws, so that money moves as far as the model is sure of it. ``mean``:
            expected outcome. ``quantile``: what the change brings at least, but for a probability
            of ``risk``. ``target_roi``: the largest expected outcome of which
            all bought media together still return ``target_roi`` on their money, at the least
            money that brings it.
        risk : float, optional
            Between 0 and 1, for ``quantile`` and ``cvar``; 0.1 by default.
        target_roi : float, optional
            Units of the target per unit of money.
        constraints : sequence of Constraint
            Further limits, such as ``Constraint({"tv": 1, "radio": 1}, high=1e5)``.
        hold : sequence of str
            Channels that keep the plan's money.
        plan : str or pandas.DataFrame, optional
            What to start from: ``as last year``, ``flat``, or a table of the periods ahead as for
            ``forecast_fleet``. By default as last year, or flat with less than a year of history.
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        Allocation

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError, ColumnError
            If an argument is impossible, a channel is unknown or not bought, no budget keeps to all
            limits, or none within them returns ``target_roi``.
        DataError
            If the plan is not one of this client, or money would go to a channel that was never on
            air.

        Notes
        -----
        What is expected is as good as the posterior. Where data cannot tell how soon a channel
        saturates, default priors of many channels say late: marginal returns of small channels, and
        with them the uplift, then come out too high, by a factor of two where the truth is known
        (``benchmark/RESULTS.md``); with ``media_share`` by 1.4 in the median. Experiments help
        more than further draws. ``check_data()`` says what the priors expect.
        """
        question = BudgetQuestion(
            total, horizon, bounds, objective, risk, target_roi, constraints, hold, plan, ci_prob
        )
        return divide_budget(self._fitted(), self.config, question)

    def compare_scenarios(
        self,
        scenarios: Mapping[str, Scenario],
        horizon: int = 13,
        ci_prob: float = CI_PROB,
    ) -> pd.DataFrame:
        """What media would bring under plans, what is carried over beyond the horizon included.

        Parameters
        ----------
        scenarios : Mapping of str to str, pandas.DataFrame, Mapping of str to float, or Allocation
            Plans by name, the first of which the others are compared with: ``as last year``,
            ``flat``, a table of the periods ahead as for ``forecast_fleet``, factors by channel on
            the usual plan (such as ``{"tv": 1.2}``), or what :meth:`optimize_budget` gave.
        horizon : int
            Number of periods ahead.
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            Index scenario; ``spend`` (money), ``outcome, ci_low, ci_high`` (what all media bring,
            in units of the target), ``difference, difference_low, difference_high`` of the outcome
            from the first scenario, ``probability_better`` (than the first), ``beyond_seen``
            (whether a channel gets more in a period than it ever had).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError, ColumnError, DataError
            If the horizon or a scenario is impossible.
        """
        return scenario_table(self._fitted(), self.config, scenarios, horizon, ci_prob)

    def budget_advice(
        self, allocation: Allocation, evidence: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """A verb for each channel of a recommended budget, and why.

        Parameters
        ----------
        allocation : Allocation
            From :meth:`optimize_budget`.
        evidence : pandas.DataFrame, optional
            Index channel, column ``tier``: ``tested``, ``identified`` or ``prior-driven``, of which
            the last are to be tested before money is moved.

        Returns
        -------
        pandas.DataFrame
            Index channel; ``verb`` (``increase``, ``keep``, ``test`` or ``reduce``), ``reason`` (a
            sentence) and ``probability`` (that the move pays; NaN where nothing would be moved).

        Raises
        ------
        SpecificationError
            If the evidence has no column ``tier``.
        """
        return advise(allocation, evidence)

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""
