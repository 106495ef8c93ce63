"""Rules of [[slurm.rules]] on the real SLURM: what it holds of the jobs of each shape."""

import json
import re

import pytest

from attnctl.cli import main
from tests.slurm.real_cluster import Cluster, slurm

pytestmark = pytest.mark.slurm

SETTINGS = """\
[slurm]
gpus_per_node = 0
mem = "200M"
time = "3"
extra = { hold = true }
[[slurm.rules]]
backbone = "resnet56"
mem = "300M"
time = "1:30:00"
partition = "low"
[[slurm.rules]]
module = "se"
backbone = "resnet56"
runs_per_gpu = 2
"""
SWEEP = [
    "sweep",
    "none,se",
    "--backbone",
    "resnet20,resnet56",
    "--dataset",
    "digits",
    "--seed",
    "0,1",
    "--name",
    "shapes",
]


def test_each_shape_is_an_array_with_limits_of_its_own_and_resume_asks_for_the_same(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    root = cluster.config.workspace.root
    root.mkdir()
    (root / "attnctl.toml").write_text(SETTINGS)

    def attnctl(*words: str) -> str:
        assert main(["--workspace", str(root), *words]) == 0
        return capsys.readouterr().out

    def arrays(ids: dict[str, tuple[str, str]]) -> dict[str, set[tuple[str, str]]]:
        """Array -> the runs in it, by network and module."""
        jobs = {row["id"]: row["job_id"].partition("_")[0] for row in json.loads(attnctl("status", "--json"))["runs"]}
        return {job: {ids[run] for run in jobs if jobs[run] == job} for job in jobs.values()}

    def limits(array: str) -> tuple[str, str, str, str]:
        """The partition, the time limit, the memory and the tasks of an array, as SLURM holds them."""
        text = slurm("scontrol", "show", "job", "-o", array)
        names = ("Partition", "TimeLimit", "MinMemoryNode", "ArrayTaskId")
        partition, time, memory, tasks = (re.findall(rf"\b{name}=(\S+)", text)[0] for name in names)
        return partition, time, memory, tasks.partition("%")[0]

    runs = json.loads(attnctl(*SWEEP, "--json"))["runs"]
    ids = {run["id"]: (run["backbone"], run["module"]) for run in runs}
    expected = {
        ("main", "00:03:00", "200M", "0-3"): {("resnet20", "none"), ("resnet20", "se")},
        ("low", "01:30:00", "300M", "0-1"): {("resnet56", "none")},
        ("low", "01:30:00", "856M", "0"): {("resnet56", "se")},  # two runs, and what their supervisor needs
    }
    first = arrays(ids)
    assert {limits(array): members for array, members in first.items()} == expected
    deep = next(run["id"] for run in runs if ids[run["id"]] == ("resnet56", "none"))
    assert "rule 1 (backbone=resnet56)" in attnctl("show", deep)
    assert json.loads(attnctl("why", deep, "--json"))["resources"][0]["rules"] == ["rule 1 (backbone=resnet56)"]

    attnctl("cancel", "shapes", "--yes")
    (root / "attnctl.toml").write_text(SETTINGS.replace("300M", "400M"))
    attnctl("resume", *ids, "--yes")
    second = arrays(ids)
    assert not {*first} & {*second}
    found = {limits(array) for array in second}
    assert found == {
        ("main", "00:03:00", "200M", "0-3"),
        ("low", "01:30:00", "400M", "0-1"),
        ("low", "01:30:00", "1056M", "0"),
    }
    attnctl("cancel", "shapes", "--yes")
