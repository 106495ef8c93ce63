"""What a command imports: planning, status and report need no torch, and help needs little at all."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from attnctl.cli import context, main
from attnctl.cli.registry import COMMANDS, Command
from tests.attnctl.cli.cli_run import workspace_with_a_run

_PROBE = """
import json, sys
from attnctl.cli import context, main
code = main(json.loads(sys.argv[1]))
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""
_HEAVY = {"torch", "torchvision", "pandas", "sklearn", "numpy"}
_NOT_FOR_HELP = _HEAVY | {"rich", "sqlalchemy", "submitit", "sqlite3", "pydantic", "psutil"}


def imported(words: list[str], folder: Path, expected: int = 0) -> set[str]:
    """The packages that a command line loads, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTNCTL_")}
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(words)],
        cwd=folder,
        env=environment | {"PATH": "/nowhere", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == expected, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["sweep", "--help"],
        ["sweep", "ela", "--help"],
        ["status", "--help"],
        ["cam", "--help"],
        ["predict", "--help"],
    ],
    ids=" ".join,
)
def test_help_imports_neither_torch_nor_anything_else_that_is_slow(words: list[str], tmp_path: Path) -> None:
    assert not imported(words, tmp_path) & _NOT_FOR_HELP


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "ela,se", "--kernel", "5,7", "--r", "4", "--dry-run"],
        ["sweep", "--table", "ean:2", "--dataset", "digits", "--dry-run"],
        ["sweep", "--figure", "ean:3", "--dataset", "digits", "--dry-run"],
        ["papers"],
        ["papers", "ela", "--json"],
        ["status"],
        ["status", "--json"],
        ["sweeps"],
        ["sweeps", "--json"],
        ["du"],
        ["tag", "first", "baseline"],
        ["show", "{run}"],
        ["report", "first", "--module", "ela"],
        ["report"],
        ["report", "--table", "ean:2"],
        ["report", "--table", "ela:1"],
        ["modules"],
        ["backbones"],
        ["datasets"],
        ["recipes"],
        ["init"],
        ["db", "path"],
        ["figure", "ela:1", "--json"],
        ["export", "--format", "csv"],
        ["import", "--list"],
        ["archive", "first", "-o", "first.tar.gz"],
        ["resume", "--dry-run"],
        ["why", "{run}"],
        ["gc", "--dry-run"],
    ],
    ids=" ".join,
)
def test_planning_status_and_report_run_without_torch(words: list[str], tmp_path: Path) -> None:
    root = workspace_with_a_run(tmp_path)
    run = next((root / "runs").iterdir()).name
    expected = 2 if words[0] == "figure" else 0  # nothing is trained that it could draw
    assert not imported([word.replace("{run}", run) for word in words], root, expected) & _HEAVY


@pytest.mark.parametrize(
    "words", [["status"], ["status", "first", "--module", "ela"], ["show", "{run}"], ["why", "{run}"]]
)
def test_a_command_that_shows_runs_converts_no_value_by_pydantic(words: list[str], tmp_path: Path) -> None:
    root = workspace_with_a_run(tmp_path)
    run = next((root / "runs").iterdir()).name
    assert not imported([word.replace("{run}", run) for word in words], root) & {"pydantic"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_command_list_shows_the_docstrings_summary(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    module = import_module(command.import_name)
    if command.functions:
        assert all(getattr(module, function).__doc__ for function in command.functions.values())
    else:
        documented = getattr(module, command.function or command.name).__doc__ or ""
        assert documented.split("\n")[0] == f"{command.summary}."
    assert main(["--help"]) == 0
    assert command.name in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_json_option_uses_the_shared_declaration(command: Command) -> None:
    module = import_module(command.import_name)
    for name in command.functions.values() or [command.function or command.name]:
        options = inspect.signature(getattr(module, name), eval_str=True).parameters
        made = [option for option in options.values() if "--json" in _names(option)]
        assert all(option.annotation is context.AsJson for option in made)
        assert [option.name for option in made] == ["as_json"] * ("as_json" in options)


def _names(option: inspect.Parameter) -> set[object]:
    """The names by which a command line gives an option, where its declaration has some."""
    told = next(iter(get_args(option.annotation)[1:]), None)
    return {getattr(told, "default", None), *(getattr(told, "param_decls", None) or ())}


@pytest.mark.parametrize("columns", ["80", "100"])
def test_the_plain_help_lists_every_command_in_its_group_and_cuts_no_summary(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    group = ""
    found = {}
    for line in lines[lines.index(f"{COMMANDS[0].panel}:") :]:
        if line.endswith(":") and not line.startswith(" "):
            group = line.removesuffix(":")
        elif line.strip():
            name, _, summary = line.strip().partition(" ")
            found[name] = (group, summary.strip())
    assert found == {command.name: (command.panel, command.summary) for command in COMMANDS}


def test_no_summary_is_longer_than_a_terminal_of_80_columns_shows() -> None:
    assert {command.name: len(command.summary) for command in COMMANDS if len(command.summary) > 55} == {}
