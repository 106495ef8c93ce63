"""Where a sweep runs: the settings, overridden by the options of the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from attnctl import datasets, models
from attnctl.cli.sweeping.destination import by_rules, choose_destination, excluding, missing_data
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.grid import Axes, expand
from attnctl.jobs.slurm.commands import SlurmUnavailable
from attnctl.settings.config import Config, DataRoots, SlurmOptions, read
from attnctl.values import SpecError
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Submission
from tests.fixtures.fake_slurm import Fake
from tests.jobs.slurm.test_nodes import cluster

STANDING = SlurmOptions(partition="cpu", mem="8G", time="60", constraint="old", parallel=9)
CONFIG = Config(workspace=Workspace(Path("/nowhere")), slurm=STANDING)


def test_options_of_the_command_override_the_settings() -> None:
    asked = ResourceOptions(run_on="local", time="2:00:00", mem="64G", partition="gpu", constraint="a100", parallel=2)
    made = choose_destination(CONFIG, asked)
    options = made.options
    assert (options.partition, options.mem, options.constraint, options.parallel) == ("gpu", "64G", "a100", 2)
    assert made.resources.minutes == 120
    made = choose_destination(CONFIG, ResourceOptions(run_on="local", account="lab", qos="high", exclude="n[1-2]"))
    assert (made.options.account, made.options.qos, made.options.exclude) == ("lab", "high", "n[1-2]")
    assert made.options.partition == "cpu"
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


def test_missing_class_maps_come_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    coco = datasets.describe("coco")
    for item in coco.files:
        (tmp_path / "coco" / item.name).mkdir(parents=True)
        (tmp_path / "coco" / item.name / "a.jpg").touch()
    config = replace(CONFIG, data=DataRoots(root=tmp_path))
    specs = expand(Axes(modules=("none",), datasets=("coco",), models=("htc", "maskrcnn"))).specs
    assert list(missing_data(config, specs[1:])) == []
    assert list(missing_data(config, specs)) == [
        f"coco lacks the class maps that htc trains with: missing stuffthingmaps/train2017 in {tmp_path / 'coco'}; "
        "run `attnctl data fetch coco --maps`"
    ]
    (tmp_path / "coco" / "stuffthingmaps" / "train2017").mkdir(parents=True)
    assert list(missing_data(config, specs)) == []


def on_slurm(fake: Fake, gres: str) -> None:
    fake.does("sbatch", "true")
    fake.says("sinfo", f"2|1-00:00:00|{gres}|main*\n")
    nodes = f"NodeName=n1 Arch=x86_64 CPUTot=32 Gres={gres} Partitions=main\n"
    fake.says("scontrol", f"PartitionName=main Default=YES MaxCPUsPerNode=UNLIMITED\n{nodes}")


@pytest.mark.parametrize(
    ("settings", "asked", "gpus", "processes"),
    [
        (SlurmOptions(), {}, 1, 1),
        (SlurmOptions(gpus_per_node=2), {}, 2, 2),
        (SlurmOptions(gpus_per_node=2), {"gpus_per_node": 4}, 4, 4),
        (SlurmOptions(extra={"gres": "gpu:a100:2"}), {}, 2, 2),
        (SlurmOptions(extra={"gres": "gpu:a100:2"}), {"gpus_per_node": 1}, 1, 1),
        (SlurmOptions(extra={"gpus": "4"}), {"nodes": 2}, 2, 2),
        (SlurmOptions(extra={"gpus-per-task": "1"}), {"tasks_per_node": 3}, 3, 3),
        (SlurmOptions(extra={"gres": "gpu:1"}), {"device": "cpu", "tasks_per_node": 2}, 0, 2),
    ],
)
def test_gpus_in_extra_count_as_gpus(
    fake: Fake, settings: SlurmOptions, asked: dict[str, Any], gpus: int, processes: int
) -> None:
    on_slurm(fake, "gpu:a100:4")
    made = choose_destination(replace(CONFIG, slurm=settings), ResourceOptions(run_on="slurm", **asked))
    assert (made.resources.gpus_per_node, made.resources.tasks_per_node) == (gpus, processes)
    assert made.resources.cpus_per_task == (8 if gpus else 1)  # its share of 32 cores for 4 GPUs


def test_gpus_that_slurm_does_not_manage_are_used_if_the_settings_say_so(fake: Fake) -> None:
    on_slurm(fake, "(null)")
    whole = SlurmOptions(gpus_per_node=4, extra={"gpus-per-node": "false"})
    made = choose_destination(replace(CONFIG, slurm=whole), ResourceOptions(run_on="slurm"))
    assert (made.resources.gpus_per_node, made.resources.world) == (4, 4)
    uncounted = SlurmOptions(extra={"gpus-per-node": "false"})
    options = ResourceOptions(run_on="slurm", device="cuda")
    made = choose_destination(replace(CONFIG, slurm=uncounted), options)
    assert (made.resources.gpus_per_node, made.resources.device) == (1, "cuda")
    with pytest.raises(SpecError, match=r"SLURM knows of no GPUs in this partition.* gpus-per-node = false"):
        choose_destination(replace(CONFIG, slurm=SlurmOptions()), options)


def test_the_partition_of_the_shell_decides_whether_there_are_gpus(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    on_slurm(fake, "(null)")
    fake.says("sinfo", "2|1-00:00:00|(null)|main*\n2|1-00:00:00|gpu:2|gpu\n")
    config = replace(CONFIG, slurm=SlurmOptions())
    asked = ResourceOptions(run_on="slurm")
    assert choose_destination(config, asked).resources.gpus_per_node == 0
    monkeypatch.setenv("SBATCH_PARTITION", "gpu")
    assert choose_destination(config, asked).resources.gpus_per_node == 1


def test_rules_hold_for_slurm_and_nodes_of_the_settings_too(tmp_path: Path, fake: Fake) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    fake.does("sbatch", "cat > /dev/null")
    file = tmp_path / "attnctl.toml"
    file.write_text('[slurm]\nnodes = 2\n[[slurm.rules]]\nmodule = "se"\nnodes = 4\nparallel = 3\n')
    config = read(file)
    specs = expand(Axes(modules=("none", "se"), datasets=("digits",))).specs
    asked = ResourceOptions(run_on="slurm")
    made = by_rules(config, asked, choose_destination(config, asked), specs)
    assert [(part.resources.nodes, part.options.parallel) for part, _ in made.groups(specs)] == [(2, None), (4, 3)]
    asked = ResourceOptions(run_on="slurm", nodes=1)
    made = by_rules(config, asked, choose_destination(config, asked), specs)
    assert [(part.resources.nodes, part.options.parallel) for part, _ in made.groups(specs)] == [(1, None), (1, 3)]
    without = excluding(made, ["n1"])
    assert [part.options.exclude for part, _ in without.groups(specs)] == ["n1", "n1"]
    local = choose_destination(config, ResourceOptions(run_on="local", device="cpu"))
    assert by_rules(config, ResourceOptions(run_on="local"), local, specs) == local
    assert local.resources.nodes == 1


@pytest.mark.parametrize(("together", "cores"), [(None, 15), (4, 3), ("auto", 3), (64, 1)])
def test_runs_that_share_a_gpu_divide_its_share_of_the_cores(
    fake: Fake, together: int | Literal["auto"] | None, cores: int
) -> None:
    cluster(fake)  # in this partition, the share of a GPU is 15 cores
    fake.says("sinfo", "5|infinite|gpu:4|all*\n")
    fake.does("sbatch", "cat > /dev/null")
    config = Config(workspace=Workspace(Path("/nowhere")), slurm=SlurmOptions(partition="all", runs_per_gpu=together))
    made = choose_destination(config, ResourceOptions(run_on="slurm", gpus_per_node=1))
    assert made.resources.cpus_per_task == cores
