"""A logo as part of the page: small, of a known kind, and without anything that runs or asks."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

from pymc_toolkit.exceptions import SpecificationError

LARGEST = 300_000
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}
# Elements that run, embed pages, or change attributes of others while the picture is shown.
_ACTIVE = {"script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "a"}
_ACTIVE |= {"set", "animate", "animatetransform", "animatemotion"}
_REFERENCES = re.compile(r"url\(\s*['\"]?(?!#|['\"]?\s*#)|@import|expression\(", re.IGNORECASE)
_ALLOWED_LINK = re.compile(r"(#|data:image/(png|jpeg);base64,)", re.IGNORECASE)


def embedded(path: str | Path | None) -> str:
    """Read a logo into a data URI.

    Parameters
    ----------
    path : str or Path, optional
        File that ends in .png, .jpg, .jpeg or .svg.

    Returns
    -------
    str
        Empty without a path.

    Raises
    ------
    SpecificationError
        If there is no such file, it is too large, of another kind than its name says, or an svg
        that runs something or refers to other files.
    """
    if path is None:
        return ""
    file = Path(path)
    kind = _TYPES.get(file.suffix.lower())
    if kind is None or not file.is_file():
        raise SpecificationError(
            f"Got logo {str(file)!r}; expected a file that is there and ends in "
            f"{', '.join(_TYPES)}."
        )
    if file.stat().st_size > LARGEST:
        raise SpecificationError(
            f"Got logo {str(file)!r} of {file.stat().st_size / 1e3:,.0f} kB; expected at most "
            f"{LARGEST / 1e3:.0f} kB, since every report carries it. Make it smaller."
        )
    content = file.read_bytes()
    if kind in _SIGNATURES and not content.startswith(_SIGNATURES[kind]):
        raise SpecificationError(
            f"Got logo {str(file)!r}, whose content is no {kind}; expected what its name says. "
            "Save it in that format."
        )
    if kind == "image/svg+xml":
        _check_svg(file, content)
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _check_svg(file: Path, content: bytes) -> None:
    """Refuse a drawing that could run something, ask for something, or is none."""
    trouble = _svg_trouble(content)
    if trouble:
        raise SpecificationError(
            f"Got logo {str(file)!r}, which {trouble}; expected a plain drawing. Export it anew "
            "without that, or as png."
        )


def _svg_trouble(content: bytes) -> str:
    # Entities can hide a script from what follows, or grow without end.
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", content, re.IGNORECASE):
        return "declares a document type"
    if b"<?xml-stylesheet" in content.lower():
        return "refers to a style sheet"
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError):
        return "is not well-formed XML"
    if _local(root.tag) != "svg":
        return "is no svg"
    for element in root.iter():
        name = _local(element.tag)
        if name in _ACTIVE:
            return f"has an element <{name}>"
        if _REFERENCES.search(element.text or "") and name == "style":
            return "refers to other files in its styles"
        for attribute, value in element.attrib.items():
            key = _local(attribute)
            if key.startswith("on"):
                return f"has a handler {key!r}"
            if key in ("href", "src") and not _ALLOWED_LINK.match(value.strip()):
                return "refers to another file"
            if _REFERENCES.search(value):
                return "refers to other files in its styles"
    return ""


def _local(tag: object) -> str:
    """Name without its namespace, in lower case; comments have none."""
    return tag.rsplit("}", 1)[-1].lower() if isinstance(tag, str) else ""
