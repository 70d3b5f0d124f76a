"""Compiled models: one for each structure in a process, and one for each on a machine.

The text of a program and the machine code that numba makes of it lie in a folder of this user's;
where they are found, neither PyMC nor a compiler is needed. The folder is in numba's own
(``NUMBA_CACHE_DIR``) if it has been given one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.bayesian.coordinates import choose_coordinates
from pymc_toolkit.engines.bayesian.dag import DAG_START
from pymc_toolkit.engines.bayesian.graph import Graph, Structure, build_graph
from pymc_toolkit.engines.bayesian.program import density_graph, named_values, program_text
from pymc_toolkit.engines.bayesian.scalar_text import UnknownOperationError
from pymc_toolkit.names import DAG_WEIGHTS
from pymc_toolkit.whole_files import whole_file

logger = logging.getLogger(__name__)

Arrays = Mapping[str, tuple[tuple[str, ...], Array]]

_KEPT = 8
_NEAR = 0.02
_PACKAGES = ("numba", "numpy", "pymc", "pytensor", "pymc-extras", "pymc-marketing")
# Modules whose text decides that of a program.
_SOURCES = ("engines/bayesian", "components", "priors.py", "names.py", "model_spec.py")
_compiled: OrderedDict[str, CompiledModel] = OrderedDict()
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Affine:
    """A straight map from what is sampled to the coordinates of a model.

    Parameters
    ----------
    centre : ndarray of shape (coordinate,)
    factor : ndarray of shape (coordinate, coordinate)
        Lower triangular.
    """

    centre: Array
    factor: Array

    def inverse(self, coordinates: Array) -> Array:
        """What is sampled, of shape (..., coordinate), from coordinates of that shape."""
        from scipy.linalg import solve_triangular

        rows = np.atleast_2d(coordinates) - self.centre
        solved: Array = solve_triangular(self.factor, rows.T, lower=True).T
        return solved.reshape(np.shape(coordinates))

    def __call__(self, sampled: Array) -> Array:
        """Coordinates, of shape (..., coordinate), from what is sampled."""
        mapped: Array = self.centre + sampled @ self.factor.T
        return mapped


@dataclass(frozen=True)
class CompiledModel:
    """A structure's density with gradient, ready for any data.

    Parameters
    ----------
    structure : Structure
    names : tuple of str
        Variables that the posterior has.
    pieces : Mapping of str to (int, int)
        First coordinate of each free variable, and the one after its last.
    start, level : ndarray of shape (coordinate,)
        See :class:`pymc_toolkit.engines.bayesian.coordinates.Coordinates`.
    bind : callable
        ``bind(arrays, affine, first)`` gives what nutpie samples: ``first(seed)`` is a point to
        start from.
    """

    structure: Structure
    names: tuple[str, ...]
    pieces: Mapping[str, tuple[int, int]]
    start: Array
    level: Array
    bind: Callable[[Arrays, Affine, Callable[[int], Array]], Any]

    def first_guess(self, arrays: Arrays) -> Affine:
        """Coordinates around where sampling may start, as they are."""
        target = arrays["target_data"][1]
        size = max(float(target.mean()), 0.01 * float(np.abs(target).max()), 1e-12)
        centre, spread = self.start + self.level * np.log(size), np.ones(self.start.size)
        if DAG_START in arrays:
            # Every chain near one graph, since none could leave another.
            place = slice(*self.pieces[DAG_WEIGHTS])
            centre[place], spread[place] = arrays[DAG_START][1], _NEAR
        return Affine(centre, np.diag(spread))


def compiled_model(structure: Structure, arrays: Arrays) -> CompiledModel:
    """The compiled model of a structure, made if this process has none.

    Parameters
    ----------
    structure : Structure
    arrays : Mapping
        Of any client with that structure.
    """
    key = structure.digest()
    with _one_at_a_time:
        if key not in _compiled:
            _compiled[key] = _make(structure, arrays)
            while len(_compiled) > _KEPT:
                _compiled.popitem(last=False)
        _compiled.move_to_end(key)
        return _compiled[key]


def _make(structure: Structure, arrays: Arrays) -> CompiledModel:
    """Take a structure's program from the cache, or write and compile it."""
    key = hashlib.sha256(f"{structure.digest()} {_makers()}".encode()).hexdigest()[:32]
    path = cache_folder() / f"model_{key}.py"
    if path.is_file():
        try:
            return _from_module(structure, _module(path))
        except Exception:  # noqa: BLE001 - a damaged file may raise anything; it is made anew
            logger.warning("The compiled model in %s is damaged; it is made anew.", path)
            for damaged in (path, *path.parent.glob(f"**/{path.stem}*")):
                damaged.unlink(missing_ok=True)
    graph = build_graph(structure, arrays)
    try:
        _write(path, program_text(structure, graph))
    except UnknownOperationError as error:
        logger.info("Compiling the model's graph itself, which takes longer: %s.", error)
        return _through_pymc(structure, graph)
    return _from_module(structure, _module(path))


@cache
def _makers() -> str:
    """What decides the text of a program beside the structure."""
    root = Path(__file__).parents[2]
    files = sorted(
        file for source in _SOURCES for file in [root / source, *(root / source).glob("*.py")]
    )
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(file.read_bytes())
    return " ".join([digest.hexdigest(), sys.version, *(version(name) for name in _PACKAGES)])


def cache_folder() -> Path:
    """Folder of programs, made if it is not there; one of this process where that is impossible."""
    import numba
    from platformdirs import user_cache_path

    settings: Any = numba.config
    folder = Path(settings.CACHE_DIR or user_cache_path("pymc_toolkit")) / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What lies there is run: it has to be this user's own.
        if os.access(folder, os.W_OK) and folder.stat().st_uid == _user(folder):
            return folder
    except OSError:
        pass
    return _folder_of_this_process(folder)


def _user(folder: Path) -> int:
    return os.getuid() if hasattr(os, "getuid") else folder.stat().st_uid


@cache
def _folder_of_this_process(instead_of: Path) -> Path:
    logger.info("Compiled models cannot be kept in %s; each process compiles its own.", instead_of)
    return Path(mkdtemp(prefix="pymc_toolkit_"))


def _write(path: Path, text: str) -> None:
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _module(path: Path) -> ModuleType:
    name = f"pymc_toolkit_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Got {str(path)!r}, which cannot be imported; expected a program.")
    module = importlib.util.module_from_spec(spec)
    # numba stores the code of functions of known modules at a fraction of the time.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


@dataclass(frozen=True)
class _Function:
    """A function in memory, and what keeps it there."""

    address: int
    owner: Any


def _from_module(structure: Structure, module: ModuleType) -> CompiledModel:
    start, level = np.array(module.START), np.array(module.LEVEL)
    density, parameters = (
        _Function(getattr(module, name).address, module) for name in ("density", "parameters")
    )

    def bind(arrays: Arrays, affine: Affine, first: Callable[[int], Array]) -> Any:
        from nutpie.compile_pymc import CompiledPyMCModel

        target = arrays["target_data"][1]
        memory = np.concatenate(
            [
                [float(len(target))],
                affine.centre,
                affine.factor.ravel(),
                *(values.ravel() for _, values in arrays.values()),
            ]
        )
        sizes = {
            dim: n for dims, a in arrays.values() for dim, n in zip(dims, a.shape, strict=True)
        }
        names, shapes = module.NAMES, module.SHAPES
        coords = {dim: pd.RangeIndex(sizes[dim]) for dims in module.DIMS.values() for dim in dims}
        ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes])
        return CompiledPyMCModel(
            dims=module.DIMS,
            compiled_logp_func=density,
            compiled_expand_func=parameters,
            initial_point_func=first,
            shared_data={},
            shared_var_keys={},
            user_data=memory,
            n_expanded=int(ends[-1]),
            shape_info=(names, None, [list(shape) for shape in shapes]),
            logp_func=None,
            expand_func=None,
            _n_dim=start.size,
            _shapes=dict(zip(names, shapes, strict=True)),
            _coords={**coords, "unconstrained_parameter": pd.RangeIndex(start.size)},
        )

    return CompiledModel(structure, tuple(module.NAMES), module.PIECES, start, level, bind)


def _through_pymc(structure: Structure, graph: Graph) -> CompiledModel:
    """Let nutpie compile the graph: it knows all that PyTensor's numba backend knows."""
    import nutpie
    import pymc as pm

    coordinates = choose_coordinates(graph)
    model, size = graph.model, coordinates.start.size
    with pm.Model(coords=model.coords) as sampled:
        point = pm.Flat("sampled_point", shape=size)
        centre = pm.Data("affine_centre", np.zeros(size))
        factor = pm.Data("affine_factor", np.eye(size))
        whole = centre + factor @ point
        places = coordinates.places(graph)
        pieces = {
            piece: whole[slice(*place)].reshape(piece.type.shape)
            for piece, place in zip(coordinates.pieces.values(), places.values(), strict=True)
        }
        from pytensor.graph.replace import graph_replace

        pm.Potential("density", graph_replace(density_graph(graph, coordinates), pieces))
        named = named_values(graph, coordinates)
        for name, value in named.items():
            dims = model.named_vars_to_dims.get(name)
            pm.Deterministic(name, graph_replace([value], pieces, strict=False)[0], dims=dims)
        compiled = nutpie.compile_pymc_model(sampled, var_names=list(named))
    known = {variable.name for variable in compiled.shared_var_keys}

    def bind(arrays: Arrays, affine: Affine, first: Callable[[int], Array]) -> Any:
        given = {name: values for name, (_, values) in arrays.items() if name in known}
        given |= {"affine_centre": affine.centre, "affine_factor": affine.factor}
        return replace(compiled.with_data(**given), initial_point_func=first)

    return CompiledModel(
        structure, tuple(named), places, coordinates.start, coordinates.level, bind
    )
