"""Files of a workspace that are broken: every command says so in one line, goes on with the rest, and loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attnctl.files import write_atomic
from attnctl.spec import RunSpec
from attnctl.workspace.records import Cancel, Notice
from tests.attnctl.cli.cli_run import Result, Run
from tests.attnctl.cli.past_runs import Past, left


@dataclass(frozen=True)
class Place:
    """A workspace of two runs, whole but for what a test breaks in the second."""

    past: Past
    good: RunSpec
    other: RunSpec

    @property
    def root(self) -> Path:
        return self.past.root

    def file(self, name: str) -> Path:
        """The file that a case names."""
        run = self.past.config.workspace.run(self.other.id)
        attempt = run.attempt(1)
        return {
            "spec.json": run.spec,
            "request.json": attempt.request,
            "owner": attempt.owner,
            "cancel.json": attempt.cancel,
            "observed": attempt.observed / "1.json",
            "env.json": attempt.incarnation(0).env,
            "events.jsonl": attempt.incarnation(0).events,
            "exit.0.json": attempt.incarnation(0).exit(0),
            "checkpoint": run.checkpoints / "20-1.0.pt",
            "submission": self.past.config.workspace.submission(f"attnctl-{self.other.id}-1"),
            "sweep": self.past.config.workspace.sweep("broken"),
            "notice": self.past.config.workspace.notice("broken", 1),
            "attnctl.toml": self.root / "attnctl.toml",
            "database": self.root / "attnctl.sqlite",
        }[name]


FILES = (
    *("spec.json", "request.json", "owner", "cancel.json", "observed", "env.json", "events.jsonl", "exit.0.json"),
    *("checkpoint", "submission", "sweep", "notice", "attnctl.toml", "database"),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The workspace, to be copied; the runs ended by preemption, each with a checkpoint."""
    root = tmp_path_factory.mktemp("corrupt") / "here"
    root.mkdir()
    (root / "attnctl.toml").write_text("[resume]\nattempts = 20\n[notify]\ncommand = 'true'\n")
    past = Past(root)
    good, other = past.specs(2)
    for spec in (good, other):
        past.attempt(spec, "FAILED", saved=(10, 20), exit=left("preempted", "asked to stop", step=20))
        past.checkpoint(spec, "20-1.0.pt", b"0123456789" * 100)
        attempt = past.config.workspace.run(spec.id).attempt(1)
        attempt.owner.write_text("7_0")
        attempt.incarnation(0).log(0).write_text("trained\n")
        attempt.incarnation(0).env.write_text(json.dumps({"node": "node1", "torch": "2.5", "gpus": []}))
        write_atomic(attempt.cancel, Cancel(at=5.0, user="bob", host="login").encode())
    past.sweep("whole", [good])
    past.sweep("broken", [other])
    notice = Notice(sweep="broken", at=6.0, host="login", pid=1, summary="1 run: 1 preempted")
    write_atomic(past.config.workspace.notice("broken", 1), notice.encode())
    return Place(past, good, other)


@pytest.fixture
def place(built: Place, folder: Path) -> Place:
    """A copy of it, to stand in."""
    shutil.copytree(built.root, folder, dirs_exist_ok=True)
    return Place(Past(folder), built.good, built.other)


# --------------------------------------------------------------------------------------------------------- the damage


def _other_kind(words: bytes) -> Callable[[Path], None]:
    return lambda path: _put(path, words)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _truncated(path: Path) -> None:
    _put(path, path.read_bytes()[: path.stat().st_size // 2])


def _torn(path: Path) -> None:
    """A block of zeros in the middle, as a file system leaves one after a power cut."""
    data = path.read_bytes()
    third = len(data) // 3
    _put(path, data[:third] + bytes(third) + data[2 * third :])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _fifo(path: Path) -> None:
    """To read it would wait for a writer, for ever."""
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    """To read it would take all memory."""
    path.unlink()
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):  # the address has 108 bytes at most
        listener.bind(path.name)


def _wrong_types(path: Path) -> None:
    """Every value is of another type than it was; in a file without JSON, its text backwards."""
    try:
        documents = [json.loads(line) for line in path.read_bytes().splitlines()]
    except ValueError:
        documents = []
    if not all(isinstance(document, dict) for document in documents) or not documents:
        _put(path, path.read_bytes()[::-1])
        return
    swapped = [{key: _swapped(value) for key, value in document.items()} for document in documents]
    _put(path, b"".join(json.dumps(document).encode() + b"\n" for document in swapped))


def _swapped(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) or value is None else "x"


def _infinite(path: Path) -> None:
    """Every number is one that no clock and no counter ever shows."""
    try:
        documents = [json.loads(line) for line in path.read_bytes().splitlines()]
    except ValueError:
        documents = []
    text = "\n".join(json.dumps(_endless(document)) for document in documents).replace('"endless"', "1e999")
    _put(path, text.encode() + b"\n")


def _endless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _endless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_endless(item) for item in value]
    return "endless" if isinstance(value, int | float) else value


DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": _other_kind(b""),
    "truncated": _truncated,
    "torn": _torn,
    "bytes": _other_kind(bytes(range(256)) * 4),
    "an empty object": _other_kind(b"{}\n"),
    "a list": _other_kind(b"[1, 2]\n"),
    "null": _other_kind(b"null\n"),
    "deep": _other_kind(b'{"kind": ' * 20_000 + b"1" + b"}" * 20_000 + b"\n"),
    "a number of many digits": _other_kind(b'{"kind": "progress", "t": ' + b"9" * 6_000 + b"}\n"),
    "other types": _wrong_types,
    "endless numbers": _infinite,
    "a folder": _folder,
    "a link to nowhere": _dangling,
    "gone": Path.unlink,
    "rather deep": _other_kind(b'{"kind": ' * 500 + b"1" + b"}" * 500 + b"\n"),
    "a FIFO": _fifo,
    "a device": _device,
    "a socket": _socket,
}

COMMANDS: dict[str, list[str]] = {
    "status": ["status", "--json"],
    "status in words": ["status"],
    "resume": ["resume", "--dry-run", "--json", "--run-on", "local"],
    "resume in words": ["resume", "--dry-run", "--run-on", "local"],
    "why": ["why", "{other}"],
    "why the other": ["why", "{good}", "--json"],
    "show": ["show", "{other}"],
    "logs": ["logs", "{other}"],
    "report": ["report"],
    "export": ["export", "{good}", "--format", "json"],
    "gc": ["gc", "--json"],
    "rm": ["rm", "whole", "--runs", "--yes"],
    "rm the broken": ["rm", "broken", "--runs", "--yes"],
    "db rebuild": ["db", "rebuild"],
    "cancel": ["cancel", "{other}", "--yes"],
    "report with its runs": ["report", "--provenance"],
}

# What a command cannot do without, and damage that leaves nothing to go on with: then, and only then, it refuses.
NEEDED: dict[str, set[str]] = {
    "attnctl.toml": set(COMMANDS),
    "sweep": {"rm the broken"},
    "spec.json": {"why", "show", "rm the broken"},
    "request.json": {"show", "logs"},
    "database": {"db rebuild"},  # of a file that is no longer known as an index: it is left as it is
}
UNUSABLE = {("database", "torn")}
"""Where SQLite meets what is torn only later, the line names `attnctl db rebuild`."""


def assert_told(result: Result, case: str) -> None:
    """That the command ended as documented: no traceback, no fault of ours, and one line when it refused."""
    assert "Traceback" not in result.err + result.out, f"{case}: {result.err}"
    assert "internal error" not in result.err, f"{case}: {result.err}"
    assert result.code in {0, 2}, f"{case}: {result.code} {result.err}"
    if result.code == 2:
        assert result.out == "", f"{case}: {result.out}"
        assert result.err.startswith("attnctl: "), f"{case}: {result.err}"
        assert result.err.count("\n") == 1, f"{case}: {result.err}"
        assert result.err[:-1].isprintable(), f"{case}: {result.err!r}"
        assert len(result.err) < 800, case


def contents(root: Path) -> dict[str, bytes | str]:
    """What lies in a folder, but for the database."""
    found: dict[str, bytes | str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and not path.name.startswith("attnctl.sqlite"):
            found[name] = path.read_bytes()
    return found


CASES = [
    (name, damage, command)
    for row, name in enumerate(FILES)
    for column, damage in enumerate(DAMAGE)
    for layer, command in enumerate(COMMANDS)
    if (row + 3 * column + layer) % 7 == 0  # of each two of the three there are two cases, which takes half a minute
]


@pytest.mark.parametrize(("name", "damage", "command"), CASES)
def test_a_damaged_file_is_reported_and_nothing_else_is_lost(
    name: str, damage: str, command: str, place: Place, attnctl: Run
) -> None:
    attnctl("status")  # the index knows both runs as they were
    path = place.file(name)
    DAMAGE[damage](path)
    before = contents(place.root)
    words = [word.format(good=place.good.id, other=place.other.id) for word in COMMANDS[command]]
    result = attnctl(*words)
    assert_told(result, f"{name}, {damage}: {command}")
    assert not result.code or command in NEEDED.get(name, ()) or (name, damage) in UNUSABLE, result.err
    after = contents(place.root)
    removed = {"rm": place.good.id, "rm the broken": place.other.id}.get(command)
    for item, data in before.items():
        gone = removed is not None and (removed in item or item.startswith("sweeps/"))
        assert gone or after.get(item) == data, f"{name}, {damage}: {command} lost or changed {item}"


def test_a_damaged_database_is_rebuilt_completely(place: Place, attnctl: Run) -> None:
    rows = json.loads(attnctl("status", "--json").out)["runs"]
    for command in (["db", "rebuild"], ["status"]):
        _torn(place.file("database"))
        result = attnctl(*command)
        assert (result.code, result.err) == (0, "")
        assert json.loads(attnctl("status", "--json").out)["runs"] == rows


@pytest.mark.parametrize("name", ["spec.json", "request.json", "observed", "env.json", "exit.0.json", "submission"])
def test_a_restored_file_leaves_no_trace(name: str, place: Place, attnctl: Run) -> None:
    rows = json.loads(attnctl("status", "--json").out)["runs"]
    path = place.file(name)
    data = path.read_bytes()
    _truncated(path)
    (place.root / "attnctl.sqlite").unlink()
    broken = {row["id"]: row for row in json.loads(attnctl("status", "--json").out)["runs"]}
    assert set(broken) == {place.good.id, place.other.id}
    if name != "submission":  # that of a run whose end is known is not needed any more
        assert path.name in broken[place.other.id]["problem"]
        assert path.name in attnctl("why", place.other.id).err
    path.write_bytes(data)
    assert json.loads(attnctl("status", "--json").out)["runs"] == rows


def test_records_of_a_newer_release_are_read(place: Place, attnctl: Run) -> None:
    rows = json.loads(attnctl("status", "--json").out)["runs"]
    for name in ("request.json", "cancel.json", "observed", "env.json", "exit.0.json", "submission", "sweep"):
        path = place.file(name)
        document = json.loads(path.read_bytes()) | {"colour": {"deep": [1]}}
        path.write_text(json.dumps(document, sort_keys=True) + "\n")
    with place.file("events.jsonl").open("a") as stream:
        stream.write('{"kind": "weather", "t": 1.0, "sky": "blue"}\n')
    assert attnctl("db", "rebuild").code == 0
    again = json.loads(attnctl("status", "--json").out)["runs"]
    assert again == rows
    assert attnctl("why", place.other.id).code == 0
