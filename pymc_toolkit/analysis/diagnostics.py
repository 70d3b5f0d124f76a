"""Whether a fit can be trusted: convergence of the sampler, and priors against posteriors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, summarise
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ConvergenceWarning, warn_user
from pymc_toolkit.names import SAMPLE, has_own_meaning

# Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), rank-normalised R-hat.
R_HAT_LIMIT = 1.01
# Beyond this the chains tell different stories; up to here (Stan's older limit) they agree, barely.
R_HAT_FAIL = 1.05
ESS_LIMIT = 400
_WORST_SHOWN = 3
_PRIOR_DRAWS = 1000


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
    def converged(self) -> bool:
        """Whether R-hat, ESS and divergences are all within their limits."""
        return self.r_hat <= R_HAT_LIMIT and self.ess_bulk >= ESS_LIMIT and self.divergences == 0

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


def convergence(fit: Fit) -> Convergence:
    """Compare the chains of a fit, variable by variable.

    Basis coefficients of smooth processes are left out: they have no meaning one by one.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Convergence
    """
    import arviz as az

    posterior = fit.posterior
    readable = posterior[[name for name in posterior.data_vars if has_own_meaning(str(name))]]
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
    stats = fit.sample_stats
    return Convergence(
        table=pd.concat(rows, ignore_index=True),
        divergences=int(stats["diverging"].sum()),
        max_tree_depth=int(stats["depth"].max()),
        draws=int(stats["diverging"].size),
    )


def warn_unless_converged(result: Convergence) -> None:
    """Warn once, naming the worst variables and what to try.

    Parameters
    ----------
    result : Convergence
    """
    if result.converged:
        return
    symptoms, advice = [], []
    worst = result.worst().head(_WORST_SHOWN)
    if len(worst):
        named = "; ".join(
            f"{row.variable}{f'[{row.coordinate}]' if row.coordinate else ''} "
            f"R-hat {row.r_hat:.3f}, ESS {row.ess_bulk:.0f}"
            for row in worst.itertuples()
        )
        symptoms.append(f"R-hat above {R_HAT_LIMIT} or bulk ESS below {ESS_LIMIT}: {named}")
        advice.append("more draws and tune")
    if result.divergences:
        symptoms.append(f"{result.divergences} of {result.draws} draws diverged")
        advice.append("a higher target_accept (such as 0.97)")
    advice.append("tighter priors on the variables named")
    warn_user(
        f"The fit did not converge ({'. '.join(symptoms)}). Do not show its numbers; try "
        f"{', '.join(advice)}.",
        ConvergenceWarning,
    )


def prior_against_posterior(fit: Fit, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Intervals of each parameter before and after the data, on the scaled data.

    Parameters
    ----------
    fit : Fit
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Long: ``variable, coordinate, prior_low, prior_median, prior_high, posterior_low,
        posterior_median, posterior_high``.
    """
    prior = get_engine(fit.engine).prior_draws(
        fit.training, fit.spec, _PRIOR_DRAWS, fit.sampling.random_seed
    )
    posterior = fit.posterior
    rows = []
    for name in prior.data_vars:
        if name not in posterior or not has_own_meaning(str(name)):
            continue
        after = summarise(posterior[name], ci_prob)
        labels = coordinate_labels(posterior[name])
        before = prior[name].quantile([(1 - ci_prob) / 2, 0.5, (1 + ci_prob) / 2], SAMPLE).values
        before = np.broadcast_to(before.reshape(3, -1), (3, len(labels)))
        rows.append(
            pd.DataFrame(
                {
                    "variable": str(name),
                    "coordinate": labels,
                    "prior_low": before[0],
                    "prior_median": before[1],
                    "prior_high": before[2],
                    "posterior_low": np.atleast_1d(after["ci_low"].values),
                    "posterior_median": np.atleast_1d(posterior[name].median(SAMPLE).values),
                    "posterior_high": np.atleast_1d(after["ci_high"].values),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def coordinate_labels(variable: xr.DataArray) -> list[str]:
    """A label for each scalar of a variable, empty for a scalar variable.

    Parameters
    ----------
    variable : xarray.DataArray
        With dims chain and draw, which have no part in the labels.

    Returns
    -------
    list of str
        In the order of the values.
    """
    dims = [dim for dim in variable.dims if dim not in SAMPLE]
    if not dims:
        return [""]
    stacked = variable.isel(chain=0, draw=0, drop=True).stack(scalar=dims)
    return [
        ", ".join(_label(part) for part in (value if isinstance(value, tuple) else (value,)))
        for value in stacked["scalar"].values
    ]


def _label(value: object) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)
