"""Ways to fit a model, by name. Each is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module

from pymc_toolkit.engines.base import Engine
from pymc_toolkit.exceptions import SpecificationError

_ENGINES = {
    "bayesian": ("pymc_toolkit.engines.bayesian.engine", "BayesianEngine"),
    "deep": ("pymc_toolkit.engines.deep.engine", "DeepEngine"),
}


def get_engine(name: str) -> Engine:
    """The engine of a given name.

    Parameters
    ----------
    name : str

    Raises
    ------
    SpecificationError
        If there is none such.
    MissingExtraError
        If its library is not installed.

    Examples
    --------
    >>> get_engine("bayesian").name
    'bayesian'
    """
    if not isinstance(name, str) or name not in _ENGINES:
        raise SpecificationError(
            f"Got engine={name!r}; expected one of {', '.join(map(repr, _ENGINES))}."
        )
    module, class_name = _ENGINES[name]
    engine: Engine = getattr(import_module(module), class_name)()
    return engine
