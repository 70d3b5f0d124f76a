"""Labels in place of columns' names: refused where they mislead, and shown wherever names were."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from client_report_examples import blocked_client_report, example_client_report
from fits import FakeSampler
from hypothesis import given
from hypothesis import strategies as st
from report_examples import BEST, NASTY, QUOTED, UNPAID

from pymc_toolkit import PymcModel, UpliftTest, simulate_client
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.labels import check_labels, in_sentence
from pymc_toolkit.reports.client.contract import ClientReport
from pymc_toolkit.reports.client.page import client_page
from pymc_toolkit.reports.client.relabel import labelled
from pymc_toolkit.reports.render import render
from pymc_toolkit.verdicts import Check, Status, Verdict

COLUMNS = ["revenue", "tv", "tv_2", "price"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ({"tvv": "TV"}, r"'tvv'; expected channels, controls or the target.*mean 'tv'\?"),
            ({"tv": "TV", "tv_2": "TV"}, "'TV' for both 'tv' and 'tv_2'"),
            ({"tv": "TV", "tv_2": " TV "}, "for both 'tv' and 'tv_2'"),
            ({"tv": "Cafe\u0301", "tv_2": "Caf\u00e9"}, "for both"),
            ({"tv": "price"}, "for both 'tv' and 'price'"),
            ({"tv": ""}, "one line of text"),
            ({"tv": " "}, "one line of text"),
            ({"tv": "TV\nRadio"}, "one line of text"),
            ({"tv": "TV\u2028Radio"}, "one line of text"),
            ({"tv": "\u200b"}, "one line of text"),
            ({"tv": "\u202eVT"}, "one line of text"),
            ({"tv": 3}, "one line of text"),
            ({"tv": "TV", "tv_2": "T\u200dV"}, "for both"),
            ({"tv": "Cin\u00e9 Max", "tv_2": "Cin\u00e9\u00a0Max"}, "for both"),
            ({"tv": "Baseline"}, "a part of the model"),
            (["TV"], "what to show by column"),
        ],
    )
    def test_says_why(self, labels: Any, message: str) -> None:
        with pytest.raises(SpecificationError, match=message):
            check_labels(labels, COLUMNS)

    @pytest.mark.parametrize(
        "label",
        [
            "Cin\u00e9\u00a0Max",
            "\u0645\u06cc\u200c\u0631\u0648\u062f",
            "\U0001f468\u200d\U0001f469 TV",
        ],
    )
    def test_any_script_with_its_spaces_and_joiners(self, label: str) -> None:
        check_labels({"tv": label}, COLUMNS)
        assert in_sentence("Test 'tv'.", {"tv": label}) == f"Test '{label}'."

    def test_labels_may_change_places(self) -> None:
        check_labels({"tv": "tv_2", "tv_2": "tv"}, COLUMNS)
        check_labels({}, COLUMNS)


class TestSentences:
    def test_only_quoted_names_of_whole_columns(self) -> None:
        text = "'tv' and 'tv_2' follow tv; see https://x.y/tv or model_priors={\"tv\": 1}."
        said = in_sentence(text, {"tv": "TV"})
        assert said == "'TV' and 'tv_2' follow tv; see https://x.y/tv or model_priors={\"tv\": 1}."

    def test_labels_that_are_names_of_others(self) -> None:
        assert in_sentence("'a', 'b'", {"a": "b", "b": "a"}) == "'b', 'a'"

    def test_labels_are_quoted_as_they_are(self) -> None:
        """Readers know nothing of escapes."""
        said = in_sentence("Test 'a' and 'b'.", {"a": "A\\B", "b": 'L\'Or\u00e9al "x"'})
        assert said == 'Test \'A\\B\' and "L\'Or\u00e9al "x"".'

    @given(
        st.dictionaries(st.text("ab'\\ \"<é", min_size=1), st.text("ab'<&", min_size=1), min_size=1)
    )
    def test_any_name(self, labels: dict[str, str]) -> None:
        for name, label in labels.items():
            assert in_sentence(f"Test {name!r}.", labels) == f"Test {label!r}."


def told(page: str) -> str:
    """All of a page but files that are part of it, scripts of ours and the styles."""
    page = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    page = re.sub(r"<style.*?</style>", "", page, flags=re.S)
    head, _, rest = page.partition('id="figures">')
    figures, _, foot = rest.partition("</script>")
    scripts = re.compile(r"<script.*?</script>", re.S)
    return (scripts.sub("", head) + figures + scripts.sub("", foot)).replace("<wbr>", "")


def files(page: str) -> dict[str, pd.DataFrame]:
    """Tables that can be downloaded, by their names."""
    found = re.findall(r'download="([^"]+)" href="data:text/csv[^"]*base64,([^"]+)"', page)
    found = [(html.unescape(name), html.unescape(data)) for name, data in found]
    return {name: pd.read_csv(io.BytesIO(base64.b64decode(data))) for name, data in found}


LABELS = {
    "online revenue": "Revenue",
    **{name: f"Channel {i}" for i, name in enumerate(example_client_report().channels.index)},
    "events": "Feiertage",
    "emails_delivered": "Newsletter",
}


class TestReport:
    @pytest.mark.parametrize("example", [example_client_report, blocked_client_report])
    def test_no_name_of_a_column_is_left(self, example: Any) -> None:
        known = example()
        said = [f"Test {name!r} or {UNPAID!r}." for name in (BEST, QUOTED)]
        checks = [Check("pairs", Status.REVIEW, said[0], remedy=said[1]), *known.verdict.checks]
        report = dataclasses.replace(known, verdict=Verdict(checks), remedies=said)
        shown = told(render(client_page(labelled(report, LABELS))))
        # The name of one is a word of JavaScript, too.
        assert [name for name in LABELS if name in shown and name != "events"] == []
        assert [label for label in LABELS.values() if label not in shown] == []
        # The report that was given keeps its names.
        assert list(report.channels.index) == list(known.channels.index)

    def test_files_have_both(self) -> None:
        report = example_client_report()
        tables = files(render(client_page(labelled(report, LABELS))))
        for name in ("channels.csv", "budget.csv", "refresh.csv"):
            table = tables[name]
            back = table.set_index(table.columns[0])["column"]
            assert back["Channel 5"] == BEST, name
        experiments = tables["experiments.csv"]
        expected = [LABELS[name] for name in experiments["column"]]
        assert list(experiments["channel"]) == expected
        assert "Channel 5" in tables["budget-by-period.csv"].columns

    def test_those_without_a_label_keep_their_names(self) -> None:
        report = labelled(example_client_report(), {BEST: "Search"})
        assert list(report.channels.index).count("Search") == 1
        assert NASTY in report.channels.index
        assert report.target_name == "online revenue"
        assert labelled(report, {}) is report

    def test_markup_is_shown(self) -> None:
        nasty = "<img src=x onerror=alert(2)> $x$"
        labels = {BEST: nasty, "online revenue": f"{nasty}!", "events": f"{nasty}?"}
        page = render(client_page(labelled(example_client_report(), labels)))
        assert nasty not in page
        assert "<img src=x" not in page
        assert "&lt;img src=x onerror=alert(2)&gt; $x$" in page

    def test_parts_of_the_model_are_not_columns(self) -> None:
        """A control may be called as one of them."""
        known = example_client_report()
        components = known.components.rename(columns={"events": "trend (control)"})
        report = labelled(
            dataclasses.replace(known, components=components), {"trend": "Market", BEST: "Search"}
        )
        assert {"trend", "Market", "Search"} <= set(report.components.columns)
        assert "trend" in set(report.waterfall["part"])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> PymcModel:
    """A model of sixty weeks with names like no word, fitted by no sampler."""
    sampler = FakeSampler()
    monkeypatch.setattr(BayesianEngine, "fit", lambda self, *given, **more: sampler(*given, **more))
    client = simulate_client(n_periods=70, n_channels=3, seed=3)
    names = {name: f"zz_{name}" for name in [*client.channel_names, *client.control_names]}
    table = client.data.rename(columns={**names, "revenue": "zz_revenue"})
    # Channels of which checks have something to say.
    table["zz_still"] = 5.0 + 0.001 * (table.index % 2)
    table["zz_twin"] = 2 * table[names[client.channel_names[0]]]
    channels = [names[name] for name in client.channel_names] + ["zz_still", "zz_twin"]
    controls = [names[name] for name in client.control_names]
    model = PymcModel(table, "zz_revenue", "date_week", channels, controls, lag_max=3)
    dates = model.config.model_data.dates
    days = [str(day.date()) for day in (dates[30], dates[34] - pd.Timedelta(days=1))]
    model.add_uplift_tests(UpliftTest(channels[0], *days, effect=1e9, sigma=10.0))
    return model.fit(draws=30, tune=1, chains=2, progressbar=False)


def test_nothing_that_a_model_finds_names_a_column(model: PymcModel, tmp_path: Path) -> None:
    """Whatever checks, evidence and experiments say of channels, they quote their names."""
    roles = model.config
    columns = [roles.target_name, *roles.channel_names, *roles.control_names]
    labels = {name: f"Label {i}" for i, name in enumerate(columns)}
    path = model.client_report(tmp_path / "client.html", labels=labels, progressbar=False)
    shown = told(path.read_text(encoding="utf-8"))
    assert re.findall(r".{60}zz_.{40}", shown) == []
    said = " ".join(check.sentence for check in model.health().verdict.checks)
    assert "'zz_still'" in said
    assert "'Label 1, 2021-08-02 to 2021-08-29'" in html.unescape(shown)


def test_refused_before_anything_is_fitted(model: PymcModel, tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="Got a label for 'tv'"):
        model.client_report(tmp_path / "client.html", labels={"tv": "TV"})
    assert list(tmp_path.iterdir()) == []


def test_contract_leads_back() -> None:
    report: ClientReport = labelled(example_client_report(), {BEST: "Search"})
    assert report.columns == {"Search": BEST}
