"""Records of sweeps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import sweep_records
from attnctl.cli.sweep_records import OfPaper
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Search


def test_a_sweep_of_the_same_name_is_added_to(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert sweep_records.record(workspace, "mine", "ela", ["a", "b"], ["sweep"]) == "mine"
    assert sweep_records.record(workspace, "mine", "ela", ["b", "c"], ["sweep"]) == "mine"
    assert sweep_records.read(workspace, "mine").runs == ["a", "b", "c"]
    names = {sweep_records.record(workspace, None, "ela,./x y:Z", ["a"], []) for _ in range(3)}
    assert len(names) == 3
    assert all(sweep_records.check_name(name) for name in names)


def test_one_name_is_not_of_two_tables(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first = OfPaper(paper="nam", table="1", overrides={"seeds": ["0"]})
    sweep_records.record(workspace, "mine", "nam-1", ["a"], [], first)
    sweep_records.record(
        workspace, "mine", "nam-1", ["b"], [], OfPaper(paper="nam", table="1", overrides={"seeds": ["1"]})
    )
    sweep_records.record(workspace, "mine", "ela", ["c"], [])
    found = sweep_records.read(workspace, "mine")
    both = {"seeds": ["0", "1"]}
    assert (found.runs, found.paper, found.table, found.overrides) == (["a", "b", "c"], "nam", "1", both)
    for other in (OfPaper(paper="nam", table="2"), OfPaper(paper="nam", figure="1"), OfPaper(paper="ean", table="1")):
        with pytest.raises(SpecError, match="sweep 'mine' belongs to nam table 1; choose another --name"):
            sweep_records.record(workspace, "mine", "x", ["d"], [], other)


@pytest.mark.parametrize("settings", [{"fields": {"epochs": "4"}}, {"dataset": "cifar10"}, {"select": "val"}])
def test_a_name_keeps_the_settings_that_its_runs_were_trained_with(tmp_path: Path, settings: dict[str, Any]) -> None:
    workspace = Workspace(tmp_path)
    was = {"dataset": "digits", "fields": {"epochs": "3"}}

    def of(changes: dict[str, Any]) -> OfPaper:
        return OfPaper(paper="nam", table="1", overrides={**was, "seeds": ["0"], **changes})

    sweep_records.record(workspace, "mine", "nam-1", ["a"], [], of({}))
    before = workspace.sweep("mine").read_bytes()
    with pytest.raises(SpecError, match=r"sweep 'mine' has dataset=digits epochs=3, not .*; choose another --name"):
        sweep_records.record(workspace, "mine", "nam-1", ["b"], [], of(settings))
    assert workspace.sweep("mine").read_bytes() == before
    assert sweep_records.fitting_name(workspace, "mine", of({})) == "mine"
    assert sweep_records.fitting_name(workspace, "mine", of(settings)) == "mine-2"
    sweep_records.record(workspace, "mine-2", "nam-1", ["b"], [], of(settings))
    assert sweep_records.fitting_name(workspace, "mine", of(settings)) == "mine-2"
    sweep_records.record(workspace, "mine", "nam-1", ["c"], [], of({"weights": {"published": "0" * 64}}))
    assert sweep_records.read(workspace, "mine").runs == ["a", "c"], "digests of weights are no settings"


LR = {"lr": "log:0.001..0.1"}


def search(samples: int = 4, seed: int = 0, ranges: dict[str, str] = LR) -> Search:
    return Search(method="random", samples=samples, seed=seed, ranges=ranges)


def test_a_search_is_grown_by_samples_and_modules(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    sweep_records.record(workspace, "mine", "se", ["a"], [], search=search(8))
    own = {**LR, "ela.kernel": "int:3..9"}
    sweep_records.record(workspace, "mine", "ela", ["b"], [], search=search(4, ranges=own))
    found = sweep_records.read(workspace, "mine")
    assert (found.runs, found.search) == (["a", "b"], search(8, ranges=own))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (None, "sweep 'mine' is a search, and this is not one; choose another --name"),
        (search(seed=1), "sweep 'mine' has --search random --search-seed 0; type the same, or choose another --name"),
        (search(ranges={"lr": "log:0.01..1"}), "sweep 'mine' searches lr log:0.001..0.1, and this lr log:0.01..1"),
        (search(ranges={"r": "int:2..4"}), "sweep 'mine' searches lr log:0.001..0.1, and this no lr"),
        (search(ranges={**LR, "epochs": "1,2"}), "sweep 'mine' searches no epochs, and this epochs 1,2"),
    ],
)
def test_one_name_is_not_of_two_searches(tmp_path: Path, other: Search | None, reason: str) -> None:
    workspace = Workspace(tmp_path)
    sweep_records.record(workspace, "mine", "se", ["a"], [], search=search())
    with pytest.raises(SpecError, match=re.escape(reason)):
        sweep_records.record(workspace, "mine", "se", ["b"], [], search=other)
    sweep_records.record(workspace, "grid", "se", ["a"], [])
    with pytest.raises(SpecError, match="sweep 'grid' is not a search, and this is one; choose another --name"):
        sweep_records.record(workspace, "grid", "se", ["b"], [], search=search())


def test_a_search_with_rungs_keeps_its_number_of_samples(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    halved = replace(search(9), halving=3)
    sweep_records.record(workspace, "mine", "se", ["a"], [], search=halved)
    sweep_records.record(workspace, "mine", "ela", ["b"], [], search=halved)
    with pytest.raises(SpecError, match="sweep 'mine' has --search random --search-seed 0 --halving 3 --samples 9;"):
        sweep_records.record(workspace, "mine", "se", ["c"], [], search=replace(halved, samples=27))
    asynchronous = replace(halved, asynchronous=True)
    with pytest.raises(SpecError, match="sweep 'mine' has --search random"):
        sweep_records.record(workspace, "mine", "se", ["c"], [], search=asynchronous)
    sweep_records.record(workspace, "other", "se", ["a"], [], search=asynchronous)
    with pytest.raises(SpecError, match="--halving 3 --samples 9 --asha; type the same"):
        sweep_records.record(workspace, "other", "se", ["a"], [], search=halved)
