"""What goes into an archive of a report."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.papers import load
from attnctl.papers.runs import Overrides, cells_of
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run, assert_refused
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


def test_links_in_the_workspace_are_named_and_what_they_lead_to_is_not_packed(
    written: Workspace, attnctl: Run, tmp_path: Path
) -> None:
    """As others may have put them into a workspace that is shared or was handed over."""
    (tmp_path / "id").write_text("a secret")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "0.json").write_text("a secret")
    run = written.run(written.run_ids()[0])
    files = [run.attempt(1).cancel, run.attempt(1).incarnation(0).exit(7), written.imports_folder / "notes.txt"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "id")
    folder = run.attempt(1).observed
    if folder.exists():
        folder.rename(tmp_path / "observed")
    folder.symlink_to(tmp_path / "keys")
    result = attnctl("archive", "first", "-o", "first.tar.gz")
    assert result.code == 0
    for path in (*files, folder):
        assert f"left out: {path} is a symbolic link; only regular files are packed" in result.err
    unpacked = unpack(written.root / "first.tar.gz", tmp_path / "unpacked")
    assert not [path for path in unpacked.rglob("*") if path.is_file() and b"a secret" in path.read_bytes()]
    assert attnctl("archive", "--check", "first.tar.gz").code == 0


SECRET = "0123456789abcdef0123456789abcdef01234567"
SETUP = f"#!/bin/bash\n#SBATCH --account=lab\nexport WANDB_API_KEY={SECRET}\ncurl -d done https://lab.example/hook\n"


def with_setup_lines(workspace: Workspace) -> None:
    """Give every submission the job script of somebody whose settings export a key."""
    for tag in workspace.submission_tags():
        path = workspace.submission(tag)
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"script": SETUP}, sort_keys=True) + "\n")


def packed_text(file: Path) -> str:
    with tarfile.open(file) as tar:
        streams = [tar.extractfile(member) for member in tar]
        return "".join(stream.read().decode() for stream in streams if stream is not None)


def test_job_scripts_and_their_keys_stay_behind(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    with_setup_lines(written)
    (written.root / "attnctl.toml").write_text(f"[slurm]\nsetup = ['export WANDB_API_KEY={SECRET}']\n")
    assert attnctl("archive", "first", "-o", "a.tar.gz").code == 0
    text = packed_text(written.root / "a.tar.gz")
    assert '"specs"' in text
    for private in (SECRET, "WANDB_API_KEY", "#SBATCH", "lab.example", "[slurm]"):
        assert private not in text
    assert attnctl("archive", "--check", "a.tar.gz").code == 0


def test_a_secret_in_a_job_script_is_named_before_it_is_packed(written: Workspace, attnctl: Run) -> None:
    with_setup_lines(written)
    words = ("archive", "first", "-o", "a.tar.gz", "--scripts")
    result = attnctl(*words)
    assert_refused(result, "a secret")
    assert "WANDB_API_KEY 0123... (40 characters)" in result.err
    assert "submissions/tag-" in result.err
    assert SECRET[:5] not in result.err
    assert not (written.root / "a.tar.gz").exists()
    assert attnctl(*words, "--allow-secrets").code == 0
    assert SETUP.splitlines()[2] in packed_text(written.root / "a.tar.gz")


def test_job_scripts_without_secrets_are_packed_when_asked_for(written: Workspace, attnctl: Run) -> None:
    assert attnctl("archive", "first", "-o", "a.tar.gz", "--scripts").code == 0
    assert "#!/bin/sh" in packed_text(written.root / "a.tar.gz")
    assert attnctl("archive", "first", "-o", "b.tar.gz").code == 0
    assert "#!/bin/sh" not in packed_text(written.root / "b.tar.gz")


def test_a_damaged_submission_is_named(written: Workspace, attnctl: Run) -> None:
    path = written.submission(written.submission_tags()[0])
    path.write_bytes(b"{" + SETUP.encode())
    result = attnctl("archive", "first", "-o", "a.tar.gz")
    assert_refused(result, "damaged")
    assert path.name in result.err
    assert not (written.root / "a.tar.gz").exists()


def test_a_locked_report_is_packed_with_its_own_runs(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    assert attnctl("report", "first", "--lock", "frozen.json").code == 0
    frozen = (written.root / "frozen.json").read_bytes()
    assert attnctl("archive", "--lock", "frozen.json", "-o", "a.tar.gz").code == 0
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    assert (folder.name, (folder / "lock.json").read_bytes()) == ("frozen", frozen)
    missing = attnctl("archive", "--lock", "no.json", "-o", "b.tar.gz")
    assert (missing.code, "there is no file no.json" in missing.err) == (2, True)
