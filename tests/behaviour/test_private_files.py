"""Who may read and write what holds code: its writer alone, or with `group` the folder's group too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.grid import Axes, expand
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.jobs.submission.script import compose
from attnctl.jobs.submission.submit import submit
from attnctl.settings import config as settings
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources
from attnctl.workspace.submissions import change
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.own_module import MODULE


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def asked(folder: Path, text: str) -> settings.Config:
    """A workspace in which a run was asked for."""
    (folder / "attnctl.toml").write_text(text)
    found = settings.find(folder, folder, {})
    specs = expand(Axes(modules=("se",))).specs
    (done,) = submit(found, specs, Resources(), found.slurm, "local")
    guard.prepare(found.workspace, done.tag, done.tasks)
    change(found.workspace, done.tag, job_id="login:2")
    return found


def test_code_is_readable_only_by_its_owner(folder: Path) -> None:
    workspace = asked(folder, "").workspace
    assert {mode(path) for path in workspace.submissions.glob("*.json")} == {0o600}
    assert {mode(path) for path in workspace.submissions.glob("*.logs")} == {0o700}
    if code_snapshot.digest() is not None:
        assert mode(workspace.code) == 0o700
    (run,) = workspace.run_ids()
    assert mode(workspace.run(run).spec) == 0o644  # results are as open as the user's own files


def test_a_users_module_is_stored_in_its_own_folder(folder: Path, attnctl: Run) -> None:
    (folder / "gate.py").write_text(MODULE)
    small = ["--epochs", "1", "--batch", "256", "--norm-batch", "256", "--input-size", "8"]
    (folder / "sources").mkdir(mode=0o777)
    assert attnctl("sweep", "./gate.py:Gate", *small).code == 0
    assert mode(folder / "sources") == 0o700


def test_a_lab_shares_all(folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text("[paths]\ngroup = true\n")
    assert attnctl("status").code == 0  # every command takes the group's umask
    found = asked(folder, "[paths]\ngroup = true\n")
    workspace = found.workspace
    assert {mode(path) for path in workspace.submissions.glob("*.json")} == {0o660}
    assert {mode(path) for path in workspace.submissions.glob("*.logs")} == {0o2770}
    script = compose(found, found.slurm, Resources(), 1, "attnctl-tag").splitlines()
    assert script.index("umask 007") < next(k for k, line in enumerate(script) if "guard.sh" in line)
    assert "umask" not in compose(settings.Config(workspace=Workspace(folder)), found.slurm, Resources(), 1, "t")
    (folder / "new").mkdir()
    assert mode(folder / "new") == 0o2770


def test_group_is_true_or_false(folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text("[paths]\ngroup = 'lab'\n")
    result = attnctl("status")
    assert result.code == 2
    assert "attnctl.toml:2: group must be true or false" in result.err
