"""Sweeps and measurements are taken in."""

from __future__ import annotations

from typing import Any

from attnctl.files import write_atomic
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Speed, Sweep
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt, write_sweep
from tests.attnctl.merge.merged import merge


def test_another_sweep_with_the_same_name_is_renamed_and_a_grown_one_is_extended(
    two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    ours, theirs = two
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b")
    write_sweep(ours, "first", [], created=NOW + 1)
    write_sweep(theirs, "first", [spec()])
    write_sweep(ours, "second", [spec()])
    write_sweep(theirs, "second", [spec(seed=1)])
    result = attnctl("merge", "../other")
    assert "  sweep first, as first-" in result.out
    names = sorted(path.stem for path in ours.sweeps.iterdir())
    assert (names[0], names[2], len(names)) == ("first", "second", 3)
    grown = Sweep.read(ours.sweep("second"))
    assert grown is not None
    assert grown.runs == [spec().id, spec(seed=1).id]
    assert attnctl("merge", "../other").out == "2 runs: 2 there already\n"


def test_of_two_measurements_the_newer_is_kept(two: tuple[Workspace, Workspace]) -> None:
    def speed(at: float) -> Speed:
        fields: dict[str, Any] = {
            "device": "cpu",
            "module": "ela",
            "hyperparameters": {},
            "backbone": "resnet20",
            "placement": "block",
        }
        more: dict[str, Any] = {
            "dataset": "digits",
            "input_size": 8,
            "batch": 1,
            "precision": "fp32",
            "compiled": False,
        }
        return Speed(at=at, seconds=at, spread=0.0, plain_seconds=1.0, **fields, **more)

    for workspace, at in zip(two, (2.0, 3.0), strict=True):
        write_atomic(workspace.speed(speed(at)), speed(at).encode())
    merge(*two)
    merge(two[1], two[0])
    assert [item.at for workspace in two for item in workspace.speeds()] == [3.0, 3.0]
