"""The cluster of the storm: the environment's, else that of `make slurm-up`."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storm.calm_weather import SHORT, calm_sweep
from tests.storm.harness import Sweep

ENVIRONMENT = Path(__file__).parents[2] / ".slurm" / "env.sh"


@pytest.fixture(scope="session")
def slurm_conf() -> Iterator[str]:
    """The path of slurm.conf of a cluster that answers; in the environment of what the storm starts."""
    found = re.search(r"SLURM_CONF=(\S+)", ENVIRONMENT.read_text()) if ENVIRONMENT.is_file() else None
    conf = os.environ.get("SLURM_CONF") or (found[1] if found else None)
    if conf is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no SLURM: `make slurm-up` brings one up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", conf)
        done = subprocess.run(["sinfo", "-h", "-o", "%n"], capture_output=True, text=True)
        if done.returncode or not done.stdout:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the SLURM of {conf} does not answer")
        yield conf


@pytest.fixture(scope="session")
def calm(slurm_conf: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """The short storm's runs in calm weather."""
    with calm_sweep(tmp_path_factory.mktemp("calm"), SHORT) as sweep:
        yield sweep
