"""Errors: one line, and an exit code that says whose mistake it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli import errors
from attnctl.workspace.records import RecordError
from tests.attnctl.cli.cli_run import Run


def fails(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RecordError("spec.json is broken"), 2, "attnctl: spec.json is broken\n"),
        (PermissionError(13, "Permission denied", "/runs/x"), 2, "attnctl: /runs/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "attnctl: No space left on device\n"),
        (KeyboardInterrupt(), 130, "attnctl: interrupted\n"),
        (KeyboardInterrupt("stopped; go on"), 130, "attnctl: stopped; go on\n"),
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


@pytest.mark.parametrize("command", [("sweep", "none"), ("resume",)])
def test_a_type_of_gpu_on_the_command_line_is_told_where_to_write_it(
    folder: Path, attnctl: Run, command: tuple[str, ...]
) -> None:
    result = attnctl(*command, "--gpus-per-node", "a100:1")
    assert (result.code, result.err) == (
        2,
        "attnctl: Invalid value for '--gpus-per-node': must be a whole number; to choose a type of GPU, write "
        'gpus_per_node = "a100:1" in [slurm] of attnctl.toml\n',
    )
    other = attnctl(*command, "--nodes", "two")
    assert (other.code, other.err) == (2, "attnctl: Invalid value for '--nodes': must be a whole number\n")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("sweep", "none", "--run-on", "slrm"),
            "--run-on is 'slrm'; it must be one of auto, slurm, local; did you mean 'slurm'?",
        ),
        (("sweep", "none", "--run-on", "cloud"), "--run-on is 'cloud'; it must be one of auto, slurm, local"),
    ],
)
def test_a_choice_that_is_none_of_them_is_told_the_nearest(
    folder: Path, attnctl: Run, command: tuple[str, ...], message: str
) -> None:
    result = attnctl(*command)
    assert (result.code, result.err) == (2, f"attnctl: {message}\n")
