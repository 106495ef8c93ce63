"""What goes into an archive of a report."""

from __future__ import annotations

import json
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.papers import load
from attnctl.papers.runs import Overrides, cells_of
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, write_attempt
from tests.reports.exchange.unpacked import unpack


def test_a_papers_table_is_packed_with_its_sweeps(folder: Path, attnctl: Run, tmp_path: Path) -> None:
    command = ["sweep", "--table", "ela:4", "--dataset", "digits", "--name", "four"]
    workspace = Workspace(folder)
    overrides = Overrides(dataset="digits")
    cells = cells_of(load("ela").tables["4"], overrides, ["ResNet18*"])
    specs = [item for cell in cells for item in cell.specs]
    for number, item in enumerate(specs):
        write_attempt(workspace, item, 1, {10: 50.0 + number}, nonce=f"n{number}")
    record = Sweep(
        name="four",
        created=NOW,
        command=command,
        runs=[item.id for item in specs],
        paper="ela",
        table="4",
        overrides=overrides.to_json(),
    )
    write_atomic(workspace.sweep("four"), record.encode())
    assert attnctl("archive", "ela:4", "-o", "four.tar.gz").code == 0
    unpacked = unpack(folder / "four.tar.gz", tmp_path / "unpacked")
    text = (unpacked / "README.txt").read_text()
    assert "attnctl sweep --table ela:4 --dataset digits --name four" in text
    assert "    # ResNet18: none resnet18 digits, run " in text
    assert set(json.loads((unpacked / "lock.json").read_bytes())["runs"]) <= {item.id for item in specs}
    assert sorted(path.name for path in (unpacked / "runs").iterdir()) == sorted(item.id for item in specs)
    assert attnctl("archive", "4", "--paper", "ela", "-o", "same.tar.gz").code == 0


def test_a_locked_report_is_packed_with_its_own_runs(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    assert attnctl("report", "first", "--lock", "frozen.json").code == 0
    frozen = (written.root / "frozen.json").read_bytes()
    assert attnctl("archive", "--lock", "frozen.json", "-o", "a.tar.gz").code == 0
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    assert (folder.name, (folder / "lock.json").read_bytes()) == ("frozen", frozen)
    missing = attnctl("archive", "--lock", "no.json", "-o", "b.tar.gz")
    assert (missing.code, "there is no file no.json" in missing.err) == (2, True)
