"""Sentences with figures in them, each figure known by what it is a figure of."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# An estimate has an interval; a chance is a statement of uncertainty itself; a fact was observed
# or decided, and is exact.
FigureKind = Literal["estimate", "chance", "fact"]


@dataclass(frozen=True)
class Figure:
    """A number as it is written wherever it is shown.

    Parameters
    ----------
    key : str
        What it is a figure of, such as ``roi:tv``.
    kind : {"estimate", "chance", "fact"}
    middle : str
        The number.
    interval : str
        Both ends, in parentheses; empty for what has none.
    """

    key: str
    kind: FigureKind
    middle: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.middle} {self.interval}" if self.interval else self.middle


@dataclass(frozen=True)
class Name:
    """A name of the client's: of a channel, a control or the target, with any characters.

    Parameters
    ----------
    text : str
    """

    text: str

    def __str__(self) -> str:
        return self.text


Fragment = str | Figure | Name
Sentence = tuple[Fragment, ...]


def say(template: str, **parts: Fragment | Sentence) -> Sentence:
    """Put figures and names into a text.

    Parameters
    ----------
    template : str
        With a field in braces for each part.
    **parts
        By field.

    Returns
    -------
    Sentence

    Examples
    --------
    >>> plain(say("{who} earned {roi}.", who=Name("tv"), roi=Figure("roi:tv", "estimate", "2.1")))
    'tv earned 2.1.'
    """
    fragments: list[Fragment] = []
    for text, field, _, _ in string.Formatter().parse(template):
        if text:
            fragments.append(text)
        if field is not None:
            part = parts[field]
            fragments.extend(part if isinstance(part, tuple) else (part,))
    return tuple(fragments)


def join(parts: Sequence[Fragment | Sentence], between: str = ", ") -> Sentence:
    """Join several parts into one sentence.

    Parameters
    ----------
    parts : sequence
    between : str

    Returns
    -------
    Sentence
    """
    joined: list[Fragment] = []
    for i, part in enumerate(parts):
        joined += [between] if i else []
        joined += part if isinstance(part, tuple) else (part,)
    return tuple(joined)


def plain(sentence: Fragment | Sentence) -> str:
    """Write a sentence as plain text.

    Parameters
    ----------
    sentence : Sentence or one fragment of it

    Returns
    -------
    str
    """
    return "".join(map(str, sentence)) if isinstance(sentence, tuple) else str(sentence)
