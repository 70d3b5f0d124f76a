"""What a page is made of, whatever it reports on: a verdict first, then sections of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pymc_toolkit.reports.contract import Provenance
from pymc_toolkit.reports.look import Drawing
from pymc_toolkit.verdicts import Verdict


class Block(Protocol):
    """Anything that a page's template can show; ``kind`` tells it how."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Note:
    """A paragraph that says how to read what stands above it.

    Parameters
    ----------
    text : str
    """

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Tracebacks:
    """What went wrong with members that failed, to be unfolded.

    Parameters
    ----------
    items : Mapping of str to str
        Traceback by name of the member.
    """

    kind: ClassVar[str] = "tracebacks"
    items: Mapping[str, str]


@dataclass(frozen=True)
class Links:
    """Other files to read.

    Parameters
    ----------
    items : sequence of tuple of str
        Text and path relative to the page.
    """

    kind: ClassVar[str] = "links"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """A part of a page under one heading.

    Parameters
    ----------
    key : str
        Letters and dashes, unique on the page.
    nav : str
        A word or two for the list of sections.
    heading : str
    blocks : sequence of Block or None
        What there is nothing to show of is None.
    """

    key: str
    nav: str
    heading: str
    blocks: Sequence[Block | None]


@dataclass(frozen=True)
class Page:
    """A report, ready to be put into HTML.

    Parameters
    ----------
    title, client, question, headline : str
        Plain text; may hold any characters.
    verdict : Verdict or None
        None where nothing is judged.
    caveat : str
        What passing does not mean, or what is not judged.
    ci_prob : float
        Probability of the intervals.
    sections : sequence of Section
        One without any block is left out.
    provenance : Provenance
    """

    template: ClassVar[str] = "page.html"
    styles: ClassVar[Sequence[str]] = ("style.css",)
    title: str
    client: str
    question: str
    headline: str
    verdict: Verdict | None
    caveat: str
    ci_prob: float
    sections: Sequence[Section]
    provenance: Provenance

    @property
    def shown(self) -> list[Section]:
        """Sections that have something to show, with what there is in them."""
        sections = [
            Section(section.key, section.nav, section.heading, list(filter(None, section.blocks)))
            for section in self.sections
        ]
        return [section for section in sections if section.blocks]

    @property
    def drawings(self) -> list[Drawing]:
        """Every figure of the page, in order."""
        return [
            block
            for section in self.shown
            for block in section.blocks
            if isinstance(block, Drawing)
        ]
