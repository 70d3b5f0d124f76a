"""Doctests of a room whose library is not installed are not collected."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["pymc_toolkit/engines/deep"]
