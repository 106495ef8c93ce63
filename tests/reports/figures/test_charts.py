"""From runs to what is drawn: which runs are one point, which lines there are, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl import datasets
from attnctl.db import RunRow
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.figures import charts
from attnctl.reports.figures.data import Axis
from attnctl.reports.figures.points import value_axis
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.records import Speed
from tests.reports.figures.figure_runs import history, runs

GROUPS: dict[str, Any] = {"hyperparameters": {"G": ("1", "2", "4")}, "seeds": ("0", "1")}


def accuracy(spec: RunSpec) -> float:
    groups = dict(spec.hyperparameters).get("G", 0)
    assert isinstance(groups, int)
    return 90.0 + groups + 2 * spec.seed


def test_a_hyperparameter_has_a_series_per_module_and_a_level_for_the_plain_backbone() -> None:
    rows = runs(accuracy, modules=("none", "ean"), **GROUPS)
    chart = charts.over_setting(rows, "G", "top1")
    assert chart.x == Axis(name="G", title="G", log=2, ticks=(1.0, 2.0, 4.0))
    (series,) = chart.series
    assert series.name == "EAN"
    assert [(point.x, point.y, point.n) for point in series.points] == [(1, 92, 2), (2, 93, 2), (4, 95, 2)]
    assert series.points[0].spread == pytest.approx(2**0.5)
    assert {run for point in series.points for run in point.runs} == {row.id for row in rows if row.module == "ean"}
    (level,) = chart.levels
    assert (level.name, level.y, level.n) == ("ResNet-20", 91.0, 2)


def test_other_differences_become_separate_lines() -> None:
    rows = runs(accuracy, modules=("ean",), backbones=("resnet20", "resnet56"), **GROUPS)
    assert [series.name for series in charts.over_setting(rows, "G", "top1").series] == [
        "EAN, ResNet-20",
        "EAN, ResNet-56",
    ]
    rows = runs(accuracy, modules=("ean",), overrides={"lr": ("0.1", "0.01")}, **GROUPS)
    assert [series.name for series in charts.over_setting(rows, "G", "top1").series] == [
        "EAN (lr = 0.01)",
        "EAN (lr = 0.1)",
    ]
    over_rate = charts.over_setting(rows, "lr", "top1")
    assert [series.name for series in over_rate.series] == ["EAN (G = 1)", "EAN (G = 2)", "EAN (G = 4)"]
    assert over_rate.x.log == 10  # rates are tried by factors


def test_versions_of_the_code_are_never_one_mean() -> None:
    rows = runs(accuracy, modules=("ean",), **GROUPS)
    older = runs(lambda spec: 10.0, modules=("ean",), **GROUPS)
    for row in older:
        row.id, row.versions = f"old{row.id}", "older"
    for row in older:
        row.details["hyperparameters"].update({row.id: {"G": "1", "shared": "true"}})
        row.details["recipe"].update({row.id: rows[0].recipe_values})
    names = [series.name for series in charts.over_setting([*rows, *older], "G", "top1").series]
    assert len(names) == 2
    assert any(name.endswith("older") for name in names)


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ((1, 2, 4, 8), 2),
        ((0.25, 0.5, 1), 2),
        ((1, 2), 0),
        ((5, 7, 9), 0),
        ((0, 1, 2, 4), 0),
        ((0.001, 0.01, 0.1), 10),
        ((0, 0.1, 10), 0),
    ],
)
def test_powers_of_two_and_decades_are_on_a_logarithmic_axis(values: tuple[float, ...], log: int) -> None:
    assert value_axis("x", values).log == log


@pytest.mark.parametrize(
    ("name", "values", "log", "linear_below"),
    [
        ("lr", (0.05, 0.1), 10, 0.0),
        ("lr", (0.1, 0.2, 0.4), 10, 0.0),
        ("weight_decay", (0.0, 1e-4, 5e-4), 10, 1e-4),
        ("penalty", (0.0, 1e-4), 0, 0.0),
        ("penalty", (1e-4, 2e-4), 10, 0.0),
        ("kernel", (5, 7), 0, 0.0),
    ],
)
def test_rates_and_penalties_are_on_a_logarithmic_axis(
    name: str, values: tuple[float, ...], log: int, linear_below: float
) -> None:
    axis = value_axis(name, values)
    assert (axis.log, axis.linear_below, axis.ticks) == (log, linear_below, values)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ("g", "top1", "no run has 'g'; did you mean 'G'?"),
        ("epohc", "top1", "no run has 'epohc'; did you mean 'epoch'?"),
        ("lr", "top1", "lr is 0.1 in all of these runs"),
        ("groups", "top1", "groups is not numeric: run "),
        ("G", "top9", "no completed run has 'top9'; did you mean 'top1'?"),
    ],
)
def test_an_invalid_chart_is_an_error_with_a_reason(x: str, y: str, message: str) -> None:
    rows = runs(accuracy, modules=("ean",), **GROUPS)
    rows += runs(lambda spec: 50.0, modules=("ela",), hyperparameters={"groups": ("c", "4")})
    with pytest.raises(SpecError) as raised:
        charts.over_setting(rows, x, y)
    assert message in str(raised.value)


def test_names_are_those_that_a_user_gives() -> None:
    rows = runs(accuracy, modules=("none", "ean"), **GROUPS)
    display = DisplayNames({"none": "Baseline", "ean": "EAN-Net", "ean G=2": "Ours", "resnet20": "R20"})
    chart = charts.over_setting(rows, "G", "top1", display)
    assert ([item.name for item in chart.series], [item.name for item in chart.levels]) == (["EAN-Net"], ["Baseline"])
    (series,) = charts.over_cost(rows, "params", "top1", display).series
    assert series.name == "R20"
    assert {point.name for point in series.points} == {"Baseline", "EAN-Net (G = 1)", "Ours", "EAN-Net (G = 4)"}
    curves = charts.over_epochs(rows, lambda run: history([10, 20]), "top1", display=display)
    assert [item.name for item in curves.series] == ["Baseline", "EAN-Net (G = 1)", "Ours", "EAN-Net (G = 4)"]


def test_without_a_completed_run_the_states_are_shown() -> None:
    rows = runs(lambda spec: None, modules=("ean",), **GROUPS)
    with pytest.raises(SpecError, match="none of 6 runs is completed; nothing to draw: 6 running"):
        charts.over_setting(rows, "G", "top1")


def test_finished_runs_are_drawn_and_the_others_are_listed() -> None:
    rows = runs(lambda spec: None if spec.seed else accuracy(spec), modules=("ean",), **GROUPS)
    (series,) = charts.over_setting(rows, "G", "top1").series
    assert [(point.n, point.spread) for point in series.points] == [(1, None)] * 3
    assert charts.progress(rows) == ("completed: 3 of 6 runs; the others: 3 running",)
    assert charts.progress([row for row in rows if not row.seed]) == ()


def test_curves_are_means_over_the_seeds_that_reached_an_epoch() -> None:
    rows = runs(accuracy, modules=("none", "se"), seeds=("0", "1"))
    found = {row.id: history([10, 20, 30][: 3 - row.seed]) for row in rows}
    chart = charts.over_epochs(rows, found.__getitem__, "top1", (20.0, 99.0))
    plain, se = chart.series
    assert (plain.name, se.name) == ("ResNet-20", "SE")
    assert [(point.x, point.y, point.n) for point in plain.points] == [(1, 10, 2), (2, 20, 2), (3, 30, 1)]
    assert [(item.series, item.target, item.epoch) for item in chart.reached] == [
        ("ResNet-20", 20.0, 2.0),
        ("ResNet-20", 99.0, None),
        ("SE", 20.0, 2.0),
        ("SE", 99.0, None),
    ]
    falling = charts.over_epochs(rows, lambda run: history([3, 2, 1], "loss"), "loss", (2.0,))
    assert [item.epoch for item in falling.reached] == [2.0, 2.0]
    with pytest.raises(SpecError, match="no run has top5 for any epoch"):
        charts.over_epochs(rows, found.__getitem__, "top5")


def test_a_scatter_plot_has_a_point_per_network_in_a_suitable_unit() -> None:
    rows = runs(accuracy, modules=("none", "ean"), **GROUPS)
    chart = charts.over_cost(rows, "params", "top1")
    (series,) = chart.series
    assert (series.name, chart.x.title) == ("ResNet-20", "parameters (M)")
    assert {point.name: point.x for point in series.points} == {
        "ResNet-20": 0.272,
        "EAN (G = 1)": 0.273,
        "EAN (G = 2)": 0.2725,
        "EAN (G = 4)": 0.27225,
    }
    assert {point.name for point in series.points if point.front} == {"ResNet-20", "EAN (G = 4)"}


def test_latency_is_that_of_bench_under_one_condition() -> None:
    rows = runs(accuracy, modules=("none", "ean"), **GROUPS)

    def speed(row: RunRow, seconds: float, batch: int) -> Speed:
        spec = row.spec
        return Speed(
            at=1.0,
            device="H200",
            module=spec.module,
            hyperparameters=dict(spec.hyperparameters),
            backbone=spec.backbone,
            placement=spec.placement,
            dataset=spec.dataset,
            input_size=datasets.describe(spec.dataset).height,
            batch=batch,
            precision="fp32",
            compiled=False,
            seconds=seconds,
            spread=0.0,
            plain_seconds=0.1,
        )

    first = {row.spec.label(): row for row in rows}
    speeds = [speed(row, 0.1 * (1 + at), 100) for at, row in enumerate(first.values())]
    measured, conditions = charts.latencies(rows, [*speeds, speed(rows[0], 0.5, 1)])
    assert conditions == "H200, batch 100, fp32"
    (chart,) = charts.over_costs(rows, "latency", "top1", measured=measured)
    (series,) = chart.series
    assert chart.x.title == "latency (ms/image)"
    assert sorted(point.x for point in series.points) == pytest.approx([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(SpecError, match="no completed run has a latency; attnctl bench measures it"):
        charts.over_costs(rows, "latency", "top1")


def test_each_data_set_has_a_front_of_its_own() -> None:
    rows = runs(
        lambda spec: 90.0 if spec.dataset == "digits" else 50.0, modules=("none", "ean"), datasets=("digits", "cifar10")
    )
    panels = charts.over_costs(rows, "params", "top1")
    assert [panel.title for panel in panels] == ["Digits", "CIFAR-10"]
    assert all(any(point.front for item in panel.series for point in item.points) for panel in panels)
    (alone,) = charts.over_costs([row for row in rows if row.dataset == "digits"], "params", "top1")
    assert alone.title == ""


def test_more_curves_than_can_be_told_apart_are_refused() -> None:
    rates = tuple(f"0.{number}" for number in range(11, 11 + charts.MOST_CURVES))
    rows = runs(accuracy, modules=("none",), overrides={"lr": rates})
    assert len(charts.over_epochs(rows, lambda run: history([90.0]), "top1").series) == charts.MOST_CURVES
    rows = runs(accuracy, modules=("none",), overrides={"lr": (*rates, "0.5")})
    with pytest.raises(SpecError, match=r"21 curves are too many for one figure, at most 20; name a sweep, or choose"):
        charts.over_epochs(rows, lambda run: history([90.0]), "top1")
