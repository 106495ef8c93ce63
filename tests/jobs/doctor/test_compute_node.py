"""`attnctl doctor --job`: ranks as their job starts them, and what is collected from them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl.jobs.doctor import compute_node
from attnctl.jobs.doctor.checks import Check
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.submission.submit import SubmitError
from attnctl.settings.config import Config
from attnctl.workspace.layout import Incarnation, Workspace
from attnctl.workspace.records import Resources
from tests.fixtures.fake_slurm import Fake


def rank_environment(rank: int, world: int) -> dict[str, str]:
    place = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "ATTNCTL_JOB_ID": "h:1"}
    return os.environ | {name: str(value) for name, value in place.items()} | {"OMP_NUM_THREADS": "1"}


def run_ranks(workspace: Workspace, tag: str, world: int) -> None:
    command = [sys.executable, "-P", "-m", "attnctl.jobs.doctor.compute_node"]
    arguments = ["--workspace", str(workspace.root), "--tag", tag]
    ranks = [subprocess.Popen([*command, *arguments], env=rank_environment(rank, world)) for rank in range(world)]
    assert [rank.wait(120) for rank in ranks] == [0] * world


def test_two_ranks_check_their_node_and_add_up_a_number(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "attnctl.toml").touch()
    workspace.doctor("t").mkdir(parents=True)
    run_ranks(workspace, "t", 2)
    found = compute_node._collect(workspace, "t", 2, "COMPLETED")
    names = [check.name.partition(": ")[2] for check in found]
    assert names.count("Python") == 1  # the node is named once, for both ranks
    sums = [check for check in found if "all-reduce" in check.name]
    assert [check.ok for check in sums] == [True, True]
    assert all(check.message.startswith("gloo works over 2 ranks") for check in sums)


def test_a_file_that_others_can_write_in_the_ranks_meeting_place_is_told(tmp_path: Path) -> None:
    place = Incarnation(tmp_path, (0, 0))
    place.rendezvous.touch()
    place.rendezvous.chmod(0o666)
    rank = Worker.from_environment(rank_environment(1, 2), None)
    found = compute_node._all_reduce(rank, place)
    assert (found.ok, found.message.startswith(f"{place.rendezvous} is not rank 0's file")) == (False, True)
    assert "flock" in found.fix


def test_a_rank_without_an_answer_is_told_with_the_last_line_of_the_log(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    logs, answers = workspace.submission_logs("t"), workspace.doctor("t")
    for folder in (logs, answers):
        folder.mkdir(parents=True)
    (logs / "log.0.txt").write_text("module load cuda/99\nno such module\n")
    good = Check("node1: Python", True, "3.11")
    (answers / "1.json").write_text(json.dumps({"checks": [vars(good)]}))
    assert compute_node._collect(workspace, "t", 2, "FAILED NonZeroExitCode") == [
        Check("rank 0", False, "reported nothing; state of the job: FAILED NonZeroExitCode; no such module"),
        good,
    ]


def test_a_rejected_job_is_one_error_and_leaves_nothing(tmp_path: Path, fake: Fake) -> None:
    fake.does("sbatch", "echo 'sbatch: error: Batch job submission failed: Invalid partition' >&2; exit 1")
    config = Config(workspace=Workspace(tmp_path / "here"))
    with pytest.raises(SubmitError, match=r"SLURM rejects the job: .*Invalid partition"):
        compute_node.run_job(config, config.slurm, Resources(), 5, print)
    assert not [path for path in (tmp_path / "here").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("requested", "ok"), [("2", False), ("0", None)])
def test_a_node_without_the_gpus_that_were_asked_for_is_a_fault(
    requested: str, ok: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_GPUS_PER_NODE", requested)
    check = compute_node._on_node(Check("GPUs", None, "torch detects none"), "node7")
    assert (check.name, check.ok) == ("node7: GPUs", ok)
