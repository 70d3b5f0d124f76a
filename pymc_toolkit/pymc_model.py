"""The facade: one client's model, from data to fit, predictions, returns and fleets."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit import storage
from pymc_toolkit.analysis import variables
from pymc_toolkit.analysis.diagnostics import warn_unless_converged
from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.media_share import with_media_share
from pymc_toolkit.analysis.prediction import Prediction, predict, prediction_table
from pymc_toolkit.analysis.returns import channel_returns
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.decision_methods import DecisionMethods
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit, sum_components
from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.exceptions import NotFittedError, SpecificationError
from pymc_toolkit.fleet_methods import FleetMethods
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.graph_methods import GraphMethods
from pymc_toolkit.health_methods import HealthMethods
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, GEO
from pymc_toolkit.prior_checks import checked_overrides
from pymc_toolkit.priors import component_parameters
from pymc_toolkit.refresh import RefreshRecord
from pymc_toolkit.report_methods import ReportMethods
from pymc_toolkit.return_methods import ReturnMethods
from pymc_toolkit.storage import SavedModel
from pymc_toolkit.uplift_methods import UpliftMethods
from pymc_toolkit.uplift_windows import check_spend_changes, seen_tests

if TYPE_CHECKING:
    from pymc_marketing.mmm import MMM

logger = logging.getLogger(__name__)

_GREEK = {"lam": "lambda"}
_SUMMARY_KEYS = {"variable", "coef", "ci_up_cassandra", "ci_low_cassandra"}


class PymcModel(
    ReturnMethods,
    DecisionMethods,
    FleetMethods,
    GraphMethods,
    UpliftMethods,
    HealthMethods,
    ReportMethods,
):
    """A client's media mix model.

    Parameters
    ----------
    client_data : pandas.DataFrame
        One row a period: daily, weekly or first-of-month. It is copied, never changed.
    target_name : str
        Column that media should move.
    date_column : str
        Column of dates, as text or timestamps.
    channel_names : sequence of str
        Columns of spend or exposure.
    control_names : sequence of str, optional
        Columns of other drivers.
    lag_max : int
        Number of periods over which an exposure acts, its own included.
    scale_data : bool
        Whether to scale target, channels and controls before fitting. Priors are on scaled data.
    saturation : {"michaelis_menten", "logistic", "hill", "tanh", "root"}
        Diminishing returns.
    time_varying_media : bool
        Whether media effectiveness may drift smoothly over time (one multiplier for all channels).
    adstock : {"geometric", "delayed", "weibull_pdf", "weibull_cdf", "binomial"}
        Carry-over.
    time_varying_intercept : bool
        Whether the baseline may drift smoothly over time.
    yearly_seasonality : int, optional
        Number of harmonics of the year.
    trend : bool or int
        True for a straight line; a number for that many changepoints.
    client_name : str
        Shown in logs and reports.
    model_priors : Mapping of str to Prior, optional
        Priors that replace defaults, by the names that ``model_priors`` shows.
    media_share : float, optional
        Share of the target that all media together are expected to bring before the data, which
        sets the prior of what a channel can bring. Default priors expect more the more channels
        there are; with many, returns at the margin and the uplift of budgets come out too high.
    random_seed : int, optional
        Seed of fits that name none; drawn at random, and kept, if not given.
    engine : {"bayesian", "deep"}
        Way to fit the model: a posterior, or an ensemble of networks (extra ``deep``), whose media
        coefficients move over time whatever ``time_varying_media`` says.
    geo_column : str, optional
        Column of regions: a panel, which the deep engine fits and the Bayesian refuses.
    target_scaler, channel_scaler, control_scaler : str
        See :class:`pymc_toolkit.client_config.ClientConfig`.
    cost_per_unit : Mapping of str to float or None, optional
        For channels that are not money: cost of one unit, None for one that was not bought.
    target_is_money : bool
        Whether the target is in the currency of the spend, so that an ROI of 1 is break-even.
    channel_dag : ChannelDag or str, optional
        How channels may drive each other: settings, or the name of a mode, such as ``"notears"``.
    dag_mode : str, optional
        Short form of ``channel_dag``.
    engine_options : Mapping of str to Any, optional
        Choices that only the deep engine has: ``members`` of the ensemble, ``media_share_prior``,
        and others of :class:`pymc_toolkit.engines.deep.DeepSettings`.

    Raises
    ------
    DataError, ColumnError
        If the table cannot be used as it is.
    SpecificationError, PriorError
        If the model is impossible.

    Examples
    --------
    >>> from pymc_toolkit.simulate import simulate_client
    >>> client = simulate_client(n_periods=60, n_channels=2)
    >>> model = PymcModel(client.data, "revenue", "date_week", client.channel_names, lag_max=4)
    >>> model
    PymcModel('client0': 60 periods, 2 channels, 0 controls; not fitted)
    """

    def __init__(
        self,
        client_data: pd.DataFrame,
        target_name: str,
        date_column: str,
        channel_names: Sequence[str],
        control_names: Sequence[str] | None = None,
        lag_max: int = 4,
        scale_data: bool = True,
        saturation: str = "michaelis_menten",
        time_varying_media: bool = False,
        *,
        adstock: str = "geometric",
        time_varying_intercept: bool = False,
        yearly_seasonality: int | None = None,
        trend: bool | int = False,
        client_name: str = "client0",
        model_priors: Mapping[str, Any] | None = None,
        media_share: float | None = None,
        random_seed: int | None = None,
        engine: str = "bayesian",
        geo_column: str | None = None,
        target_scaler: str = "max_abs",
        channel_scaler: str = "max_abs",
        control_scaler: str = "max_abs",
        cost_per_unit: Mapping[str, float | None] | None = None,
        target_is_money: bool = True,
        channel_dag: ChannelDag | str | None = None,
        dag_mode: str | None = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        spec = ModelSpec(
            lag_max=lag_max,
            adstock=adstock,
            saturation=saturation,
            time_varying_media=time_varying_media,
            time_varying_intercept=time_varying_intercept,
            yearly_seasonality=yearly_seasonality,
            trend=_changepoints(trend),
            channel_dag=_channel_dag(channel_dag, dag_mode),
            engine_options=engine_options or {},
        )
        self._engine = get_engine(engine)
        logger.info("Creating the client's data configuration.")
        self.config = ClientConfig(
            client_data,
            target_name,
            date_column,
            channel_names,
            control_names,
            client_name=client_name,
            scale_data=scale_data,
            geo_column=geo_column,
            target_scaler=target_scaler,
            channel_scaler=channel_scaler,
            control_scaler=control_scaler,
            cost_per_unit=cost_per_unit,
            target_is_money=target_is_money,
        )
        logger.info("Set up PyMCModel's basic configuration.")
        self._engine.check(self.config.model_data, spec)
        seed = _fresh_seed() if random_seed is None else random_seed
        self._sampling = Sampling(random_seed=seed)
        self.random_seed = self._sampling.random_seed
        if model_priors:
            spec = _with_priors(spec, model_priors, self.config)
            self._engine.check(self.config.model_data, spec)
        if media_share is not None:
            spec = with_media_share(engine, self.config.model_data, spec, media_share)
        self.spec = spec
        self._engine.advise(self.config.model_data, self.spec)
        self.refresh_history: list[RefreshRecord] = []
        self._fit: Fit | None = None
        self._fit_without_tests: Fit | None = None
        if self._engine.named_priors:
            _log_default_priors(self.spec, has_controls=bool(self.config.control_names))

    def __repr__(self) -> str:
        data = self.config.model_data
        return (
            f"PymcModel({self.config.client_name!r}: {data.n_periods} periods, "
            f"{len(data.channels)} channels, {len(data.controls)} controls; "
            f"{'fitted' if self._fit else 'not fitted'})"
        )

    @property
    def model_priors(self) -> dict[str, Any]:
        """Priors of the model on the scaled data, by name, overrides included."""
        return self._engine.priors(self.config.model_data, self.spec)

    @property
    def idata(self) -> xr.DataTree:
        """The fit as an ArviZ DataTree.

        Groups ``posterior`` (parameters on the scaled data), ``sample_stats``,
        ``posterior_predictive`` and ``observed_data`` (``y``, original units), ``constant_data``
        (media, controls and scales) and ``fit_data`` (covariates as the model saw them).
        """
        return self._fitted().idata

    @property
    def convergence(self) -> Convergence:
        """R-hat, effective sample sizes and divergences of the fit."""
        return self._fitted().convergence

    def fit(
        self,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        target_accept: float = 0.92,
        random_seed: int | None = None,
        progressbar: bool = True,
    ) -> PymcModel:
        """Sample the posterior and predict the training window.

        The deep engine reads the seed alone: how much it trains is set by ``engine_options``.

        Parameters
        ----------
        draws, tune, chains : int
            Draws kept per chain, draws for tuning before them, independent chains.
        target_accept : float
            Between 0 and 1; higher is slower and diverges less.
        random_seed : int, optional
            Same seed, same result; the model's own seed by default.
        progressbar : bool

        Returns
        -------
        PymcModel
            Itself.

        Warns
        -----
        ConvergenceWarning
            Once, if R-hat is above 1.01, bulk ESS below 400 or over 0.1% of draws diverged.
        """
        seed = self.random_seed if random_seed is None else random_seed
        sampling = Sampling(draws, tune, chains, target_accept, seed)
        self._fit = self._sample(self.config, self.spec, sampling, progressbar)
        self._sampling = sampling
        return self

    def predict(
        self, new_data: pd.DataFrame | None = None, ci_prob: float = CI_PROB
    ) -> pd.DataFrame:
        """Predict the target in original units, in the training window or after it.

        Carry-over from the end of the training window reaches into later periods.

        Parameters
        ----------
        new_data : pandas.DataFrame, optional
            Dates, channels and controls of the periods right after the training window; the
            training window itself by default.
        ci_prob : float
            Probability of the predictive interval.

        Returns
        -------
        pandas.DataFrame
            Index date, or date and region (as text); ``mean`` (expected target), ``ci_low`` and
            ``ci_high`` (interval of what may be observed).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        DataError, ColumnError
            For missing or extra columns, overlapping or gapped dates, and unusable values.
        """
        table = prediction_table(self._predict(new_data), ci_prob)
        names = (self.config.date_column, self.config.geo_column)
        return table.rename_axis(index=dict(zip((DATE, GEO), names, strict=True)))

    def predict_draws(self, new_data: pd.DataFrame | None = None) -> xr.DataArray:
        """Predictive draws behind :meth:`predict`.

        Parameters
        ----------
        new_data : pandas.DataFrame, optional
            As for :meth:`predict`.

        Returns
        -------
        xarray.DataArray
            Target in original units, dims chain, draw and date (and geo).
        """
        return self._predict(new_data).observation.rename(self.config.target_name)

    def refresh(
        self,
        new_data: pd.DataFrame,
        rescale: bool = False,
        progressbar: bool = True,
        **sampling: Any,
    ) -> PymcModel:
        """Add new periods, restate old ones where the new table has them, and refit.

        The scales of the first fit are kept, so that one scaled unit, and every prior on it, stays
        what it was. If anything goes wrong the model is left as it was.

        Parameters
        ----------
        new_data : pandas.DataFrame
            Every column that the model reads, target included.
        rescale : bool
            Whether to fit the scalers to the new window.
        progressbar : bool
        **sampling
            ``draws``, ``tune``, ``chains``, ``target_accept`` or ``random_seed``, where they should
            differ from the last fit's.

        Returns
        -------
        PymcModel
            Itself; ``refresh_history`` has one more record, with old and new ROI side by side.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        DataError, ColumnError
            If the tables together cannot be used as they are.
        """
        before = self._fitted()
        settings = self._sampling_with(sampling)
        config = self.config.refreshed(new_data, rescale)
        spec = _with_priors(self.spec, self.spec.prior_overrides, config)
        roi_before = self.roi()
        fit = self._sample(config, spec, settings, progressbar)
        roi_after = channel_returns(fit, config.cost_per_unit)
        record = RefreshRecord.of(before.training, fit.training, roi_before, roi_after)
        self.config, self.spec, self._fit, self._sampling = config, spec, fit, settings
        self.refresh_history.append(record)
        return self

    def summarize_variable(
        self, var_name: str, ci_prob: float = CI_PROB
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Posterior mean and interval of a variable, in original units where it has them.

        Parameters
        ----------
        var_name : str
            A variable of ``idata["posterior"]``.
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        dict or list of dict
            ``variable, coef, ci_up_cassandra, ci_low_cassandra``; for a variable with dims a list,
            each with its coordinates too (such as ``channel``).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the model has no such variable.
        """
        fit = self._fitted()
        for role in variables.unit_roles(fit, var_name):
            self.config.inverse_scaler(role)
        summaries = [
            {
                "variable": var_name,
                **coordinates,
                "coef": mean,
                "ci_up_cassandra": high,
                "ci_low_cassandra": low,
            }
            for coordinates, mean, low, high in variables.summarise_variable(fit, var_name, ci_prob)
        ]
        return summaries if summaries[0].keys() - _SUMMARY_KEYS else summaries[0]

    def fleet_subject(self, new_data: pd.DataFrame | None = None, **sampling: Any) -> Subject:
        """What a fleet tests: this model, with some sampling settings changed.

        Parameters
        ----------
        new_data : pandas.DataFrame, optional
            New or restated periods to add first, as for :meth:`refresh`.
        **sampling
            As for :meth:`refresh`.

        Returns
        -------
        Subject
        """
        settings = self._sampling_with(sampling)
        if new_data is None:
            return Subject(self.config, self._engine.name, self.spec, settings, self._fit)
        config = self.config.refreshed(new_data)
        spec = _with_priors(self.spec, self.spec.prior_overrides, config)
        return Subject(config, self._engine.name, spec, settings)

    def to_pymc_marketing(self) -> MMM:
        """The same model as an object of pymc-marketing, built on this client's scaled data.

        It is not fitted. Its media and controls are scaled, its target is in original units.

        Returns
        -------
        pymc_marketing.mmm.MMM

        Raises
        ------
        SpecificationError
            If the model has experiments, whose likelihood pymc-marketing does not have.
        """
        from pymc_toolkit.engines.bayesian.build import build_mmm

        return build_mmm(self.config.model_data, self.spec)

    def save(self, path: str | Path) -> Path:
        """Write the fitted model to one file, without any code in it.

        Parameters
        ----------
        path : str or Path
            netCDF file to write, such as ``client0.nc``.

        Returns
        -------
        Path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        saved = SavedModel(self.config, self._fitted(), self.random_seed, self.refresh_history)
        return storage.save(saved, path)

    @classmethod
    def load(cls, path: str | Path) -> PymcModel:
        """Read a model that :meth:`save` wrote; it predicts the same numbers.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        PymcModel

        Raises
        ------
        FileNotFoundError, SavedModelError
            If there is no such file, or it is not a saved model.
        """
        saved = storage.load(path)
        model = object.__new__(cls)
        model.config = saved.config
        model.spec = saved.fit.spec
        model.random_seed = saved.random_seed
        model.refresh_history = list(saved.history)
        model._engine = get_engine(saved.fit.engine)
        model._sampling = saved.fit.sampling
        model._fit = saved.fit
        model._fit_without_tests = None
        return model

    def _sample(
        self, config: ClientConfig, spec: ModelSpec, sampling: Sampling, progressbar: bool
    ) -> Fit:
        """Fit a configuration, predict its window and warn if the chains disagree."""
        covariates, target = config.covariates(), config.target()
        to_original = config.inverse_scaler("target")
        work = self._engine.describe(config.model_data, spec, sampling)
        logger.info("Sampling %s's MMM using %s.", config.client_name, work)
        fit = self._engine.fit(config.model_data, spec, sampling, progressbar)
        logger.info("Compute y_fit using the model's train data")
        expected = sum_components(self._engine.decompose(fit, fit.training))
        predicted = to_original(self._engine.observe(fit, expected, sampling.random_seed))
        fit.idata["posterior_predictive"] = xr.DataTree(predicted.to_dataset(name="y"))
        fit.idata["fit_data"] = xr.DataTree(_fit_data(covariates, target))
        warn_unless_converged(fit.convergence)
        logger.info("Sampling completed.")
        return fit

    def _predict(self, new_data: pd.DataFrame | None) -> Prediction:
        fit = self._fitted()
        if new_data is None:
            return predict(fit)
        future = self.config.future(new_data)
        joined = predict(fit, fit.training.followed_by(future))
        return joined.periods(slice(fit.training.n_periods, None))

    def _sampling_with(self, changes: Mapping[str, Any]) -> Sampling:
        """The last fit's sampling settings with some changed."""
        known = vars(self._sampling)
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise SpecificationError(
                f"Got sampling setting {unknown[0]!r}; expected some of "
                f"{', '.join(map(repr, known))}."
            )
        return replace(self._sampling, **changes)

    def _fitted(self) -> Fit:
        if self._fit is None:
            raise NotFittedError("The model has not been fitted; call fit() first.")
        return self._fit


def _fit_data(covariates: pd.DataFrame, target: xr.DataArray) -> xr.Dataset:
    """What the engine was given: covariates as scaled for it, the target in original units."""
    # The columns of dates and regions come first.
    values = covariates.iloc[:, target.ndim :]
    covered = values.to_numpy().reshape(*target.shape, -1)
    return xr.Dataset(
        {"covariates": ((*target.dims, "covariate"), covered), "target": target},
        coords={"covariate": values.columns.to_list()},
    )


def _with_priors(spec: ModelSpec, overrides: Mapping[str, Any], config: ClientConfig) -> ModelSpec:
    """The specification with the user's priors, checked against the data they will be used on."""
    data = config.model_data
    # New data may restate the spend that a test was about.
    check_spend_changes(seen_tests(spec.uplift_tests, data), data)
    sizes = {CHANNEL: len(data.channels), CONTROL: len(data.controls)}
    return replace(spec, prior_overrides=checked_overrides(overrides, spec, data.n_periods, sizes))


def _channel_dag(given: ChannelDag | str | None, mode: str | None) -> ChannelDag | None:
    if given is not None and mode is not None:
        raise SpecificationError("Got both channel_dag and dag_mode; expected one of them.")
    return ChannelDag.of(mode if given is None else given)


def _changepoints(trend: bool | int) -> int | None:
    """Number of changepoints of the trend; True is a straight line, which has one, at the start."""
    if isinstance(trend, bool | np.bool):
        return 1 if trend else None
    return trend


def _fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


def _log_default_priors(spec: ModelSpec, has_controls: bool) -> None:
    logger.info("Define PymcModel's default priors.")
    logger.info("Creating default priors for intercept and model's scale (y_sigma).")
    if has_controls:
        logger.info("Creating default priors for gamma control.")
    for prefix, component in (
        ("adstock", spec.adstock_component),
        ("saturation", spec.saturation_component),
    ):
        logger.info("Using %s %s.", component.label, prefix.capitalize())
        names = [
            _GREEK.get(parameter.name, parameter.name)
            for name, parameter in component_parameters(spec).items()
            if name.startswith(f"{prefix}_")
        ]
        logger.info("Creating default priors for %s %s.", prefix, " and ".join(names))
    for part, present in (
        ("Media", spec.time_varying_media),
        ("Intercept", spec.time_varying_intercept),
    ):
        if present:
            logger.info("Time-varying %s MMM.", part)
            logger.info("Creating default priors for Kernel's eta and length-scale.")
