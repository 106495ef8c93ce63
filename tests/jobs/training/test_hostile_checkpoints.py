"""Checkpoints that somebody else put there: their code is never run, and each is refused in one line."""

import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.checkpoint import CheckpointError
from attnctl.workspace.checkpoints import COMMENT, MARK, Name
from attnctl.workspace.layout import RunDir, Workspace


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
def run(tmp_path: Path) -> RunDir:
    return Workspace(tmp_path).run("0" * 16)


@pytest.mark.parametrize("kind", ["in the state", "the state itself", "a plain pickle", "a zip of a pickle"])
def test_no_code_of_a_checkpoint_is_run(run: RunDir, tmp_path: Path, kind: str) -> None:
    code = Code(tmp_path / "made")
    data = {
        "in the state": lambda: saved({"format": 1, "spec": run.id, "step": 9, "model": code}),
        "the state itself": lambda: saved(code),
        "a plain pickle": lambda: sealed(pickle.dumps(code) + b"\0\0"),
        "a zip of a pickle": lambda: zipped(pickle.dumps(code)),
    }[kind]()
    path = run.checkpoints / str(Name((1, 0), 9))
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    said: list[str] = []
    assert checkpoint.newest(run, said.append) is None
    assert not (tmp_path / "made").exists()
    (words,) = said
    assert str(path) in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "state",
    [[1], "x", {}, {"format": "1"}, {"format": None}, {"format": [1]}, {"format": True}, {"format": 99}, {"format": 1}],
    ids=str,
)
def test_a_state_of_another_form_is_refused(run: RunDir, state: object) -> None:
    path = run.checkpoints / "9-1.0.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(saved(state))
    with pytest.raises(CheckpointError, match=r"9-1\.0\.pt"):
        checkpoint.load(path, run)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x80\x02.", b"\x80\x02}.", b"\x80\x04K\x01K\x02.", bytes(100)], ids=repr
)
def test_what_is_sealed_but_no_state_is_refused(run: RunDir, content: bytes) -> None:
    for data in (zipped(content), sealed(content + b"\0\0")):
        with pytest.raises(CheckpointError):
            checkpoint.decode(data, "x.pt")
