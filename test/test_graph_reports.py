"""What a report says of a graph of channels: the figures, the tables, and when there is nothing."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from report_examples import BEST, NASTY, UNPAID, example_report, small_example
from test_reports import _Page

from pymc_toolkit.reports import graph_tables
from pymc_toolkit.reports.figures import (
    draw_all,
    graph_of_channels,
    returns_through_others,
)
from pymc_toolkit.reports.formats import MISSING, each, human_span, percent, ratio, ratio_span
from pymc_toolkit.reports.graph_figures import LATER, NOW
from pymc_toolkit.reports.graph_layout import SMALLEST, lay_out, wrapped
from pymc_toolkit.reports.render import render
from pymc_toolkit.verdicts import Check, Status


def test_links_between_channels_are_drawn_from_cause_to_effect() -> None:
    drawing = graph_of_channels(small_example())
    assert drawing is not None
    assert drawing.title == (
        f"google_ads_video_cost drives {BEST}: for every 100 spent on google_ads_video_cost, "
        f"12 (9\N{EN DASH}15) more are spent on {BEST}"
    )
    for words in (
        f"google_ads_video_cost drives {BEST} (100% probable)",
        f"snapchat_cost drives {BEST} 1 week later (81% probable)",
        # Either way: 50% and 46%.
        f"{BEST} and {NASTY} move together, which drives which is not identifiable (96% probable)",
    ):
        assert words in drawing.alt
    lines = [trace for trace in drawing.panels[0].figure.data if "lines" in trace.mode]
    heads = [trace for trace in lines if trace.marker.symbol == "arrow"]
    (dashed,) = [trace for trace in lines if trace.line.dash != "solid"]
    assert [trace.line.color for trace in heads] == [NOW, LATER]
    assert dashed not in heads
    assert len(dashed.customdata) > 2
    assert "identifiable" in dashed.customdata[0]
    labels = [note.text for note in drawing.panels[0].figure.layout.annotations]
    assert {"100%", "96%", "81%, 1 week later"} <= set(labels)
    assert "the data do not tell the direction" in drawing.note
    assert [key.mark for key in drawing.legend] == ["arrow", "arrow", "dash", "dot"]


def test_columns_lead_from_upstream_to_downstream() -> None:
    report = example_report()
    assert report.graph is not None
    edges = report.graph.edges[report.graph.edges["in_graph"]]
    ends = list(zip(edges["cause"], edges["effect"], strict=True))
    names = [name for name in report.graph.order if name in {*edges["cause"], *edges["effect"]}]
    layout = lay_out(names, ends, dict(report.graph.returns["contribution"]))
    assert all(layout.nodes[cause].x < layout.nodes[effect].x for cause, effect in ends)
    assert len({node.y for node in layout.nodes.values()}) == len(names)
    areas = {name: node.radius**2 for name, node in layout.nodes.items() if node.radius > SMALLEST}
    brought = report.graph.returns["contribution"]
    for name, area in areas.items():
        assert area / max(areas.values()) == pytest.approx(brought[name] / brought[names].max())


def test_a_link_that_would_close_a_cycle_points_back() -> None:
    ends = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "b")]
    layout = lay_out(["a", "b", "c"], ends, {"a": 2.0, "b": -1.0, "c": 0.0})
    assert [layout.nodes[name].x for name in "abc"] == [0, 0.5, 1]
    assert layout.nodes["b"].radius == layout.nodes["c"].radius == SMALLEST
    back, again = layout.links[2:]
    assert (back.x[0], back.x[-1]) == (1, 0)
    # A second link between two channels takes another way.
    assert not np.allclose(again.y, layout.links[0].y)
    assert len({link.label_y for link in layout.links}) == len(ends)


@pytest.mark.parametrize(
    "name", ["a" * 100, "one_two_three_four_five_six_seven", "Paid social (all)"]
)
def test_long_names_take_two_lines_at_most(name: str) -> None:
    lines = wrapped(name, 18)
    assert len(lines) <= 2
    assert all(len(line) <= 18 for line in lines)
    assert name.startswith(lines[0])


def test_names_have_the_room_that_their_letters_need() -> None:
    ends = [("first", "second_channel"), ("second_channel", "ANOTHER_NAME_IN_CAPITALS_BRAND")]
    names = ["first", *(effect for _, effect in ends)]
    layout = lay_out(names, ends, dict.fromkeys(names, 1.0))
    middle, last = (layout.nodes[name] for name in names[1:])
    assert middle.lines == ("second_channel",)
    assert not middle.before
    # Nothing is right of the last column, so a name ends there; in capitals it takes more room.
    assert last.before
    assert last.lines == (names[2],)
    ends = [("first", names[2]), (names[2], "second_channel")]
    names = ["first", names[2], "second_channel"]
    layout = lay_out(names, ends, dict.fromkeys(names, 1.0))
    assert layout.nodes[names[1]].lines == ("ANOTHER_NAME_IN_", "CAPITALS_BRAND")


def test_pairs_without_direction_are_not_called_causes() -> None:
    report = small_example()
    assert report.graph is not None
    edges = report.graph.edges.query("direction == 'not identifiable'")
    vague = dataclasses.replace(report.graph, edges=edges)
    drawing = graph_of_channels(small_example(graph=vague))
    assert drawing is not None
    assert drawing.title == (
        f"{BEST} and {NASTY} move together, but the data do not tell which drives which"
    )
    assert "No link is found for google_ads_video_cost, snapchat_cost." in drawing.note
    assert all(trace.marker.symbol != "arrow" for trace in drawing.panels[0].figure.data)


def test_effects_of_and_on_channels_that_are_not_money() -> None:
    full = example_report().graph
    assert full is not None
    edges = full.edges.query("effect == @UNPAID")
    drawing = graph_of_channels(example_report(graph=dataclasses.replace(full, edges=edges)))
    assert drawing is not None
    assert drawing.title.endswith(f"650 (488\N{EN DASH}812) more of {UNPAID} follow 2 weeks later")


def test_returns_direct_and_through_others() -> None:
    report = small_example()
    assert report.graph is not None
    drawing = returns_through_others(report)
    assert drawing is not None
    returns = report.graph.returns
    gain = (returns["total"] - returns["direct"]).sort_values(ascending=False)
    first = returns.loc[gain.index[0]]
    assert drawing.title == (
        f"Counting what it caused through others, {first.name} returns {ratio(first['total'])} "
        f"({ratio(first['total_low'])}\N{EN DASH}{ratio(first['total_high'])}) instead of "
        f"{ratio(first['direct'])} for each unit spent"
    )
    direct, total = drawing.panels[0].figure.data
    assert list(direct.x) == list(returns.loc[gain.index, "direct"])
    assert list(total.x) == list(returns.loc[gain.index, "total"])
    reach = returns.loc[gain.index, "total_high"] - returns.loc[gain.index, "total"]
    np.testing.assert_allclose(total.error_x.array, reach)


def test_only_returns_that_change_are_drawn_where_there_are_many() -> None:
    report = example_report()
    drawing, graph = returns_through_others(report), report.graph
    assert drawing is not None
    assert graph is not None
    assert UNPAID not in drawing.alt
    assert "facebook_ads_conversions_cost" not in drawing.alt
    assert "3 channels whose return hardly changes left out" in drawing.note
    still = graph.returns.assign(
        **{f"total{end}": graph.returns[f"direct{end}"] for end in ("", "_low", "_high")}
    )
    same = returns_through_others(example_report(graph=dataclasses.replace(graph, returns=still)))
    assert same is not None
    assert same.title == "What channels caused through others hardly changes what they return"
    assert len(same.panels[0].figure.data[0].x) == 8


def test_tables_of_the_graph_show_its_numbers() -> None:
    report = example_report()
    assert report.graph is not None
    links, moves = graph_tables.links(report), graph_tables.moves(report)
    assert links is not None
    assert moves is not None
    edges, moved = report.graph.edges, report.graph.moved
    assert [row[:2] for row in links.rows] == edges[["cause", "effect"]].to_numpy().tolist()
    assert [row[3] for row in links.rows] == [percent(value) for value in edges["probability"]]
    assert [row[6] for row in links.rows] == each(
        ratio_span, edges, "spend", "spend_low", "spend_high"
    )
    assert links.rows[0][2:6] == ["same week", "100%", "0%", "known beforehand"]
    by_cause = {(row[0], row[1]): row for row in links.rows}
    assert by_cause["google_ads_video_cost", UNPAID][2:6] == [
        *("2 weeks later", "78%", MISSING, "clear")
    ]
    assert by_cause["snapchat_cost", "facebook_ads_engagement_cost"][-1] == "no"
    assert [row[:2] for row in moves.rows] == moved[["effect", "cause"]].to_numpy().tolist()
    assert [row[2] for row in moves.rows] == each(human_span, moved, "amount", "ci_low", "ci_high")
    little = dataclasses.replace(report.graph, moved=moved.assign(share=0.009))
    assert graph_tables.moves(example_report(graph=little)) is None


def test_the_graph_has_a_section_where_there_is_one() -> None:
    heading = "How do channels drive each other?"
    report = example_report()
    assert report.graph is not None
    text = _Page(render(report)).text
    section = text.split(heading, 1)[1].split("What would other budgets earn?", 1)[0]
    assert report.graph.check.sentence in section
    assert "Variance grows along 62% of the graph's paths" in section
    assert NASTY in section
    assert heading not in _Page(render(example_report(graph=None))).text
    assert "graph" not in draw_all(example_report(graph=None))


def test_a_graph_without_links_is_told_in_words() -> None:
    full = example_report().graph
    assert full is not None
    sentence = "No channel is found to drive another."
    none = dataclasses.replace(
        full,
        edges=full.edges.iloc[:0],
        moved=full.moved.iloc[:0],
        check=Check("channel graph", Status.PASS, sentence),
        varsortability=float("nan"),
    )
    report = example_report(graph=none)
    assert {"graph", "graph-returns"}.isdisjoint(draw_all(report))
    text = _Page(render(report)).text
    assert sentence in text.split("How do channels drive each other?", 1)[1]
    assert re.findall(r"(?i)\bnan\b", text) == []
    # Links that are possible but not drawn are still listed.
    doubtful = dataclasses.replace(none, edges=full.edges.tail(1).assign(in_graph=False))
    table = graph_tables.links(example_report(graph=doubtful))
    assert table is not None
    assert [row[-1] for row in table.rows] == ["no"]
