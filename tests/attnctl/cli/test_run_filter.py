"""Which runs `status`, `report` and `plot` show, and in which order."""

from __future__ import annotations

import json

import pytest

from attnctl.cli.run_filter import NO_FILTER, RunFilter, ordered
from attnctl.db.rows import RunRow
from attnctl.values import SpecError
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace
from attnctl.workspace.user_notes import Annotation
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past, left


def row(name: str, module: str, state: str, since: float = 1.0, **metrics: float) -> RunRow:
    return RunRow(name, module, module, "resnet20", "block", "digits", "", 0, state, "", since, metrics=metrics)


ROWS = (
    row("1" * 16, "se", "completed", 3.0, top1=90.0),
    row("2" * 16, "ela", "completed", 1.0, top1=93.5, loss=0.3),
    row("3" * 16, "ela", "out of memory", 2.0),
)


def kept(workspace: Workspace, **options: list[str]) -> str:
    return "".join(item.id[0] for item in RunFilter(**options).apply(workspace, ROWS))


def test_runs_are_chosen_by_module_state_and_metric(past: Past) -> None:
    workspace = past.config.workspace
    assert NO_FILTER.given == {}
    assert NO_FILTER.apply(workspace, ROWS) == list(ROWS)
    assert kept(workspace, module=["ela"]) == "23"
    assert kept(workspace, module=["s*,ela"]) == "123"
    assert kept(workspace, state=["out-of-memory"]) == "3"
    assert kept(workspace, state=["Completed", "out of memory"]) == "123"
    assert kept(workspace, metric=["top1>90"]) == "2"
    assert kept(workspace, metric=["top1>=90,loss<=0.3"]) == "2"
    assert kept(workspace, metric=["top1=90"]) == "1"
    assert kept(workspace, metric=["top1=90.."]) == "12"
    assert kept(workspace, metric=["top1=90.5..94,loss=..0.3"]) == "2"
    assert kept(workspace, metric=["top1=..92"]) == "1"
    assert RunFilter(module=["ela", "se"], metric=["top1>90"]).given == {"--module": "ela,se", "--metric": "top1>90"}


def test_the_tags_of_a_sweep_choose_its_runs(past: Past) -> None:
    workspace = past.config.workspace
    one, other = past.specs(2)
    past.sweep("first", [one, other])
    user_notes.write(user_notes.of_sweep(workspace, "first"), Annotation(tags=["both"]))
    user_notes.write(user_notes.of_run(workspace, one.id), Annotation(tags=["mine"]))
    rows = [row(spec.id, "se", "completed") for spec in (one, other)]
    assert RunFilter(tag=["both"]).apply(workspace, rows) == rows
    assert RunFilter(tag=["mine"]).apply(workspace, rows) == rows[:1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"module": ["elaa"]}, "no run of module 'elaa'; did you mean 'ela'"),
        ({"state": ["complete"]}, "unknown state 'complete'; did you mean 'completed'"),
        ({"tag": ["x"]}, "no run with tag 'x'"),
        ({"metric": ["top2>1"]}, "no run with a value of 'top2'; did you mean 'top1'"),
        ({"metric": ["top1"]}, "write it as top1=90.., loss=..0.3 or 'top1>90'"),
        ({"metric": ["top1=.."]}, "write it as top1=90.."),
        ({"metric": ["top1>x"]}, "write it as top1=90.."),
        ({"module": [""]}, "a value is empty"),
    ],
    ids=str,
)
def test_what_no_run_can_meet_is_refused(past: Past, options: dict[str, list[str]], words: str) -> None:
    with pytest.raises(SpecError) as refused:
        kept(past.config.workspace, **options)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("key", "order"),
    [("module", "231"), ("-module", "123"), ("state", "123"), ("since", "231"), ("top1", "123"), ("-top1", "213")],
)
def test_runs_are_sorted_and_those_without_a_value_come_last(key: str, order: str) -> None:
    assert "".join(item.id[0] for item in ordered(ROWS, key)) == order


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'top1'"):
        ordered(ROWS, "top")


def test_status_and_report_of_several_sweeps_with_a_filter(past: Past, attnctl: Run) -> None:
    done, failed, other = past.specs(3)
    completed(past, done)
    completed(past, other)
    past.attempt(failed, "FAILED", exit=left("error", "KeyError"))
    past.sweep("first", [done, failed])
    past.sweep("second", [other, done])

    def shown(*words: str) -> list[str]:
        return [item["id"] for item in json.loads(attnctl("status", *words, "--json").out)["runs"]]

    assert shown("first", "second") == [done.id, failed.id, other.id]
    assert shown("first", "second", "--state", "completed") == [done.id, other.id]
    assert shown("--state", "code-error") == [failed.id]
    assert "1 run: 1 code error" in attnctl("status", "--state", "code-error", "--sort", "-since").out
    assert_refused(attnctl("status", "--module", "eca"), "no run of it")
    assert_refused(attnctl("status", "--watch", "--sort", "state"), "a changing display is not sorted")
    report = attnctl("report", "first", "second")
    assert report.code == 0, report.err
    assert "Sweeps first, second" in report.out
    assert attnctl("report", "first", "--state", "completed").code == 0
    assert_refused(attnctl("report", "--table", "ean:2", "--tag", "x"), "a paper's table has --rows")
    assert_refused(attnctl("report", "first", "nobody"), "an unknown sweep")
