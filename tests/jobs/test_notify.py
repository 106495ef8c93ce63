"""The notice of a sweep's end: told once, to a command or a webhook, and never through a shell."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from attnctl.files import write_atomic
from attnctl.jobs.notify import after_run
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past, left
from tests.fixtures.trusted_settings import write_trusted

COMMAND = """command = "sh -c 'cat >> told.json; echo \\"$0\\" >> words' '{sweep}; $(touch made) {summary}'"\n"""


def told(past: Past) -> list[dict[str, object]]:
    path = past.root / "told.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with what the commands of these tests run, and without a SLURM that would be waited for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "cat", "head", "sleep", "yes"):
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def ended(past: Past, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    """A sweep that ended an hour ago: one run completed, one failed."""
    monkeypatch.setenv("PATH", str(programs))
    good_run, bad_run = past.specs(2)
    completed(past, good_run)
    past.attempt(bad_run, "FAILED", exit=left("error", "KeyError"))
    past.sweep("first", [good_run, bad_run])
    write_trusted(past.root, f"[notify]\n{COMMAND}")
    return past


def test_the_end_of_a_sweep_is_announced_once_and_never_through_a_shell(ended: Past, attnctl: Run) -> None:
    attnctl("resume")
    attnctl("resume")
    after_run(ended.config, ended.specs(1)[0].id)
    (only,) = told(ended)
    assert (only["sweep"], only["summary"]) == ("first", "2 runs: 1 completed, 1 code error")
    assert only["states"] == {"completed": 1, "code error": 1}
    assert (ended.root / "words").read_text() == "first; $(touch made) 2 runs: 1 completed, 1 code error\n"
    assert not (ended.root / "made").exists()


def test_only_the_job_that_ends_last_announces_the_end(ended: Past) -> None:
    first, last = ended.specs(2)
    record = ended.config.workspace.run(last.id).attempt(1).incarnation(0).exit(0)
    kept = record.read_bytes()
    record.unlink()
    (ended.config.workspace.run(last.id).attempt(1).observed / "1.json").unlink()
    after_run(ended.config, first.id)
    assert told(ended) == []
    write_atomic(record, kept)
    after_run(ended.config, last.id)
    after_run(ended.config, first.id)
    assert len(told(ended)) == 1


def test_a_sweep_that_resumes_and_ends_again_is_announced_again(ended: Past, attnctl: Run) -> None:
    attnctl("resume")
    _, bad_run = ended.specs(2)
    ended.attempt(bad_run, "COMPLETED", number=2, exit=left("completed", step=40))
    attnctl("resume")
    assert [row["summary"] for row in told(ended)] == ["2 runs: 1 completed, 1 code error", "2 runs: 2 completed"]


def test_a_failing_command_is_reported_and_changes_nothing(ended: Past, attnctl: Run) -> None:
    write_trusted(ended.root, "[notify]\ncommand = '/no/such/program {sweep}'\n")
    result = attnctl("resume")
    assert result.code == 0
    assert result.err == "notify: /no/such/program cannot be started: No such file or directory\n"
    assert attnctl("resume").err == ""


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    got: list[bytes]

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[bytes]]]:
    got: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("Kept", (Hook,), {"got": got}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_document(ended: Past, attnctl: Run, hook: tuple[str, list[bytes]]) -> None:
    address, got = hook
    write_trusted(ended.root, f"[notify]\nwebhook = '{address}'\n")
    assert attnctl("resume").err == ""
    (body,) = got
    assert json.loads(body)["text"] == "attnctl: sweep first has ended, 2 runs: 1 completed, 1 code error"
    write_trusted(ended.root, "[notify]\nwebhook = 'http://127.0.0.1:1/'\n")
    for path in (ended.root / "notices").iterdir():
        path.unlink()
    assert "the webhook cannot be reached" in attnctl("resume").err


ANSWERS = {
    "no HTTP": b"\x00\xff\x1b[31m no status line\r\n\r\n",
    "no status": b"HTTP/1.1 \xff\xfe OK\r\n\r\n",
    "a long line": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
    "a file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "no address": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n",
    "no host": b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe..%00/\r\n\r\n",
    "nothing": b"",
}


@pytest.fixture
def answering() -> Iterator[Callable[[bytes, float], str]]:
    """Starts a server that gives this answer, letter by letter with this pause; returns its address."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answer: bytes, pause: float) -> str:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                with contextlib.suppress(OSError):
                    for part in [answer[at : at + 1] for at in range(len(answer))] if pause else [answer]:
                        self.request.sendall(part)
                        time.sleep(pause)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def assert_only_told(past: Past, attnctl: Run, words: str) -> None:
    """That neither a command nor a job that has completed ends otherwise than without the notice."""
    result = attnctl("resume", "--json")
    assert (result.code, len(json.loads(result.out)["runs"])) == (0, 1), "the run that failed waits for --force"
    assert result.err.startswith("notify: ")
    assert words in result.err
    assert result.err[:-1].isprintable()
    assert len(result.err) < 400
    for path in (past.root / "notices").iterdir():
        path.unlink()
    after_run(past.config, past.specs(1)[0].id)
    assert len(list((past.root / "notices").iterdir())) == 1


@pytest.mark.parametrize("case", ANSWERS)
def test_whatever_a_webhook_answers_is_only_told(
    case: str, ended: Past, attnctl: Run, answering: Callable[[bytes, float], str]
) -> None:
    write_trusted(ended.root, f"[notify]\nwebhook = '{answering(ANSWERS[case], 0.0)}'\n")
    assert_only_told(ended, attnctl, "webhook")


def test_a_webhook_that_answers_without_end_is_given_up(
    ended: Past, attnctl: Run, answering: Callable[[bytes, float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnctl.jobs.notify.TIMEOUT", 0.5)
    write_trusted(ended.root, f"[notify]\nwebhook = '{answering(b'HTTP/1.1 200 OK' * 99, 0.1)}'\n")
    assert_only_told(ended, attnctl, "the webhook was given up after 0.5 s")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("printf '\\377\\000\\033[31mred\\n' >&2; exit 3", "sh failed with exit code 3: "),
        ("yes & echo $! >background; wait", "sh was stopped after 1 s"),
        ("yes | head -c 10000000; exit 4", "sh failed with exit code 4: y y"),
        ("sleep 9 & exit 5", "sh failed with exit code 5"),
        ("kill -9 $$", "sh failed with exit code -9"),
    ],
)
def test_whatever_a_command_does_is_only_told(
    script: str, words: str, ended: Past, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnctl.jobs.notify.TIMEOUT", 1.0)
    write_trusted(ended.root, f"[notify]\ncommand = {json.dumps(shlex.join(['sh', '-c', script]))}\n")
    assert_only_told(ended, attnctl, words)
    if "background" in script:
        number = int((ended.root / "background").read_text())
        end = time.monotonic() + 20
        while _runs(number) and time.monotonic() < end:
            time.sleep(0.1)
        assert not _runs(number)


def _runs(number: int) -> bool:
    """Whether the process runs: one that nobody has waited for yet does not."""
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_notice_that_cannot_be_written_down_and_a_broken_sweep_are_only_told(ended: Past, attnctl: Run) -> None:
    (ended.root / "sweeps" / "a.json").write_bytes(b"\xff")
    after_run(ended.config, ended.specs(1)[0].id)
    assert len(told(ended)) == 1
    for path in (ended.root / "notices").iterdir():
        path.unlink()
    (ended.root / "notices").rmdir()
    (ended.root / "notices").write_text("")
    after_run(ended.config, ended.specs(1)[0].id)
    result = attnctl("resume")
    assert (result.code, "notify: " in result.err) == (0, True)


LOOKS = ("status", "why {run}", "show {run}", "logs {run}", "report first", "diff {run} {other}", "gc --dry-run")


@pytest.mark.parametrize("words", [*LOOKS, "resume --dry-run", "sweep se --dry-run", "rm first", "papers"])
def test_looking_announces_nothing(words: str, ended: Past, attnctl: Run) -> None:
    one, other = ended.specs(2)
    attnctl(*words.format(run=one.id, other=other.id).split())
    assert told(ended) == []
    assert not (ended.root / "notices").exists()


def test_settings_that_are_not_trusted_announce_nothing(ended: Past, attnctl: Run) -> None:
    assert attnctl("trust", "--revoke").code == 0
    attnctl("resume")
    after_run(ended.config, ended.specs(1)[0].id)
    assert told(ended) == []
    assert attnctl("trust").code == 0
    attnctl("resume")
    assert len(told(ended)) == 1


def test_an_end_in_the_future_is_no_news(ended: Past, attnctl: Run) -> None:
    bad_run = ended.specs(2)[1]
    ended.attempt(bad_run, "FAILED", ago=-86400.0, number=2, exit=left("error", "KeyError", at=time.time() + 86400))
    attnctl("resume")
    assert told(ended) == []
