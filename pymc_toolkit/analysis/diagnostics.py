"""Whether a fit can be trusted: convergence of the sampler, and priors against posteriors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB, summarise
from pymc_toolkit.arrays import coordinate_labels
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.exceptions import ConvergenceWarning, warn_user
from pymc_toolkit.names import SAMPLE, has_own_meaning

_PRIOR_DRAWS = 1000
_COMPARED = [
    *("variable", "coordinate", "prior_low", "prior_median", "prior_high"),
    *("posterior_low", "posterior_median", "posterior_high"),
]


def warn_unless_converged(result: Convergence) -> None:
    """Warn once, naming the worst variables and what to try.

    Parameters
    ----------
    result : Convergence
    """
    if not result.converged:
        warn_user(result.trouble, ConvergenceWarning)


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
        posterior_median, posterior_high``; without rows where priors and posterior share nothing.
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
                    "posterior_low": after["ci_low"].values.ravel(),
                    "posterior_median": posterior[name].median(SAMPLE).values.ravel(),
                    "posterior_high": after["ci_high"].values.ravel(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=_COMPARED)
