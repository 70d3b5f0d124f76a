"""A model with a channel graph, through the facade: what it finds, shows, keeps and refuses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import TINY, fake_fit, small_config, small_data, small_subject
from pymc_extras.prior import Prior

from pymc_toolkit import ChannelDag, PymcModel
from pymc_toolkit.analysis.channel_graph import channel_graph
from pymc_toolkit.channel_graph.dags import is_acyclic
from pymc_toolkit.components.channel_dag import TRIANGULAR
from pymc_toolkit.engines.bayesian import graph as graph_module
from pymc_toolkit.engines.bayesian.blend import Blend
from pymc_toolkit.engines.bayesian.dag import NOTEARS_PENALTY, learn_graph
from pymc_toolkit.exceptions import (
    ChannelGraphError,
    DataWarning,
    NotFittedError,
    PriorError,
    SpecificationError,
)
from pymc_toolkit.fleets.truths import known_truths
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import DAG_ADJACENCY
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_graphs import simulate_driven_client
from pymc_toolkit.verdicts import Status


def model_of(table: pd.DataFrame | None = None, **options: Any) -> PymcModel:
    client = simulate_client(n_periods=60, n_channels=3, seed=2)
    table = client.data if table is None else table
    return PymcModel(table, "revenue", "date_week", client.channel_names, **options)


class TestWhatIsFound:
    def test_the_edge_that_is_there(self, driven: PymcModel) -> None:
        first = driven.channel_graph().edges().iloc[0]
        assert (first["cause"], first["effect"], first["lag"]) == ("tv", "search", 0)
        assert first["probability"] > 0.8
        truth = simulate_driven_client(n_periods=104, seed=3).truth["edges"][0]
        assert truth[:2] == ["tv", "search"]
        assert first["spend"] == pytest.approx(truth[2], rel=0.5)

    def test_every_draw_is_acyclic(self, driven: PymcModel) -> None:
        draws = driven.idata["posterior"][DAG_ADJACENCY].values
        graphs = np.unique(draws.reshape(-1, *draws.shape[2:]) != 0, axis=0)
        assert len(graphs) > 1
        assert all(is_acyclic(graph) for graph in graphs)

    def test_the_order_is_the_proof(self, driven: PymcModel) -> None:
        graph = driven.channel_graph()
        place = {name: i for i, name in enumerate(graph.order)}
        for cause, effect in np.argwhere(graph.graph):
            assert place[graph.channels[cause]] < place[graph.channels[effect]]

    def test_totals_move_returns_upstream(self, driven: PymcModel) -> None:
        direct, total = driven.roi(), driven.roi(kind="total")
        assert total.loc["tv", "roi"] > direct.loc["tv", "roi"]
        assert total.loc["search", "roi"] < direct.loc["search", "roi"]
        assert total["contribution"].sum() == pytest.approx(direct["contribution"].sum())
        parts = [driven.contributions(kind=kind)["fitted"] for kind in ("direct", "total")]
        np.testing.assert_allclose(*parts, rtol=1e-10)

    def test_graphs_say_nothing_of_convergence(self, driven: PymcModel) -> None:
        listed = set(driven.convergence.table["variable"])
        assert "dag_mix" in listed
        assert not listed & {"dag_adjacency", "dag_lagged"}


class TestTables:
    def test_the_file_holds_the_most_probable_graph(
        self, driven: PymcModel, tmp_path: Path
    ) -> None:
        path = driven.write_channel_graph(tmp_path / "new")
        assert path == tmp_path / "new" / "dag_adjacency.csv"
        read = pd.read_csv(path, index_col=0)
        assert list(read.index) == list(read.columns) == ["tv", "online_video", "social", "search"]
        assert is_acyclic(read.to_numpy())
        graph = driven.channel_graph()
        assert read.loc["tv", "search"] == pytest.approx(graph.weight[0, 0, 3])
        np.testing.assert_array_equal(read.to_numpy() != 0, graph.graph)

    def test_probability_is_of_weights_above_the_threshold(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(threshold=0.3, lags=0))
        fit = fake_fit(small_data(n_channels=3), spec, draws=200)
        weights = fit.posterior[DAG_ADJACENCY].values.reshape(-1, 3, 3)
        for least, graph in ((0.3, channel_graph(fit)), (0.5, channel_graph(fit, 0.5))):
            above = np.abs(weights) > least
            np.testing.assert_allclose(graph.probability[0], above.mean(axis=0))
            drawn = weights[above[:, 0, 1], 0, 1]
            assert graph.weight[0, 0, 1] == pytest.approx(drawn.mean())
            assert graph.low[0, 0, 1] == pytest.approx(np.quantile(drawn, 0.05))

    def test_a_causes_own_past_is_no_edge(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(threshold=0.0))
        fit = fake_fit(small_data(n_channels=3), spec)
        lagged = channel_graph(fit).probability[1]
        assert not np.diag(lagged).any()
        now = fit.posterior[DAG_ADJACENCY].values[..., 0, 1] != 0
        assert lagged[0, 1] == pytest.approx(1 - now.mean())

    @pytest.mark.parametrize(
        ("settings", "direction"),
        [
            ({}, "not identifiable"),
            ({"forbidden": [("channel_2_cost", "channel_1_cost")]}, "known"),
            ({"required": [("channel_1_cost", "channel_2_cost")]}, "known"),
            ({"noise": "non_gaussian"}, "clear"),
        ],
    )
    def test_what_tells_a_direction(self, settings: dict[str, Any], direction: str) -> None:
        """Two channels alone are one Markov equivalence class, whatever the draws say."""
        dag = ChannelDag(**{"noise": "gaussian", "lags": 0, **settings})
        spec = ModelSpec(lag_max=3, channel_dag=dag)
        adjacency = np.array([[0.0, 0.7], [0.0, 0.0]])
        fit = fake_fit(small_data(), spec, fixed={DAG_ADJACENCY: adjacency})
        graph = channel_graph(fit)
        assert list(graph.edges()["direction"]) == [direction]
        check = graph.judge()
        assert check.status is (Status.PASS if direction != "not identifiable" else Status.REVIEW)
        assert ("not identifiable which way" in check.sentence) == (check.status is Status.REVIEW)

    def test_draws_that_disagree_leave_a_direction_open(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(lags=0))
        fit = fake_fit(small_data(), spec, draws=100)
        adjacency = fit.posterior[DAG_ADJACENCY].copy()
        adjacency[..., 0, 1], adjacency[..., 1, 0] = 0.5, 0.0
        adjacency[:, :40, 0, 1], adjacency[:, :40, 1, 0] = 0.0, 0.5
        fit.idata["posterior"] = fit.idata["posterior"].assign({DAG_ADJACENCY: adjacency})
        graph = channel_graph(fit)
        # It is a link all the same.
        assert graph.graph.tolist() == [[False, True], [False, False]]
        assert graph.edges().set_index("cause")["direction"].to_dict() == {
            "channel_1_cost": "not identifiable",
            "channel_2_cost": "",
        }

    def test_equal_variances_are_said_to_depend_on_units(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(noise="equal", lags=0))
        adjacency = np.array([[0.0, 0.7], [0.0, 0.0]])
        graph = channel_graph(fake_fit(small_data(), spec, fixed={DAG_ADJACENCY: adjacency}))
        check = graph.judge()
        assert check.status is Status.REVIEW
        assert "which depend on units (varsortability" in check.sentence

    def test_a_link_that_is_not_sure_asks_for_a_review(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(lags=0))
        fit = fake_fit(small_data(), spec, draws=100)
        adjacency = fit.posterior[DAG_ADJACENCY].copy(data=np.zeros((2, 100, 2, 2)))
        adjacency[:, :70, 0, 1] = 0.5
        fit.idata["posterior"] = fit.idata["posterior"].assign({DAG_ADJACENCY: adjacency})
        check = channel_graph(fit).judge()
        assert check.status is Status.REVIEW
        assert "less probable than 80%: channel_1_cost and channel_2_cost (70%)" in check.sentence

    def test_a_threshold_is_checked(self) -> None:
        fit = fake_fit(small_data(), ModelSpec(lag_max=3, channel_dag=ChannelDag()))
        for threshold in (-1, "a"):
            with pytest.raises(ChannelGraphError, match="Got threshold="):
                channel_graph(fit, threshold)

    def test_no_edge_is_a_finding_too(self) -> None:
        spec = ModelSpec(lag_max=3, channel_dag=ChannelDag(lags=0))
        fit = fake_fit(small_data(), spec, fixed={DAG_ADJACENCY: np.zeros((2, 2))})
        graph = channel_graph(fit)
        assert graph.edges().empty
        assert graph.judge().sentence == "No channel is found to drive another."


class TestTheModelKeepsIt:
    def test_files(self, driven: PymcModel, tmp_path: Path) -> None:
        loaded = PymcModel.load(driven.save(tmp_path / "model.nc"))
        assert loaded.spec == driven.spec
        pd.testing.assert_frame_equal(
            loaded.channel_graph().edges(), driven.channel_graph().edges()
        )
        pd.testing.assert_frame_equal(loaded.roi(kind="total"), driven.roi(kind="total"))
        pd.testing.assert_frame_equal(loaded.predict(), driven.predict())

    @pytest.mark.usefixtures("convergence_is_not_the_point")
    def test_a_refresh_builds_the_penalty_again(
        self, driven: PymcModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a load too: the graph that is then sampled has it."""
        loaded = PymcModel.load(driven.save(tmp_path / "model.nc"))
        specs = []

        def seen(data: Any, spec: ModelSpec, dag: Any = None) -> Any:
            specs.append((spec, dag))
            return original(data, spec, dag)

        original = graph_module.graph_data
        monkeypatch.setattr("pymc_toolkit.engines.bayesian.engine.graph_data", seen)
        table = simulate_driven_client(n_periods=104, seed=3).data
        date = loaded.config.date_column
        step = pd.to_datetime(table[date]).diff().iloc[-1]
        later = table.tail(1).assign(**{date: pd.to_datetime(table[date]).iloc[-1] + step})
        loaded.refresh(later, **{**TINY, "progressbar": False})
        ((spec, dag),) = specs
        assert spec.channel_dag == driven.spec.channel_dag
        structure = graph_module.Structure.of(
            loaded.config.model_data, spec, len(dag["dag_cross"][1])
        )
        built = graph_module.build_graph(structure, original(loaded.config.model_data, spec, dag))
        assert NOTEARS_PENALTY in [potential.name for potential in built.model.potentials]
        assert loaded.channel_graph().edges()["probability"].iloc[0] > 0.5

    def test_a_fit_in_order_takes_the_order_that_was_found(
        self, driven: PymcModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = PymcModel.__new__(PymcModel)
        vars(model).update(vars(driven))
        asked: list[Any] = []

        def fit(self: PymcModel, **kwargs: Any) -> PymcModel:
            asked.append((self.spec, kwargs))
            if kwargs["draws"] < 0:
                raise SpecificationError("as sampling would")
            return self

        monkeypatch.setattr(PymcModel, "fit", fit)
        with pytest.raises(SpecificationError):
            model.fit_in_order(draws=-1)
        assert model.spec == driven.spec
        model.fit_in_order(draws=50)
        assert asked[-1] == (model.spec, {"draws": 50})
        dag = model.spec.channel_dag
        assert dag is not None
        assert dag.mode == TRIANGULAR
        assert [name for (name,) in dag.order] == driven.channel_graph().order
        upstream = np.triu(np.ones((4, 4), dtype=bool), 1)
        place = [driven.config.channel_names.index(name) for (name,) in dag.order]
        allowed = dag.allowed(driven.config.channel_names)[np.ix_(place, place)]
        np.testing.assert_array_equal(allowed, upstream)

    def test_an_order_keeps_what_is_known(self) -> None:
        """Groups hold in later periods too; an order that was found is one within a period."""
        names = ["channel_1_cost", "channel_2_cost", "channel_3_cost"]
        dag = ChannelDag(order=[names[2], names[0]])
        spec = ModelSpec(lag_max=3, channel_dag=dag)
        adjacency = np.zeros((3, 3))
        adjacency[1, 2] = 0.5
        fit = fake_fit(small_data(n_channels=3), spec, fixed={DAG_ADJACENCY: adjacency})
        order = channel_graph(fit).order
        assert order.index(names[1]) < order.index(names[2]) < order.index(names[0])
        found = dag.in_order(order)
        later = found.allowed_later(names)
        assert later[2, 1]
        assert not later[0, 2]
        assert not found.allowed(names)[2, 1]

    def test_a_graph_that_was_given_is_not_learnt_again(self) -> None:
        model = model_of(
            channel_dag=ChannelDag(mode="fixed", required=[("channel_1_cost", "channel_2_cost")])
        )
        model._fit = fake_fit(model.config.model_data, model.spec)
        with pytest.raises(ChannelGraphError, match="whose graph is given"):
            model.fit_in_order()


class TestWhatIsRefused:
    def test_one_channel(self) -> None:
        client = simulate_client(n_periods=60, n_channels=1)
        with pytest.raises(ChannelGraphError, match="Got one channel.*needs at least two"):
            PymcModel(client.data, "revenue", "date_week", client.channel_names, dag_mode="notears")

    def test_identical_channels(self) -> None:
        table = simulate_client(n_periods=60, n_channels=3, seed=2).data
        table["channel_3_cost"] = 2.5 * table["channel_1_cost"]
        with pytest.raises(ChannelGraphError, match="move in exact proportion"):
            model_of(table, channel_dag="notears")

    def test_a_constant_channel_has_no_edges(self) -> None:
        table = simulate_client(n_periods=60, n_channels=3, seed=2).data
        table["channel_3_cost"] = 100.0
        with pytest.warns(DataWarning, match="without any variation"):
            model = model_of(table, channel_dag="notears")
        drawn = learn_graph(model.config.model_data, model.spec, seed=0)
        assert not drawn.now[:, 2].any()
        assert not drawn.now[:, :, 2].any()
        required = ChannelDag(required=[("channel_1_cost", "channel_3_cost")])
        with (
            pytest.warns(DataWarning),
            pytest.raises(ChannelGraphError, match="'channel_3_cost' is the same in every period"),
        ):
            model_of(table, channel_dag=required)

    def test_priors_of_weights_that_no_mode_is_known_of(self) -> None:
        laplace = Prior("Laplace", mu=0, b=0.2, dims="edge")
        model = model_of(channel_dag="notears", model_priors={"dag_weights": laplace})
        assert model.spec.prior_overrides["dag_weights"]["kwargs"]["b"] == 0.2
        for given in (
            Prior("Normal", mu=0, sigma=1, dims="edge"),
            Prior("Laplace", mu=0, b=Prior("HalfNormal", sigma=1), dims="edge"),
            Prior("Laplace", mu=1, b=1, dims="edge"),
            Prior("Laplace", mu=0, b=1),
        ):
            with pytest.raises(PriorError, match="dag_weights"):
                model_of(channel_dag="notears", model_priors={"dag_weights": given})
        mix = Prior("Normal", mu=0.5, sigma=1, dims="channel")
        with pytest.raises(PriorError, match="between 0 and 1"):
            model_of(channel_dag="notears", model_priors={"dag_mix": mix})

    def test_unknown_settings(self) -> None:
        with pytest.raises(ChannelGraphError, match="Got mode='dagma'.*expected one of 'notears'"):
            model_of(dag_mode="dagma")
        with pytest.raises(ChannelGraphError, match="Got channel_dag=7; expected a ChannelDag"):
            model_of(channel_dag=7)
        with pytest.raises(ChannelGraphError, match="Got 'radio' in channel_dag.*no channel"):
            model_of(channel_dag=ChannelDag(forbidden=[("radio", "channel_1_cost")]))
        with pytest.raises(SpecificationError, match="both channel_dag and dag_mode"):
            model_of(channel_dag="notears", dag_mode="notears")

    def test_what_needs_a_graph_or_a_fit(self) -> None:
        with pytest.raises(NotFittedError):
            model_of(channel_dag="notears").channel_graph()
        fit = fake_fit(small_data(), ModelSpec(lag_max=3))
        with pytest.raises(SpecificationError, match="without a channel graph"):
            channel_graph(fit)

    def test_pymc_marketing_has_no_graph(self) -> None:
        with pytest.raises(SpecificationError, match="with a channel graph, which pymc-marketing"):
            model_of(channel_dag="notears").to_pymc_marketing()

    def test_the_users_table_stays_as_it_is(self) -> None:
        table = simulate_client(n_periods=60, n_channels=3, seed=2).data
        before = table.copy()
        model_of(table, channel_dag="notears")
        pd.testing.assert_frame_equal(table, before)


@pytest.mark.usefixtures("convergence_is_not_the_point")
class TestFleets:
    def test_recovery_says_how_well_edges_are_found(self, fake_sampler: Any) -> None:
        fake_sampler()
        model = model_of(channel_dag=ChannelDag(lags=1), random_seed=5)
        fleet = model.recovery_fleet(n_simulations=4, **TINY)
        table = fleet.graphs()
        assert list(table.columns) == ["precision", "recall", "f1", "shd", "edges"]
        assert len(table) == 4
        assert fleet.summary()["channel_graph"]["shd"] == table["shd"].mean()
        names = [check.name for check in fleet.verdict().checks]
        assert "recovery of the channel graph" in names
        assert "recovery of contributions credited along the graph" in names
        assert not fleet.parameters()["variable"].str.startswith("dag_").any()
        credited, direct = fleet.credited(), fleet.channels()
        sums = [t.groupby("simulation")["truth"].sum() for t in (credited, direct)]
        np.testing.assert_allclose(*sums)

    def test_simulated_channels_without_causes_are_all_their_own(self, fake_sampler: Any) -> None:
        """As in the model that is fitted to them."""
        fake_sampler()
        config = small_config(60, 3)
        dag = ChannelDag(required=[("channel_1_cost", "channel_2_cost")], mode="fixed")
        subject = small_subject(config, spec=ModelSpec(lag_max=3, channel_dag=dag))
        for known in known_truths(subject, "prior", 3, seed=1):
            blend = Blend.of(known.posterior, known.training)
            assert (blend.own[..., [0, 2]] == 1).all()
            assert (blend.own[..., 1] < 1).all()

    def test_long_chains_of_required_edges_are_simulated_at_once(self, fake_sampler: Any) -> None:
        fake_sampler()
        config = small_config(60, 12)
        names = config.channel_names
        dag = ChannelDag(required=list(pairwise(names)), lags=0)
        subject = small_subject(config, spec=ModelSpec(lag_max=3, channel_dag=dag))
        (known,) = known_truths(subject, "prior", 1, seed=1)
        there = known.posterior[DAG_ADJACENCY].values[0, 0] != 0
        assert there[range(11), range(1, 12)].all()
        assert is_acyclic(there)

    def test_a_window_without_a_channel_does_without_its_edges(self, fake_sampler: Any) -> None:
        fake_sampler()
        table = simulate_client(n_periods=60, n_channels=3, seed=2).data
        table.loc[table.index[:54], "channel_3_cost"] = 0.0
        dag = ChannelDag(required=[("channel_1_cost", "channel_3_cost")])
        with pytest.warns(DataWarning, match="First on air in the held-out periods"):
            fleet = model_of(table, channel_dag=dag, random_seed=5).holdout_fleet((2, 8), **TINY)
        required = {m.name: m.job.spec.channel_dag.required for m in fleet.members}
        assert sorted(required.values(), key=len) == [(), dag.required]

    def test_simulated_spend_has_the_graph_that_it_is_said_to_have(self, fake_sampler: Any) -> None:
        """Each simulation's channels, regressed on their causes, give back the true weights."""
        sampler = fake_sampler()
        edge = ("channel_1_cost", "channel_2_cost")
        dag = ChannelDag(required=[edge], mode="fixed", lags=0)
        config = small_config(400, 2)
        model = PymcModel(
            config.table, "revenue", "date_week", config.channel_names, channel_dag=dag
        )
        fleet = model.recovery_fleet(n_simulations=3, **TINY)
        for member in fleet.members:
            media = member.job.data.dataset["media"].values
            assert (media >= 0).all()
            np.testing.assert_allclose(
                media.mean(axis=0), config.model_data.dataset["media"].mean("date"), rtol=1e-9
            )
            standard = (media - media.mean(axis=0)) / media.std(axis=0)
            slope = standard[:, 0] @ standard[:, 1] / len(media)
            true = member.job.truth[DAG_ADJACENCY].values[0, 1]
            assert slope == pytest.approx(true, abs=0.25)
            assert 0.2 < true < 0.9
        assert len(sampler.calls) == 3

    def test_stability_says_how_often_an_edge_returns(self, fake_sampler: Any) -> None:
        fake_sampler()
        dag = ChannelDag(required=[("channel_1_cost", "channel_2_cost")])
        model = model_of(channel_dag=dag, random_seed=5)
        fleet = model.stability_fleet(**TINY)
        edges = fleet.edges()
        assert list(edges.columns) == ["cause", "effect", "probability", "returned", "turned"]
        first = edges.iloc[0]
        assert (first["cause"], first["effect"]) == ("channel_1_cost", "channel_2_cost")
        assert (first["returned"], first["turned"]) == (1.0, 0.0)
        assert fleet.summary()["channel_graph"] == edges.to_dict("records")

    def test_without_a_graph_fleets_say_nothing_of_one(self, fake_sampler: Any) -> None:
        fake_sampler()
        model = model_of(random_seed=5)
        assert "channel_graph" not in model.recovery_fleet(n_simulations=2, **TINY).summary()
        fleet = model.stability_fleet(**TINY)
        assert fleet.edges().empty
        assert "channel_graph" not in fleet.summary()


def test_dag_settings_are_part_of_what_a_fit_is() -> None:
    spec = ModelSpec(lag_max=3)
    dags = [None, ChannelDag(), ChannelDag(threshold=0.2), ChannelDag(lags=0)]
    assert len({replace(spec, channel_dag=dag).digest() for dag in dags}) == len(dags)
