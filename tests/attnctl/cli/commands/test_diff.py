"""`attnctl diff`: the fields in which two runs differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.grid import Axes, expand
from attnctl.sources.store import keep
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.attnctl.cli.exchange_cases import write_spec


@pytest.fixture
def specs(folder: Path) -> list[RunSpec]:
    """Two runs of ELA that differ in a hyperparameter, a field of the recipe and the seed, and one of SE."""
    first = Axes(modules=("ela",), hyperparameters={"kernel": ("5",)}, overrides={"lr": ("0.1",)})
    second = Axes(modules=("ela",), hyperparameters={"kernel": ("7",)}, overrides={"lr": ("0.2",)}, seeds=("3",))
    found = [spec for axes in (first, second, Axes(modules=("se",))) for spec in expand(axes).specs]
    for spec in found:
        write_spec(Workspace(folder), spec)
    return found


def test_differing_fields_are_named_as_typed(specs: list[RunSpec], attnctl: Run) -> None:
    first, second, _ = specs
    document = json.loads(attnctl("diff", first.id, second.id[:8], "--json").out)
    assert document["runs"] == [first.id, second.id]
    assert document["fields"] == {"kernel": [5, 7], "lr": [0.1, 0.2], "seed": [0, 3]}


def test_a_field_that_one_of_them_lacks_is_a_dash(specs: list[RunSpec], attnctl: Run) -> None:
    first, _, other = specs
    rows = {line.split()[0]: line.split()[1:] for line in attnctl("diff", first.id, other.id).out.splitlines()}
    assert rows["module"] == ["ela", "se"]
    assert rows["kernel"] == ["5", "-"]
    assert rows["r"] == ["-", "16"]


def test_the_lines_that_were_changed_in_a_users_file_are_shown(folder: Path, tmp_path: Path, attnctl: Run) -> None:
    file, runs = tmp_path / "mine.py", []
    for factor in (2, 3):
        file.write_text(
            "from torch import nn\n\n\nclass Mine(nn.Module):\n    def __init__(self, channels: int) -> None:\n"
            f"        super().__init__()\n        self.factor = {factor}\n"
        )
        (spec,) = expand(Axes(modules=(f"{file}:Mine",))).specs
        write_spec(Workspace(folder), spec)
        keep(spec.versions.module, Workspace(folder).sources)
        runs.append(spec.id)
    shown = attnctl("diff", *runs).out.splitlines()
    assert f"--- {runs[0][:8]}/mine.py" in shown
    assert shown[-2:] == ["-        self.factor = 2", "+        self.factor = 3"]
    assert json.loads(attnctl("diff", *runs, "--json").out)["code"][-1] == "+        self.factor = 3"


def test_a_run_and_itself_are_the_same(specs: list[RunSpec], attnctl: Run) -> None:
    run = specs[0].id
    assert attnctl("diff", run, run[:6]).out == f"{run} and {run} are the same run\n"


def test_an_unknown_run_is_refused(specs: list[RunSpec], attnctl: Run) -> None:
    assert_refused(attnctl("diff", specs[0].id, "zzzz"), "zzzz")
