"""Names that a shell, a terminal, a path or SLURM could take for something else, through every command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.submission import guard
from attnctl.jobs.submission.script import compose
from attnctl.settings.config import Config
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request, Resources, Submission, Sweep
from tests.attnctl.cli.cli_run import Run, assert_refused, listing, without_slurm, workspace_with_a_run
from tests.attnctl.cli.own_module import MODULE
from tests.attnctl.cli.past_runs import Past, left

NAMES = {
    "spaces": "a  b ",
    "shell": "x; touch made; $(touch made) `touch made` && touch made | touch made > made",
    "quotes": """it's "quoted" $HOME ${PATH}""",
    "unicode": "é漢字🧪",
    "dash": "-rf",
    "dashes": "--help",
    "glob": "*?[a]{b,c}~",
    "hash": "#!sh",
    "equals": "a=b:c,d",
}
"""What a folder may be called."""

UNPRINTABLE = {"newline": "a\ntouch made", "escape": "\x1b[31mred", "tab": "a\tb", "return": "a\rb"}
OTHERS = {**UNPRINTABLE, "up": "../made", "root": "/", "long": "x" * 300, "dot": ".", "nothing": "", "blank": " "}

# The commands that take the name of a sweep, or the beginning of a run's id.
OF_A_NAME = {
    "status": ["status"],
    "resume": ["resume", "--dry-run"],
    "why": ["why"],
    "show": ["show"],
    "logs": ["logs"],
    "cancel": ["cancel", "--yes"],
    "rm": ["rm", "--yes"],
    "diff": ["diff"],
    "report": ["report"],
    "export": ["export", "--format", "csv"],
    "archive": ["archive", "--output", "packed.tar.gz"],
    "cam": ["cam"],
    "histogram": ["histogram"],
    "errors": ["errors"],
}


@pytest.fixture(scope="module")
def standing_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workspace_with_a_run(tmp_path_factory.mktemp("names"))


@pytest.mark.parametrize("command", OF_A_NAME)
def test_an_unknown_sweep_or_run_is_a_one_line_error_without_effects(
    command: str, standing_once: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(standing_once)
    without_slurm(monkeypatch)
    attnctl("status")
    before = listing(standing_once.parent)
    for case, name in {**NAMES, **OTHERS}.items():
        words = [*OF_A_NAME[command], "--", name, *([name] if command == "diff" else [])]
        assert_refused(attnctl(*words), f"{command} {case}")
    assert listing(standing_once.parent) == before


def test_no_such_name_is_given_to_a_sweep(folder: Path, attnctl: Run) -> None:
    for case, name in {**NAMES, **OTHERS}.items():
        result = attnctl("sweep", "se", "--run-on", "local", f"--name={name}")
        assert_refused(result, case)
        assert "sweep name" in result.err or "name" in result.err, case
    assert listing(folder) == []


# ---------------------------------------------------------------------------------------------------------- workspaces


def filled(root: Path) -> Past:
    """A workspace with a run that ended before its time, in the sweep `one`."""
    root.mkdir(parents=True)
    (root / "attnctl.toml").write_text("")
    past = Past(root)
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", saved=(10,), exit=left("preempted", step=10))
    past.checkpoint(spec, "10-1.0.pt")
    past.sweep("one", [spec])
    return past


@pytest.mark.parametrize("case", NAMES)
def test_a_workspace_may_have_any_printable_name(case: str, folder: Path, attnctl: Run) -> None:
    name = NAMES[case]
    past = filled(folder / name)
    (spec,) = past.specs(1)
    here = f"--workspace={name}"
    for words in (
        ["status"],
        ["resume", "--dry-run"],
        ["why", spec.id],
        ["show", spec.id],
        ["report"],
        ["db", "rebuild"],
        ["db", "path"],
        ["gc"],
        ["export", spec.id, "--format", "json"],
        ["sweep", "se", "--run-on", "local", "--dry-run"],
        ["rm", "one", "--runs", "--yes"],
    ):
        result = attnctl(here, *words)
        assert result.code == 0, f"{words}: {result.err}"
    assert sorted(path.name for path in folder.iterdir()) == [name]
    new = f"--workspace={name} new"
    assert attnctl(new, "init").code == 0
    assert (folder / f"{name} new" / "attnctl.toml").is_file()


@pytest.mark.parametrize("case", UNPRINTABLE)
def test_a_workspace_path_with_unprintable_characters_is_refused(case: str, folder: Path, attnctl: Run) -> None:
    for words in (["status"], ["init"], ["sweep", "se", "--run-on", "local"]):
        assert_refused(attnctl(f"--workspace={UNPRINTABLE[case]}", *words), case)
    assert listing(folder) == []


@pytest.mark.parametrize("case", NAMES)
def test_the_job_script_passes_any_path_to_the_worker_as_one_argument(case: str, tmp_path: Path) -> None:
    """The script is run by bash, with an srun that writes down what it is given."""
    config = Config(workspace=Workspace(tmp_path / NAMES[case]))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text(f"#!/bin/bash\nprintf '%s\\0' \"$@\" > '{tmp_path}/words'\n")
    (programs / "srun").chmod(0o755)
    text = compose(config, config.slurm, Resources(), 1, "attnctl-tag")
    guard.prepare(config.workspace, "attnctl-tag", [("0" * 16, 1)])
    place = tmp_path / "elsewhere"
    place.mkdir()
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_ID": "7"}
    done = subprocess.run(
        ["bash", "-c", text], cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    words = (tmp_path / "words").read_text().split("\0")
    assert words[words.index("--workspace") + 1] == str(tmp_path / NAMES[case])
    assert listing(place) == []
    assert not list(tmp_path.rglob("made"))


@pytest.mark.parametrize("name", ["100%j", "a\\b", "a\nb"])
def test_a_path_that_slurm_would_expand_is_refused(name: str, tmp_path: Path) -> None:
    config = Config(workspace=Workspace(tmp_path / name))
    with pytest.raises(SpecError):
        compose(config, config.slurm, Resources(), 1, "attnctl-tag")


# ------------------------------------------------------------------------------------------------------- users' files


@pytest.mark.parametrize("case", ["shell", "quotes", "dash"])  # each is imported once, by a process of its own
def test_a_module_may_be_in_a_file_of_any_name(case: str, folder: Path, attnctl: Run) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / f"{NAMES[case]}.py").write_text(MODULE)
    before = listing(folder)
    result = attnctl("sweep", f"./inner/{NAMES[case]}.py:Gate", "--run-on", "local", "--dry-run")
    if result.code:
        assert_refused(result, case)
    assert not list(folder.rglob("made"))
    assert [path for path in listing(folder) if "__pycache__" not in path] == before


@pytest.mark.parametrize("case", OTHERS)
def test_an_invalid_module_file_is_a_one_line_error(case: str, folder: Path, attnctl: Run) -> None:
    assert_refused(attnctl("sweep", "--run-on=local", "--dry-run", "--", f"./{OTHERS[case]}.py:Gate"), case)
    assert_refused(attnctl("sweep", "--run-on=local", "--dry-run", "--", f"./x.py:{OTHERS[case]}"), case)
    assert listing(folder) == []


# ------------------------------------------------------------------------------------ what others put into a workspace


@pytest.mark.parametrize("case", [*NAMES, *UNPRINTABLE])
def test_records_under_any_name_in_a_shared_workspace_are_only_data(
    case: str, folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder.parent / "bin"  # what the names would start, and no SLURM
    programs.mkdir()
    for program in ("touch", "sh"):
        (programs / program).symlink_to(f"/bin/{program}")
    monkeypatch.setenv("PATH", str(programs))
    name = {**NAMES, **UNPRINTABLE}[case]
    past = filled(folder / "here")
    monkeypatch.chdir(past.root)
    (spec,) = past.specs(1)
    workspace = past.config.workspace
    common: dict[str, Any] = {"tag": name, "created": 1.0, "host": name, "pid": 1, "where": "slurm"}
    sent = Submission(**common, tasks=[[f"../../{name}", 1], [spec.id, 1]], specs={}, job_id=None, cluster=name)
    write_atomic(workspace.submissions / f"{name}.json", sent.encode())
    runs = [spec.id, name, f"../../{name}", "../../outside"]
    record = Sweep(name=name, created=1.0, command=["sweep", name], runs=runs)
    write_atomic(workspace.sweeps / f"{name}.json", record.encode())
    request = Request(**common, user=name, nonce=name, options={"partition": name, "from_command": ["partition"]})
    write_atomic(workspace.run(spec.id).attempt(2).request, request.encode())
    (folder / "outside").mkdir()
    (folder / "outside" / "kept").touch()
    for words in (
        ["status"],
        ["status", "--json"],
        ["resume", "--dry-run"],
        ["why", spec.id],
        ["show", spec.id],
        ["report"],
        ["gc"],
        ["db", "rebuild"],
        ["cancel", spec.id, "--yes"],
    ):
        result = attnctl(*words)
        silent = {1} if words[0] in {"resume", "cancel"} else set()  # SLURM does not answer them
        assert result.code in {0, 2} | silent, f"{words}: {result.err}"
        assert "internal error" not in result.err, f"{words}: {result.err}"
        assert "\x1b" not in result.out + result.err
        assert result.code != 2 or result.err.count("\n") == 1
    rows = json.loads(attnctl("status", "--json").out)["runs"]
    assert [row["id"] for row in rows] == [spec.id]
    attnctl("rm", "--runs", "--yes", "--", name)
    assert (folder / "outside" / "kept").exists()
    assert not list(folder.rglob("made"))
