"""Nodes that cannot launch jobs: one without the workspace's file system, and one whose prolog fails."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import main
from attnctl.workspace.records import Resources, Submission
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.test_real_training import LONG, started

pytestmark = pytest.mark.slurm

NODE, OTHERS = "node1", "node[2-4]"
SMALL = {"epochs": "1", "input_size": "8"}
Blind = Callable[[Path, str], None]


def registered(node: str) -> bool:
    """Whether the controller may start jobs on the node, on which others may run."""
    return slurm("sinfo", "-h", "-N", "-n", node, "-o", "%T").split()[0] in {"idle", "mixed", "allocated"}


@pytest.fixture
def blind_node(slurm_conf: str) -> Iterator[Blind]:
    """Restarts a node's slurmd where it does not see a folder: in a mount namespace of its own."""
    folder = Path(slurm_conf).parents[1] / "run"
    if os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can hide a folder from a node")
    if not (folder / f"slurmd-{NODE}.pid").exists():
        pytest.skip(f"{slurm_conf} is not the cluster of `make slurm-up`")

    blind: list[str] = []

    def restart(node: str, *command: str) -> None:
        pid = int((folder / f"slurmd-{node}.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait(lambda: not Path(f"/proc/{pid}").exists(), lambda: f"slurmd of {node} does not end")
        subprocess.run([*command, "slurmd", "-N", node], check=True, stdin=subprocess.DEVNULL)
        wait(lambda: registered(node), lambda: slurm("sinfo", "-N"))

    def hide(hidden: Path, node: str) -> None:
        blind.append(node)
        mount = 'mount -t tmpfs none "$1" && shift && exec "$@"'
        restart(node, "unshare", "-m", "--", "sh", "-c", mount, "sh", str(hidden))

    yield hide
    for node in blind:
        restart(node)


@pytest.fixture
def attnctl(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Calls the command line in the cluster's workspace; gives the JSON that it printed."""
    cluster.config.workspace.root.mkdir()
    (cluster.config.workspace.root / "attnctl.toml").write_text("[slurm]\ngpus_per_node = 0\n")

    def run(*words: str) -> Any:
        assert main(["--workspace", str(cluster.config.workspace.root), *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_runs_of_a_node_without_the_workspace_resume_on_other_nodes(
    cluster: Cluster, make_specs: Callable[..., Any], attnctl: Callable[..., Any], blind_node: Blind
) -> None:
    blind_node(cluster.config.workspace.root, NODE)
    submitted = cluster.submit(make_specs(3, **SMALL), exclude=OTHERS, gpus_per_node=0)
    cluster.until(submitted, lambda states: set(states) == {"launch failed"})
    run = submitted.tasks[0][0]
    answer = attnctl("why", run)
    assert answer["reason"] == f"{NODE} could not open the job's log"
    assert f"{NODE} does not see that folder, or may not write there" in answer["advice"]
    assert str(cluster.config.workspace.root) in answer["advice"]

    plan = attnctl("resume", "--force")
    assert {(row["action"], row["words"]) for row in plan["runs"]} == {("another node", f"without {NODE}")}
    (tag,) = {row["tag"] for row in plan["runs"]}
    script = Submission.decode(cluster.config.workspace.submission(tag).read_bytes()).script
    assert f"#SBATCH --exclude={NODE}\n" in script
    wait(
        lambda: {row["state"] for row in attnctl("status")["runs"]} == {"completed"},
        lambda: attnctl("status")["runs"],
    )
    assert NODE not in {row["node"] for row in attnctl("status")["runs"]}


def test_waiting_jobs_exclude_a_node_on_which_three_runs_failed_to_launch(
    cluster: Cluster, make_specs: Callable[..., Any], attnctl: Callable[..., Any], blind_node: Blind
) -> None:
    blind_node(cluster.config.workspace.root, NODE)
    *eaten, waiting = make_specs(4, **SMALL)
    failed = cluster.submit(eaten, exclude=OTHERS, gpus_per_node=0)
    cluster.until(failed, lambda states: set(states) == {"launch failed"})
    job = cluster.submit([waiting], exclude="node4", gpus_per_node=0, extra={"begin": "now+1hour"}).job_id
    plan = attnctl("resume")
    assert plan["excluded"] == {"nodes": [NODE], "runs": [waiting.id]}
    assert slurm("squeue", "-h", "-j", str(job), "-o", "%x").strip() == "node[1,4]"


def test_a_plain_sweep_excludes_the_node_too(
    cluster: Cluster, make_specs: Callable[..., Any], attnctl: Callable[..., Any], blind_node: Blind
) -> None:
    blind_node(cluster.config.workspace.root, NODE)
    (spec,) = make_specs(1, **SMALL)
    submitted = cluster.submit([spec], exclude=OTHERS, gpus_per_node=0)
    cluster.until(submitted, lambda states: states == ["launch failed"])
    options = ["--epochs", "1", "--batch", "128", "--norm-batch", "32", "--input-size", "8"]
    (row,) = attnctl("sweep", "se", *options)["runs"]
    assert (row["id"], row["action"]) == (spec.id, "will continue")
    script = Submission.decode(cluster.config.workspace.submission(row["tag"]).read_bytes()).script
    assert f"#SBATCH --exclude={NODE}\n" in script


def test_a_run_of_several_nodes_ends_when_one_of_them_lacks_the_workspace(
    cluster: Cluster, make_specs: Callable[..., Any], attnctl: Callable[..., Any], blind_node: Blind
) -> None:
    blind_node(cluster.config.workspace.root, "node2")  # the job's script runs on node1
    (spec,) = make_specs(1, **SMALL)
    resources = Resources(nodes=2, minutes=30)
    submitted = cluster.submit([spec], resources, exclude="node[3-4]", gpus_per_node=0)
    cluster.until(submitted, lambda states: states == ["launch failed"])
    (verdict,) = cluster.verdicts(submitted)
    assert (verdict.node, verdict.reason) == ("node2", "node2 could not open the job's log")
    (row,) = attnctl("resume", "--dry-run")["runs"]
    assert (row["action"], row["words"]) == ("another node", "without node2")


def test_a_requeued_run_of_several_nodes_ends_too_when_one_of_them_lacks_the_workspace(
    cluster: Cluster, make_specs: Callable[..., Any], attnctl: Callable[..., Any], blind_node: Blind
) -> None:
    """A message of the first start, which the log still contains, does not end the second one."""
    submitted = cluster.submit(
        make_specs(1, **LONG), Resources(nodes=2, minutes=30), exclude="node[3-4]", gpus_per_node=0
    )
    started(cluster, submitted)
    log = cluster.config.workspace.submission_logs(submitted.tag) / f"{submitted.job_id}_0_0_log.out"
    with log.open("a") as stream:
        stream.write("srun: error: task 0 launch failed: Slurmd could not connect IO\n")
    blind_node(cluster.config.workspace.root, "node2")
    slurm("scontrol", "requeue", f"{submitted.job_id}_0")
    cluster.until(submitted, lambda states: states == ["launch failed"])
    (verdict,) = cluster.verdicts(submitted)
    assert (verdict.node, verdict.reason) == ("node2", "node2 could not open the job's log")
    assert [item.token for item in cluster.attempt(submitted.tasks[0][0]).incarnations()] == [(1, 0), (1, 1)]


def scontrol(*words: str) -> bool:
    """Whether the controller does it; on a busy machine it may not answer, or a node may change its state meanwhile."""
    return subprocess.run(["scontrol", *words], check=False, capture_output=True, timeout=60).returncode == 0


@pytest.fixture
def failing_prolog(cluster: Cluster, slurm_conf: str, tmp_path: Path) -> Iterator[None]:
    """A prolog that fails on the node of the cluster. SLURM drains the node when it runs."""
    script = tmp_path / "prolog.sh"
    script.write_text(f'#!/bin/sh\n[ "$SLURMD_NODENAME" != {NODE} ]\n')
    script.chmod(0o755)
    tmp_path.chmod(0o755)
    conf = Path(slurm_conf)
    before = conf.read_text()
    if not os.access(conf, os.W_OK) or not (conf.parents[1] / "run").is_dir():
        pytest.skip(f"{slurm_conf} is not the cluster of `make slurm-up`")
    conf.write_text(f"{before}Prolog={script}\n")
    try:
        wait(lambda: scontrol("reconfigure"), lambda: "the controller does not read its configuration")
        yield
    finally:
        conf.write_text(before)
        wait(lambda: scontrol("reconfigure"), lambda: "the controller does not read its configuration")
        resume = ("update", f"nodename={NODE}", "state=resume")
        wait(lambda: registered(NODE) or (scontrol(*resume) and registered(NODE)), lambda: slurm("sinfo", "-N"))


@pytest.mark.usefixtures("failing_prolog")
def test_a_failed_prolog_is_the_nodes_fault(cluster: Cluster, make_specs: Callable[..., Any]) -> None:
    submitted = cluster.submit(make_specs(1, **SMALL), exclude=OTHERS, gpus_per_node=0, extra={"no-requeue": "true"})
    cluster.until(submitted, lambda states: states == ["launch failed"])
    (verdict,) = cluster.verdicts(submitted)
    assert verdict.node == NODE
    code = " with exit code 1" if slurm("sinfo", "--version").startswith("slurm-wlm 22.05") else ""
    assert verdict.reason == f"the cluster's prolog failed on {NODE}{code}"
