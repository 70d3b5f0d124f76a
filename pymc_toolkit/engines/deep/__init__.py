"""The deep engine's network, in torch (extra ``deep``): coefficients that a recurrent net moves.

Names, arguments and shapes are those of the package DeepCausalMMM, so that a user of it can change
the import and go on; the code is new. Import it where it is needed: it imports torch.
"""

from __future__ import annotations

from importlib import import_module

from pymc_toolkit.engines.deep.extra import deep_extra

with deep_extra():
    # First of all, so that nothing of this room is half imported where torch is missing.
    import_module("torch")

    from pymc_toolkit.engines.deep.config import DeepSettings, get_default_config, update_config
    from pymc_toolkit.engines.deep.curve_fit import ResponseCurveFit, ResponseCurveFitter
    from pymc_toolkit.engines.deep.dag import DAGConstraint, DAGModel, EdgeToNode, NodeToEdge
    from pymc_toolkit.engines.deep.inference import InferenceManager
    from pymc_toolkit.engines.deep.network import DeepCausalMMM, create_unified_mmm
    from pymc_toolkit.engines.deep.pipeline import ScaledWindow, UnifiedDataPipeline
    from pymc_toolkit.engines.deep.scaling import (
        GlobalScaler,
        SimpleGlobalScaler,
        SimpleScalingParams,
    )
    from pymc_toolkit.engines.deep.trainer import ModelTrainer
    from pymc_toolkit.engines.deep.windows import pad_weeks, temporal_split

__all__ = [
    "DAGConstraint",
    "DAGModel",
    "DeepCausalMMM",
    "DeepSettings",
    "EdgeToNode",
    "GlobalScaler",
    "InferenceManager",
    "ModelTrainer",
    "NodeToEdge",
    "ResponseCurveFit",
    "ResponseCurveFitter",
    "ScaledWindow",
    "SimpleGlobalScaler",
    "SimpleScalingParams",
    "UnifiedDataPipeline",
    "create_unified_mmm",
    "get_default_config",
    "pad_weeks",
    "temporal_split",
    "update_config",
]
