"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_report_examples import example_client_report

from pymc_toolkit.reports.client.page import client_page
from pymc_toolkit.reports.render import write
from pymc_toolkit.whole_files import whole_file


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def half() -> None:
        with whole_file(path) as draft:
            draft.write_text("ne", encoding="utf-8")
            assert path.read_text(encoding="utf-8") == "old"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "kept" / "a.html", tmp_path / "a.html"
    real.parent.mkdir()
    real.write_text("old", encoding="utf-8")
    link.symlink_to(real)
    with whole_file(link) as draft:
        draft.write_text("new", encoding="utf-8")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"


def test_a_report_is_not_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(client_page(example_client_report()), tmp_path / "report.html")
    before = path.read_bytes()
    known = Path.write_text

    def interrupted(self: Path, text: str, **given: str) -> int:
        known(self, text[: len(text) // 2], **given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(client_page(example_client_report()), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
