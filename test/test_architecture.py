"""The layers of ARCHITECTURE.md, read from the imports, and what the package must not contain."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from fits import FakeSampler

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pymc_toolkit"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the top down. A module may import from its own layer or from a later one.
LAYERS = [
    [
        "pymc_toolkit.cli",
        "pymc_toolkit.__main__",
        "pymc_toolkit.client_file",
        "pymc_toolkit.command_line",
    ],
    [
        "pymc_toolkit",
        "pymc_toolkit.pymc_model",
        "pymc_toolkit.return_methods",
        "pymc_toolkit.decision_methods",
        "pymc_toolkit.fleet_methods",
        "pymc_toolkit.graph_methods",
        "pymc_toolkit.uplift_methods",
        "pymc_toolkit.health_methods",
        "pymc_toolkit.report_methods",
    ],
    ["pymc_toolkit.storage", "pymc_toolkit.refresh"],
    ["pymc_toolkit.fleets", "pymc_toolkit.reports", "pymc_toolkit.health"],
    ["pymc_toolkit.analysis", "pymc_toolkit.experiments", "pymc_toolkit.decisions"],
    ["pymc_toolkit.engines", "pymc_toolkit.fit_files"],
    [
        "pymc_toolkit.client_config",
        "pymc_toolkit.validation",
        "pymc_toolkit.dates",
        "pymc_toolkit.columns",
        "pymc_toolkit.costs",
        "pymc_toolkit.uplift_windows",
    ],
    [
        "pymc_toolkit.model_data",
        "pymc_toolkit.priors",
        "pymc_toolkit.prior_checks",
        "pymc_toolkit.scalers",
        "pymc_toolkit.simulate",
        "pymc_toolkit.simulate_plans",
        "pymc_toolkit.simulate_experiments",
        "pymc_toolkit.simulate_graphs",
        "pymc_toolkit.simulate_panels",
        "pymc_toolkit.simulate_doubtful",
    ],
    ["pymc_toolkit.model_spec"],
    ["pymc_toolkit.channel_graph"],
    ["pymc_toolkit.components"],
    [
        "pymc_toolkit.names",
        "pymc_toolkit.labels",
        "pymc_toolkit.plurals",
        "pymc_toolkit.whole_files",
        "pymc_toolkit.exceptions",
        "pymc_toolkit.metrics",
        "pymc_toolkit.verdicts",
        "pymc_toolkit.arrays",
        "pymc_toolkit.version",
    ],
]
# Libraries that only these rooms import, wherever in the module.
ROOMS = {
    "torch": ("pymc_toolkit.engines.deep",),
    "plotly": ("pymc_toolkit.reports",),
    "jinja2": ("pymc_toolkit.reports",),
    "babel": ("pymc_toolkit.reports.client",),
    "pymc_marketing": ("pymc_toolkit.engines.bayesian", "pymc_toolkit.priors"),
    "nutpie": ("pymc_toolkit.engines.bayesian",),
    "pymc": ("pymc_toolkit.engines.bayesian", "pymc_toolkit.priors"),
    "sklearn": (
        "pymc_toolkit.scalers",
        "pymc_toolkit.metrics",
        "pymc_toolkit.engines.bayesian.sampling",
        "pymc_toolkit.fleets.baselines",
        "pymc_toolkit.experiments",
    ),
    "econml": ("pymc_toolkit.experiments",),
    "statsmodels": ("pymc_toolkit.experiments",),
    "joblib": ("pymc_toolkit.fleets.runner",),
    "pydantic": ("pymc_toolkit.client_file", "pymc_toolkit.command_line"),
}
HEAVY = (
    *("pymc_marketing", "torch", "plotly", "jinja2", "pymc", "pytensor", "nutpie", "arviz"),
    *("econml", "statsmodels"),
)
# The command line, as far as its first answer.
HELP = "from pymc_toolkit.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
LONGEST = 400
# Modules that may be longer, and up to where; shorten them rather than add to this.
LONGER = {
    "pymc_model.py": 620,
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def layer_of(module: str) -> int:
    found = [
        (len(room), i)
        for i, layer in enumerate(LAYERS)
        for room in layer
        # The package's own name stands for its __init__ alone.
        if (module == room if room == "pymc_toolkit" else within(module, room))
    ]
    if not found:
        raise LookupError(f"{module} has no layer: give it one here and in ARCHITECTURE.md")
    return max(found)[1]


def nodes_that_run(tree: ast.Module) -> list[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return nodes


@cache
def imports(source: str) -> set[str]:
    """Full names of what a module imports at any depth, types alone apart."""
    found: set[str] = set()
    for node in nodes_that_run(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            whole = str(node.module)
            modules = {f"{whole}.{alias.name}" for alias in node.names}
            found |= {name if name in NAMES else whole for name in modules}
    return found


@cache
def calls(source: str) -> set[str]:
    return {
        ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
    }


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


every_module = pytest.mark.parametrize("path", MODULES, ids=ids)


def test_imports_are_read_at_any_depth_but_not_those_of_types() -> None:
    """The reader itself, on a module that breaks every rule."""
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "else:\n    import plotly.io\n"
        "def f():\n    from pymc_toolkit import storage\n    from pymc_toolkit.names import DATE\n"
    )
    assert imports(source) == {"typing", "plotly.io", "pymc_toolkit.storage", "pymc_toolkit.names"}
    assert layer_of("pymc_toolkit.reports.figures") == layer_of("pymc_toolkit.fleets.production")
    assert layer_of("pymc_toolkit.model_spec") < layer_of("pymc_toolkit.components.adstock")
    with pytest.raises(LookupError, match="has no layer"):
        layer_of("pymc_toolkit.utils")


def test_there_is_something_to_read() -> None:
    rooms = {room for layer in LAYERS for room in layer}
    assert rooms <= NAMES, f"rooms that are not there: {rooms - NAMES}"


@every_module
def test_imports_point_down(path: Path) -> None:
    module = name_of(path)
    own = layer_of(module)
    for imported in imports(path.read_text(encoding="utf-8")):
        if within(imported, "pymc_toolkit"):
            assert layer_of(imported) >= own, f"{module} imports {imported}, which lies above it"


@every_module
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    module = name_of(path)
    for imported in imports(path.read_text(encoding="utf-8")):
        library = imported.split(".")[0]
        rooms = ROOMS.get(library)
        if rooms:
            assert any(within(module, room) for room in rooms), f"{module} imports {library}"


def test_layers_are_those_of_the_architecture() -> None:
    """ARCHITECTURE.md lists the same rooms in the same order."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\d+\. (.+)$", text, flags=re.MULTILINE)
    assert len(listed) == len(LAYERS)
    for line, layer in zip(listed, LAYERS, strict=True):
        named = {name.removesuffix(".py").rstrip("/") for name in re.findall(r"`([^`]+)`", line)}
        rooms = {"__init__" if r == "pymc_toolkit" else r.split(".")[-1] for r in layer}
        assert named == rooms


@every_module
def test_nothing_dangerous_or_chatty(path: Path) -> None:
    """Models load as data, and the package speaks through logging."""
    source = path.read_text(encoding="utf-8")
    assert not calls(source) & {"print", "eval", "exec", "compile", "breakpoint", "__import__"}
    loaded = {name.split(".")[0] for name in imports(source)}
    assert not loaded & {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
    # joblib spreads work over processes here; its files are pickles.
    assert not calls(source) & {"joblib.dump", "joblib.load"}


@every_module
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    limit = LONGER.get(ids(path), LONGEST)
    assert lines <= limit, f"{ids(path)} has {lines} lines"


@pytest.mark.parametrize("name", LONGER)
def test_exceptions_are_needed(name: str) -> None:
    lines = len((PACKAGE / name).read_text(encoding="utf-8").splitlines())
    assert lines > LONGEST, f"{name} is short enough again: drop its exception"


# A server that only answers needs no sampler.
ANSWERS = """
import pandas as pd
model = PymcModel.load(sys.argv[1])
assert len(model.predict(pd.read_csv(sys.argv[2]))) == 8
model.roi(), model.contributions(), model.summarize_variable("intercept")
"""
# What may be run, and what must not be loaded then. One process runs them in turn, so that each may
# load no more than those after it.
CHEAP = [
    (HELP, (*HEAVY, "numpy", "pandas", "xarray", "sklearn", "scipy", "pydantic", "rich")),
    ("from pymc_toolkit import client_file", (*HEAVY, "numpy", "pandas", "xarray", "sklearn")),
    ("import pymc_toolkit", (*HEAVY, "xarray", "sklearn")),
    ("from pymc_toolkit.experiments import *", (*HEAVY, "sklearn")),
    ("from pymc_toolkit.pymc_model import PymcModel", HEAVY),
    ("from pymc_toolkit import ProductionFleet, simulate_client", HEAVY),
    (ANSWERS, ("pymc", "pymc_marketing", "pytensor", "nutpie")),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Top-level modules that a fresh interpreter holds after each of what may be run."""
    folder = tmp_path_factory.mktemp("answers")
    after = "print('loaded:', *{name.split('.')[0] for name in sys.modules})"
    script = "\n".join(["import sys", *(f"{code}\n{after}" for code, _ in CHEAP)])
    result = subprocess.run(
        [sys.executable, "-c", script, *saved_model(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    found = [set(words[1:]) for words in lines if words[:1] == ["loaded:"]]
    return dict(zip([code for code, _ in CHEAP], found, strict=True))


def saved_model(folder: Path) -> tuple[str, str]:
    """Paths of a model whose draws are made up, and of eight later weeks."""
    from pymc_toolkit import PymcModel, simulate_client
    from pymc_toolkit.engines.bayesian.engine import BayesianEngine
    from pymc_toolkit.exceptions import ConvergenceWarning

    client = simulate_client(n_periods=48, n_channels=2)
    later = client.data.tail(8).drop(columns="revenue")
    later.to_csv(folder / "later.csv", index=False)
    known = (client.data.head(40), "revenue", "date_week", client.channel_names, ["events"])
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        patched.setattr(BayesianEngine, "fit", staticmethod(FakeSampler()))
        model = PymcModel(*known, time_varying_media=True).fit(draws=10, progressbar=False)
    return str(model.save(folder / "model.nc")), str(folder / "later.csv")


@pytest.mark.parametrize(("code", "absent"), CHEAP)
def test_importing_is_cheap(
    loaded: dict[str, set[str]], code: str, absent: tuple[str, ...]
) -> None:
    """A script that only reads data must not wait for the libraries that sample."""
    assert not loaded[code] & set(absent)


def test_what_must_not_be_loaded_shrinks() -> None:
    """Or what runs would be blamed for what may have been loaded before it."""
    for (_, more), (_, fewer) in pairwise(CHEAP):
        assert set(fewer) <= set(more)


def test_every_public_name_is_importable() -> None:
    import pymc_toolkit

    for name in pymc_toolkit.__all__:
        assert getattr(pymc_toolkit, name).__name__ == name
    assert set(pymc_toolkit.__all__) <= set(dir(pymc_toolkit))
    with pytest.raises(AttributeError, match="has no attribute 'PymcModle'"):
        _ = pymc_toolkit.PymcModle
