"""`attnctl audit`, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.papers import audit
from tests.attnctl.cli.cli_run import Run


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    audit._counts.cache_clear()


def test_audit_shows_published_beside_ours_and_sums_up(attnctl: Run) -> None:
    result = attnctl("audit", "--paper", "nam", "--table", "4")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[1].split() == ["NAM", "4", "Block1", "cbam", "2*1*7*7", "98", "conv.weight", "match"]
    assert lines[-1] == "NAM: 10 of 10 figures match, 5 of 5 rows whole"


WAITING = """
name = "mine"
title = "Of a network that is none of attnctl's"
[tables.1]
caption = "c"
task = "detection"
columns = [{ key = "params", metric = "params", unit = "M" }]
[[tables.1.rows]]
row = "RetinaNet"
params = "37.7"
"""


def test_audit_counts_waiting_rows_separately(tmp_path: Path, attnctl: Run) -> None:
    (tmp_path / "mine.toml").write_text(WAITING)
    result = attnctl("audit", "--paper", str(tmp_path / "mine.toml"))
    assert result.out.splitlines()[-1] == (
        "mine: 0 of 0 figures match, 0 of 0 rows whole; not counted: 1 row of networks that attnctl does not have"
    )


def test_audit_as_json_has_a_row_for_each_figure(attnctl: Run) -> None:
    result = attnctl("audit", "--paper", "nam", "--table", "3", "--json")
    document = json.loads(result.out)
    assert len(document["rows"]) == document["summary"]["NAM"]["figures"] == 10
    assert document["rows"][0] == {
        "paper": "NAM",
        "table": "3",
        "row": "Block1",
        "column": "cbam",
        "published": "512*4*512*4/16*2",
        "computed": "524288",
        "exact": 524288,
        "convention": "linear.weight",
        "verdict": "match",
        "note": "",
        "match": True,
    }
