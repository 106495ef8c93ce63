"""What tells the lines of a figure apart."""

from __future__ import annotations

from attnctl.db import RunRow
from attnctl.reports.figures.naming import keys, names, order
from tests.reports.figures.figure_runs import runs


def done(**axes: object) -> list[RunRow]:
    return runs(lambda _spec: 90.0, **axes)


def named(rows: list[RunRow], **options: bool) -> list[str]:
    found = keys(rows)
    words = names(set(found.values()), **options)
    return [words[key] for key in sorted(set(found.values()), key=order)]


def test_a_line_is_named_by_its_module_and_differing_settings() -> None:
    rows = done(modules=("none", "ela"), hyperparameters={"kernel": ("5", "7")})
    assert named(rows) == ["no attention", "ela kernel=5", "ela kernel=7"]


def test_seeds_are_one_line() -> None:
    rows = done(modules=("ela",), seeds=("0", "1", "2"))
    assert len(set(keys(rows).values())) == 1
    assert named(rows) == ["ela"]


def test_differing_backbones_are_part_of_the_name_unless_shown_elsewhere() -> None:
    rows = done(modules=("se",), backbones=("resnet20", "resnet56"))
    assert named(rows) == ["se, resnet20", "se, resnet56"]
    assert named(rows, places=False) == ["se", "se"]


def test_a_differing_recipe_field_is_part_of_the_name() -> None:
    assert named(done(modules=("se",), overrides={"lr": ("0.1", "0.05")})) == ["se lr=0.05", "se lr=0.1"]


def test_settings_on_an_axis_do_not_name_lines() -> None:
    rows = done(modules=("ela",), hyperparameters={"kernel": ("5", "7")})
    assert len(set(keys(rows, without=("kernel",)).values())) == 1


def test_values_are_sorted_by_size_after_the_plain_backbone() -> None:
    rows = done(modules=("ean", "none"), hyperparameters={"G": ("2", "16", "4")})
    assert named(rows) == ["no attention", "ean G=2", "ean G=4", "ean G=16"]
