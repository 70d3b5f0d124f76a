"""A fleet that is killed in the middle goes on where it stopped, and ends as if it never was."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Fitted
from small_fleet import MEMBERS, command, recover

from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.pymc_model import PymcModel

_PATIENCE = 240

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def kill_in_the_middle(arguments: list[str], folder: Path) -> None:
    """Start the fleet in a process of its own and kill it once a member is stored."""
    process = subprocess.Popen(
        arguments, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + _PATIENCE
    while not list(folder.glob("*.nc")):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline, "no member was stored"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no SIGKILL for groups")
def test_a_killed_fleet_resumes(fitted: Fitted, one_worker: RecoveryFleet, tmp_path: Path) -> None:
    folder, file = tmp_path / "checkpoints", fitted.model.save(tmp_path / "model.nc")
    kill_in_the_middle(command(file, folder), folder)
    # A crash may leave a file that was not finished.
    (folder / ".0123.part").write_bytes(b"half")
    stored = {path: path.stat().st_mtime_ns for path in folder.glob("*.nc")}
    assert 0 < len(stored) < MEMBERS
    resumed = recover(PymcModel.load(file), folder)
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
    assert len(list(folder.glob("*.nc"))) == MEMBERS
    assert resumed.summary() == one_worker.summary()
    assert resumed.verdict() == one_worker.verdict()
    for ours, theirs in zip(resumed, one_worker, strict=True):
        for name in theirs.fit.posterior:
            np.testing.assert_array_equal(ours.fit.posterior[name], theirs.fit.posterior[name])
