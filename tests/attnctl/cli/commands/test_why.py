"""`attnctl why`: the history with its evidence, the error, what was used, and one sentence of advice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm.accounting import read
from attnctl.lifecycle.attempts import nodes, read_log
from attnctl.workspace.layout import Incarnation
from attnctl.workspace.records import Cancel, Resources
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past, left


@pytest.fixture
def past(folder: Path) -> Past:
    (folder / "attnctl.toml").write_text("")
    return Past(folder)


def test_the_history_of_two_attempts_is_told_in_order(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "TIMEOUT", ago=9000, saved=(10, 20))
    trace = "Traceback\n  File x\nRuntimeError: broke"
    record = left("error", "RuntimeError: broke", traceback=trace, step=21, max_rss=3 << 30, max_gpu=5 << 30)
    past.attempt(spec, "FAILED", number=2, began=20, exit=record, gpus_per_node=1, minutes=90)
    past.checkpoint(spec, "20-1.0.pt")
    found = json.loads(attnctl("why", spec.id[:8], "--json").out)
    words = [(row["attempt"], row["words"]) for row in found["history"]]
    assert words == [
        (1, f"asked for by ada on login, as attnctl-{spec.id}-1"),
        (1, "trains from step 0"),
        (1, "last checkpoint, step 20"),
        (1, "squeue: TIMEOUT on node1"),
        (2, f"asked for by ada on login, as attnctl-{spec.id}-2"),
        (2, "trains from step 20"),
        (2, "squeue: FAILED on node1"),
        (2, "error at step 21: RuntimeError: broke"),
    ]
    assert found["error"] == trace.splitlines()
    assert (found["state"], found["checkpoint"], found["steps"]) == ("code error", 20, 40)
    assert found["action"] == "only with --force"  # as `resume` would say it
    used = found["resources"][1]
    assert (used["memory_used"], used["gpu_memory_used"], used["gpus"], used["minutes"]) == (3 << 30, 5 << 30, 1, 90)
    assert used["gpu_seconds"] == used["seconds"] > 0
    assert "resume --force" in found["advice"]
    text = attnctl("why", spec.id).out
    assert "RuntimeError: broke" in text
    assert "3G" in text
    assert text.rstrip().endswith(found["advice"])


def test_the_rank_that_failed_first_is_the_one_that_is_quoted(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    record = left("error", "connection reset", traceback="of rank 0", secondary=True)
    past.attempt(spec, "FAILED", exit=record, tasks_per_node=2)
    incarnation = past.config.workspace.run(spec.id).attempt(1).incarnation(0)
    write_atomic(incarnation.log(1), b"one\ntwo\x1b[31m\nSegmentation fault\n")
    found = json.loads(attnctl("why", spec.id, "--json").out)
    assert found["state"] == "killed"
    assert found["error"] == ["one", "two\x1b[31m", "Segmentation fault"]
    assert "\x1b" not in attnctl("why", spec.id).out
    assert any("another rank's end" in row["words"] for row in found["history"])


def test_a_cancelled_a_waiting_and_a_new_run_have_no_error(past: Past, attnctl: Run) -> None:
    cancelled, waiting = past.specs(2)
    past.attempt(cancelled, "CANCELLED")
    record = Cancel(at=5.0, user="bob", host="login")
    write_atomic(past.config.workspace.run(cancelled.id).attempt(1).cancel, record.encode())
    past.attempt(waiting, "PENDING", reason="PartitionTimeLimit")
    told = json.loads(attnctl("why", cancelled.id, "--json").out)
    assert told["error"] == []
    assert "bob on login asked for its end" in [row["words"] for row in told["history"]]
    assert "shorter --time" in json.loads(attnctl("why", waiting.id, "--json").out)["advice"]


@pytest.mark.parametrize("word", ["", "zzzz", "; touch made", "x" * 20_000, "é", "a\nb"])
def test_bad_input_is_one_line(past: Past, attnctl: Run, word: str) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    attnctl("status")
    before = listing(past.root)
    result = attnctl("why", "--", word)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert listing(past.root) == before


# ------------------------------------------------------------------------------------------------- what it stands on

SACCT = """\
7_0|attnctl-a|60||8000Mn|billing=2,cpu=2,gres/gpu=4,mem=16000M,node=2|01:00.500|2
7_0.batch|batch|60||12424K|cpu=1|00:00.002|1
7_0.0|python|60|||cpu=2|00:59|2
7_0|attnctl-a|30|16000M||cpu=2,gres/gpu=4,mem=16000M,node=2|1-00:00:30|2
7_0.0|python|30||832M|cpu=2|00:38.147|2
8_0|somebody's|38|1500M||cpu=1|00:38|1
8_0.0|python|38||9999M|cpu=1|00:38|1
"""


def test_the_accounts_of_all_starts_of_a_job_are_added_and_of_others_left() -> None:
    found = read(SACCT.replace("60||8000Mn|", "60|8000Mn||"), {"7_0": "attnctl-a", "8_0": "attnctl-b"})
    assert list(found) == ["7_0"]
    used = found["7_0"]
    assert (used.seconds, used.gpus, used.memory_asked, used.memory_used) == (90, 4, 8000, 832)
    assert used.cpu_seconds == pytest.approx(60.5 + 86430)


def test_a_long_log_is_read_from_both_ends(past: Past) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING", began=5)
    incarnation: Incarnation = past.config.workspace.run(spec.id).attempt(1).incarnation(0)
    lines = [json.dumps({"kind": "model", "t": 1.0, "steps": 9000}), json.dumps({"kind": "resumed", "t": 2, "step": 5})]
    for step in range(6, 8000):
        kind = "checkpoint" if step % 1000 == 0 else "progress"
        lines.append(json.dumps({"kind": kind, "t": 2.0 + step, "step": step, "images_per_s": 3.0}))
    incarnation.events.write_text("\n".join(lines) + '\n{"kind": "prog')  # torn, as a kill leaves it
    log = read_log(incarnation)
    assert (log.began, log.step, log.steps, log.saved, log.saved_at) == (5, 7999, 9000, 7000, 7002.0)
    assert (log.first, log.last, log.images_per_s) == (1.0, 8001.0, 3.0)


def test_only_one_node_is_a_node(past: Past) -> None:
    (spec,) = past.specs(1)
    found = []
    for number, said in enumerate(["node1", "node[1-2]", "None assigned", "", "a,b"], start=1):
        past.attempt(spec, "NODE_FAIL", number=number, node=said)
        found.append(nodes(past.config.workspace.run(spec.id).attempt(number).observations()))
    assert found == [("node1",), (), (), (), ()]
    assert Resources().world == 1
