r"""The monthly job for one client: fit, check against held-out periods, report.

Without arguments it runs on the simulated client in data/ms.csv:

    python discoveries/main_job.py

For another client, name the file and its columns:

    python discoveries/main_job.py --data client.csv --date week --target revenue \
        --channels tv search --controls price

It prints where the report and the model file are.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from pymc_toolkit import ProductionFleet, PymcModel

ROOT = Path(__file__).resolve().parent.parent

MS_CHANNELS = [
    "snapchat_cost",
    "facebook_ads_conversions_cost",
    "facebook_ads_brand_awareness_cost",
    "facebook_ads_engagement_cost",
    "google_ads_video_cost",
    "google_ads_shopping_cost",
    "google_ads_search_men_cost",
    "google_ads_search_kids_cost",
    "google_ads_display_only_cost",
    "google_ads_search_brand_cost",
    "google_ads_search_women_cost",
    "google_ads_search_others_cost",
    "youtube_organic_views",
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job and say where its results are."""
    options = parse(arguments)
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)]
    )
    logging.getLogger("pymc_toolkit").setLevel(logging.INFO)

    model = PymcModel(
        client_data=pd.read_csv(options.data),
        target_name=options.target,
        date_column=options.date,
        channel_names=options.channels,
        control_names=options.controls,
        lag_max=options.lag_max,
        scale_data=True,
        saturation="michaelis_menten",
        time_varying_media=True,
        client_name=options.client,
        random_seed=options.seed,
        cost_per_unit=dict.fromkeys(options.organic),
        target_is_money=not options.target_is_no_money,
    )
    model.fit(draws=options.draws, tune=options.tune)
    fleet = model.production_fleet(test_size=options.test_size)

    saved = model.save(options.output / f"{options.client}.nc")
    report = fleet.generate_report(output_html=options.output / f"{options.client}.html")
    show(model, fleet)
    Console(soft_wrap=True).print(f"Model:  {saved}\nReport: {report}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; the defaults are the simulated client's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "ms.csv")
    parser.add_argument("--client", help="name of the client; the file's by default")
    parser.add_argument("--date", default="date_week")
    parser.add_argument("--target", default="ecommerce_revenue")
    parser.add_argument("--channels", nargs="+", default=MS_CHANNELS)
    parser.add_argument("--controls", nargs="*")
    parser.add_argument("--organic", nargs="*", help="channels that were not bought")
    parser.add_argument("--target-is-no-money", action="store_true", help="orders, visits, …")
    parser.add_argument("--lag-max", type=int, default=4)
    parser.add_argument("--test-size", type=int, default=4)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=63)
    parser.add_argument("--output", type=Path, default=ROOT / "output")
    options = parser.parse_args(arguments)
    is_ms = options.channels is MS_CHANNELS
    if options.controls is None:
        options.controls = ["events", "emails_delivered"] if is_ms else []
    if options.organic is None:
        options.organic = ["youtube_organic_views"] if is_ms else []
    options.client = options.client or options.data.stem
    return options


def show(model: PymcModel, fleet: ProductionFleet) -> None:
    """Print returns, holdout scores and the verdict."""
    console = Console()
    returns = Table(title="Return on spend, 90% interval")
    for heading in ("channel", "spend", "contribution", "ROI", "from", "to"):
        returns.add_column(heading, justify="left" if heading == "channel" else "right")
    for row in model.roi().itertuples():
        amounts = (f"{row.spend:,.0f}", f"{row.contribution:,.0f}")
        returns.add_row(row.Index, *amounts, *(f"{x:.2f}" for x in row[4:]))
    scores = Table(title=f"Error on the last {fleet.test_size} periods, held out")
    for heading in ("prediction", *fleet.scores().columns):
        scores.add_column(heading)
    for row in fleet.scores().itertuples():
        scores.add_row(row.Index, *(f"{x:.3f}" for x in row[1:]))
    console.print(returns, scores, fleet.verdict().sentence)


if __name__ == "__main__":
    main()
