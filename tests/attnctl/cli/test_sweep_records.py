"""Records of sweeps."""

from __future__ import annotations

from pathlib import Path

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
    assert (found.runs, found.paper, found.table, found.overrides) == (["a", "b", "c"], "nam", "1", {"seeds": ["1"]})
    for other in (OfPaper(paper="nam", table="2"), OfPaper(paper="nam", figure="1"), OfPaper(paper="ean", table="1")):
        with pytest.raises(SpecError, match="sweep 'mine' belongs to nam table 1; choose another --name"):
            sweep_records.record(workspace, "mine", "x", ["d"], [], other)
