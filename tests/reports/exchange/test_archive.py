"""Archives: the same runs give the same bytes, and what is not whole is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import spec
from tests.reports.exchange.unpacked import unpack


def test_the_same_runs_give_the_same_bytes(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(written.root, other)
    attnctl("archive", "first", "-o", "one.tar.gz")
    attnctl("--workspace", str(other), "archive", "first", "-o", "two.tar.gz")
    assert (written.root / "one.tar.gz").read_bytes() == (written.root / "two.tar.gz").read_bytes()
    with tarfile.open(written.root / "one.tar.gz") as tar:
        assert {(item.mtime, item.uid, item.gid, item.uname, item.mode) for item in tar} == {
            (315532800, 0, 0, "", 0o644)
        }


def test_a_changed_a_missing_and_an_added_file_are_named(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    (folder / "table.md").write_text("better numbers")
    (folder / "software.json").unlink()
    (folder / "more.txt").write_text("x")
    shutil.copy(folder / "runs" / spec(seed=1).id / "spec.json", folder / "runs" / spec().id / "spec.json")
    with tarfile.open(written.root / "b.tar.gz", "w:gz") as tar:
        tar.add(folder, "first")
    result = attnctl("archive", "--check", "b.tar.gz")
    assert result.code == 1
    for words in (
        "software.json is missing",
        "more.txt is not in the manifest",
        "table.md has changed since it was packed",
    ):
        assert words in result.err
    assert f"is the spec of run {spec(seed=1).id}" in result.err
    faults = json.loads(attnctl("archive", "--check", "b.tar.gz", "--json").out)["faults"]
    assert len(faults) >= 5


def test_an_incomplete_archive_is_refused(written: Workspace, attnctl: Run) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    whole = (written.root / "a.tar.gz").read_bytes()
    (written.root / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (written.root / "text.tar.gz").write_text("no tar")
    with tarfile.open(written.root / "other.tar.gz", "w:gz") as tar:
        tar.add(written.root / "sweeps", "sweeps")
    for name in ("half", "text", "other"):
        result = attnctl("archive", "--check", f"{name}.tar.gz")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err


def test_names_that_lead_out_of_the_folder_are_faults(written: Workspace, attnctl: Run) -> None:
    with tarfile.open(written.root / "b.tar.gz", "w:gz") as tar:
        for name in ("first/sweeps/../../up", "/etc/passwd", "other/x"):
            tar.add(written.sweep("first"), name)
        manifest = written.root / "manifest.json"
        manifest.write_text('{"attnctl_archive": 1, "files": {}}')
        tar.add(manifest, "first/manifest.json")
    assert attnctl("archive", "--check", "b.tar.gz").err.count("is not a regular file in the archive's folder") == 3


def test_tar_itself_reads_it(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    tar = shutil.which("tar", path="/usr/bin:/bin")
    if tar is None:
        pytest.skip("there is no tar here")
    words, environment = [tar, "-tzf", "a.tar.gz"], {"PATH": "/usr/bin:/bin"}
    names = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert names[-1] == "first/manifest.json"
    assert names[:-1] == sorted(names[:-1])
