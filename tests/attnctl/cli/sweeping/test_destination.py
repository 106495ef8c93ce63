"""Where a sweep runs: the settings, overridden by the options of the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl import datasets, models
from attnctl.cli.sweeping.destination import choose_destination, missing_data
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.grid import Axes, expand
from attnctl.jobs.slurm.commands import SlurmUnavailable
from attnctl.settings.config import Config, SlurmOptions
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Submission
from tests.fixtures.fake_slurm import Fake

STANDING = SlurmOptions(partition="cpu", mem="8G", time="60", constraint="old", parallel=9)
CONFIG = Config(workspace=Workspace(Path("/nowhere")), slurm=STANDING)


def test_options_of_the_command_override_the_settings() -> None:
    asked = ResourceOptions(run_on="local", time="2:00:00", mem="64G", partition="gpu", constraint="a100", parallel=2)
    made = choose_destination(CONFIG, asked)
    options = made.options
    assert (options.partition, options.mem, options.constraint, options.parallel) == ("gpu", "64G", "a100", 2)
    assert made.resources.minutes == 120
    assert choose_destination(CONFIG, ResourceOptions(run_on="local")).options == STANDING


def test_the_default_is_one_process_with_one_core() -> None:
    made = choose_destination(CONFIG, ResourceOptions(run_on="local", device="cpu"))
    assert (made.where, made.resources.world, made.resources.cpus_per_task) == ("local", 1, 1)
    assert (made.resources.device, made.resources.gpus_per_node) == ("cpu", 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nodes": 2, "device": "cpu"}, "--nodes 2 needs SLURM"),
        ({"device": "cpu", "gpus_per_node": 1}, "--device cpu and --gpus-per-node 1 contradict each other"),
        ({"device": "cuda", "gpus_per_node": 0}, "--device cuda, but there are no GPUs"),
        ({"partition": "a b"}, "--partition is 'a b'"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        choose_destination(CONFIG, ResourceOptions(run_on="local", **options))  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_workspace_with_runs_on_slurm_needs_sbatch_or_an_explicit_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    workspace = Workspace(tmp_path)
    asked = ResourceOptions(device="cpu")
    common = {"created": 1.0, "host": "login", "pid": 1, "tasks": [], "specs": {}}
    local = Submission(tag="a", where="local", job_id="login:1", **common)  # type: ignore[arg-type]
    submissions.create(workspace, local)
    assert choose_destination(Config(workspace=workspace), asked).where == "local"
    on_slurm = Submission(tag="b", where="slurm", job_id="7", cluster="c", **common)  # type: ignore[arg-type]
    submissions.create(workspace, on_slurm)
    with pytest.raises(SpecError, match="this workspace has runs on SLURM, but sbatch is not on the PATH"):
        choose_destination(Config(workspace=workspace), asked)
    assert choose_destination(Config(workspace=workspace), replace(asked, run_on="local")).where == "local"


def test_without_an_answer_of_slurm_there_is_no_destination_unless_none_is_expected(fake: Fake) -> None:
    for name in ("sinfo", "scontrol"):
        fake.does(name, "echo 'Unable to contact slurm controller' >&2; exit 1")
    fake.says("sbatch", "")
    config, asked = replace(CONFIG, slurm=SlurmOptions()), ResourceOptions(time="60")
    with pytest.raises(SlurmUnavailable, match="Unable to contact slurm controller; use --run-on local"):
        choose_destination(config, asked)
    before = len(fake.calls("sinfo"))
    made = choose_destination(config, asked, answering=False)
    assert (made.where, made.resources.gpus_per_node, made.resources.minutes) == ("slurm", 0, 60)
    assert choose_destination(config, replace(asked, gpus_per_node=2), answering=False).resources.gpus_per_node == 2
    assert len(fake.calls("sinfo")) == before


def test_equal_destinations_have_equal_keys() -> None:
    asked = ResourceOptions(run_on="local", device="cpu")
    assert choose_destination(CONFIG, asked).key == choose_destination(CONFIG, asked).key
    assert (
        choose_destination(CONFIG, asked).key
        != choose_destination(CONFIG, ResourceOptions(run_on="local", device="cpu", mem="1G")).key
    )


def models_of(dataset: str) -> tuple[str, ...]:
    """A model that can be trained on the data set; an empty name for a classifier."""
    fitting = [name for name in models.names() if dataset in models.datasets_of(models.describe(name).task)]
    return tuple(fitting[:1]) or ("",)


@pytest.mark.parametrize("name", [name for name in datasets.names() if datasets.describe(name).layout != "embedded"])
def test_missing_data_comes_with_the_command_that_fetches_it(name: str) -> None:
    (spec,) = expand(Axes(modules=("none",), datasets=(name,), models=models_of(name))).specs
    (message,) = missing_data(CONFIG, [spec])
    assert message.startswith(f"{name} is incomplete in ")
    assert message.endswith(f"; run `attnctl data fetch {name}`") == datasets.describe(name).can_be_fetched
