"""What is said about the queue: a time limit that is too long, and the line for cron."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from attnctl.cli.sweeping.destination import Destination
from attnctl.cli.sweeping.queue_notes import cron_line, not_started_note, time_limit_note
from attnctl.settings.config import SlurmOptions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources
from tests.fixtures.fake_slurm import Fake

PARTITIONS = "4|infinite|(null)|main*\n4|1:00|(null)|short\n4|1-00:00:00|(null)|day\n"


def destination(
    partition: str | None, minutes: int | None, clusters: str | None = None, *, answering: bool = True
) -> Destination:
    options = SlurmOptions(partition=partition, clusters=clusters)
    return Destination(where="slurm", options=options, resources=Resources(minutes=minutes), answering=answering)


@pytest.mark.parametrize(
    ("partition", "minutes", "limits"),
    [
        ("short", 30, "short (1:00)"),
        ("short,day", 1441, "short (1:00), day (1-00:00:00)"),
        ("short,day", 1440, None),
        ("short,main", 100_000, None),
        ("short", 1, None),
        ("short", None, None),
        (None, 100_000, None),
        ("unknown", 30, None),
    ],
)
def test_a_time_limit_above_that_of_every_partition_is_told(
    fake: Fake, partition: str | None, minutes: int | None, limits: str | None
) -> None:
    fake.says("sinfo", PARTITIONS)
    note = time_limit_note(destination(partition, minutes))
    if limits is None:
        assert note is None
    else:
        assert note is not None
        assert f"exceeds that of partition {limits}: SLURM may never start these jobs" in note


def test_the_partitions_of_the_jobs_own_cluster_count(fake: Fake) -> None:
    fake.does("sinfo", "case \"$*\" in '-M second -a'*) echo '1|1:00|(null)|main*';; esac")
    assert time_limit_note(destination(None, 30, clusters="second")) is not None
    assert time_limit_note(destination(None, 30)) is None


NODES = """\
NodeName=n1 CPUEfctv=8 Gres=gpu:a100:2 RealMemory=64000 Partitions=main
NodeName=n2 CPUEfctv=16 Gres=(null) RealMemory=16000 Partitions=main
NodeName=n3 CPUEfctv=64 Gres=gpu:8 RealMemory=999000 Partitions=big
"""


@pytest.mark.parametrize(
    ("mem", "resources", "shared", "excess"),
    [
        ("9999G", Resources(), 0, "10238976 MB of memory (no node has more than 64000)"),
        ("64000M", Resources(), 0, ""),
        ("32G", Resources(), 2, "65792 MB of memory (no node has more than 64000)"),
        (None, Resources(tasks_per_node=2, cpus_per_task=9), 0, "18 cores (no node has more than 16)"),
        (None, Resources(cpus_per_task=9), 2, "18 cores (no node has more than 16)"),
        (None, Resources(gpus_per_node=4, tasks_per_node=4), 0, "4 GPUs (no node has more than 2)"),
    ],
)
def test_jobs_that_slurm_does_not_start_are_told_with_what_no_node_has(
    fake: Fake, mem: str | None, resources: Resources, shared: int, excess: str
) -> None:
    partitions = "PartitionName=main Default=YES"
    fake.does("scontrol", f"case \"$*\" in *node) cat <<'EOF'\n{NODES}EOF\n;; *) echo '{partitions}';; esac")
    asked = Destination(where="slurm", options=SlurmOptions(mem=mem), resources=resources)
    told = not_started_note(asked, "Requested node configuration is not available", shared)
    plain = "SLURM accepts the jobs, but cannot start them at present: Requested node configuration is not available"
    assert told == plain + (f"; each asks on a node for {excess}" if excess else "")


def test_jobs_that_slurm_does_not_start_are_told_where_it_lists_no_nodes(fake: Fake) -> None:
    fake.does("scontrol", "exit 1")
    told = not_started_note(destination(None, None), "no nodes")
    assert told == "SLURM accepts the jobs, but cannot start them at present: no nodes"


def test_nothing_is_said_when_slurm_is_silent(fake: Fake) -> None:
    fake.does("sinfo", "exit 1")
    assert time_limit_note(destination("short", 30)) is None
    assert time_limit_note(destination("short", 30, answering=False)) is None
    assert len(fake.calls("sinfo")) == 1


def test_the_line_for_cron_finds_slurm_with_nothing_but_what_cron_gives(fake: Fake, tmp_path: Path) -> None:
    fake.says("sbatch", "")
    line = cron_line(
        Workspace(tmp_path / "100% mine"),
        ["resume", "s"],
        {"SLURM_CONF": "/etc/my slurm.conf", "SLURM_CLUSTERS": "second", "HOME": "/h"},
    )
    assert line.startswith("*/15 * * * * PATH=")
    assert "%" not in line.replace("\\%", "")
    command = line.removeprefix("*/15 * * * * ").replace("\\%", "%")
    *assignments, python = shlex.split(command)[:4]
    assert assignments == [
        f"PATH={fake.folder}:/usr/local/bin:/usr/bin:/bin",
        "SLURM_CONF=/etc/my slurm.conf",
        "SLURM_CLUSTERS=second",
    ]
    assert shlex.split(command)[-4:] == ["--workspace", str(tmp_path / "100% mine"), "resume", "s"]
    # /bin/sh, which cron uses, takes the assignments as such.
    shown = command.partition(python)[0] + "env"
    done = subprocess.run(["/bin/sh", "-c", shown], env={}, capture_output=True, text=True, check=True)
    assert set(assignments) <= set(done.stdout.splitlines())


def test_the_line_for_cron_imports_nothing_from_the_folder_where_it_starts(fake: Fake, tmp_path: Path) -> None:
    fake.says("sbatch", "")
    for name in ("random", "typing", "attnctl", "typer"):
        (tmp_path / f"{name}.py").write_text("open('made', 'w')\n")
    command = cron_line(Workspace(tmp_path), ["--help"], {}).removeprefix("*/15 * * * * ").replace("\\%", "%")
    done = subprocess.run(["/bin/sh", "-c", command], env={}, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "made").exists()
