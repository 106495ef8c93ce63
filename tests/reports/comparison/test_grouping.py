"""Rows and groups of the comparison."""

from __future__ import annotations

from dataclasses import replace

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from attnctl.units import clock
from tests.reports.report_rows import rows


def test_the_plain_backbone_is_first_and_rows_are_named_by_differing_settings() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    table = comparison.build(
        rows(values, ("se", "ela", "none"), hyperparameters={"kernel": ("7", "5"), "r": ("4", "16")})
    ).table
    (group,) = table.groups
    assert group.title == "ResNet-20 on Digits"
    assert [row.header[0] for row in group.rows] == [
        "ResNet-20",
        "ELA (k = 5)",
        "ELA (k = 7)",
        "SE (r = 4)",
        "SE (r = 16)",
    ]
    assert "ELA: groups = c, num_groups = 16, shared = true in all rows." in table.notes


def test_differing_backbones_and_recipes_form_separate_groups() -> None:
    made = rows([1.0] * 8, backbones=("resnet20", "resnet56"), overrides={"lr": ("0.1", "0.05")})
    table = comparison.build(made).table
    assert [group.title for group in table.groups] == [
        "ResNet-20 on Digits, lr=0.05",
        "ResNet-20 on Digits, lr=0.1",
        "ResNet-56 on Digits, lr=0.05",
        "ResNet-56 on Digits, lr=0.1",
    ]


def test_a_row_has_the_newest_version_of_its_code_and_older_ones_on_request() -> None:
    old = rows([1.0, 2.0, 3.0], ("ela",), ("0", "1", "2"))
    new = rows([4.0], ("ela",), ("0",))
    old = [replace(row, versions="module 1", created=1e9, id=f"old{row.seed}") for row in old]
    new = [replace(row, versions="module 2", created=2e9) for row in new]
    table = comparison.build([*new, *old]).table
    (row,) = table.groups[0].rows
    cell = row.cells[0]
    assert (row.header, cell.value, cell.n, cell.wanted, cell.state) == (("ELA",), 4.0, 1, 3, "n=1 of 3: not run")
    assert "3 completed runs of older code left out; --all-versions shows them with their dates." in table.notes
    shown = comparison.build([*new, *old], options=Options(all_versions=True)).table
    assert [row.cells[0].value for row in shown.groups[0].rows] == [2.0, 4.0]
    assert [row.header[0] for row in shown.groups[0].rows] == [
        f"ELA (code module {number} of {clock(moment, seconds=False)})" for number, moment in ((1, 1e9), (2, 2e9))
    ]
    assert not any("older code" in note for note in shown.notes)


def test_versions_of_a_users_module_are_told_apart_by_six_digits_of_its_hash() -> None:
    rest = "backbone 1, placement 1, dataset 1, loop 1, recipe loss=ast:f1b55ea450d61664"
    old, new = rows([1.0], ("ela",), ("0",))[0], rows([4.0], ("ela",), ("0",))[0]
    old = replace(old, versions=f"module ast:6cd7adcc177ce19a, {rest}", created=1e9, id="old")
    new = replace(new, versions=f"module ast:c538cb0474263e82, {rest}", created=2e9)
    shown = comparison.build([new, old], options=Options(all_versions=True)).table
    assert [row.header[0] for row in shown.groups[0].rows] == [
        f"ELA (code {code} of {clock(moment, seconds=False)})" for code, moment in (("6cd7ad", 1e9), ("c538cb", 2e9))
    ]


def test_files_of_one_name_that_are_swept_together_are_not_taken_for_edits() -> None:
    first, second = rows([1.0], ("ela",), ("0",)), rows([2.0], ("ela",), ("0",))
    first = [replace(row, versions="module 1", created=2e9, id="first") for row in first]
    second = [replace(row, versions="module 2", created=2e9, id="second") for row in second]
    older = [replace(row, versions="module 3", created=1e9, id="older") for row in first]
    table = comparison.build([*first, *second, *older]).table
    assert [row.cells[0].value for row in table.groups[0].rows] == [1.0, 2.0]
    assert "1 completed run of older code left out; --all-versions shows them with their dates." in table.notes


def test_files_of_one_name_in_different_folders_are_not_taken_for_edits() -> None:
    versions = {"a": f"ast:{'a' * 16}", "b": f"ast:{'b' * 16}", "b edited": f"ast:{'c' * 16}"}
    moments = {"a": 1e9, "b": 2e9, "b edited": 3e9}
    runs = [
        replace(row, versions=f"module {versions[name]}, backbone 1", created=moments[name], id=name)
        for name, value in (("a", 1.0), ("b", 2.0), ("b edited", 3.0))
        for row in rows([value], ("ela",), ("0",))
    ]
    files = {versions["a"]: "/a/mine.py", versions["b"]: "/b/mine.py", versions["b edited"]: "/b/mine.py"}
    table = comparison.build(runs, files=files).table
    assert [row.cells[0].value for row in table.groups[0].rows] == [1.0, 3.0]
    assert "1 completed run of older code left out; --all-versions shows them with their dates." in table.notes
    assert comparison.own_versions(runs[0]) == (versions["a"],)


def test_the_rows_of_each_group_are_ordered_by_a_column() -> None:
    made = rows([1.0, 3.0, 2.0, 4.0], ("none", "ela", "se", "eca"))
    assert [row.header[0] for row in comparison.build(made, options=Options(sort="-top1")).table.groups[0].rows] == [
        *("ECA", "ELA", "SE", "ResNet-20")
    ]
    made[1].metrics = {}
    ascending = comparison.build(made, options=Options(sort="top1")).table.groups[0].rows
    assert [row.header[0] for row in ascending] == ["ResNet-20", "SE", "ECA", "ELA"]
