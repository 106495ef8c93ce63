"""Every command of the documents: the tour of README.md is run as shown, all others name real commands and options."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from attnctl.cli import without_globals
from attnctl.cli.app import build
from tests.attnctl.cli.cli_run import without_slurm
from tests.documents import console
from tests.documents.tour import README, ROOT, check

DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "db" / "README.md"]


def test_the_tour_prints_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_slurm(monkeypatch)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    check("console", tmp_path)


def mentioned() -> Iterator[tuple[str, str]]:
    """Every command line of a document that begins with attnctl, without its comment."""
    for path in DOCUMENTS:
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.fullmatch(r"(?:    |\$ )(attnctl .*?)(?:\s+#.*)?", line)
            if match:
                yield path.name, match[1]


@pytest.mark.parametrize(("document", "line"), list(mentioned()))
def test_a_command_of_a_document_has_its_options(
    document: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsed without being run: an unknown command, option or module of it raises."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.py").write_text(module_of_the_guide())
    (tmp_path / "mine.py").write_text(module_of_the_guide().replace("class Gate", "class MyAttention"))
    (tmp_path / "focal.py").write_text("class Focal:\n    def __init__(self, *, gamma: float = 2.0) -> None: ...\n")
    _, words = without_globals(shlex.split(line)[1:])
    command: Any = get_command(build(words, rich=False))
    while subcommands := getattr(command, "commands", None):
        command, words = subcommands[words[0]], words[1:]
    with suppress(typer.Exit):  # of --help-recipe
        command.make_context(line, words)


def module_of_the_guide() -> str:
    """The module that docs/own-modules.md shows."""
    text = (ROOT / "docs" / "own-modules.md").read_text(encoding="utf-8")
    return re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]  # type: ignore[index]


def test_the_module_of_the_guide_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_slurm(monkeypatch)
    (tmp_path / "gate.py").write_text(module_of_the_guide())
    printed = console.run("attnctl try ./gate.py:Gate --r 4 --backbone resnet20 --device cpu", tmp_path, os.environ)
    assert "Gate" in printed


def test_the_image_folder_of_the_guide_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_slurm(monkeypatch)
    text = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]  # type: ignore[index]
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    printed = console.run("attnctl data check ./digit-scans", tmp_path, os.environ)
    assert "train: 1438 images\ntest: 359 images" in printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_of_a_document_leads_to_a_file(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_files_named_in_contributing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {path for path in re.findall(r"[a-z_]+/[\w/]+\.(?:py|toml|json)\b", text) if "NAME" not in path}
    assert {path for path in named if not (ROOT / path).exists()} == set()
