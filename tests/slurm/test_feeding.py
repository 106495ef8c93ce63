"""A limit of three submitted jobs, by a QOS of the real cluster, and more runs than that: no command is typed twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import main
from attnctl.workspace import submissions, waiting
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request
from tests.slurm.kill_points import KILLED, run_killed
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_base_runs import events, metrics, rows, starts

pytestmark = pytest.mark.slurm

SMALL = ["--epochs", "1", "--batch", "128", "--norm-batch", "32", "--input-size", "8"]
SWEEP = ["sweep", "se", *SMALL]
SETTINGS = '[slurm]\ngpus_per_node = 0\nqos = "{qos}"\ntime = "30"\n'
FULL = "SLURM accepts no more jobs at the moment: QOSMaxSubmitJobPerUserLimit"
Command = Callable[..., Any]


@pytest.fixture(scope="module")
def enforced(slurm_conf: str) -> Iterator[None]:
    """The cluster enforces limits: its controller is restarted, before and after."""
    conf = Path(slurm_conf)
    before = conf.read_text()
    if "accounting_storage/slurmdbd" not in before:
        pytest.skip("this cluster has no accounting, so no QOS")
    environment = os.environ | {"SLURM_CONF": slurm_conf}
    try:
        conf.write_text(f"{before}\nAccountingStorageEnforce=associations,limits,qos\n")
        _restart(slurm_conf, environment)
        yield
    finally:
        conf.write_text(before)
        _restart(slurm_conf, environment)


def _restart(slurm_conf: str, environment: dict[str, str]) -> None:
    pid = int((Path(slurm_conf).parents[1] / "run/slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait(lambda: not Path(f"/proc/{pid}").exists(), lambda: "slurmctld does not end")
    subprocess.run(["slurmctld"], env=environment, check=True)
    answers = ["scontrol", "ping"]
    wait(
        lambda: b"UP" in subprocess.run(answers, env=environment, capture_output=True, check=False).stdout,
        lambda: "slurmctld does not answer",
    )


@pytest.fixture
def limited(enforced: None, cluster: Cluster) -> Iterator[Callable[[int], str]]:
    """Makes a QOS with that limit on submitted jobs for this user, and returns its name."""
    made: list[str] = []
    user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()

    def make(limit: int) -> str:
        name = f"few{os.getpid()}{len(made)}"
        slurm("sacctmgr", "-i", "-Q", "add", "qos", name, f"maxsubmitjobsperuser={limit}")
        slurm("sacctmgr", "-i", "-Q", "modify", "user", user, "set", f"qos+={name}")
        made.append(name)
        return name

    yield make
    for name in made:
        subprocess.run(["sacctmgr", "-i", "-Q", "remove", "qos", name], check=False, capture_output=True)


@pytest.fixture
def attnctl(cluster: Cluster, limited: Callable[[int], str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line in a workspace whose QOS takes three jobs; returns the JSON that it printed."""
    root = cluster.config.workspace.root
    root.mkdir()
    (root / "attnctl.toml").write_text(SETTINGS.format(qos=limited(3)))

    def run(*words: str, code: int = 0) -> Any:
        assert main(["--workspace", str(root), *words, "--json"]) == code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


def undisturbed(root: Path, *words: str) -> dict[str, dict[str, float]]:
    """The last metrics of the same runs, trained on this machine."""
    assert main(["--workspace", str(root), *words, "--run-on", "local", "--json"]) == 0
    workspace = Workspace(root)
    return {run: metrics(workspace.run(run)) for run in workspace.run_ids()}


def trained_once(workspace: Workspace, run: str) -> bool:
    """Whether one start alone has trained it, without a step trained twice."""
    steps = [event["step"] for event in events(workspace.run(run), "metrics")]
    return len(starts(workspace.run(run))) == 1 and steps == sorted(set(steps))


def test_twelve_runs_pass_a_limit_of_three_without_a_further_command(
    attnctl: Command, cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SWEEP, "--seed", "0..11"]
    expected = undisturbed(tmp_path / "undisturbed", *words)
    capsys.readouterr()
    assert attnctl(*words, "--dry-run")["submitted_now"] == 3
    runs = attnctl(*words, "--name", "s")["runs"]
    assert [run["waiting"] for run in runs] == [None] * 3 + [FULL] * 9
    workspace = cluster.config.workspace
    wait(lambda: all(workspace.run(run["id"]).completed for run in runs), lambda: rows(attnctl), seconds=500)
    assert {run: metrics(workspace.run(run)) for run in workspace.run_ids()} == expected
    assert all(trained_once(workspace, run) for run in expected)
    assert waiting.run_ids(workspace) == []
    assert {row["state"] for row in rows(attnctl).values()} == {"completed"}


def test_a_dependent_is_submitted_when_its_cancelled_base_was_resumed_and_completes(
    attnctl: Command, cluster: Cluster
) -> None:
    long = ["--epochs", "10", *SMALL[2:]]
    (first,) = attnctl("sweep", "none", *long)["runs"]
    (second,) = attnctl(*SWEEP, "--init", first["id"])["runs"]
    workspace = cluster.config.workspace
    base, run = (workspace.run(item["id"]) for item in (first, second))
    wait(lambda: events(base, "metrics"), lambda: rows(attnctl))
    attnctl("cancel", base.id, "--yes")
    wait(lambda: rows(attnctl)[run.id]["state"] == "base unfinished", lambda: rows(attnctl))
    wait(lambda: run.id in waiting.run_ids(workspace), lambda: rows(attnctl))
    wait(lambda: rows(attnctl)[base.id]["state"] == "cancelled", lambda: rows(attnctl))
    attnctl("sweep", "none", *long)  # continues the base, and names no dependent
    state = rows(attnctl)[run.id]
    assert state["state"] == "waiting"
    assert state["reason"].startswith(f"for run {base.id}, whose weights it starts from, which is ")
    wait(lambda: run.completed, lambda: rows(attnctl))
    assert base.completed
    assert waiting.run_ids(workspace) == []


HELD = '[slurm]\ngpus_per_node = 0\nqos = "{qos}"\nextra = {{ hold = "true" }}\n'


def queued(workspace: Workspace) -> list[str]:
    """The run of each job in the queue."""
    found = []
    for head in submissions.heads(workspace):
        for line in slurm("squeue", "--me", "-r", "-h", "-o", "%i", "-n", head.tag).splitlines():
            tasks = json.loads(workspace.submission(head.tag).read_bytes())["tasks"]
            if head.failed is None:
                found.append(tasks[int(line.partition("_")[2])][0])
    return found


@pytest.mark.timeout(3600)
def test_feeding_that_is_killed_at_any_point_submits_each_run_once(
    enforced: None, limited: Callable[[int], str], tmp_path: Path, slurm_conf: str
) -> None:
    """All jobs are held, so that none of them feeds; the places are freed by scancel."""
    qos = limited(4)

    def place(name: str) -> tuple[Workspace, Callable[[Any, int], int]]:
        root = tmp_path / name
        root.mkdir()
        (root / "attnctl.toml").write_text(HELD.format(qos=qos))
        log = tmp_path / f"{name}.log"

        def command(words: Any, kill_at: int = 0) -> int:
            return run_killed(root, kill_at, log, lambda: main(["--workspace", str(root), *words, "--json"]))

        return Workspace(root), command

    def filled(name: str) -> tuple[Workspace, Callable[[Any, int], int]]:
        """Two runs wait, and there are two places for them."""
        workspace, command = place(name)
        blocker = slurm("sbatch", "--parsable", "--hold", "--qos", qos, "-a", "0-3", "--wrap", "true").strip()
        assert command([*SWEEP, "--seed", "0,1", "--name", "s"], 0) == 0, (tmp_path / f"{name}.log").read_text()
        assert len(waiting.own(workspace)) == 2
        slurm("scancel", blocker)
        return workspace, command

    def points(name: str) -> list[str]:
        lines = (tmp_path / f"{name}.log").read_text().splitlines()
        return [line.removeprefix("point: ") for line in lines if line.startswith("point: ")]

    def check(workspace: Workspace, case: str) -> None:
        assert sorted(queued(workspace)) == sorted(workspace.run_ids()), case
        assert waiting.own(workspace) == [], case
        for run in workspace.run_ids():
            requests = [Request.read(item.request) for item in workspace.run(run).attempts()]
            heads = [submissions.head(workspace.submission(request.tag)) for request in requests if request]
            assert [head.job_id is not None for head in heads if head is not None and head.failed is None] == [True]
        for head in submissions.heads(workspace):
            if head.job_id:
                subprocess.run(["scancel", "--quiet", head.job_id], check=False)

    warm, _ = filled("warm")  # what commands import, they now import once for all
    main(["--workspace", str(warm.root), "feed", "--json"])
    check(warm, "warm")
    workspace, command = filled("first")
    assert command(["feed"], 0) == 0
    names = points("first")
    check(workspace, "undisturbed")
    assert {"start of sbatch", "sbatch was started", "sbatch has answered"} <= set(names)
    for number, name in enumerate(names, 1):
        if name.startswith("open "):
            continue  # what is read changes nothing until the next point
        case = f"killed at {number} of {len(names)}, {name}"
        workspace, command = filled(f"w{number}")
        assert command(["feed"], number) == KILLED, case
        time.sleep(0.3)  # an sbatch that outlives its command
        assert command(["feed"], 0) == 0, case
        found = queued(workspace)
        assert len(found) == len(set(found)), f"{case}: twice in the queue"
        if len(found) < 2 or waiting.own(workspace):
            for head in submissions.heads(workspace):
                if head.job_id is None and head.failed is None:
                    submissions.change(workspace, head.tag, created=head.created - 180)
            assert command(["feed"], 0) == 0, case
        check(workspace, case)
