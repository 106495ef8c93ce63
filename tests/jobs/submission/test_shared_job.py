"""How many runs share a job, and what such a job asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.jobs.submission.script import compose
from attnctl.jobs.submission.shared_job import room, runs_per_job
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources


@pytest.mark.parametrize(
    ("options", "runs", "expected"),
    [
        (SlurmOptions(), 24, 0),
        (SlurmOptions(runs_per_gpu=1), 24, 0),
        (SlurmOptions(runs_per_gpu=4), 24, 4),
        (SlurmOptions(runs_per_gpu=4), 6, 3),
        (SlurmOptions(runs_per_gpu=4), 5, 3),
        (SlurmOptions(runs_per_gpu=4), 1, 0),
        (SlurmOptions(runs_per_gpu=4, parallel=2), 24, 2),
        (SlurmOptions(runs_per_gpu=4, parallel=1), 24, 0),
    ],
    ids=str,
)
def test_the_jobs_of_a_submission_share_its_runs_evenly(options: SlurmOptions, runs: int, expected: int) -> None:
    assert runs_per_job(options, Resources(), runs) == expected


def test_runs_that_wait_for_another_one_have_jobs_of_their_own() -> None:
    assert runs_per_job(SlurmOptions(runs_per_gpu=4), Resources(), 8, base="0" * 16) == 0


@pytest.mark.parametrize(
    ("options", "resources", "words"),
    [
        (SlurmOptions(), Resources(nodes=2), "--nodes is 2"),
        (SlurmOptions(command_prefix=("apptainer", "exec")), Resources(), "container"),
        (SlurmOptions(srun={"container-image": "torch.sqsh"}), Resources(), "container"),
    ],
    ids=["nodes", "prefix", "pyxis"],
)
def test_what_runs_of_a_shared_job_cannot_do_is_refused(
    options: SlurmOptions, resources: Resources, words: str
) -> None:
    shared = SlurmOptions(runs_per_gpu=4, command_prefix=options.command_prefix, srun=options.srun)
    with pytest.raises(SpecError, match=words):
        runs_per_job(shared, resources, 8)


def lines(config: Config, options: SlurmOptions, resources: Resources) -> list[str]:
    return compose(config, options, resources, 2, "attnctl-x", runs_per_job=3).splitlines()


def test_a_job_asks_for_the_cores_and_the_memory_of_all_its_runs_but_the_gpus_of_one(config: Config) -> None:
    resources = Resources(tasks_per_node=2, gpus_per_node=2, cpus_per_task=4)
    found = lines(config, SlurmOptions(mem="8G", parallel=6), resources)
    wanted = {"--cpus-per-task=12", "--ntasks-per-node=2", "--gpus-per-node=2", "--mem=24832M", "--array=0-1%2"}
    assert {f"#SBATCH {option}" for option in wanted} <= set(found)
    assert found[-1].endswith(
        "-- srun --nodes=1 --ntasks=2 --overlap --cpu-bind=none --kill-on-bad-exit=1 --export=ALL --cpus-per-task=4"
    )
    assert "attnctl.jobs.packed.supervisor" in found[-1]


def test_the_supervisor_of_a_whole_node_spreads_the_runs_over_gpus_that_slurm_does_not_manage(config: Config) -> None:
    found = lines(config, SlurmOptions(extra={"gpus-per-node": "false"}), Resources(gpus_per_node=1))
    assert " --gpus=1 -- srun " in found[-1]
    assert not [line for line in found if line.startswith("#SBATCH --g")]


def test_memory_per_core_grows_with_the_cores_and_memory_per_gpu_with_the_runs(config: Config) -> None:
    per_cpu = lines(config, SlurmOptions(extra={"mem-per-cpu": "2G"}), Resources())
    assert "#SBATCH --mem-per-cpu=2G" in per_cpu
    per_gpu = lines(config, SlurmOptions(extra={"mem-per-gpu": "2G"}), Resources(gpus_per_node=1))
    assert "#SBATCH --mem-per-gpu=6400M" in per_gpu


def test_the_steps_of_runs_on_cpus_have_cores_of_their_own(config: Config) -> None:
    assert "srun --nodes=1 --ntasks=1 --exact " in lines(config, SlurmOptions(srun={"mpi": "none"}), Resources())[-1]


def test_auto_asks_for_room_for_four_until_a_job_has_measured_more_or_fewer(
    tmp_path: Path, make_specs: Callable[[int], list[RunSpec]]
) -> None:
    workspace, specs = Workspace(tmp_path), make_specs(12)
    options = SlurmOptions(runs_per_gpu="auto")
    assert runs_per_job(room(workspace, options, Resources(), specs), Resources(), 12) == 4
    assert room(workspace, SlurmOptions(runs_per_gpu=3), Resources(), specs).runs_per_gpu == 3
    found = Packing(number=2, asked=4, gains=[1.5, 1.0], reason="one more does not pay", device="cpu", at=1.0)
    packing.write(workspace, packing.key(specs[0], Resources()), found)
    assert runs_per_job(room(workspace, options, Resources(), specs), Resources(), 12) == 2
    script = lines(Config(workspace=workspace), options, Resources())
    assert " -m attnctl.jobs.packed.supervisor " in script[-1]
    assert " --auto -- srun " in script[-1]


def test_auto_divides_the_cores_of_a_gpu_among_no_more_runs_than_it_began_with(
    tmp_path: Path, make_specs: Callable[[int], list[RunSpec]]
) -> None:
    workspace, specs, gpu = Workspace(tmp_path), make_specs(12), Resources(gpus_per_node=1)
    found = Packing(number=4, asked=4, gains=[2.0, 1.5, 1.3], reason="the job has no more places", device="a", at=1.0)
    packing.write(workspace, packing.key(specs[0], gpu), found)
    assert room(workspace, SlurmOptions(runs_per_gpu="auto"), gpu, specs).runs_per_gpu == 4
    assert room(workspace, SlurmOptions(runs_per_gpu="auto", cpus_per_gpu=2), gpu, specs).runs_per_gpu == 8
