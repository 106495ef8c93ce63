"""`attnctl ranks`, on a workspace with completed runs."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from attnctl.cli import main
from attnctl.grid import Axes, expand
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import sweep, train

VALUES = {"none": 90.0, "ela": 91.0, "se": 90.5}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "w")
    specs = expand(Axes(modules=tuple(VALUES), backbones=("resnet20", "resnet50", "resnet56"))).specs
    for spec in specs:
        train(made, spec, VALUES[spec.module] + len(spec.backbone))
    sweep(made, "wide", list(specs))
    return made


def run(workspace: Workspace, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["--workspace", str(workspace.root), "ranks", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_table_and_the_diagram(workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    diagram = tmp_path / "ranks.svg"
    code, out, err = run(workspace, capsys, "wide", "--diagram", diagram)
    assert code == 0
    assert "3/0/0" in out
    assert "Friedman's test over 3 groups and 3 rows: chi-squared = 6.00" in out
    assert err.endswith(f"written: {diagram}\n")
    assert diagram.read_text().startswith("<?xml")
    assert run(workspace, capsys, "wide", "--diagram", diagram, "--width", "100", "--font", "times")[0] == 0
    root = ElementTree.parse(diagram).getroot()
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(100 / 25.4 * 72)
    texts = [element for element in root.iter() if element.tag.endswith("}text")]
    assert texts
    assert all("STIXGeneral" in text.attrib["style"] for text in texts)


def test_every_format_has_the_notes(workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("table.md", "table.tex", "table.html", "table.json"):
        code, _, _ = run(workspace, capsys, "-o", tmp_path / name)
        assert code == 0
        assert "Friedman" in (tmp_path / name).read_text()
    document = json.loads(run(workspace, capsys, "--json")[1])
    assert [column["name"] for column in document["columns"]] == ["average", "rank", "wins", "p"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metric", "top6"), "no such trained column: 'top6'"),
        (("--diagram", "x.jpg"), "unknown suffix '.jpg'"),
        (("--width", "3in"), "--width '3in': use column, page, or millimetres"),
        (("--font", "tims"), "did you mean 'times'?"),
        (("--macros",), "--macros applies to attnctl report"),
        (("wid",), "wid"),
    ],
)
def test_bad_input_is_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, out, err = run(workspace, capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
