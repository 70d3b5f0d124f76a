"""Dims and variable names: the public schema of everything this package returns.

Whatever a version of pymc-marketing calls them inside, results carry these names.
"""

from __future__ import annotations

from collections.abc import Mapping

DATE = "date"
CHANNEL = "channel"
CONTROL = "control"
GEO = "geo"
CHAIN = "chain"
DRAW = "draw"
FOURIER_MODE = "fourier_mode"
CHANGEPOINT = "changepoint"
EFFECT = "effect"
LAG = "lag"
EDGE = "edge"
SAMPLE = (CHAIN, DRAW)

MEDIA_MULTIPLIER = "media_temporal_latent_multiplier"
INTERCEPT_MULTIPLIER = "intercept_latent_process"

DAG_ADJACENCY = "dag_adjacency"
DAG_LAGGED = "dag_lagged"
DAG_WEIGHTS = "dag_weights"
DAG_MIX = "dag_mix"

NETWORK_WEIGHTS = "network_weights"

# Variables of a client's data set, in original units.
DATA_VARIABLES: Mapping[str, str] = {
    "target": "What the client wants more of, per period (date[, geo]).",
    "media": "Spend or exposure of each channel, per period (date[, geo], channel).",
    "controls": "Other drivers of the target, per period (date[, geo], control).",
}

# Variables of a posterior, on the scaled data. Names of adstock and saturation parameters are
# ``adstock_<parameter>`` and ``saturation_<parameter>``, with dim channel.
POSTERIOR_VARIABLES: Mapping[str, str] = {
    "intercept": "Level of the target without media, controls, season or trend.",
    "y_sigma": "Standard deviation (or scale) of what the model does not explain.",
    "y_nu": "Degrees of freedom of a StudentT likelihood.",
    "gamma_control": "Effect of one unit of each scaled control (control).",
    "gamma_fourier": "Amplitude of each sine and cosine of the year (fourier_mode).",
    "delta": "Change of the trend's slope at each changepoint (changepoint).",
    MEDIA_MULTIPLIER: "Media effectiveness relative to its average over training (date).",
    f"{MEDIA_MULTIPLIER}_raw_eta": "Amplitude of the latent process of media effectiveness.",
    f"{MEDIA_MULTIPLIER}_raw_ls": "Length scale, in periods, of media effectiveness.",
    f"{MEDIA_MULTIPLIER}_raw_hsgp_coefs_offset": "Standardised basis coefficients of media "
    "effectiveness; no meaning one by one.",
    INTERCEPT_MULTIPLIER: "Level of the baseline relative to its average over training (date).",
    f"{INTERCEPT_MULTIPLIER}_raw_eta": "Amplitude of the latent process of the baseline.",
    f"{INTERCEPT_MULTIPLIER}_raw_ls": "Length scale, in periods, of the baseline.",
    f"{INTERCEPT_MULTIPLIER}_raw_hsgp_coefs_offset": "Standardised basis coefficients of the "
    "baseline; no meaning one by one.",
    DAG_ADJACENCY: "Standard deviations by which the second channel's spend moves with one of the "
    "first's, zero without an edge; acyclic in every draw (channel, effect).",
    DAG_LAGGED: "The same for spend of earlier periods, with a channel's own habit on the diagonal "
    "and the past of causes of the same period, which are no edges (lag, channel, effect).",
    DAG_WEIGHTS: "Weights of the edges that were sampled with the response (edge).",
    NETWORK_WEIGHTS: "All weights of a network of the deep engine; no meaning one by one (weight).",
    "level_drift": "Standard deviation of the level's change a period after training, in the deep "
    "engine.",
    "y_shared_sigma": "The part of y_sigma that all regions share, relative to their levels.",
    "level_shared_drift": "The same of level_drift.",
    DAG_MIX: "Share of a channel's input that is what its causes lead one to expect; for a channel "
    "without likely causes nothing but the prior (channel).",
}

# What a decomposition of the expected target holds, in the target's unit. They add up to "fitted".
COMPONENTS: Mapping[str, str] = {
    "baseline": "Intercept, varying over time where the model says so (date[, geo]).",
    "channels": "Contribution of each channel (date[, geo], channel).",
    "controls": "Contribution of each control (date[, geo], control).",
    "seasonality": "Yearly seasonality (date[, geo]).",
    "trend": "Trend (date[, geo]).",
}
FITTED = "fitted"


def has_own_meaning(variable: str) -> bool:
    """Whether a posterior variable can be read on its own, and so must have converged."""
    return not variable.endswith("_hsgp_coefs_offset") and variable != NETWORK_WEIGHTS


# What a model with a channel graph has beside any other.
DAG_VARIABLES = (DAG_ADJACENCY, DAG_LAGGED, DAG_WEIGHTS, DAG_MIX)
# Drawn as whole graphs, independently of each other and not by chains.
GRAPH_VARIABLES = (DAG_ADJACENCY, DAG_LAGGED)


def basis_dim(multiplier: str) -> str:
    """Dim of the basis coefficients of a smooth multiplier."""
    return f"{multiplier}_raw_m"
