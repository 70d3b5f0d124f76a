"""What is installed holds everything that the package reads at run time."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pymc_toolkit.cli import main

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pymc_toolkit"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # Built from a copy: building leaves folders behind.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / "pymc_toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", source / "out", source], check=True)
    (built,) = (source / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_every_file_of_the_package_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "pymc_toolkit/reports/templates/base.html" in files
    assert files <= set(wheel.namelist())


def test_the_command_line_is_installed(wheel: zipfile.ZipFile) -> None:
    (points,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(points).decode())
    assert dict(scripts["console_scripts"]) == {"pymc-toolkit": "pymc_toolkit.cli:main"}
    assert callable(main)


def test_dependencies_are_those_of_requirements(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    lines = wheel.read(metadata).decode().splitlines()
    needed = {
        line for line in lines if line.startswith("Requires-Dist:") and "extra ==" not in line
    }
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len(needed) == len([line for line in listed if line and not line.startswith("#")])
    extras = {line.split()[1] for line in lines if line.startswith("Provides-Extra:")}
    assert extras == {"deep", "experiments", "distributed"}
