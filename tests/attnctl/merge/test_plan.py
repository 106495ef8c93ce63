"""What a merge is to do, and what it leaves out and why."""

from __future__ import annotations

import json

import pytest

from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.exchange_cases import NOW, contents, spec, write_attempt


def test_disagreement_on_the_cpu_is_stated_before_and_after(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a")
    write_attempt(theirs, spec(), 1, {10: 50.5}, nonce="b", created=NOW + 1)
    words = "attempts 1.0 and 2.0 disagree: loss of epoch 1 is 0.5 and 0.495"
    assert words in attnctl("merge", "../other", "--dry-run").err
    done = attnctl("merge", "../other", "--json")
    assert json.loads(done.out)["disagree"] == {spec().id: words}
    assert words in json.loads(attnctl("show", spec().id, "--json").out)["alarm"]


def test_gpus_may_differ_and_a_dry_run_writes_nothing(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a", device="NVIDIA A100")
    write_attempt(theirs, spec(), 1, {10: 50.5}, nonce="b", device="NVIDIA A100")
    before = listing(ours.root.parent)
    result = attnctl("merge", "../other", "--dry-run")
    assert (result.code, result.err) == (0, "nothing was written: --dry-run\n")
    assert listing(ours.root.parent) == before


def test_runs_active_in_either_workspace_are_left_out(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    for seed, (here, there) in enumerate([(None, "completed"), ("completed", None), ("absent", None)]):
        if here != "absent":
            write_attempt(ours, spec(seed=seed), 1, {10: 1.0}, nonce="a", outcome=here)
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b", outcome=there)
    before = contents(ours.runs)
    result = attnctl("merge", "../other")
    assert result.out == "3 runs: 3 left out\n"
    assert result.err.count("it is running here") == 1
    assert result.err.count("it is running there") == 2
    assert contents(ours.runs) == before


@pytest.mark.parametrize("broken", ["spec.json", "attempts/1/request.json", "attempts/1/0/exit.0.json"])
def test_a_broken_run_is_named_and_the_others_are_taken_in(
    broken: str, two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    _, theirs = two
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b")
    (theirs.run(spec().id).path / broken).write_text("{")
    result = attnctl("merge", "../other")
    assert (result.code, result.out) == (1, "2 runs: 1 new, 1 broken\n")
    assert f"{spec().id}/{broken} is not" in result.err
