"""How many of something there are, in words that agree with the number."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Write how many of something there are.

    Parameters
    ----------
    number : int
    noun : str
        Singular, with a regular plural.

    Returns
    -------
    str

    Examples
    --------
    >>> count(1, "week"), count(4, "held-out week")
    ('1 week', '4 held-out weeks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
