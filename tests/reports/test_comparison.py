"""The comparison table and its formats."""

import csv
import io
import json
import math
import shutil
import statistics
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_rows import rows
from rich.console import Console

from attnctl.values import SpecError
from reports import comparison, formats, latex, markdown, terminal
from reports.table import Cell, Column, Group, Row, Table


def cell(table, header, column="top1"):
    names = [item.name for item in table.columns]
    (found,) = [row for group in table.groups for row in group.rows if row.header[0] == header]
    return found.cells[names.index(column)]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_seeds_are_one_row_with_mean_and_sample_deviation(values):
    table = comparison.build(rows(values, ("none",), tuple(map(str, range(len(values))))))
    found = cell(table, "no attention")
    assert math.isclose(found.value, statistics.fmean(values), abs_tol=1e-12)
    assert (found.n, found.wanted, found.state) == (len(values), len(values), "")
    if len(values) == 1:
        assert found.spread is None
    else:
        assert math.isclose(found.spread, statistics.stdev(values), abs_tol=1e-12)


def test_the_plain_backbone_comes_first_and_the_rows_are_named_by_what_differs():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    table = comparison.build(
        rows(values, ("se", "ela", "none"), hyperparameters={"kernel": ("7", "5"), "r": ("4", "16")})
    )
    (group,) = table.groups
    assert group.title == "resnet20 on digits"
    assert [row.header[0] for row in group.rows] == [
        "no attention",
        "ela kernel=5",
        "ela kernel=7",
        "se r=4",
        "se r=16",
    ]
    assert "ela: groups=c num_groups=16 shared=true in all of its rows." in table.notes


def test_the_best_of_each_group_is_marked_with_whatever_shows_the_same():
    table = comparison.build(rows([90.001, 90.002, 80.0], ("none", "ela", "se")))
    assert [cell(table, name).best for name in ("no attention", "ela", "se")] == [True, True, False]
    assert not cell(table, "ela", "params").best
    assert not cell(comparison.build(rows([90.0], ("none",))), "no attention").best


def test_backbones_and_recipes_that_differ_are_groups_of_their_own():
    table = comparison.build(rows([1.0] * 8, backbones=("resnet20", "resnet56"), overrides={"lr": ("0.1", "0.05")}))
    assert [group.title for group in table.groups] == [
        "resnet20 on digits, lr=0.05",
        "resnet20 on digits, lr=0.1",
        "resnet56 on digits, lr=0.05",
        "resnet56 on digits, lr=0.1",
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "running 45%"),
        ("queued", "queued"),
        ("code error", "failed: code error"),
        ("diverged", "diverged"),
        ("preempted", "preempted"),
    ],
)
def test_what_is_not_done_shows_its_state(state, words):
    one = cell(comparison.build(rows([None], ("none",), state=state)), "no attention")
    assert (one.value, one.state) == (None, words)
    three = cell(comparison.build(rows([90.0, 91.0, None], ("none",), ("0", "1", "2"), state=state)), "no attention")
    assert (three.value, three.n, three.wanted, three.state) == (90.5, 2, 3, f"n=2 of 3: {words}")


def test_a_number_that_is_not_of_the_test_set_says_so():
    table = comparison.build(rows([90.0], ("none",), overrides={"val_split": ("0.1",)}))
    assert "held out of the training set" in table.notes[0]
    assert "the test set" in comparison.build(rows([90.0], ("none",))).notes[0]


def test_attempts_that_disagree_are_told_under_the_table():
    (row,) = rows([90.0], ("none",))
    row.alarm = "attempts 1.0 and 2.0 disagree"
    assert f"Run {row.id}: attempts 1.0 and 2.0 disagree." in comparison.build([row]).notes


# --------------------------------------------------------------------------------------------------------- the formats

HOSTILE = r"a&b%c_d$e#f{g}~h^i\j<script>alert(1)</script>|k`l*m*[n](o):+1:@p é ± ß" + "\n\x1b[31m\x07"
COLUMN = Column(name="top1", title="top-1", unit="%", better="higher", measured=True)


def hostile(words=HOSTILE):
    made = Row(
        header=(words,), cells=(Cell(value=12.345, spread=0.5, n=2, wanted=3, state=words, runs=("ab",), best=True),)
    )
    return Table(
        title=words, headers=("module",), columns=(COLUMN,), groups=(Group(title=words, rows=(made,)),), notes=(words,)
    )


def shown(words):
    return " ".join(words.split())


@given(st.text(max_size=30))
def test_markdown_shows_a_users_text_as_it_is(words):
    plain = "".join(char for char in words if char.isprintable())
    rendered = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown.render(hostile(plain)))
    cells = ["".join(child.content for child in token.children) for token in rendered if token.type == "inline"]
    assert cells[-2] == f"12.35 ± 0.50 ({shown(plain)})" if shown(plain) else "12.35 ± 0.50"


def test_markdown_has_no_markup_of_a_users_text():
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown.render(hostile()))
    assert "<script>" not in html
    assert html.count("<td") == 2 * 2


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=1), max_size=4), st.text()
)
def test_json_gives_the_table_back(values, words):
    made = tuple(Row(header=(words,), cells=(Cell(value=value),)) for (value,) in values)
    table = Table(title=words, headers=("m",), columns=(COLUMN,), groups=(Group(title=words, rows=made),))
    assert Table.from_json(json.loads(formats.named("json").render(table))) == table


def test_csv_holds_the_raw_numbers_and_every_text():
    (found,) = csv.DictReader(io.StringIO(formats.named("csv").render(hostile()), newline=""))
    assert (float(found["top1"]), float(found["top1_std"]), found["top1_n"], found["top1_of"]) == (
        12.345,
        0.5,
        "2",
        "3",
    )
    assert found["group"] == found["module"] == found["top1_state"] == HOSTILE


def test_the_terminal_shows_no_control_characters():
    stream = io.StringIO()
    Console(file=stream, width=200, force_terminal=True, color_system=None).print(terminal.renderable(hostile()))
    for output in (stream.getvalue(), terminal.render(hostile())):
        assert not any(char in output for char in "\x07\x1b")
        assert "<script>alert(1)</script>" in output


def test_plain_text_is_the_documented_one():
    table = comparison.build(rows([90.0, 91.0, 95.0, None], seeds=("0", "1"), state="queued"), "Sweep s")
    lines = terminal.render(table).splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["Sweep", "s"],
        ["module", "top-1", "(%)", "top-5", "(%)", "params", "(M)", "MACs", "(M)", "seeds"],
        ["resnet20", "on", "digits"],
        ["no", "attention", "90.50", "±", "0.71", "91.50", "±", "0.71", "0.272", "40.81", "2"],
        ["ela", "95.00", "(n=1", "of", "2:", "queued)", "96.00", "0.272", "40.81", "1"],
    ]


LATEX = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{booktabs,graphicx,amsmath,amssymb}
\begin{document}
\input{table}
\end{document}
"""


def test_latex_escapes_a_users_text():
    assert latex.escape(r"a&b_c%$#{}~^\ é") == (
        r"a\&b\_c\%\$\#\{\}{\textasciitilde}{\textasciicircum}{\textbackslash} \'e"
    )
    assert "\x1b" not in latex.render(hostile())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    (tmp_path / "main.tex").write_text(LATEX)
    tables = [hostile(), comparison.build(rows([90.0, None], state="running"), "Sweep a_b")]
    (tmp_path / "table.tex").write_text("".join(map(latex.render, tables)))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_format_follows_the_ending(tmp_path):
    assert formats.of_file(tmp_path / "x.TEX") is formats.FORMATS["latex"]
    with pytest.raises(SpecError, match=r"no format goes with the ending '\.pdf'"):
        formats.of_file(tmp_path / "x.pdf")
    with pytest.raises(SpecError, match="did you mean 'latex'"):
        formats.named("late")
