"""The code that runs are submitted with: kept once, by its content, and checked by the job that runs it."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import attnctl
from attnctl.jobs.submission import code_snapshot
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

TREE = Path(attnctl.__file__).parents[1]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "it's a ü workspace")


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_code_of_a_job_is_kept_once(workspace: Workspace) -> None:
    code = code_snapshot.keep(workspace)
    assert code == code_snapshot.digest()
    kept = code_snapshot.folder(workspace, str(code))
    assert (kept / "attnctl/jobs/worker.py").read_bytes() == (TREE / "jobs/worker.py").read_bytes()
    assert (kept / "attnctl/jobs/submission/guard.sh").exists()
    assert (kept / "attnctl/backbones/backbones.toml").exists()
    assert {path.name for path in kept.iterdir()} == {"attnctl"}
    before = {path: path.stat().st_mtime_ns for path in workspace.code.rglob("*")}
    assert code_snapshot.keep(workspace) == code
    assert {path: path.stat().st_mtime_ns for path in workspace.code.rglob("*")} == before
    origin = json.loads(kept.with_suffix(".json").read_bytes())
    assert origin["tree"] == str(TREE)
    if origin["patch"]:
        assert (workspace.code / f"{origin['patch']}.patch").read_bytes().startswith(b"diff ")


def test_a_job_runs_the_snapshot_or_nothing(workspace: Workspace) -> None:
    code = code_snapshot.keep(workspace)
    assert code is not None
    (line,) = code_snapshot.script_lines(workspace)
    script = f"{line}\ncd / && {sys.executable} -P -c 'from attnctl import jobs; print(jobs.__file__)'"
    environ = os.environ | {"PYTHONPATH": str(TREE)}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.count(str(code_snapshot.folder(workspace, code))) == 1
    look = "import os, sys\nfrom pathlib import Path\nfrom attnctl.workspace.layout import Workspace\n"
    look += "from attnctl.jobs.submission import code_snapshot\n"
    look += "from attnctl.values import SpecError\ntry: code_snapshot.check(Workspace(Path(sys.argv[1])), os.environ)\n"
    look += "except SpecError as error: print(error)\n"
    command = [sys.executable, "-P", "-c", look, str(workspace.root)]
    environ |= code_snapshot.variables(workspace, environ)

    def says() -> str:
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout

    assert says() == ""
    (code_snapshot.folder(workspace, code) / "attnctl/jobs/worker.py").write_text("# edited")
    assert "was changed after it was created" in says()
    with pytest.raises(SpecError, match="was changed after it was created: delete it"):
        code_snapshot.keep(workspace)
    with pytest.raises(SpecError, match=f"submitted with the code in .*{code}, but runs the code in {TREE}"):
        code_snapshot.check(workspace, environ)
    code_snapshot.check(workspace, {})


def test_a_workspace_with_a_colon_in_its_path_keeps_no_snapshot(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a:b")
    assert code_snapshot.keep(workspace) is None
    assert code_snapshot.script_lines(workspace) == []
    assert not workspace.root.exists()


def keep(root: Path, results: "multiprocessing.Queue[str | None]") -> None:
    results.put(code_snapshot.keep(Workspace(root)))


def test_several_commands_at_once_keep_one_snapshot(workspace: Workspace) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    commands = [context.Process(target=keep, args=(workspace.root, results)) for _ in range(4)]
    for command in commands:
        command.start()
    assert {results.get(timeout=60) for _ in commands} == {code_snapshot.digest()}
    for command in commands:
        command.join(60)
    assert [path.name for path in workspace.code.iterdir() if path.is_dir()] == [code_snapshot.digest()]


@pytest.mark.parametrize("opens", [1, 2, 40, 300, 400])
def test_a_command_that_is_killed_leaves_no_partial_snapshot(opens: int, workspace: Workspace) -> None:
    def killed() -> None:
        left = opens

        def count(event: str, details: tuple[object, ...]) -> None:
            nonlocal left
            if event in {"open", "os.rename"} and str(details[0]).startswith(str(workspace.root)):
                left -= 1
                if not left:
                    os._exit(9)

        sys.addaudithook(count)
        code_snapshot.keep(workspace)

    command = multiprocessing.get_context("fork").Process(target=killed)
    command.start()
    command.join(60)
    if command.exitcode == 9:
        assert not code_snapshot.folder(workspace, str(code_snapshot.digest())).exists()
    else:
        assert command.exitcode == 0
    assert code_snapshot.keep(workspace) == code_snapshot.digest()
    code_snapshot.check(workspace, {})


def test_an_unchanged_snapshot_costs_little(workspace: Workspace) -> None:
    code_snapshot.keep(workspace)
    copies = []
    for _ in range(5):
        code_snapshot.digest.cache_clear()
        started = time.process_time()
        code_snapshot.keep(workspace)
        copies.append(time.process_time() - started)
    files = len(listing(code_snapshot.folder(workspace, str(code_snapshot.digest()))))
    started = time.process_time()
    shutil.copytree(code_snapshot.folder(workspace, str(code_snapshot.digest())), workspace.root / "copy")
    assert min(copies) < 2 * (time.process_time() - started), f"reading {files} files twice costs less than a copy"
