"""Jobs that `squeue --me` does not show under our name are found all the same, so that nothing is trained twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.jobs.doctor import compute_node
from attnctl.jobs.slurm import observe
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.submission.submit import Submitted
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster, slurm, wait
from tests.slurm.second_cluster import second_cluster
from tests.slurm.test_real_submission import failing
from tests.slurm.test_real_training import LONG, started

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
HOLD = {"hold": "true"}
NOBODY = 65534

COLLEAGUE = """
import json, sys
from pathlib import Path
from attnctl.grid import Axes, expand
from attnctl.jobs.slurm import observe, configuration
from attnctl.jobs.slurm.cancel import cancel
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle.evidence import newest_verdict
from attnctl.settings.config import Config, SlurmOptions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, Resources

root, action, *rest = sys.argv[1:]
config = Config(workspace=Workspace(Path(root), group=True))
placed = [Placed(**document) for document in json.loads(rest[0])] if action != "submit" else []
if action == "submit":
    recipe = {"epochs": ("1",), "batch": ("128",), "norm_batch": ("32",)}
    specs = expand(Axes(modules=("se",), seeds=("0",), overrides=recipe)).specs
    options = SlurmOptions(partition=rest[0], extra={"hold": "true"})
    (done,) = submit(config, specs, Resources(minutes=5), options, "slurm")
    assert any(row.name == rest[0] for row in configuration.partitions())
    (run, number), job = done.tasks[0], f"{done.job_id}_0"
    placed = [Placed(run=run, attempt=number, tag=done.tag, where="slurm", job_id=job, created=0.0)]
unavailable = observe.observe(config.workspace, placed).unavailable
states = [str(newest_verdict(config.workspace, item.run).state) for item in placed]
refused = list(cancel(config.workspace, placed).refused.values()) if action == "cancel" else []
print(json.dumps({"unavailable": unavailable, "states": states, "refused": refused}))
"""


def as_colleague(workspace: Workspace, action: str, *words: str) -> dict[str, object]:
    """What another user of the workspace's group gets to see."""
    # The interpreter may be in a folder of root's, which this capability lets nobody read.
    nobody = ["setpriv", "--reuid", str(NOBODY), "--regid", "0", "--clear-groups"]
    nobody += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    command = [*nobody, sys.executable, "-c", COLLEAGUE, str(workspace.root), action, *words]
    cache = workspace.root.parent / "cache of the colleague"
    cache.mkdir(exist_ok=True)
    os.chown(cache, NOBODY, 0)
    environ = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", env=environ, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.fixture
def shared(cluster: Cluster, tmp_path: Path) -> Cluster:
    """A workspace that another user can reach."""
    if os.getuid() != 0:
        pytest.skip("only root can act as another user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return Cluster(replace(cluster.config, workspace=replace(cluster.config.workspace, group=True)))


def encoded(cluster: Cluster, done: Submitted) -> str:
    return json.dumps([vars(item) for item in cluster.placed(done)])


def test_a_colleague_sees_a_running_job_and_cannot_cancel_it(shared: Cluster, make_specs: Specs) -> None:
    mask = os.umask(0o002)
    try:
        done = shared.submit(make_specs(2), extra=HOLD)
        words = encoded(shared, done)
        answer = as_colleague(shared.config.workspace, "look", words)
        assert answer == {"unavailable": None, "states": ["queued"] * 2, "refused": []}
        refused = as_colleague(shared.config.workspace, "cancel", words)["refused"]
        assert isinstance(refused, list)
        assert ["Access/permission denied" in str(reason) for reason in refused] == [True, True]
    finally:
        os.umask(mask)
    assert slurm("squeue", "-h", "-r", "-o", "%T", "-j", str(done.job_id)).split() == ["PENDING"] * 2
    assert not shared.attempt(done.tasks[0][0]).cancel.exists()


@pytest.mark.parametrize("how", ["renamed", "by the environment"])
def test_a_job_with_another_name_is_followed_and_cancelled(
    how: str, cluster: Cluster, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "by the environment":
        monkeypatch.setenv("SBATCH_JOB_NAME", "mine")
    done = cluster.submit(make_specs(2), extra=HOLD)
    if how == "renamed":
        slurm("scontrol", "update", f"jobid={done.job_id}", "jobname=site-default")
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["queued"] * 2
    assert not cancel(cluster.config.workspace, cluster.placed(done)).refused
    cluster.until(done, lambda states: states == ["cancelled"] * 2)


@pytest.fixture
def hidden(slurm_conf: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A partition that ordinary users do not see."""
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    slurm("scontrol", "create", "partitionname=hidden", "nodes=ALL", "hidden=yes")
    yield "hidden"
    subprocess.run(["scancel", "--user", str(NOBODY)], check=False)
    wait(lambda: not slurm("squeue", "-a", "-h", "-p", "hidden", "-o", "%i").strip(), lambda: slurm("squeue", "-a"), 60)
    slurm("scontrol", "delete", "partitionname=hidden")


def test_a_job_in_a_hidden_partition_is_seen_by_its_user(shared: Cluster, hidden: str) -> None:
    root = shared.config.workspace.root.with_name("of nobody")
    root.mkdir()
    os.chown(root, NOBODY, 0)
    answer = as_colleague(Workspace(root), "submit", hidden)
    assert answer == {"unavailable": None, "states": ["queued"], "refused": []}


def test_a_job_on_a_second_cluster_is_followed_and_cancelled_there(
    cluster: Cluster, slurm_conf: str, make_specs: Specs, tmp_path: Path
) -> None:
    with second_cluster(Path(slurm_conf), tmp_path / "second") as name:
        done = cluster.submit(make_specs(2), clusters=name, extra=HOLD)
        head = submissions.head(cluster.config.workspace.submission(done.tag))
        assert head is not None
        assert (head.job_id, head.cluster) == (done.job_id, name)
        assert cluster.observe(done) is None
        assert cluster.states(done) == ["queued"] * 2
        submissions.change(cluster.config.workspace, done.tag, job_id=None)
        assert cluster.submit(make_specs(2), clusters=name, extra=HOLD).tasks == []
        assert submissions.head(cluster.config.workspace.submission(done.tag)) == head, "adopted again"
        assert not cancel(cluster.config.workspace, cluster.placed(done)).refused
        cluster.until(done, lambda states: states == ["cancelled"] * 2)


def test_a_training_that_squeue_does_not_show_is_not_lost(
    cluster: Cluster, make_specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "ABSENCE_INTERVAL", 0.0)
    monkeypatch.setattr(observe, "SILENCE_INTERVAL", 0.0)
    specs = make_specs(1, **LONG)
    done = cluster.submit(specs)
    started(cluster, done)
    path = os.environ["PATH"]
    failing("squeue", "exit 0", tmp_path / "bin", monkeypatch)
    placed = cluster.placed(done)

    def looked() -> list[str]:
        cluster.observe(done)
        return [item.word for item in cluster.attempt(placed[0].run).observations()]

    wait(lambda: looked()[-1:] == ["UNSEEN"], looked)  # once sacct says RUNNING, which it may know later than squeue
    wait(lambda: cluster.states(done) == ["running"], lambda: cluster.verdicts(done))
    assert cluster.verdicts(done)[0].reason == "SLURM does not show its job, but its event log grows"
    assert cluster.submit(specs).tasks == []
    refused = cancel(cluster.config.workspace, placed).refused
    assert refused == {placed[0].run: f"squeue does not list job {placed[0].job_id}, but sacct says RUNNING"}
    monkeypatch.setenv("PATH", path)
    cluster.until(done, lambda states: states == ["running"])
    assert not cancel(cluster.config.workspace, placed).refused
    cluster.until(done, lambda states: states == ["cancelled"])


def test_a_cancellation_while_the_controller_is_down_is_refused_by_name(
    cluster: Cluster,
    make_specs: Specs,
    slurm_conf: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = cluster.submit(make_specs(1), extra=HOLD)
    run = done.tasks[0][0]
    conf = tmp_path / "slurm.conf"
    kept = [line for line in Path(slurm_conf).read_text().splitlines() if not line.startswith("SlurmctldPort")]
    conf.write_text("\n".join([*kept, "SlurmctldPort=1", "MessageTimeout=2", ""]))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    assert main(["--workspace", str(cluster.config.workspace.root), "cancel", run, "--yes"]) == 1
    out, err = capsys.readouterr()
    assert out == "cancelling 0 of 1 run\n"
    assert f"not cancelled: {run[:8]}: SLURM does not answer: " in err
    assert not cluster.attempt(run).cancel.exists()
    assert main(["--workspace", str(cluster.config.workspace.root), "resume"]) == 1, "as from cron"
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    assert slurm("squeue", "-h", "-r", "-o", "%T", "-j", str(done.job_id)).split() == ["PENDING"]
    assert main(["--workspace", str(cluster.config.workspace.root), "cancel", run, "--yes"]) == 0
    cluster.until(done, lambda states: states == ["cancelled"])


def test_a_banner_before_the_job_id_confuses_neither_a_sweep_nor_doctor(
    cluster: Cluster, make_specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("sbatch")
    banner = f"echo '*** Welcome; 3 news since 2026 ***'; {real} \"$@\" || exit 1; echo 'Quota: 12 GB'"
    failing("sbatch", banner, tmp_path / "bin", monkeypatch)
    done = cluster.submit(make_specs(1), extra=HOLD)
    assert done.job_id is not None
    assert cluster.observe(done) is None
    assert cluster.states(done) == ["queued"]
    checks = compute_node.run_job(cluster.config, cluster.config.slurm, Resources(), 120, lambda text: None)
    assert checks
    assert [check for check in checks if check.name.startswith("rank ")] == []
