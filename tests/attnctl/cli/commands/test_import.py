"""`attnctl import`: each number lands where the line says, in its own unit; a line that cannot be is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Imported, RecordError
from tests.attnctl.cli.cli_run import Result, Run, listing


@pytest.fixture
def take(folder: Path, attnctl: Run) -> Callable[..., Result]:
    """Imports a text as results.csv."""

    def run(text: str | bytes, *words: str) -> Result:
        (folder / "results.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return attnctl("import", "results.csv", *words)

    return run


def imported(folder: Path) -> list[Imported]:
    return Workspace(folder).imports()


def test_a_cell_of_a_table_has_the_unit_of_its_metric(take: Callable[..., Result], folder: Path) -> None:
    result = take("table,row,params,c10,c100\nEAN:1,MobileNetV2+EAN,2.5,94.25,\nean:1,MobileNetV2,,,75.5\n")
    assert (result.code, result.err) == (0, "")
    first, second = imported(folder)
    assert (first.table, first.row) == ("ean:1", "MobileNetV2+EAN")
    assert first.values == {"params": 2.5e6, "c10": 94.25}
    assert second.values == {"c100": 75.5}
    assert first.source == "results.csv"


def test_an_error_rate_is_stored_as_accuracy(take: Callable[..., Result], folder: Path) -> None:
    assert take("table;row;column;value;source\nnam:1;ResNet50;top1;20.5;ours, again\n").code == 0
    (record,) = imported(folder)
    assert (record.values, record.source) == ({"top1": 79.5}, "ours, again")


def test_a_comparison_accepts_labels_metrics_and_seeds(take: Callable[..., Result], folder: Path) -> None:
    text = "label\tbackbone\tdataset\tseed\ttop1\tparams\nTheirs\tResNet50\tImageNet\t0\t78.5 %\t25.6M\n"
    assert take(text + "Theirs\tResNet50\tImageNet\t1\t78.1\t25600000\n", "--source", "Table 5 of A").err == ""
    values = [(item.seed, item.backbone, item.dataset, dict(item.values)) for item in imported(folder)]
    assert values == [
        (0, "resnet50", "imagenet", {"top1": 78.5, "params": 25.6e6}),
        (1, "resnet50", "imagenet", {"top1": 78.1, "params": 25.6e6}),
    ]
    assert {item.source for item in imported(folder)} == {"Table 5 of A"}


def test_the_same_numbers_are_taken_in_once_and_can_be_taken_out(
    take: Callable[..., Result], folder: Path, attnctl: Run
) -> None:
    text = "module,backbone,dataset,top1\nours,resnet20,digits,90.5\n"
    name = json.loads(take(text, "--json").out)["id"]
    again = take(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n")
    assert again.out == f"results.csv: 1 number; import {name} already exists\n"
    listed = json.loads(attnctl("import", "--list", "--json").out)["imports"]
    assert [(item["id"], item["file"]) for item in listed] == [(name, "results.csv")]
    assert name in attnctl("import", "--list").out
    assert attnctl("import", "--remove", name[:5]).out == f"import {name} removed\n"
    assert attnctl("import", "--list").out == "nothing has been imported yet\n"


def test_a_dry_run_shows_and_writes_nothing(take: Callable[..., Result], folder: Path) -> None:
    result = take("module,backbone,dataset,top1\nours,resnet20,digits,90.5\n", "--dry-run")
    assert "top1=90.5" in result.out
    assert "would be added" in result.out
    assert listing(folder) == ["results.csv"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("0.78", "results.csv:2: column top1: 0.78 %: values are in percent; is it 78?"),
        ("0.78\nb,resnet20,digits,0.5", "(and 1 more)"),
        ("0.78\nb,resnet20,digits,78", ""),
        ("0.78 %", ""),
    ],
)
def test_fractions_are_warned_of(values: str, said: str, take: Callable[..., Result]) -> None:
    result = take(f"module,backbone,dataset,top1\na,resnet20,digits,{values}\n")
    assert (result.code, said in result.err, bool(result.err)) == (0, True, bool(said))


def test_fractions_in_one_table_are_not_hidden_by_percentages_in_another(take: Callable[..., Result]) -> None:
    result = take("table,row,top1\nean:2,ResNet50,78\nnam:1,ResNet50,0.2\n")
    assert "results.csv:3: column top1: 0.2 %: values are in percent" in result.err


def test_ambiguous_input_is_noted(take: Callable[..., Result]) -> None:
    result = take("label,backbone,dataset,params\nours,resnet5O,tiny-imagenet,25.6\n")
    assert result.code == 0
    assert "column backbone: 'resnet5O' is unknown to attnctl" in result.err
    assert "; did you mean 'resnet" in result.err
    assert "column dataset: 'tiny-imagenet'" in result.err
    assert "column params: 25.6 is read as a count; write 25.6M" in result.err


BAD = {
    "no line": ("", "results.csv is empty"),
    "only a header": ("table,row,top1\n", "nothing follows the header line"),
    "a typo in the header": (
        "label,backbone,dataset,top_1\na,b,c,1\n",
        ":1: unknown column 'top_1'; did you mean 'top1'",
    ),
    "no place": ("top1\n90\n", ":1: missing column label, backbone, dataset"),
    "another case": ("Table,row,top1\nean:2,x,1\n", ":1: unknown column 'Table'; did you mean 'table'"),
    "a column twice": ("table,row,top1,top1\nean:2,x,1,1\n", ":1: column 'top1' appears twice"),
    "a column without a name": ("table,row,\nean:2,x,1\n", ":1: a column has no name"),
    "half a pair": ("table,row,value\nean:2,x,1\n", "column value needs a column column"),
    "a pair and more": ("table,row,column,value,top1\nean:2,x,a,1,1\n", "columns column and value exclude column top1"),
    "no numbers": ("table,row\nean:2,ResNet50\n", ":1: a column with numbers is missing"),
    "an unknown paper": ("table,row,top1\neanx:2,ResNet50,1\n", ":2: column table: unknown paper 'eanx'; did you mean"),
    "an unknown table": ("table,row,top1\nean:9,ResNet50,1\n", ":2: column table: EAN has no table '9'"),
    "an unknown row": (
        "table,row,top1\nean:2,ResNet5O,1\n",
        ":2: column row: ean:2 has no row 'ResNet5O'; did you mean",
    ),
    "an unknown column": ("table,row,tpo1\nean:2,ResNet50,1\n", "ean:2 has no column 'tpo1'; did you mean 'top1'"),
    "several columns": ("table,row,top1\nean:1,MobileNetV2,1\n", "has top1 in several columns: c10, c100"),
    "an empty place": ("table,row,top1\n,ResNet50,1\n", ":2: column table: is empty"),
    "an empty line of numbers": ("table,row,top1\nean:2,ResNet50,\n", ":2: this line has no number"),
    "too many values": ("table,row,top1\nean:2,ResNet50,1,2\n", ":2: 4 values for 3 columns"),
    "thousands": (
        "label;backbone;dataset;params\na;resnet20;digits;272,474\n",
        ":2: column params: '272,474' is not a number; write 272474 or 272.474K",
    ),
    "no number": ("table,row,top1\nean:2,ResNet50,nan\n", ":2: column top1: 'nan' is not a number, such as 78.5"),
    "too large a number": ("table,row,params\nean:2,ResNet50,1e999\n", "is not a number"),
    "more than all": ("table,row,top1\nean:2,ResNet50,101\n", "'101' must be from 0 to 100, in percent"),
    "less than nothing": ("table,row,top1\nean:2,ResNet50,-1\n", "'-1' must be from 0 to 100"),
    "a unit that does not go": ("table,row,top1\nean:2,ResNet50,78M\n", "M does not apply to top1"),
    "a seed": ("label,backbone,dataset,seed,top1\na,resnet20,digits,x,1\n", ":2: column seed: 'x' is not a seed"),
    "said twice": ("table,row,top1\nean:2,ResNet50,78\n\nean:2,ResNet50,79\n", ":4: line 2 already has top1 for this"),
    "not UTF-8": (b"table,row,top1\nean:2,R\xe9s,1\n", ":2: this is not UTF-8 text"),
    "a quote that does not end": ('table,row,top1\nean:2,"ResNet50,1\n', ":2: unexpected end of data"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_errors_are_reported_with_their_line_and_nothing_is_imported(
    case: tuple[str | bytes, str], take: Callable[..., Result], folder: Path
) -> None:
    text, said = case
    result = take(text)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert listing(folder) == ["results.csv"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one of: a file, --list, --remove ID"),
        (["a.csv", "--list"], "give one of"),
        (["a.csv"], "there is no file 'a.csv'"),
        (["--remove", "12"], "no import is called '12'; there are none"),
        (["attnctl.toml", "--source", " "], "--source is"),
    ],
)
def test_an_invalid_request_is_an_error_with_a_reason(words: list[str], said: str, folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text("")
    result = attnctl("import", *words)
    assert (result.code, said in result.err) == (2, True), result.err


def test_a_broken_import_is_named(take: Callable[..., Result], folder: Path) -> None:
    take("module,backbone,dataset,top1\nours,resnet20,digits,90.5\n")
    (file,) = (folder / "imports").iterdir()
    file.write_text("{")
    with pytest.raises(RecordError, match="is not a ImportedFile record"):
        imported(folder)
