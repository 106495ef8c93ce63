"""Settings and files that others have put where attnctl looks: they neither count nor act before the user agrees."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl import sources
from attnctl.cli import context
from attnctl.files import write_atomic
from attnctl.jobs.submission.script import compose
from attnctl.jobs.submission.submit import Submitted, submit
from attnctl.settings.config import Config, read
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources
from tests.attnctl.cli.cli_run import Result, Run, without_slurm
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.own_module import MODULE
from tests.attnctl.cli.past_runs import Past, left
from tests.fixtures.lab import Lab
from tests.fixtures.trusted_settings import write_trusted
from tests.fixtures.unprivileged import SETPRIV

NOBODY = 65534
SMALL = ("--epochs", "1", "--batch", "256", "--norm-batch", "256", "--input-size", "8", "--run-on", "local")
DRY = ("sweep", "ela", *SMALL, "--dry-run")
THEIRS = '[slurm]\nsetup = ["touch /tmp/attnctl-was-here"]\n[defaults]\nseed = "41,42"\n'


def as_nobody(script: str) -> None:
    """Run a shell script as a second user."""
    prefix = [str(SETPRIV), "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    command = [*prefix, "/bin/sh", "-euc", f"PATH=/usr/bin:/bin; {script}"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def plant(path: Path, text: str = "") -> None:
    """Let the second user write a file."""
    as_nobody(f"mkdir -p {path.parent}; printf %s {shlex.quote(text)} > {path}")


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /tmp, with one of the user's own in it to stand in."""
    if os.geteuid() != 0 or SETPRIV is None:
        pytest.skip("only root can act as a second user")
    folder = Path(tempfile.mkdtemp(prefix="attnctl-public-"))  # pytest's own folders are closed to other users
    folder.chmod(0o1777)
    (folder / "mine").mkdir(mode=0o755)
    monkeypatch.chdir(folder / "mine")
    without_slurm(monkeypatch)
    yield folder
    shutil.rmtree(folder)


def seeds(result: Result) -> set[int]:
    assert result.code == 0, result.err
    return {run["seed"] for run in json.loads(result.out)["runs"]}


# ------------------------------------------------------------------------------------------------- searching upwards


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        ("theirs", "belongs to user nobody"),
        ("their link to ours", "belongs to user nobody"),
        ("ours, linked to theirs", "belongs to user nobody"),
        ("everybody's", "can be written by everybody"),
        ("a group's", "can be written by group 12345"),
        ("linked twice", "has another hard link"),
        ("their folder", "is in a folder that belongs to user nobody"),
        ("everybody's folder", "is in a folder that can be written by everybody"),
    ],
)
def test_settings_that_others_can_plant_are_passed_by_and_told_once(
    attack: str, told: str, public: Path, attnctl: Run
) -> None:
    file = public / "attnctl.toml"
    if attack == "theirs":
        plant(file, THEIRS)
    elif attack == "ours, linked to theirs":
        plant(public / "theirs.toml", THEIRS)
        file.symlink_to("theirs.toml")
    else:
        source = public / "mine" / "settings.toml" if attack in {"linked twice", "their link to ours"} else file
        source.write_text(THEIRS)
        if attack == "linked twice":
            os.link(source, file)
        elif attack == "their link to ours":
            as_nobody(f"ln -s mine/settings.toml {file}")
        elif attack == "everybody's":
            file.chmod(0o666)
        elif attack == "a group's":
            os.chown(file, -1, 12345)
            file.chmod(0o664)
        elif attack == "their folder":
            os.chown(public, NOBODY, NOBODY)
        else:
            public.chmod(0o777)
    result = attnctl(*DRY, "--json")
    assert seeds(result) == {0}
    assert result.err == (
        f"ignored: {file} {told}; name the workspace with --workspace, or run `attnctl trust {file}`\n"
    )
    assert context.config().workspace.root == public / "mine"
    assert seeds(attnctl(*DRY, "--json", "--workspace", "..")) == {41, 42}, "a named workspace counts"


def test_a_file_of_ones_own_in_a_folder_like_tmp_counts(public: Path, attnctl: Run) -> None:
    (public / "attnctl.toml").write_text('[defaults]\nseed = "7"\n')
    result = attnctl(*DRY, "--json")
    assert (seeds(result), result.err) == ({7}, "")


def test_the_next_folder_above_is_searched_after_one_that_is_passed_by(public: Path, attnctl: Run) -> None:
    (public / "attnctl.toml").write_text('[defaults]\nseed = "7"\n')
    below = public / "mine" / "open" / "below"
    below.mkdir(parents=True)
    below.parent.chmod(0o1777)
    plant(below.parent / "attnctl.toml", THEIRS)
    os.chdir(below)
    assert seeds(attnctl(*DRY, "--json")) == {7}
    assert context.config().workspace.root == public


def test_a_colleagues_settings_count_while_they_have_the_content_that_was_trusted(public: Path, attnctl: Run) -> None:
    file = public / "attnctl.toml"
    plant(file, '[defaults]\nseed = "5"\n')
    trusted = attnctl("trust")
    assert (trusted.code, trusted.out.splitlines()[0]) == (0, f"{file} belongs to user nobody")
    result = attnctl(*DRY, "--json")
    assert (seeds(result), result.err) == ({5}, "")
    plant(file, '[defaults]\nseed = "6"\n')
    result = attnctl(*DRY, "--json")
    assert (seeds(result), result.err.startswith(f"ignored: {file}")) == ({0}, True)
    assert attnctl("trust").code == 0
    assert seeds(attnctl(*DRY, "--json")) == {6}
    assert attnctl("trust", "--revoke").code == 0
    assert seeds(attnctl(*DRY, "--json")) == {0}


def test_nothing_starts_in_a_folder_whose_own_settings_are_passed_by(public: Path, attnctl: Run) -> None:
    os.chdir(public)
    plant(public / "attnctl.toml", '[defaults]\nseed = "5"\n')
    result = attnctl("sweep", "ela", *SMALL)
    assert result.code == 2
    assert result.err.splitlines()[1] == (
        f"attnctl: {public}/attnctl.toml belongs to user nobody, so it is not used: name the folder with --workspace, "
        f"or run `attnctl trust {public}/attnctl.toml`"
    )
    assert sorted(path.name for path in public.iterdir()) == ["attnctl.toml", "mine"]


def attack(public: Path) -> str:
    """The text of a planted module that leaves a file when it is imported."""
    return f"open({str(public / 'made')!r}, 'w')\nraise SystemExit"


@pytest.mark.parametrize("marker", [".git/HEAD", "pyproject.toml", "setup.py", "attnctl.toml"])
def test_a_planted_project_root_adds_no_file_to_a_users_module(marker: str, public: Path, attnctl: Run) -> None:
    plant(public / marker)
    plant(public / "colorsys.py", attack(public))
    (public / "mine" / "gate.py").write_text(f"import colorsys\n{MODULE}")
    result = attnctl("sweep", "./gate.py:Gate", *SMALL, "--dry-run")
    assert result.code == 0, result.err
    assert result.err.count("\n") == 1
    assert f"{public / marker.split('/')[0]} belongs to user nobody" in result.err
    assert sorted(sources.read(public / "mine" / "gate.py").files) == ["gate.py"]
    assert not (public / "made").exists()


def test_planted_modules_beside_a_users_file_or_in_its_project_are_passed_by(public: Path, attnctl: Run) -> None:
    (public / ".git").mkdir()
    plant(public / "colorsys.py", attack(public))
    plant(public / "wsgiref" / "util.py", attack(public))
    for folder in (public, public / "mine"):
        (folder / "gate.py").write_text(f"import colorsys\nfrom wsgiref import util\n{MODULE}")
        os.chdir(folder)
        result = attnctl("sweep", "./gate.py:Gate", *SMALL, "--dry-run")
        assert result.code == 0, result.err
        assert f"ignored: {public}/colorsys.py belongs to user nobody, {public}/wsgiref belongs" in result.err
        assert sorted(sources.read(folder / "gate.py").files) == ["gate.py"]
    assert not (public / "made").exists()


def test_a_colleagues_module_that_is_named_brings_the_colleagues_files_beside_it(public: Path) -> None:
    plant(public / "theirs" / "gate.py", "from helper import x\nfrom parts.more import y\n")
    plant(public / "theirs" / "helper.py", "x = 1")
    plant(public / "theirs" / "parts" / "more.py", "y = 1")
    source = sources.read(public / "theirs" / "gate.py")
    assert sorted(source.files) == ["gate.py", "helper.py", "parts/more.py"]


# --------------------------------------------------------------------------------- a folder that came from elsewhere


@pytest.fixture
def unpacked(past: Past, folder: Path) -> Past:
    """A workspace as it comes out of an archive or `git clone`: it is the user's, and its author wrote all of it."""
    good_run, bad_run = past.specs(2)
    completed(past, good_run)
    soon = time.time() + 300
    past.attempt(bad_run, "FAILED", ago=-300.0, exit=left("error", "KeyError", at=soon))
    past.sweep("first", [good_run, bad_run])
    command = shlex.join(["/usr/bin/touch", str(folder / "made")])
    past.root.joinpath("attnctl.toml").write_text(f"[notify]\ncommand = {json.dumps(command)}\n")
    return past


LOOKS = (
    "status",
    "status first --json",
    "why {run}",
    "show {run}",
    "logs {run}",
    "diff {run} {other}",
    "report first",
    "resume --dry-run",
    "resume",
    "gc --dry-run",
    "gc",
    "doctor",
    "sweep se --dry-run",
    "sweep se",
    "db rebuild",
    "cancel first --yes",
    "rm first --yes",
)


@pytest.mark.parametrize("words", LOOKS)
def test_no_command_runs_what_a_foreign_workspace_names(words: str, unpacked: Past, attnctl: Run) -> None:
    run, other = (spec.id for spec in unpacked.specs(2))
    attnctl(*words.format(run=run, other=other).split())
    assert not (unpacked.root / "made").exists()
    assert not (unpacked.root / "notices").exists()


def test_the_first_sweep_names_what_would_act_and_starts_nothing(unpacked: Past, attnctl: Run) -> None:
    before = sorted((unpacked.root / "runs").iterdir())
    result = attnctl("sweep", "ela", *SMALL)
    file = unpacked.root / "attnctl.toml"
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith(
        f"attnctl: {file} is not trusted: run `attnctl trust {file}` to let it run or send "
        'notify.command = "/usr/bin/touch /'
    )
    assert sorted((unpacked.root / "runs").iterdir()) == before
    assert attnctl("trust").code == 0
    assert attnctl("sweep", "ela", *SMALL).code == 0
    assert (unpacked.root / "made").exists(), "the notice of the sweep that ended"


def test_nothing_is_submitted_with_setup_lines_that_are_not_trusted(unpacked: Past) -> None:
    unpacked.root.joinpath("attnctl.toml").write_text('[slurm]\nsetup = ["touch made"]\n')
    config = unpacked.config
    with pytest.raises(SpecError, match="is not trusted"):
        submit(config, unpacked.specs(3)[2:], Resources(), config.slurm, "local")


# ---------------------------------------------------------------------------------------- the settings of submissions


def test_a_job_refuses_settings_that_were_changed_after_it_was_submitted(past: Past, tmp_path: Path) -> None:
    config = write_trusted(past.root, "[notify]\ncommand = 'true'\n")
    (done,) = submit(config, past.specs(1), Resources(), config.slurm, "local")
    assert f"--tag {done.tag} --settings {config.digest}\n" in compose(config, config.slurm, Resources(), 1, done.tag)
    frozen = Workspace(past.root).submission_settings(done.tag)
    write_atomic(frozen, f"[notify]\ncommand = '/usr/bin/touch {tmp_path}/made'\n".encode())
    assert f"{frozen} was changed after its jobs were submitted: run attnctl resume\n" in refused_by_worker(
        config, done
    )
    frozen.unlink()
    assert f"{frozen} is missing: run attnctl resume\n" in refused_by_worker(config, done)
    assert not (tmp_path / "made").exists()
    assert not config.workspace.run(past.specs(1)[0].id).attempt(1).owner.exists()


def refused_by_worker(config: Config, submitted: Submitted) -> str:
    """What the worker of the only run says when it refuses to start."""
    words = ["--workspace", str(config.workspace.root), "--tag", submitted.tag, "--task", "0"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "attnctl.jobs.worker", *words, "--settings", config.digest],
        env=os.environ | {"ATTNCTL_JOB_ID": "here:1", "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_a_member_of_a_group_adds_to_the_settings_acts_for_nobody_else(lab: Lab) -> None:
    lab.share()
    ada, bob = lab.users
    file, made = lab.folder / "attnctl.toml", lab.folder.parent / "made"
    made.mkdir(mode=0o777)
    made.chmod(0o777)
    changed = shlex.quote(file.read_text() + f"[notify]\ncommand = 'touch {made}/{{sweep}}'\n")
    script = f"printf %s {changed} > {file}.new; mv -f {file}.new {file}"
    subprocess.run(["runuser", "-u", bob, "--", "sh", "-euc", script], check=True)
    assert read(file).notify.wanted
    for words in (["sweep", "none", *SMALL], ["--workspace", ".", "sweep", "none", *SMALL]):
        refused = lab.run(ada, *words, "--device", "cpu")
        assert refused.returncode == 2, refused.stdout
        assert "run `attnctl trust " in refused.stderr
    assert lab.run(ada, "status", "--workspace", ".").returncode == 0
    assert lab.run(bob, "trust").returncode == 0
    swept = lab.run(bob, "sweep", "none", *SMALL, "--device", "cpu", "--name", "his")
    assert swept.returncode == 0, swept.stderr
    assert [path.owner() for path in made.iterdir()] == [bob], "he has trusted what he wrote"
