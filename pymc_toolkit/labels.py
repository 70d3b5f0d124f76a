"""What a reader is shown instead of the names of a client's columns."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from pymc_toolkit.exceptions import SpecificationError

# Parts of every model, which stand beside channels and controls in figures.
_PARTS = ("baseline", "trend", "seasonality")
# Without width, between letters of some scripts and parts of emoji: non-joiner and joiner.
_JOINERS = "\u200c\u200d"


def check_labels(labels: Mapping[str, str], columns: Sequence[str]) -> None:
    """Refuse labels of columns that are not there, and labels that do not tell columns apart.

    Parameters
    ----------
    labels : Mapping of str to str
        What is shown, by column. A column without a label is shown by its name.
    columns : sequence of str
        Channels, controls and the target.

    Raises
    ------
    SpecificationError
        If a column is unknown, a label is empty or of several lines, is that of two columns, or is
        that of a part of the model.

    Examples
    --------
    >>> check_labels({"tv": "Television"}, ["tv", "revenue"])
    """
    if not isinstance(labels, Mapping):
        raise SpecificationError(
            f"Got labels={labels!r}; expected what to show by column, such as "
            "{'google_search_spend': 'Google Search'}."
        )
    for column, label in labels.items():
        if column not in columns:
            raise SpecificationError(_unknown(column, columns))
        _check_text(column, label)
    seen: dict[str, str] = {}
    for column in columns:
        label = labels.get(column, column)
        same = seen.setdefault(_seen_as(label), column)
        if same != column:
            raise SpecificationError(
                f"Got {label!r} for both {same!r} and {column!r}; expected labels by which a "
                "reader can tell them apart. Give one of them another."
            )


def in_sentence(text: str, labels: Mapping[str, str]) -> str:
    """Put labels into a sentence that was written with the names of columns.

    Sentences quote names as Python does (``'tv'``). A name that is not in quotes is left alone: it
    may be a word of the sentence, or of code in it.

    Parameters
    ----------
    text : str
    labels : Mapping of str to str

    Returns
    -------
    str

    Examples
    --------
    >>> in_sentence("The spend on 'tv' follows that on 'tv_2'.", {"tv": "TV"})
    "The spend on 'TV' follows that on 'tv_2'."
    """
    if not labels:
        return text
    quoted = {repr(name): _quoted(label) for name, label in labels.items()}
    # All at once: a label may be the name of another column.
    anyone = re.compile("|".join(map(re.escape, sorted(quoted, key=len, reverse=True))))
    return anyone.sub(lambda match: quoted[match[0]], text)


def _unknown(column: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(column), columns, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else "Correct it or take it out."
    return (
        f"Got a label for {column!r}; expected channels, controls or the target: "
        f"{', '.join(map(repr, columns))}. {advice}"
    )


def _check_text(column: str, label: str) -> None:
    if not isinstance(label, str) or not _is_line(label):
        raise SpecificationError(
            f"Got the label {label!r} for {column!r}; expected one line of text. Leave it out to "
            "show the name of the column."
        )
    if _seen_as(label).casefold() in _PARTS:
        raise SpecificationError(
            f"Got the label {label!r} for {column!r}, which is what a part of the model is called; "
            "expected another. Say more of what it is."
        )


def _is_line(label: str) -> bool:
    """Whether there is something to see, and nothing that breaks or turns the line."""
    seen = _seen_as(label)
    breaks = any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in label)
    return bool(seen) and seen.isprintable() and not breaks


def _seen_as(label: str) -> str:
    """A label as it looks, whatever it is made of."""
    without = label.translate(dict.fromkeys(map(ord, _JOINERS)))
    return " ".join(unicodedata.normalize("NFC", without).split())


def _quoted(label: str) -> str:
    """A label in quotes, as it is: readers know nothing of Python's escapes."""
    return f'"{label}"' if "'" in label else f"'{label}'"
