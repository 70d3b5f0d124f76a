r"""The monthly job for one client: fit, check against held-out periods, report, recommend.

Without arguments it runs on the simulated client in data/ms.csv:

    python discoveries/main_job.py

For another client, name the file and its columns:

    python discoveries/main_job.py --data client.csv --date week --target revenue \
        --channels tv search --controls price --labels tv=Television search="Paid search"

It prints where its results are: the model's file, the report on the fit for the analyst, and the
report for the client, with the budget of the next quarter if the evidence carries one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from client_options import MS_LABELS, client_parser, model_of, parse, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import ProductionFleet, PymcModel
from pymc_toolkit.labels import check_labels


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job and say where its results are."""
    options = parse(job_parser(), arguments)
    labels = labels_of(options)
    # Before hours of sampling.
    check_labels(labels, columns_of(options))
    show_logs()

    model = model_of(options)
    model.fit(draws=options.draws, tune=options.tune)
    fleet = model.production_fleet(test_size=options.test_size)

    saved = model.save(options.output / f"{options.client}.nc")
    report = fleet.generate_report(output_html=options.output / f"{options.client}.html")
    client = model.client_report(
        options.output / f"{options.client}-client.html",
        holdout=fleet,
        labels=labels,
        progressbar=False,
    )
    show(model, fleet)
    Console(soft_wrap=True).print(
        f"Model:  {saved}\nReport: {report}\nReport for the client: {client}"
    )


def job_parser() -> argparse.ArgumentParser:
    """The command line of the job."""
    parser = client_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--test-size", type=int, default=4)
    parser.add_argument(
        "--labels",
        type=label,
        nargs="+",
        metavar="COLUMN=LABEL",
        help="what the client's report shows in place of names of columns",
    )
    return parser


def label(text: str) -> tuple[str, str]:
    """A column and what is shown in its place."""
    column, sign, shown = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected COLUMN=LABEL")
    return column, shown


def columns_of(options: argparse.Namespace) -> list[str]:
    """Columns that a label can be of."""
    return [options.target, *options.channels, *options.controls]


def labels_of(options: argparse.Namespace) -> dict[str, str]:
    """The labels given, or those of the simulated client's columns."""
    if options.labels is not None:
        return dict(options.labels)
    return {name: MS_LABELS[name] for name in columns_of(options) if name in MS_LABELS}


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
