"""Whether a fit came to an end that its numbers can be read at: chains that agree, or training."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.arrays import coordinate_labels
from pymc_toolkit.names import GRAPH_VARIABLES, has_own_meaning
from pymc_toolkit.plurals import count

# Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), rank-normalised R-hat.
R_HAT_LIMIT = 1.01
# Beyond this the chains tell different stories; up to here (Stan's older limit) they agree, barely.
R_HAT_FAIL = 1.05
ESS_LIMIT = 400
# Single divergences among thousands of draws leave no bias that could be seen.
DIVERGENT_LIMIT = 0.001
# Share of divergent draws up to which a fit that otherwise converged is not thrown away.
_FEW_DIVERGENCES = 0.01
# Measure of cycles below which a graph has none once weak edges are cut.
CYCLES_LIMIT = 1e-3
# Fall of the validation error over the last tenth of training that says it ended too soon.
_STILL_FALLING = 0.02
_WORST_SHOWN = 3


class State(StrEnum):
    """How far a fit came."""

    CONVERGED = "converged"
    BARELY = "barely"
    NOT = "not"


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
    def state(self) -> State:
        """Converged within all limits; barely with few divergences and an R-hat up to 1.05."""
        agree = self.r_hat <= R_HAT_LIMIT and self.ess_bulk >= ESS_LIMIT
        if agree and self.divergent_share <= DIVERGENT_LIMIT:
            return State.CONVERGED
        few = self.divergent_share <= _FEW_DIVERGENCES
        return State.BARELY if self.r_hat <= R_HAT_FAIL and few else State.NOT

    @property
    def converged(self) -> bool:
        """Whether R-hat, ESS and divergences are all within their limits."""
        return self.state is State.CONVERGED

    @property
    def measure(self) -> tuple[str, float, float]:
        """What is judged first: its name, the worst value of it, and the limit of that."""
        return "largest R-hat", self.r_hat, R_HAT_LIMIT

    @property
    def figures(self) -> dict[str, float]:
        """What the sampler said about itself, for a table."""
        return {
            "divergences": self.divergences,
            "max_tree_depth": self.max_tree_depth,
            "draws": self.draws,
        }

    @property
    def sentence(self) -> str:
        """What to say of it to a reader of a report."""
        lead = {
            State.CONVERGED: "The sampler converged",
            State.BARELY: "The sampler converged, but barely",
            State.NOT: "The sampler did not converge",
        }[self.state]
        figures = (
            f"largest R-hat {self.r_hat:.3f}, smallest effective sample size {self.ess_bulk:.0f}, "
            f"{count(self.divergences, 'divergence')} in {count(self.draws, 'draw')}"
        )
        return f"{lead} ({figures}; limits: {R_HAT_LIMIT}, {ESS_LIMIT}, {DIVERGENT_LIMIT:.1%})."

    @property
    def trouble(self) -> str:
        """What went wrong and what to try, for the user who fitted; the worst variables named."""
        symptoms = []
        worst = self.worst().head(_WORST_SHOWN)
        if len(worst):
            named = "; ".join(
                f"{row.variable}{f'[{row.coordinate}]' if row.coordinate else ''} "
                f"R-hat {row.r_hat:.3f}, ESS {row.ess_bulk:.0f}"
                for row in worst.itertuples()
            )
            symptoms.append(f"R-hat above {R_HAT_LIMIT} or bulk ESS below {ESS_LIMIT}: {named}")
        if self.divergent_share > DIVERGENT_LIMIT:
            symptoms.append(f"{self.divergences} of {count(self.draws, 'draw')} diverged")
        return (
            f"The fit did not converge ({'. '.join(symptoms)}). Do not show its numbers; try "
            f"{', '.join(self._advice())} on the variables named."
        )

    @property
    def remedy(self) -> str:
        """What to do about it, for readers who know nothing of the model's variables."""
        return f"Fit the model again, with {', '.join(self._advice())}."

    def _advice(self) -> list[str]:
        advice = ["more draws and tune"] if len(self.worst()) else []
        if self.divergent_share > DIVERGENT_LIMIT:
            advice.append("a higher target_accept (such as 0.97)")
        return [*advice, "tighter priors"]

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


@dataclass(frozen=True)
class TrainingEnd(Convergence):
    """How the training of an ensemble ended; there are no chains to compare.

    Parameters
    ----------
    table, divergences, max_tree_depth, draws
        As for :class:`Convergence`: an empty table; members that fit worse than where they started;
        zero; and the number of members.
    epochs, best_epoch : int
        Epochs of training, and the one that the networks were taken from.
    cycles : float
        Largest measure of cycles over the members' graphs, zero without a graph.
    still_falling : float
        By what share the error on weeks not seen fell over the last tenth of training, where the
        last epoch was the best; else zero.
    """

    epochs: int = 0
    best_epoch: int = 0
    cycles: float = 0.0
    still_falling: float = 0.0

    @property
    def state(self) -> State:
        """Not, with a member that got worse or a cycle; barely, while errors were still falling."""
        if self.divergences or self.cycles >= CYCLES_LIMIT:
            return State.NOT
        return State.BARELY if self.still_falling > _STILL_FALLING else State.CONVERGED

    @property
    def measure(self) -> tuple[str, float, float]:
        """Members that did not train, of which there should be none."""
        return "members that did not train", float(self.divergences), 0.0

    @property
    def figures(self) -> dict[str, float]:
        """What training was, for a table."""
        return {
            "networks": self.draws,
            "epochs": self.epochs,
            "kept_epoch": self.best_epoch,
            "networks_that_did_not_train": self.divergences,
        }

    @property
    def sentence(self) -> str:
        """What to say of it to a reader of a report."""
        figures = f"networks of epoch {self.best_epoch} of {self.epochs}"
        if self.state is State.CONVERGED:
            return f"Training ended where it should ({figures})."
        if self.state is State.BARELY:
            return (
                f"Training ended while the error on weeks not seen was still falling, by "
                f"{self.still_falling:.0%} over its last tenth ({figures})."
            )
        return f"Training failed: {self._symptoms()} ({figures})."

    @property
    def trouble(self) -> str:
        """What went wrong and what to try."""
        if self.state is State.BARELY:
            return f"{self.sentence} Try more n_epochs in engine_options."
        return (
            f"{self.sentence} Do not show its numbers; try a lower learning_rate or more n_epochs "
            "in engine_options."
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        lower = "" if self.state is State.BARELY else "a lower learning_rate or "
        return f"Train the networks again, with {lower}more n_epochs in engine_options."

    def _symptoms(self) -> str:
        parts = []
        if self.divergences:
            networks = count(self.draws, "network")
            parts.append(f"{self.divergences} of {networks} fit worse than at the start")
        if self.cycles >= CYCLES_LIMIT:
            parts.append(f"a channel graph has cycles (h {self.cycles:.2g}, limit {CYCLES_LIMIT})")
        return " and ".join(parts)


def convergence(posterior: xr.Dataset, sample_stats: xr.Dataset) -> Convergence:
    """Compare the chains of a posterior, variable by variable, or say how training ended.

    Basis coefficients of smooth processes are left out, which have no meaning one by one, and
    graphs of channels, which are not drawn by chains.

    Parameters
    ----------
    posterior : xarray.Dataset
        With dims chain, draw and those of each variable.
    sample_stats : xarray.Dataset
        With ``diverging`` and ``depth`` of each draw; of an ensemble, with ``best_epoch``.

    Returns
    -------
    Convergence
    """
    if "best_epoch" in sample_stats:
        return _training_end(sample_stats)
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


def _training_end(sample_stats: xr.Dataset) -> TrainingEnd:
    epochs, best = sample_stats.sizes["epoch"], int(sample_stats["best_epoch"])
    errors = sample_stats["validation_error"].to_series()
    before = errors[errors.index <= 0.9 * epochs]
    falling = 0.0
    if len(before) and best == errors.index[-1] == epochs:
        falling = 1 - float(errors.iloc[-1] / before.iloc[-1])
    columns = ["variable", "coordinate", "r_hat", "ess_bulk", "ess_tail"]
    return TrainingEnd(
        table=pd.DataFrame({name: pd.Series(dtype=float) for name in columns}),
        divergences=int(sample_stats["diverging"].sum()),
        max_tree_depth=0,
        draws=int(sample_stats["diverging"].size),
        epochs=epochs,
        best_epoch=best,
        cycles=float(sample_stats["cycles"].max()),
        still_falling=max(falling, 0.0),
    )
