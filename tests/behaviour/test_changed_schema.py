"""An index that other code made: a developer adds a field or a column and forgets everything else, and reports work."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import attnctl
from tests.attnctl.cli.past_runs import Past

REPOSITORY = Path(attnctl.__file__).parents[1]
PACKAGES = ("attnctl", "jobs", "db", "reports")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of attnctl, to be changed."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, tmp_path / "code" / package, ignore=ignored, symlinks=True)
    return tmp_path / "code"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two completed runs."""
    root = tmp_path / "here"
    root.mkdir()
    past = Past(root)
    for spec in past.specs(2):
        past.attempt(spec, "COMPLETED")
    return root


def call(code: Path, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line of that copy."""
    command = [sys.executable, "-m", "attnctl", "--workspace", str(root), *words]
    environment = os.environ | {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, check=False)


def columns(root: Path, table: str) -> list[str]:
    connection = sqlite3.connect(root / "attnctl.sqlite")
    try:
        return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def runs(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return sorted(row["id"] for row in json.loads(done.stdout)["runs"])


def test_a_new_recipe_field_adds_a_column_to_the_index_and_reports_work(code: Path, root: Path) -> None:
    before = runs(call(code, root, "status", "--json"))
    report = call(code, root, "report")
    assert len(before) == 2
    assert report.returncode == 0
    assert "brand_new" not in columns(root, "spec")

    field = '    brand_new: int = recipe_field("a field of tomorrow", at_least=0, neutral=0)\n'
    edit(
        code / "attnctl" / "spec.py",
        "    def __post_init__(self) -> None:\n        if self.batch % self",
        field
        + """
    def __post_init__(self) -> None:
        if self.batch % self""",
    )
    again = call(code, root, "report")
    assert (again.returncode, again.stdout, again.stderr) == (0, report.stdout, report.stderr)
    assert "brand_new" in columns(root, "spec")
    assert runs(call(code, root, "status", "--json")) == before


def test_a_new_column_of_a_table_rebuilds_the_index(code: Path, root: Path) -> None:
    before = runs(call(code, root, "status", "--json"))
    column = '    Column("brand_new", Integer),\n'
    edit(
        code / "db" / "schema.py",
        '    Column("device", String),\n    Column("node", String),\n)',
        column
        + """
    Column("device", String),
    Column("node", String),
)""",
    )
    assert runs(call(code, root, "status", "--json")) == before
    assert "brand_new" in columns(root, "run")
