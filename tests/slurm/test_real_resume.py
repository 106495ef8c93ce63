"""`resume` and `why` on the real cluster: the breaker of a bad setup, a broken node, a time limit, a killed process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from attnctl.cli import main
from attnctl.workspace.records import Submission, read_events
from tests.fixtures.trusted_settings import write_trusted
from tests.slurm.real_cluster import PATIENCE, Cluster, slurm, wait

pytestmark = pytest.mark.slurm

SMALL = ["--epochs", "2", "--batch", "128", "--norm-batch", "32", "--input-size", "8"]
LONG = ["--epochs", "400", *SMALL[2:]]
Command = Callable[..., Any]


@pytest.fixture
def attnctl(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line in the cluster's workspace; gives the JSON that it printed."""
    cluster.config.workspace.root.mkdir()
    settings(cluster)

    def run(*words: str) -> Any:
        assert main(["--workspace", str(cluster.config.workspace.root), *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def settings(cluster: Cluster, *lines: str) -> None:
    text = ["[slurm]", "gpus_per_node = 0", 'time = "30"', *lines]
    write_trusted(cluster.config.workspace.root, "\n".join(text))


def until(attnctl: Command, wanted: Callable[[list[str]], bool]) -> list[dict[str, Any]]:
    """Ask until the states are as wanted."""
    end = time.monotonic() + PATIENCE
    while True:
        rows: list[dict[str, Any]] = attnctl("status")["runs"]
        if wanted([row["state"] for row in rows]):
            return rows
        assert time.monotonic() < end, rows
        time.sleep(0.5)


def trains(cluster: Cluster, run: str) -> None:
    """Wait until the run's newest attempt has written a checkpoint of a step that it trained."""
    events = cluster.attempt(run).incarnation(0).events
    wait(lambda: events.exists() and any(map(is_checkpoint, read_events(events.read_bytes()))), lambda: events)


def is_checkpoint(event: dict[str, Any]) -> bool:
    return bool(event["kind"] == "checkpoint" and event["step"] > 0)


def test_a_bad_setup_fails_a_few_jobs_and_resume_runs_all_after_the_fix(cluster: Cluster, attnctl: Command) -> None:
    settings(cluster, 'setup = ["true", "no_such_module load cuda/12"]', "parallel = 1")
    attnctl("sweep", "se", "--seed", "0,1,2,3,4,5,6", *SMALL)
    rows = until(attnctl, lambda states: not {"queued", "running", "submitting"} & set(states))
    states = [row["state"] for row in rows]
    assert states.count("setup failed") == 3
    assert states.count("held") == 4
    words = "the job's setup failed with exit code 127: no_such_module load cuda/12"
    words += "; last output: no_such_module: command not found"
    assert {row["reason"] for row in rows} == {words, f"the same error in 3 runs: {words}"}
    plan = attnctl("resume", "--dry-run")
    assert [group["error"] for group in plan["errors"]] == [words]
    assert {row["action"] for row in plan["runs"]} == {"start"}

    settings(cluster, 'setup = ["[ -d /no/such ] && cd /no/such", "true"]', "parallel = 1")
    done = attnctl("resume", "--parallel", "1")
    assert len({row["tag"] for row in done["runs"]}) == 1, "one array"
    assert {row["skipped"] for row in done["runs"]} == {None}
    rows = until(attnctl, lambda states: "running" in states or "completed" in states)
    (attempt,) = {row["attempt"] for row in rows}
    assert attempt == 2
    attnctl("cancel", done["runs"][-1]["id"], "--yes")


def test_a_missing_interpreter_is_reported_by_the_script(cluster: Cluster, attnctl: Command) -> None:
    settings(cluster, 'setup = ["srun() { command srun -N1 -n1 /no/such/python; }"]')
    attnctl("sweep", "se", *SMALL)
    (row,) = until(attnctl, lambda states: states == ["setup failed"])
    assert row["reason"].startswith("the training processes did not start: srun failed with exit code ")


def test_a_python_that_is_gone_is_a_missing_environment_and_resume_uses_the_one_that_is_there(
    cluster: Cluster, attnctl: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(sys, "executable", str(tmp_path / "gone" / "python"))
        attnctl("sweep", "se", *SMALL)
    (row,) = until(attnctl, lambda states: states == ["environment missing"])
    assert row["reason"].startswith(f"there is no Python at {tmp_path / 'gone' / 'python'} on node")
    (plan,) = attnctl("resume")["runs"]
    assert (plan["action"], plan["starts"]) == ("start", True)
    until(attnctl, lambda states: states == ["completed"])


def processes(job: str) -> list[psutil.Process]:
    """What a job runs, SLURM's own processes first: they must not tell that the others have died."""
    plain = slurm("squeue", "-h", "-j", job, "-o", "%A").strip()
    ours = {"SLURM_CONF": os.environ["SLURM_CONF"], "SLURM_JOB_ID": plain}.items()
    steps, tasks = set(), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if not ours <= process.environ().items():
                continue
            tasks.append(process)
            parent = process.parent()
            if parent is not None and parent.name().startswith("slurmstepd"):
                steps.add(parent)
    assert len(steps) == 2, "the script's and the training's"
    return [*steps, *tasks]


@pytest.fixture
def broken_node() -> Iterator[Callable[[str, str], None]]:
    """A node without power: a job's processes are gone without a word, and it is down until the test ends."""
    nodes: list[str] = []

    def break_it(node: str, job: str) -> None:
        nodes.append(node)
        for process in processes(job):
            process.send_signal(signal.SIGKILL)
        slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    yield break_it
    for node in nodes:  # one whose slurmd has already registered again is up, and to resume it is an error
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False, capture_output=True)
    wait(lambda: "down" not in slurm("sinfo", "-h", "-o", "%T"), lambda: slurm("sinfo"))


def test_a_run_of_a_failed_node_resumes_on_another_node(
    cluster: Cluster, attnctl: Command, broken_node: Callable[[str, str], None]
) -> None:
    settings(cluster, "extra = { no-requeue = true }")
    (asked,) = attnctl("sweep", "se", *LONG)["runs"]
    trains(cluster, asked["id"])
    (row,) = until(attnctl, lambda states: states == ["running"])
    node = row["node"]
    broken_node(node, row["job_id"])
    until(attnctl, lambda states: states == ["node failure"])
    told = attnctl("why", asked["id"])
    assert any(f"NODE_FAIL on {node}" in item["words"] for item in told["history"])
    assert "on another node" in told["advice"]
    (plan,) = attnctl("resume")["runs"]
    assert (plan["action"], plan["words"]) == ("another node", f"without {node}")
    script = Submission.decode(cluster.config.workspace.submission(plan["tag"]).read_bytes()).script
    assert f"#SBATCH --exclude={node}" in script
    trains(cluster, asked["id"])
    (row,) = until(attnctl, lambda states: states == ["running"])
    assert row["node"] != node
    assert row["step"] > plan["checkpoint"] > 0


@pytest.mark.storm
def test_a_killed_process_resumes_and_a_time_limit_is_recognised(cluster: Cluster, attnctl: Command) -> None:
    settings(cluster, "extra = { no-requeue = true }", "[resume]", "attempts = 2")
    (asked,) = attnctl("sweep", "se", *LONG)["runs"]
    trains(cluster, asked["id"])
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if asked["tag"] in words and "attnctl.jobs.worker" in words and "srun" not in words[0]:
            process.send_signal(signal.SIGKILL)
    until(attnctl, lambda states: states == ["killed"])
    (plan,) = attnctl("resume", "--partition", "short", "--time", "1")["runs"]
    assert plan["action"] == "continue"
    (row,) = until(attnctl, lambda states: states == ["timeout"])
    told = attnctl("why", asked["id"])
    resources = told["resources"]
    assert [item["source"] for item in resources] == ["sacct", "sacct"]
    assert all(item["seconds"] > 0 and item["memory_used"] > 1 << 20 for item in resources)
    assert [item["minutes"] for item in resources] == [30, 1]
    assert f"continues from step {told['checkpoint']}" in told["advice"]
    assert told["checkpoint"] >= plan["checkpoint"]
    assert row["attempt"] == 2


def test_a_held_launch_is_reported_with_the_fix(cluster: Cluster, attnctl: Command) -> None:
    (asked,) = attnctl("sweep", "se", *LONG)["runs"]
    until(attnctl, lambda states: states == ["running"])
    slurm("scontrol", "requeuehold", asked["job_id"])
    until(attnctl, lambda states: states == ["queued"])
    assert f"scontrol release {asked['job_id']}" in attnctl("why", asked["id"])["advice"]
    plan = attnctl("resume", "--dry-run")
    assert plan["runs"] == []
    assert list(plan["stuck"]) == [asked["id"]]
