"""A second cluster with one node beside that of `make slurm-up`, known to the same accounting: `squeue -M second`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.slurm.real_cluster import slurm, wait

NAME = "second"


@contextlib.contextmanager
def second_cluster(first: Path, folder: Path) -> Iterator[str]:
    """Run it during the block; yields its name. first: slurm.conf of the first cluster. folder: for its own files."""
    text = first.read_text()
    base = int(re.findall(r"^SlurmctldPort=(\d+)", text, re.MULTILINE)[0])
    changes = {
        r"^ClusterName=.*": f"ClusterName={NAME}",
        r"^SlurmctldPort=.*": f"SlurmctldPort={base + 40}",
        r"^StateSaveLocation=.*": f"StateSaveLocation={folder}/state",
        r"^SlurmdSpoolDir=.*": f"SlurmdSpoolDir={folder}/spool",
        r"^SlurmctldPidFile=.*": f"SlurmctldPidFile={folder}/slurmctld.pid",
        r"^SlurmdPidFile=.*": f"SlurmdPidFile={folder}/slurmd.pid",
        r"^SlurmctldLogFile=.*": f"SlurmctldLogFile={folder}/slurmctld.log",
        r"^SlurmdLogFile=.*": f"SlurmdLogFile={folder}/slurmd.log",
        r"^GresTypes=.*": "",
        r"^NodeName=node\[.*?\](.*) Port=\S+(.*?)( Gres=\S+)?( State=.*)$": rf"NodeName=node1\1 Port={base + 41}\2\4",
    }
    for pattern, replacement in changes.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    conf = folder / "slurm.conf"
    conf.write_text(text)
    if NAME not in slurm("sacctmgr", "-n", "-P", "show", "cluster", "format=cluster").split():
        slurm("sacctmgr", "-i", "-Q", "add", "cluster", NAME)
    daemons = (["slurmctld", "-f", str(conf)], ["slurmd", "-f", str(conf), "-N", "node1"])
    try:
        for daemon in daemons:
            subprocess.run(daemon, check=True, timeout=30)
        wait(_is_up, lambda: [path.read_text()[-2000:] for path in folder.glob("*.log")], 60)
        yield NAME
    finally:
        subprocess.run(["scancel", "-M", NAME, "--user", str(os.getuid())], check=False)
        for name in ("slurmd.pid", "slurmctld.pid"):
            with contextlib.suppress(OSError, ValueError):
                pid = int((folder / name).read_text())
                os.kill(pid, signal.SIGTERM)  # then the controller takes the cluster out of the accounting
                _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    wait(lambda: not Path(f"/proc/{pid}").exists(), lambda: f"process {pid} does not end", 60)


def _is_up() -> bool:
    done = subprocess.run(["sinfo", "-M", NAME, "-h", "-o", "%T"], capture_output=True, text=True, check=False)
    return "idle" in done.stdout.split()
