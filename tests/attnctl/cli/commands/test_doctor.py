"""`attnctl doctor`: what this machine can do, and an exit code that says whether something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, listing


def test_neutral_checks_are_not_failures(folder: Path, attnctl: Run) -> None:
    result = attnctl("doctor", "--json")
    assert result.code == 0, result.out
    checks = {check["name"]: check["ok"] for check in json.loads(result.out)["checks"]}
    assert checks["Python"] is checks["torch"] is checks["workspace"] is checks["exclusive creation"] is True
    assert checks["data set digits"] is True
    assert checks["SLURM"] is None
    assert listing(folder) == []


def test_faults_are_marked_with_advice_and_the_exit_code_is_1(
    folder: Path, tmp_path: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that names a GPU which torch does not see."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'NVIDIA H100, 550.54'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    result = attnctl("doctor")
    assert result.code == 1
    (line,) = [line for line in result.out.splitlines() if line.startswith("FAILS")]
    assert "GPUs" in line
    assert "NVIDIA H100" in result.out
