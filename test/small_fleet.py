"""A fleet of two real fits, in this process or in one of its own.

python small_fleet.py MODEL CHECKPOINTS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.pymc_model import PymcModel

MEMBERS = 2


def recover(model: PymcModel, folder: Path, **options: Any) -> RecoveryFleet:
    """Fit with far too few draws: what is tested does not depend on their number."""
    few = {"draws": 30, "tune": 50, "chains": 2, "progressbar": False}
    return model.recovery_fleet(MEMBERS, checkpoint_dir=folder, **few, **options)


def command(model: Path, folder: Path) -> list[str]:
    return [sys.executable, __file__, str(model), str(folder)]


if __name__ == "__main__":
    recover(PymcModel.load(sys.argv[1]), Path(sys.argv[2]))
