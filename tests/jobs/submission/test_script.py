from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.jobs.submission import code_snapshot
from attnctl.jobs.submission.script import compose
from attnctl.settings.config import Config, SlurmOptions
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources

OPTIONS = SlurmOptions(
    partition="gpu",
    account="lab",
    mem="64G",
    parallel=4,
    setup=("module load cuda",),
    extra={"mail-type": "FAIL", "--hold": "true", "requeue": "false", "comment": "it's $HOME"},
)


def test_the_whole_script() -> None:
    resources = Resources(nodes=2, tasks_per_node=4, gpus_per_node=4, cpus_per_task=8, minutes=90)
    text = compose(Config(workspace=Workspace(Path("/work dir"))), OPTIONS, resources, 12, "attnctl-1")
    code = code_snapshot.digest()
    assert (
        text
        == f"""\
#!/bin/bash

# Parameters
#SBATCH --account=lab
#SBATCH --array=0-11%4
#SBATCH --comment='it'"'"'s $HOME'
#SBATCH --cpus-per-task=8
#SBATCH --dependency=singleton
#SBATCH --gpus-per-node=4
#SBATCH --hold
#SBATCH --job-name=attnctl-1
#SBATCH --mail-type=FAIL
#SBATCH --mem=64G
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --open-mode=append
#SBATCH --output='/work dir/submissions/attnctl-1.logs/%A_%a_0_log.out'
#SBATCH --partition=gpu
#SBATCH --signal=USR2@120
#SBATCH --time=90

# setup
. '/work dir/submissions/attnctl-1.logs/guard.sh' '/work dir/submissions/attnctl-1.logs' '/work dir/runs' 3 \
{sys.executable}
module load cuda
attnctl_ready
export ATTNCTL_CODE={code} PYTHONPATH='/work dir/code/{code}'${{PYTHONPATH:+:$PYTHONPATH}}

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output '/work dir/submissions/attnctl-1.logs/%A_%a_%t_log.out' --kill-on-bad-exit=1 \
--export=ALL --cpus-per-task=8 {sys.executable} -u -P -m attnctl.jobs.worker --workspace '/work dir' --tag attnctl-1
"""
    )


def test_a_run_that_starts_from_another_waits_for_its_job() -> None:
    options = SlurmOptions(extra={"dependency": "afterok:3"})
    text = compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t", after="12_4")
    assert "#SBATCH --dependency=singleton,afterok:3,afterany:12_4\n" in text
    text = compose(Config(workspace=Workspace(Path("/w"))), SlurmOptions(), Resources(), 1, "t")
    assert "#SBATCH --dependency=singleton\n" in text


def test_options_that_are_not_set_are_left_to_the_cluster() -> None:
    text = compose(Config(workspace=Workspace(Path("/w"))), SlurmOptions(), Resources(), 1, "t")
    for option in ("time", "partition", "mem", "gpus", "wckey"):
        assert f"--{option}" not in text
    assert "#SBATCH --array=0-0%1" in text  # an array even of one: each job id is <array>_<task>


@pytest.mark.parametrize(("minutes", "seconds"), [(None, 120), (60, 120), (8, 120), (2, 30), (1, 15)])
def test_the_signal_before_the_time_limit_leaves_time_to_train(minutes: int | None, seconds: int) -> None:
    text = compose(Config(workspace=Workspace(Path("/w"))), SlurmOptions(), Resources(minutes=minutes), 1, "t")
    assert f"#SBATCH --signal=USR2@{seconds}\n" in text


@pytest.mark.parametrize("name", ["a b", "it's", 'a "b"', "$(touch x)", "`id`", "ü;rm", "-n", "a&b|c>d"])
def test_a_hostile_path_is_one_word_in_the_shell(name: str, tmp_path: Path) -> None:
    text = compose(Config(workspace=Workspace(tmp_path / name)), SlurmOptions(), Resources(), 1, "t")
    last = text.rstrip().splitlines()[-1]
    words = subprocess.run(
        ["bash", "-c", f"srun() {{ printf '%s\\0' \"$@\"; }}; {last}"], capture_output=True, check=True
    ).stdout.decode()
    assert str(tmp_path / name) in words.split("\0")
    assert words.split("\0")[:-1] == shlex.split(last)[1:]


@pytest.mark.parametrize("name", ["100%", "a\\b", "a\nb"])
def test_a_path_that_slurm_would_change_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="path"):
        compose(Config(workspace=Workspace(tmp_path / name)), SlurmOptions(), Resources(), 1, "t")


@pytest.mark.parametrize(
    "options",
    [
        SlurmOptions(partition="gpu\ntouch /tmp/x"),
        SlurmOptions(extra={"comment": "a\rb"}),
        SlurmOptions(extra={"comment\n": "a"}),
        SlurmOptions(extra={"Comment x": "a"}),
        SlurmOptions(extra={"job-name": "mine"}),
        SlurmOptions(account=""),
    ],
)
def test_a_value_with_a_line_break_is_refused(options: SlurmOptions) -> None:
    with pytest.raises(SpecError):
        compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")


def test_composing_needs_no_torch_and_no_slurm(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from attnctl.settings.config import Config, SlurmOptions;"
        "from attnctl.workspace.records import Resources; from attnctl.workspace.layout import Workspace;"
        "from attnctl.jobs.submission.submit import compose;"
        "import attnctl.jobs.slurm.observe, attnctl.jobs.local.runner, attnctl.jobs.slurm.cancel;"
        "import attnctl.jobs.doctor.compute_node;"
        "compose(Config(workspace=Workspace(Path('/w'))), SlurmOptions(), Resources(), 1, 't');"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    subprocess.run(command, check=True, env={"PATH": str(tmp_path)})


def test_a_users_dependency_is_combined_with_ours() -> None:
    options = SlurmOptions(extra={"dependency": "afterok:12_0"})
    text = compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")
    assert [line for line in text.splitlines() if "dependency" in line] == [
        "#SBATCH --dependency=singleton,afterok:12_0"
    ]


def test_a_script_requests_requeueing_unless_the_settings_mention_it() -> None:
    def lines(extra: dict[str, str], module: str = "attnctl.jobs.worker") -> set[str]:
        config = Config(workspace=Workspace(Path("/w")))
        text = compose(config, SlurmOptions(extra=extra), Resources(), 1, "attnctl-1", module=module)
        return {line for line in text.splitlines() if "requeue" in line}

    assert lines({}) == {"#SBATCH --requeue"}
    assert lines({"requeue": "false"}) == set()
    assert lines({"--no-requeue": "true"}) == {"#SBATCH --no-requeue"}
    assert lines({}, "attnctl.jobs.doctor.compute_node") == set()


def options_of(text: str) -> set[str]:
    return {line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")}


def test_false_removes_options_from_the_script() -> None:
    config = Config(workspace=Workspace(Path("/w")))
    resources = Resources(gpus_per_node=2, tasks_per_node=2, cpus_per_task=8)
    extra = {"gpus-per-node": "false", "cpus-per-task": "false", "hold": "false"}
    text = compose(config, SlurmOptions(gpus_per_node=2, extra=extra), resources, 1, "t")
    assert not [line for line in options_of(text) if line.startswith(("--gpus", "--cpus", "--hold", "--gres"))]
    assert "--ntasks-per-node=2" in options_of(text)
    assert "--cpus-per-task" not in text


def test_a_script_that_asks_by_gres_has_no_second_request() -> None:
    config = Config(workspace=Workspace(Path("/w")))
    resources = Resources(gpus_per_node=2, tasks_per_node=2)
    text = compose(config, SlurmOptions(extra={"gres": "gpu:a100:1,nvme:1"}), resources, 1, "t")
    assert [line for line in options_of(text) if "gpu" in line] == ["--gres=gpu:a100:2,nvme:1"]


def test_options_of_srun_stand_on_its_line_and_not_in_the_scripts_options() -> None:
    options = SlurmOptions(srun={"container-image": "a b.sqsh", "cpu-bind": "none"})
    text = compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")
    last = shlex.split(text.rstrip().splitlines()[-1])
    assert {"--container-image=a b.sqsh", "--cpu-bind=none", "--export=ALL"} <= set(last[: last.index(sys.executable)])
    assert not [line for line in options_of(text) if "container" in line or "cpu-bind" in line]


def test_the_prefix_stands_before_the_interpreter_of_the_settings() -> None:
    options = SlurmOptions(command_prefix=("apptainer", "exec", "my image.sif"), python="/opt/python")
    text = compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")
    last = shlex.split(text.rstrip().splitlines()[-1])
    assert last[last.index("apptainer") :][:7] == [
        *("apptainer", "exec", "my image.sif", "/opt/python", "-u", "-P", "-m"),
    ]
    options = SlurmOptions(command_prefix=("a\nb",))
    with pytest.raises(SpecError, match="must be one line of text"):
        compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")


@pytest.mark.parametrize("options", [SlurmOptions(srun={"output": "x"}), SlurmOptions(srun={"a\nb": "x"})])
def test_an_option_of_srun_that_attnctl_decides_is_refused(options: SlurmOptions) -> None:
    with pytest.raises(SpecError, match=r"in \[slurm.srun\]"):
        compose(Config(workspace=Workspace(Path("/w"))), options, Resources(), 1, "t")


ASKING = {
    "gres": st.sampled_from(["gpu:1", "gpu:a100:2", "nvme:1", "gpu:2,nvme:1", "false"]),
    "gpus": st.sampled_from(["2", "a100:4", "false"]),
    "gpus-per-task": st.sampled_from(["1", "a100:1"]),
    "gpus-per-node": st.just("false"),
    "mem-per-cpu": st.just("2G"),
    "mem-per-gpu": st.just("2G"),
}


@given(
    extra=st.fixed_dictionaries({}, optional=ASKING),
    mem=st.sampled_from([None, "8G"]),
    count=st.sampled_from([None, 1, 2]),
    gpus=st.sampled_from([0, 1, 2]),
    nodes=st.sampled_from([1, 2]),
)
def test_no_settings_make_a_script_ask_twice(
    extra: dict[str, str], mem: str | None, count: int | None, gpus: int, nodes: int
) -> None:
    options = SlurmOptions(extra=extra, mem=mem, gpus_per_node=count)
    resources = Resources(nodes=nodes, gpus_per_node=gpus, tasks_per_node=max(1, gpus))
    with contextlib.suppress(SpecError):  # settings that contradict each other are refused
        found = options_of(compose(Config(workspace=Workspace(Path("/w"))), options, resources, 1, "t"))
        asking = [option for option in found if option.startswith("--gpus") or "=gpu:" in option]
        assert len(asking) == (1 if gpus and (extra.get("gpus-per-node") is None or _other_way(extra)) else 0)
        assert sum(option.startswith("--mem") for option in found) <= 1


def _other_way(extra: dict[str, str]) -> bool:
    return "gpu" in extra.get("gres", "") or extra.get("gpus", "false") != "false" or "gpus-per-task" in extra
