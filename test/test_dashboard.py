"""The dashboard of a panel: tables from draws, figures from tables, the page and its files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dashboard_examples import (
    CHANNELS,
    LINKS,
    example_adjacency,
    example_components,
    example_dashboard,
    fitted_subject,
)
from fits import small_subject
from report_examples import BEST, NASTY

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.exceptions import NotFittedError, SpecificationError
from pymc_toolkit.names import SAMPLE
from pymc_toolkit.reports.assemble_dashboard import ADJACENCY_FILE, dashboard, write_dashboard
from pymc_toolkit.reports.dashboard_figures import media_over_time, waterfall
from pymc_toolkit.reports.dashboard_links import adjacency_heatmap, network_of_links
from pymc_toolkit.reports.dashboard_tables import (
    adjacency_matrix,
    edge_table,
    media_by_period,
    order_is_given,
    strongest_edges,
    waterfall_parts,
)
from pymc_toolkit.reports.look import BLUE, MUTED, VERMILION
from pymc_toolkit.reports.render import page_of, render

PARTS = ("baseline", "seasonality", "channels", "controls")


def added_up(components: xr.Dataset) -> xr.DataArray:
    """The sum of all parts by draw and date, independently of ``fitted``."""
    total = components["fitted"] * 0
    for name in PARTS:
        part = components[name]
        total = total + part.sum([dim for dim in part.dims if dim not in total.dims])
    return total


class TestRegions:
    def test_parts_still_add_up_when_regions_are_summed(self) -> None:
        panel = example_components()
        whole = over_regions(panel)
        assert "geo" not in whole.dims
        xr.testing.assert_allclose(added_up(whole), whole["fitted"])
        xr.testing.assert_allclose(whole["fitted"], panel["fitted"].sum("geo"))

    def test_one_series_stays_as_it_is(self) -> None:
        series = example_components().isel(geo=0, drop=True)
        xr.testing.assert_identical(over_regions(series), series)


class TestTables:
    def test_a_waterfall_adds_up_to_the_fitted_target(self) -> None:
        components = over_regions(example_components())
        table = waterfall_parts(components)
        *parts, whole = table["contribution"]
        assert sum(parts) == pytest.approx(whole)
        assert whole == pytest.approx(float(components["fitted"].sum("date").mean()))

    def test_intervals_are_those_of_a_sum_over_all_periods(self) -> None:
        components = over_regions(example_components())
        row = waterfall_parts(components, ci_prob=0.8).set_index("part").loc["tv"]
        sums = components["channels"].sel(channel="tv").to_numpy().sum(axis=2).ravel()
        low, high = np.quantile(sums, [0.1, 0.9])
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))

    def test_parts_come_in_the_order_of_reading(self) -> None:
        table = waterfall_parts(over_regions(example_components()))
        kinds = table["kind"].to_list()
        assert kinds == ["standing", "standing", "controls", *["media"] * 7, "total"]
        amounts = table.loc[table["kind"] == "media", "contribution"]
        assert amounts.is_monotonic_decreasing
        assert table["part"].to_list()[:3] == ["baseline", "seasonality", "2 controls"]

    def test_a_season_that_sums_to_rounding_is_zero(self) -> None:
        table = waterfall_parts(over_regions(example_components())).set_index("part")
        assert table.loc["seasonality", ["contribution", "ci_low", "ci_high"]].to_list() == [0] * 3

    def test_a_model_without_season_and_controls(self) -> None:
        components = over_regions(example_components())[["baseline", "channels", "fitted"]]
        assert "seasonality" not in waterfall_parts(components)["part"].to_list()
        bare = components.assign_coords(control=np.array([], dtype=str))
        assert "controls" not in waterfall_parts(bare)["kind"].to_list()

    def test_one_control_keeps_its_name(self) -> None:
        components = over_regions(example_components()).isel(control=[1])
        assert waterfall_parts(components)["part"].iloc[2] == "events"

    def test_media_by_period_is_the_interval_of_the_sum_over_channels(self) -> None:
        components = over_regions(example_components())
        table = media_by_period(components, ci_prob=0.5)
        draws = components["channels"].to_numpy().sum(axis=-1).reshape(-1, len(table))
        np.testing.assert_allclose(table["mean"], draws.mean(axis=0))
        np.testing.assert_allclose(table["ci_high"], np.quantile(draws, 0.75, axis=0))
        assert list(table) == ["date", "mean", "ci_low", "ci_high"]


class TestEdges:
    @pytest.mark.parametrize("dims", [("channel", "effect"), ("effect", "channel")])
    def test_an_edge_leads_from_the_channel_to_the_effect(self, dims) -> None:
        edges = edge_table(example_adjacency().transpose(*SAMPLE, *dims))
        weights = edges.set_index(["cause", "effect"])["weight"]
        assert weights["tv", BEST] == pytest.approx(0.62)
        assert weights[BEST, "tv"] == 0
        assert len(edges) == len(CHANNELS) * (len(CHANNELS) - 1)
        assert not (edges["cause"] == edges["effect"]).any()

    def test_the_matrix_keeps_the_order_of_the_channels(self) -> None:
        adjacency = example_adjacency()
        matrix = adjacency_matrix(edge_table(adjacency))
        assert list(matrix.index) == list(matrix.columns) == CHANNELS
        np.testing.assert_allclose(matrix, adjacency.mean(SAMPLE))

    def test_the_strongest_come_first_and_no_more_than_asked_for(self) -> None:
        report = example_dashboard(most_edges=2)
        assert strongest_edges(report)[["cause", "effect"]].to_numpy().tolist() == [
            list(link[:2]) for link in LINKS[:2]
        ]
        every = strongest_edges(dataclasses.replace(report, most_edges=1_000, weakest=0.0))
        assert every["weight"].abs().is_monotonic_decreasing
        # What is zero is no edge, however weak an edge may be.
        assert len(every) == len(CHANNELS) * (len(CHANNELS) - 1) / 2

    def test_an_edge_is_sure_where_its_whole_interval_is_strong_and_of_one_sign(self) -> None:
        edges = pd.DataFrame(
            {
                "cause": list("abcd"),
                "effect": list("bcda"),
                "weight": [0.3, -0.4, 0.2, 0.1],
                "ci_low": [0.1, -0.5, -0.1, 0.01],
                "ci_high": [0.5, -0.2, 0.5, 0.2],
            }
        )
        table = strongest_edges(example_dashboard(edges=edges))
        assert table["cause"].to_list() == ["b", "a", "c", "d"]
        assert table["sure"].to_list() == [True, True, False, False]

    def test_a_given_order_is_recognised(self) -> None:
        assert order_is_given(edge_table(example_adjacency()))
        back = (*LINKS, (BEST, "tv", 0.1))
        assert not order_is_given(edge_table(example_adjacency(back)))
        assert not order_is_given(edge_table(example_adjacency() * 0))
        assert not order_is_given(edge_table(None))


class TestFigures:
    def test_the_network_points_from_cause_to_effect(self) -> None:
        drawing = network_of_links(example_dashboard(most_edges=3, weakest=0.1))
        assert drawing is not None
        assert drawing.title == (
            f"tv feeds the most into another channel, {BEST} (weight 0.62, 0.58\N{EN DASH}0.66)"
        )
        figure = drawing.panels[0].figure
        heads = [trace for trace in figure.data if trace.marker.symbol == "arrow"]
        assert [trace.line.color for trace in heads] == [BLUE] * 3
        # The thickest is the strongest, and every arrow goes to the right.
        widths = [trace.line.width for trace in heads]
        assert widths == sorted(widths, reverse=True)
        assert all(trace.x[0] < trace.x[1] for trace in heads)
        assert {"0.62", "0.31", "0.20"} <= {note.text for note in figure.layout.annotations}
        assert f"tv feeds into {BEST}: 0.62" in drawing.alt
        assert "radio" in drawing.alt.split("No link is drawn for")[1]

    def test_what_is_not_sure_says_so(self) -> None:
        edges = example_dashboard().edges.assign(ci_low=0.0)
        drawing = network_of_links(example_dashboard(edges=edges, most_edges=1))
        assert drawing is not None
        heads = [t for t in drawing.panels[0].figure.data if t.marker.symbol == "arrow"]
        assert [trace.line.color for trace in heads] == [MUTED]
        assert [key.colour for key in drawing.legend if key.mark == "arrow"] == [MUTED]
        only = edges[(edges["cause"] == "tv") & (edges["effect"] == BEST)]
        drawing = network_of_links(example_dashboard(edges=only))
        assert drawing is not None
        assert drawing.title.startswith("One link is strong enough")

    def test_links_in_a_circle_are_drawn_too(self) -> None:
        """Means of graphs that are acyclic one by one need not be so."""
        back = (*LINKS, (BEST, "tv", 0.5))
        edges = edge_table(example_adjacency(back))
        drawing = network_of_links(example_dashboard(edges=edges, weakest=0.1))
        assert drawing is not None
        assert "directions say nothing" not in drawing.note
        assert "directions say nothing" in network_of_links(example_dashboard()).note  # type: ignore[union-attr]

    def test_nothing_is_drawn_where_there_is_nothing(self) -> None:
        without = example_dashboard(edges=edge_table(None))
        assert network_of_links(without) is None
        assert adjacency_heatmap(without) is None
        weak = example_dashboard(weakest=0.99)
        assert network_of_links(weak) is None
        assert "No link is as strong as 0.99." in render(weak)
        assert "How do channels feed each other?" not in render(without)

    def test_the_matrix_has_causes_by_row_from_the_top(self) -> None:
        report = example_dashboard()
        drawing = adjacency_heatmap(report)
        assert drawing is not None
        cells, marks = drawing.panels[0].figure.data
        cause, effect = CHANNELS.index("tv"), CHANNELS.index(BEST)
        assert cells.z[cause][effect] == pytest.approx(0.62)
        assert cells.y[cause] == len(CHANNELS) - 1 - cause
        assert cells.customdata[cause][effect].startswith(f"tv feeds into {BEST}: 0.62")
        assert np.isnan([cells.z[i][i] for i in range(len(CHANNELS))]).all()
        places = list(zip(marks.x, marks.y, strict=True))
        assert (effect, len(CHANNELS) - 1 - cause) in places
        sure = strongest_edges(dataclasses.replace(report, most_edges=1_000))["sure"].sum()
        assert len(places) == sure
        assert drawing.title.startswith(f"{sure} of 42 possible links have")

    def test_weights_below_zero_have_a_colour_of_their_own(self) -> None:
        edges = edge_table(example_adjacency((("tv", BEST, -0.4),)))
        drawing = adjacency_heatmap(example_dashboard(edges=edges))
        assert drawing is not None
        cells = drawing.panels[0].figure.data[0]
        assert (cells.zmin, cells.zmax) == pytest.approx((-0.4, 0.4))
        assert cells.colorscale[0][1] == VERMILION
        assert VERMILION in [key.colour for key in drawing.legend]

    def test_each_bar_begins_where_the_one_above_ends(self) -> None:
        report = example_dashboard()
        bars, whiskers, *_ = waterfall(report).panels[0].figure.data
        starts = np.asarray(bars.base, dtype=float)
        ends = starts + np.asarray(bars.x)
        # To a millionth of the whole.
        near = 1e-6 * ends[-1]
        np.testing.assert_allclose(starts[1:-1], ends[:-2], atol=near)
        np.testing.assert_allclose(starts[[0, -1]], 0, atol=near)
        assert ends[-1] == pytest.approx(ends[-2])
        np.testing.assert_allclose(whiskers.x, ends)
        table = report.waterfall
        np.testing.assert_allclose(
            whiskers.error_x.arrayminus, table["contribution"] - table["ci_low"]
        )
        lowered = table["contribution"] < 0
        assert lowered.any()
        colours = np.asarray(bars.marker.color)
        assert (colours[lowered] == VERMILION).all()
        assert VERMILION not in colours[~lowered]

    def test_titles_say_what_was_found(self) -> None:
        report = example_dashboard()
        title = waterfall(report).title
        assert "media brought 41%" in title
        assert "tv the most, 617k" in title
        best = report.media.loc[report.media["mean"].idxmax(), "date"]
        assert f"{best.day} {best:%b %Y}" in media_over_time(report).title


class TestPage:
    def test_a_dashboard_gives_no_verdict(self) -> None:
        report = example_dashboard()
        page = page_of(report)
        keys = [drawing.key for drawing in page.drawings]
        assert keys == [
            *("waterfall", "over-time", "media-over-time", "network", "adjacency", "curves"),
        ]
        text = render(report)
        assert "Did it pass its checks?" not in text
        assert "not whether that is right" in text
        assert NASTY not in text

    def test_files_are_written_side_by_side(self, tmp_path: Path) -> None:
        subject = fitted_subject(weight=0.5)
        page, weights = write_dashboard(subject, tmp_path / "new" / "panel.html")
        assert weights == page.parent / ADJACENCY_FILE
        table = pd.read_csv(weights, index_col=0)
        first, second = subject.data.channels
        assert table.loc[first, second] == pytest.approx(0.5)
        assert table.loc[second, first] == 0
        assert f"{first} feeds into {second}" in page.read_text(encoding="utf-8")

    def test_without_a_graph_there_is_no_table_of_weights(self, tmp_path: Path) -> None:
        page, weights = write_dashboard(fitted_subject(), tmp_path / "plain.html")
        assert weights is None
        assert page.is_file()
        assert not (tmp_path / ADJACENCY_FILE).exists()

    def test_its_numbers_are_those_of_the_fit(self) -> None:
        subject = fitted_subject()
        report = dashboard(subject)
        components = decomposition(subject.fit)  # type: ignore[arg-type]
        fitted = float(components["fitted"].sum("date").mean())
        assert report.waterfall["contribution"].iloc[-1] == pytest.approx(fitted)
        np.testing.assert_allclose(report.components.sum(axis=1).sum(), fitted)
        media = float((components["channels"].sum(("date", "channel"))).mean())
        assert report.media["mean"].sum() == pytest.approx(media)

    def test_refusals(self, tmp_path: Path) -> None:
        with pytest.raises(NotFittedError, match="call fit"):
            write_dashboard(small_subject(), tmp_path / "a.html")
        for wrong in (
            {"most_edges": 0},
            {"most_edges": 2.5},
            {"weakest": -0.1},
            {"weakest": float("nan")},
        ):
            with pytest.raises(SpecificationError, match="at least one edge"):
                dashboard(fitted_subject(), **wrong)
        with pytest.raises(SpecificationError, match=r"ends in \.html"):
            write_dashboard(fitted_subject(), tmp_path / "a.csv")
