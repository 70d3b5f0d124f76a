"""Settings of the deep engine and the dicts on top of them."""

from __future__ import annotations

import copy
import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import DeepSettings, get_default_config, update_config
from pymc_toolkit.engines.deep.config import VisualizationSettings
from pymc_toolkit.engines.deep.extra import deep_extra
from pymc_toolkit.exceptions import MissingExtraError, SpecificationError


def test_defaults_are_the_documented_ones() -> None:
    config = get_default_config()
    documented = {
        "hidden_dim": 32,
        "dropout": 0.1,
        "sparsity_weight": 0.01,
        "enable_dag": True,
        "enable_interactions": True,
        "l1_weight": 0.001,
        "l2_weight": 0.001,
        "burn_in_weeks": 4,
        "use_coefficient_momentum": True,
        "momentum_decay": 0.9,
        "use_warm_start": True,
        "warm_start_epochs": 50,
        "stabilization_method": "exponential",
        "coeff_l2_weight": 0.1,
        "coeff_gen_l2_weight": 0.05,
        "gru_layers": 1,
        "ctrl_hidden_ratio": 0.5,
        "dag_mode": "triangular",
        "notears_lambda1": 0.01,
        "notears_rho_init": 1.0,
        "notears_alpha_init": 0.0,
        "notears_rho_max": 1e16,
        "dag_temperature": 1.0,
        "notears_group_l1": 0.0,
    }
    assert {name: config[name] for name in documented} == documented
    assert config["n_epochs"] > 0
    assert 0 < config["learning_rate"] < 1
    assert config["batch_size"] is None
    assert config["use_huber_loss"] is True
    assert config["visualization"]["dag_top_n_edges"] > 0
    assert config["media_share_prior"] is None


def test_dict_and_dataclass_are_the_same_thing() -> None:
    assert DeepSettings.from_config(get_default_config()) == DeepSettings()
    assert DeepSettings.from_config({}) == DeepSettings()
    changed = DeepSettings(dag_mode="notears", visualization=VisualizationSettings(5))
    assert DeepSettings.from_config(changed.to_config()) == changed


def test_settings_are_frozen_and_configs_are_not_shared() -> None:
    with pytest.raises(FrozenInstanceError):
        DeepSettings().dropout = 0.5  # type: ignore[misc]
    get_default_config()["visualization"]["dag_top_n_edges"] = -1
    assert get_default_config()["visualization"]["dag_top_n_edges"] > 0


def test_update_changes_neither_argument_nor_shares_anything() -> None:
    base = {"a": 1, "deep": {"b": {"c": 2, "d": [3]}, "e": 4}}
    updates = {"deep": {"b": {"c": 5, "new": [6]}}, "f": {"g": 7}}
    before = copy.deepcopy((base, updates))
    result = update_config(base, updates)
    assert result == {
        "a": 1,
        "deep": {"b": {"c": 5, "d": [3], "new": [6]}, "e": 4},
        "f": {"g": 7},
    }
    result["deep"]["b"]["d"].append(0)
    result["deep"]["b"]["new"].append(0)
    result["f"]["g"] = 0
    assert (base, updates) == before


@pytest.mark.parametrize("updates", [{"visualization": 3}, {"dropout": {"a": 1}}])
def test_a_dict_is_not_replaced_by_a_value_nor_a_value_by_a_dict(updates: dict) -> None:
    with pytest.raises(SpecificationError, match="expected a dict for a dict"):
        update_config(get_default_config(), updates)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dag_mode": "ring"}, "dag_mode='ring'; expected one of 'triangular', 'notears'"),
        ({"dag_mode": None}, "dag_mode=None"),
        ({"stabilization_method": "cubic"}, "'linear', 'exponential', 'sigmoid'"),
        ({"media_scaling": "log"}, "'share', 'volume'"),
        ({"hidden_dim": 0}, "whole number of at least 1"),
        ({"hidden_dim": 3.5}, "whole number"),
        ({"hidden_dim": True}, "whole number"),
        ({"burn_in_weeks": -1}, "at least 0"),
        ({"enable_dag": 1}, "expected True or False"),
        ({"dropout": 1.0}, "at most 0.99"),
        ({"dropout": "0.1"}, "expected a number"),
        ({"l1_weight": -0.1}, "at least 0"),
        ({"l1_weight": math.nan}, "expected a number"),
        ({"dag_temperature": 0.0}, "dag_temperature=0.0"),
        ({"media_share_prior": 1.5}, "media_share_prior=1.5"),
        ({"learning_rate": None}, "learning_rate=None"),
        ({"media_coefficient": 2.0}, "expected a coefficient below the range"),
        ({"notears_rho_init": 2.0, "notears_rho_max": 1.0}, "a start of at most the largest"),
        ({"visualization": 3}, "expected VisualizationSettings"),
        ({"visualization": {"edges": 3}}, "unknown settings ['edges']"),
        ({"visualization": {"dag_top_n_edges": 0}}, "dag_top_n_edges=0"),
        ({"hiden_dim": 3}, "unknown settings ['hiden_dim']"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(SpecificationError) as error:
        DeepSettings.from_config(wrong)
    assert message in str(error.value)


def test_numbers_of_numpy_become_plain_ones() -> None:
    settings = DeepSettings(hidden_dim=np.int64(4), dropout=np.float64(0.2), enable_dag=np.True_)
    assert [type(v) for v in (settings.hidden_dim, settings.dropout, settings.enable_dag)] == [
        int,
        float,
        bool,
    ]


def test_only_torch_is_taken_for_the_extra() -> None:
    with pytest.raises(MissingExtraError, match="extra 'deep'"), deep_extra():
        raise ModuleNotFoundError(name="torch.nn")
    with pytest.raises(ModuleNotFoundError, match="other"), deep_extra():
        raise ModuleNotFoundError("no other", name="other")
