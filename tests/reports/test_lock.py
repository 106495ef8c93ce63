"""A report that is frozen in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from attnctl.db import open_index, rebuild
from attnctl.db.rows import RunRow
from attnctl.reports import lock, published
from attnctl.reports.report import Report
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.fixtures import limited_memory
from tests.reports.report_workspace import cells, families, line, specs, train
from tests.reports.report_workspace import table as named

EAN2 = named("ean:2")
REQUEST = {"--table": "ean:2", "--columns": "top1"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "w")
    for name, top1 in (("ResNet50", 60.0), ("ResNet50+SE", 61.0)):
        for spec in specs(EAN2, name):
            train(made, spec, 50.0, top1)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "submitted.json"


def report(workspace: Workspace) -> tuple[Report, list[RunRow]]:
    items = cells(EAN2)
    found = families(workspace, items)
    return published.build(EAN2, items, found), [row for rows in found.values() for row in rows]


def rows(workspace: Workspace, frozen: lock.Lock) -> list[RunRow]:
    with open_index(workspace) as index:
        index.refresh()
        return index.runs(list(frozen.runs))


def test_a_locked_report_round_trips(workspace: Workspace, path: Path) -> None:
    made, found = report(workspace)
    written = lock.write(path, made, found, REQUEST, 1.0)
    assert lock.read(path) == written
    assert written.report == made
    assert set(written.runs) == {row.id for row in found}
    document = json.loads(path.read_text())
    assert {run["family"] for run in document["runs"].values()} == {row.family for row in found}
    lock.check_runs(path, written, rows(workspace, written))


def test_later_runs_change_nothing(workspace: Workspace, path: Path) -> None:
    made, found = report(workspace)
    frozen = lock.write(path, made, found, REQUEST, 1.0)
    train(workspace, specs(EAN2, "ResNet50", ("1",))[0], 99.0)
    later, _ = report(workspace)
    assert line(later.table, "ResNet50", later.names)["top1"].n == 2
    lock.check_runs(path, frozen, rows(workspace, frozen))
    kept = lock.read(path)
    assert kept is not None
    assert kept.report == made


def test_a_run_that_changed_is_named(workspace: Workspace, path: Path) -> None:
    made, found = report(workspace)
    frozen = lock.write(path, made, found, REQUEST, 1.0)
    (spec,) = specs(EAN2, "ResNet50")
    train(workspace, spec, 50.0, 62.5, number=2)
    rebuild(workspace).close()
    with pytest.raises(SpecError, match=f"since it was locked, run {spec.id}: last top1 was 60.0 and is 62.5"):
        lock.check_runs(path, frozen, rows(workspace, frozen))


def test_a_run_that_is_gone_is_named(workspace: Workspace, path: Path) -> None:
    made, found = report(workspace)
    frozen = lock.write(path, made, found, REQUEST, 1.0)
    (spec,) = specs(EAN2, "ResNet50")
    there = [row for row in rows(workspace, frozen) if row.id != spec.id]
    with pytest.raises(SpecError, match=f"1 run of it is no longer in this workspace: {spec.id}"):
        lock.check_runs(path, frozen, there)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"--table": "ean:3"}, "was locked with --table ean:2, not with --table ean:3; use another file for that"),
        ({"--columns": "top1,params"}, "was locked with --columns top1, not with --columns top1,params"),
        ({"--sort": "top1"}, "was locked without --sort, not with --sort top1"),
    ],
)
def test_another_report_than_the_frozen_one_is_refused(
    workspace: Workspace, path: Path, request_: dict[str, str], message: str
) -> None:
    frozen = lock.write(path, *report(workspace), REQUEST, 1.0)
    with pytest.raises(SpecError, match=message):
        lock.check_request(path, frozen, request_)
    lock.check_request(path, frozen, {})
    lock.check_request(path, frozen, REQUEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a locked report"),
        ("[]", "is not a locked report"),
        ('{"attnctl_report_lock": 2}', "is not a locked report"),
        ('{"attnctl_report_lock": 1}', "is a damaged locked report"),
        ("\\xff", "is not a locked report"),
    ],
)
def test_another_file_is_refused(path: Path, text: str, message: str) -> None:
    assert lock.read(path) is None
    path.write_text(text)
    with pytest.raises(SpecError, match=message):
        lock.read(path)


def test_unknown_fields_of_a_locked_run_are_ignored(workspace: Workspace, path: Path) -> None:
    frozen = lock.write(path, *report(workspace), REQUEST, 1.0)
    document = json.loads(path.read_bytes())
    for record in document["runs"].values():
        record["later"] = "field"
    path.write_text(json.dumps(document))
    read = lock.read(path)
    assert read is not None
    lock.check_runs(path, read, rows(workspace, frozen))


def damage(document: Any, place: str, value: object) -> None:
    *folders, last = place.split(".")
    for name in folders:
        document = document[int(name) if isinstance(document, list) else name]
    document[int(last) if isinstance(document, list) else last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("made", 1e300),
        ("made", -1.0),
        ("names", []),
        ("table.columns", []),
        ("table.headers", ["a", "b", "c"]),
        ("table.columns.0.decimals", 1 << 40),
        ("table.columns.0.decimals", -1),
        ("table.columns.0.scale", 0.0),
        ("table.groups.0.rows.0.cells", []),
        ("runs.RUN.last", None),
        ("runs.RUN.best", {"top1": "high"}),
        ("runs.RUN.seed", "0"),
        ("runs.RUN.versions", ["1"]),
        ("runs.RUN", {}),
    ],
)
def test_a_locked_report_whose_parts_do_not_fit_is_refused(
    place: str, value: object, workspace: Workspace, path: Path
) -> None:
    frozen = lock.write(path, *report(workspace), REQUEST, 1.0)
    document = json.loads(path.read_bytes())
    damage(document, place.replace("RUN", next(iter(frozen.runs))), value)
    path.write_text(json.dumps(document))
    with pytest.raises(SpecError, match=r"submitted\.json is a damaged locked report: "):
        lock.read(path)


@pytest.mark.parametrize("kind", ["huge", "nested", "wide", "fifo", "device"])
def test_a_hostile_file_is_named_on_one_line_in_bounded_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    if kind == "huge":
        with path.open("wb") as stream:
            stream.truncate(4 << 30)  # takes no disk
    elif kind == "nested":
        path.write_bytes(b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000)
    elif kind == "wide":
        path.write_bytes(b'{"attnctl_report_lock": 1, "runs": [' + b"{}," * 5_000_000 + b"{}]}")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    done = limited_memory.command("report", "--lock", "lock.json", megabytes=1024, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "lock.json" in done.stderr
    assert "internal error" not in done.stderr
