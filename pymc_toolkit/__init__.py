"""A Bayesian media mix modelling toolkit around PyMC, with fleets.

Names are imported when they are first used: ``import pymc_toolkit`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pymc_toolkit.version import __version__ as __version__

if TYPE_CHECKING:
    from pymc_toolkit.client_config import ClientConfig as ClientConfig
    from pymc_toolkit.components.channel_dag import ChannelDag as ChannelDag
    from pymc_toolkit.components.uplift_tests import UpliftTest as UpliftTest
    from pymc_toolkit.decisions.allocation import Allocation as Allocation
    from pymc_toolkit.decisions.limits import Constraint as Constraint
    from pymc_toolkit.fleets.forecast import ForecastFleet as ForecastFleet
    from pymc_toolkit.fleets.holdout import HoldoutFleet as HoldoutFleet
    from pymc_toolkit.fleets.production import ProductionFleet as ProductionFleet
    from pymc_toolkit.fleets.recovery import RecoveryFleet as RecoveryFleet
    from pymc_toolkit.fleets.stability import StabilityFleet as StabilityFleet
    from pymc_toolkit.pymc_model import PymcModel as PymcModel
    from pymc_toolkit.reports.client.brand import Brand as Brand
    from pymc_toolkit.simulate import simulate_client as simulate_client
    from pymc_toolkit.simulate import simulate_ms as simulate_ms

_HOMES = {
    "Allocation": "pymc_toolkit.decisions.allocation",
    "Brand": "pymc_toolkit.reports.client.brand",
    "ChannelDag": "pymc_toolkit.components.channel_dag",
    "ClientConfig": "pymc_toolkit.client_config",
    "Constraint": "pymc_toolkit.decisions.limits",
    "ForecastFleet": "pymc_toolkit.fleets.forecast",
    "HoldoutFleet": "pymc_toolkit.fleets.holdout",
    "ProductionFleet": "pymc_toolkit.fleets.production",
    "PymcModel": "pymc_toolkit.pymc_model",
    "RecoveryFleet": "pymc_toolkit.fleets.recovery",
    "StabilityFleet": "pymc_toolkit.fleets.stability",
    "UpliftTest": "pymc_toolkit.components.uplift_tests",
    "simulate_client": "pymc_toolkit.simulate",
    "simulate_ms": "pymc_toolkit.simulate",
}

__all__ = [
    "Allocation",
    "Brand",
    "ChannelDag",
    "ClientConfig",
    "Constraint",
    "ForecastFleet",
    "HoldoutFleet",
    "ProductionFleet",
    "PymcModel",
    "RecoveryFleet",
    "StabilityFleet",
    "UpliftTest",
    "simulate_client",
    "simulate_ms",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
