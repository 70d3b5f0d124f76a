"""A made-up report with realistic numbers and awkward names, to test drawing without a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.reports.contract import ModelReport, Provenance
from pymc_toolkit.reports.graph_contract import GraphReport
from pymc_toolkit.verdicts import Check, Status, Verdict

NASTY = "</script><script>alert(1)</script>"
QUOTED = """Пошук & "Ads" <b>it's</b>"""
UNPAID = "youtube_organic_views"
BEST = "google_ads_shopping_cost"

# Weekly contribution, its relative uncertainty, weekly spend.
_CHANNELS: dict[str, tuple[float, float, float]] = {
    "snapchat_cost": (1_150, 0.45, 520),
    "facebook_ads_conversions_cost": (7_600, 0.16, 4_150),
    "facebook_ads_brand_awareness_cost": (1_700, 0.35, 1_050),
    "facebook_ads_engagement_cost": (420, 0.70, 410),
    "google_ads_video_cost": (2_100, 0.30, 1_650),
    BEST: (8_700, 0.12, 3_700),
    "google_ads_search_men_cost": (1_250, 0.40, 620),
    "google_ads_search_kids_cost": (190, 0.55, 480),
    NASTY: (900, 0.30, 2_000),
    "google_ads_search_brand_cost": (5_200, 0.14, 830),
    QUOTED: (2_300, 0.28, 1_120),
    "google_ads_search_others_cost": (260, 0.80, 190),
    UNPAID: (780, 0.50, 23_000),
}
_HELD_OUT = 4
_PERIODS = 161


def example_report(**changes: Any) -> ModelReport:
    """Make the report of a fashion shop: 161 weeks, 13 channels (one unpaid), 4 weeks held out."""
    rng = np.random.default_rng(7)
    dates = pd.date_range("2021-01-04", periods=_PERIODS, freq="W-MON")
    components = _components(rng, dates)
    totals = _totals(components)
    report = ModelReport(
        title="Media mix model",
        client="Müller & Søn <Fashion>",
        question="What did each channel earn from January 2021 to January 2024, and where should "
        "the next euro go?",
        headline="Media brought 49% of online revenue. Google Shopping earned the most, and brand "
        "search returned the most for every euro spent.",
        target_name="ecommerce_revenue",
        target_is_money=True,
        ci_prob=0.94,
        verdict=_verdict(),
        fit=_fit(rng, components),
        media_share=_media_share(components, totals),
        scores=pd.DataFrame(
            {
                "mape": [0.052, 0.118, 0.164],
                "nrmse": [0.061, 0.139, 0.187],
                "r_squared": [0.71, -0.35, np.nan],
                "crps": [0.034, np.nan, np.nan],
            },
            index=["model", "seasonal naive", "training mean"],
        ),
        train_scores={"mape": 0.031, "nrmse": 0.038, "r_squared": 0.95, "crps": 0.021},
        components=components,
        totals=totals,
        roi=_roi(totals),
        curves=_curves(),
        observed=pd.DataFrame(
            {name: {"mean": spend * 1.1, "max": spend * 2.0} for name, (_, _, spend) in _items()}
        ).T,
        priors=_priors(rng),
        diagnostics=_diagnostics(rng),
        sampler={"divergences": 3.0, "max_tree_depth": 8.0, "draws": 4_000.0},
        multiplier=_multiplier(dates),
        provenance=_provenance(dates),
        experiments=example_experiments(),
        graph=example_graph(totals),
    )
    return dataclasses.replace(report, **changes)


def example_experiments() -> pd.DataFrame:
    """Make what four experiments taught: a surprise, a confirmation, a contradiction, a bound."""
    nan = float("nan")
    columns = (
        *("test", "channel", "window", "kind", "measured", "sigma", "lower", "upper"),
        *("before", "before_low", "before_high", "after", "after_low", "after_high"),
        *("p_before", "p_after", "roi_before", "roi_before_low", "roi_before_high"),
        *("roi_after", "roi_after_low", "roi_after_high", "interval_change"),
    )
    rows = [
        (
            *(f"{BEST}, 2023-03-06 to 2023-04-02", BEST, "2023-03-06 to 2023-04-02", "normal"),
            *(31_000.0, 3_000.0, nan, nan, 18_000.0, 9_000.0, 27_500.0),
            *(29_500.0, 25_000.0, 34_000.0, 0.021, 0.62, 2.4, 1.2, 3.6, 3.9, 3.3, 4.5, -0.5),
        ),
        (
            *(NASTY, NASTY, "from 2,000 a period", "robust", 900.0, 400.0, nan, nan),
            *(1_000.0, 350.0, 1_700.0, 960.0, 500.0, 1_400.0, 0.85, 0.91),
            *(0.45, 0.2, 0.8, 0.44, 0.25, 0.63, -0.37),
        ),
        (
            *(f"{QUOTED} switched off", QUOTED, "2023-05-01 to 2023-05-28", "normal"),
            *(-4_000.0, 1_000.0, nan, nan, 5_500.0, 2_000.0, 9_000.0),
            *(300.0, 40.0, 900.0, 0.0004, 0.0009, 2.0, 0.9, 3.1, 0.1, 0.01, 0.3, -0.87),
        ),
        (
            *("between 3 and 10 thousand", "google_ads_video_cost", "2021", "bound"),
            *(nan, 1_000.0, 3_000.0, 10_000.0, 12_000.0, 4_000.0, 21_000.0),
            *(8_000.0, 4_000.0, 10_500.0, nan, nan, 1.3, 0.5, 2.2, 0.9, 0.5, 1.2, -0.6),
        ),
    ]
    return pd.DataFrame(rows, columns=columns)


# Cause, effect, lag, probability, that of the other way round, spend per unit.
_LINKS = (
    ("facebook_ads_brand_awareness_cost", "google_ads_search_brand_cost", 0, 1.0, 0.0, 0.31),
    ("google_ads_video_cost", "google_ads_search_brand_cost", 0, 0.97, 0.01, 0.12),
    ("google_ads_search_brand_cost", BEST, 0, 0.93, 0.04, 1.4),
    (BEST, "google_ads_search_others_cost", 0, 0.88, 0.07, 0.03),
    ("facebook_ads_brand_awareness_cost", NASTY, 1, 0.83, np.nan, 0.4),
    (NASTY, QUOTED, 0, 0.52, 0.44, -0.2),
    ("google_ads_video_cost", UNPAID, 2, 0.78, np.nan, 6.5),
    ("facebook_ads_engagement_cost", "snapchat_cost", 0, 0.55, 0.37, 0.6),
    ("snapchat_cost", "facebook_ads_engagement_cost", 0, 0.37, 0.55, 0.2),
)


def example_graph(totals: pd.DataFrame) -> GraphReport:
    """Make a graph of the example's channels: clear, later and undirected links, and none."""
    return _graph(totals, _LINKS)


def small_example(**changes: Any) -> ModelReport:
    """Make a report of four channels: one link is certain, one without direction, one later."""
    names = ["google_ads_video_cost", BEST, NASTY, "snapchat_cost"]
    report = only_channels(names)
    video, shopping, nasty, snap = names
    edges = (
        (video, shopping, 0, 1.0, 0.0, 0.12),
        (shopping, nasty, 0, 0.5, 0.46, 0.2),
        (snap, shopping, 1, 0.81, np.nan, 0.5),
    )
    graph = _graph(report.totals, edges)
    return dataclasses.replace(report, **{"graph": graph, **changes})


def _graph(totals: pd.DataFrame, links: Sequence[tuple[Any, ...]]) -> GraphReport:
    columns = ["cause", "effect", "lag", "probability", "reverse", "spend"]
    edges = pd.DataFrame(list(links), columns=columns)
    edges = edges.assign(
        weight=edges["spend"] / 2,
        spend_low=edges["spend"] - 0.25 * edges["spend"].abs(),
        spend_high=edges["spend"] + 0.25 * edges["spend"].abs(),
        in_graph=edges["probability"] >= 0.5,
        direction=np.where(edges["probability"] > 0.6, "clear", "not identifiable"),
    ).sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    edges["ci_low"], edges["ci_high"] = edges["spend_low"] / 2, edges["spend_high"] / 2
    edges.loc[edges["probability"] == 1, "direction"] = "known"
    returns = _roi(totals)
    amount = 0.3 * edges["effect"].map(totals["contribution"]) * np.sign(edges["spend"])
    moved = edges[["cause", "effect"]].assign(
        amount=amount, ci_low=0.6 * amount, ci_high=1.5 * amount, share=0.3 * np.sign(amount)
    )
    moved = moved.drop_duplicates(["cause", "effect"])
    change = (
        moved.groupby("cause")["amount"]
        .sum()
        .sub(moved.groupby("effect")["amount"].sum(), fill_value=0.0)
    )
    total = totals["contribution"].add(change, fill_value=0.0).loc[totals.index]
    scale = total / totals["contribution"]
    sides = {"roi": "", "ci_low": "_low", "ci_high": "_high"}
    direct = {f"direct{end}": returns[name] for name, end in sides.items()}
    through = {f"total{end}": returns[name] * scale for name, end in sides.items()}
    order = [*dict.fromkeys([*edges["cause"], *edges["effect"], *totals.index])]
    unknown = edges[edges["in_graph"] & (edges["direction"] == "not identifiable")]
    return GraphReport(
        edges=edges,
        order=tuple(order),
        moved=moved,
        returns=pd.DataFrame({**direct, **through, "contribution": total, "paid": returns["paid"]}),
        check=Check(
            "channel graph",
            Status.REVIEW,
            "Not identifiable which way: "
            + ", ".join(f"{row.cause} and {row.effect}" for row in unknown.itertuples())
            + ".",
            float(len(unknown)),
        ),
        varsortability=0.62,
    )


def only_channels(names: list[str], **changes: Any) -> ModelReport:
    """Keep some channels of the example and drop the others everywhere."""
    full = example_report()
    rest = [name for name in full.totals.index if name not in names]
    dropped = full.priors["coordinate"].isin(rest)
    return dataclasses.replace(
        full,
        components=full.components.drop(columns=rest),
        totals=full.totals.loc[names],
        roi=full.roi.loc[names],
        curves=full.curves[full.curves["channel"].isin(names)],
        observed=full.observed.loc[names],
        priors=full.priors[~dropped],
        **{"graph": None, **changes},
    )


def _media_share(components: pd.DataFrame, totals: pd.DataFrame) -> tuple[float, float, float]:
    share = float(totals["contribution"].sum() / components.to_numpy().sum())
    return share, share - 0.06, share + 0.07


def _items() -> list[tuple[str, tuple[float, float, float]]]:
    return list(_CHANNELS.items())


def _components(rng: np.random.Generator, dates: pd.DatetimeIndex) -> pd.DataFrame:
    weeks = np.arange(len(dates))
    season = np.sin(2 * np.pi * weeks / 52.18)
    table = {
        "baseline": np.full(len(dates), 31_000.0),
        "trend": 18.0 * weeks,
        "seasonality": 2_600.0 * season,
        "events": 3_400.0 * (rng.random(len(dates)) < 0.12),
        "emails_delivered": rng.uniform(900, 2_400, len(dates)),
    }
    for i, (name, (level, _, _)) in enumerate(_items()):
        on_air = (rng.random(len(dates) // 4 + 1) < 0.7).repeat(4)[: len(dates)]
        always = i in (1, 5, 9)
        table[name] = level * np.exp(0.25 * rng.standard_normal(len(dates)) + 0.2 * season)
        table[name] *= 1.0 if always else on_air / 0.7
    return pd.DataFrame(table, index=pd.Index(dates, name="date"))


def _totals(components: pd.DataFrame) -> pd.DataFrame:
    fitted = components.to_numpy().sum()
    rows = {}
    for name, (_, spread, _) in _items():
        total = components[name].sum()
        low, high = total * (1 - 0.9 * spread), total * (1 + 1.1 * spread)
        rows[name] = {
            "contribution": total,
            "ci_low": low,
            "ci_high": high,
            "share": total / fitted,
            "share_low": low / fitted,
            "share_high": high / fitted,
        }
    return pd.DataFrame(rows).T


def _roi(totals: pd.DataFrame) -> pd.DataFrame:
    spend = pd.Series({name: spend * _PERIODS for name, (_, _, spend) in _items()})[totals.index]
    return pd.DataFrame(
        {
            "spend": spend,
            "contribution": totals["contribution"],
            "roi": totals["contribution"] / spend,
            "ci_low": totals["ci_low"] / spend,
            "ci_high": totals["ci_high"] / spend,
            "paid": totals.index != UNPAID,
            "money": totals.index != UNPAID,
        }
    )


def _fit(rng: np.random.Generator, components: pd.DataFrame) -> pd.DataFrame:
    mean = components.to_numpy().sum(axis=1)
    noise = 2_100.0
    surprise = rng.standard_normal(len(mean))
    surprise[-_HELD_OUT:] = [0.4, -1.1, 0.9, 1.5]
    return pd.DataFrame(
        {
            "date": components.index,
            "actual": mean + noise * surprise,
            "mean": mean,
            "ci_low": mean - 1.88 * noise,
            "ci_high": mean + 1.88 * noise,
            "holdout": np.arange(len(mean)) >= len(mean) - _HELD_OUT,
        }
    )


def _curves() -> pd.DataFrame:
    tables = []
    for i, (name, (level, spread, spend)) in enumerate(_items()):
        grid = np.linspace(0, 3.0 * spend, 61)
        half = spend * (0.3 + 0.25 * (i % 6))
        mean = level * (1 + half / spend) * grid / (half + grid)
        tables.append(
            pd.DataFrame(
                {
                    "channel": name,
                    "spend": grid,
                    "mean": mean,
                    "ci_low": mean * (1 - 0.9 * spread),
                    "ci_high": mean * (1 + 1.1 * spread),
                    "observed": grid <= 2.0 * spend,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _priors(rng: np.random.Generator) -> pd.DataFrame:
    channels = [name for name, _ in _items()]
    modes = [f"{wave}_{i}" for wave in ("sin", "cos") for i in (1, 2)]
    variables: list[tuple[str, list[str], tuple[float, float, float], float]] = [
        ("intercept", [""], (-0.3, 0.3, 0.9), 0.42),
        ("y_sigma", [""], (0.01, 0.3, 0.9), 0.04),
        ("media_temporal_latent_multiplier_raw_eta", [""], (0.05, 0.7, 2.3), 0.3),
        ("media_temporal_latent_multiplier_raw_ls", [""], (9.0, 30.0, 160.0), 41.0),
        ("adstock_alpha", channels, (0.02, 0.23, 0.64), 0.3),
        ("saturation_lam", channels, (0.05, 0.68, 2.2), 0.6),
        ("saturation_alpha", channels, (0.01, 0.35, 1.4), 0.22),
        ("gamma_control", ["events", "emails_delivered"], (-0.09, 0.0, 0.09), 0.03),
        ("gamma_fourier", modes, (-0.5, 0.0, 0.5), 0.04),
    ]
    rows = []
    for variable, coordinates, (low, median, high), centre in variables:
        for coordinate in coordinates:
            middle = centre * rng.uniform(0.6, 1.4)
            half = rng.uniform(0.05, 0.9) * (high - low) / 2
            rows.append(
                {
                    "variable": variable,
                    "coordinate": coordinate,
                    "prior_low": low,
                    "prior_median": median,
                    "prior_high": high,
                    "posterior_low": max(middle - half, low),
                    "posterior_median": middle,
                    "posterior_high": middle + half,
                }
            )
    return pd.DataFrame(rows)


def _diagnostics(rng: np.random.Generator) -> pd.DataFrame:
    names = list(dict.fromkeys(_priors(np.random.default_rng(0))["variable"]))
    return pd.DataFrame(
        {
            "r_hat": 1.0 + rng.uniform(0.0, 0.012, len(names)),
            "ess_bulk": rng.uniform(380, 3_900, len(names)),
            "ess_tail": rng.uniform(500, 3_500, len(names)),
        },
        index=pd.Index(names, name="variable"),
    )


def _multiplier(dates: pd.DatetimeIndex) -> pd.DataFrame:
    mean = 1.0 + 0.18 * np.cos(2 * np.pi * np.arange(len(dates)) / 140)
    return pd.DataFrame({"date": dates, "mean": mean, "ci_low": mean - 0.1, "ci_high": mean + 0.11})


def _verdict() -> Verdict:
    return Verdict(
        (
            Check(
                "Convergence",
                Status.PASS,
                "All chains agree: the largest R-hat is 1.008 and the smallest effective sample "
                "size is 412.",
                1.008,
                1.01,
            ),
            Check(
                "Divergences",
                Status.REVIEW,
                "3 of 4,000 draws diverged; a data scientist should look at where before the "
                "numbers are used.",
                3,
                0,
            ),
            Check(
                "Beats the seasonal naive",
                Status.PASS,
                "On the 4 held-out weeks the model was off by 5.2% on average, last year's values "
                "by 11.8%.",
                0.052,
                0.118,
            ),
            Check(
                "Beats the training mean",
                Status.PASS,
                "On the 4 held-out weeks the model was off by 5.2% on average, the mean of the "
                "past by 16.4%.",
                0.052,
                0.164,
            ),
            Check(
                "Interval coverage",
                Status.PASS,
                "The 94% interval held 4 of 4 held-out weeks.",
                1.0,
                0.94,
            ),
            Check(
                "Share of media",
                Status.PASS,
                "Media explains 49% of the fitted target, which is plausible for a shop that "
                "sells online only.",
                None,
                None,
            ),
        )
    )


def _provenance(dates: pd.DatetimeIndex) -> Provenance:
    return Provenance(
        engine="bayesian",
        first_date=str(dates[0].date()),
        last_date=str(dates[-1].date()),
        n_periods=len(dates),
        held_out=4,
        frequency="W-MON",
        random_seed=1729,
        sampling={"draws": 1000, "tune": 1000, "chains": 4, "target_accept": 0.9},
        spec={
            "channels": list(_CHANNELS),
            "adstock": {"kind": "geometric", "l_max": 4},
            "saturation": {"kind": "michaelis_menten"},
            "priors": {"intercept": "Normal(0.3, 0.3)"},
        },
        spec_hash="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        data_hash="60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        versions={"python": "3.12.8", "pymc": "6.3.0", "pymc-marketing": "1.3.0"},
        created="2024-02-06T09:30:00+00:00",
    )
