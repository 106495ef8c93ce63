"""Submission, adoption, cancel and observation on a real SLURM; nothing is trained here."""

import dataclasses
import json
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm import adopt, commands, configuration, observe
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.slurm.commands import SlurmUnavailable
from attnctl.jobs.slurm.job import Job
from attnctl.jobs.slurm.queries import Absent, JobStatus, Unavailable, query
from attnctl.jobs.submission.submit import SubmitError, Submitted, submit
from attnctl.lifecycle.state import ABSENT, NEVER_SUBMITTED
from attnctl.settings.config import SlurmOptions
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Placed, Resources, Submission
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
HOLD = {"hold": "true"}


def records(cluster: Cluster) -> dict[str, bytes]:
    """Everything that was written down."""
    root = cluster.config.workspace.root
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def without(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one command of SLURM off the PATH."""
    folder.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scontrol", "sinfo", "scancel", "srun"):
        found = shutil.which(name)
        if name != command and found is not None:
            (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))


def failing(command: str, script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a command that fails before the real one."""
    folder.mkdir()
    (folder / command).write_text(f"#!/bin/sh\n{script}\n")
    (folder / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_an_array_is_queued_under_its_tag_and_found_by_its_ids(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(3), extra=HOLD, parallel=2)
    assert done.job_id is not None
    names = slurm("squeue", "--me", "-h", "-r", "-o", "%j", "-j", done.job_id).split()
    assert names == [done.tag] * 3
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["queued"] * 3
    assert [verdict.reason for verdict in cluster.verdicts(done)] == ["JobHeldUser"] * 3
    before = records(cluster)
    assert cluster.observe(done) is None
    assert records(cluster) == before  # transitions only
    head = submissions.head(cluster.config.workspace.submission(done.tag))
    assert head is not None
    assert head.cluster == configuration.limits().cluster


def test_a_job_with_another_name_is_not_ours(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1), extra=HOLD)
    ours = Job(id=f"{done.job_id}_0", tag=done.tag, created=time.time())
    others = [dataclasses.replace(ours, tag="of-another"), dataclasses.replace(ours, id="999999_0")]
    answers = query([ours, *others])
    assert isinstance(answers.pop(ours), JobStatus)
    assert answers == dict.fromkeys(others, Absent("sacct"))


def test_only_the_named_pending_tasks_are_cancelled(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(5), extra=HOLD)
    placed = cluster.placed(done)
    assert not cancel(cluster.config.workspace, [placed[0], placed[1], placed[3]]).refused
    expected = ["cancelled", "cancelled", "queued", "cancelled", "queued"]
    cluster.until(done, lambda states: states == expected, 20)
    assert not cancel(cluster.config.workspace, placed).refused  # some are gone already
    cluster.until(done, lambda states: states == ["cancelled"] * 5, 20)


def test_a_job_whose_id_was_reused_is_not_cancelled(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(1), extra=HOLD)
    (placed,) = cluster.placed(done)
    older = dataclasses.replace(placed, tag="attnctl-older")
    reason = f"SLURM does not know job {placed.job_id}"
    assert cancel(cluster.config.workspace, [older]).refused == {placed.run: reason}
    assert slurm("squeue", "-h", "-r", "-o", "%T", "-j", str(done.job_id)).split() == ["PENDING"]


@pytest.mark.parametrize("script", ["exit 1", "echo 'slurm_load_jobs error: timeout' >&2; exit 1", "exec sleep 60"])
def test_when_squeue_fails_nothing_changes(
    cluster: Cluster, make_specs: Specs, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cluster.submit(make_specs(2), extra=HOLD)
    cluster.observe(done)
    before, states = records(cluster), cluster.states(done)
    failing("squeue", script, tmp_path / "bin", monkeypatch)
    monkeypatch.setattr(commands.run, "__kwdefaults__", (commands.run.__kwdefaults__ or {}) | {"timeout": 0.5})
    words = cluster.observe(done)
    assert words is not None
    assert words.startswith("SLURM does not answer: ")
    assert records(cluster) == before
    assert cluster.states(done) == states == ["queued"] * 2


@pytest.mark.parametrize("how", ["absent", "failing"])
def test_when_sacct_fails_nothing_changes(
    cluster: Cluster, make_specs: Specs, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cluster.submit(make_specs(2), extra=HOLD)
    cluster.observe(done)
    vanished = [dataclasses.replace(item, job_id=f"99999{k}_0") for k, item in enumerate(cluster.placed(done))]
    before = records(cluster)
    if how == "absent":
        without("sacct", tmp_path / "bin", monkeypatch)
    else:
        failing("sacct", "echo 'Unable to connect to database' >&2; exit 1", tmp_path / "bin", monkeypatch)
    assert cluster.observe(done) is None  # squeue knows these
    words = observe.observe(cluster.config.workspace, vanished).unavailable
    assert words is not None
    assert words.startswith("SLURM does not answer: ")
    assert records(cluster) == before
    assert cluster.states(done) == ["queued"] * 2


def test_with_accounting_off_squeue_alone_decides(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1", tmp_path / "bin", monkeypatch)
    job = Job(id="999999_0", tag="t", created=time.time())
    assert isinstance(query([job])[job], Unavailable)
    config = slurm("scontrol", "show", "config").replace("accounting_storage/slurmdbd", "accounting_storage/none")
    (tmp_path / "config.txt").write_text(config)
    failing("scontrol", f"cat '{tmp_path}/config.txt'", tmp_path / "bin2", monkeypatch)
    assert query([job]) == {job: Absent("squeue")}


def test_a_loss_needs_two_absences_with_an_interval(
    cluster: Cluster, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cluster.submit(make_specs(1), extra=HOLD)
    slurm("scancel", str(done.job_id))  # by hand, while pending: SLURM keeps no record of an element
    time.sleep(0.5)
    for _ in range(3):
        assert cluster.observe(done) is None
    words = [item.word for item in cluster.attempt(done.tasks[0][0]).observations()]
    if words != ["CANCELLED"]:  # a whole array is remembered, an element is not
        assert words == [ABSENT]
        assert cluster.states(done) == ["queued"]
        monkeypatch.setattr(observe, "ABSENCE_INTERVAL", 0.0)
        for _ in range(3):
            assert cluster.observe(done) is None
        assert [item.word for item in cluster.attempt(done.tasks[0][0]).observations()] == [ABSENT] * 2
        assert cluster.states(done) == ["unknown"]
    assert cluster.submit(make_specs(1), extra=HOLD).tasks == [(done.tasks[0][0], 2)]


def test_a_rejection_has_sbatchs_message_and_writes_nothing(cluster: Cluster, make_specs: Specs) -> None:
    with pytest.raises(SubmitError, match="SLURM rejected the job: invalid partition specified: nope"):
        cluster.submit(make_specs(2), partition="nope")
    assert records(cluster) == {}


def test_a_controller_that_is_down_is_an_error_and_never_starts_local_training(
    cluster: Cluster, make_specs: Specs, slurm_conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(slurm_conf).read_text()
    conf = tmp_path / "slurm.conf"
    conf.write_text("".join(f"{line}\n" for line in text.splitlines() if not line.startswith("SlurmctldPort")))
    with conf.open("a") as stream:
        stream.write("SlurmctldPort=1\nMessageTimeout=2\n")
    monkeypatch.setenv("SLURM_CONF", str(conf))
    with pytest.raises(SlurmUnavailable, match="SLURM does not answer"):
        cluster.submit(make_specs(1))
    with pytest.raises(SlurmUnavailable):
        configuration.ping()
    assert records(cluster) == {}
    assert configuration.available()


def lost(cluster: Cluster, specs: list[RunSpec], *, age: float, sent: bool) -> Submitted:
    """A submission whose command was killed at sbatch: before it (sent=False), or after it."""
    done = cluster.submit(specs, extra=HOLD)
    if not sent:
        slurm("scancel", str(done.job_id))
    path = cluster.config.workspace.submission(done.tag)
    record = Submission.read(path)
    assert record is not None
    created = time.time() - age
    tag = done.tag if sent else "attnctl-never-sent"
    kept = dataclasses.replace(record, job_id=None, created=created, tag=tag)
    path.unlink()
    write_atomic(cluster.config.workspace.submission(tag), kept.encode())
    for run, number in done.tasks:
        request = cluster.config.workspace.run(run).attempt(number).request
        write_atomic(request, json.dumps(json.loads(request.read_bytes()) | {"tag": tag}).encode())
    return dataclasses.replace(done, tag=tag, job_id=None)


def test_a_job_that_was_accepted_before_the_command_died_is_adopted(cluster: Cluster, make_specs: Specs) -> None:
    done = cluster.submit(make_specs(2), extra=HOLD)
    submissions.change(cluster.config.workspace, done.tag, job_id=None)
    assert cluster.states(done) == ["submitting"] * 2
    again = cluster.submit(make_specs(2), extra=HOLD)
    assert again.tasks == []
    head = submissions.head(cluster.config.workspace.submission(done.tag))
    assert head is not None
    assert head.job_id == done.job_id
    assert cluster.until(done, lambda states: states == ["queued"] * 2, 10)


def test_an_intent_that_never_reached_slurm_is_closed_when_it_is_old(cluster: Cluster, make_specs: Specs) -> None:
    specs = make_specs(1)
    done = lost(cluster, specs, age=60, sent=False)
    (placed,) = cluster.placed(done)
    assert observe.observe(cluster.config.workspace, [placed]).unavailable is None
    assert cluster.states(done) == ["submitting"]  # its sbatch may still be under way
    submissions.change(cluster.config.workspace, done.tag, created=time.time() - 130)
    assert observe.observe(cluster.config.workspace, [placed]).unavailable is None
    (verdict,) = cluster.verdicts(done)
    assert (str(verdict.state), verdict.reason) == ("refused", NEVER_SUBMITTED)
    assert cluster.submit(specs, extra=HOLD).tasks == [(specs[0].id, 2)]


def test_an_old_intent_stays_open_while_slurm_does_not_answer(
    cluster: Cluster, make_specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = lost(cluster, make_specs(1), age=1000, sent=False)
    failing("sacct", "exit 1", tmp_path / "bin", monkeypatch)
    assert adopt.adopt(cluster.config.workspace) == "SLURM does not answer: sacct failed with exit code 1"
    assert cluster.states(done) == ["submitting"]


def test_an_intent_for_another_cluster_is_left_alone(cluster: Cluster, make_specs: Specs) -> None:
    done = lost(cluster, make_specs(1), age=1000, sent=False)
    submissions.change(cluster.config.workspace, done.tag, cluster="far-away")
    words = adopt.adopt(cluster.config.workspace)
    assert words is not None
    assert "far-away" in words
    assert cluster.states(done) == ["submitting"]
    (placed,) = cluster.placed(done)
    words = observe.observe(cluster.config.workspace, [dataclasses.replace(placed, job_id="999999_0")]).unavailable
    assert words is not None
    assert "far-away" in words
    assert cluster.states(done) == ["submitting"]


def test_a_job_that_sbatch_accepted_without_reporting_is_adopted(
    cluster: Cluster, make_specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    real = shutil.which("sbatch")
    says = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    script = f'case $1 in --test-only) exec {real} "$@";; esac; {real} "$@" >/dev/null; echo \'{says}\' >&2; exit 1'
    failing("sbatch", script, tmp_path / "bin", monkeypatch)
    done = cluster.submit(make_specs(2), extra=HOLD)
    assert done.job_id is None
    assert cluster.states(done) == ["submitting"] * 2
    monkeypatch.setenv("PATH", path)
    assert cluster.observe(done) is None
    assert all(item.job_id for item in cluster.placed(done))
    cluster.until(done, lambda states: states == ["queued"] * 2, 10)


def submit_all(cluster: Cluster, specs: list[RunSpec], results: Any) -> None:
    done = cluster.submit(specs, extra=HOLD)
    results.put((done.job_id, done.tasks, done.skipped))


def test_two_commands_at_once_queue_each_run_once(cluster: Cluster, make_specs: Specs) -> None:
    specs = make_specs(40)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    orders = (specs, specs[::-1])
    commands = [context.Process(target=submit_all, args=(cluster, order, results)) for order in orders]
    for command in commands:
        command.start()
    found = [results.get(timeout=60) for _ in commands]
    for command in commands:
        command.join(60)
    assert sum(len(tasks) for _, tasks, _ in found) == len(specs)
    jobs = ",".join(job for job, _, _ in found if job)
    assert len(slurm("squeue", "-h", "-r", "-o", "%i", "-j", jobs).split()) == len(specs)
    assert all("queued by " in words for _, _, skipped in found for words in skipped.values())


def test_a_sweep_larger_than_an_array_is_split(
    cluster: Cluster, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = dataclasses.replace(configuration.limits(), max_array=4)
    monkeypatch.setattr(configuration, "limits", lambda cluster: limits)
    done = submit(cluster.config, make_specs(10), Resources(minutes=5), SlurmOptions(extra=HOLD), "slurm")
    assert [len(part.tasks) for part in done] == [4, 4, 2]
    placed: list[Placed] = [item for part in done for item in cluster.placed(part)]
    assert observe.observe(cluster.config.workspace, placed).unavailable is None
    assert all(cluster.states(part) == ["queued"] * len(part.tasks) for part in done)
    assert not cancel(cluster.config.workspace, placed).refused


def test_the_limits_are_read_from_the_cluster(cluster: Cluster) -> None:
    limits = configuration.limits()
    assert limits.max_array >= 1001
    assert limits.version
    assert configuration.default_gpus(None) in {0, 1}
    assert [row.name for row in configuration.partitions() if row.default]


def test_the_scripts_are_valid_bash() -> None:
    for name in ("up.sh", "down.sh", "release.sh"):
        subprocess.run(["bash", "-n", str(Path(__file__).with_name(name))], check=True)
