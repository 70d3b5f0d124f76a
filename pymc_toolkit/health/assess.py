"""Put all checks of a fit together."""

from __future__ import annotations

import pandas as pd

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.fleets.judge import judge_convergence
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.health.data_checks import check_data
from pymc_toolkit.health.result import IDENTIFIED, Health
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.verdicts import Verdict


def assess(
    config: ClientConfig, fit: Fit, holdout: ProductionFleet | None, limits: Thresholds
) -> Health:
    """Judge a fit, and say how far each channel is known.

    Parameters
    ----------
    config : ClientConfig
    fit : Fit
    holdout : ProductionFleet, optional
        Of the same client.
    limits : Thresholds

    Returns
    -------
    Health
    """
    checks = (judge_convergence(fit.convergence), *check_data(fit.training, fit.spec, limits))
    channels = pd.Index(fit.training.channels, name=CHANNEL)
    evidence = pd.DataFrame(
        {"tier": IDENTIFIED, "shift": float("nan"), "reason": ""}, index=channels
    )
    return Health(Verdict(checks), evidence)
