"""Where the numbers of a report come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from attnctl.reports import provenance, published
from attnctl.reports.report import Report
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import NOW, cells, families, specs, train
from tests.reports.report_workspace import table as named

EAN2 = named("ean:2")


Made = tuple[Report, dict[str, provenance.Source]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    for spec in specs(EAN2, "ResNet50", ("0", "1")):
        train(made, spec, 50.0, 60.0, outcome="preempted" if spec.seed else "completed", commit="old")
    train(made, specs(EAN2, "ResNet50", ("1",))[0], 50.0, 62.0, number=2, device="NVIDIA H100", commit="new")
    return made


@pytest.fixture
def made(workspace: Workspace) -> Made:
    items = cells(EAN2, (), ("0", "1"))
    found = families(workspace, items)
    sources = {row.id: provenance.source(workspace, row) for rows in found.values() for row in rows}
    return published.build(EAN2, items, found), sources


def test_a_number_has_its_runs_with_all_their_attempts(made: Made) -> None:
    report, sources = made
    (number,) = provenance.numbers(report, "ResNet50:top1")
    one, two = (spec.id for spec in specs(EAN2, "ResNet50", ("0", "1")))
    assert number.cell.runs == (one, two)
    facts = dict(sources[two].facts())
    assert facts["seed"] == "1"
    assert facts["attempts"] == "1, 2"
    assert facts["device"] == "NVIDIA A100, NVIDIA H100"
    assert facts["commit"] == "old, new"
    assert facts["nodes"] == "n1"
    assert (facts["torch"], facts["python"], facts["CUDA"]) == ("2.9", "3.11", "12.8")
    assert facts["epochs"].startswith("2 of 200, the best 2")
    assert sources[two].submitted == NOW
    assert "metrics" in facts


def test_people_read_each_run_once(made: Made) -> None:
    report, sources = made
    numbers = provenance.numbers(report, "ResNet50")
    assert [number.column.name for number in numbers] == ["top1", "top1.difference"]
    text = "\n".join(start + words for start, words in provenance.lines(numbers, sources))
    one, two = (spec.id for spec in specs(EAN2, "ResNet50", ("0", "1")))
    assert f"ResNet50, Top-1 Acc (%) measured: 61.00 ± 1.41 from {one}, {two}" in text
    assert text.count(f"\nrun {one}\n") == text.count(f"\nrun {two}\n") == 1


def test_the_same_as_json(made: Made) -> None:
    report, sources = made
    document = json.loads(json.dumps(provenance.document(provenance.numbers(report, ""), sources)))
    assert {number["column"] for number in document["numbers"]} == {"top1", "top1.difference"}
    (run,) = (run for run in document["runs"].values() if run["seed"] == 1)
    assert [start["device"] for start in run["starts"]] == ["NVIDIA A100", "NVIDIA H100"]


@pytest.mark.parametrize("text", ["[]", '{"a":' * 100_000, '{"gpus":' + "[" * 500 + "]" * 500 + "}"])
def test_damaged_records_are_ignored(workspace: Workspace, made: Made, text: str) -> None:
    (spec,) = specs(EAN2, "ResNet50")
    attempt = workspace.run(spec.id).attempt(1)
    attempt.request.write_text("{")
    attempt.incarnation(0).env.write_text(text)
    items = cells(EAN2)
    (row, *_) = families(workspace, items)[spec.family]
    found = provenance.source(workspace, row)
    assert (found.starts[0].commit, found.starts[0].device) == ("", "NVIDIA A100")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("WRN-28:top1", "no such row: 'WRN-28'; did you mean 'WRN-28(w=10)'?"),
        ("ResNet50:top2", "no such column: 'top2'; did you mean 'top1'?"),
    ],
)
def test_an_unknown_name_is_a_one_line_error(made: Made, pattern: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        provenance.numbers(made[0], pattern)


def test_globs_mean_several(made: Made) -> None:
    assert [number.column.name for number in provenance.numbers(made[0], "ResNet*:top1*")] == [
        "top1",
        "top1.difference",
    ]


def test_a_page_contains_the_same_notes(made: Made) -> None:
    _, sources = made
    source = next(iter(sources.values()))
    assert provenance.origin(source).run == source.run
    assert dict(provenance.origin(source).facts)["state"] == "completed"
