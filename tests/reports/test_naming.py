"""What rows of tables and lines of figures are called."""

from __future__ import annotations

from attnctl.db import RunRow
from attnctl.grid import Axes, expand
from attnctl.reports.comparison.grouping import grouped, headers, varying_settings
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.naming import key_order, keys, keys_of_specs, names
from tests.reports.figures.figure_runs import of_specs, runs


def done(**axes: object) -> list[RunRow]:
    return runs(lambda _spec: 90.0, **axes)


def named(rows: list[RunRow], *, places: bool = True) -> list[str]:
    found = keys(rows)
    words = names(set(found.values()), places=places)
    return [words[key] for key in sorted(set(found.values()), key=key_order)]


def test_a_line_is_named_by_its_module_and_differing_settings() -> None:
    rows = done(modules=("none", "ela"), hyperparameters={"kernel": ("5", "7")})
    assert named(rows) == ["ResNet-20", "ELA (k = 5)", "ELA (k = 7)"]


def test_seeds_are_one_line() -> None:
    rows = done(modules=("ela",), seeds=("0", "1", "2"))
    assert len(set(keys(rows).values())) == 1
    assert named(rows) == ["ELA"]


def test_differing_backbones_are_part_of_the_name_unless_shown_elsewhere() -> None:
    rows = done(modules=("se",), backbones=("resnet20", "resnet56"))
    assert named(rows) == ["SE, ResNet-20", "SE, ResNet-56"]
    assert named(rows, places=False) == ["SE", "SE"]


def test_a_differing_recipe_field_is_part_of_the_name() -> None:
    assert named(done(modules=("se",), overrides={"lr": ("0.1", "0.05")})) == ["SE (lr = 0.05)", "SE (lr = 0.1)"]


def test_settings_on_an_axis_do_not_name_lines() -> None:
    rows = done(modules=("ela",), hyperparameters={"kernel": ("5", "7")})
    assert len(set(keys(rows, without=("kernel",)).values())) == 1


def test_values_are_sorted_by_size_after_the_plain_backbone() -> None:
    rows = done(modules=("ean", "none"), hyperparameters={"G": ("2", "16", "4")})
    assert named(rows) == ["ResNet-20", "EAN (G = 2)", "EAN (G = 4)", "EAN (G = 16)"]


def test_the_plain_backbone_is_called_as_its_network_or_as_a_user_says() -> None:
    rows = done(modules=("none", "se"), backbones=("resnet20", "resnet56"), overrides={"lr": ("0.1", "0.2")})
    assert named(rows)[:2] == ["ResNet-20 (lr = 0.1)", "ResNet-20 (lr = 0.2)"]
    found = keys(rows)
    words = set(names(set(found.values()), DisplayNames({"none": "Baseline", "resnet56": "R56"})).values())
    assert {"Baseline (lr = 0.1), ResNet-20", "Baseline (lr = 0.1), R56", "SE (lr = 0.2), R56"} <= words


def test_lines_and_rows_of_a_comparison_have_the_same_names() -> None:
    rows = done(modules=("none", "ela", "se"), hyperparameters={"kernel": ("5", "7")})
    (lines,) = grouped(rows).values()
    headers_of_rows = headers(lines, varying_settings(rows), DisplayNames(), with_placement=False)
    assert [name for (name,) in headers_of_rows] == named(rows)


def test_one_name_for_two_modules_leaves_two_lines() -> None:
    rows = done(modules=("ela",), hyperparameters={"kernel": ("5", "7")})
    display = DisplayNames({"ela kernel=5": "Ours", "ela kernel=7": "Ours"})
    assert len(set(names(set(keys(rows).values()), display).values())) == 2


def test_the_runs_of_specs_have_the_same_keys_as_rows() -> None:
    specs = expand(Axes(modules=("none", "ela"), hyperparameters={"kernel": ("5", "7")})).specs
    assert set(keys_of_specs(specs)) == set(keys(of_specs(specs, lambda _spec: 90.0)).values())
