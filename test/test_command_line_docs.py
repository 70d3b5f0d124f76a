"""The page on the command line: its example runs and names every key, its commands are commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import FakeSampler

from pymc_toolkit.cli import main
from pymc_toolkit.client_file import json_schema, read_client_file
from pymc_toolkit.command_line.outcome import ClientRun
from pymc_toolkit.command_line.tasks import COMMANDS
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import ClientFileError

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
(SHELL,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one client, the page's example, and a sampler that makes up draws."""
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "shop.toml").write_text(EXAMPLE, encoding="utf-8")
    rng = np.random.default_rng(0)
    weeks = pd.date_range("2023-01-02", periods=112, freq="7D")
    spend = pd.DataFrame(rng.uniform(1, 100, (112, 3)), columns=["tv", "search", "views"])
    table = spend.assign(week=weeks, price=rng.uniform(1, 2, 112), revenue=500 + spend.sum(axis=1))
    table.head(104).to_csv(clients / "shop.csv", index=False)
    table.tail(8)[["week", *spend]].to_csv(clients / "push.csv", index=False)
    sampler = FakeSampler()

    def few_draws(data, spec, sampling, *options):
        return sampler(data, spec, replace(sampling, draws=20, chains=2), *options)

    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(few_draws))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(line: str, folder: Path) -> list[str]:
    """A line of the page as a shell hands it over."""
    program, *words = shlex.split(line)
    assert program == "pymc-toolkit"
    expanded = [sorted(map(str, folder.glob(word))) if "*" in word else [word] for word in words]
    return [word for some in expanded for word in some]


def test_the_example_names_every_key():
    schema = json_schema()
    tables = [schema, *schema["$defs"].values()]
    keys = {name for table in tables for name in table["properties"]}
    assert len(keys) > 80
    assert not {key for key in keys if not re.search(rf"\b{key}\b", EXAMPLE)}


def test_what_the_example_comments_out_is_taken_too(tmp_path):
    everything = re.sub(r"^# ", "", EXAMPLE, flags=re.MULTILINE)
    assert everything.count("\n#") == 0
    path = tmp_path / "shop.toml"
    path.write_text(everything, encoding="utf-8")
    client = read_client_file(path)
    assert len(client.tables.experiments) == 2
    assert client.tables.model.priors.media_tvp_config is not None


def test_defaults_are_those_that_the_example_shows(tmp_path):
    """What the page shows without saying that it is none by default."""
    path = tmp_path / "shop.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    shown = read_client_file(path).tables
    needed = EXAMPLE[: EXAMPLE.index("controls = ")]
    path.write_text(needed, encoding="utf-8")
    default = read_client_file(path).tables
    for table in ("sampling", "output"):
        assert getattr(shown, table) == getattr(default, table)
    for table, apart in (
        ("model", {"priors"}),
        ("client", {"controls", "cost_per_unit", "not_bought"}),
        ("optimize", {"hold", "constraints"}),
    ):
        given, expected = (getattr(t, table).model_dump(exclude=apart) for t in (shown, default))
        assert given == expected
    brand = {"name": "North Analytics", **default.report.brand.model_dump(exclude={"name"})}
    assert shown.report.brand.model_dump() == brand
    for name, fleet in shown.fleets.items():
        if name not in ("forecast", "recovery"):
            assert fleet == type(fleet)(kind=fleet.kind)


@pytest.mark.usefixtures("convergence_is_quick")
@pytest.mark.parametrize("command", ["fit", "optimize"])
def test_the_example_runs(folder, command, monkeypatch, capsys):
    monkeypatch.setattr("pymc_toolkit.health.result.Health.blocked", False)
    assert main([command, "-q", str(folder / "clients" / "shop.toml")]) in (0, 10, 20)
    assert (folder / "clients" / "output" / "shop.nc").is_file()


@pytest.mark.usefixtures("convergence_is_quick")
@pytest.mark.parametrize("line", SHELL.splitlines())
def test_its_commands_run(folder, line, capsys):
    assert main(arguments(line, folder)) in (0, 10, 20)


def test_commands_are_those_of_the_page():
    listed = re.findall(r"^\| `(\w+)` \| \w.* \|$", PAGE, flags=re.MULTILINE)
    assert {*COMMANDS, "schema"} <= set(listed)


def test_keys_of_the_json_are_those_of_the_page():
    section = PAGE[PAGE.index("## JSON") :]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, flags=re.MULTILINE)
    listed = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert listed == list(ClientRun("fit", Path("a.toml"), None, None).to_dict())


def test_mistakes_are_said_as_the_page_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = EXAMPLE.replace("lag_max =", "lagmax =").replace("draws = 1000", "draws = 0")
    Path("shop.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ClientFileError) as error:
        read_client_file("shop.toml")
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    said = str(error.value).splitlines()
    for line, found in zip(shown.splitlines(), said, strict=True):
        start, _, end = line.partition("…")
        assert found.startswith(start)
        assert found.endswith(end)
