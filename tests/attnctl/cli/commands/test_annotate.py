"""`attnctl name`, `tag` and `note`: what users write about runs and sweeps, and where it is found again."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from attnctl.spec import RunSpec
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past
from tests.fixtures.lab import Lab


@pytest.fixture
def two(past: Past) -> list[RunSpec]:
    specs = past.specs(2)
    for spec in specs:
        completed(past, spec)
    past.sweep("first", specs)
    return specs


def test_a_name_stands_for_the_run_in_other_commands(two: list[RunSpec], attnctl: Run) -> None:
    one, other = two
    assert attnctl("name", one.id[:8], "best-se").out == f"run {one.id} is now called best-se\n"
    assert json.loads(attnctl("show", "best-se", "--json").out)["id"] == one.id
    assert list(json.loads(attnctl("du", "best-se", "--json").out)["runs"]) == [one.id]
    assert_refused(attnctl("name", other.id, "best-se"), "another run has it")
    assert_refused(attnctl("name", other.id, "first"), "a sweep has it")
    assert_refused(attnctl("name", other.id, "3fa2"), "it could be the beginning of an id")
    assert attnctl("name", "best-se").out == f"run {one.id} has no name\n"
    assert_refused(attnctl("show", "best-se"), "the name is gone")


def test_a_renamed_sweep_keeps_its_runs_and_tags(past: Past, two: list[RunSpec], attnctl: Run) -> None:
    attnctl("tag", "first", "camera-ready")
    assert attnctl("name", "first", "final").out == "sweep first is now called final\n"
    (sweep,) = json.loads(attnctl("sweeps", "--json").out)["sweeps"]
    assert (sweep["name"], sweep["runs"], sweep["tags"]) == ("final", [spec.id for spec in two], ["camera-ready"])
    past.sweep("second", two)
    assert_refused(attnctl("name", "second", "final"), "another sweep has it")
    assert_refused(attnctl("name", "second"), "a sweep needs a name")


def test_tags_are_added_printed_and_removed(two: list[RunSpec], attnctl: Run) -> None:
    run = two[0].id
    assert attnctl("tag", run, "v2", "baseline").out == f"run {run}: baseline, v2\n"
    assert attnctl("tag", "first", "all").out == "sweep first: all\n"
    assert json.loads(attnctl("show", run, "--json").out)["annotation"]["tags"] == "all, baseline, v2"
    assert attnctl("tag", run, "v2", "--remove").out == f"run {run}: baseline\n"
    assert attnctl("tag", run).out == f"run {run}: baseline\n"
    assert_refused(attnctl("tag", run, "v2", "--remove"), "it does not have it")
    assert_refused(attnctl("tag", run, "a b"), "two words are no tag")
    assert_refused(attnctl("tag", run, "--remove"), "nothing is named")


def test_a_note_is_shown_with_its_run_and_sweep(two: list[RunSpec], attnctl: Run) -> None:
    run = two[0].id
    attnctl("note", run, "diverged", "with lr 0.2")
    attnctl("note", "first", "the first try")
    assert attnctl("note", run).out == f"run {run}: diverged with lr 0.2\n"
    assert "diverged with lr 0.2" in attnctl("show", run).out
    assert "the first try" in attnctl("sweeps").out
    assert attnctl("note", run, "--remove").out == f"run {run}: no note\n"
    assert_refused(attnctl("note", run, "x", "--remove"), "a text and --remove")
    assert_refused(attnctl("note", "nobody", "x"), "an unknown run")


def test_what_is_removed_takes_its_annotation_along_and_a_rebuilt_index_changes_nothing(
    past: Past, two: list[RunSpec], attnctl: Run
) -> None:
    attnctl("tag", two[0].id, "old")
    attnctl("tag", "first", "old")
    attnctl("db", "rebuild")
    assert attnctl("tag", two[0].id).out.endswith(": old\n")
    attnctl("rm", two[0].id, "--yes")
    attnctl("rm", "first", "--yes")
    assert not [path for path in (past.root / "annotations").rglob("*") if path.is_file()]


def test_a_merge_and_an_archive_carry_them(
    past: Past, two: list[RunSpec], attnctl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = two[0].id
    attnctl("name", run, "best-se")
    attnctl("tag", run, "theirs")
    attnctl("note", "first", "of both")
    assert attnctl("archive", "first", "-o", str(tmp_path / "first.tar.gz")).code == 0
    with tarfile.open(tmp_path / "first.tar.gz") as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {f"annotations/runs/{run}.json", "annotations/sweeps/first.json"} <= names
    target = tmp_path / "target"
    target.mkdir()
    (target / "attnctl.toml").touch()
    monkeypatch.chdir(target)
    assert attnctl("merge", str(past.root)).code == 0
    attnctl("tag", "best-se", "ours")
    assert attnctl("note", "first").out == "sweep first: of both\n"
    assert attnctl("merge", str(past.root)).code == 0
    assert attnctl("tag", run).out == f"run {run}: ours, theirs\n"


def test_in_a_shared_workspace_each_member_writes_on_the_runs_of_the_others(lab: Lab) -> None:
    lab.share()
    ada, bob = lab.users
    words = ("sweep", "none", "--dataset", "digits", "--epochs", "1", "--input-size", "8", "--run-on", "local")
    swept = lab.run(ada, *words, "--name", "ours")
    assert swept.returncode == 0, swept.stderr
    for user, tag in ((ada, "hers"), (bob, "his")):
        done = lab.run(user, "tag", "ours", tag)
        assert done.returncode == 0, done.stderr
    assert lab.run(ada, "tag", "ours").stdout == "sweep ours: hers, his\n"
