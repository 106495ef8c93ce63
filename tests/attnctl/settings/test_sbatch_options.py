"""The options of [slurm.extra]."""

from pathlib import Path

import pytest

from attnctl.settings import sbatch_options
from attnctl.settings.config import ConfigError, find


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("time", "set time in [slurm]"),
        ("partition", "set partition in [slurm]"),
        ("nodes", "use --nodes"),
        ("ntasks-per-node", "set gpus_per_node in [slurm], or use --tasks-per-node"),
        ("array", "set parallel in [slurm] to limit how many runs train at once"),
        ("signal", "attnctl needs the signal to save a checkpoint before the time limit"),
        ("output", "attnctl logs shows what a run prints"),
        ("job-name", "attnctl finds its jobs by their name"),
        ("open-mode", "attnctl appends to its logs"),
        ("export", 'add "export NAME=VALUE" to setup in [slurm]'),
        ("chdir", 'add "cd FOLDER" to setup in [slurm]'),
        ("wrap", "add the command to setup in [slurm]"),
        ("gpus-per-node", "set gpus_per_node in [slurm]"),
        ("cpus-per-task", "set cpus_per_gpu in [slurm], or use --cpus-per-task"),
        ("mem", "set mem in [slurm]"),
    ],
)
def test_an_option_that_attnctl_decides_is_refused_with_the_setting_to_use(
    option: str, instead: str, tmp_path: Path
) -> None:
    assert sbatch_options.problem(f"--{option}", "1") == f"is decided by attnctl; {instead}"
    (tmp_path / "attnctl.toml").write_text(f'[slurm]\n[slurm.extra]\nmail-type = "FAIL"\n{option} = "1"\n')
    with pytest.raises(ConfigError) as raised:
        find(None, tmp_path, {})
    assert str(raised.value) == f"{tmp_path}/attnctl.toml:4: {option} is decided by attnctl; {instead}"


@pytest.mark.parametrize("option", ["parsable", "quiet", "help"])
def test_an_option_that_changes_what_sbatch_prints_is_refused(option: str) -> None:
    assert sbatch_options.problem(option, "true") == "is decided by attnctl"


@pytest.mark.parametrize("option", ["comment", "requeue", "no-requeue", "dependency", "mail-type", "hold", "clusters"])
def test_options_that_attnctl_does_not_decide_are_accepted(option: str) -> None:
    assert sbatch_options.problem(option, "x") is None


def test_false_removes_an_option_of_attnctls_own() -> None:
    extra = {"--gpus-per-node": "false", "mem": "false", "hold": "true"}
    assert [sbatch_options.problem(name, value) for name, value in extra.items()] == [None] * 3
    assert sbatch_options.given(extra) == {"hold": "true"}
    assert sbatch_options.removed(extra, "gpus-per-node")
    assert not sbatch_options.removed(extra, "cpus-per-task")
    assert sbatch_options.problem("signal", "false") is not None


@pytest.mark.parametrize(
    ("name", "value"), [("Mail type", "x"), ("comment\n", "a"), ("comment", "a\rb"), ("comment", "")]
)
def test_a_name_or_value_that_a_script_cannot_hold_is_refused(name: str, value: str) -> None:
    assert sbatch_options.problem(name, value) is not None
