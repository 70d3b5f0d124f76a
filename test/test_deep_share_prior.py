"""The pull on media's share is shown beside what the answer would be without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra deep")

from pymc_toolkit import PymcModel
from pymc_toolkit.simulate_panels import simulate_panel

QUICK = {"members": 2, "n_epochs": 15, "validation_weeks": 4}


def model(**options: Any) -> PymcModel:
    panel = simulate_panel(n_regions=2, n_periods=40)
    return PymcModel(
        panel.data,
        panel.target_name,
        panel.date_column,
        panel.channel_names,
        panel.control_names,
        geo_column=panel.geo_column,
        engine="deep",
        random_seed=3,
        engine_options={**QUICK, **options},
    )


def share(fitted: PymcModel) -> float:
    parts = fitted.contributions()
    media = parts["channels"].sum(("date", "geo", "channel"))
    return float((media / parts["fitted"].sum(("date", "geo"))).mean())


def test_the_share_without_is_that_of_the_same_fit_without_a_prior() -> None:
    pulled = model(media_share_prior=0.9, media_share_weight=50.0).fit(progressbar=False)
    free = model().fit(progressbar=False)
    stats = pulled.idata["sample_stats"]
    assert float(stats["media_share"].mean()) == pytest.approx(share(pulled), abs=1e-4)
    assert float(stats["media_share_without_prior"].mean()) == pytest.approx(share(free), abs=1e-4)
    assert share(pulled) > share(free) + 0.02
    assert "media_share_prior" not in free.idata["sample_stats"]


def test_a_report_says_so(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    fleet = model(media_share_prior=0.9, media_share_weight=50.0)
    fleet.production_fleet(test_size=4, progressbar=False).generate_report(path)
    text = path.read_text(encoding="utf-8")
    assert "was pulled towards 90%, which somebody chose (weight 50)" in text
