"""Mistakes in a paper's file: each is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl.papers.check import check
from attnctl.papers.read import read
from attnctl.values import SpecError
from tests.attnctl.papers.a_paper import PAPER

# what is replaced, by what, where: a text of the line, or its number; what is said
MISTAKES = [
    ('module = "se"', 'modul = "se"', "modul", "row 'ResNet-20+SE': unknown key 'modul'; did you mean 'module'?"),
    ('top1 = "92.10"', "top1 = 92.1", "top1 = 92", 'top1 must be in quotes, with its digits as printed: "92.1"'),
    ('top1 = "92.10"', 'topp = "92.10"', "topp", "row 'ResNet-20+SE': unknown key 'topp'; did you mean 'top1'?"),
    ('top1 = "92.10"', 'top1 = ""', 'top1 = ""', "top1 must be one line of text"),
    ('top1 = "92.10"', 'top1 = "92\\n10"', 'top1 = "92', "top1 must be one line of text"),
    ('row = "ResNet-56"\n', "", "[[tables.1.rows]]", "table 1, row 3: lacks row"),
    ('row = "ResNet-56"\n', 'row = "ResNet-20"\n', "ResNet-20", "row 'ResNet-20': there are two rows of this name"),
    ('on = "large"', 'on = "larg"', 'larg"', "there is no group 'larg'; did you mean 'large'?"),
    ("explained = { top1 =", "explained = { top5 =", "top5", "explained has no column 'top5'; did you mean 'top1'?"),
    ("{ r = 16 }", "16", "hyperparameters", "hyperparameters must be a section, or a table in braces"),
    ("{ r = 16 }", "{ r = [16] }", "[16]", "r in hyperparameters must be a text, a number, true or false"),
    ("{ epochs = 2 }", "{ epoch = 2 }", "epoch =", "epoch in train is not a recipe field; did you mean 'epochs'?"),
    ("{ epochs = 2 }", "{ epochs = 0 }", "epochs = 0", "epochs in train is 0; it must be at least 1"),
    ("{ epochs = 2 }", "{ epochs = [2, 1.5] }", "1.5", "epochs in train is 1.5; it must be a whole number"),
    ("{ epochs = 2 }", "{ epochs = [] }", "epochs = []", "epochs in train must have a value"),
    ('key = "params"', 'key = "top1"', 'key = "top1"', "column 'top1': there are two columns 'top1'"),
    ('key = "params"', 'key = "note"', 'key = "note"', "key 'note' means something else in a row; choose another"),
    ('key = "params"', 'key = "a.b"', 'key = "a.b"', "key 'a.b' means something else in a row; choose another"),
    ('key = "params"', 'key = "a b"', 'key = "a b"', "key must be a word of letters, digits"),
    ('metric = "words"', 'metric = "word"', 'metric = "word"', "column 'year': metric is 'word'; did you mean 'words'"),
    ('metric = "words"\n', "", "[[tables.1.columns]]", "column 'year': lacks metric"),
    ("decimals = 3", "decimals = -1", "decimals", "decimals must be a whole number from 0 to 9"),
    ("decimals = 3", 'better = "high"', "better", "better is 'high'; did you mean 'higher'?"),
    ("decimals = 3", "error = 1", "error = 1", "error must be true or false"),
    ("decimals = 3", 'changes = { datset = "x" }', "changes", "unknown key 'datset'; did you mean 'dataset'?"),
    ('caption = "First"\n', "", "[tables.1]", "table 1: lacks caption"),
    ('dataset = "digits"', 'task = "detecton"', "detecton", "task is 'detecton'; did you mean 'detection'?"),
    ('dataset = "digits"', "maps = [[64]]", "maps", "maps must be a list of [channels, side]"),
    ('dataset = "digits"', 'head = "yes"', "head", "head must be true or false"),
    ('dataset = "digits"', "written = { pool = 1 }", "{ pool", "pool in written is unknown; did you mean 'pools'?"),
    ('fc = "conv"', 'fc = "con"', 'fc = "con"', "fc in se is 'con'; did you mean 'conv'?"),
    ('title = "Small', 'titel = "Small', "titel", "table 1, on.small: unknown key 'titel'; did you mean 'title'?"),
    ("[tables.1.on.large]\n", "[tables.1.on]\nlarge = 3\n", "large = 3", "large must be a section"),
    ('name = "mine"', 'name = "my paper"', "my paper", "name must be a word of letters, digits"),
    ('name = "mine"', "", 1, "lacks name"),
    ("[figures.1]", "[figure.1]", "[figure.1]", "unknown key 'figure'; did you mean 'figures'?"),
    ("[figures.2]", '[figures."1 a"]', "1 a", "1 a must be named by letters, digits"),
    ('kind = "sweep"', 'kind = "sweeps"', "sweeps", "figure 1: kind is 'sweeps'; did you mean 'sweep'?"),
    ('x = "r"\n', "", "[figures.1]", "figure 1: lacks x, the hyperparameter"),
    ('table = "1"\nrow =', 'table = "2"\nrow =', 'table = "2"', "figure 1: there is no table '2'; known: 1"),
    ('row = "ResNet-20+SE"\ncol', 'row = "ResNet-20+S"\ncol', '+S"', "table 1 has no row 'ResNet-20+S'; did you mean"),
    ('column = "top1"', 'column = "top"', 'column = "top"', "table 1 has no column 'top'; did you mean 'top1'?"),
    ("values = [4, 8]", "values = 4", "values = 4", "values must be a list in brackets"),
    ('rows = ["ResNet-20*"]', 'rows = ["ResNet-2O"]', "-2O", "table 1 has no row 'ResNet-2O'; did you mean 'ResNet-2"),
    ('table = "1"\nrows', "rows", 'rows = ["', 'rows are those of a table; name it, such as table = "1"'),
    ('caption = "A cost"\n', "", "[figures.2]", "figure 2: lacks caption"),
    ('kind = "scatter"', 'kind = "scatter"\ny = "top_1"', "top_1", "figure 2: y is 'top_1'; did you mean 'top1'?"),
    (
        'kind = "scatter"',
        'kind = "scatter"\nsettings.panel = 1',
        "settings",
        "unknown key 'panel'; did you mean 'panels'",
    ),
    ('caption = "First"', "caption = First", "caption = First", "this is not TOML: invalid value"),
    (
        'caption = "First"',
        'caption = "First"\ncaption = 1',
        "caption = 1",
        "this is not TOML: cannot overwrite a value",
    ),
]


@pytest.mark.parametrize(("old", "new", "where", "words"), MISTAKES)
def test_an_error_is_reported_with_its_line(old: str, new: str, where: str | int, words: str) -> None:
    assert PAPER.count(old) == 1
    source = PAPER.replace(old, new)
    with pytest.raises(SpecError) as error:
        read(source, "my.toml")
    _is_told(str(error.value).removeprefix("my.toml:"), source, where, words)


# what is in a file, but is nothing that there is
UNKNOWN = [
    ('module = "se"', 'module = "sse"', "sse", "row 'ResNet-20+SE': unknown module 'sse'; did you mean 'se'?"),
    ("{ r = 16 }", "{ k = 16 }", "{ k = 16 }", "row 'ResNet-20+SE': se has no hyperparameter 'k'"),
    ("{ r = 16 }", '{ r = "x" }', '{ r = "x" }', "row 'ResNet-20+SE': se r is x; it must be a whole number"),
    ("{ r = 16 }", "{ r = 0 }", "r = 0", "row 'ResNet-20+SE': se r=0 does not work: r must be at least 1"),
    ('backbone = "resnet20"', 'backbone = "resnet2O"', "resnet2O", "table 1: unknown backbone 'resnet2O'"),
    ('backbone = "resnet20"\n', "", "[[tables.1.rows]]", "row 'ResNet-20': has no backbone: set it in the row"),
    ('backbone = "resnet56"', 'backbone = "resnet_56"', "resnet_56", "table 1, on.large: unknown backbone 'resnet_56'"),
    ('dataset = "digits"', 'dataset = "digit"', '"digit"', "table 1: unknown dataset 'digit'; did you mean 'digits'?"),
    (
        'dataset = "digits"',
        'dataset = "digits"\nplacement = "blok"',
        "blok",
        "backbone resnet20 has no placement 'blok'",
    ),
    ('recipe = "cifar"', 'recipe = "cifa"', '"cifa"', "on.small: unknown recipe 'cifa'; did you mean 'cifar'?"),
    (
        'recipe = "cifar"',
        'recipe = "imagenet-light"',
        "[[tables.1.rows]]",
        "row 'ResNet-20': augment imagenet does not",
    ),
    ('params_as = "exact"', 'params_as = "thop"', '"thop"', "table 1: unknown counting convention 'thop'"),
    (
        'params = "0.27"',
        'params = "0.27MB"',
        "0.27MB",
        "row 'ResNet-20': params: '0.27MB' is not a number such as 25.56M",
    ),
    ('unit = "M"', 'unit = "MB"', '"0.27"', "params: 'MB' is not a unit of a count; use one of K, M, G, MiB"),
    (
        "values = [4, 8]",
        "values = [4, 0]",
        "[figures.1]",
        "figure 1: SE r=0: se r=0 does not work: r must be at least 1",
    ),
]


@pytest.mark.parametrize(("old", "new", "where", "words"), UNKNOWN)
def test_an_unknown_name_is_reported_with_its_line(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    assert PAPER.count(old) == 1
    file = tmp_path / "my.toml"
    source = PAPER.replace(old, new)
    file.write_text(source)
    with pytest.raises(SpecError) as error:
        check(str(file))
    _is_told(str(error.value).removeprefix(f"{file}:"), source, where, words)


def _is_told(message: str, source: str, where: str | int, words: str) -> None:
    assert words in message
    line = int(message.partition(":")[0])
    if isinstance(where, int):
        assert line == where, message
    else:
        assert where in source.splitlines()[line - 1], message


def test_papers_without_tables_and_tables_without_rows_or_columns_are_errors() -> None:
    head = 'name = "mine"\ntitle = "Mine"\n'
    for source, words in (
        (head, "my.toml:1: lacks tables"),
        (f"{head}\n[tables]\n", "my.toml:4: there is no table; write [tables.1]"),
        (f"{head}tables = 1\n", "my.toml:3: tables must be a section, or a table in braces"),
        (f'{head}[tables.1]\ncaption = "x"\nrows = []\n', "my.toml:3: table 1: lacks columns"),
        (f'{head}[tables.1]\ncaption = "x"\ncolumns = []\nrows = []\n', "my.toml:5: table 1: there is no column"),
        (
            f'{head}[tables.1]\ncaption = "x"\nrows = []\n[[tables.1.columns]]\nkey = "a"\nmetric = "words"\n',
            "my.toml:5: table 1: there is no row",
        ),
    ):
        with pytest.raises(SpecError) as error:
            read(source, "my.toml")
        assert str(error.value) == words


LINES = PAPER.splitlines()
VALUES = st.sampled_from(
    ["1", "1.5", "true", '"x"', '""', "[]", "{}", "[[1, 2]]", "{ a = 1 }", "1979-05-27", "nan", "="]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["drop", "twice", "value", "junk"]), st.integers(0, len(LINES) - 1), VALUES),
        max_size=3,
    )
)
def test_every_error_is_one_line_with_its_location(changes: list[tuple[str, int, str]]) -> None:
    found = list(LINES)
    for change, at, value in changes:
        key, _, _ = found[at].partition(" = ")
        found[at] = {"drop": "", "twice": f"{found[at]}\n{found[at]}", "value": f"{key} = {value}", "junk": value}[
            change
        ]
    message = _said_of("\n".join(found))
    assert not message or re.fullmatch(r"my\.toml:\d+: \S.*", message)


def _said_of(source: str) -> str:
    try:
        read(source, "my.toml")
    except SpecError as error:
        return str(error)
    return ""
