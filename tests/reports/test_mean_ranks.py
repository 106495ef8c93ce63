"""The rows of a comparison over all of its groups."""

from __future__ import annotations

import pytest

from attnctl.db import RunRow
from attnctl.reports import comparison
from attnctl.reports.mean_ranks import Ranking, ranking, table
from attnctl.reports.statistics.ranks import critical_difference
from attnctl.values import SpecError
from tests.reports.report_rows import rows

MODULES = ("none", "ela", "se")
SETS = {
    "resnet20": [90.0, 91.0, 90.5],
    "resnet50": [91.0, 92.5, 91.0],
    "resnet56": [92.0, 91.5, 93.0],
    "resnet101": [92.2, 93.5, 93.0],
}


def made(modules: tuple[str, ...] = MODULES) -> list[RunRow]:
    return [
        row for backbone, values in SETS.items() for row in rows(values[: len(modules)], modules, backbones=(backbone,))
    ]


def ranked(found: list[RunRow]) -> Ranking:
    report = comparison.build(found)
    return ranking(report.table, "top1", {row.id for row in found if row.module == "none"})


def test_rows_are_ranked_in_each_group_and_compared_with_the_plain_backbone() -> None:
    found = ranked(made())
    assert len(found.groups) == 4
    shown = {row.header[0]: row.cells for row in table(found, "t").groups[0].rows}
    names = list(shown)
    means = [shown[name][1].value for name in names]
    assert means == sorted(mean for mean in means if mean is not None)
    plain = next(name for at, name in enumerate(found.names) if at == found.baseline)
    assert [shown[name][2].printed for name in names if name != plain] == ["3/0/1", "3/1/0"]
    assert shown[plain][2].printed == ""
    assert shown[plain][1].value == pytest.approx((3 + 2.5 + 2 + 3) / 4)
    assert shown[plain][0].value == pytest.approx((90 + 91 + 92 + 92.2) / 4)


def test_the_notes_have_the_tests() -> None:
    found = ranked(made())
    notes = table(found, "t").notes
    assert any(f"chi-squared = {found.friedman.chi2:.2f}" in note for note in notes)
    assert any(f"differ by {critical_difference(3, 4):.2f} or more" in note for note in notes)
    assert any("fewer than 5 groups find little" in note for note in notes)


def test_rows_that_a_group_lacks_are_left_out_and_named() -> None:
    found = ranked(made()[:-1])
    assert len(found.names) == 2
    assert len(found.left_out) == 1
    assert any("Not completed in every group, so left out:" in note for note in table(found, "t").notes)


def test_one_group_cannot_be_ranked() -> None:
    with pytest.raises(SpecError, match="ranks need two groups or more"):
        ranked(rows([90.0, 91.0], ("none", "ela")))
