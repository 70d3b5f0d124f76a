"""The README's snippets run, in order, as one script; only the sampler is replaced."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from fits import FakeSampler

from pymc_toolkit.engines.bayesian.engine import BayesianEngine

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets() -> list[str]:
    found = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    if find_spec("torch") is None:
        # The deep engine's comes with an extra; all others must run without it.
        found = [snippet for snippet in found if 'engine="deep"' not in snippet]
    return found


@pytest.mark.usefixtures("convergence_is_quick")
def test_snippets_run(tmp_path, monkeypatch):
    assert len(snippets()) >= 5
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    sampler = FakeSampler()

    def few_draws(data, spec, sampling, *options):
        return sampler(data, spec, replace(sampling, draws=20, chains=2), *options)

    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(few_draws))
    scope: dict[str, object] = {}
    for snippet in snippets():
        exec(compile(snippet, "README.md", "exec"), scope)  # noqa: S102
    assert (tmp_path / "output" / "client0.html").is_file()
    assert (tmp_path / "output" / "client0.nc").is_file()


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
