"""Limits on submission, in sbatch's own words (QOSMaxSubmitJobPerUser, MaxArraySize, MaxJobCount), and its slowness.

A program before the real sbatch applies the limits, as the cluster of the tests has none; what it lets through is
submitted.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.jobs.submission.submit import SubmitError, Submitted, submit
from attnctl.settings.config import SlurmOptions
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
Limit = Callable[[str], None]
HOLD = {"hold": "true"}
# What sbatch 22.05 prints; with --test-only "allocation failure" stands for "Batch job submission failed".
SUBMITTED = "job submit limit, user's size and/or time limits)"
QOS = f"sbatch: error: QOSMaxSubmitJobPerUserLimit\nallocation failure: Job violates accounting/QOS policy ({SUBMITTED}"
ARRAY = "allocation failure: Invalid job array specification"
FULL = "allocation failure: Resource temporarily unavailable"

_SBATCH = """#!/bin/bash
script=$(cat)
count=$(printf '%s' "$script" | sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p')
count=$((count + 1))
{check}
[ "$1" = --test-only ] || echo "$count" >> {folder}/taken
printf '%s' "$script" | {real} "$@"
"""


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Puts a check before sbatch; $count is the array's size, $taken what was submitted before."""
    folder = tmp_path / "bin"

    def put(check: str) -> None:
        real = shutil.which("sbatch")
        folder.mkdir()
        (folder / "taken").touch()
        program = folder / "sbatch"
        program.write_text(_SBATCH.format(check=check, folder=folder, real=real))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return put


def refuse(condition: str, words: str) -> str:
    taken = 'taken=$(awk "{s+=\\$1} END {print s+0}" "$(dirname "$0")/taken")'
    return f"{taken}\nif {condition}; then\n{say(words)}\nexit 1\nfi"


def say(words: str) -> str:
    return "\n".join(f'echo "{line}" >&2' for line in words.splitlines())


def order(cluster: Cluster, specs: list[RunSpec]) -> list[Submitted]:
    return submit(cluster.config, specs, Resources(minutes=5), SlurmOptions(extra=HOLD), "slurm")


def test_runs_above_the_limit_on_submitted_jobs_wait(
    cluster: Cluster, make_specs: Specs, limited: Limit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited(refuse("((taken + count > 5))", QOS))
    cluster.config.workspace.root.mkdir()
    (cluster.config.workspace.root / "attnctl.toml").write_text('[slurm]\nextra = { hold = "true" }\n')
    recipe = ["--epochs", "1", "--batch", "128", "--norm-batch", "32", "--gpus-per-node", "0", "--time", "5"]
    words = ["--workspace", str(cluster.config.workspace.root), "sweep", "se", "--seed", "0,1,2,3,4,5,6,7,8,9", *recipe]
    assert main([*words, "--name", "s"]) == 0
    full = "SLURM accepts no more jobs at the moment: QOSMaxSubmitJobPerUserLimit"
    assert f"waiting: 5 runs: {full}\n" in capsys.readouterr().out
    (first,) = submissions.heads(cluster.config.workspace)
    assert len(slurm("squeue", "-h", "-r", "-o", "%i", "-j", str(first.job_id)).split()) == 5
    reserved = [cluster.config.workspace.run(run).attempt(1).request for run in cluster.config.workspace.run_ids()]
    assert len(reserved) == 10
    assert sum(path.exists() for path in reserved) == 5, "nothing is reserved of what is not submitted"
    (tmp_path / "bin/taken").write_text("")  # as if those had ended
    assert main([*words, "--name", "s", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["action"] for run in runs] == ["queued"] * 10
    second = max(submissions.heads(cluster.config.workspace), key=lambda head: head.created)
    assert len(slurm("squeue", "-h", "-r", "-o", "%i", "-j", str(second.job_id)).split()) == 5
    assert main([*words[:5], "11,12", *words[6:], "--name", "t", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["state"], run["waiting"]) for run in runs] == [("waiting", full)] * 2
    assert len(list(submissions.heads(cluster.config.workspace))) == 2


@pytest.mark.parametrize(("words", "sizes"), [(ARRAY, [3, 3, 2]), (FULL, None)], ids=["array", "full"])
def test_a_smaller_array_limit_than_configured_is_found(
    words: str, sizes: list[int] | None, cluster: Cluster, make_specs: Specs, limited: Limit
) -> None:
    limited(refuse("((count > 3))" if sizes else "true", words))
    if sizes is None:
        (alone,) = order(cluster, make_specs(8))
        full = "SLURM accepts no more jobs at the moment: Resource temporarily unavailable"
        assert list(alone.waiting.values()) == [full] * 8
        return
    done = order(cluster, make_specs(8))
    assert [len(part.tasks) for part in done] == sizes
    assert all(part.job_id for part in done)


def test_a_time_limit_that_is_too_long_is_rejected_with_slurms_message(
    cluster: Cluster, make_specs: Specs, limited: Limit
) -> None:
    limited(refuse("true", QOS.replace("QOSMaxSubmitJobPerUserLimit", "QOSMaxWallDurationPerJobLimit")))
    with pytest.raises(SubmitError, match="SLURM rejected the job: QOSMaxWallDurationPerJobLimit; Job violates"):
        order(cluster, make_specs(8))
    assert not cluster.config.workspace.root.exists()


def test_jobs_are_queued_and_resumed_while_all_nodes_are_drained(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = ",".join(sorted(set(slurm("sinfo", "-h", "-N", "-o", "%N").split())))
    root = cluster.config.workspace.root
    words = ["--workspace", str(root), "sweep", "se", "--epochs", "1", "--gpus-per-node", "0", "--time", "5"]
    warning = "SLURM accepts the jobs, but cannot start them at present: Requested node configuration is not available"
    slurm("scontrol", "update", f"nodename={nodes}", "state=drain", "reason=test")
    try:
        assert main([*words, "--name", "s"]) == 0
        out, err = capsys.readouterr()
        assert "submitted: SLURM job " in out
        assert warning in err
        assert main(["--workspace", str(root), "cancel", "s", "--yes"]) == 0
        assert main(["--workspace", str(root), "resume", "--state", "cancelled"]) == 0
        out, err = capsys.readouterr()
        assert "submitted: 1 run, SLURM job " in out
        assert warning in err
    finally:
        slurm("scontrol", "update", f"nodename={nodes}", "state=resume")


def test_what_sbatch_rejects_after_a_warning_is_refused_with_its_message(cluster: Cluster, make_specs: Specs) -> None:
    with pytest.raises(SubmitError, match="Memory specification can not be satisfied"):
        submit(cluster.config, make_specs(1), Resources(minutes=5), SlurmOptions(mem="900G"), "slurm")
    (head,) = submissions.heads(cluster.config.workspace)
    assert "Memory specification can not be satisfied" in str(head.failed)


def test_a_job_is_adopted_if_sbatch_accepts_it_but_never_ends(
    cluster: Cluster, make_specs: Specs, limited: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    hand_over = f'printf \'%s\' "$script" | {shutil.which("sbatch")} "$@" >&2'
    slow = f"echo 'sleeping and retrying' >&2; {hand_over}; exec sleep 60"
    limited(f'if [ "$1" != --test-only ]; then {slow}; fi')
    monkeypatch.setattr("attnctl.jobs.submission.submit.SBATCH_TIMEOUT", 3.0)
    (done,) = order(cluster, make_specs(2))
    assert done.job_id is None
    assert cluster.states(done) == ["submitting"] * 2
    monkeypatch.setenv("PATH", path)
    (again,) = order(cluster, make_specs(2))
    assert again.tasks == []
    cluster.until(done, lambda states: states == ["queued"] * 2, 20)


def test_a_rejection_after_reservation_keeps_the_runs_in_their_sweep(
    cluster: Cluster, limited: Limit, capsys: pytest.CaptureFixture[str]
) -> None:
    limited('if [ "$1" != --test-only ]; then echo "sbatch: error: Batch job submission failed: No." >&2; exit 1; fi')
    root = cluster.config.workspace.root
    words = ["--workspace", str(root), "sweep", "se", "--epochs", "1", "--gpus-per-node", "0", "--name", "s"]
    assert main(words) == 2
    assert capsys.readouterr().err == "attnctl: SLURM rejected 1 run: Batch job submission failed: No.\n"
    assert main(["--workspace", str(root), "status", "s", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert (row["state"], row["reason"]) == ("refused", "Batch job submission failed: No.")
