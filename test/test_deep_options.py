"""Options of the deep engine: none is taken that would change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep.options import DeepOptions
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client

CLIENT = simulate_client(n_periods=52, n_channels=2, seed=1)
FEW: dict[str, Any] = {"members": 2, "n_epochs": 3, "min_epochs": 0, "validation_weeks": 0}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def model(options: dict[str, Any], **given: Any) -> PymcModel:
    """A model of the simulated client, not fitted."""
    return PymcModel(
        CLIENT.data,
        "revenue",
        "date_week",
        CLIENT.channel_names,
        ["events"],
        engine="deep",
        random_seed=3,
        engine_options={**FEW, **options},
        **given,
    )


def learnt(options: dict[str, Any]) -> np.ndarray:
    """Every number that was learnt with some options, a row a member."""
    fitted = model(options).fit(progressbar=False)
    found: np.ndarray = fitted._fitted().posterior["network_weights"].values[0]
    return found


@pytest.mark.parametrize(
    "option",
    [
        *({"hill_quantile": 0.3}, {"hill_slope": 2.0}, {"baseline_quantile": 0.5}),
        *({"adstock_retention": 0.6}, {"control_swing": 0.1}, {"coefficient_spread": 0.1}),
        *({"media_coefficient": 0.2}, {"coeff_range": 3.0}, {"control_clip": 0.5}),
        *({"use_warm_start": True}, {"burn_in_weeks": 4}, {"use_coefficient_momentum": False}),
        *({"momentum_decay": 0.5}, {"weight_average": 0.5}, {"block_periods": 3}),
        *({"huber_delta": 0.5}, {"gradient_clip": 0.01}, {"rate_warmup_epochs": 3}),
        *({"l1_weight": 1.0}, {"media_share_prior": 0.5}, {"enable_dag": True}, {"region_dim": 2}),
    ],
    ids=lambda option: next(iter(option)),
)
def test_every_option_that_is_taken_changes_what_is_learnt(option: dict[str, Any]) -> None:
    plain, other = learnt({}), learnt(option)
    assert plain.shape != other.shape or (plain != other).any()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"dag_mode": "notears"}, "'dag_mode' .*without 'enable_dag'.*Add"),
        ({"notears_lambda1": 0.1}, "'notears_lambda1' .*without 'enable_dag'"),
        ({"media_share_weight": 2.0}, "without 'media_share_prior'"),
        ({"warm_start_epochs": 9}, "without 'use_warm_start'"),
        *(
            ({name: value}, f"engine_options .'{name}'.; expected some of")
            for name, value in {
                "baseline_level": 2.0,
                "hill_half_saturation": 2.0,
                "holdout_ratio": 0.2,
                "regression_ridge": 9.0,
                "visualization": {"dag_top_n_edges": 5},
            }.items()
        ),
        ({"n_epochs": "20"}, "n_epochs='20'; expected a whole number"),
        ({"baseline_knot_weeks": 0}, "baseline_knot_weeks=0; expected a whole number"),
        ({"device": "moon"}, "device='moon'; expected a name such as 'cpu'"),
        ({"device": "cuda:99"}, "device='cuda:99', which torch cannot use here .*Leave device out"),
    ],
)
def test_what_would_change_nothing_or_cannot_be_is_refused(
    option: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecificationError, match=message):
        model(option, time_varying_intercept=True).fit(progressbar=False)


def test_a_switch_may_be_off_for_what_needs_it() -> None:
    off = {"enable_dag": False, "dag_mode": "notears", "use_warm_start": False}
    np.testing.assert_array_equal(learnt({**off, "warm_start_epochs": 9}), learnt({}))


def test_numbers_of_numpy_are_numbers() -> None:
    def read(number: Any) -> DeepOptions:
        asked = PymcModel(
            CLIENT.data,
            "revenue",
            "date_week",
            CLIENT.channel_names,
            engine="deep",
            engine_options={"n_epochs": number},
        )
        return DeepOptions.of(asked.config.model_data, asked.spec)

    assert read(np.int64(200)) == read(200)
    assert read(200).settings.min_epochs == 170
