"""Two users of a lab in one workspace on the real cluster: each runs their own jobs and sees those of the other."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from attnctl.workspace.layout import Workspace
from tests.fixtures.lab import Lab
from tests.slurm.real_cluster import slurm, wait

pytestmark = pytest.mark.slurm

LONG = ["--epochs", "400", "--batch", "128", "--norm-batch", "32", "--input-size", "8", "--device", "cpu"]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(slurm_conf: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Calls attnctl as a user in the workspace that the two share; their jobs are gone when the test ends."""
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    user = lab.users[0]
    asked = subprocess.run(["runuser", "-u", user, "--", "squeue"], check=False, capture_output=True)
    if asked.returncode:
        pytest.skip(f"{user} cannot use this SLURM: {asked.stderr.decode().strip()}")
    lab.share("[slurm]\ngpus_per_node = 0\n")
    yield lambda user, *words: lab.run(user, *words, SLURM_CONF=slurm_conf)
    for user in lab.users:
        slurm("scancel", "--quiet", "--user", user)
    wait(lambda: not set(slurm("squeue", "-h", "-o", "%u").split()) & set(lab.users), lambda: slurm("squeue"))


def rows(command: Command, user: str) -> dict[int, dict[str, Any]]:
    """The runs as a user sees them, by seed."""
    done = command(user, "status", "--json")
    assert done.returncode == 0, done.stderr
    return {row["seed"]: row for row in json.loads(done.stdout)["runs"]}


def until(command: Command, user: str, seed: int, state: str, after: int = -1) -> dict[str, Any]:
    """Look as this user until a run is in a state, beyond a step."""
    seen: dict[str, Any] = {}

    def reached() -> bool:
        seen.update(rows(command, user)[seed])
        return seen["state"] == state and (seen["step"] or 0) > after

    wait(reached, lambda: seen)
    return seen


def test_two_users_sweep_look_cancel_and_resume_in_one_workspace(lab: Lab, command: Command) -> None:
    ada, bob = lab.users
    for user, name, seed in ((ada, "hers", "0"), (bob, "his", "1")):
        swept = command(user, "sweep", "se", "--name", name, "--seed", seed, *LONG, "--run-on", "slurm")
        assert swept.returncode == 0, swept.stderr
    hers = until(command, bob, 0, "running", after=0)
    his = until(command, ada, 1, "running", after=0)

    refused = command(bob, "cancel", "hers", "--yes")
    assert refused.returncode == 1
    assert "not cancelled" in refused.stderr
    assert "Access/permission denied" in refused.stderr
    workspace = Workspace(lab.folder, group=True)
    assert not workspace.run(hers["id"]).attempt(1).cancel.exists()
    assert command(bob, "cancel", "his", "--yes").returncode == 0
    until(command, ada, 1, "cancelled")
    assert rows(command, bob)[0]["state"] == "running", "the other user's job is as it was"
    assert command(ada, "cancel", "hers", "--yes").returncode == 0
    stopped = until(command, bob, 0, "cancelled")

    resumed = command(bob, "resume", his["id"], hers["id"])
    assert resumed.returncode == 0, resumed.stderr
    again = until(command, ada, 0, "running", after=stopped["step"])
    assert again["attempt"] == 2
    assert workspace.run(hers["id"]).attempt(2).owner.owner() == bob
    assert command(bob, "cancel", hers["id"], "--yes").returncode == 0
    assert command(bob, "cancel", his["id"], "--yes").returncode == 0
    until(command, ada, 0, "cancelled")
    until(command, ada, 1, "cancelled")
