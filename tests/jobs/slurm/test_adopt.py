"""What killed commands left behind: jobs are found again, reservations are freed."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm import adopt as adopting
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT, adopt, alive
from attnctl.lifecycle.state import NEVER_SUBMITTED
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Submission
from tests.fixtures.fake_slurm import Fake

RUN = "0123456789abcdef"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(adopting, "_BETWEEN_QUERIES", 0.0)
    return Workspace(tmp_path / "w")


def intend(workspace: Workspace, tag: str = "attnctl-a", *, ago: float = 0.0, cluster: str | None = None) -> None:
    """An intent of which no job id is known."""
    record = Submission(
        tag=tag,
        created=time.time() - ago,
        where="slurm",
        host="login",
        pid=1,
        tasks=[[RUN, 1]],
        specs={},
        cluster=cluster,
    )
    write_atomic(workspace.submission(tag), record.encode())


def head(workspace: Workspace, tag: str = "attnctl-a") -> submissions.Head:
    found = submissions.head(workspace.submission(tag))
    assert found is not None
    return found


def test_a_started_task_reveals_the_job_id(workspace: Workspace, fake: Fake) -> None:
    intend(workspace)
    write_atomic(workspace.run(RUN).attempt(1).owner, b"77_0\n")
    assert adopt(workspace) is None
    assert head(workspace).job_id == "77"
    assert fake.calls("squeue") == [], "nobody needs to be asked"


def test_a_job_named_like_the_tag_is_adopted(workspace: Workspace, fake: Fake) -> None:
    intend(workspace)
    fake.does("squeue", "echo '78|attnctl-a'")
    assert adopt(workspace) is None
    assert (head(workspace).job_id, head(workspace).failed) == ("78", None)


def test_an_unknown_intent_is_closed_when_no_sbatch_can_still_be_running(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, "attnctl-young")
    intend(workspace, "attnctl-old", ago=2 * SBATCH_TIMEOUT + 1)
    assert adopt(workspace) is None
    assert head(workspace, "attnctl-young").failed is None
    assert head(workspace, "attnctl-old").failed == NEVER_SUBMITTED


def test_no_intent_is_closed_while_slurm_does_not_answer(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, ago=2 * SBATCH_TIMEOUT + 1)
    fake.does("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    words = adopt(workspace)
    assert words is not None
    assert "Unable to contact" in words
    assert head(workspace).failed is None


def test_an_intent_for_another_cluster_is_looked_up_there(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, ago=2 * SBATCH_TIMEOUT + 1, cluster="other")
    fake.does("squeue", "case \"$*\" in *'-M other '*) echo 'CLUSTER: other'; echo '78|attnctl-a';; esac")
    assert adopt(workspace) is None
    assert (head(workspace).job_id, head(workspace).cluster) == ("78", "other")


def test_an_intent_for_several_clusters_is_looked_up_on_each(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, ago=2 * SBATCH_TIMEOUT + 1, cluster="other,third")
    fake.does("squeue", "case \"$*\" in *'-M third '*) echo '78|attnctl-a';; esac")
    assert adopt(workspace) is None
    assert (head(workspace).job_id, head(workspace).cluster) == ("78", "third")


def test_an_intent_for_a_cluster_that_cannot_be_reached_is_left_alone(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, ago=2 * SBATCH_TIMEOUT + 1, cluster="other")
    fake.does("squeue", "case \"$*\" in *'-M other '*) echo \"No cluster 'other' known\" >&2; exit 1;; esac")
    assert adopt(workspace) == "SLURM does not answer: No cluster 'other' known"
    assert head(workspace).failed is None


def test_another_users_intent_is_left_alone_where_slurm_hides_its_job(workspace: Workspace, fake: Fake) -> None:
    intend(workspace, ago=2 * SBATCH_TIMEOUT + 1)
    submissions.change(workspace, "attnctl-a", owner="ada")
    fake.says("scontrol", "ClusterName = test\nPrivateData = jobs\n")
    assert adopt(workspace) == "this cluster shows the jobs of ada only to ada (PrivateData)"
    assert head(workspace).failed is None


def test_a_process_with_a_reused_id_does_not_count_as_alive() -> None:
    assert alive(os.getpid(), time.time())
    assert not alive(os.getpid(), time.time() - 10 * 365 * 86400), "this id was another process's"
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not alive(ended.pid, time.time())
