"""Completion in the shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl.cli import completion


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
