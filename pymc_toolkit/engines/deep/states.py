"""Networks as draws of a posterior, and back: what a file holds of them, and what can be read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.ensemble import Ensemble
from pymc_toolkit.engines.deep.network import DeepCausalMMM
from pymc_toolkit.engines.deep.series import Levels
from pymc_toolkit.engines.deep.training import Panel
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import (
    CHANNEL,
    CONTROL,
    DAG_ADJACENCY,
    DAG_MIX,
    EFFECT,
    GEO,
    NETWORK_WEIGHTS,
    SAMPLE,
)

_TOGETHER = 16


def new_network(data: ModelData, settings: DeepSettings) -> DeepCausalMMM:
    """A network of a client's size, as torch's generator makes it."""
    regions = len(data.dataset[GEO]) if data.is_panel else 1
    sizes = (len(data.channels), len(data.controls), regions)
    return DeepCausalMMM.from_settings(*sizes, settings)


def read(
    networks: Sequence[DeepCausalMMM], data: ModelData, spec: ModelSpec, levels: Levels
) -> xr.Dataset:
    """Networks as draws: all their weights, and parameters as other engines name them.

    Parameters
    ----------
    networks : sequence of DeepCausalMMM
    data : ModelData
        The training window.
    spec : ModelSpec
    levels : Levels

    Returns
    -------
    xarray.Dataset
        One chain with a draw a network, on the package's scaled data. Of a panel, amplitudes, the
        intercept and effects of controls (by their usual spread) are relative to its regions'
        levels, which differ.
    """
    found = [_readable(network, spec) for network in networks]
    # A single series' own unit is that of its target.
    level = 1.0 if data.is_panel else float(levels.target[0])
    stacked = {name: torch.stack([each[name] for each in found]).double() for name in found[0]}
    values = {name: tensor.detach().cpu().numpy() for name, tensor in stacked.items()}
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        NETWORK_WEIGHTS: ((*SAMPLE, "weight"), values.pop("weights")[None].astype("float32"))
    }
    baseline = values.pop("baseline")
    own = level * (baseline if data.is_panel else baseline[:, 0])
    variables["intercept"] = ((*SAMPLE, *([GEO] if data.is_panel else [])), own[None])
    if data.controls:
        effect = values.pop("controls")
        if not data.is_panel:
            effect = effect * level * data.scale("controls").values / levels.control_spread
        variables["gamma_control"] = ((*SAMPLE, CONTROL), effect[None])
    for name, drawn in values.items():
        dims = (CHANNEL, EFFECT) if name == DAG_ADJACENCY else (CHANNEL,)
        amplitude = name in ("saturation_alpha", "saturation_beta")
        variables[name] = ((*SAMPLE, *dims), drawn[None] * (level if amplitude else 1.0))
    coords = {CHANNEL: data.channels, "chain": [0], "draw": range(len(networks))}
    if data.controls:
        coords[CONTROL] = data.controls
    if data.is_panel:
        coords[GEO] = data.dataset[GEO].values
    if DAG_ADJACENCY in values:
        coords[EFFECT] = data.channels
    return xr.Dataset(variables, coords)


def run(
    posterior: xr.Dataset, data: ModelData, settings: DeepSettings, panel: Panel
) -> dict[str, Tensor]:
    """Outputs of every network of a posterior for a panel.

    Parameters
    ----------
    posterior : xarray.Dataset
    data : ModelData
        The training window, for its sizes.
    settings : DeepSettings
    panel : Panel

    Returns
    -------
    dict of str to Tensor
        As :class:`Ensemble` gives them, one member a draw.
    """
    weights = posterior[NETWORK_WEIGHTS].stack(sample=SAMPLE).transpose("sample", "weight").values
    parts = []
    for some in batched(weights, _TOGETHER):
        networks = [restored(vector, data, settings) for vector in some]
        with torch.no_grad():
            parts.append(
                Ensemble(networks).eval()(
                    panel.media, panel.controls, panel.regions, start_week=panel.start_week
                )
            )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def restored(weights: np.ndarray, data: ModelData, settings: DeepSettings) -> DeepCausalMMM:
    """The network of some weights."""
    # Whatever it starts with is overwritten; the caller's generator is left as it is.
    with torch.random.fork_rng(devices=[]):
        network = new_network(data, settings)
    # Of the floats that the network is of, since parameters take those of the vector.
    vector = torch.tensor(weights, dtype=network.region_baseline.dtype)
    vector_to_parameters(vector, network.parameters())
    return network


def _readable(network: DeepCausalMMM, spec: ModelSpec) -> dict[str, Tensor]:
    """Parameters of one network that can be read, by variable."""
    learnt = network.get_parameters()
    half, slope = learnt["hill_half_saturation"], learnt["hill_slope"]
    coefficients = learnt["media_coeffs"]
    found = {
        "weights": parameters_to_vector(network.parameters()),
        "baseline": functional.softplus(network.region_baseline),
        "adstock_alpha": learnt["adstock_retention"],
    }
    if spec.saturation == "hill":
        found |= {"saturation_slope": slope, "saturation_kappa": half}
        found["saturation_beta"] = coefficients
    else:
        found |= {"saturation_lam": half, "saturation_alpha": coefficients}
    if "ctrl_coeffs" in learnt:
        found["controls"] = learnt["ctrl_coeffs"]
    if "dag_matrix" in learnt:
        found[DAG_ADJACENCY] = learnt["dag_matrix"]
    if "interaction_mix" in learnt:
        found[DAG_MIX] = learnt["interaction_mix"]
    return found
