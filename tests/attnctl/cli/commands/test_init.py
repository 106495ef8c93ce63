"""`attnctl init`: a settings file to begin with."""

from __future__ import annotations

import tomllib
from pathlib import Path

from attnctl.settings.config import TEMPLATE
from tests.attnctl.cli.cli_run import Run


def test_init_writes_the_template_once(attnctl: Run, folder: Path) -> None:
    assert attnctl("init").code == 0
    written = folder / "attnctl.toml"
    assert written.read_text() == TEMPLATE
    sections = {"slurm", "paths", "data", "defaults", "resume", "checkpoints", "notify", "names", "groups"}
    assert set(tomllib.loads(written.read_text())) <= sections
    written.write_text("# mine\n")
    assert attnctl("init").code == 2
    assert written.read_text() == "# mine\n"
    assert attnctl("init", "--force").code == 0
    assert written.read_text() == TEMPLATE


def test_init_creates_a_workspace_and_repairs_a_damaged_one(attnctl: Run, folder: Path) -> None:
    assert attnctl("--workspace", "new", "init").code == 0
    (folder / "new" / "attnctl.toml").write_text("[broken")
    assert attnctl("--workspace", "new", "status").code == 2
    assert attnctl("init", "--force", "--workspace", "new").code == 0
    assert attnctl("--workspace", "new", "status").code == 0
