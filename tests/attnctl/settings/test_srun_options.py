"""The options of [slurm.srun], the command prefix and the interpreter of the jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.settings import srun_options
from attnctl.settings.config import ConfigError, SlurmOptions, find


def settings(folder: Path, text: str) -> SlurmOptions:
    (folder / "attnctl.toml").write_text(text)
    return find(None, folder, {}).slurm


def test_options_become_arguments_of_srun() -> None:
    given = {"cpu-bind": "none", "--mpi": "pmix", "overlap": "true", "exact": "false"}
    assert srun_options.arguments(given) == ["--cpu-bind=none", "--mpi=pmix", "--overlap"]
    assert srun_options.arguments({}) == []


def test_a_container_gets_the_jobs_code_whatever_its_image_says() -> None:
    image = {"container-image": "nvcr.io#nvidia/pytorch:25.01-py3", "container-mounts": "/home,/data:/data"}
    assert srun_options.arguments(image) == [
        "--container-env=ATTNCTL_CODE,PYTHONPATH",
        "--container-image=nvcr.io#nvidia/pytorch:25.01-py3",
        "--container-mounts=/home,/data:/data",
    ]
    named = srun_options.arguments({"container-name": "mine", "container-env": "NCCL_DEBUG"})
    assert named[0] == "--container-env=NCCL_DEBUG,ATTNCTL_CODE,PYTHONPATH"
    assert srun_options.in_container(image)
    assert not srun_options.in_container({"cpu-bind": "none"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[slurm.srun]\noutput = "x"\n', "attnctl.toml:2: output is decided by attnctl; attnctl logs shows"),
        ('[slurm.srun]\nexport = "NONE"\n', "attnctl.toml:2: export is decided by attnctl; the processes get"),
        ('[slurm.srun]\n"Container x" = "y"\n', "is not an option of srun; write it as container-image"),
        ('[slurm]\ncommand_prefix = ""\n', "attnctl.toml:2: command_prefix must be a command on one line"),
        ('[slurm]\ncommand_prefix = "a \'b"\n', "attnctl.toml:2: command_prefix cannot be split into words"),
        ('[slurm]\npython = ""\n', "attnctl.toml:2: python must be one line of text"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, text)
    assert words in str(raised.value)


def test_a_prefix_is_split_into_words_and_a_profile_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    text = """
[slurm]
command_prefix = "apptainer exec --nv --bind '/my data' ~/torch.sif"
python = "/usr/bin/python3"
[slurm.srun]
cpu-bind = "none"
[slurm.profiles.bare]
srun = {}
"""
    found = settings(tmp_path, text)
    assert found.command_prefix == ("apptainer", "exec", "--nv", "--bind", "/my data", "/home/ada/torch.sif")
    assert (found.python, found.srun) == ("/usr/bin/python3", {"cpu-bind": "none"})
    assert find(None, tmp_path, {}).profile("bare").srun == {}
