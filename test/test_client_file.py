"""A client's file: what it may say, what it stands for, and what is said of mistakes."""

from __future__ import annotations

import inspect
import json
import unicodedata
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from client_examples import SHOP, minimal, write_client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pymc_toolkit.client_file import ClientFile, json_schema, read_client_file, slug
from pymc_toolkit.command_line.client_models import build_model, model_arguments
from pymc_toolkit.command_line.complaints import complaints
from pymc_toolkit.command_line.tables import (
    ChannelDagTable,
    ExperimentTable,
    ModelTable,
    SamplingChanges,
    SamplingTable,
    Table,
)
from pymc_toolkit.command_line.task_tables import (
    FLEETS,
    BrandTable,
    ClientTables,
    ConstraintTable,
    OptimizeTable,
)
from pymc_toolkit.components.acyclicity import ACYCLICITIES
from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.channel_dag import MODES, NOISES, ChannelDag
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.decisions.limits import Constraint
from pymc_toolkit.decisions.objectives import OBJECTIVES
from pymc_toolkit.engines import _ENGINES
from pymc_toolkit.exceptions import (
    ClientFileError,
    PriorError,
    SpecificationError,
    UpliftTestError,
)
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.uplift_methods import WAYS

RUNNING = {"self", "progressbar", "n_jobs", "checkpoint_dir", "new_data", "sampling"}


def defaults_of(function: Any, *without: str) -> dict[str, Any]:
    """Arguments of a function with their defaults."""
    parameters = inspect.signature(function).parameters
    return {name: p.default for name, p in parameters.items() if name not in without}


def field_defaults(kind: Any) -> dict[str, Any]:
    return {
        entry.name: entry.default if entry.default is not MISSING else inspect.Parameter.empty
        for entry in fields(kind)
    }


def alike(value: Any) -> Any:
    """A default as a table writes it: lists for tuples, nothing for an empty one."""
    if isinstance(value, tuple | list):
        return [alike(entry) for entry in value]
    return {} if value is None else value


def choices(table: type[Table], name: str) -> tuple[Any, ...]:
    return get_args(table.model_fields[name].annotation)


def client_of(path: Path, **tables: Any) -> ClientFile:
    return ClientFile(path / "a.toml", ClientTables.model_validate(minimal(**tables)))


def refusal(folder: Path, text: str) -> list[str]:
    """What is said of a file, without the name of the file."""
    path = folder / "client.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ClientFileError) as error:
        read_client_file(path)
    lines = str(error.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(str(path)) for line in lines]


class TestWhatItMaySay:
    """No option of the package is forgotten, and no default is another than the package's."""

    def test_every_option_of_the_model(self, tmp_path):
        expected = defaults_of(PymcModel.__init__, "self", "client_data")
        arguments = model_arguments(client_of(tmp_path))
        assert arguments.keys() == expected.keys()
        for name, default in expected.items():
            if default is not inspect.Parameter.empty and name not in (
                "random_seed",
                "client_name",
            ):
                assert alike(arguments[name] or None) == alike(default or None), name
        assert arguments["random_seed"] == 0
        assert (arguments["client_name"], arguments["channel_names"]) == ("a", ["tv"])

    def test_how_it_is_sampled(self):
        expected = defaults_of(PymcModel.fit, "self", "progressbar")
        assert SamplingTable().model_dump() == {**expected, "random_seed": 0}
        assert SamplingChanges.model_fields.keys() == expected.keys()

    @pytest.mark.parametrize("kind", FLEETS)
    def test_every_option_of_a_fleet(self, kind):
        expected = defaults_of(getattr(PymcModel, f"{kind}_fleet"), *RUNNING)
        options = FLEETS[kind](kind=kind).options()
        assert alike(list(options.items())) == alike([(name, expected[name]) for name in options])
        assert options.keys() == expected.keys()

    @pytest.mark.parametrize(
        ("table", "kind", "besides"),
        [
            (ExperimentTable, UpliftTest, {"kind", "file"}),
            (ChannelDagTable, ChannelDag, set()),
            (BrandTable, Brand, set()),
            (ConstraintTable, Constraint, set()),
        ],
    )
    def test_every_field(self, table, kind, besides):
        expected = field_defaults(kind)
        assert table.model_fields.keys() == expected.keys() | besides
        for name, default in expected.items():
            field = table.model_fields[name]
            if default is not inspect.Parameter.empty and not field.is_required():
                assert alike(field.get_default(call_default_factory=True)) == alike(default), name

    def test_every_option_of_a_budget(self):
        expected = defaults_of(PymcModel.optimize_budget, "self")
        assert alike(list(OptimizeTable().model_dump().items())) == alike(list(expected.items()))

    @pytest.mark.parametrize(
        ("table", "name", "known"),
        [
            (ModelTable, "adstock", ADSTOCKS),
            (ModelTable, "saturation", SATURATIONS),
            (ModelTable, "engine", _ENGINES),
            (ChannelDagTable, "mode", MODES),
            (ChannelDagTable, "noise", NOISES),
            (ChannelDagTable, "acyclicity", ACYCLICITIES),
            (ExperimentTable, "kind", WAYS),
            (OptimizeTable, "objective", OBJECTIVES),
        ],
    )
    def test_every_choice(self, table, name, known):
        assert set(choices(table, name)) == set(known)


class TestWhatItStandsFor:
    def test_a_model_with_everything(self, tmp_path):
        text = f"""{SHOP}
[model.priors.intercept]
dist = "HalfNormal"
kwargs = {{ sigma = 2 }}

[model.priors.saturation_lam]
dist = "LogNormal"
kwargs = {{ mu = 0.0, sigma = {{ dist = "HalfNormal", kwargs = {{ sigma = 1 }} }} }}
dims = "channel"

[[experiments]]
channel = "channel_1_cost"
start = START
end = "END"
effect = 10.0
sigma = 5.0
name = "inline"

[[experiments]]
file = "tests.csv"
"""
        path = write_client(tmp_path)
        data = pd.read_csv(tmp_path / "data" / "shop.csv", parse_dates=["date_week"])
        spent = data[(data["channel_1_cost"] > 0) & (data["channel_2_cost"] > 0)]
        start = spent["date_week"].iloc[5].date()
        end = start + timedelta(days=6)
        path.write_text(text.replace("START", str(start)).replace("END", str(end)))
        (tmp_path / "tests.csv").write_text(
            f"channel,start,end,effect,sigma\nchannel_2_cost,{start},{end},10,5\n"
        )
        model = build_model(read_client_file(path))
        assert model.config.client_name == "Shop & Co"
        assert model.spec.lag_max == 3
        assert model.random_seed == 0
        priors = model.spec.prior_overrides
        assert priors["intercept"] == {"dist": "HalfNormal", "kwargs": {"sigma": 2.0}}
        assert priors["saturation_lam"]["kwargs"]["sigma"]["dist"] == "HalfNormal"
        assert priors["saturation_lam"]["dims"] == ["channel"]
        assert [test.channel for test in model.uplift_tests] == ["channel_1_cost", "channel_2_cost"]
        assert model.uplift_tests[0].name == "inline"

    def test_a_smooth_prior_keeps_what_is_not_given(self, tmp_path):
        client = client_of(tmp_path, model={"priors": {"media_tvp_config": {"m": 20}}})
        assert model_arguments(client)["model_priors"] == {"media_tvp_config": {"m": 20}}

    def test_channels_without_cost(self, tmp_path):
        tables = minimal()
        tables["client"] |= {
            "channels": ["tv", "views"],
            "cost_per_unit": {"tv": 2.0},
            "not_bought": ["views"],
        }
        client = ClientFile(tmp_path / "a.toml", ClientTables.model_validate(tables))
        assert model_arguments(client)["cost_per_unit"] == {"tv": 2.0, "views": None}
        tables["client"]["not_bought"] = ["tv"]
        client = ClientFile(tmp_path / "a.toml", ClientTables.model_validate(tables))
        with pytest.raises(ClientFileError, match=r"\[client\]: Got 'tv' in cost_per_unit and"):
            model_arguments(client)

    def test_a_graph_of_channels(self, tmp_path):
        client = client_of(tmp_path, model={"channel_dag": {"required": [["tv", "search"]]}})
        assert model_arguments(client)["channel_dag"] == ChannelDag(required=[("tv", "search")])
        client = client_of(tmp_path, model={"channel_dag": "triangular"})
        assert model_arguments(client)["channel_dag"] == "triangular"

    def test_how_csv_files_are_written(self, tmp_path):
        path = write_client(tmp_path, f'{SHOP}\n[client.csv]\nseparator = ";"\ndecimal = ","\n')
        plain = build_model(read_client_file(write_client(tmp_path / "plain")))
        data = tmp_path / "data" / "shop.csv"
        data.write_text(data.read_text().replace(",", ";").replace(".", ","))
        other = build_model(read_client_file(path))
        assert other.config.model_data.digest() == plain.config.model_data.digest()

    def test_parquet(self, tmp_path):
        pytest.importorskip("pyarrow")
        path = write_client(tmp_path)
        plain = build_model(read_client_file(path))
        plain.config.table.to_parquet(tmp_path / "data" / "shop.parquet")
        path.write_text(SHOP.replace("shop.csv", "shop.parquet"))
        other = build_model(read_client_file(path))
        assert other.config.model_data.digest() == plain.config.model_data.digest()

    @pytest.mark.parametrize(
        ("change", "kind", "message"),
        [
            (
                "shop.csv->shop.txt",
                ClientFileError,
                r"\[client\] data: Got 'data/shop.txt'; expect",
            ),
            ("shop.csv->none.csv", ClientFileError, r"there is no file .*none.csv"),
            ("lag_max = 3->adstock = 'weibull_pdf'\nlag_max = 1", SpecificationError, "lag_max"),
            (
                "[sampling]->[model.priors.intercpt]\ndist = 'Normal'\n[sampling]",
                PriorError,
                "Did you mean 'intercept'",
            ),
            (
                "[sampling]->[[experiments]]\nchannel = 'channel_1_cost'\n[sampling]",
                UpliftTestError,
                "start",
            ),
        ],
    )
    def test_what_the_package_refuses(self, tmp_path, change, kind, message):
        path = write_client(tmp_path)
        path.write_text(SHOP.replace(*change.split("->")))
        with pytest.raises(kind, match=message):
            build_model(read_client_file(path))


class TestWhereThingsAre:
    def test_paths_are_from_the_folder_of_the_file(self, tmp_path, monkeypatch):
        path = write_client(tmp_path / "clients")
        monkeypatch.chdir(tmp_path)
        client = read_client_file(path.relative_to(tmp_path))
        assert client.output(".nc") == Path("clients/output/shop-co.nc")
        assert client.beside("data/shop.csv").is_file()
        assert client.beside("/data/shop.csv") == Path("/data/shop.csv")
        assert client.checkpoints is None

    def test_an_output_folder_of_its_own(self, tmp_path):
        client = client_of(
            tmp_path,
            output={"folder": "../out", "checkpoints": True},
            report={"output": "page.html"},
        )
        assert client.folder == tmp_path / ".." / "out"
        assert client.checkpoints == client.folder / "checkpoints"
        assert client.report == tmp_path / "page.html"

    def test_a_user_whom_nobody_knows(self, tmp_path):
        client = client_of(tmp_path)
        with pytest.raises(ClientFileError, match="Got the path '~nobody-here/x.csv'.*expected"):
            client.beside("~nobody-here/x.csv")

    def test_a_mark_at_the_start_of_a_file(self, tmp_path):
        """Windows editors write one, and TOML has none."""
        path = write_client(tmp_path)
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
        assert read_client_file(path).name == "Shop & Co"

    @given(st.text())
    @example("İSTANBUL")
    @example("\u0301a\u0301\u0345 \u1fb3")
    @example("\ufeffcon")
    @example("\ud800x")
    @example("字" * 200)
    def test_names_of_files_are_names_of_files(self, name):
        found = slug(name)
        assert found
        assert len(found.encode()) <= 100
        assert unicodedata.is_normalized("NFC", found)
        assert {unicodedata.category(c)[0] for c in found} <= set("LMNP")
        assert not set(found) & set('/\\:*?"<>|. ')
        assert found.strip("-") == found
        assert found not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        # Nor does it matter whether a file system knows capitals from small letters.
        assert slug(found) == found

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Shop & Co", "shop-co"),
            ("Zürich", "zürich"),
            ("Zu\u0308rich", "zürich"),
            ("Компания № 1", "компания-no-1"),
            ("東京ストア", "東京ストア"),
            ("कंपनी", "कंपनी"),
            ("../.hidden", "hidden"),
            ("CON", "client-con"),
            ("lpt1", "client-lpt1"),
            ("\uff33hop \uff11", "shop-1"),
        ],
    )
    def test_names_keep_their_script(self, name, expected):
        assert slug(name) == expected

    @pytest.mark.parametrize(
        ("one", "other"), [("東京", "大阪"), ("🍕", "🍔"), ("字" * 99 + "一", "字" * 99 + "二")]
    )
    def test_clients_of_any_script_have_files_of_their_own(self, one, other):
        assert slug(one) != slug(other)


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[client]\nnam = 'a'", ", [client]: Got the key 'nam'; expected some of 'name'"),
            ("[clint]\nname = 'a'", ", [the file]: Got the key 'clint'"),
            ("[client]\nname = 'a'", ", [client] data: Got nothing; expected a value. Add the key"),
            ("x", ": Got text that is not TOML"),
        ],
    )
    def test_of_the_file(self, tmp_path, text, said):
        assert refusal(tmp_path, text)[0].startswith(said)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("[model]\nlagmax = 3", ", [model]: Got the key 'lagmax'; expected some of 'lag_max'"),
            (
                "[model]\nadstock = 'geometrc'",
                ", [model] adstock: Got \"geometrc\"; expected one of 'geometric', 'delayed', "
                "'weibull_pdf', 'weibull_cdf' or 'binomial'. Did you mean 'geometric'?",
            ),
            (
                "[optimize]\nbounds = 0",
                ", [optimize] bounds: Got 0; expected a number above 0 or a table. Correct it.",
            ),
            (
                "[model]\nlag_max = 0",
                ", [model] lag_max: Got 0; expected a number of at least 1. Correct it.",
            ),
            (
                "[model]\ntrend = 'yes'",
                ', [model] trend: Got "yes"; expected true or false or a whole number. Correct it.',
            ),
            (
                "[model]\nchannel_dag = { mode = 'notear' }",
                ", [model.channel_dag] mode: Got \"notear\"; expected one of 'notears', "
                "'triangular' or 'fixed'. Did you mean 'notears'?",
            ),
            (
                "[model.priors.intercept]\ndist = 'Normal'\nkwargs = { mu = 'x' }",
                ', [model.priors.intercept.kwargs] mu: Got "x"; expected a number or a list or a '
                "table. Correct it.",
            ),
            (
                "[model.priors.intercept]\ndist = 'Normal'\nmu = 1",
                ", [model.priors.intercept]: Got the key 'mu'; expected some of 'dist', 'kwargs', "
                "'dims', 'centered'. Correct it or take it out.",
            ),
            (
                "[sampling]\nchains = true",
                ", [sampling] chains: Got true; expected a whole number. Correct it.",
            ),
            (
                "[sampling]\ntarget_accept = nan",
                ", [sampling] target_accept: Got NaN; expected a finite number. Correct it.",
            ),
            (
                "[[experiments]]\nfile = 'a.csv'\n[[experiments]]\nchannel = 'tv'\nstart = 3",
                ", [experiments #2] start: Got 3; expected text or a date. Correct it.",
            ),
            (
                "[[experiments]]\nfile = 'a.csv'\nname = 'b'",
                ", [experiments #1]: Got file beside name; expected a file of tests, or one test. "
                "Make it two tables of [[experiments]].",
            ),
            (
                "[[experiments]]\nkind = 'prior'",
                ", [experiments #1]: Got neither file nor channel; expected a file of tests, or "
                "one test with its channel.",
            ),
            (
                "[fleets.mine]\ntest_size = 3",
                ', [fleets.mine]: Got {"test_size": 3}; expected a table with a kind. Correct it.',
            ),
            (
                "[fleets.mine]\nkind = 'prodction'",
                ', [fleets.mine]: Got {"kind": "prodction"}; expected one of \'production\', '
                "'holdout', 'recovery', 'stability', 'forecast' as its kind. Did you mean "
                "'production'?",
            ),
            (
                "[fleets.holdout]\nholdouts = [4, 0]",
                ", [fleets.holdout] holdouts #2: Got 0; expected a number of at least 1. "
                "Correct it.",
            ),
            (
                "[fleets.'a b']\nkind = 'holdout'",
                ', [fleets] a b: Got "a b"; expected a name of letters, digits, - and _. '
                "Correct it.",
            ),
            (
                "[optimize]\nbounds = { tv = [1], radio = [0, 2] }",
                ", [optimize.bounds] tv: Got [1]; expected 2 or more values. Correct it.",
            ),
            (
                "[labels]\ntvv = 'TV'",
                ", [labels]: Got a label for 'tvv'; expected channels, controls or the target: ",
            ),
            ("[labels]\ntv = ''", ', [labels] tv: Got ""; expected text of 1 or more characters.'),
            ("[report]\nbrand = 3", ", [report] brand: Got 3; expected a table. Correct it."),
        ],
    )
    def test_of_a_value(self, tmp_path, change, said):
        head = SHOP[: SHOP.index("[model]")]
        (line,) = refusal(tmp_path, f"{head}\n{change}")
        assert line.startswith(said)

    def test_of_paths_with_backslashes(self, tmp_path):
        (line,) = refusal(tmp_path, '[client]\ndata = "data\\shop.csv"')
        assert line.endswith("paths are written with / or between single quotes.")

    def test_all_are_named_at_once(self, tmp_path):
        head = SHOP[: SHOP.index("[model]")]
        lines = refusal(
            tmp_path, f"{head}\n[model]\nlag_max = 0\nadstock = 'a'\n[sampling]\ntune = -1"
        )
        assert [line[2 : line.index(":")] for line in lines] == [
            "[model] lag_max",
            "[model] adstock",
            "[sampling] tune",
        ]

    def test_of_reading(self, tmp_path):
        with pytest.raises(ClientFileError, match=r"none.toml: Got a file that cannot be read"):
            read_client_file(tmp_path / "none.toml")
        with pytest.raises(ClientFileError, match="cannot be read"):
            read_client_file(tmp_path)
        (tmp_path / "latin.toml").write_bytes('[client]\nname = "Müller"'.encode("latin-1"))
        with pytest.raises(ClientFileError, match="not UTF-8"):
            read_client_file(tmp_path / "latin.toml")

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.data())
    def test_whatever_stands_in_it_is_taken_or_complained_of(self, data):
        """Pydantic's own words for places and types never reach the user."""
        values = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["kind", "tv", "mode", "m", "1"]), inner, max_size=3
                )
            ),
            max_leaves=8,
        )
        table = data.draw(st.sampled_from(sorted(ClientTables.model_fields)))
        kind = ClientTables.model_fields[table].annotation
        keys = sorted(getattr(kind, "model_fields", {"production": None, "mine": None}))
        drawn = data.draw(st.dictionaries(st.sampled_from(keys), values, max_size=3) | values)
        tables = {**minimal(), table: drawn}
        try:
            ClientTables.model_validate(tables)
        except ValidationError as error:
            lines = complaints(Path("a.toml"), tables, error)
            assert lines
            for line in lines:
                assert line.startswith("a.toml, [")
                assert "Got " in line
                assert "expected " in line
                assert not {"function-", "tagged-union", "pydantic"} & set(line.split("'"))


class TestSchema:
    def test_says_what_every_key_is(self):
        schema = json_schema()
        tables = [schema, *schema["$defs"].values()]
        assert len(tables) > 15
        for table in tables:
            for name, entry in table["properties"].items():
                assert entry.get("description"), f"{table['title']}.{name}"
            if table["title"] != "PriorsTable":
                assert table["additionalProperties"] is False
        json.dumps(schema, allow_nan=False)
        assert schema["required"] == ["client"]
