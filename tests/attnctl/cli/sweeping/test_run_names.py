"""Short names of runs."""

from __future__ import annotations

from attnctl import grid
from attnctl.cli.sweeping.run_names import short_names
from attnctl.grid import Axes


def test_short_names_leave_out_equal_parts() -> None:
    specs = grid.expand(Axes(modules=("none", "ela"), hyperparameters={"kernel": ("5", "7")}, seeds=("0", "1"))).specs
    assert sorted(short_names(specs).values()) == [
        "ela kernel=5 seed 0",
        "ela kernel=5 seed 1",
        "ela kernel=7 seed 0",
        "ela kernel=7 seed 1",
        "none seed 0",
        "none seed 1",
    ]


def test_recipe_fields_are_named_only_among_runs_of_one_network_and_data_set() -> None:
    classifiers = grid.expand(Axes(modules=("ela",))).specs
    rates = {"lr": ("0.01", "0.02")}
    detectors = grid.expand(
        Axes(modules=("ela",), models=("fasterrcnn",), datasets=("digits-det",), overrides=rates)
    ).specs
    assert sorted(short_names([*classifiers, *detectors]).values()) == [
        "ela resnet20 digits",
        "ela resnet50 digits-det lr=0.01",
        "ela resnet50 digits-det lr=0.02",
    ]
