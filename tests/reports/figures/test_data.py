"""Figures as plain values: they need neither numpy nor matplotlib, and say all of themselves as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

from attnctl.reports.figures.data import Axis, Chart, Charts, Level, Point, Reached, Series
from attnctl.reports.figures.save import to_json


def test_they_are_imported_without_numpy_and_matplotlib() -> None:
    code = "import sys, attnctl.reports.figures.data; print(sorted({'numpy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_chart_as_json_contains_everything() -> None:
    chart = Chart(
        kind="curves",
        x=Axis(name="epoch", title="epoch"),
        y=Axis(name="top1", title="Top-1 (%)", ticks=(80.0, 90.0)),
        series=(Series(name="SE", points=(Point(x=1, y=90.5, spread=0.5, n=2, runs=("a", "b")), Point(x=2, y=91.0))),),
        levels=(Level(name="no attention", y=89.0),),
        targets=(91.0,),
        reached=(Reached(series="SE", target=91.0, epoch=2.0), Reached(series="NAM", target=91.0, epoch=None)),
    )
    document = json.loads(json.dumps(to_json(Charts(title="Both", panels=(chart,), notes=("a note",)))))
    assert (document["title"], document["notes"]) == ("Both", ["a note"])
    (panel,) = document["panels"]
    assert panel["y"]["ticks"] == [80.0, 90.0]
    first, second = panel["series"][0]["points"]
    assert (first["x"], first["y"], first["spread"], first["n"], first["runs"]) == (1, 90.5, 0.5, 2, ["a", "b"])
    assert second["spread"] is None
    assert panel["levels"][0]["y"] == 89.0
    assert [each["epoch"] for each in panel["reached"]] == [2.0, None]
