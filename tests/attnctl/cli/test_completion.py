"""Completion in the shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli import completion
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace
from attnctl.workspace.user_notes import Annotation


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


def test_names_and_tags_of_the_workspace_are_known(folder: Path) -> None:
    workspace = Workspace(folder)
    run = "0123456789abcdef"
    (workspace.runs / run).mkdir(parents=True)
    user_notes.write(user_notes.of_run(workspace, run), Annotation(name="best", tags=["baseline"]))
    user_notes.write(user_notes.of_sweep(workspace, "first"), Annotation(tags=["base2"]))
    assert completion.runs("") == ["best", run]
    assert completion.runs("be") == ["best"]
    assert completion.run_tags("base") == ["base2", "baseline"]
    assert completion.run_tags("base2,b") == ["base2,baseline"]
    assert "-top1" in completion.run_sort_keys("-t")


def test_the_values_of_options_are_known(folder: Path) -> None:
    assert set(completion.tables("ean:")) >= {"ean:2", "ean:3"}
    assert completion.figures("ean:3") == ["ean:3"]
    assert set(completion.columns("params,top")) >= {"params,top1", "params,top5"}
    assert "-top1" in completion.sort_keys("-t")
    assert completion.axes("epo") == ["epoch", "epochs"]
    assert {"kernel", "lr"} <= set(completion.axes(""))
    assert completion.parameters("ela.ker") == ["ela.kernel="]
    assert completion.parameters("ela.variant=t,") == ["ela.variant=t,b", "ela.variant=t,s", "ela.variant=t,l"]
    assert completion.parameters("ela.kernel=5,") == completion.parameters("elo.kernel=") == []


TYPED = [
    ("attnctl sta", "status"),
    ("attnctl sweep e", "ela"),
    ("attnctl sweep ela --kern", "--kernel"),
    ("attnctl sweep ela --variant ", "l"),
    ("attnctl sweep ela --backbone resnet5", "resnet56"),
    ("attnctl sweep ela --norm-b", "--norm-batch"),
    ("attnctl sweep ela -p ela.k", "ela.kernel="),
    ("attnctl report --table ea", "ean:2"),
    ("attnctl figure ea", "ean:3"),
    ("attnctl report --columns top", "top1"),
    ("attnctl report --sort par", "params"),
    ("attnctl report --sort -par", "-params"),
    ("attnctl status --sort -to", "-top1"),
    ("attnctl status --state runn", "running"),
    ("attnctl status --module el", "ela"),
    ("attnctl resume --state time", "timeout"),
    ("attnctl plot --x par", "params"),
    ("attnctl plot --y to", "top1"),
]


@pytest.mark.parametrize(
    ("shell", "typed", "found"),
    [*(("bash", *row) for row in TYPED), *((shell, *row) for shell in ("zsh", "fish") for row in TYPED[6:])],
)
def test_the_shell_completes(shell: str, typed: str, found: str, folder: Path) -> None:
    """By the words and variables with which the script of each shell asks."""
    count = str(len(typed.split(" ")) - 1)
    done = subprocess.run(
        [sys.executable, "-c", "from attnctl.cli import main; main()"],
        env=os.environ
        | {
            "_ATTNCTL_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": typed,
            "COMP_CWORD": count,
            "_TYPER_COMPLETE_ARGS": typed,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    offered = {word.replace("\\", "") for word in re.split(r'[\s"]+', done.stdout)}
    assert found in offered, done.stdout + done.stderr


FISH = shutil.which("fish")


@pytest.mark.skipif(FISH is None, reason="there is no fish")
def test_fish_itself_completes(folder: Path) -> None:
    (folder / "attnctl").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from attnctl.cli import main; main()' \"$@\"\n"
    )
    (folder / "attnctl").chmod(0o755)
    environ = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    script = "_ATTNCTL_COMPLETE=source_fish attnctl | source; for typed in $argv; complete -C $typed; end"
    asked = ("attnctl report --table ean:", "attnctl sweep ela --ker", "attnctl status --state runn")
    done = subprocess.run(
        [str(FISH), "-c", script, *asked], env=environ, capture_output=True, text=True, check=True, cwd=folder
    )
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == [*(f"ean:{number}" for number in papers.load("ean").tables), "--kernel", "running"]


def test_cached_data_sets_of_hugging_face_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    version = tmp_path / "ada___flowers" / "default" / "0.0.0" / "0123"
    version.mkdir(parents=True)
    (version / "dataset_info.json").write_text("{}")
    assert completion.datasets("digits,hf:") == ["digits,hf:ada/flowers"]
    assert "hf:ada/flowers" not in completion.datasets("")


def test_options_of_recipe_parts_are_offered() -> None:
    assert completion.parameters("loss.") == ["loss.threshold=", "loss.gamma="]
    assert completion.parameters("schedule.cycle_l") == ["schedule.cycle_limit="]
    assert completion.parameters("augment.policy=v") == ["augment.policy=v0", "augment.policy=v0r"]
