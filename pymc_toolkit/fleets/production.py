"""The monthly run: hold out the last periods, train on the rest, score, judge and report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binom

from pymc_toolkit.analysis.diagnostics import (
    ESS_LIMIT,
    R_HAT_LIMIT,
    Convergence,
    convergence,
    warn_unless_converged,
)
from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.prediction import predict, prediction_table
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.dates import season_length
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import DataError, DataWarning, warn_user
from pymc_toolkit.fleets.scoring import (
    MODEL,
    SEASONAL_NAIVE,
    TRAINING_MEAN,
    naive_scores,
    score,
)
from pymc_toolkit.metrics import coverage
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling, whole_number
from pymc_toolkit.names import DATE
from pymc_toolkit.validation import fewest_periods
from pymc_toolkit.verdicts import Check, Status, Verdict

logger = logging.getLogger(__name__)

# Chance below which too few periods inside their intervals are no accident.
_RARE = 0.05


@dataclass(frozen=True)
class ProductionFleet:
    """A client's model trained without the last periods, and how it did on them.

    Parameters
    ----------
    client_name, target_name : str
    fit : Fit
        Trained on all periods but the held-out ones.
    data : ModelData
        All periods.
    test_size : int
        Number of periods held out at the end.
    train, test : dict
        ``mape, nrmse, r_squared, crps`` in and out of sample.
    naive : pandas.DataFrame
        The same metrics of naive predictions of the held-out periods.
    coverage : float
        Share of the held-out periods inside their predictive interval.
    convergence : Convergence
    cost_per_unit : dict
    target_is_money : bool
        As given to the client's configuration.
    """

    client_name: str
    target_name: str
    fit: Fit
    data: ModelData
    test_size: int
    train: dict[str, float]
    test: dict[str, float]
    naive: pd.DataFrame
    coverage: float
    convergence: Convergence
    cost_per_unit: dict[str, float | None]
    target_is_money: bool

    def summary(self) -> dict[str, Any]:
        """Sampler diagnostics, and scores in and out of sample.

        Returns
        -------
        dict
            ``divergences``, ``max_tree_depth``, and ``train`` and ``test``, each with ``mape``,
            ``nrmse``, ``r_squared`` and ``crps``.
        """
        return {
            "divergences": self.convergence.divergences,
            "max_tree_depth": self.convergence.max_tree_depth,
            "train": dict(self.train),
            "test": dict(self.test),
        }

    def scores(self) -> pd.DataFrame:
        """Scores on the held-out periods of the model and of naive predictions.

        Returns
        -------
        pandas.DataFrame
            Index ``model, seasonal naive, training mean``; columns ``mape, nrmse, r_squared,
            crps``.
        """
        return pd.concat([pd.DataFrame({MODEL: self.test}).T, self.naive])

    def verdict(self) -> Verdict:
        """Judge convergence, and the holdout by naive predictions and by its own intervals.

        Good predictions do not prove that effects are credited to the right channels; bad ones
        cast doubt on it.

        Returns
        -------
        Verdict
        """
        return Verdict(
            (
                _judge_convergence(self.convergence),
                *(
                    _judge_skill(self.test["crps"], float(self.naive.loc[name, "crps"]), name)
                    for name in (SEASONAL_NAIVE, TRAINING_MEAN)
                ),
                _judge_coverage(self.coverage, self.test_size),
            )
        )

    def __repr__(self) -> str:
        return (
            f"ProductionFleet({self.client_name!r}: {self.test_size} of {self.data.n_periods} "
            f"periods held out; {self.verdict().status})"
        )

    def generate_report(self, output_html: str | Path) -> Path:
        """Write the report as one HTML file that opens without a network.

        Parameters
        ----------
        output_html : str or Path
            File to write; missing folders are made.

        Returns
        -------
        Path
            Of the file written.
        """
        from pymc_toolkit.reports.assemble import model_report
        from pymc_toolkit.reports.render import write

        report = model_report(
            self.fit,
            self.data,
            client=self.client_name,
            target_name=self.target_name,
            verdict=self.verdict(),
            scores=self.scores(),
            train_scores=self.train,
            diagnostics=self.convergence,
            cost_per_unit=self.cost_per_unit,
            target_is_money=self.target_is_money,
        )
        return write(report, output_html)


def run_production(
    config: ClientConfig,
    engine: str,
    spec: ModelSpec,
    sampling: Sampling,
    test_size: int = 4,
    progressbar: bool = True,
) -> ProductionFleet:
    """Train without the last periods and score the prediction of them.

    Parameters
    ----------
    config : ClientConfig
    engine : str
    spec : ModelSpec
    sampling : Sampling
    test_size : int
        Number of periods to hold out, at least 1.
    progressbar : bool

    Returns
    -------
    ProductionFleet

    Raises
    ------
    SpecificationError
        If ``test_size`` is not a whole number of at least 1.
    DataError
        If too few periods remain to train on.
    """
    test_size = whole_number("test_size", test_size)
    everything = config.model_data
    longest = everything.n_periods - fewest_periods(spec.lag_max)
    if test_size > longest:
        raise DataError(
            f"Got test_size={test_size} of {everything.n_periods} periods; expected at most "
            f"{longest}, so that enough remain to train on. Hold out fewer periods."
        )
    # Scales are of the training window alone: what is held out must not reach the fit.
    training = everything.window(None, -test_size).rescaled()
    data = training.followed_by(everything.window(-test_size, None))
    launched = training.launches(data)
    if launched:
        warn_user(
            f"First on air in the held-out periods: {', '.join(map(repr, launched))}. The model "
            "has not seen them, so what it predicts of them is the prior's; judge the holdout "
            "accordingly, or hold out fewer periods.",
            DataWarning,
        )
    logger.info(
        "Training %s's MMM without the last %d of %d periods.",
        config.client_name,
        test_size,
        data.n_periods,
    )
    fit = get_engine(engine).fit(training, spec, sampling, progressbar)
    diagnostics = convergence(fit)
    warn_unless_converged(diagnostics)
    prediction = predict(fit, data)
    target = data.dataset["target"].to_series()
    held_out = slice(-test_size, None)
    known = slice(None, -test_size)
    interval = prediction_table(prediction)[held_out]
    return ProductionFleet(
        client_name=config.client_name,
        target_name=config.target_name,
        fit=fit,
        data=data,
        test_size=test_size,
        train=score(target.to_numpy()[known], prediction.isel({DATE: known})),
        test=score(target.to_numpy()[held_out], prediction.isel({DATE: held_out})),
        naive=naive_scores(target, test_size, season_length(data.frequency)),
        coverage=coverage(target[held_out], interval["ci_low"], interval["ci_high"]),
        convergence=diagnostics,
        cost_per_unit=config.cost_per_unit,
        target_is_money=config.target_is_money,
    )


def _judge_convergence(result: Convergence) -> Check:
    """Pass within all limits; review for a few divergences or a low ESS alone; else fail."""
    share = result.divergences / result.draws
    figures = (
        f"largest R-hat {result.r_hat:.3f}, smallest effective sample size {result.ess_bulk:.0f}, "
        f"{result.divergences} divergences in {result.draws} draws"
    )
    if result.converged:
        status, lead = Status.PASS, "The sampler converged"
    elif result.r_hat <= R_HAT_LIMIT and share <= 0.01:
        status, lead = Status.REVIEW, "The sampler converged, but barely"
    else:
        status, lead = Status.FAIL, "The sampler did not converge"
    limits = f"limits: {R_HAT_LIMIT}, {ESS_LIMIT}, 0"
    return Check("convergence", status, f"{lead} ({figures}; {limits}).", result.r_hat, R_HAT_LIMIT)


def _judge_skill(model: float, naive: float, name: str) -> Check:
    """Pass if the model's error on the holdout is below a naive prediction's, else review."""
    against = {SEASONAL_NAIVE: "last year's values", TRAINING_MEAN: "the average so far"}[name]
    check = f"holdout against {name}"
    if naive != naive or model != model:
        return Check(
            check,
            Status.REVIEW,
            f"The held-out periods could not be compared with {against}: that takes a year of "
            "history before them, at most a year of them, and a target that is not zero.",
        )
    better = model < naive
    return Check(
        check,
        Status.PASS if better else Status.REVIEW,
        f"Given the media that ran, the model's error on the held-out periods (relative CRPS) is "
        f"{model:.1%} of the target's size, against {naive:.1%} for predicting {against}: the "
        f"model is {'better' if better else 'no better'}.",
        model,
        naive,
    )


def _judge_coverage(share: float, periods: int) -> Check:
    """Review if so few periods inside their intervals would be rare were the intervals right."""
    inside = round(share * periods)
    chance = float(binom.cdf(inside, periods, CI_PROB))
    usual = chance >= _RARE
    return Check(
        "holdout intervals",
        Status.PASS if usual else Status.REVIEW,
        f"{inside} of {periods} held-out periods fell inside their {CI_PROB:.0%} intervals"
        + (
            ", no fewer than chance allows." if usual else ": the model is surer than it should be."
        ),
        share,
        CI_PROB,
    )
