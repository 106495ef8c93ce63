from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from attnctl.jobs.data import staging
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.staging import copy_to_node, staged
from attnctl.settings.config import read
from tests.jobs.data.published import image_folders


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return image_folders(tmp_path / "imagenet")


@pytest.fixture
def disk(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "disk").mkdir()
    return {"TMPDIR": str(tmp_path / "disk")}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_is_complete_and_private_on_the_nodes_disk(source: Path, disk: dict[str, str]) -> None:
    copy = copy_to_node(source, disk)
    assert copy.is_relative_to(disk["TMPDIR"])
    assert contents(copy) == contents(source)
    assert copy.parent.parent.stat().st_mode & 0o077 == 0


def test_slurm_tmpdir_takes_precedence_over_tmpdir(source: Path, disk: dict[str, str], tmp_path: Path) -> None:
    copy = copy_to_node(source, {**disk, "SLURM_TMPDIR": str(tmp_path / "job")})
    assert copy.is_relative_to(tmp_path / "job")


def test_jobs_share_a_copy_below_the_root_of_the_settings(source: Path, disk: dict[str, str], tmp_path: Path) -> None:
    jobs = [{**disk, "SLURM_TMPDIR": str(tmp_path / name)} for name in ("job1", "job2")]
    first, second = (copy_to_node(source, job, tmp_path / "node") for job in jobs)
    assert first == second
    assert first.is_relative_to(tmp_path / "node")
    assert contents(first) == contents(source)
    assert not (tmp_path / "job1").exists()


def test_what_is_staged_and_where_is_as_the_settings_say(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "attnctl.toml"
    for text, expected in (
        ("", False),
        ("stage = true", True),
        ('stage_root = "node"', tmp_path / "node"),
        ('stage_root = "node"\nstage = false', False),
    ):
        file.write_text(f"[data]\n{text}\n")
        assert read(file).data.staging == expected
    assert staged(source, False) == source
    assert staged(source, tmp_path / "node").is_relative_to(tmp_path / "node")


def _copy_until_killed(source: Path, disk: dict[str, str], begun: Path) -> None:
    """Copies one file, says so, and never ends."""

    def slow(one: str, other: str) -> None:
        original(one, other)
        begun.touch()
        signal.pause()

    original, staging.shutil.copyfile = staging.shutil.copyfile, slow  # type: ignore[attr-defined]
    copy_to_node(source, disk)


def test_another_process_waits_for_one_that_copies_and_takes_over_when_it_is_killed(
    source: Path, disk: dict[str, str], tmp_path: Path
) -> None:
    context = multiprocessing.get_context("fork")
    first = context.Process(target=_copy_until_killed, args=(source, disk, tmp_path / "begun"))
    first.start()
    while not (tmp_path / "begun").exists():
        first.join(0.01)
        assert first.exitcode is None
    with context.Pool(1) as pool:
        second = pool.apply_async(copy_to_node, (source, disk))
        with pytest.raises(multiprocessing.TimeoutError):
            second.get(0.2)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        first.join()
        copy = second.get(60)
    assert contents(copy) == contents(source)
    assert not copy.with_name("partial").exists()


def test_several_processes_at_once_make_one_copy(source: Path, disk: dict[str, str]) -> None:
    context = multiprocessing.get_context("fork")
    with context.Pool(6) as pool:
        copies = pool.starmap(copy_to_node, [(source, disk)] * 6)
        pool.close()
        pool.join()
    assert len(set(copies)) == 1
    assert contents(copies[0]) == contents(source)


def test_a_second_job_uses_the_existing_copy(source: Path, disk: dict[str, str]) -> None:
    first = copy_to_node(source, disk)
    inode = (first / "train").stat().st_ino
    assert copy_to_node(source, disk) == first
    assert (first / "train").stat().st_ino == inode


def test_changed_data_is_copied_again(source: Path, disk: dict[str, str]) -> None:
    first = copy_to_node(source, disk)
    shutil.copytree(source / "train" / "n00000000", source / "train" / "n00000009")
    second = copy_to_node(source, disk)
    assert second != first
    assert contents(second) == contents(source)


def test_an_interrupted_copy_is_made_again(source: Path, disk: dict[str, str]) -> None:
    copy = copy_to_node(source, disk)
    copy.rename(copy.with_name("partial"))
    (copy.with_name("partial") / "train" / "rubbish").write_text("half")
    assert contents(copy_to_node(source, disk)) == contents(source)


def test_files_that_a_cleaner_deleted_from_the_copy_are_copied_again_and_the_others_stay(
    source: Path, disk: dict[str, str]
) -> None:
    copy = copy_to_node(source, disk)
    deleted, *kept = sorted(path for path in copy.rglob("*") if path.is_file())
    inodes = [path.stat().st_ino for path in kept]
    deleted.unlink()
    deleted.with_name(".attnctl-half-of-a-killed-process").touch()
    assert copy_to_node(source, disk) == copy
    assert deleted.read_bytes() == (source / deleted.relative_to(copy)).read_bytes()
    assert [path.stat().st_ino for path in kept] == inodes
    inode = deleted.stat().st_ino
    copy_to_node(source, disk)
    assert deleted.stat().st_ino == inode, "complete again"


def test_a_disk_that_is_too_small_is_a_one_line_error_and_leaves_nothing(
    source: Path, disk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_from: Path, _to: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("attnctl.jobs.data.staging.shutil.copyfile", full)
    with pytest.raises(DataError, match=r"cannot copy .*imagenet to .*No space left.*; set stage = false"):
        copy_to_node(source, disk)
    assert not [path for path in Path(disk["TMPDIR"]).rglob("*") if path.name in ("partial", "data")]


NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")


@ROOT_ONLY
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("a folder", "this folder belongs to another user"),
        ("a link to your own folder", "this is a symbolic link"),
        ("a link to nowhere", "this is a symbolic link"),
        ("a FIFO", "Not a directory"),
        ("your own folder that others can write", "others can write into this folder"),
    ],
)
def test_what_another_user_prepares_in_the_shared_folder_is_not_used(
    kind: str, words: str, source: Path, disk: dict[str, str], tmp_path: Path
) -> None:
    shared, mine = Path(disk["TMPDIR"]), tmp_path / "home"
    shared.chmod(0o1777)
    mine.mkdir(mode=0o700)
    (mine / "kept").touch()
    base = shared / f"attnctl-{os.getuid()}"
    if "link" in kind:
        base.symlink_to(mine if "own" in kind else tmp_path / "nowhere")
    elif "FIFO" in kind:
        os.mkfifo(base)
    else:
        base.mkdir()
        base.chmod(0o777)
    if not kind.startswith("your"):
        os.chown(base, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(DataError, match=f"{base}: {words}; set TMPDIR to your own folder, or stage = false"):
        copy_to_node(source, disk)
    assert [path.name for path in mine.iterdir()] == ["kept"]
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_of_yours_that_others_can_read_becomes_private(source: Path, disk: dict[str, str]) -> None:
    base = Path(disk["TMPDIR"]) / f"attnctl-{os.getuid()}"
    base.mkdir(mode=0o755)
    copy = copy_to_node(source, disk)
    assert copy.is_relative_to(base)
    assert base.stat().st_mode & 0o777 == 0o700
