"""The command line as a whole: its version, its help, the options of the modules of a sweep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attnctl import __version__, attention
from attnctl.cli.value_names import of_list
from tests.attnctl.cli.cli_run import Run


def test_version_and_help(attnctl: Run, folder: Path) -> None:
    assert attnctl("--version").out == f"attnctl {__version__}\n"
    helped = attnctl("--help")
    assert (helped.code, helped.err) == (0, "")
    assert attnctl().out.split() == helped.out.split()
    assert "sweep" in helped.out


def test_help_of_a_sweep_lists_the_hyperparameters_of_its_modules(attnctl: Run, folder: Path) -> None:
    text = " ".join(attnctl("sweep", "ela", "--help").out.split())
    for item in attention.describe("ela").hyperparameters:
        assert f"--{item.name.replace('_', '-')} {of_list(item.declared)}" in text
    assert "one of c, c/8 or a whole number; default c" in text
    both = " ".join(attnctl("sweep", "--backbone", "resnet18", "ela,se", "--help").out.split())
    assert "--kernel N,N,... ela: " in both
    assert "--r N,N,... se: " in both
    assert "--kernel N" not in attnctl("sweep", "--help").out


def test_a_command_ends_silently_after_it_has_loaded_what_torch_compiles_with() -> None:
    """Compiled libraries report what is never freed: so must all be, at the end of the process."""
    pytest.importorskip("triton")
    words = "import sys, triton; from attnctl.cli import main; sys.argv = ['attnctl', '--version']; sys.exit(main())"
    ran = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout.startswith("attnctl ")
    assert ran.stderr == ""
