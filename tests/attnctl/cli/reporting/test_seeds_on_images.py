"""Rows of trained networks on the images of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from attnctl.cli.reporting.seeds_on_images import compare
from attnctl.cli.sweeping.run_names import short_names
from attnctl.grid import Axes, expand
from attnctl.reports.statistics import per_image
from attnctl.spec import RunSpec

SPECS = expand(Axes(modules=("none", "se", "eca"), seeds=("0", "1", "2"))).specs


def predicted(specs: Mapping[str, RunSpec], *, parts: int = 1) -> dict[str, Any]:
    """What networks predict rightly of 40 images, by run; each run has its own."""
    return {
        run: SimpleNamespace(
            evaluation=SimpleNamespace(content="c", parts=[None] * parts),
            predictions=SimpleNamespace(right=np.random.default_rng(number).random(40) < 0.7),
        )
        for number, run in enumerate(specs)
    }


def test_each_row_is_compared_with_the_first_over_the_seeds_that_both_have() -> None:
    specs = [spec for spec in SPECS if (spec.module, spec.seed) not in {("se", 1), ("eca", 0), ("eca", 2)}]
    results = predicted({spec.id: spec for spec in specs})
    (found,) = compare(cast(Any, results), specs, short_names(specs))  # eca has one seed alone
    assert (found.row, found.baseline, found.seeds) == ("se", "none", (0, 2))
    of = {(spec.module, spec.seed): results[spec.id].predictions.right for spec in specs}
    values = per_image.differences([of["se", 0], of["se", 2]], [of["none", 0], of["none", 2]])
    assert found.gain == pytest.approx(
        100 * (np.mean([of["se", 0], of["se", 2]]) - np.mean([of["none", 0], of["none", 2]]))
    )
    assert (found.p, found.interval) == (per_image.p_value(values), per_image.interval(values))
    assert found.words().startswith(f"se and none, 2 seeds: {found.gain:+.2f} points of top-1 [")
    assert found.to_json()["seeds"] == [0, 2]


def test_corruptions_other_images_and_single_rows_are_not_compared() -> None:
    every = {spec.id: spec for spec in SPECS}
    names = short_names(SPECS)
    assert len(compare(cast(Any, predicted(every)), SPECS, names)) == 2
    assert compare(cast(Any, predicted(every, parts=2)), SPECS, names) == []
    others = predicted(every)
    others[SPECS[-1].id].evaluation.content = "d"
    assert compare(cast(Any, others), SPECS, names) == []
    alone = [spec for spec in SPECS if spec.module == "se"]
    assert compare(cast(Any, predicted({spec.id: spec for spec in alone})), alone, names) == []
