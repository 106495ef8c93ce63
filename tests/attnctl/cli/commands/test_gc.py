"""`attnctl gc` and `attnctl rm`, and the notice of a sweep's end: what goes, what stays, what is told once."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.notify import after_run
from attnctl.jobs.training import checkpoint
from attnctl.spec import RunSpec
from attnctl.workspace import checkpoints
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past, left


@pytest.fixture
def past(folder: Path) -> Past:
    (folder / "attnctl.toml").write_text("")
    return Past(folder)


def good(past: Past, spec: RunSpec, step: int) -> Path:
    """A checkpoint as the training writes it."""
    run = past.config.workspace.run(spec.id)
    name = checkpoint.Name((1, 0), step)
    data = checkpoint.encode({"format": checkpoint.FORMAT, "spec": run.id, "step": step})
    return past.checkpoint(spec, str(name), data)


def completed(past: Past, spec: RunSpec) -> None:
    past.attempt(spec, "COMPLETED", exit=left("completed", step=40))


def test_checkpoints_go_by_rule_and_those_of_an_active_run_stay(past: Past, attnctl: Run) -> None:
    done, broken, active = past.specs(3)
    completed(past, done)
    past.attempt(broken, "PREEMPTED")
    past.attempt(active, "RUNNING")
    files = {spec: [good(past, spec, step) for step in (10, 20, 30, 40)] for spec in (done, broken, active)}
    files[broken][3].write_bytes(b"half of one")  # the newest is damaged: the two newest good ones count
    would = json.loads(attnctl("gc", "--dry-run", "--json").out)["files"]
    assert all(path.exists() for paths in files.values() for path in paths)
    gone = json.loads(attnctl("gc", "--json").out)["files"]
    assert gone == would
    assert [path.exists() for path in files[done]] == [False, False, False, True]
    assert [path.exists() for path in files[broken]] == [False, True, True, False]
    assert all(path.exists() for path in files[active])
    assert json.loads(attnctl("gc", "--json").out)["files"] == []
    assert attnctl("gc", "--keep", "0").out.startswith(str(files[done][3]))
    assert not files[done][3].exists()


def test_a_run_without_a_good_checkpoint_keeps_what_it_has(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    kept = [past.checkpoint(spec, f"{step}-1.0.pt") for step in (1, 2, 3)]
    assert "0 files" in attnctl("gc").out
    assert all(path.exists() for path in kept)


def test_leftovers_of_killed_writers_go_when_they_are_old(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    workspace = past.config.workspace
    run = workspace.run(spec.id)
    aside = "." + "x.json." + "0" * 32
    old = [run.checkpoints / aside, run.attempt(1).path / aside, workspace.submissions / aside, run.path / aside]
    new = workspace.sweeps / aside
    other = run.path / ".mine"
    for path in (*old, new, other):
        write_atomic(path, b"half")
    removed = workspace.runs / f".{spec.id}.removed-{'0' * 8}"
    (removed / "attempts").mkdir(parents=True)
    for path in (*old, removed, other):
        os.utime(path, (time.time() - 7200,) * 2)
    attnctl("gc")
    assert not any(path.exists() for path in (*old, removed))
    assert new.exists()
    assert other.exists()


def test_a_digest_is_checked_without_torch(past: Past) -> None:
    (spec,) = past.specs(1)
    path = good(past, spec, 10)
    assert checkpoints.is_whole(path)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:40] + b"?" + data[41:], b"", b"x" * 10):
        path.write_bytes(damaged)
        assert not checkpoints.is_whole(path)
    path.unlink()
    assert not checkpoints.is_whole(path)


# ---------------------------------------------------------------------------------------------------------------- rm


def test_a_sweep_is_removed_and_its_runs_only_when_asked(past: Past, attnctl: Run) -> None:
    mine, shared = past.specs(2)
    completed(past, mine)
    completed(past, shared)
    past.sweep("first", [mine, shared])
    past.sweep("second", [shared])
    assert attnctl("rm", "first").code == 2  # nobody is there to agree
    assert attnctl("rm", "first", "--yes").code == 0
    assert sorted(path.name for path in (past.root / "runs").iterdir()) == sorted([mine.id, shared.id])
    past.sweep("first", [mine, shared])
    document = json.loads(attnctl("rm", "first", "--runs", "--yes", "--json").out)
    assert document["removed"] == [mine.id]
    assert document["kept"] == {shared.id: "sweep second has it"}
    assert [path.name for path in (past.root / "runs").iterdir()] == [shared.id]
    assert [row["id"] for row in json.loads(attnctl("status", "--json").out)["runs"]] == [shared.id]
    assert attnctl("rm", "first", "--yes").code == 2


def test_while_a_run_is_under_way_nothing_is_removed(past: Past, attnctl: Run) -> None:
    done, active = past.specs(2)
    completed(past, done)
    past.attempt(active, "RUNNING")
    past.sweep("first", [done, active])
    attnctl("status")
    before = listing(past.root)
    result = attnctl("rm", "first", "--runs", "--yes")
    assert result.code == 2
    assert "does not answer" in result.err or "under way" in result.err
    assert listing(past.root) == before


@pytest.mark.parametrize("words", [["../x"], [""], ["é"], ["$(touch made)"], ["x" * 300], ["a", "b"]])
def test_rm_of_what_is_none_is_refused(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("rm", "--yes", "--", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert listing(past.root) == ["attnctl.toml"]


@pytest.mark.parametrize("words", [["--keep", "-1"], ["--keep", "x"], ["--keep-unfinished", "0"], ["more"]])
def test_gc_refuses_what_is_no_number(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("gc", *words)
    assert (result.code, result.out) == (2, "")


# ------------------------------------------------------------------------------------------------------------ notice

COMMAND = """command = "sh -c 'cat >> told.json; echo \\"$0\\" >> words' '{sweep}; $(touch made) {summary}'"\n"""


def told(past: Past) -> list[dict[str, object]]:
    path = past.root / "told.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def ended(past: Past, monkeypatch: pytest.MonkeyPatch) -> Past:
    """A sweep that ended an hour ago: one run completed, one failed."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    good_run, bad_run = past.specs(2)
    completed(past, good_run)
    past.attempt(bad_run, "FAILED", exit=left("error", "KeyError"))
    past.sweep("first", [good_run, bad_run])
    (past.root / "attnctl.toml").write_text(f"[notify]\n{COMMAND}")
    return past


def test_the_end_of_a_sweep_is_told_once_and_never_through_a_shell(ended: Past, attnctl: Run) -> None:
    attnctl("status")
    attnctl("status")
    after_run(ended.config, ended.specs(1)[0].id)
    (only,) = told(ended)
    assert (only["sweep"], only["summary"]) == ("first", "2 runs: 1 completed, 1 code error")
    assert only["states"] == {"completed": 1, "code error": 1}
    assert (ended.root / "words").read_text() == "first; $(touch made) 2 runs: 1 completed, 1 code error\n"
    assert not (ended.root / "made").exists()


def test_the_job_that_ends_last_tells_and_an_earlier_one_does_not(ended: Past) -> None:
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


def test_a_sweep_that_goes_on_and_ends_again_is_told_again(ended: Past, attnctl: Run) -> None:
    attnctl("status")
    _, bad_run = ended.specs(2)
    ended.attempt(bad_run, "COMPLETED", number=2, exit=left("completed", step=40))
    attnctl("status")
    assert [row["summary"] for row in told(ended)] == ["2 runs: 1 completed, 1 code error", "2 runs: 2 completed"]


def test_a_command_that_fails_is_told_and_changes_nothing(ended: Past, attnctl: Run) -> None:
    (ended.root / "attnctl.toml").write_text("[notify]\ncommand = '/no/such/program {sweep}'\n")
    result = attnctl("status")
    assert result.code == 0
    assert result.err == "notify: /no/such/program cannot be started: No such file or directory\n"
    assert attnctl("status").err == ""


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
    (ended.root / "attnctl.toml").write_text(f"[notify]\nwebhook = '{address}'\n")
    assert attnctl("status").err == ""
    (body,) = got
    assert json.loads(body)["text"] == "attnctl: sweep first has ended, 2 runs: 1 completed, 1 code error"
    (ended.root / "attnctl.toml").write_text("[notify]\nwebhook = 'http://127.0.0.1:1/'\n")
    for path in (ended.root / "notices").iterdir():
        path.unlink()
    assert "the webhook was not reached" in attnctl("status").err
