"""Failed launches are told once for each node, with the folder that it lacks."""

from __future__ import annotations

from pathlib import Path

from attnctl.lifecycle.launch_failures import bad_nodes, by_node, explain, name_runs
from attnctl.lifecycle.state import State, Verdict

FOLDER = Path("/lab/attention")


def failed(node: str, reason: str = "could not open the job's log") -> Verdict:
    return Verdict(State.LAUNCH_FAILED, f"{node} {reason}", 0.0, node)


def test_each_node_is_named_once_with_its_runs_and_the_folder() -> None:
    verdicts = {f"{number:016x}": failed("node1") for number in range(5)}
    verdicts |= {"a" * 16: failed("node2"), "b" * 16: Verdict(State.ERROR, "KeyError", 0.0)}
    assert list(by_node(verdicts, FOLDER)) == [
        "5 runs (00000000, 00000000, 00000000, 00000000 ...) ended before the first line of their scripts: node1 could "
        "not open the job's log in /lab/attention: node1 does not see that folder, or may not write there",
        "1 run (aaaaaaaa) ended before the first line of its script: node2 could not open the job's log in "
        "/lab/attention: node2 does not see that folder, or may not write there",
    ]


def test_another_failure_of_a_node_is_not_blamed_on_the_folder() -> None:
    reason = "the cluster's prolog failed on node2 with exit code 1"
    assert explain(reason, "node2", FOLDER) == f"{reason}; its administrators have to repair it"


def test_a_node_is_bad_after_some_failed_launches() -> None:
    verdicts = [(State.LAUNCH_FAILED, ("n2",)), (State.LAUNCH_FAILED, ("n1",)), (State.LAUNCH_FAILED, ("n1",))]
    assert bad_nodes([*verdicts, (State.NODE_FAILURE, ("n1",))], limit=2) == ("n1",)
    assert bad_nodes(verdicts, limit=1) == ("n1", "n2")
    assert bad_nodes(verdicts, limit=0) == ()


def test_many_runs_are_not_all_named() -> None:
    assert name_runs(["3fa29c01aa", "77b0a1e2bb"]) == "2 runs (3fa29c01, 77b0a1e2)"
    assert name_runs(["1", "2", "3", "4", "5"]) == "5 runs (1, 2, 3, 4 ...)"
