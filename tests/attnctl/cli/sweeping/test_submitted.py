"""What a command says of the runs that it submitted."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.submitted import Job, say_search, say_skipped
from attnctl.workspace.records import Search


def test_runs_that_were_not_submitted_are_named_or_counted(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = {f"run{number}": Job(refusal="queued by bob") for number in range(2)}
    jobs |= {f"other{number}": Job(refusal="completed meanwhile") for number in range(5)} | {"fine": Job("tag", "7_0")}
    say_skipped(jobs)
    assert capsys.readouterr().out.splitlines() == [
        "not submitted: run0, run1: queued by bob",
        "not submitted: 5 runs: completed meanwhile",
    ]


def test_a_search_in_rounds_says_who_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    search = Search(method="random", samples=9, seed=0, ranges={"lr": "log:1e-3..1e-1"}, halving=3)
    say_search("tuned", search, {"run": Job(refusal="queued by bob")})
    say_search("tuned", Search(method="random", samples=9, seed=0, ranges={}), {"run": Job("tag")})
    assert capsys.readouterr().out == ""
    say_search("tuned", search, {"run": Job("tag")})
    assert "if it cannot, `attnctl status tuned` says so" in capsys.readouterr().out
