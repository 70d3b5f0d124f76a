"""Three-state judgements: what was checked, what came out, and one sentence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from pymc_toolkit.plurals import count


class Status(StrEnum):
    """Outcome of a check, worst last."""

    PASS = "pass"
    REVIEW = "review"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One check of a fit or a fleet.

    Parameters
    ----------
    name : str
        What was checked, in a few words.
    status : Status
    sentence : str
        What came out and what it means, for a reader without statistics.
    value : float or None
        The figure that was judged, None where it could not be computed.
    threshold : float or None
        What it was held against.
    remedy : str
        What to do about it; empty where nothing needs to be done.
    """

    name: str
    status: Status
    sentence: str
    value: float | None = None
    threshold: float | None = None
    remedy: str = ""


@dataclass(frozen=True)
class Verdict:
    """Checks together; the worst decides.

    Parameters
    ----------
    checks : sequence of Check

    Examples
    --------
    >>> Verdict((Check("a", Status.PASS, "Fine."), Check("b", Status.REVIEW, "Look."))).status
    <Status.REVIEW: 'review'>
    """

    checks: Sequence[Check]

    @property
    def status(self) -> Status:
        """The worst status of any check."""
        order = list(Status)
        return max((check.status for check in self.checks), key=order.index, default=Status.PASS)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        troubles = [check.name for check in self.checks if check.status is not Status.PASS]
        checks = count(len(self.checks), "check")
        if not troubles:
            return f"All {checks} passed." if len(self.checks) != 1 else "The one check passed."
        named = ", ".join(troubles)
        lead = "Do not use these results yet" if self.status is Status.FAIL else "Look first"
        return f"{lead}: {len(troubles)} of {checks} did not pass ({named})."

    def to_frame(self) -> pd.DataFrame:
        """One row a check."""
        return pd.DataFrame(
            [
                {
                    "check": check.name,
                    "status": str(check.status),
                    "value": check.value,
                    "threshold": check.threshold,
                    "sentence": check.sentence,
                    "remedy": check.remedy,
                }
                for check in self.checks
            ]
        )
