"""How far the chains of a posterior agree, and when they agree well enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.arrays import coordinate_labels
from pymc_toolkit.names import GRAPH_VARIABLES, has_own_meaning

# Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), rank-normalised R-hat.
R_HAT_LIMIT = 1.01
# Beyond this the chains tell different stories; up to here (Stan's older limit) they agree, barely.
R_HAT_FAIL = 1.05
ESS_LIMIT = 400
# Single divergences among thousands of draws leave no bias that could be seen.
DIVERGENT_LIMIT = 0.001


@dataclass(frozen=True)
class Convergence:
    """How well the chains agree.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``variable, coordinate, r_hat, ess_bulk, ess_tail``, one row for each scalar that
        can be read on its own.
    divergences : int
        Transitions after warm-up that the sampler could not trust.
    max_tree_depth : int
        Deepest trajectory, as a power of two of leapfrog steps.
    draws : int
        Draws kept over all chains.
    """

    table: pd.DataFrame
    divergences: int
    max_tree_depth: int
    draws: int

    @property
    def r_hat(self) -> float:
        """Largest R-hat; NaN with a single chain, or where a draw is not a number."""
        return float(self.table["r_hat"].max(skipna=False))

    @property
    def ess_bulk(self) -> float:
        """Smallest bulk effective sample size."""
        return float(self.table["ess_bulk"].min(skipna=False))

    @property
    def divergent_share(self) -> float:
        """Divergences by draw."""
        return self.divergences / self.draws

    @property
    def converged(self) -> bool:
        """Whether R-hat, ESS and divergences are all within their limits."""
        agree = self.r_hat <= R_HAT_LIMIT and self.ess_bulk >= ESS_LIMIT
        return agree and self.divergent_share <= DIVERGENT_LIMIT

    def worst(self) -> pd.DataFrame:
        """Scalars that are out of limits, worst R-hat first."""
        ok = (self.table["r_hat"] <= R_HAT_LIMIT) & (self.table["ess_bulk"] >= ESS_LIMIT)
        return self.table[~ok].sort_values(["r_hat", "ess_bulk"], ascending=[False, True])

    def by_variable(self) -> pd.DataFrame:
        """The worst of each variable over its coordinates."""
        worst = self.table.groupby("variable", sort=False).agg(
            r_hat=("r_hat", "max"), ess_bulk=("ess_bulk", "min"), ess_tail=("ess_tail", "min")
        )
        return worst


def convergence(posterior: xr.Dataset, sample_stats: xr.Dataset) -> Convergence:
    """Compare the chains of a posterior, variable by variable.

    Basis coefficients of smooth processes are left out, which have no meaning one by one, and
    graphs of channels, which are not drawn by chains.

    Parameters
    ----------
    posterior : xarray.Dataset
        With dims chain, draw and those of each variable.
    sample_stats : xarray.Dataset
        With ``diverging`` and ``depth`` of each draw.

    Returns
    -------
    Convergence
    """
    import arviz as az

    sampled = posterior.drop_vars(GRAPH_VARIABLES, errors="ignore")
    readable = sampled[[name for name in sampled.data_vars if has_own_meaning(str(name))]]
    measures = {
        "r_hat": az.rhat(readable),
        "ess_bulk": az.ess(readable, method="bulk"),
        "ess_tail": az.ess(readable, method="tail"),
    }
    rows = []
    for name in readable.data_vars:
        values = {
            key: np.atleast_1d(measure[name].values).ravel() for key, measure in measures.items()
        }
        labels = coordinate_labels(readable[name])
        rows.append(pd.DataFrame({"variable": str(name), "coordinate": labels, **values}))
    return Convergence(
        table=pd.concat(rows, ignore_index=True),
        divergences=int(sample_stats["diverging"].sum()),
        max_tree_depth=int(sample_stats["depth"].max()),
        draws=int(sample_stats["diverging"].size),
    )
