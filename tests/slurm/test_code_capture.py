"""Jobs that wait are trained with the code they were submitted with, whatever is edited meanwhile."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import attnctl
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("real_processes")]

SMALL = ["--epochs", "1", "--batch", "128", "--norm-batch", "32", "--input-size", "8"]


def test_code_edited_while_a_job_waits_does_not_affect_the_job(cluster: Cluster, tmp_path: Path) -> None:
    tree, root = tmp_path / "a tree", cluster.config.workspace.root
    shutil.copytree(Path(attnctl.__file__).parent, tree / "attnctl")
    root.mkdir()
    (root / "attnctl.toml").write_text(
        '[slurm]\ntime = "5"\ngpus_per_node = 0\n[slurm.profiles.held.extra]\nhold = "true"\n'
    )

    def command(*words: str) -> Any:
        line = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(root), *words, "--json"]
        done = subprocess.run(line, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True)
        assert done.returncode in {0, 1}, done.stderr
        return json.loads(done.stdout)

    (first,) = command("sweep", "se", *SMALL, "--profile", "held")["runs"]
    loop = tree / "attnctl/jobs/training/loop.py"
    loop.write_text(loop.read_text() + "\nraise RuntimeError('edited')\n")
    (second,) = command("sweep", "se", *SMALL, "--seed", "7")["runs"]
    slurm("scontrol", "release", first["job_id"])
    command("sweep", "se", *SMALL, "--seed", "0,7", "--wait")
    states = {row["id"]: (row["state"], row["reason"]) for row in command("status")["runs"]}
    assert states[first["id"]][0] == "completed", states
    assert states[second["id"]][0] == "code error"
    assert "edited" in states[second["id"]][1]
    env = json.loads(cluster.attempt(first["id"]).incarnation(0).env.read_bytes())
    kept = cluster.config.workspace.code / env["code"]["digest"]
    assert "edited" not in (kept / "attnctl/jobs/training/loop.py").read_text()
    assert env["code"]["tree"] == str(tree)
    assert env["packages"]["torch"]
    assert len([path for path in cluster.config.workspace.code.iterdir() if path.is_dir()]) == 2
