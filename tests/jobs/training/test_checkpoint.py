"""Checkpoints: whole or not at all, verified, never another run's."""

import errno
import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.checkpoint import CheckpointError, Name
from attnctl.workspace import checkpoints, weight_files
from attnctl.workspace.checkpoints import COMMENT, MARK
from attnctl.workspace.layout import RunDir, Workspace

STATE = {"network": {"w": torch.arange(6.0).reshape(2, 3)}, "evaluated": 1, "best": {"top1": 50.0}}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "abc", tmp_path / "abc/checkpoints")


def test_a_checkpoint_round_trips_and_torch_load_can_read_it(run: RunDir) -> None:
    path, size = checkpoint.save(run, Name((1, 0), 7), STATE)
    assert (path.name, path.stat().st_size) == ("7-1.0.pt", size)
    for state in (checkpoint.load(path, run), torch.load(path, weights_only=True)):
        assert torch.equal(state["network"]["w"], STATE["network"]["w"])  # type: ignore[index]
        assert (state["spec"], state["step"], state["format"]) == ("abc", 7, checkpoint.FORMAT)


def test_every_changed_or_missing_byte_is_detected(run: RunDir) -> None:
    path, size = checkpoint.save(run, Name((1, 0), 7), STATE)
    whole = path.read_bytes()
    for position in range(0, size, 97):
        with pytest.raises(CheckpointError):
            checkpoint.decode(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :], path)
    for length in (0, 1, 50, size // 2, size - 1):
        with pytest.raises(CheckpointError, match="truncated or not a checkpoint"):
            checkpoint.decode(whole[:length], path)


def test_the_newest_valid_checkpoint_is_used_and_damaged_ones_are_reported(run: RunDir) -> None:
    assert checkpoint.newest(run, pytest.fail) is None
    for step in (3, 12):
        checkpoint.save(run, Name((1, 0), step), STATE)
    other = RunDir(run.path.with_name("def"), run.checkpoints)
    checkpoint.save(other, Name((2, 0), 20), STATE, keep=9)
    (run.checkpoints / "12-1.0.pt").write_bytes(b"")
    refused: list[str] = []
    found = checkpoint.newest(run, refused.append)
    assert found is not None
    assert (found[0].name, found[1]["step"]) == ("3-1.0.pt", 3)
    assert "belongs to run def, not to abc" in refused[0]
    assert "truncated" in refused[1]


def test_a_checkpoint_of_a_newer_release_is_refused(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    path, _ = checkpoint.save(run, Name((1, 0), 1), STATE)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="newer release"):
        checkpoint.load(path, run)


def test_a_later_incarnation_outranks_a_later_step(run: RunDir) -> None:
    for token, step in (((1, 0), 50), ((1, 1), 30), ((2, 0), 10)):
        checkpoint.save(run, Name(token, step), STATE, keep=3)
    assert [path.name for path in checkpoint.stored(run)] == ["10-2.0.pt", "30-1.1.pt", "50-1.0.pt"]
    checkpoint.save(run, Name((2, 0), 20), STATE)
    assert [path.name for path in checkpoint.stored(run)] == ["20-2.0.pt", "10-2.0.pt"]


def test_a_failed_save_keeps_the_earlier_checkpoints(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = checkpoint.save(run, Name((1, 0), 1), STATE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(run, Name((1, 0), 2), STATE)
    assert list(run.checkpoints.iterdir()) == [path]
    aside = run.checkpoints / ".2-1.0.pt.killed"
    aside.touch()
    checkpoint.clean(run)
    assert not aside.exists()


class Full(io.BytesIO):
    """A file on a disk that is full after some bytes."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > 2000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_an_error_of_the_disk_stays_what_it_is() -> None:
    """torch continues to write after it, and raises one of its own."""
    with pytest.raises(OSError, match="No space left") as raised:
        checkpoint.write({"network": torch.zeros(10_000)}, Full())
    assert raised.value.errno == errno.ENOSPC


def test_a_checkpoint_with_and_without_crc32_can_be_read(run: RunDir) -> None:
    """torch computes it by default, as attnctl did; only saving checkpoints is without."""
    assert torch.serialization.get_crc32_options()
    state = {**STATE, "format": checkpoint.FORMAT}
    for data in (saved(state), checkpoint.encode(state)):
        assert torch.equal(checkpoint.decode(data, "x.pt")["network"]["w"], STATE["network"]["w"])  # type: ignore[index]
    assert torch.serialization.get_crc32_options()
    path, _ = checkpoint.save(run, Name((1, 0), 7), STATE)
    assert checkpoints.is_undamaged(path)
    assert weight_files.check(path).classes


def test_only_the_newest_token_may_save(run: RunDir) -> None:
    assert checkpoint.is_newest(run, (1, 0))
    (run.path / "attempts/1/0").mkdir(parents=True)
    assert checkpoint.is_newest(run, (1, 0))
    (run.path / "attempts/1/1").mkdir()
    assert not checkpoint.is_newest(run, (1, 0))
    assert checkpoint.is_newest(run, (1, 1))
    (run.path / "attempts/10").mkdir()
    assert not checkpoint.is_newest(run, (1, 1))
    assert checkpoint.is_newest(run, (10, 0))


class Code:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.made),)


def sealed(archive: bytes) -> bytes:
    """Any bytes with the digest that a checkpoint ends with."""
    digest = hashlib.sha256(archive).hexdigest().encode()
    return b"".join((archive[:-2], COMMENT.to_bytes(2, "little"), MARK, digest))


def saved(state: object) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream)
    return sealed(stream.getvalue())


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return sealed(stream.getvalue())


@pytest.fixture
def hostile(tmp_path: Path) -> RunDir:
    return Workspace(tmp_path).run("0" * 16)


@pytest.mark.parametrize("kind", ["in the state", "the state itself", "a plain pickle", "a zip of a pickle"])
def test_no_code_in_a_checkpoint_is_executed(hostile: RunDir, tmp_path: Path, kind: str) -> None:
    code = Code(tmp_path / "made")
    data = {
        "in the state": lambda: saved({"format": 1, "spec": hostile.id, "step": 9, "model": code}),
        "the state itself": lambda: saved(code),
        "a plain pickle": lambda: sealed(pickle.dumps(code) + b"\0\0"),
        "a zip of a pickle": lambda: zipped(pickle.dumps(code)),
    }[kind]()
    path = hostile.checkpoints / str(Name((1, 0), 9))
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    said: list[str] = []
    assert checkpoint.newest(hostile, said.append) is None
    assert not (tmp_path / "made").exists()
    (words,) = said
    assert str(path) in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "state",
    [[1], "x", {}, {"format": "1"}, {"format": None}, {"format": [1]}, {"format": True}, {"format": 99}, {"format": 1}],
    ids=str,
)
def test_a_state_with_the_wrong_structure_is_refused(hostile: RunDir, state: object) -> None:
    path = hostile.checkpoints / "9-1.0.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(saved(state))
    with pytest.raises(CheckpointError, match=r"9-1\.0\.pt"):
        checkpoint.load(path, hostile)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x80\x02.", b"\x80\x02}.", b"\x80\x04K\x01K\x02.", bytes(100)], ids=repr
)
def test_a_valid_archive_that_is_not_a_checkpoint_is_refused(hostile: RunDir, content: bytes) -> None:
    for data in (zipped(content), sealed(content + b"\0\0")):
        with pytest.raises(CheckpointError):
            checkpoint.decode(data, "x.pt")


def test_a_checkpoint_that_would_take_long_to_read_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"x\.pt cannot be read .*: its list of tensors is too long"):
        checkpoint.decode(zipped(b"\x80\x02" * (7 << 20)), "x.pt")
