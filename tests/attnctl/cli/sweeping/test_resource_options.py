"""The options about the machine: one declaration for sweep, try, resume and doctor."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any, get_args

import pytest

from attnctl.cli.app import _function
from attnctl.cli.registry import COMMANDS
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.settings.config import Config
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

CONFIG = Config(workspace=Workspace(Path("/nowhere")))
FIELDS = [field.name for field in dataclasses.fields(ResourceOptions)]
OPTIONS = {
    "sweep": set(FIELDS),
    "try": set(FIELDS) - {"nodes", "tasks_per_node", "time"},
    "resume": set(FIELDS) - {"device"},
    "doctor": {"nodes", "tasks_per_node", "gpus_per_node", "partition", "constraint", "profile"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_commands_share_the_declarations(name: str) -> None:
    (command,) = (command for command in COMMANDS if command.name == name)
    options = inspect.signature(_function(command, [name, "ela"], completing=False)).parameters
    assert {field for field in FIELDS if field in options} == OPTIONS[name]
    declared = {
        field.name: annotation
        for field in dataclasses.fields(ResourceOptions)
        for annotation in [inspect.get_annotations(ResourceOptions, eval_str=True)[field.name]]
    }
    for field in OPTIONS[name]:
        ours, theirs = get_args(declared[field])[1], get_args(options[field].annotation)[1]
        assert (ours.help, ours.min, ours.max) == (theirs.help, theirs.min, theirs.max)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partition": "a b"}, "--partition is 'a b'; it must be a partition's name, such as gpu"),
        ({"constraint": "a\nb"}, "--constraint is 'a\\nb'; it must be one of the cluster's features"),
        ({"account": "a b"}, "--account is 'a b'; it must be a name that the cluster knows"),
        ({"qos": "-x"}, "--qos is '-x'; it must be a name that the cluster knows"),
        ({"exclude": "n1 n2"}, "--exclude is 'n1 n2'; it must be a list of nodes, such as n1,gpu[3-5]"),
        ({"time": "soon"}, "HH:MM:SS"),
        ({"mem": "lots"}, "memory"),
        ({"runs_per_gpu": "0"}, "--runs-per-gpu is '0'; it must be a number from 1 to 64, or auto"),
        ({"runs_per_gpu": "65"}, "it must be a number from 1 to 64, or auto"),
        ({"runs_per_gpu": "many"}, "it must be a number from 1 to 64, or auto"),
        ({"profile": "big"}, "no profile 'big'"),
        (
            {"gpus_per_node": 4, "tasks_per_node": 2},
            "--tasks-per-node 2: a run has one process for each GPU, and --gpus-per-node is 4",
        ),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        ResourceOptions(**options).check(CONFIG)
    assert words in str(caught.value)


def test_valid_options_are_accepted() -> None:
    ResourceOptions().check(CONFIG)
    ResourceOptions(partition="gpu,gpu-big", constraint="a100&(ib|eth)", time="1-0:00:00", mem="64G").check(CONFIG)
    ResourceOptions(account="lab_1@uni", qos="high-prio", exclude="n1,gpu[3-5,7]").check(CONFIG)
    ResourceOptions(gpus_per_node=4, tasks_per_node=4, runs_per_gpu="64").check(CONFIG)
    assert [ResourceOptions(runs_per_gpu=text).together for text in (None, "4", "auto")] == [None, 4, "auto"]
    ResourceOptions(gpus_per_node=0, tasks_per_node=4).check(CONFIG)


def test_elsewhere_is_another_place_or_another_number_of_gpus() -> None:
    assert not ResourceOptions(time="60", mem="64G", parallel=2, cpus_per_task=4).elsewhere
    for options in (
        {"partition": "gpu"},
        {"constraint": "a100"},
        {"gpus_per_node": 0},
        {"nodes": 1},
        {"run_on": "slurm"},
    ):
        assert ResourceOptions(**options).elsewhere
