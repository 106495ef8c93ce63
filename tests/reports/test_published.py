"""A paper's table, what was measured beside what is published."""

import dataclasses
import json
import statistics

import pytest

from attnctl import papers
from attnctl.reports import published
from attnctl.reports.selection import Options
from attnctl.reports.table import Table, all_rows
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Imported, Speed
from tests.reports.report_workspace import cells, families, footnotes, line, request, specs, train
from tests.reports.report_workspace import table as named

TABLES = [table for name in papers.names() for table in papers.load(name).tables.values()]
EAN2 = named("ean:2")


def trained_rows(table):
    return list(dict.fromkeys(item.row.name for item in cells(table) if item.variants))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Of each table that can be trained, some rows are: two seeds of the first two, one of the third."""
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    for table in TABLES:
        for number, row in enumerate(trained_rows(table)[:3]):
            for spec in specs(table, row, ("0", "1") if number < 2 else ("0",)):
                train(made, spec, 50.0, 60.0 + number + spec.seed)
    return made


def build(workspace, table, items=None, **more):
    items = cells(table) if items is None else items
    return published.build(table, items, families(workspace, items), **more)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_shows_what_is_printed_with_or_without_runs(table, workspace):
    for report in (build(workspace, table), published.build(table, cells(table), {})):
        made = report.table
        assert report.names == tuple(row.name for row in table.rows)
        assert [row.header for _, row in all_rows(made)] == [(row.printed,) for row in table.rows]
        assert len({column.name for column in made.columns}) == len(made.columns)
        for row in table.rows:
            shown = line(made, row.name, report.names)
            for key, text in row.published.items():
                assert shown[f"{key}.published"].printed == text
        assert Table.from_json(json.loads(json.dumps(made.to_json()))) == made
        marks = [mark for _, row in all_rows(made) for cell in (row, *row.cells) for mark in cell.marks]
        assert list(dict.fromkeys(marks)) == [note.mark for note in made.footnotes] or set(marks) == {
            note.mark for note in made.footnotes
        }


@pytest.mark.parametrize("table", [table for table in TABLES if trained_rows(table)], ids=lambda table: table.name)
def test_every_table_that_can_be_trained_has_our_numbers(table, workspace):
    report = build(workspace, table)
    for number, name in enumerate(trained_rows(table)[:3]):
        shown = line(report.table, name, report.names)
        (row,) = (row for row in table.rows if row.name == name)
        for column in (column for column in table.columns if column.kind == "run"):
            cell = shown[column.key]
            assert cell.n == (2 if number < 2 else 1)
            assert cell.runs
            if column.key in row.published:
                apart = shown[f"{column.key}.difference"].value
                assert apart == pytest.approx(cell.value - float(row.published[column.key]))
            if column.metric == "top1":
                top1 = 60.0 + number + (0.5 if number < 2 else 0.0)
                assert cell.value == pytest.approx(100 - top1 if column.error else top1)


def test_a_column_is_published_measured_and_apart(workspace):
    report = build(workspace, EAN2)
    names = [column.name for column in report.table.columns]
    assert names == [
        *(f"params{part}" for part in (".published", "", ".exact", ".difference")),
        *(f"flops{part}" for part in (".published", "", ".exact", ".difference")),
        *(f"top1{part}" for part in (".published", "", ".difference", ".gain")),
    ]
    assert {column.span for column in report.table.columns} == {"Params (M)", "FLOPs (G)", "Top-1 Acc (%)"}
    shown = line(report.table, "ResNet50+SE", report.names)
    assert (shown["params"].printed, shown["params.exact"].value) == ("28.75", 28752132)
    assert shown["params.difference"].printed == "+0.00"
    assert (shown["top1"].value, shown["top1"].n, shown["top1"].wanted) == (61.5, 2, 2)
    assert shown["top1"].spread == pytest.approx(statistics.stdev([61.0, 62.0]))
    assert shown["top1.difference"].value == pytest.approx(61.5 - 78.54)
    assert line(report.table, "ResNet50+SA", report.names)["top1"].state == "not run"


def test_the_gain_is_over_the_groups_plain_network(workspace):
    report = build(workspace, EAN2)
    assert line(report.table, "ResNet50", report.names)["top1.gain"].value is None
    gain = line(report.table, "ResNet50+SE", report.names)["top1.gain"]
    assert gain.value == pytest.approx(1.0)
    assert gain.interval[0] < 1.0 < gain.interval[1]
    single = line(report.table, "ResNet50+CBAM", report.names)["top1.gain"]
    assert (single.value, single.interval) == (pytest.approx(1.5), None)
    assert line(report.table, "ResNet101", report.names)["top1.gain"].value is None
    assert any("Welch" in note for note in report.table.notes)


def test_without_several_seeds_there_is_no_gain(workspace):
    report = build(workspace, EAN2, options=Options(seeds=(0,)))
    assert "top1.gain" not in [column.name for column in report.table.columns]
    assert line(report.table, "ResNet50", report.names)["top1"].wanted == 1


def test_the_best_and_the_second_of_a_group_are_marked_and_published_ones_are_not(workspace):
    report = build(workspace, EAN2)
    marked = {
        name: (cell.best, cell.second)
        for name in ("ResNet50", "ResNet50+SE", "ResNet50+CBAM")
        for cell in [line(report.table, name, report.names)["top1"]]
    }
    assert marked == {"ResNet50": (False, False), "ResNet50+SE": (False, True), "ResNet50+CBAM": (True, False)}
    published_cells = [line(report.table, name, report.names)["top1.published"] for name in report.names]
    assert not any(cell.best or cell.second for cell in published_cells)


def test_an_error_is_what_is_not_right_and_the_lowest_is_best(workspace):
    table = named("nam:1")
    report = build(workspace, table)
    first, second, third = (line(report.table, name, report.names)["top1"] for name in report.names[:3])
    assert [cell.value for cell in (first, second, third)] == [39.5, 38.5, 38.0]
    assert first.spread == pytest.approx(statistics.stdev([40.0, 39.0]))
    assert (third.best, second.second) == (True, True)
    gain = line(report.table, report.names[1], report.names)["top1.gain"]
    assert gain.value == pytest.approx(-1.0)


def test_of_several_trainings_the_best_counts_and_is_told(tmp_path):
    table = named("ela:2")
    workspace = Workspace(tmp_path)
    one, two = specs(table, "ResNet18")
    train(workspace, one, 60.0)
    train(workspace, two, 61.0)
    report = build(workspace, table)
    cell = line(report.table, "ResNet18", report.names)["top1"]
    assert (cell.value, cell.n, cell.wanted, cell.runs) == (61.0, 1, 1, (two.id,))
    assert footnotes(report.table, cell) == ["lr=0.05 of lr=0.1, lr=0.05: the highest mean top1 on the test set"]


def test_a_training_that_is_not_done_is_told_with_the_one_that_counts(tmp_path):
    table = named("ela:2")
    workspace = Workspace(tmp_path)
    train(workspace, specs(table, "ResNet18")[0], 60.0)
    report = build(workspace, table)
    (note,) = footnotes(report.table, line(report.table, "ResNet18", report.names)["top1"])
    assert note.endswith("on the test set; not all done: lr=0.05")


def test_what_is_missing_says_why(tmp_path):
    workspace = Workspace(tmp_path)
    rows = {name: specs(EAN2, name, ("0", "1", "2")) for name in ("ResNet50", "ResNet50+SE", "ResNet50+SA")}
    train(workspace, rows["ResNet50"][0], 60.0)
    train(workspace, rows["ResNet50"][1], 61.0)
    train(workspace, rows["ResNet50"][2], outcome="diverged")
    train(workspace, rows["ResNet50+SE"][0], outcome="error")
    request(workspace, rows["ResNet50+SA"][0])
    report = build(workspace, EAN2, cells(EAN2, (), ("0", "1", "2")), asked={0, 1, 2})
    states = {name: line(report.table, name, report.names)["top1"].state for name in (*rows, "ResNet50+CA")}
    assert states == {
        "ResNet50": "n=2 of 3: diverged",
        "ResNet50+SE": "failed: code error, not run",
        "ResNet50+SA": "submitting, not run",
        "ResNet50+CA": "not run",
    }


def test_a_mean_is_of_one_version_of_the_code(tmp_path):
    workspace = Workspace(tmp_path)
    now = specs(EAN2, "ResNet50", ("0", "1"))
    before = [dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, loop=0)) for spec in now]
    train(workspace, before[0], 10.0)
    train(workspace, now[0], 60.0)
    report = build(workspace, EAN2)
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert (cell.value, cell.n) == (60.0, 1)
    assert footnotes(report.table, cell) == ["a run of another version of the code left out"]
    train(workspace, before[1], 12.0)
    report = build(workspace, EAN2)
    assert line(report.table, "ResNet50", report.names)["top1"].value == 11.0


def test_the_best_epoch_is_told_unless_it_is_chosen_on_held_out_images(workspace, tmp_path):
    spec = specs(EAN2, "ResNet50")[0]
    own = Workspace(tmp_path)
    train(own, spec, 70.0, 60.0)
    report = build(own, EAN2, options=Options(epoch="best"))
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert cell.value == 70.0
    assert "chosen by the test set itself" in footnotes(report.table, cell)[0]
    items = cells(EAN2, fields={"val_split": "0.1"})
    (held_out,) = specs(EAN2, "ResNet50", fields={"val_split": "0.1"})
    train(own, held_out, 71.0, 60.0)
    report = build(own, EAN2, items, options=Options(epoch="best"))
    cell = line(report.table, "ResNet50", report.names)["top1"]
    assert (cell.value, cell.marks) == (71.0, ())


def test_what_the_paper_and_the_data_say_of_a_row_is_a_footnote():
    report = published.build(EAN2, cells(EAN2), {})
    assert footnotes(report.table, line(report.table, "ResNet101+CA", report.names)["params.published"]) == [
        "a likely misprint of 49.88"
    ]
    assert [note.mark for note in report.table.footnotes][:3] == ["a", "b", "c"]
    only = published.build(EAN2, cells(EAN2), {}, options=Options(columns=("top1",), rows=("ResNet50",)))
    assert only.table.footnotes == ()


def test_speed_is_measured_under_named_conditions():
    table = named("ean:3")
    spec = specs(table, "SE-MX")[0]
    speed = Speed(
        at=1.0,
        device="Some GPU",
        module=spec.module,
        hyperparameters=dict(spec.hyperparameters),
        backbone=spec.backbone,
        placement=spec.placement,
        dataset=spec.dataset,
        input_size=224,
        batch=1,
        precision="fp32",
        compiled=False,
        seconds=0.02,
        spread=0.0,
        plain_seconds=0.01,
    )
    report = published.build(table, cells(table), {}, speeds=[speed])
    shown = line(report.table, "SE-MX", report.names)
    assert (shown["fps"].value, shown["fps.published"].printed) == (50.0, "80FPS")
    assert shown["fps.difference"].value == -30.0
    assert line(report.table, "CBAM-MX", report.names)["fps"].state == "not measured"
    assert "FPS: images per second of inference; Some GPU, batch 1, fp32." in report.table.notes


def test_what_a_module_is_is_computed():
    table = named("ela:1")
    report = published.build(table, cells(table), {})
    for row in table.rows:
        shown = line(report.table, row.name, report.names)
        for column in table.columns:
            ours, theirs = shown[column.key].printed, shown[f"{column.key}.published"]
            assert ours == theirs.printed or theirs.marks, (row.name, column.key)


WAITING = """
name = "mine"
title = "Of a network that is none of attnctl's"
[tables.1]
caption = "c"
task = "detection"
columns = [{ key = "ap", metric = "ap" }, { key = "ap50", metric = "ap50" }, { key = "params", metric = "params" }]
[[tables.1.rows]]
row = "RetinaNet"
ap = "36.5"
"""


def test_a_network_that_is_none_of_ours_is_waited_for(tmp_path):
    (tmp_path / "mine.toml").write_text(WAITING)
    table = papers.load(str(tmp_path / "mine.toml")).tables["1"]
    report = published.build(table, cells(table), {})
    assert line(report.table, "RetinaNet", report.names)["ap"].state == "waits for detection"
    assert [column.name for column in report.table.columns if "." not in column.name] == ["ap"]


def test_detectors_have_their_metrics_their_counts_and_their_speed(workspace):
    table = named("ela:7")
    spec = specs(table, "YOLOX-Nano+SE")[0]
    report = build(workspace, table)
    shown = line(report.table, "YOLOX-Nano+SE", report.names)
    assert (shown["map"].value, shown["map.published"].printed) == (pytest.approx(62.0), "73.58")
    assert (shown["params"].printed, shown["params.exact"].value) == ("3.55", 931691)
    assert shown["flops"].printed == "1.287"
    assert shown["fps"].state == "not measured"
    assert spec.network == "yolox_nano cspdarknet_nano"


def test_imported_numbers_stand_alone_and_are_told(workspace):
    imports = [
        Imported(source="their log", values={"top1": 79.0}, table="ean:2", row="ResNet50+SA", seed=0),
        Imported(source="their log", values={"top1": 80.0}, table="ean:2", row="ResNet50+SA", seed=1),
        Imported(source="a poster", values={"top1": 70.0}, table="ean:2", row="ResNet50+SE"),
        Imported(source="elsewhere", values={"top1": 1.0}, table="ean:1", row="ResNet50+SE"),
    ]
    report = build(workspace, EAN2, imports=imports)
    theirs = line(report.table, "ResNet50+SA", report.names)
    assert (theirs["top1"].value, theirs["top1"].n, theirs["top1"].runs) == (79.5, 2, ())
    assert theirs["top1.difference"].value == pytest.approx(79.5 - 78.88)
    assert theirs["top1.gain"].value is None
    assert footnotes(report.table, theirs["top1"]) == ["imported from their log"]
    ours = line(report.table, "ResNet50+SE", report.names)["top1"]
    assert ours.value == 61.5
    assert footnotes(report.table, ours) == ["imported from a poster: 70.00"]


def test_an_imported_accuracy_is_an_error_where_the_paper_prints_errors():
    table = named("nam:1")
    imports = [Imported(source="x", values={"top1": 80.0}, table="nam:1", row="ResNet50")]
    report = published.build(table, cells(table), {}, imports=imports)
    assert line(report.table, "ResNet50", report.names)["top1"].value == 20.0


def test_rows_and_columns_are_chosen_and_ordered(workspace):
    options = Options(rows=("ResNet50*",), columns=("top1", "params.exact"), sort="-top1")
    report = build(workspace, EAN2, options=options)
    assert report.names[:3] == ("ResNet50+CBAM", "ResNet50+SE", "ResNet50")
    assert [column.name for column in report.table.columns] == [
        *("top1.published", "top1", "top1.difference", "top1.gain"),
        "params.exact",
    ]
    measured = build(workspace, EAN2, options=Options(columns=(".measured",)))
    assert [column.name for column in measured.table.columns] == ["params", "flops", "top1"]
    assert build(workspace, EAN2, options=Options(sort="params.exact")).names[0] == "ResNet50"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(columns=("top2",)), "there is no column 'top2'; did you mean 'top1'?"),
        (Options(columns=("top1.publishd",)), "did you mean 'top1.published'?"),
        (Options(columns=(".exakt",)), "there is no column '.exakt'; did you mean '.exact'?"),
        (Options(columns=("",)), "there is no column ''"),
        (Options(sort="-topp1"), "there is no column 'topp1'"),
        (Options(rows=("ResNet5",)), "has no row 'ResNet5'; did you mean"),
    ],
)
def test_what_there_is_not_is_one_clear_line(options, message):
    with pytest.raises(SpecError, match=message.replace("?", r"\?").replace(".", r"\.")):
        published.build(EAN2, cells(EAN2), {}, options=options)


def test_what_was_trained_otherwise_is_said():
    report = published.build(EAN2, cells(EAN2), {}, changed="dataset=digits epochs=3")
    assert report.table.notes[0].startswith("Trained with dataset=digits epochs=3 instead of what the paper has")
