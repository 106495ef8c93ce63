"""The real SLURM that `make slurm-up` brings up. Without it these tests are skipped, or fail where CI is set."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attnctl.grid import Axes, expand
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from tests.slurm.real_cluster import Cluster

ENVIRONMENT = Path(__file__).parents[2] / ".slurm" / "env.sh"
SMALL = {"epochs": ("1",), "batch": ("128",), "norm_batch": ("32",)}


def configuration() -> str | None:
    """slurm.conf of the cluster to use: the environment's, else that of `make slurm-up`."""
    if "SLURM_CONF" in os.environ:
        return os.environ["SLURM_CONF"]
    if ENVIRONMENT.is_file():
        found = re.search(r"SLURM_CONF=(\S+)", ENVIRONMENT.read_text())
        return found[1] if found else None
    return None


@pytest.fixture(scope="session")
def slurm_conf() -> str:
    """The path of slurm.conf of a cluster that answers."""
    conf = configuration()
    words = "there is no SLURM: `make slurm-up` brings one up"
    if conf is not None:
        command = ["sinfo", "-h", "-o", "%n"]
        try:
            done = subprocess.run(command, env=os.environ | {"SLURM_CONF": conf}, capture_output=True, timeout=20)
            if done.returncode == 0 and done.stdout:
                return conf
            words = f"the SLURM of {conf} does not answer: {done.stderr.decode().strip()}"
        except (OSError, subprocess.TimeoutExpired) as error:
            words = f"the SLURM of {conf} does not answer: {error}"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture
def cluster(slurm_conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A workspace with a hostile name; its jobs are gone when the test ends."""
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    workspace = Workspace(tmp_path / 'it\'s a "ü" $HOME workspace')
    found = Cluster(Config(workspace=workspace))
    path = os.environ["PATH"]
    yield found
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    for head in submissions.heads(workspace):
        if head.job_id:
            subprocess.run(["scancel", "--quiet", head.job_id], check=False)


@pytest.fixture
def make_specs() -> Callable[..., list[RunSpec]]:
    def make(count: int, **overrides: str) -> list[RunSpec]:
        recipe = SMALL | {name: (value,) for name, value in overrides.items()}
        return expand(Axes(modules=("se",), seeds=tuple(map(str, range(count))), overrides=recipe)).specs

    return make
