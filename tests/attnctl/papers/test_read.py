"""A paper's file: what it becomes, which file is meant, and what it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.papers.check import check
from attnctl.papers.model import PaperColumn
from attnctl.papers.read import read
from attnctl.values import SpecError
from tests.attnctl.papers.a_paper import PAPER


def test_a_row_inherits_settings_from_its_group_and_its_table() -> None:
    table = read(PAPER, "my.toml").tables["1"]
    plain, se, large = table.rows
    assert (plain.setup.backbone, plain.setup.recipe, plain.setup.train) == ("resnet20", "cifar", {"epochs": (2,)})
    assert (large.setup.backbone, large.setup.recipe) == ("resnet56", "")
    assert large.setup.train == {"lr": (0.1, 0.05), "epochs": (3,)}
    assert (se.setup.module, se.setup.hyperparameters) == ("se", {"r": 16})
    assert plain.baseline
    assert not se.baseline


def test_groups_have_titles_and_rows_their_printed_labels() -> None:
    rows = read(PAPER, "my.toml").tables["1"].rows
    assert [(row.group, row.printed) for row in rows] == [
        ("Small ones", "ResNet-20"),
        ("Small ones", "+SE <b>&"),
        ("ResNet-56", "ResNet-56"),  # of its first row
    ]


def test_published_texts_and_columns_stay_as_printed() -> None:
    table = read(PAPER, "my.toml").tables["1"]
    assert [dict(row.published) for row in table.rows] == [
        {"top1": "91.25", "params": "0.27"},
        {"top1": "92.10"},
        {"year": "R&D_50% <script>"},
    ]
    assert table.columns == (
        PaperColumn(key="top1", title="Top-1", metric="top1", unit="%", better="higher"),
        PaperColumn(key="params", title="params", metric="params", unit="M", decimals=3),
        PaperColumn(key="year", title="year", metric="words"),
    )
    assert read(PAPER, "my.toml").title == "Attention & more: 50% <script>alert('x')</script> \\ R&D_50% $x$"


def test_the_implementation_of_a_module_applies_to_all_its_rows() -> None:
    source = PAPER.replace('metric = "words"', 'metric = "params"\nchanges = { module = "se" }')
    table = read(source, "my.toml").tables["1"]
    assert table.rows[1].setup.written == {"pools": True, "fc": "conv"}
    assert not table.rows[0].setup.written
    assert table.rows[0].setup_of(table.columns[2]).written == {"pools": True, "fc": "conv"}


def test_a_column_can_override_the_setup_of_its_cells() -> None:
    source = PAPER.replace('metric = "words"', 'metric = "top5"\nerror = true\nchanges = { dataset = "cifar10" }')
    table = read(source, "my.toml").tables["1"]
    assert [table.rows[0].setup_of(column).dataset for column in table.columns] == ["digits", "digits", "cifar10"]
    assert table.columns[2].better == "lower"


def test_relative_paths_are_resolved_beside_the_users_file(tmp_path: Path) -> None:
    source = PAPER.replace('module = "se"', 'module = "./mine.py:Gate"').replace(
        'recipe = "cifar"', 'recipe = "./r.toml"'
    )
    row = read(source, "my.toml", tmp_path / "my.toml").tables["1"].rows[1]
    assert (row.setup.module, row.setup.recipe) == (f"{tmp_path}/mine.py:Gate", f"{tmp_path}/r.toml")
    row = read(source, "my.toml", Path("my.toml")).tables["1"].rows[1]
    assert row.setup.module == "mine.py:Gate"


# ------------------------------------------------------------------------------------------------- files, and checking


def test_papers_are_found_in_any_case_and_files_by_path(tmp_path: Path) -> None:
    assert papers.load("eLa") is papers.load("ela")
    file = tmp_path / "my.toml"
    file.write_text(PAPER)
    assert papers.load(str(file)).file == file
    assert papers.load(str(file)).tables["1"].name == "mine:1"
    with pytest.raises(SpecError, match="unknown paper 'ella'; did you mean 'ela'"):
        papers.load("ella")
    with pytest.raises(SpecError, match=r"there is no file no\.toml; create one with `attnctl paper new no\.toml`"):
        papers.load("no.toml")
    with pytest.raises(SpecError, match=r"cannot read paper .*: Is a directory"):
        papers.load(f"{tmp_path}/")
    file.write_bytes(b'name = "x"\ntitle = "\xff"\n')
    with pytest.raises(SpecError, match=r"my\.toml:2: this is not UTF-8 text"):
        papers.load(str(file))
    file.write_text(PAPER.replace('"mine"', '"Ela"'))
    with pytest.raises(SpecError, match="Ela is a built-in paper; choose another name"):
        papers.load(str(file))


def test_every_cell_of_the_built_in_papers_is_valid(tmp_path: Path) -> None:
    found = {}
    for name in papers.names():
        file = tmp_path / f"{name}.toml"
        source = (papers.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        file.write_text(source.replace(f'name = "{name.upper()}"', f'name = "my-{name}"'))
        found[name] = {part.name: (part.rows, part.runs, part.waiting) for part in check(str(file))[1]}
    assert found["ela"]["table 5"] == (30, 10 + 20 * 2, {})  # two learning rates for the ResNets
    assert found["ean"]["table 1"] == (28, 56, {})  # two data sets
    assert found["ela"]["table 8"] == (7, 7, {})
    assert found["nam"]["table 3"] == (5, 0, {})


def test_the_networks_of_a_paper_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(PAPER)
    paper, parts = check(str(file))
    assert paper.name == "mine"
    assert [(part.name, part.rows, part.runs, part.waiting) for part in parts] == [
        ("table 1", 3, 4, {}),  # the last row has two learning rates
        ("figure 1", 2, 2, {}),
        ("figure 2", 2, 2, {}),
    ]


def test_a_paper_can_name_a_users_module(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n\nclass Gate(nn.Module):\n"
        "    def __init__(self, channels: int, *, k: int = 3) -> None:\n        super().__init__()\n\n"
        "    def forward(self, x):\n        return x\n"
    )
    file = tmp_path / "my.toml"
    source = PAPER.replace('module = "se"', 'module = "./mine.py:Gate"').replace("{ r = 16 }", "{ k = 5 }")
    file.write_text(source[: source.index("[figures.1]")])
    assert check(str(file))[1][0].runs == 4
    file.write_text(file.read_text().replace("{ k = 5 }", "{ kk = 5 }"))
    with pytest.raises(SpecError, match=rf"{file}:\d+: table 1, row 'ResNet-20\+SE': .* 'kk'"):
        check(str(file))
