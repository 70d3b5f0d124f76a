"""Put a report on one page that needs nothing but itself: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.reports import tables
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.fleet_contract import FleetReport
from pymc_toolkit.reports.formats import day, period, probability
from pymc_toolkit.reports.look import Drawing
from pymc_toolkit.reports.page import Page
from pymc_toolkit.reports.pages.dashboard import dashboard_page
from pymc_toolkit.reports.pages.fleets import fleet_page
from pymc_toolkit.reports.pages.model import model_page
from pymc_toolkit.verdicts import Check, Status
from pymc_toolkit.whole_files import whole_file

_LOGGER = logging.getLogger(__name__)
_LOADER = PackageLoader("pymc_toolkit.reports")
_SUFFIXES = (".html", ".htm")
# Inside a script element these would end it, open a comment, or end a line of JavaScript.
_UNSAFE_IN_SCRIPT = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})

Report = ModelReport | FleetReport | Dashboard | Page


@dataclass(frozen=True)
class _Script:
    """JavaScript to run on the page, and the hash by which the page's policy knows it."""

    text: Markup
    digest: str


def render(report: Report) -> str:
    """Render a report as one HTML page.

    Parameters
    ----------
    report : ModelReport, FleetReport, Dashboard or Page

    Returns
    -------
    str
        Complete and self-contained. Names of the user's are shown as they are, markup included;
        the page's own policy forbids every request and every other script.
    """
    environment = _environment()
    page = page_of(report)
    provenance = page.provenance
    return environment.get_template(page.template).render(
        page=page,
        words=tables.STATUS_WORDS,
        checks=_worst_first(page.verdict.checks) if page.verdict else [],
        figures=_figures_json(page.drawings),
        library=_script(get_plotlyjs()),
        program=_script(_source(environment, "draw.js")),
        style=Markup("\n".join(_source(environment, name) for name in page.styles)),
        interval=probability(page.ci_prob),
        period=period(provenance.frequency),
        window=(day(provenance.first_date), day(provenance.last_date)),
        spec=json.dumps(provenance.spec, indent=2, ensure_ascii=False, default=str),
    )


def page_of(report: Report) -> Page:
    """Lay out a report of any kind.

    Parameters
    ----------
    report : ModelReport, FleetReport, Dashboard or Page
    """
    if isinstance(report, Page):
        return report
    if isinstance(report, Dashboard):
        return dashboard_page(report)
    return model_page(report) if isinstance(report, ModelReport) else fleet_page(report)


def write(report: Report, path: str | Path) -> Path:
    """Write a report to a file, whole or not at all, and the folders that it needs.

    Parameters
    ----------
    report : ModelReport, FleetReport, Dashboard or Page
    path : str or Path
        Ends in .html or .htm. A file that is there is replaced.

    Returns
    -------
    Path

    Raises
    ------
    SpecificationError
        If the path is a folder or has another ending.
    """
    target = checked_target(path)
    page = render(report)
    with whole_file(target) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")
    _LOGGER.info("Wrote report to %s (%.1f MB)", target, target.stat().st_size / 1e6)
    return target


def checked_target(path: str | Path) -> Path:
    """Refuse a path that no report can be written to.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    SpecificationError
        If the path is a folder or has an ending other than .html or .htm.
    """
    target = Path(path)
    if target.is_dir():
        raise SpecificationError(
            f"Got {str(target)!r}, which is a folder; expected a file to write the report to. "
            f"Give it a name, such as {str(target / 'report.html')!r}."
        )
    if target.suffix.lower() not in _SUFFIXES:
        raise SpecificationError(
            f"Got {str(target)!r}; expected a name that ends in .html or .htm, which browsers "
            f"open. Use {str(target.with_suffix('.html'))!r}."
        )
    return target


def _environment() -> Environment:
    environment = Environment(
        loader=_LOADER,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(text: str) -> Markup:
    """Escape a text and let its lines break after underscores, as column names need."""
    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _source(environment: Environment, name: str) -> str:
    """Text of a file beside the templates that is no template itself."""
    return _LOADER.get_source(environment, name)[0]


def _script(text: str) -> _Script:
    """Trust a script of ours by its hash, so that no other script can run on the page."""
    # Browsers hash what they parsed, in which every line ends in LF.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return _Script(Markup(text), f"sha256-{digest}")


def _figures_json(drawings: Sequence[Drawing]) -> Markup:
    """All panels as JSON that is safe inside a script element, by drawing and number."""
    panels = (
        f'"{drawing.key}-{i}":{panel.figure.to_json()}'
        for drawing in drawings
        for i, panel in enumerate(drawing.panels)
    )
    text = "{" + ",".join(panels) + "}"
    return Markup(text.translate(_UNSAFE_IN_SCRIPT))


def _worst_first(checks: Sequence[Check]) -> list[Check]:
    order = list(Status)
    return sorted(checks, key=lambda check: -order.index(check.status))
