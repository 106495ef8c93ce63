"""The code that runs are submitted with: kept once, by its content, and checked by the job that runs it."""

import importlib.util
import json
import marshal
import multiprocessing
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


# ------------------------------------------------------------------------------------------------ a group workspace


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A group workspace with a snapshot; each attack is undone."""
    folder = tmp_path_factory.mktemp("group")
    # A cache folder below /tmp would not be used: there, somebody else could make it first.
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix=".attnctl-", dir=Path.home()) as cache,
    ):
        patch.setenv("XDG_CACHE_HOME", cache)
        workspace = Workspace(folder / "it's a lab", group=True)
        assert code_snapshot.keep(workspace) == code_snapshot.digest()
        yield workspace


def kept_in(workspace: Workspace) -> Path:
    return code_snapshot.folder(workspace, str(code_snapshot.digest()))


def start(workspace: Workspace, code: str, *, check: bool) -> subprocess.CompletedProcess[str]:
    """Run Python code as a job's script does. check: with the comparison before it."""
    lines = [*(code_snapshot.check_lines(workspace) if check else []), *code_snapshot.script_lines(workspace)]
    script = "\n".join(
        ["trap 'echo \"$attnctl_failed\"' EXIT", *lines, "cd /", f"{sys.executable} -P -c {shlex.quote(code)}"]
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)


EVIL = "print('EVIL')\n"


def forged(source: Path) -> Path:
    """A .pyc file that Python takes for the compiled source: it has the source's time and size."""
    status = source.stat()
    head = importlib.util.MAGIC_NUMBER + bytes(4) + int(status.st_mtime).to_bytes(4, "little")
    path = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    path.parent.mkdir(exist_ok=True)
    code = compile(source.read_text() + EVIL, str(source), "exec")
    path.write_bytes(head + status.st_size.to_bytes(4, "little") + marshal.dumps(code))
    return path.parent


@contextmanager
def attack(snapshot: Path, name: str) -> Iterator[Path]:
    path = snapshot / name
    before = path.read_bytes() if path.is_file() else None
    if name.endswith("__pycache__"):
        forged(path.parent / "values.py")
    elif name.endswith("linked.py"):
        path.symlink_to(snapshot / "attnctl" / "values.py")
    else:
        path.write_text((before or b"").decode() + EVIL)
    try:
        yield path
    finally:
        if before is not None:
            path.write_bytes(before)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


ATTACKS = [
    "sitecustomize.py",
    "usercustomize.py",
    "json.py",
    "attnctl/__pycache__",
    "attnctl/values.pyc",
    "attnctl/values.cpython-311-x86_64-linux-gnu.so",
    "attnctl/.hidden.py",
    "attnctl/linked.py",
    "attnctl/linked\nname.py",
    "attnctl/values.py",
]


def test_an_unchanged_snapshot_of_a_group_runs_and_its_bytecode_is_private(shared: Workspace) -> None:
    done = start(shared, "import sys, attnctl.values as v; print(v.__cached__, v.__file__)", check=True)
    assert done.returncode == 0, done.stderr
    compiled, source = done.stdout.splitlines()[0].split(" /", 1)
    assert source.startswith(str(kept_in(shared))[1:])
    bytecode = Path(os.environ["XDG_CACHE_HOME"], "attnctl", "bytecode")
    assert Path(compiled).is_relative_to(bytecode)
    assert Path(compiled).is_file()
    assert stat.S_IMODE(bytecode.stat().st_mode) == 0o700
    assert not list(kept_in(shared).rglob("__pycache__"))
    assert code_snapshot.variables(shared, {})["PYTHONPYCACHEPREFIX"] == str(bytecode)


@pytest.mark.parametrize("name", ATTACKS)
def test_whatever_is_put_into_the_snapshot_of_a_group_ends_the_job_before_python_starts(
    name: str, shared: Workspace
) -> None:
    with attack(kept_in(shared), name):
        done = start(shared, "import attnctl.values; print('started')", check=True)
        assert (done.returncode, "EVIL" in done.stdout, "started" in done.stdout) == (1, False, False), done.stdout
        assert (
            done.stdout.strip()
            == f"{kept_in(shared)} was changed after it was created: delete it, then run attnctl resume"
        )
        with pytest.raises(SpecError, match=r"is not part of the code in|was changed after it was created"):
            code_snapshot.keep(shared)
    assert code_snapshot.keep(shared) == code_snapshot.digest()


def test_without_the_comparison_the_attacks_work(shared: Workspace) -> None:
    """So the comparison is what stops them; a forged __pycache__ is also stopped by the private bytecode."""
    for name, runs in {"sitecustomize.py": True, "attnctl/values.py": True, "attnctl/__pycache__": False}.items():
        with attack(kept_in(shared), name):
            done = start(shared, "import attnctl.values", check=False)
            assert ("EVIL" in done.stdout) == runs, name


@pytest.mark.parametrize("words", [["-B"], []])
def test_a_forged_pycache_is_read_without_a_private_folder_for_bytecode(words: list[str], shared: Workspace) -> None:
    environ = {**os.environ, "PYTHONPATH": str(kept_in(shared)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", *words, "-c", "import attnctl.values"]
    with attack(kept_in(shared), "attnctl/__pycache__"):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, cwd="/")
        assert "EVIL" in done.stdout
        environ |= code_snapshot.variables(shared, {})
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, cwd="/")
        assert "EVIL" not in done.stdout


def test_no_compiled_file_is_read_from_a_cache_folder_that_others_could_have_made_first(
    shared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As XDG_CACHE_HOME=/tmp/cache, on a node where it does not exist yet."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    cache = tmp_path / "tmp" / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    source = kept_in(shared) / "attnctl" / "values.py"
    compiled = cache / "attnctl" / "bytecode" / str(source.parent)[1:]
    compiled.mkdir(parents=True)
    with attack(kept_in(shared), "attnctl/__pycache__") as folder:
        for file in list(folder.iterdir()):
            file.rename(compiled / f"values.{sys.implementation.cache_tag}.pyc")
        folder.rmdir()
        before = sorted(cache.rglob("*"))
        done = start(shared, "import attnctl.values as v; print(v.__cached__)", check=True)
        folder.mkdir()
    assert (done.returncode, "EVIL" in done.stdout) == (0, False), done.stdout + done.stderr
    assert done.stdout.startswith("/dev/null/")
    assert sorted(cache.rglob("*")) == before
    assert code_snapshot.variables(shared, {})["PYTHONPYCACHEPREFIX"] == "/dev/null"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_for_compiled_files_that_belongs_to_somebody_else_is_refused(
    shared: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix=".attnctl-", dir=Path.home()) as cache:
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        Path(cache, "attnctl", "bytecode").mkdir(parents=True, mode=0o700)
        os.chown(Path(cache, "attnctl", "bytecode"), 65534, 65534)
        with pytest.raises(SpecError, match="bytecode: this folder belongs to another user; delete it"):
            code_snapshot.keep(shared)


def test_a_private_snapshot_keeps_its_bytecode_and_nothing_else(workspace: Workspace) -> None:
    code_snapshot.keep(workspace)
    assert code_snapshot.check_lines(workspace) == []
    snapshot = kept_in(workspace)
    (snapshot / "attnctl" / "__pycache__").mkdir()
    assert code_snapshot.keep(workspace) == code_snapshot.digest()
    with (
        attack(snapshot, "sitecustomize.py"),
        pytest.raises(SpecError, match=r"sitecustomize\.py is not part of the code"),
    ):
        code_snapshot.keep(workspace)
