"""`attnctl bench`: how fast networks are."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run, listing


def test_bench_measures_detectors_to_their_boxes(folder: Path, attnctl: Run) -> None:
    words = ("--model", "yolox_nano", "--placement", "neck", "--dataset", "digits-det")
    done = attnctl("bench", "ca", *words, "--rounds", "3", "--batch", "1,2", "--json")
    speeds = json.loads(done.out)["speeds"]
    assert [(one["module"], one["model"], one["batch"]) for one in speeds] == [
        ("none", "yolox_nano", 1),
        ("ca", "yolox_nano", 1),
        ("none", "yolox_nano", 2),
        ("ca", "yolox_nano", 2),
    ]
    assert len(listing(folder / "bench")) == 4
    named = attnctl("bench", "ca", "--model", "yolox_nan", "--json")
    assert (named.code, named.out) == (2, "")
    assert "unknown model 'yolox_nan'; did you mean 'yolox_nano'" in named.err
