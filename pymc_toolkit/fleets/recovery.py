"""Whether a model finds parameters that are known because they made the data.

Parameters are drawn, a target is simulated from the model on the client's own covariates, the model
is fitted to it, and what it finds is compared with what was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import TOTAL, decomposition, earned, totals
from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.returns import roi
from pymc_toolkit.arrays import coordinate_labels
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.calibration import inside, rank, tail_score, uniformity
from pymc_toolkit.fleets.graph_truths import graph_recovery
from pymc_toolkit.fleets.job import Job, Subject
from pymc_toolkit.fleets.judge import convergence_status, judge_convergence
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.recovery_checks import judge_edges, judge_ranks, judge_share
from pymc_toolkit.fleets.result import FleetResult, computed_once
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.fleets.truths import POSTERIOR, PRIOR, known_truths, simulated_experiments
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.names import (
    CHANNEL,
    DAG_VARIABLES,
    DATE,
    FITTED,
    SAMPLE,
    has_own_meaning,
)
from pymc_toolkit.priors import component_parameters
from pymc_toolkit.verdicts import Check, Status

if TYPE_CHECKING:
    from pymc_toolkit.reports.fleet_contract import FleetReport

# Total contribution of each channel, beside the true parameters of a simulation.
_CONTRIBUTION = "total_contribution"
# The same with credit along the channel graph.
_TOTAL = "credited_contribution"
# Shares of simulations that converged: enough, and too few to say anything.
CONVERGED_ENOUGH, CONVERGED_TOO_FEW = 0.9, 0.7
# Simulations below which ranks are shown but not judged.
FEWEST_RANKS = 20


class RecoveryFleet(FleetResult):
    """Fits to simulated targets, each beside the parameters that made it."""

    kind: ClassVar[str] = "recovery"

    def summary(self) -> dict[str, Any]:
        """Sampler diagnostics, scores in training, and how well parameters were recovered.

        Returns
        -------
        dict
            ``divergences`` (of all simulations), ``max_tree_depth``, ``train`` (means of ``mape,
            nrmse, r_squared, crps``) and ``recovery``: for each parameter the two-sided posterior
            tail probability of the truth, averaged over coordinates and simulations; 0.5 on average
            where inference is calibrated. Also ``failed``, by simulation, where any did.
        """
        single = [member.summary() for member in self.finished]
        failed = {member.name: member.summary()["failed"] for member in self.failed}
        if not single:
            return {"failed": failed}
        train = pd.DataFrame([summary["train"] for summary in single]).mean()
        return {
            "divergences": sum(summary["divergences"] for summary in single),
            "max_tree_depth": max(summary["max_tree_depth"] for summary in single),
            "train": train.to_dict(),
            "recovery": self.scores()["score"].to_dict(),
            **({} if self.graphs().empty else {"channel_graph": self.graphs().mean().to_dict()}),
            **({"failed": failed} if failed else {}),
        }

    @computed_once
    def parameters(self) -> pd.DataFrame:
        """Every true parameter of every simulation beside its posterior, on the scaled data.

        Returns
        -------
        pandas.DataFrame
            Long: ``member, parameter`` (as the summary names it), ``variable, coordinate, truth,
            mean, sd, ci_low, ci_high`` (90%), ``score`` (two-sided tail probability of the truth),
            ``inside_50, inside_90`` (bool), ``rank`` (in (0, 1)).
        """
        return pd.concat([_compare(member) for member in self.finished], ignore_index=True)

    @computed_once
    def scores(self) -> pd.DataFrame:
        """How well each parameter was recovered, over coordinates and simulations.

        Returns
        -------
        pandas.DataFrame
            Index parameter; ``score``, ``coverage_50, coverage_90``, ``bias`` (mean of estimate
            less truth, in posterior standard deviations), ``scalars`` (number of truths).
        """
        table = self.parameters()
        table["bias"] = (table["mean"] - table["truth"]) / table["sd"]
        return table.groupby("parameter", sort=False).agg(
            score=("score", "mean"),
            coverage_50=("inside_50", "mean"),
            coverage_90=("inside_90", "mean"),
            bias=("bias", "mean"),
            scalars=("truth", "size"),
        )

    @computed_once
    def channels(self) -> pd.DataFrame:
        """True and estimated total contribution and ROI of each channel in each simulation.

        Returns
        -------
        pandas.DataFrame
            Long: ``simulation, channel, truth, contribution, ci_low, ci_high, roi_truth, roi,
            roi_low, roi_high``; ROI is NaN where a channel has none.
        """
        return pd.concat([_channels(member) for member in self.finished], ignore_index=True)

    @computed_once
    def credited(self) -> pd.DataFrame:
        """True and estimated contributions with credit along the channel graph.

        Returns
        -------
        pandas.DataFrame
            Long: ``simulation, channel, truth, contribution, ci_low, ci_high``; without rows for a
            model without a channel graph.
        """
        tables = [_credited(member) for member in self.finished if member.job.spec.channel_dag]
        columns = ["simulation", "channel", "truth", "contribution", "ci_low", "ci_high"]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)

    @computed_once
    def graphs(self) -> pd.DataFrame:
        """How well the edges between channels were found in each simulation.

        Returns
        -------
        pandas.DataFrame
            Index simulation; ``precision, recall, f1`` of directed edges, ``shd`` (structural
            Hamming distance: edges to add, take away or turn) and ``edges`` (how many there are).
            Without rows for a model without a channel graph.
        """
        found = {
            member.name: graph_recovery(member.fit, _truth(member))
            for member in self.finished
            if member.job.spec.channel_dag
        }
        columns = ["precision", "recall", "f1", "shd", "edges"]
        table = pd.DataFrame.from_dict(found, orient="index", columns=columns)
        return table.rename_axis("simulation")

    @computed_once
    def uniformity(self) -> pd.DataFrame:
        """p-values of the hypothesis that ranks of the truth are uniform, as they should be.

        Returns
        -------
        pandas.DataFrame
            ``variable, coordinate, p_value``; one test for each, so some are small by chance.
        """
        grouped = self.parameters().groupby(["variable", "coordinate"], sort=False)["rank"]
        return grouped.apply(lambda ranks: uniformity(ranks.to_numpy())).reset_index(name="p_value")

    def _checks(self) -> Sequence[Check]:
        checks = [self._judge_convergence()]
        table = self.parameters()
        checks.append(judge_share("parameters", table["inside_90"].to_numpy()))
        channels = self.channels()
        within = channels["truth"].between(channels["ci_low"], channels["ci_high"])
        checks.append(judge_share("total contributions of channels", within.to_numpy()))
        if not self.graphs().empty:
            credited = self.credited()
            within = credited["truth"].between(credited["ci_low"], credited["ci_high"])
            checks.append(judge_share("contributions credited along the graph", within.to_numpy()))
            checks.append(judge_edges(self.graphs()))
        if len(self.finished) >= FEWEST_RANKS:
            checks.append(judge_ranks(self.uniformity(), len(self.finished)))
        return checks

    def _judge_convergence(self) -> Check:
        """A few simulations that did not converge are the simulations' fault, many the model's."""
        if len(self.finished) == 1:
            return judge_convergence(self.finished[0].convergence)
        states = [convergence_status(member.convergence) for member in self.finished]
        count = sum(state is not Status.FAIL for state in states)
        share = count / len(states)
        status = Status.PASS if share >= CONVERGED_ENOUGH else Status.REVIEW
        if share < CONVERGED_TOO_FEW:
            status = Status.FAIL
        return Check(
            "convergence",
            status,
            f"The sampler converged in {count} of {len(states)} simulations (expected: at least "
            f"{CONVERGED_ENOUGH:.0%}).",
            share,
            CONVERGED_ENOUGH,
        )

    def _report(self) -> FleetReport:
        from pymc_toolkit.reports.assemble_fleets import recovery_report

        return recovery_report(self)


def run_recovery(
    subject: Subject, n_simulations: int, source: str, running: Running
) -> RecoveryFleet:
    """Simulate targets from the model, and fit it to each.

    Parameters
    ----------
    subject : Subject
    n_simulations : int
    source : {"prior", "posterior"}
        Where the true parameters are drawn from.
    running : Running

    Returns
    -------
    RecoveryFleet

    Raises
    ------
    SpecificationError
        If ``n_simulations`` is not a whole number of at least 1, the source is unknown, or a client
        has both regions and a channel graph.
    NotFittedError
        If the source is the posterior of a model that has not been fitted.
    """
    if subject.data.is_panel and subject.spec.channel_dag:
        raise SpecificationError(
            "Got a client with regions and a channel graph; expected one of the two, since spend "
            "along a graph is simulated for one series only. Leave out channel_dag, or sum the "
            "regions."
        )
    n_simulations = whole_number("n_simulations", n_simulations)
    if source not in (PRIOR, POSTERIOR):
        raise SpecificationError(f"Got source={source!r}; expected 'prior' or 'posterior'.")
    first, *seeds = subject.seeds(n_simulations + 1)
    known = known_truths(subject, source, n_simulations, first)
    jobs = [_plan(subject, known[number], number, seed) for number, seed in enumerate(seeds)]
    options = {
        "n_simulations": n_simulations,
        "source": source,
        "random_seed": subject.sampling.random_seed,
    }
    return RecoveryFleet(run_jobs(jobs, running), options)


def _plan(subject: Subject, known: Fit, number: int, seed: int) -> Job:
    """Make one simulation's data from its true parameters, and a job that looks for them."""
    data, components = known.training, decomposition(known)
    scale = data.scale("target")
    # Not the seed of the fit, whose sampler would then start with the same numbers.
    noise, measuring = np.random.SeedSequence(seed).generate_state(2).tolist()
    expected = components[FITTED] / scale
    # An ensemble's errors may be drawn many times around each of its members.
    observed = get_engine(known.engine).observe(known, expected, noise) * scale
    target = observed.isel(chain=0, draw=0, drop=True).transpose(*data.dataset["target"].dims)
    # Basis coefficients and what follows from them have no meaning one by one.
    readable = [
        name
        for name in known.posterior.data_vars
        if has_own_meaning(str(name)) and DATE not in known.posterior[name].dims
    ]
    truth = known.posterior[readable].assign({_CONTRIBUTION: earned(components)})
    if subject.spec.channel_dag:
        truth[_TOTAL] = earned(decomposition(known, kind=TOTAL))
    tests = simulated_experiments(known, np.random.default_rng(measuring))
    simulated = data.dataset.assign(target=(target.dims, target.values))
    # The client's scales are kept: the prior that drew the parameters is on them.
    return replace(subject, spec=replace(subject.spec, uplift_tests=tests)).job(
        f"simulation {number + 1}",
        replace(data, dataset=simulated),
        data.n_periods,
        seed,
        truth=truth.isel(chain=0, draw=0).drop_vars(SAMPLE),
    )


def _truth(member: Member) -> xr.Dataset:
    if member.job.truth is None:
        raise SpecificationError(f"Got member {member.name!r} without a truth to compare with.")
    return member.job.truth


def _compare(member: Member) -> pd.DataFrame:
    """Each true parameter of one simulation beside its posterior."""
    truth, posterior = _truth(member), member.fit.posterior
    rows = []
    for variable, parameter in _parameters(member).items():
        draws = posterior[variable].stack(sample=SAMPLE).transpose("sample", ...).values
        draws = draws.reshape(len(draws), -1)
        true = np.atleast_1d(truth[variable].values).ravel()
        low, high = np.quantile(draws, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2], axis=0)
        columns = {
            "member": member.name,
            "parameter": parameter,
            "variable": variable,
            "coordinate": coordinate_labels(posterior[variable]),
            "truth": true,
            "mean": draws.mean(axis=0),
            "sd": draws.std(axis=0),
            "ci_low": low,
            "ci_high": high,
            "score": tail_score(draws, true),
            "inside_50": inside(draws, true, 0.5),
            "inside_90": inside(draws, true, 0.9),
            "rank": rank(draws, true),
        }
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


def _parameters(member: Member) -> dict[str, str]:
    """Variables that a simulation knows the truth of, and what the summary calls them, in order."""
    known = [
        str(name)
        for name in _truth(member).data_vars
        # Edges are not the same in every fit; how well they are found is a question of its own.
        if name in member.fit.posterior and name not in DAG_VARIABLES
    ]
    last = list(component_parameters(member.job.spec))
    first = [name for name in known if name.startswith("y_")]
    first += [name for name in ("intercept", "gamma_control") if name in known]
    middle = [name for name in known if name not in first and name not in last]
    ordered = [*first, *middle, *(name for name in last if name in known)]
    return {name: "controls" if name == "gamma_control" else name for name in ordered}


def _credited(member: Member) -> pd.DataFrame:
    """True and estimated contributions of one simulation, credited along the channel graph."""
    table = totals(decomposition(member.fit, kind=TOTAL))
    table = table[["contribution", "ci_low", "ci_high"]]
    table.insert(0, "truth", _truth(member)[_TOTAL].to_series())
    table = table.rename_axis(CHANNEL).reset_index()
    table.insert(0, "simulation", member.name)
    return table


def _channels(member: Member) -> pd.DataFrame:
    """True and estimated contribution and ROI of each channel of one simulation."""
    components, job = member.contributions(), member.job
    true = _truth(member)[_CONTRIBUTION].to_series()
    found = totals(components)
    media = job.data.dataset["media"]
    returns = roi(components["channels"], media, job.client.cost_per_unit)
    table = pd.DataFrame(
        {
            "truth": true,
            "contribution": found["contribution"],
            "ci_low": found["ci_low"],
            "ci_high": found["ci_high"],
            "roi_truth": true / returns["spend"].where(returns["spend"] > 0),
            "roi": returns["roi"],
            "roi_low": returns["ci_low"],
            "roi_high": returns["ci_high"],
        }
    )
    table = table.loc[found.index].rename_axis(CHANNEL).reset_index()
    table.insert(0, "simulation", member.name)
    return table
