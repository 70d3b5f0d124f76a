"""A fleet that is killed in the middle goes on where it stopped, and ends as if it never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Fitted

from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.pymc_model import PymcModel

MEMBERS = 3
_PATIENCE = 240
_SCRIPT = """
import sys
from pymc_toolkit import PymcModel

model = PymcModel.load(sys.argv[1])
model.recovery_fleet(
    int(sys.argv[2]), checkpoint_dir=sys.argv[3], draws=30, tune=50, chains=2, progressbar=False
)
"""

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def recover(model: PymcModel, folder: Path | None) -> RecoveryFleet:
    return model.recovery_fleet(
        MEMBERS, checkpoint_dir=folder, draws=30, tune=50, chains=2, progressbar=False
    )


def kill_in_the_middle(model: Path, folder: Path) -> list[Path]:
    """Start the fleet in a process of its own and kill it once a member is stored."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(model), str(MEMBERS), str(folder)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + _PATIENCE
    while not (stored := list(folder.glob("*.nc"))):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline, "no member was stored"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return stored


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no SIGKILL for groups")
def test_a_killed_fleet_resumes(fitted: Fitted, tmp_path: Path) -> None:
    uninterrupted = recover(fitted.model, None)
    folder = tmp_path / "checkpoints"
    kill_in_the_middle(fitted.model.save(tmp_path / "model.nc"), folder)
    # A crash may leave a file that was not finished.
    (folder / ".0123.part").write_bytes(b"half")
    stored = {path: path.stat().st_mtime_ns for path in folder.glob("*.nc")}
    assert 0 < len(stored) < MEMBERS
    resumed = recover(fitted.model, folder)
    assert resumed.summary() == uninterrupted.summary()
    assert resumed.verdict() == uninterrupted.verdict()
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
    assert len(list(folder.glob("*.nc"))) == MEMBERS
