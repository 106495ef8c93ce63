"""The forked processes of `tests.fixtures.fork_server` act as those that a new interpreter would be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fixtures import fork_server

CODE = """
import json, os, sys, time
known = [os.getppid(), os.getcwd(), os.environ["GIVEN"], sys.argv[1:], sys.stdin.read(), os.getsid(0) == os.getpid()]
print(json.dumps([known, __file__, __name__]))
print("an error", file=sys.stderr)
if sys.argv[1:] == ["sleep"]:
    os.close(1)
    time.sleep(600)
raise SystemExit(7)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with another package of the name of ours."""
    (tmp_path / "attnctl").mkdir()
    (tmp_path / "attnctl/__init__.py").touch()
    (tmp_path / "attnctl/told.py").write_text(CODE)
    return tmp_path


def start(package: Path, *words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-P", "-m", "attnctl.told", *words]
    environment = os.environ | {"PYTHONPATH": str(package), "GIVEN": "ü"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, cwd=package, env=environment, text=True, start_new_session=True, **pipes, **options
    )


@pytest.fixture(params=["forked", "real"])
def started(request: pytest.FixtureRequest) -> bool:
    """Whether processes are forked in this test."""
    if request.param == "real":
        request.getfixturevalue("real_processes")
    return bool(request.param == "forked")


def is_forked(process: subprocess.Popen[str]) -> bool:
    return str(fork_server.__file__) in psutil.Process(process.pid).cmdline()


def test_a_process_has_what_it_is_given_and_ends_with_its_code(package: Path, started: bool) -> None:
    process = start(package, "a", "b")
    assert is_forked(process) is started
    out, errors = process.communicate("read")
    known = f'[{os.getpid()}, "{package}", "\\u00fc", ["a", "b"], "read", true]'
    assert (out, errors) == (f'[{known}, "{package}/attnctl/told.py", "__main__"]\n', "an error\n")
    assert process.returncode == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_it(package: Path, started: bool, number: signal.Signals) -> None:
    process = start(package, "sleep")
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.close()
        process.stdout.read()  # until it sleeps
        process.send_signal(number)
    assert process.returncode == -number


def test_its_output_is_that_of_a_new_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "attnctl", "papers", "nonsense"]
    forked = subprocess.run(command, capture_output=True, check=False)
    monkeypatch.setattr(subprocess, "Popen", fork_server.Usual)
    real = subprocess.run(command, capture_output=True, check=False)
    assert (forked.returncode, forked.stdout, forked.stderr) == (real.returncode, real.stdout, real.stderr)
    assert forked.returncode == 2


def test_what_a_server_cannot_do_is_a_new_interpreter(package: Path) -> None:
    (package / "sitecustomize.py").touch()  # which an interpreter runs when it starts
    process = start(package)
    assert not is_forked(process)
    process.communicate("")
    child = os.fork()
    if child == 0:  # it is not the parent of the server
        os._exit(subprocess.run([sys.executable, "-m", "attnctl", "--version"], check=False).returncode)
    assert os.waitpid(child, 0)[1] == 0
