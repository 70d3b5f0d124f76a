"""Fill a report's contract from a fit."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.channel_graph import channel_graph
from pymc_toolkit.analysis.contributions import (
    by_period,
    credited,
    decomposition,
    earned,
    moved_credit,
    totals,
)
from pymc_toolkit.analysis.diagnostics import prior_against_posterior
from pymc_toolkit.analysis.intervals import CI_PROB, summarise
from pymc_toolkit.analysis.response import media_effectiveness, observed_spend, response_curves
from pymc_toolkit.analysis.returns import roi
from pymc_toolkit.analysis.uplift import uplift_table
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import digest_of
from pymc_toolkit.names import CHANNEL, DATE, FITTED, GEO
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import MediaSharePull, ModelReport, Provenance
from pymc_toolkit.reports.graph_contract import GraphReport
from pymc_toolkit.reports.region_contract import RegionReport
from pymc_toolkit.verdicts import Status, Verdict
from pymc_toolkit.version import __version__

# Beside the engine's own.
_PACKAGES = ("arviz", "numpy")


def model_report(
    member: Member, verdict: Verdict, scores: pd.DataFrame, without_tests: Member | None = None
) -> ModelReport:
    """Gather everything that a report on one fit shows.

    Parameters
    ----------
    member : Member
        Of a fleet; trained without some periods at the end.
    verdict : Verdict
    scores : pandas.DataFrame
        Of the model and naive predictions on the held-out periods.
    without_tests : Member, optional
        The same fit without the experiments that the member knows.

    Returns
    -------
    ModelReport
    """
    fit, data, client = member.fit, member.job.data, member.job.client
    target_name, costs = client.target_name, client.cost_per_unit
    diagnostics = member.convergence
    components = decomposition(fit, data)
    channels = totals(components)
    returns = _report_returns(components, data, costs)
    first, last = (f"{date.day} {date:%B %Y}" for date in (data.dates[0], data.dates[-1]))
    fitted = over_regions(components[FITTED].sum(DATE))
    media = summarise(earned(components).sum(CHANNEL) / fitted)
    media_share = (float(media["mean"]), float(media["ci_low"]), float(media["ci_high"]))
    return ModelReport(
        title=f"What media did for {client.name}",
        client=client.name,
        question=(
            f"How much of {target_name}{_where(data)} did each channel bring from {first} to "
            f"{last}, and does the model pass its checks? It was trained without the last "
            f"{member.job.held_out} periods, which it then had to predict."
        ),
        headline=_headline(verdict, media_share, channels, target_name),
        target_name=target_name,
        target_is_money=client.target_is_money,
        ci_prob=CI_PROB,
        verdict=verdict,
        fit=member.prediction.reset_index(names=DATE),
        media_share=media_share,
        scores=scores,
        train_scores=dict(member.train),
        components=by_period(components),
        totals=channels,
        roi=returns,
        curves=response_curves(fit),
        observed=observed_spend(fit),
        priors=prior_against_posterior(fit),
        diagnostics=diagnostics.by_variable(),
        sampler=diagnostics.figures,
        multiplier=media_effectiveness(fit),
        provenance=provenance(fit, data),
        experiments=_experiments(fit, without_tests, costs),
        pull=_pull(fit),
        graph=_graph(fit, data, components, returns, costs),
        regions=region_reports([member]),
    )


def region_reports(members: Sequence[Member]) -> dict[str, RegionReport]:
    """How well members predicted each region, by member; empty for models of one series.

    Parameters
    ----------
    members : sequence of Member
        That were fitted.
    """
    return {
        member.name: RegionReport(member.job.held_out, member.regions, member.by_region)
        for member in members
        if member.regions is not None and member.by_region is not None
    }


def _where(data: ModelData) -> str:
    """Where the figures are from, if there is more than one region."""
    return f" in {count(data.dataset.sizes[GEO], 'region')}" if data.is_panel else ""


def _pull(fit: Fit) -> MediaSharePull | None:
    stats = fit.sample_stats
    if "media_share_prior" not in stats:
        return None
    return MediaSharePull(
        prior=float(stats["media_share_prior"]),
        weight=float(stats["media_share_weight"]),
        share=float(stats["media_share"].mean()),
        without=float(stats["media_share_without_prior"].mean()),
    )


def _experiments(
    fit: Fit, without_tests: Member | None, costs: Mapping[str, float | None]
) -> pd.DataFrame | None:
    if not fit.spec.uplift_tests:
        return None
    before = None if without_tests is None or without_tests.failure else without_tests.fit
    return uplift_table(fit.spec.uplift_tests, before, fit, costs)


def _graph(
    fit: Fit,
    data: ModelData,
    components: xr.Dataset,
    direct: pd.DataFrame,
    costs: Mapping[str, float | None],
) -> GraphReport | None:
    if fit.spec.channel_dag is None:
        return None
    graph = channel_graph(fit)
    along, moved = credited(fit, components, data)
    total = _report_returns(along, data, costs)
    returns = {"roi": "", "ci_low": "_low", "ci_high": "_high"}
    sides = {
        f"{kind}{end}": table[column]
        for kind, table in (("direct", direct), ("total", total))
        for column, end in returns.items()
    }
    return GraphReport(
        edges=graph.edges(),
        order=tuple(graph.order),
        moved=moved_credit(moved, components),
        returns=pd.DataFrame(
            {**sides, "contribution": total["contribution"], "paid": direct["paid"]}
        ),
        check=graph.judge(),
        varsortability=graph.varsortability,
    )


def provenance(fit: Fit, data: ModelData) -> Provenance:
    """Where the numbers come from.

    Parameters
    ----------
    fit : Fit
    data : ModelData
        All periods that the report is about.

    Returns
    -------
    Provenance
    """
    sampling, engine = fit.sampling, get_engine(fit.engine)
    recipe = {
        "engine": fit.engine,
        **fit.spec.to_dict(),
        **engine.recipe(fit.training, fit.spec),
        "sampling": asdict(sampling),
        "training_periods": fit.training.n_periods,
    }
    return Provenance(
        engine=fit.engine,
        first_date=str(data.dates[0].date()),
        last_date=str(data.dates[-1].date()),
        n_periods=data.n_periods,
        frequency=data.frequency,
        random_seed=sampling.random_seed,
        sampling=engine.plan(fit.training, fit.spec, sampling),
        held_out=data.n_periods - fit.training.n_periods,
        spec=recipe,
        spec_hash=digest_of(recipe),
        data_hash=data.digest(),
        versions=software(engine.packages),
        created=timestamp(),
    )


def software(of_engine: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    packages = {package: version(package) for package in dict.fromkeys((*of_engine, *_PACKAGES))}
    return {"Python": platform.python_version(), "pymc_toolkit": __version__, **packages}


def timestamp() -> str:
    """The time now, as ISO text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _headline(
    verdict: Verdict,
    media_share: tuple[float, float, float],
    earned: pd.DataFrame,
    target_name: str,
) -> str:
    """The finding in one sentence: media's share and the largest channel, if there is one."""
    if verdict.status is Status.FAIL:
        return "No finding yet: the model failed its checks, so its figures are for diagnosis only."
    largest = earned.loc[earned["contribution"].idxmax()]
    share, low, high = media_share
    return (
        f"Media brought {share:.0%} of {target_name} ({low:.0%} to {high:.0%}); the largest part "
        f"came from {largest.name}, {largest['share']:.0%} ({largest['share_low']:.0%} to "
        f"{largest['share_high']:.0%})."
    )


def _report_returns(
    components: xr.Dataset, data: ModelData, cost_per_unit: Mapping[str, float | None]
) -> pd.DataFrame:
    """ROI of channels bought with money, and contribution per unit of the others."""
    returns = roi(components["channels"], data.dataset["media"], cost_per_unit)
    unpaid = [name for name, cost in cost_per_unit.items() if cost is None]
    table = returns.drop(columns="exposure").assign(
        paid=~returns.index.isin(unpaid), money=~returns.index.isin(list(cost_per_unit))
    )
    units = returns.loc[unpaid, "exposure"]
    per_unit = (
        totals(components)
        .loc[unpaid, ["contribution", "ci_low", "ci_high"]]
        .div(units.where(units > 0), axis=0)
    )
    table.loc[unpaid, "spend"] = units
    table.loc[unpaid, ["roi", "ci_low", "ci_high"]] = per_unit.to_numpy()
    return table
