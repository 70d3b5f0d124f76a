"""Credit along the channel graph, against switching channels off by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from fits import fake_fit, small_data

from pymc_toolkit.analysis.contributions import (
    DIRECT,
    TOTAL,
    credited,
    decomposition,
    moved_credit,
)
from pymc_toolkit.analysis.returns import roi
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.engines.bayesian.decompose import decompose
from pymc_toolkit.engines.bayesian.upstream import credit_upstream
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANNEL, DAG_ADJACENCY, DAG_LAGGED, DAG_MIX, DATE

SPEC = ModelSpec(lag_max=3, time_varying_media=True, channel_dag=ChannelDag(lags=1))
FIRST, SECOND, THIRD = range(3)


@pytest.fixture(scope="module")
def data() -> ModelData:
    return small_data(40, n_channels=3)


def fit_with(
    data: ModelData, now: np.ndarray, before: np.ndarray | None = None, mix: float = 0.0
) -> Fit:
    """A made-up fit in which every draw has the same graph."""
    before = np.zeros((1, 3, 3)) if before is None else before
    fixed = {DAG_ADJACENCY: now, DAG_LAGGED: before, DAG_MIX: mix}
    return fake_fit(data, SPEC, fixed=fixed)


def scaled(weights: np.ndarray, data: ModelData) -> np.ndarray:
    spread = data.scaled("media").std(DATE).values
    return weights * spread / spread[:, None]


def spend_without(cause: int, data: ModelData, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What would be spent had a channel spent nothing of its own, period by period."""
    media = data.scaled("media").transpose(DATE, CHANNEL).values
    w, a = scaled(now, data), scaled(before[0], data)
    own = media - media @ w
    own[1:] -= media[:-1] @ a
    own[:, cause] = 0.0
    spent = np.zeros_like(media)
    for time in range(len(media)):
        begun = own[time] + (spent[time - 1] @ a if time else 0.0)
        spent[time] = np.linalg.solve(np.eye(3) - w.T, begun)
    return spent


def earned_from(spent: np.ndarray, fit: Fit) -> np.ndarray:
    """Contributions had something else been spent, of shape (chain, draw, date, channel)."""
    data = fit.training
    scale = data.scale("media")
    media = data.dataset["media"].copy(data=np.maximum(spent, 0.0)) * scale
    other = replace(data, dataset=data.dataset.assign(media=media.transpose(DATE, CHANNEL)))
    # Weights are in standard deviations of what was really spent: only a blend would ask for them.
    return decompose(fit.posterior, SPEC, data, other)["channels"].values


def test_the_total_is_what_would_be_lost(data: ModelData) -> None:
    """One edge: the cause gets what the effect would earn less, no more and no less."""
    now = np.zeros((3, 3))
    now[FIRST, SECOND] = 0.4
    fit = fit_with(data, now)
    credited = credit_upstream(fit.posterior, SPEC, data, data)
    direct = decompose(fit.posterior, SPEC, data, data)["channels"]
    off = spend_without(FIRST, data, now, np.zeros((1, 3, 3)))
    # Only as much as was spent can be taken away.
    lost = (direct.values - earned_from(off, fit))[..., SECOND]
    np.testing.assert_allclose(
        credited["channels"].isel(channel=FIRST), direct.isel(channel=FIRST) + lost, rtol=1e-9
    )
    np.testing.assert_allclose(
        credited["channels"].isel(channel=SECOND), direct.isel(channel=SECOND) - lost, rtol=1e-9
    )
    np.testing.assert_array_equal(
        credited["channels"].isel(channel=THIRD), direct.isel(channel=THIRD)
    )
    np.testing.assert_allclose(credited["moved"][..., FIRST, SECOND], lost.sum(axis=-1), rtol=1e-9)


def test_credit_goes_all_the_way_up(data: ModelData) -> None:
    """A chain with habits and lags, against spend that is made again without its first cause."""
    now, before = np.zeros((3, 3)), np.zeros((1, 3, 3))
    now[FIRST, SECOND], now[SECOND, THIRD] = 0.3, 0.2
    before[0] = np.diag([0.2, 0.3, 0.1])
    before[0, FIRST, THIRD] = 0.15
    fit = fit_with(data, now, before)
    credited = credit_upstream(fit.posterior, SPEC, data, data)
    direct = decompose(fit.posterior, SPEC, data, data)["channels"].values
    off = spend_without(FIRST, data, now, before)
    lost = direct - earned_from(off, fit)
    moved = credited["moved"].values
    brought = lost.sum(axis=-2)
    np.testing.assert_allclose(moved[..., FIRST, SECOND], brought[..., SECOND], rtol=1e-9)
    # The third has two causes: in weeks in which they would have made it spend more than it did
    # they share what it brought.
    assert (moved[..., FIRST, THIRD] <= brought[..., THIRD] * (1 + 1e-9)).all()
    assert (moved[..., FIRST, THIRD] >= 0.9 * brought[..., THIRD]).all()
    assert (np.abs(moved[..., SECOND, THIRD]) > 0).all()
    assert not moved[..., SECOND, FIRST].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_sum_over_channels_stays(data: ModelData, seed: int) -> None:
    """With blends, negative weights and graphs that differ by draw."""
    fit = fake_fit(data, SPEC, seed=seed)
    credited = credit_upstream(fit.posterior, SPEC, data, data)
    direct = decompose(fit.posterior, SPEC, data, data)["channels"]
    assert np.abs(credited["moved"]).max() > 0
    np.testing.assert_allclose(
        credited["channels"].sum(CHANNEL), direct.sum(CHANNEL), rtol=1e-10, atol=1e-12
    )
    moved = credited["moved"].values
    change = (credited["channels"] - direct).sum(DATE).values
    np.testing.assert_allclose(change, moved.sum(axis=-1) - moved.sum(axis=-2), atol=1e-10)


def test_a_blend_passes_on_what_it_takes_of_causes(data: ModelData) -> None:
    """An effect that is all blend: without its cause it gets nothing from it."""
    now = np.zeros((3, 3))
    now[FIRST, SECOND] = 0.5
    fit = fit_with(data, now, mix=1.0)
    weights = fit.posterior["dag_weights"].copy()
    weights[..., 0], weights[..., 1] = 0.5, 0.0
    fit.idata["posterior"] = xr.DataTree(fit.posterior.assign(dag_weights=weights))
    credited = credit_upstream(fit.posterior, SPEC, data, data)
    # All that reaches the effect's curve is the cause's: so all that it earns is.
    np.testing.assert_allclose(credited["channels"].isel(channel=SECOND), 0.0, atol=1e-12)


def test_no_channel_gives_more_than_its_causes_made(data: ModelData) -> None:
    """On an S-shaped curve each of two causes alone would be worth nearly all."""
    spec = replace(SPEC, saturation="hill", channel_dag=ChannelDag(lags=0))
    now = np.zeros((3, 3))
    now[FIRST, THIRD] = now[SECOND, THIRD] = 0.7
    media = data.dataset["media"].copy()
    media.values[:, THIRD] = 0.1 + media.values[:, FIRST] + media.values[:, SECOND]
    driven = replace(data, dataset=data.dataset.assign(media=media)).rescaled()
    fit = fake_fit(driven, spec, fixed={DAG_ADJACENCY: now, DAG_MIX: 0.0, "saturation_slope": 4.0})
    credited = credit_upstream(fit.posterior, spec, driven, driven)["channels"]
    direct = decompose(fit.posterior, spec, driven, driven)["channels"]
    own = credited.isel(channel=THIRD)
    assert (own >= -1e-12).all()
    assert (own <= direct.isel(channel=THIRD) + 1e-12).all()
    assert own.sum() < 0.9 * direct.isel(channel=THIRD).sum()


def test_nothing_moves_without_an_edge(data: ModelData) -> None:
    fit = fit_with(data, np.zeros((3, 3)), np.diag([0.5, 0.5, 0.5])[None])
    credit = credit_upstream(fit.posterior, SPEC, data, data)
    direct = decompose(fit.posterior, SPEC, data, data)["channels"]
    np.testing.assert_array_equal(credit["channels"], direct)
    components = decomposition(fit)
    assert moved_credit(credited(fit, components)[1], components).empty


def test_in_original_units_and_in_order(data: ModelData) -> None:
    now = np.zeros((3, 3))
    now[FIRST, SECOND], now[SECOND, THIRD] = 0.4, 0.1
    fit = fit_with(data, now)
    direct, total = (decomposition(fit, kind=kind) for kind in (DIRECT, TOTAL))
    np.testing.assert_allclose(direct["fitted"], total["fitted"], rtol=1e-12)
    table = moved_credit(credited(fit, direct)[1], direct)
    assert table["amount"].abs().is_monotonic_decreasing
    largest = table.iloc[0]
    assert (largest["cause"], largest["effect"]) == (data.channels[FIRST], data.channels[SECOND])
    brought = direct["channels"].sum(DATE).mean(("chain", "draw")).values
    assert largest["share"] == pytest.approx(largest["amount"] / brought[SECOND])
    returns = [
        roi(components["channels"], data.dataset["media"], {}) for components in (direct, total)
    ]
    gained = (returns[1]["contribution"] - returns[0]["contribution"])[data.channels[FIRST]]
    given = table[table["cause"] == data.channels[FIRST]]["amount"].sum()
    assert gained == pytest.approx(given)


def test_totals_need_a_graph(data: ModelData) -> None:
    fit = fake_fit(data, replace(SPEC, channel_dag=None))
    for ask in (lambda: decomposition(fit, kind=TOTAL), lambda: credited(fit, decomposition(fit))):
        with pytest.raises(SpecificationError, match="without a channel graph; expected"):
            ask()
    with pytest.raises(SpecificationError, match="Got kind='all'; expected 'direct' or 'total'"):
        decomposition(fit, kind="all")
