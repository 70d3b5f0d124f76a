"""One compilation for a structure: in a process, in a fleet, and on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fits import QUIET, real_draws, small_config, small_subject

from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.bayesian import compiled, scalar_text
from pymc_toolkit.engines.bayesian.compiled import Affine
from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.holdout import run_holdout
from pymc_toolkit.fleets.recovery import run_recovery
from pymc_toolkit.fleets.stability import run_stability
from pymc_toolkit.model_spec import ModelSpec, Sampling

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")

SUBJECT = small_subject(spec=ModelSpec(lag_max=3, time_varying_media=True))


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Structures that were compiled, or taken from the machine's cache, in this process."""
    made: list[str] = []
    make = compiled._make

    def counted(structure: Any, arrays: Any) -> Any:
        made.append(structure.digest())
        return make(structure, arrays)

    monkeypatch.setattr(compiled, "_compiled", type(compiled._compiled)())
    monkeypatch.setattr(compiled, "_make", counted)
    return made


def test_a_recovery_fleet_compiles_once(compilations: list[str]) -> None:
    fleet = run_recovery(SUBJECT, 8, "prior", QUIET)
    assert len(fleet.finished) == 8
    assert len(compilations) == 1
    # They are different fits all the same.
    means = [float(member.fit.posterior["intercept"].mean()) for member in fleet]
    assert len(set(means)) == 8


def test_holdouts_of_three_lengths_compile_once(compilations: list[str]) -> None:
    fleet = run_holdout(SUBJECT, [4, 8, 12], "last", None, QUIET)
    assert [member.job.trained_on for member in fleet.finished] == [36, 32, 28]
    assert len(compilations) == 1


def test_a_stability_fleet_compiles_once(compilations: list[str]) -> None:
    """Whatever the lengths of its windows."""
    fleet = run_stability(SUBJECT, StabilityPlan(2, 1, 0.05, 1, None, None), QUIET)
    assert len(fleet.finished) == 6
    assert len(compilations) == 1


def test_another_client_of_the_same_structure_compiles_nothing(compilations: list[str]) -> None:
    spec, few = ModelSpec(lag_max=3), Sampling(draws=10, tune=10, chains=1)
    engine = get_engine("bayesian")
    draws = [
        engine.fit(small_config(periods, seed=seed).model_data, spec, few, False).posterior
        for periods, seed in ((40, 0), (52, 1))
    ]
    assert len(compilations) == 1
    assert not np.allclose(draws[0]["intercept"], draws[1]["intercept"])
    engine.fit(small_config(40).model_data, ModelSpec(lag_max=2), few, False)
    assert len(compilations) == 2


def test_few_compiled_models_are_kept(compilations: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(compiled, "_make", lambda structure, arrays: structure)
    monkeypatch.setattr(compiled, "_KEPT", 2)
    structures = [
        compiled.Structure(ModelSpec(lag_max=lag), n_channels=1, n_controls=0) for lag in (1, 2, 3)
    ]
    for structure in (*structures, structures[1], structures[0]):
        assert compiled.compiled_model(structure, {}) is structure
    assert list(compiled._compiled.values()) == [structures[1], structures[0]]


SCRIPT = """
import sys
import numpy as np
from fits import real_draws

np.save(sys.argv[1], real_draws())
print("pymc" in sys.modules)
"""


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "_compiled", type(compiled._compiled)())
    return tmp_path / "programs"


def test_a_machine_that_has_the_program_needs_no_pymc(own_cache: Path, tmp_path: Path) -> None:
    """And the process that compiled it draws the same, to the last bit, as one that finds it."""
    here = real_draws()
    (program,) = own_cache.glob("model_*.py")
    written = program.stat().st_mtime_ns
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "there.npy")],
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parent),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split()[-1] == "False"
    assert list(own_cache.glob("model_*.py")) == [program]
    assert program.stat().st_mtime_ns == written
    np.testing.assert_array_equal(np.load(tmp_path / "there.npy"), here)


@pytest.mark.usefixtures("compilations")
def test_a_graph_that_loops_cannot_express_is_compiled_by_nutpie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is the same model: given the same point, the same density and parameters."""
    import numba

    from pymc_toolkit.engines.bayesian.graph import Structure, graph_data

    config, spec = small_config(30), ModelSpec(lag_max=2)
    arrays = graph_data(config.model_data, spec)
    structure = Structure.of(config.model_data, spec)
    usual = compiled.compiled_model(structure, arrays)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.delitem(scalar_text._CALLS, "Sigmoid")
    compiled._compiled.clear()
    other = compiled.compiled_model(structure, arrays)
    assert not list(tmp_path.rglob("model_*.py"))
    n = usual.start.size
    affine = Affine(usual.start - 0.5 * usual.level, np.eye(n) + 0.1 * np.tri(n, k=-1))
    points = np.random.default_rng(0).normal(0, 0.2, (3, n))
    ours, theirs = (
        evaluated(m.bind(arrays, affine, lambda _: points[0]), points) for m in (usual, other)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    few = Sampling(draws=20, tune=250, chains=2)
    fit = get_engine("bayesian").fit(config.model_data, spec, few, False)
    assert set(fit.posterior.data_vars) == {
        "intercept",
        "adstock_alpha",
        "saturation_lam",
        "saturation_alpha",
        "gamma_control",
        "y_sigma",
    }
    assert fit.posterior["saturation_lam"].dims == ("chain", "draw", "channel")


def evaluated(bound: Any, points: np.ndarray) -> np.ndarray:
    """Density and gradient of what nutpie samples, called as nutpie calls it."""
    import ctypes

    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)
    density = kind(bound.compiled_logp_func.address)
    rows = []
    for point in points:
        gradient, value = np.zeros(point.size), np.zeros(1)
        arrays = (point, gradient, value, bound.user_data)
        assert density(point.size, *(array.ctypes.data for array in arrays)) == 0
        rows.append(np.concatenate([value, gradient]))
    return np.array(rows)


def test_a_damaged_program_is_made_anew(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled, "program_text", lambda *_: "NAMES = ['whole']")
    monkeypatch.setattr(compiled, "_from_module", lambda _, module: module.NAMES)
    config, spec = small_config(30), ModelSpec(lag_max=2)
    arrays = compiled_arrays(config, spec)
    structure = compiled.Structure.of(config.model_data, spec)
    assert compiled._make(structure, arrays) == ["whole"]
    (path,) = own_cache.glob("model_*.py")
    path.write_text("NAMES = [", encoding="utf-8")
    assert compiled._make(structure, arrays) == ["whole"]
    assert "damaged" in caplog.text
    assert path.read_text(encoding="utf-8") == "NAMES = ['whole']"


def compiled_arrays(config: Any, spec: ModelSpec) -> Any:
    from pymc_toolkit.engines.bayesian.graph import graph_data

    return graph_data(config.model_data, spec)


def test_without_a_cache_folder_a_process_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file in the folder's place, or somebody else's folder, which must not be run."""
    import numba

    compiled._folder_of_this_process.cache_clear()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    own = compiled.cache_folder()
    assert own.is_dir()
    assert own == compiled.cache_folder()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled.cache_folder() == tmp_path / "programs"
    monkeypatch.setattr(compiled, "_user", lambda _: -1)
    assert compiled.cache_folder() != tmp_path / "programs"
