"""`attnctl paper`: a file to begin with, and what a file has."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.papers.runs import Overrides, cells_of, figure_cells
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.test_registry import imported


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my.toml", "my"),
        ("folder/of mine.toml", "of-mine"),
        ("ela.toml", "my-ela"),  # else it could not be told from attnctl's own
        ("é.toml", "mine"),
        (
            "a-name-that-is-longer-than-the-place-of-the-comment.toml",
            "a-name-that-is-longer-than-the-place-of-the-comment",
        ),
    ],
)
def test_a_new_paper_file_loads_unchanged(attnctl: Run, folder: Path, file: str, name: str) -> None:
    result = attnctl("paper", "new", file)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{file} written; `attnctl paper check {file}` lists what it contains\n"
    paper = papers.load(str(folder / file))
    assert paper.name == name
    assert attnctl("paper", "check", str(folder / file)).code == 0


def test_a_new_paper_shows_all_that_a_paper_can_have(attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    paper = papers.load(str(folder / "my.toml"))
    tables = list(paper.tables.values())
    columns = [column for table in tables for column in table.columns]
    rows = [row for table in tables for row in table.rows]
    assert {column.metric for column in columns} >= {"words", "params", "top1"}
    assert any(column.decimals != 2 for column in columns)
    assert any(column.error for column in columns)
    assert any(column.changes for column in columns)
    assert len({row.group for row in rows}) > 1
    assert any(row.cite for row in rows)
    assert any(row.printed != row.name for row in rows)
    assert any(len(values) > 1 for row in rows for values in row.setup.train.values())
    assert paper.figures


def test_a_new_paper_never_replaces_a_file(attnctl: Run, folder: Path) -> None:
    (folder / "my.toml").write_text("mine")
    result = attnctl("paper", "new", "my.toml")
    assert (result.code, result.out) == (2, "")
    assert result.err == "attnctl: my.toml already exists; choose another name\n"
    assert (folder / "my.toml").read_text() == "mine"


def test_a_new_paper_must_have_a_recognisable_file_name(attnctl: Run, folder: Path) -> None:
    result = attnctl("paper", "new", "mine")
    assert (result.code, result.out) == (2, "")
    assert result.err == "attnctl: mine must end in .toml, so that --paper recognises a file\n"
    assert listing(folder) == []


def test_check_summarises_a_paper(attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    result = attnctl("paper", "check", "my.toml")
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
my: Attention that we have invented

          rows  runs per seed  waiting  caption
table 1   5     6                       Attention in ResNets on the digits
table 2   2     4                       Top-1 error on two data sets
figure 1  3     4                       The price of accuracy
"""
    )
    document = json.loads(attnctl("paper", "check", "my.toml", "--json").out)
    assert (document["file"], document["name"]) == ("my.toml", "my")
    assert document["parts"][0] == {
        "name": "table 1",
        "caption": "Attention in ResNets on the digits",
        "rows": 5,
        "runs": 6,
        "waiting": {},
    }
    assert listing(folder) == ["my.toml"]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_check_names_the_invalid_line(attnctl: Run, folder: Path, options: list[str]) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    file = folder / "my.toml"
    source = file.read_text()
    file.write_text(source.replace('module = "ela" ', 'module = "elaa"'))
    line = 1 + source[: source.index('module = "ela" ')].count("\n")
    result = attnctl("paper", "check", "my.toml", *options)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"attnctl: my.toml:{line}: table 1, row 'ResNet-20+ELA': unknown module 'elaa'; did you mean 'ela'?\n"
    )


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("no.toml", "there is no file no.toml; create one with `attnctl paper new no.toml`"),
        ("ela", "'ela' is not a paper file; name one such as my.toml"),
        ("./", "cannot read paper .: Is a directory"),
    ],
)
def test_a_missing_file_is_an_error(attnctl: Run, folder: Path, file: str, error: str) -> None:
    result = attnctl("paper", "check", file)
    assert (result.code, result.out, result.err) == (2, "", f"attnctl: {error}\n")


def test_every_printed_complexity_can_be_audited(attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    file = folder / "my.toml"
    file.write_text(file.read_text().replace('year = "2018"\ncite', 'params = "0.274"\nyear = "2018"\ncite'))
    result = attnctl("audit", "--paper", "my.toml")
    assert result.code == 0, result.err
    assert result.out.splitlines()[1].split() == [
        "my",
        "1",
        "ResNet-20+SE",
        "params",
        "0.274",
        "0.274",
        "exact",
        "match",
    ]


def test_a_paper_of_strange_texts_is_one(attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    file = folder / "my.toml"
    strange = 'R&D_50% <script>alert(\\"x\\")</script> \\\\ $x^2$ {#1} ~é漢'
    source = file.read_text().replace("Attention that we have invented", strange).replace("ResNet-56+SE", strange)
    file.write_text(source.replace("Attention in ResNets on the digits", strange))
    assert tomllib.loads(file.read_text())["title"].startswith("R&D_50% <script>")
    result = attnctl("paper", "check", "my.toml")
    assert result.code == 0, result.err
    assert 'my: R&D_50% <script>alert("x")</script> \\ $x^2$ {#1} ~é漢' in result.out


@pytest.mark.parametrize("words", [["--help"], ["new", "--help"], ["check", "--help"]], ids=" ".join)
def test_help_has_examples_and_imports_little(attnctl: Run, folder: Path, words: list[str]) -> None:
    result = attnctl("paper", *words)
    assert result.code == 0
    assert words == ["--help"] or "Examples: attnctl paper" in " ".join(result.out.split())
    assert not imported(["paper", *words], folder) & {"torch", "rich", "sqlalchemy", "tree_sitter"}


def test_checking_needs_no_torch(attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "my.toml").code == 0
    assert not imported(["paper", "check", "my.toml"], folder) & {"torch", "torchvision", "pandas", "tree_sitter"}


@pytest.mark.parametrize("name", papers.names())
def test_an_exported_paper_has_the_runs_of_the_paper(name: str, attnctl: Run, folder: Path) -> None:
    result = attnctl("paper", "export", name)
    assert (result.code, result.err) == (0, "")
    (folder / "mine.toml").write_text(result.out, encoding="utf-8")
    mine, original = papers.load(str(folder / "mine.toml")), papers.load(name)
    assert mine.name == f"my-{original.name}"
    assert list(mine.tables) == list(original.tables)
    for number, table in original.tables.items():
        runs, own = (
            [
                (item.row.name, item.columns, item.reason, [spec.id for spec in item.specs])
                for item in cells_of(of, Overrides())
            ]
            for of in (table, mine.tables[number])
        )
        assert own == runs
    for number, figure in original.figures.items():
        runs_of, own_of = (
            [spec.id for item in figure_cells(of, paper, Overrides()) for spec in item.specs]
            for of, paper in ((figure, original), (mine.figures[number], mine))
        )
        assert own_of == runs_of


def test_an_exported_paper_is_swept_as_a_file(attnctl: Run, folder: Path) -> None:
    (folder / "mine.toml").write_text(attnctl("paper", "export", "NAM").out, encoding="utf-8")
    planned, built_in = (
        json.loads(attnctl("sweep", "--table", table, "--run-on", "local", "--dry-run", "--json").out)["runs"]
        for table in ("./mine.toml:2", "nam:2")
    )
    assert [run["id"] for run in planned] == [run["id"] for run in built_in]


@pytest.mark.parametrize(
    ("name", "said"),
    [("elaa", "unknown paper 'elaa'; did you mean 'ela'?"), ("mine.toml", "mine.toml is a file of your own; copy it")],
)
def test_only_papers_that_attnctl_has_are_exported(name: str, said: str, attnctl: Run, folder: Path) -> None:
    assert attnctl("paper", "new", "mine.toml").code == 0
    refused = attnctl("paper", "export", name)
    assert (refused.code, refused.err) == (2, f"attnctl: {said}\n")
