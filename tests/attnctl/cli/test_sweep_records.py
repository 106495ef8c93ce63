"""Records of sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl.cli import sweep_records
from attnctl.cli.sweep_records import OfPaper
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace


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
