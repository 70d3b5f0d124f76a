"""What the scripts share: a client named on the command line, and the model of it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.logging import RichHandler

from pymc_toolkit import PymcModel

ROOT = Path(__file__).resolve().parent.parent

MS_CHANNELS = {
    "snapchat_cost": "Snapchat",
    "facebook_ads_conversions_cost": "Facebook conversions",
    "facebook_ads_brand_awareness_cost": "Facebook awareness",
    "facebook_ads_engagement_cost": "Facebook engagement",
    "google_ads_video_cost": "Google video",
    "google_ads_shopping_cost": "Google Shopping",
    "google_ads_search_men_cost": "Google search men",
    "google_ads_search_kids_cost": "Google search kids",
    "google_ads_display_only_cost": "Google display",
    "google_ads_search_brand_cost": "Google search brand",
    "google_ads_search_women_cost": "Google search women",
    "google_ads_search_others_cost": "Google search others",
    "youtube_organic_views": "YouTube organic",
}
# What readers are shown in place of the names of columns.
MS_LABELS = {"ecommerce_revenue": "online revenue", "emails_delivered": "emails"} | MS_CHANNELS


def client_parser(description: str) -> argparse.ArgumentParser:
    """A command line that names a client; the defaults are the simulated one's."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "ms.csv")
    parser.add_argument("--client", help="name of the client; the file's by default")
    parser.add_argument("--date", default="date_week")
    parser.add_argument("--target", default="ecommerce_revenue")
    parser.add_argument("--channels", nargs="+", default=list(MS_CHANNELS))
    parser.add_argument("--controls", nargs="*")
    parser.add_argument("--organic", nargs="*", help="channels that were not bought")
    parser.add_argument("--target-is-no-money", action="store_true", help="orders, visits, …")
    parser.add_argument("--lag-max", type=int, default=4)
    parser.add_argument(
        "--media-share",
        type=float,
        default=0.5,
        help="share of the target expected of all media, before the data; 0 for default priors",
    )
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=63)
    parser.add_argument("--output", type=Path, default=ROOT / "output")
    return parser


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line and fill in what follows from it."""
    options = parser.parse_args(arguments)
    is_ms = options.channels == list(MS_CHANNELS)
    if options.controls is None:
        options.controls = ["events", "emails_delivered"] if is_ms else []
    if options.organic is None:
        options.organic = ["youtube_organic_views"] if is_ms else []
    options.client = options.client or options.data.stem
    return options


def model_of(options: argparse.Namespace, **more: Any) -> PymcModel:
    """The model of the user guide, of the client named, with a prior of all media together."""
    return PymcModel(
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
        media_share=options.media_share or None,
        **more,
    )


def show_logs() -> None:
    """Print what the package logs."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)]
    )
    logging.getLogger("pymc_toolkit").setLevel(logging.INFO)
