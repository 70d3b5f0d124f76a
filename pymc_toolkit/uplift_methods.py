"""Experiments of a model: the part of the facade that lets it learn from them."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Self

import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB, check_probability
from pymc_toolkit.analysis.uplift import uplift_table
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.uplift_tests import BOUND, UpliftTest
from pymc_toolkit.engines.base import Engine, Fit
from pymc_toolkit.exceptions import (
    DataWarning,
    SpecificationError,
    UpliftTestError,
    warn_user,
)
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.uplift_windows import check_spend_changes, check_uplift_tests, read_uplift_tests

# Standard errors beyond which an effect of the wrong sign is no chance.
_CLEARLY = 3
logger = logging.getLogger(__name__)

LIKELIHOOD, POTENTIAL, PRIOR = WAYS = ("likelihood", "potential", "prior")


class UpliftMethods(ABC):
    """What a model does with experiments."""

    config: ClientConfig
    spec: ModelSpec
    random_seed: int
    _engine: Engine
    _fit: Fit | None
    _fit_without_tests: Fit | None

    def add_uplift_tests(
        self, tests: pd.DataFrame | UpliftTest | Iterable[UpliftTest], kind: str = LIKELIHOOD
    ) -> Self:
        """Let the next fit learn from experiments.

        A test says how much more was sold because of a change of spend on one channel. The model
        says so too: what the channel earned in the measured periods with the changed spend, less
        what it would have earned without, carry-over, saturation and time variation included. With
        ``kind="likelihood"`` the measured value is an observation of that difference with the
        test's standard error: the right way for anything that was measured. With
        ``kind="potential"`` the difference is only kept softly within ``lower`` and ``upper``: for
        what the business holds to be possible without having measured it. A penalty that jumps at
        its limits would have no slope to lead the sampler back, so this one grows with the square
        of the distance, in units of ``sigma``. With ``kind="prior"`` the prior of the channel's
        amplitude is matched to the test, at its 5% and 95% quantiles (of a bound, ``lower`` and
        ``upper``): for knowledge from elsewhere, such as another market, that the data may
        overrule. It says less than the likelihood, which also learns of carry-over and saturation,
        and it is a prior from then on and no test any more: nothing leaves it out where the test
        would be, and a rescaling refresh changes what it means. It needs an amplitude whose prior
        is a Gamma by channel, as ``michaelis_menten`` and ``root`` have it. A test should be told
        in one way only.

        Other tests are part of the model from then on: they are saved and loaded with it, kept by
        :meth:`PymcModel.refresh`, and part of every fleet (a member whose training ends before a
        test was over does not know it).

        Parameters
        ----------
        tests : pandas.DataFrame, UpliftTest or iterable of UpliftTest
            One test a row, with columns named as the fields of :class:`UpliftTest`: ``channel,
            start, end, effect, sigma, spend_change, included, measured_until, level, lower, upper,
            robust, geo, name``, of which a measured test needs the first five. The columns of
            pymc-marketing's lift tests (``channel, x, delta_x, delta_y, sigma``) are taken too.
        kind : {"likelihood", "potential", "prior"}

        Returns
        -------
        PymcModel
            Itself, not fitted: call :meth:`PymcModel.fit`.

        Raises
        ------
        UpliftTestError
            If a test is impossible, not about this client's data, or there already.
        """
        if kind not in WAYS:
            raise SpecificationError(
                f"Got kind={kind!r}; expected one of {', '.join(map(repr, WAYS))}."
            )
        given = read_uplift_tests(tests)
        for test in given:
            _check_kind(test, kind)
        everything = (*self.spec.uplift_tests, *given)
        data = self.config.model_data
        check_uplift_tests(everything, data)
        check_spend_changes(given, data)
        _warn_of_signs(given)
        if kind == PRIOR:
            learnt = self._engine.prior_of_tests(data, self.spec, given, self.random_seed)
            overrides = {**self.spec.prior_overrides, **learnt}
            self.spec = replace(self.spec, prior_overrides=overrides)
        else:
            spec = replace(self.spec, uplift_tests=everything)
            self._engine.check(data, spec)
            if self._fit is not None and not self.spec.uplift_tests:
                self._fit_without_tests = self._fit
            self.spec = spec
        # It answers for another model now.
        self._fit = None
        return self

    def remove_uplift_tests(self, *labels: str) -> Self:
        """Take tests back, such as one that contradicts all other evidence.

        Parameters
        ----------
        *labels : str
            As :meth:`uplift_summary` shows them; without any, all tests are taken back.

        Returns
        -------
        PymcModel
            Itself, not fitted.

        Raises
        ------
        UpliftTestError
            If the model has no such test.
        """
        known = [test.label for test in self.spec.uplift_tests]
        strange = [label for label in labels if label not in known]
        if strange or not known:
            raise UpliftTestError(
                f"Got {strange[0] if strange else 'no label'!r}; expected some of the model's "
                f"tests: {', '.join(map(repr, known)) or 'it has none'}."
            )
        kept = [test for test in self.spec.uplift_tests if labels and test.label not in labels]
        self.spec = replace(self.spec, uplift_tests=tuple(kept))
        self._fit = None
        return self

    @property
    def uplift_tests(self) -> tuple[UpliftTest, ...]:
        """The experiments that the model learns from."""
        return self.spec.uplift_tests

    def uplift_summary(self, ci_prob: float = CI_PROB, progressbar: bool = True) -> pd.DataFrame:
        """What experiments taught the model: measured beside modelled, before and after.

        Before is the same model without its tests. If it was not fitted before they were added, it
        is fitted now, once.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed intervals.
        progressbar : bool

        Returns
        -------
        pandas.DataFrame
            One row a test; columns as :func:`pymc_toolkit.analysis.uplift.uplift_table` has them. A
            small ``p_after`` says that the test contradicts the other evidence; a ``p_before`` that
            it was a surprise.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the model has no tests.
        """
        after = self._fitted()
        if not self.spec.uplift_tests:
            raise SpecificationError(
                "Got a model without experiments; call add_uplift_tests() and fit() first."
            )
        check_probability(ci_prob)
        return uplift_table(
            self.spec.uplift_tests,
            self._without_tests(progressbar),
            after,
            self.config.cost_per_unit,
            ci_prob,
        )

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""

    @abstractmethod
    def _sample(
        self, config: ClientConfig, spec: ModelSpec, sampling: Sampling, progressbar: bool
    ) -> Fit:
        """Fit a configuration."""

    def _without_tests(self, progressbar: bool) -> Fit:
        """A fit of the model on the same window, without its tests."""
        fit, known = self._fitted(), self._fit_without_tests
        spec = replace(fit.spec, uplift_tests=())
        # Priors, periods and draws may be others since.
        if (
            known is None
            or known.spec != spec
            or known.training.digest() != fit.training.digest()
            or replace(known.sampling, random_seed=0) != replace(fit.sampling, random_seed=0)
        ):
            logger.info("Fitting the model without its experiments, to compare.")
            known = self._sample(self.config, spec, fit.sampling, progressbar)
            self._fit_without_tests = known
        return known


def _warn_of_signs(tests: Iterable[UpliftTest]) -> None:
    """More spend never lowers what a model expects, less never raises it."""
    for test in tests:
        more = test.change is None or test.change > 0
        against = -test.total if more else test.total
        if against > _CLEARLY * test.total_sigma:
            warn_user(
                f"Got an effect of {test.total:g} in the test {test.label!r} of "
                f"{'more' if more else 'less'} spend, which no model of diminishing returns can "
                "reproduce. An effect is the outcome with the change of spend less that without "
                "it; with spend_change='off', what all of the spend brought. Change the sign if it "
                "was meant so.",
                DataWarning,
            )


def _check_kind(test: UpliftTest, kind: str) -> None:
    if kind != PRIOR and (test.kind == BOUND) != (kind == POTENTIAL):
        has = "bounds" if test.kind == BOUND else "a measured effect"
        other = POTENTIAL if test.kind == BOUND else LIKELIHOOD
        raise UpliftTestError(
            f"Got the test {test.label!r} with {has} and kind={kind!r}; expected kind={other!r}."
        )
