"""Fit DeepCausalMMM on the panel of deep.py, and predict the held-out weeks.

    python -m venv peer && peer/bin/pip install deepcausalmmm "numpy<2"
    peer/bin/python benchmark/deep_peer.py PANEL.npz ANSWER.json --epochs 1500

Run by a Python of its own, which needs nothing of this package; deep.py does so. It goes the way of
its README and of its dashboard example: default config and seed, temporal_split,
fit_and_transform_training and transform_holdout, ModelTrainer.train with the holdout, and
predictions for the holdout's own tensors without their padding. Its training reads the holdout's
error to lower the learning rate. A second set of predictions comes from predict_and_postprocess,
which the example uses for contributions: there the network sees all weeks in a row.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

NAME = "deepcausalmmm"


def main() -> None:
    """Fit, predict, and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("panel", type=Path, help="media, controls, target, by region and week")
    parser.add_argument("answer", type=Path)
    parser.add_argument("--epochs", type=int, default=1500)
    options = parser.parse_args()
    with np.load(options.panel) as arrays:
        panel = {name: arrays[name] for name in arrays.files}
    options.answer.write_text(json.dumps(fit(panel, options.epochs)))


def fit(panel: dict[str, np.ndarray], epochs: int) -> dict[str, Any]:
    """Train with the package's own pipeline.

    Parameters
    ----------
    panel : dict of str to ndarray
        ``media`` (region, week, channel), ``controls`` (region, week, control), ``target`` (region,
        week), and the number of weeks to hold out, ``held_out``.
    epochs : int

    Returns
    -------
    dict
        Predictions in original units by region and held-out week, and what they took.
    """
    from deepcausalmmm.core import get_default_config
    from deepcausalmmm.core.data import UnifiedDataPipeline
    from deepcausalmmm.core.trainer import ModelTrainer

    config = get_default_config()
    config["n_epochs"] = epochs
    seed(config["random_seed"])
    before = peak_mib()
    pipeline = UnifiedDataPipeline(config)
    series = (panel["media"], panel["controls"], panel["target"])
    train, holdout = pipeline.temporal_split(*series)
    held_out = int(panel["held_out"])
    if holdout["y"].shape[1] != held_out:
        raise SystemExit(f"Its default config holds out other weeks than the last {held_out}.")
    tensors = [pipeline.fit_and_transform_training(train), pipeline.transform_holdout(holdout)]
    trainer = ModelTrainer(config)
    sizes = (part.shape[2] for part in series[:2])
    trainer.create_model(*sizes, n_regions=len(panel["target"]))
    trainer.create_optimizer_and_scheduler()
    parts = [part[name] for part in tensors for name in ("X_media", "X_control", "R", "y")]
    started, worked = time.perf_counter(), time.process_time()
    results = trainer.train(*parts, pipeline=pipeline, verbose=False)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    return {
        **predict(trainer.model, pipeline, tensors[1], series, held_out),
        "training_seconds": seconds,
        "training_cpu_seconds": cpu,
        "epochs": len(results["train_losses"]) + config["warm_start_epochs"],
        "memory_before_mib": before,
        "memory_peak_mib": peak_mib(),
        "r2_it_reports": float(results["final_holdout_r2"]),
        "versions": {name: version(name) for name in (NAME, "torch", "numpy")},
    }


def seed(number: int) -> None:
    """Seed all that draws, as its example does."""
    import random

    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def predict(
    model: Any, pipeline: Any, holdout: dict[str, Any], series: tuple[np.ndarray, ...], weeks: int
) -> dict[str, Any]:
    """Predict the held-out weeks alone, and at the end of all weeks."""
    import torch

    model.eval()
    with torch.no_grad():
        scaled = model(holdout["X_media"], holdout["X_control"], holdout["R"])[0]
    alone = pipeline.inverse_transform_predictions(scaled)
    names = [[str(i) for i in range(part.shape[2])] for part in series[:2]]
    row = pipeline.predict_and_postprocess(model, *series[:2], *names)["predictions"]
    return {"mean": alone.numpy().tolist(), "mean_in_a_row": row[:, -weeks:].numpy().tolist()}


def peak_mib() -> float:
    """The most memory that this process has held so far."""
    # macOS counts bytes, others kibibytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
