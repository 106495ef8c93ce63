"""Commands whose options depend on the modules that they name."""

from __future__ import annotations

import inspect
from typing import Annotated

import pytest
import typer

from attnctl.cli.sweeping.dynamic_options import Dynamic
from attnctl.cli.sweeping.synthesis import option_names, synthesize
from attnctl.values import SpecError


def command(
    modules: Annotated[str, typer.Argument()],
    *,
    seed: Annotated[str | None, typer.Option("--seed", "-s")] = None,
    dynamic: Dynamic,
) -> int:
    """Do something."""
    assert (modules, seed) == ("ela,se", "3")
    assert dynamic.hyperparameters == {"kernel": "5,7"}
    return 7


def test_the_options_of_the_named_modules_are_added_and_collected() -> None:
    made = synthesize(command, ["ela,se", "--kernel", "5,7"], completing=False)
    names = list(inspect.signature(made).parameters)
    assert names[0] == "modules"
    assert {"hp_kernel", "hp_groups", "hp_r", "seed"} <= set(names)
    assert "dynamic" not in names
    assert made.__doc__ == "Do something."
    assert made(modules="ela,se", seed="3", hp_kernel=["5,7"], hp_r=None) == 7


def test_modules_that_are_not_named_add_nothing() -> None:
    made = synthesize(command, ["se"], completing=False)
    assert "hp_kernel" not in inspect.signature(made).parameters


def test_an_unknown_module_is_refused_but_not_while_it_is_typed() -> None:
    with pytest.raises(SpecError, match="did you mean 'ela'"):
        synthesize(command, ["elaa"], completing=False)
    synthesize(command, ["el"], completing=True)


def test_an_option_is_recognised_by_all_its_names() -> None:
    parameters = inspect.signature(command, eval_str=True).parameters
    assert option_names(parameters["seed"]) == ("--seed", "-s")
