r"""Which channel drives which, and who is to be credited: a plain model beside one with a graph.

Without arguments it simulates a client of whose search spend 40% is caused by TV, and sets both
models beside the truth:

    python discoveries/channel_graph.py

With a table of your own (the client as for main_job.py), and what you know of its channels:

    python discoveries/channel_graph.py --data client.csv --date week --target revenue \
        --channels tv social search --order tv social search --required tv:search

It prints the edges and what tells their directions, the returns with and without credit along the
graph, and where the report and dag_adjacency.csv are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import pandas as pd
from client_options import client_parser, model_of, parse, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import ChannelDag, PymcModel
from pymc_toolkit.simulate_graphs import simulate_driven_client

_SEED = 8


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit both models, compare them, and say where the report is."""
    options, truth = read(arguments)
    show_logs()
    console = Console(soft_wrap=True)
    dag = ChannelDag(
        required=[tuple(edge.split(":", 1)) for edge in options.required],
        forbidden=[tuple(edge.split(":", 1)) for edge in options.forbidden],
        order=options.order,
    )
    plain = model_of(options).fit(draws=options.draws, tune=options.tune)
    model = model_of(options, channel_dag=dag).fit(draws=options.draws, tune=options.tune)
    graph = model.channel_graph()
    console.print(edges(graph.edges()))
    console.print(graph.judge().sentence)
    console.print(returns(plain, model, truth))
    fleet = model.production_fleet(test_size=options.test_size)
    report = fleet.generate_report(output_html=options.output / f"{options.client}.html")
    written = model.write_channel_graph(options.output)
    console.print(f"{fleet.verdict().sentence}\nGraph:  {written}\nReport: {report}")


def read(
    arguments: Sequence[str] | None,
) -> tuple[argparse.Namespace, Mapping[str, float] | None]:
    """Read the command line; without data, simulate a client whose truth is known."""
    parser = client_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--required", nargs="+", default=[], help="edges, as cause:effect")
    parser.add_argument("--forbidden", nargs="+", default=[], help="edges, as cause:effect")
    parser.add_argument("--order", nargs="+", default=[], help="channels, upstream first")
    parser.add_argument("--test-size", type=int, default=4)
    parser.set_defaults(data=None)
    given = parser.parse_args(arguments)
    if given.data is not None:
        return parse(parser, arguments), None
    client = simulate_driven_client(seed=_SEED)
    given.output.mkdir(parents=True, exist_ok=True)
    table = given.output / "channel_graph.csv"
    client.data.to_csv(table, index=False)
    parser.set_defaults(
        data=table,
        date=client.date_column,
        target=client.target_name,
        channels=client.channel_names,
        controls=client.control_names,
    )
    return parse(parser, arguments), client.truth["total_roi"]


def edges(table: pd.DataFrame) -> Table:
    """The edges that the data do not rule out."""
    shown = Table(title="Which channel drives which, 90% intervals")
    for heading in ("edge", "probability", "spend per unit spent", "direction"):
        shown.add_column(heading, justify="left" if heading == "edge" else "right")
    for row in table.itertuples():
        later = f", {row.lag} later" if row.lag else ""
        shown.add_row(
            f"{row.cause} → {row.effect}{later}",
            f"{row.probability:.0%}",
            f"{row.spend:.2f}",
            row.direction,
        )
    return shown


def returns(plain: PymcModel, model: PymcModel, truth: Mapping[str, float] | None) -> Table:
    """Returns of both models, and the true ones where they are known."""
    shown = Table(title="Return by unit spent, 90% intervals")
    columns = {
        "plain model": plain.roi(),
        "graph, direct": model.roi(),
        "graph, total": model.roi(kind="total"),
    }
    for heading in ("", *columns, *(["truth, total"] if truth else [])):
        shown.add_column(heading, justify="left" if not heading else "right")
    for channel in plain.roi().index:
        rows = [table.loc[channel] for table in columns.values()]
        cells = [f"{row.roi:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})" for row in rows]
        shown.add_row(channel, *cells, *([f"{truth[channel]:.2f}"] if truth else []))
    return shown


if __name__ == "__main__":
    main()
