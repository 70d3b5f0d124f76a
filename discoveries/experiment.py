r"""From the raw sales of regions to a model that has learnt from the test that ran in them.

Without arguments it simulates a test on the client of data/ms.csv, a channel switched off in some
regions for four weeks, and takes it all the way to the report:

    python discoveries/experiment.py

With a table of your own (one row a region and date; the client as for main_job.py):

    python discoveries/experiment.py --regions sales.csv --treated north south --start 2024-03-04 \
        --end 2024-03-31 --channel tv --data client.csv --date week --target revenue \
        --channels tv web

It prints the estimate and what it rests on, what the model says of it before and after, and where
the report is. Needs the extra: python -m pip install ".[experiments]"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from client_options import client_parser, model_of, parse, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import simulate_ms
from pymc_toolkit.dates import parse_dates
from pymc_toolkit.experiments import difference_in_differences, synthetic_control
from pymc_toolkit.simulate_experiments import simulate_geo_test

METHODS = {"did": difference_in_differences, "synthetic": synthetic_control}
_FIRST_WEEK, _SEED = 120, 4


@dataclass(frozen=True)
class RawTest:
    """A test as it comes: regional sales, where and when the channel was off."""

    regions: pd.DataFrame
    treated: list[str]
    start: str
    end: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Estimate the test, teach it to the model, and say where the report is."""
    options = read(arguments)
    show_logs()
    console = Console(soft_wrap=True)
    raw = raw_test(options)
    estimate = METHODS[options.method](raw.regions, raw.treated, raw.start, raw.end)
    share = market_share(raw)
    # What the spend that there still was brought: that of the other regions.
    others = (1 - share) / share
    console.print(str(estimate))
    console.print(f"Treated regions are {share:.1%} of the market.")
    for sentence in estimate.market_assumptions(others):
        console.print(f"- {sentence}")
    test = estimate.to_uplift_test(
        options.channel, raw.start, raw.end, spend_change="off", population=others
    )
    model = model_of(options).add_uplift_tests(test)
    model.fit(draws=options.draws, tune=options.tune)
    console.print(learnt(model.uplift_summary()))
    fleet = model.production_fleet(test_size=options.test_size)
    report = fleet.generate_report(output_html=options.output / f"{options.client}.html")
    saved = model.save(options.output / f"{options.client}.nc")
    console.print(f"{fleet.verdict().sentence}\nModel:  {saved}\nReport: {report}")


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; without regions, simulate them and the client with the test in it."""
    parser = client_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--regions", type=Path, help="CSV with date, region, outcome")
    parser.add_argument("--treated", nargs="+", help="regions without the channel")
    parser.add_argument("--start", help="first day of the test")
    parser.add_argument("--end", help="last day of the test")
    parser.add_argument("--channel", default="google_ads_shopping_cost")
    parser.add_argument("--method", choices=METHODS, default="did")
    parser.add_argument("--test-size", type=int, default=4)
    options = parse(parser, arguments)
    if options.regions is not None and not (options.treated and options.start and options.end):
        parser.error("--regions needs --treated, --start and --end")
    return options


def raw_test(options: argparse.Namespace) -> RawTest:
    """The test of the files named, or a simulated one."""
    if options.regions is not None:
        table = pd.read_csv(options.regions)
        return RawTest(table, options.treated, options.start, options.end)
    simulated = simulate_geo_test(simulate_ms(), options.channel, _FIRST_WEEK, seed=_SEED)
    options.client = "experiment"
    options.data = options.output / "experiment.csv"
    options.output.mkdir(parents=True, exist_ok=True)
    simulated.client_data.to_csv(options.data, index=False)
    return RawTest(simulated.regions, simulated.treated, simulated.start, simulated.end)


def market_share(raw: RawTest) -> float:
    """Share of the treated regions in all sales before the test."""
    dates, regions = parse_dates(raw.regions["date"]), raw.regions["region"].astype(str)
    earlier = dates < pd.Timestamp(raw.start)
    before = raw.regions["outcome"][earlier].groupby(regions[earlier]).sum()
    return float(before[[str(region) for region in raw.treated]].sum() / before.sum())


def learnt(summary: pd.DataFrame) -> Table:
    """What was measured beside what the model says of it, and the channel's return."""
    table = Table(title="What the experiment taught the model, 90% intervals")
    for heading in ("", "measured", "model without it", "model with it"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in summary.itertuples():
        table.add_row(
            f"effect of {row.test}",
            f"{row.measured:,.0f} ± {1.645 * row.sigma:,.0f}",
            f"{row.before:,.0f} ({row.before_low:,.0f} to {row.before_high:,.0f})",
            f"{row.after:,.0f} ({row.after_low:,.0f} to {row.after_high:,.0f})",
        )
        table.add_row(
            f"return of {row.channel}",
            "",
            f"{row.roi_before:.2f} ({row.roi_before_low:.2f} to {row.roi_before_high:.2f})",
            f"{row.roi_after:.2f} ({row.roi_after_low:.2f} to {row.roi_after_high:.2f})",
        )
    return table


if __name__ == "__main__":
    main()
