"""The one option by which a script asks for memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.settings import memory_request
from attnctl.settings.config import ConfigError, SlurmOptions, find
from attnctl.workspace.records import Resources

FOUR_CPUS = Resources(tasks_per_node=2, cpus_per_task=2)
TWO_GPUS = Resources(tasks_per_node=2, cpus_per_task=2, gpus_per_node=2)
PER_CPU = {"mem-per-cpu": "2G"}
PER_GPU = {"mem-per-gpu": "8G"}


@pytest.mark.parametrize(
    ("settings", "resources", "script", "per_node"),
    [
        (SlurmOptions(), FOUR_CPUS, {}, None),
        (SlurmOptions(mem="8G"), FOUR_CPUS, {"mem": "8G"}, 8192),
        (SlurmOptions(extra=PER_CPU), FOUR_CPUS, {"mem-per-cpu": "2G"}, 8192),
        (SlurmOptions(extra={"--mem-per-cpu": "2G"}), FOUR_CPUS, {"mem-per-cpu": "2G"}, 8192),
        (SlurmOptions(extra=PER_CPU, mem="12G"), FOUR_CPUS, {"mem-per-cpu": "3072M"}, 12288),
        (SlurmOptions(extra=PER_CPU, mem="9001M"), FOUR_CPUS, {"mem-per-cpu": "2251M"}, 9004),  # rounded up
        (SlurmOptions(extra=PER_GPU), TWO_GPUS, {"mem-per-gpu": "8G"}, 16384),
        (SlurmOptions(extra=PER_GPU, mem="24G"), TWO_GPUS, {"mem-per-gpu": "12288M"}, 24576),
        (SlurmOptions(extra=PER_GPU, mem="24G"), FOUR_CPUS, {"mem": "24G"}, 24576),  # it trains on CPUs
        (SlurmOptions(extra=PER_GPU), FOUR_CPUS, {}, None),
    ],
)
def test_more_memory_is_requested_by_the_same_option(
    settings: SlurmOptions, resources: Resources, script: dict[str, str], per_node: int | None
) -> None:
    assert memory_request.options(settings, resources) == script
    assert memory_request.per_node(settings, resources) == per_node


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[slurm]\nmem = "8G"\n[slurm.extra]\nmem-per-cpu = "2G"\n', ":2: mem and mem-per-cpu both set the memory"),
        ('[slurm.extra]\nmem-per-gpu = "8G"\nmem-per-cpu = "2G"\n', "both set the memory; keep one of them"),
        (
            '[slurm.extra]\nmem-per-cpu = "2G"\n[slurm.profiles.big]\nmem = "8G"\n',
            ":4: mem and mem-per-cpu both set the memory",
        ),
        ('[slurm.extra]\nmem-per-cpu = "much"\n', ":2: mem-per-cpu is wrong: "),
    ],
)
def test_settings_with_two_amounts_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "attnctl.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        find(None, tmp_path, {})
    assert words in str(raised.value)


def test_a_profile_removes_the_memory_of_the_settings(tmp_path: Path) -> None:
    text = '[slurm]\nmem = "8G"\n[slurm.profiles.small]\nextra = { mem = false, mem-per-cpu = "2G" }\n'
    (tmp_path / "attnctl.toml").write_text(text)
    found = find(None, tmp_path, {})
    assert (found.slurm.mem, found.profile("small").mem) == ("8G", None)
    assert memory_request.options(found.profile("small"), FOUR_CPUS) == {"mem-per-cpu": "2G"}
