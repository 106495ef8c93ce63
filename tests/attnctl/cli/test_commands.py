"""The frame of the command line: workspaces, output to pipes, JSON, faults of our own, and the small commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from attnctl import __version__, attention, backbones, datasets, recipes
from attnctl.cli import completion, context, errors, output, without_globals
from attnctl.cli.table_layout import Column
from attnctl.settings.config import TEMPLATE
from attnctl.workspace.records import RecordError
from tests.attnctl.cli.cli_run import Run, listing


def test_version_and_help(attnctl: Run, folder: Path) -> None:
    assert attnctl("--version").out == f"attnctl {__version__}\n"
    helped = attnctl("--help")
    assert (helped.code, helped.err) == (0, "")
    assert attnctl().out.split() == helped.out.split()
    assert "sweep" in helped.out


def test_help_of_a_sweep_lists_the_hyperparameters_of_its_modules(attnctl: Run, folder: Path) -> None:
    text = " ".join(attnctl("sweep", "ela", "--help").out.split())
    for item in attention.describe("ela").hyperparameters:
        assert f"--{item.name.replace('_', '-')} VALUES" in text
    assert "one of c, c/8 or a whole number; default c" in text
    both = " ".join(attnctl("sweep", "--backbone", "resnet18", "ela,se", "--help").out.split())
    assert "--kernel VALUES ela: " in both
    assert "--r VALUES se: " in both
    assert "--kernel" not in attnctl("sweep", "--help").out


def test_a_global_option_may_stand_after_the_command(folder: Path, attnctl: Run) -> None:
    assert without_globals(["sweep", "ela", "--workspace", "w"]) == ("w", ["sweep", "ela"])
    assert without_globals(["--workspace=w", "sweep", "--", "--workspace", "x"]) == (
        "w",
        ["sweep", "--", "--workspace", "x"],
    )
    assert without_globals(["status", "--debug"]) == (None, ["--debug", "status"])


def test_init_writes_the_template_once(attnctl: Run, folder: Path) -> None:
    assert attnctl("init").code == 0
    written = folder / "attnctl.toml"
    assert written.read_text() == TEMPLATE
    sections = {"slurm", "paths", "data", "defaults", "resume", "checkpoints", "notify"}
    assert set(tomllib.loads(written.read_text())) <= sections
    written.write_text("# mine\n")
    assert attnctl("init").code == 2
    assert written.read_text() == "# mine\n"
    assert attnctl("init", "--force").code == 0
    assert written.read_text() == TEMPLATE


def test_init_makes_a_workspace_and_mends_a_broken_one(attnctl: Run, folder: Path) -> None:
    assert attnctl("--workspace", "new", "init").code == 0
    (folder / "new" / "attnctl.toml").write_text("[broken")
    assert attnctl("--workspace", "new", "status").code == 2
    assert attnctl("init", "--force", "--workspace", "new").code == 0
    assert attnctl("--workspace", "new", "status").code == 0


def test_the_workspace_is_found_upwards(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attnctl("init")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert context.config().workspace.root == folder
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(folder / "a"))
    assert context.config().workspace.root == folder / "a"


def test_listings_name_what_there_is(attnctl: Run, folder: Path) -> None:
    for command, names in (
        ("modules", ("none", *attention.names())),
        ("backbones", backbones.names()),
        ("datasets", datasets.names()),
        ("recipes", recipes.names()),
    ):
        lines = attnctl(command).out.splitlines()
        assert [line.split()[0] for line in lines[1:]] == list(names), command
        assert not any(char in "│─┃━" or char == "\x1b" for line in lines for char in line)


def test_modules_as_json(attnctl: Run, folder: Path) -> None:
    document = json.loads(attnctl("modules", "--json").out)
    (ela,) = [row for row in document["modules"] if row["name"] == "ela"]
    assert {row["name"]: row["default"] for row in ela["hyperparameters"]}["kernel"] == 7


def test_data_sets_and_recipes_as_json(attnctl: Run, folder: Path) -> None:
    found = {row["name"]: row for row in json.loads(attnctl("datasets", "--json").out)["datasets"]}
    assert list(found) == list(datasets.names())
    assert (found["digits-det"]["folder"], found["digits-det"]["missing"]) == (None, [])
    assert found["coco"]["missing"]
    listed = json.loads(attnctl("recipes", "--json").out)["recipes"]
    assert [row["name"] for row in listed] == list(recipes.names())
    assert {row["name"]: row.get("no_aug_epochs") for row in listed}["ela-yolox"] == 15


def test_a_status_of_nothing_writes_nothing(attnctl: Run, folder: Path) -> None:
    assert attnctl("status").out == "0 runs\n"
    assert json.loads(attnctl("status", "--json").out) == {"runs": [], "unavailable": None}
    assert listing(folder) == []


def test_tables_for_a_pipe_are_aligned_and_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    output.table((Column("a"), Column("b")), [["x" * 300, "1"], ["日本", "line\nbreak\x1b[31m"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].index("b") == lines[1].index("1") == 302
    assert lines[2].endswith("line\\nbreak\\x1b[31m")


# ------------------------------------------------------------------------------------------------------------ errors


def fails(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RecordError("spec.json is broken"), 2, "attnctl: spec.json is broken\n"),
        (PermissionError(13, "Permission denied", "/runs/x"), 2, "attnctl: /runs/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "attnctl: No space left on device\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line_and_its_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert errors.guarded(lambda: fails(error)) == code
    assert capsys.readouterr().err == words


def test_a_fault_of_ours_keeps_its_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert errors.guarded(lambda: fails(ZeroDivisionError("by\nzero"))) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    (kept,) = tmp_path.glob("attnctl-*.txt")
    assert str(kept) in said
    assert "Traceback" in kept.read_text()
    assert errors.guarded(lambda: fails(ZeroDivisionError("again")), debug=True) == 1
    assert "Traceback" in capsys.readouterr().err
    assert len(list(tmp_path.glob("attnctl-*.txt"))) == 1


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    command = [sys.executable, "-m", "attnctl", "recipes"]
    done = subprocess.run(
        ["/bin/bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in {0, 1, 141}


def test_no_color_reaches_the_terminal_without_colours(folder: Path) -> None:
    shown = on_a_terminal(["modules"], {"NO_COLOR": "1"})
    assert "─" in shown
    assert "\x1b[3" not in shown
    assert "\x1b[" in on_a_terminal(["--help"], {})


def on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal of its own."""
    import pty

    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            block = os.read(main, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not block:
            break
        shown += block
    os.close(main)
    assert process.wait() == 0
    return shown.decode()


# -------------------------------------------------------------------------------------------------------- completion


def test_completion_knows_the_names(folder: Path) -> None:
    assert completion.modules("el") == ["ela"]
    assert completion.modules("se,el") == ["se,ela"]
    assert set(completion.backbones("resnet20,resnet5")) >= {
        "resnet20,resnet50",
        "resnet20,resnet50_cifar",
        "resnet20,resnet56",
    }
    assert completion.datasets("cifar100,cifar") == ["cifar100,cifar10"]
    assert completion.recipes("digits-s") == ["digits-seg"]
    assert completion.models("yolo") == ["yolof", "yolox_nano"]
    assert completion.runs("") == completion.sweeps("") == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("attnctl sta", "status"),
        ("attnctl sweep e", "ela"),
        ("attnctl sweep ela --kern", "--kernel"),
        ("attnctl sweep ela --variant ", "l"),
        ("attnctl sweep ela --backbone resnet5", "resnet56"),
        ("attnctl sweep ela --norm-b", "--norm-batch"),
    ],
)
def test_the_shell_completes(typed: str, found: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from attnctl.cli import main; main()"],
        env=os.environ
        | {
            "_ATTNCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found in done.stdout.split(), done.stderr
