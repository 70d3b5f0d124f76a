"""A small client of the deep engine in its own units. Imports no torch."""

from __future__ import annotations

import numpy as np


def client(
    regions: int = 3, weeks: int = 25, channels: int = 4, controls: int = 2, seed: int = 1
) -> list[np.ndarray]:
    """Media, controls and target of regions that differ a thousandfold in size."""
    rng = np.random.default_rng(seed)
    size = np.geomspace(10.0, 1e4, regions)[:, None]
    media = size[..., None] * rng.gamma(2.0, 1.0, size=(regions, weeks, channels))
    media *= rng.random(media.shape) < 0.8
    others = rng.normal(5.0, 3.0, size=(regions, weeks, controls))
    noise = rng.gamma(20.0, 0.1, size=(regions, weeks))
    return [media, others, 2 * size + 0.3 * media.sum(axis=-1) + size * noise]
