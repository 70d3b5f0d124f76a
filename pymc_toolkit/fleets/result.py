"""What every fleet gives back: its members, and what they say together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import pandas as pd

from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.fit_files import read_file, write_file
from pymc_toolkit.fleets.files import fleet_from_tree, fleet_to_tree
from pymc_toolkit.fleets.judge import judge_failures
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.scoring import METRICS
from pymc_toolkit.verdicts import Check, Verdict

if TYPE_CHECKING:
    from pymc_toolkit.reports.fleet_contract import FleetReport

_KIND, _LAYOUT = "fleet", 2
# Columns that every fleet's table has, whatever became of its members.
_FIGURES = (
    *("divergences", "max_tree_depth", "r_hat", "ess_bulk"),
    *(f"train_{name}" for name in METRICS),
)


def computed_once[Fleet: FleetResult](
    method: Callable[[Fleet], pd.DataFrame],
) -> Callable[[Fleet], pd.DataFrame]:
    """Keep the table that a method of a fleet gives, and hand out copies of it.

    Verdict, summary and report read the same tables, which take up to seconds a member.

    Parameters
    ----------
    method : callable
        Of a fleet, without arguments.
    """
    kept = f"_{method.__name__}"

    @wraps(method)
    def once(fleet: Fleet) -> pd.DataFrame:
        if kept not in fleet.__dict__:
            fleet.__dict__[kept] = method(fleet)
        return fleet.__dict__[kept].copy()

    return once


@dataclass(frozen=True, eq=False, repr=False)
class FleetResult(ABC, Sequence[Member]):
    """Members of a fleet, by position or by name, and what follows from them.

    Parameters
    ----------
    members : tuple of Member
    options : Mapping of str to Any
        What the fleet was asked for, as plain values; ``random_seed`` is the seed of the whole.
    companions : tuple of Member
        Fits that members are held against and that nobody asked for.
    """

    members: tuple[Member, ...]
    options: Mapping[str, Any]
    companions: tuple[Member, ...] = ()

    kind: ClassVar[str]

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, which: int | str) -> Member: ...

    @overload
    def __getitem__(self, which: slice) -> Sequence[Member]: ...

    def __getitem__(self, which: int | str | slice) -> Member | Sequence[Member]:
        if not isinstance(which, str):
            return self.members[which]
        for member in self.members:
            if member.name == which:
                return member
        names = ", ".join(repr(member.name) for member in self.members)
        raise KeyError(f"Got {which!r}; this fleet has {names}.")

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{type(self).__name__}({len(self)} members{failed}; {self.verdict().status})"

    @property
    def finished(self) -> list[Member]:
        """Members that were fitted."""
        return [member for member in self.members if not member.failure]

    @property
    def failed(self) -> list[Member]:
        """Members that could not be fitted; each has its traceback in ``failure``."""
        return [member for member in self.members if member.failure]

    def summary(self) -> dict[str, Any]:
        """The summary of every member, by name."""
        return {member.name: member.summary() for member in self.members}

    def to_frame(self) -> pd.DataFrame:
        """One row a member, with its summary and the limits of its convergence.

        Returns
        -------
        pandas.DataFrame
            Index member; ``state, divergences, max_tree_depth, r_hat, ess_bulk`` and the scores as
            ``train_mape`` and so on; NaN where a member failed.
        """
        return pd.DataFrame(
            {member.name: _row(member) for member in self.members}.values(),
            index=pd.Index([member.name for member in self.members], name="member"),
        )

    def verdict(self) -> Verdict:
        """Judge the fleet: a table of checks (``to_frame``), each with one sentence.

        Returns
        -------
        Verdict
        """
        lead = judge_failures([member.name for member in self.failed], len(self))
        checks = self._checks() if self.finished else ()
        return Verdict((*([lead] if lead else []), *checks))

    def save(self, path: str | Path) -> Path:
        """Write the fleet to one file, fits and data included, without any code in it.

        Parameters
        ----------
        path : str or Path
            netCDF file to write, such as ``fleet.nc``.

        Returns
        -------
        Path
        """
        tree, header = fleet_to_tree((*self.members, *self.companions))
        header |= {"layout": _LAYOUT, "fleet": self.kind, "options": dict(self.options)}
        header["companions"] = len(self.companions)
        return write_file(tree, header, path, _KIND)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a fleet that :meth:`save` wrote.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        FileNotFoundError, SavedModelError
            If there is no such file, or it holds another fleet or none.
        """
        tree, header = read_file(path, _KIND, _LAYOUT)
        if header["fleet"] != cls.kind:
            raise SavedModelError(
                f"Got {str(path)!r}, which holds a {header['fleet']} fleet; expected a {cls.kind} "
                "fleet. Load it with the class that saved it."
            )
        members = fleet_from_tree(tree, header)
        count = len(members) - header["companions"]
        return cls(members[:count], header["options"], members[count:])

    def generate_report(self, output_html: str | Path) -> Path:
        """Write the report as one HTML file that opens without a network.

        Parameters
        ----------
        output_html : str or Path
            File to write; missing folders are made.

        Returns
        -------
        Path
            Of the file written.
        """
        from pymc_toolkit.reports.render import write

        return write(self._report(), output_html)

    @abstractmethod
    def _checks(self) -> Sequence[Check]:
        """What is judged of the members that finished, of which there is at least one."""

    @abstractmethod
    def _report(self) -> FleetReport:
        """Fill the contract of the fleet's report."""


def _row(member: Member) -> dict[str, Any]:
    if member.failure:
        return {"state": "failed", **dict.fromkeys(_FIGURES, float("nan"))}
    summary = member.summary()
    scores = {
        f"{part}_{name}": value
        for part in ("train", "test")
        for name, value in summary.get(part, {}).items()
    }
    return {
        "state": "finished",
        "divergences": summary["divergences"],
        "max_tree_depth": summary["max_tree_depth"],
        "r_hat": member.convergence.r_hat,
        "ess_bulk": member.convergence.ess_bulk,
        **scores,
    }
