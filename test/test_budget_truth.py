"""Recommended budgets where the truth is known, as benchmark/budget.py measures them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.simulate import MS_SEED, simulate_ms

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmark"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARK))
    # A script of discoveries has the same name.
    monkeypatch.delitem(sys.modules, "budget", raising=False)
    return importlib.import_module("budget")


def test_the_truth_is_what_made_the_data(benchmark: ModuleType) -> None:
    client = simulate_ms()
    model = benchmark.model_of(client, media_share=None)
    effectiveness = np.array(client.truth["parameters"]["media_temporal_latent_multiplier"])
    last = decomposition(benchmark.true_fit(client, model))["channels"].isel(chain=0, draw=0)
    drifting = (last.values / effectiveness[-1] * effectiveness[:, None]).sum(axis=0)
    expected = [client.truth["contributions"][name] for name in client.channel_names]
    np.testing.assert_allclose(drifting, expected, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [MS_SEED, 1, 9])
def test_recommended_budgets_are_worth_most_of_the_best(benchmark: ModuleType, seed: int) -> None:
    promised: dict[str, list[float]] = {}
    for row in benchmark.measure(seed):
        assert row["uplift"] > 0
        assert row["ratio"] <= 1 + 1e-4
        assert row["kkt"] < 0.01
        # That of the best is claimed for default priors, of nearly all clients for the other.
        assert row["ratio"] >= benchmark.ENOUGH or row["priors"] != "default"
        promised.setdefault(row["objective"], []).append(row["said"] / row["uplift"])
    for default, with_share in promised.values():
        assert default > 1.5 > with_share
