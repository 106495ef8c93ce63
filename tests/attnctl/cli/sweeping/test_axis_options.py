"""The options of the axes: what is typed, one by one or as a comma list, and the runs that it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from attnctl.cli.option_groups import Shown, expanded
from attnctl.cli.sweeping import axis_options
from attnctl.cli.sweeping.axis_options import GridOptions
from tests.attnctl.cli.cli_run import Run, assert_refused


def parsed(*words: str) -> str:
    """What a command gets of this command line."""

    def command(*, grid: Annotated[GridOptions, Shown()]) -> None:
        typer.echo(json.dumps([grid.given, grid.parameter, grid.recipe]))

    app = typer.Typer()
    app.command()(expanded(command))
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_was_not_typed_is_none_and_what_was_typed_twice_is_there_twice() -> None:
    nothing = dict.fromkeys(("model", "backbone", "dataset", "placement", "seed"))
    assert json.loads(parsed()) == [nothing, None, None]
    words = ("--seed", "0..2", "--backbone", "resnet18,resnet20", "--seed", "7", "-p", "ela.kernel=5", "--recipe", "x")
    given = nothing | {"seed": ["0..2", "7"], "backbone": ["resnet18,resnet20"]}
    assert json.loads(parsed(*words)) == [given, ["ela.kernel=5"], "x"]


def test_the_grid_is_the_product_of_the_axes(attnctl: Run, folder: Path) -> None:
    words = ("--backbone", "resnet20,mobilenet_v2_cifar", "--placement=block", "--seed", "0..1", "--seed", "7")
    result = attnctl("sweep", "none,ela", *words, "-p", "ela.kernel=5,7", "--run-on", "local", "--dry-run", "--json")
    runs = json.loads(result.out)["runs"]
    assert {(run["module"], run["backbone"], run["seed"]) for run in runs} == {
        (module, backbone, seed)
        for module in ("none", "ela")
        for backbone in ("resnet20", "mobilenet_v2_cifar")
        for seed in (0, 1, 7)
    }
    assert len(runs) == (1 + 2) * 2 * 3, "ela has two kernels"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbone", "resnet20,resnet21"], "unknown backbone 'resnet21'"),
        (["--seed", "0,0"], "--seed has 0 twice"),
        (["--placement", "blok"], "blok"),
        (["--dataset", ""], "a value is empty"),
        (["-p", "kernel=5"], "kernel=5"),
    ],
)
def test_a_value_that_cannot_be_is_one_line(words: list[str], message: str, attnctl: Run, folder: Path) -> None:
    result = attnctl("sweep", "ela", *words, "--run-on", "local", "--dry-run")
    assert_refused(result, " ".join(words))
    assert message in result.err


def test_the_network_of_a_measurement_takes_the_same_words(attnctl: Run, folder: Path) -> None:
    """The options that `complexity` and `bench` share, which default to ImageNet and its block placement."""
    words = ("--backbone", "resnet20", "--dataset", "digits", "-p", "ela.kernel=5,7")
    networks = json.loads(attnctl("complexity", "ela", *words, "--json").out)["networks"]
    kernels = [network["hyperparameters"]["kernel"] for network in networks if network["module"] == "ela"]
    assert kernels == [5, 7]
    for command in ("complexity", "bench"):
        text = attnctl(command, "ela", "--help").out
        assert f"--parameter {axis_options.ADDRESSED}" in text
        assert "--backbone NAMES" in text
