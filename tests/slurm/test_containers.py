"""Containers on a real SLURM, with stand-ins for pyxis and apptainer that check what a container would depend on.

Each stand-in starts the processes with the environment that a container would have, and refuses a command whose files
are not mounted.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.jobs.submission import code_snapshot
from attnctl.spec import RunSpec
from attnctl.workspace.records import Resources
from tests.slurm.real_cluster import Cluster

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
TWO_RANKS = Resources(minutes=30, tasks_per_node=2)

# Takes the options of pyxis from srun's arguments, as its SPANK plug-in does, and starts each rank in "the container".
PYXIS = """#!/bin/bash
export IMAGE= MOUNTS= KEPT=
srun_options=()
while [[ $1 == -* ]]; do
    case $1 in
    --container-image=*) IMAGE=${1#*=} ;;
    --container-mounts=*) MOUNTS=${1#*=} ;;
    --container-env=*) KEPT=${1#*=} ;;
    --output) srun_options+=("$1" "$2"); shift ;;
    *) srun_options+=("$1") ;;
    esac
    shift
done
exec REAL "${srun_options[@]}" FOLDER/container "$@"
"""

# The image has a PYTHONPATH of its own, which wins unless --container-env names the variable.
CONTAINER = """#!/bin/bash
[[ ,$KEPT, == *,PYTHONPATH,* ]] || export PYTHONPATH=/of/the/image
for file in WORKSPACE CHECKOUT; do
    [[ ,$MOUNTS, == *,"$file",* ]] || { echo "$file is not mounted" >&2; exit 1; }
done
printf '%s|%s|%s|%s|%s\\n' "$SLURM_PROCID" "$SLURM_NTASKS" "$IMAGE" "$ATTNCTL_CODE" "$MARK" > FOLDER/rank.$SLURM_PROCID
exec "$@"
"""

APPTAINER = """#!/bin/bash
[ "$1 $2" = "exec --nv" ] || exit 1
shift 2
export IMAGE= MOUNTS= KEPT=PYTHONPATH
while [[ $1 == --bind ]]; do MOUNTS+=,$2; shift 2; done
IMAGE=$1; shift
exec FOLDER/container "$@"
"""


@pytest.fixture
def stand_in(cluster: Cluster, tmp_path: Path) -> Path:
    """A folder for the PATH of a job, with the stand-ins."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    real = next(
        str(Path(part) / "srun") for part in os.environ["PATH"].split(":") if os.access(Path(part) / "srun", os.X_OK)
    )
    values = {
        "REAL": real,
        "FOLDER": shlex.quote(str(folder)),
        "WORKSPACE": shlex.quote(str(cluster.config.workspace.root)),
        "CHECKOUT": shlex.quote(str(Path(sys.prefix))),
    }
    for name, text in {"srun": PYXIS, "container": CONTAINER, "apptainer": APPTAINER}.items():
        for word, value in values.items():
            text = text.replace(word, value)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def arrived(folder: Path) -> list[list[str]]:
    return [path.read_text().strip().split("|") for path in sorted(folder.glob("rank.*"))]


def test_a_run_of_two_ranks_trains_in_a_container_of_pyxis(cluster: Cluster, make_specs: Specs, stand_in: Path) -> None:
    mounts = f"{cluster.config.workspace.root},{sys.prefix}"
    srun = {"container-image": "torch+25.01.sqsh", "container-mounts": mounts}
    setup = (f"export PATH={shlex.quote(str(stand_in))}:$PATH MARK='of the setup'",)
    done = cluster.submit(make_specs(1), TWO_RANKS, srun=srun, setup=setup)
    assert cluster.until(done, lambda states: not {"queued", "running"} & set(states)) == ["completed"]
    code = code_snapshot.digest() or ""
    assert arrived(stand_in) == [[str(rank), "2", "torch+25.01.sqsh", code, "of the setup"] for rank in range(2)]


def test_what_a_container_does_not_mount_is_told(cluster: Cluster, make_specs: Specs, stand_in: Path) -> None:
    setup = (f"export PATH={shlex.quote(str(stand_in))}:$PATH",)
    srun = {"container-image": "torch.sqsh", "container-mounts": "/data:/data"}
    done = cluster.submit(make_specs(1), TWO_RANKS, srun=srun, setup=setup)
    assert cluster.until(done, lambda states: not {"queued", "running"} & set(states)) == ["setup failed"]
    assert "is not mounted" in cluster.verdicts(done)[0].reason


def test_a_run_of_two_ranks_trains_in_apptainer_though_the_shell_exports_nothing(
    cluster: Cluster, make_specs: Specs, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_EXPORT_ENV", "SBATCH_EXPORT"):
        monkeypatch.setenv(name, "NONE")
    prefix = [str(stand_in / "apptainer"), "exec", "--nv"]
    for folder in (cluster.config.workspace.root, sys.prefix):
        prefix += ["--bind", str(folder)]
    setup = ("export SLURM_EXPORT_ENV=NONE MARK='of the setup'",)  # as a site's profile may say
    done = cluster.submit(make_specs(1), TWO_RANKS, command_prefix=(*prefix, "torch.sif"), setup=setup)
    assert cluster.until(done, lambda states: not {"queued", "running"} & set(states)) == ["completed"]
    code = code_snapshot.digest() or ""
    assert arrived(stand_in) == [[str(rank), "2", "torch.sif", code, "of the setup"] for rank in range(2)]
