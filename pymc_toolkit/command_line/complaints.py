"""What is said of a client's file that is not as expected: file, table, key, and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

Place = tuple[str | int, ...]

_SHOWN = 80
# Pydantic's kinds of errors, in the words of someone who writes TOML.
_KINDS = {
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "date_type": "a date",
    "union_tag_not_found": "a table with a kind",
}
_LIMITS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_short": "{min_length} or more values",
    "too_long": "{max_length} or fewer values",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of {max_length} or fewer characters",
    "string_pattern_mismatch": "a name of letters, digits, - and _",
    "literal_error": "one of {expected}",
    "union_tag_invalid": "one of {expected_tags} as its kind",
}


def complaints(path: Path, given: Mapping[str, Any], error: ValidationError) -> list[str]:
    """One line for each place of a file that is wrong.

    Parameters
    ----------
    path : Path
        The file.
    given : Mapping
        What stands in it.
    error : ValidationError
        What pydantic says.

    Returns
    -------
    list of str
    """
    places: dict[Place, list[Any]] = {}
    for problem in error.errors(include_url=False):
        place = _place(given, problem["loc"], problem["type"] == "missing")
        # What may be one thing or another is one place with several problems.
        places.setdefault(place, []).append(problem)
    return [
        f"{path}, {_shown(place, _is_table(problems[0]))}: {_sentence(place, problems)}"
        for place, problems in places.items()
        if not any(place == other[: len(place)] for other in places if other != place)
    ]


def _place(given: Any, location: Sequence[str | int], missing: bool) -> Place:
    """Where in the file it is, without the names of types that pydantic puts between."""
    place: list[str | int] = []
    for step in location:
        if isinstance(given, Mapping) and step in given:
            given = given[str(step)]
        elif isinstance(given, list) and isinstance(step, int) and step < len(given):
            given = given[step]
        else:
            continue
        place.append(step)
    return (*place, location[-1]) if missing else tuple(place)


def _is_table(problem: Mapping[str, Any]) -> bool:
    """Whether it is a table as a whole that is wrong."""
    return problem["type"] != "missing" and isinstance(problem["input"], Mapping)


def _shown(place: Place, is_table: bool) -> str:
    """A place as its table and its key, positions counted from one."""
    names: list[str] = []
    for step in place:
        if isinstance(step, int):
            names[-1] += f" #{step + 1}"
        else:
            names.append(step)
    if not names:
        return "[the file]"
    *tables, key = names
    return f"[{'.'.join(names)}]" if is_table or not tables else f"[{'.'.join(tables)}] {key}"


def _sentence(place: Place, problems: Sequence[Any]) -> str:
    """What was got there, what was expected, and what to do."""
    own = [problem["ctx"]["text"] for problem in problems if problem["type"] == "sentence"]
    if own:
        return " ".join(dict.fromkeys(own))
    if problems[0]["type"] == "missing":
        return f"Got nothing; expected a value. Add the key {place[-1]!r}."
    got = problems[0]["input"]
    expected = " or ".join(dict.fromkeys(_expected(problem) for problem in problems))
    # The input of a kind that is unknown is the table that holds it.
    sought = got.get("kind") if isinstance(got, Mapping) else got
    near = difflib.get_close_matches(str(sought), re.findall(r"'([^']*)'", expected), n=1)
    advice = f"Did you mean {near[0]!r}?" if near else "Correct it."
    return f"Got {_as_written(got)}; expected {expected}. {advice}"


def _expected(problem: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind in _LIMITS:
        return _LIMITS[kind].format(**problem["ctx"])
    return _KINDS.get(kind) or problem["msg"].removeprefix("Input should be ")


def _as_written(value: Any) -> str:
    """A value much as TOML has it, and not all of a long one."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
