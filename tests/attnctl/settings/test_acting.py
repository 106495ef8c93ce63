"""Which settings can run or send something."""

from __future__ import annotations

import re
import tomllib
from typing import get_type_hints

import pytest

from attnctl.settings import acting
from attnctl.settings.config import TEMPLATE, SlurmOptions

ACTING = """
[slurm]
partition = "gpu"
setup = ["module load cuda"]
[slurm.extra]
gres = "gpu:1"
bb = "stage_in"
[slurm.srun]
cpu-bind = "none"
--task-prolog = "./x.sh"
[slurm.profiles.big]
time = "1:00:00"
python = "./python"
[slurm.profiles.big.srun]
container-image = "x.sqsh"
[defaults]
seed = "0,1"
recipe = "mine.toml"
backbone = "resnet20,./net.py:build"
[notify]
webhook = "https://example.org"
[unheard]
of = 1
"""


def keys(text: str) -> list[str]:
    return [item.key for item in acting.acting_settings(tomllib.loads(text))]


def test_settings_that_run_or_send_something_act_in_profiles_too() -> None:
    assert keys(ACTING) == [
        "slurm.setup",
        "slurm.extra.bb",
        "slurm.srun.--task-prolog",
        "slurm.profiles.big.python",
        "slurm.profiles.big.srun.container-image",
        "defaults.recipe",
        "defaults.backbone",
        "notify.webhook",
        "unheard.of",
    ]


def test_every_setting_is_known_to_act_or_to_be_harmless() -> None:
    own = set(get_type_hints(SlurmOptions)) - {"profile", "gpu_type", "inherited"}
    assert own - (acting.HARMLESS["slurm"] or frozenset()) == {"setup", "command_prefix", "python", "extra", "srun"}
    sections = set(re.findall(r"^\[(\w+)", TEMPLATE, re.MULTILINE))
    assert sections - set(acting.HARMLESS) == {"notify"}


@pytest.mark.parametrize(
    "option",
    [
        "prolog",
        "epilog",
        "task-prolog",
        "task-epilog",
        "container",
        "container-image",
        "container-mounts",
        "bcast",
        "x",
    ],
)
def test_options_of_srun_that_run_something_or_are_unknown_act(option: str) -> None:
    assert keys(f'[slurm.srun]\n{option} = "x"') == [f"slurm.srun.{option}"]


@pytest.mark.parametrize("option", ["bb", "bbf", "container", "mail-user", "container-image", "x"])
def test_options_of_sbatch_that_run_or_send_something_or_are_unknown_act(option: str) -> None:
    assert keys(f'[slurm.extra]\n{option} = "x"') == [f"slurm.extra.{option}"]


def test_the_digest_covers_what_acts_in_whatever_order() -> None:
    def digest(text: str) -> str:
        return acting.digest(acting.acting_settings(tomllib.loads(text)))

    one = '[slurm]\nsetup = ["a", "b"]\ntime = "5"\n[notify]\ncommand = "c"\n'
    same = '[notify]\ncommand = "c"\n[slurm]\nsetup = ["a", "b"]\ntime = "6"\n'
    other = one.replace('"a", "b"', '"b", "a"')
    assert digest(one) == digest(same)
    assert digest(one) != digest(other)
    (setting, _) = acting.acting_settings(tomllib.loads(one))
    assert str(setting) == 'slurm.setup = ["a", "b"]'
