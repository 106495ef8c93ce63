"""`attnctl why`: the history with its evidence, the error, what was used, and one sentence of advice."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from attnctl.files import write_atomic
from attnctl.spec import RunSpec
from attnctl.workspace.records import Cancel
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past, left
from tests.fixtures.fake_slurm import Fake


def test_the_history_of_two_attempts_is_shown_in_order(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "TIMEOUT", ago=9000, saved=(10, 20))
    trace = "Traceback\n  File x\nRuntimeError: broke"
    record = left("error", "RuntimeError: broke", traceback=trace, step=21, max_rss=3 << 30, max_gpu=5 << 30)
    past.attempt(spec, "FAILED", number=2, began=20, exit=record, gpus_per_node=1, minutes=90)
    past.checkpoint(spec, "20-1.0.pt")
    found = json.loads(attnctl("why", spec.id[:8], "--json").out)
    words = [(row["attempt"], row["words"]) for row in found["history"]]
    assert words == [
        (1, f"requested by ada on login, as attnctl-{spec.id}-1"),
        (1, "training starts at step 0"),
        (1, "last checkpoint: step 20"),
        (1, "squeue: TIMEOUT on node1"),
        (2, f"requested by ada on login, as attnctl-{spec.id}-2"),
        (2, "training starts at step 20"),
        (2, "squeue: FAILED on node1"),
        (2, "error at step 21: RuntimeError: broke"),
    ]
    assert found["error"] == trace.splitlines()
    assert (found["state"], found["checkpoint"], found["steps"]) == ("code error", 20, 40)
    assert found["action"] == "needs --force"  # as `resume` would say it
    used = found["resources"][1]
    assert (used["memory_used"], used["gpu_memory_used"], used["gpus"], used["minutes"]) == (3 << 30, 5 << 30, 1, 90)
    assert used["gpu_seconds"] == used["seconds"] > 0
    assert "resume --force" in found["advice"]
    text = attnctl("why", spec.id).out
    assert "RuntimeError: broke" in text
    assert "3G" in text
    assert text.rstrip().endswith(found["advice"])


def test_a_training_that_waits_for_its_data_is_told_what_would_feed_it(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "TIMEOUT", saved=(4,), cpus_per_task=4)
    event = {"kind": "progress", "t": time.time(), "step": 5, "waited": 0.5, "cores": 3.9}
    with past.config.workspace.run(spec.id).attempt(1).incarnation(0).events.open("a") as stream:
        stream.write(json.dumps(event) + "\n")
    (used,) = json.loads(attnctl("why", spec.id, "--json").out)["resources"]
    assert (used["waited"], used["cores_busy"], used["cores"]) == (0.5, 3.9, 4)
    text = " ".join(attnctl("why", spec.id).out.split())
    assert "waits for data" in text
    assert "50 %" in text
    assert "It waits for data 50 % of the time: 4 more cores would load it faster (--cpus-per-task 8, now 4)." in text


def used(past: Past, spec: RunSpec, *ranks: dict[str, float], **more: Any) -> None:
    """An attempt on GPUs that ended, with an exit record of each rank and the memory that it had on its GPU."""
    past.attempt(spec, "TIMEOUT", saved=(4,), gpus_per_node=len(ranks), tasks_per_node=len(ranks), **more)
    start = past.config.workspace.run(spec.id).attempt(1).incarnation(0)
    for rank, values in enumerate(ranks):
        record = left("timeout", max_gpu=3 << 30, used=values, rank=rank)
        write_atomic(start.exit(rank), record.encode())


def test_a_gpu_that_one_run_leaves_almost_idle_is_proposed_for_several(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    used(past, spec, {"waited": 0.01, "gpu_busy": 0.12, "gpu_total": 80e9, "gpu_joules": 3.6e6, "cores": 1.0})
    found = json.loads(attnctl("why", spec.id, "--json").out)
    (resources,) = found["resources"]
    assert (resources["gpu_busy"], resources["gpu_memory"], resources["joules"]) == (0.12, 80_000_000_000, 3.6e6)
    assert "The GPU was 12 % busy, and 3.22 of its 80 GB were used: --runs-per-gpu 7" in found["advice"]
    text = " ".join(attnctl("why", spec.id).out.split())
    assert "GPU busy" in text
    assert "12 %" in text
    assert "1 kWh" in text


def test_processes_that_used_their_gpus_differently_show_the_mean_and_the_most(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    used(past, spec, {"gpu_busy": 0.25, "gpu_total": 80e9}, {"gpu_busy": 0.45, "gpu_total": 80e9})
    (resources,) = json.loads(attnctl("why", spec.id, "--json").out)["resources"]
    assert (resources["gpu_busy"], resources["gpu_busy_most"]) == (pytest.approx(0.35), 0.45)
    text = " ".join(attnctl("why", spec.id).out.split())
    assert "35 % (most: 45 %)" in text
    assert "--runs-per-gpu" not in text, "a run of two processes needs its GPUs at the same time"


def test_a_gpu_whose_utilisation_cannot_be_read_says_why(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    reason = "a part of a GPU (MIG) has no counter of its own"
    past.attempt(spec, "FAILED", exit=left("error", "broke", max_gpu=5 << 30, unread={"gpu_busy": reason}))
    (resources,) = json.loads(attnctl("why", spec.id, "--json").out)["resources"]
    assert (resources["gpu_busy"], resources["unread"]) == (None, {"gpu_busy": reason})
    assert f"GPU busy: not known, since {reason}." in " ".join(attnctl("why", spec.id).out.split())
    shown = " ".join(attnctl("show", spec.id).out.split())
    assert f"used: 5G GPU memory; GPU utilisation not known: {reason}" in shown


def test_a_gpu_that_several_runs_shared_is_not_proposed_for_more(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    used(past, spec, {"gpu_busy": 0.12, "gpu_total": 80e9})
    path = past.config.workspace.submission(f"attnctl-{spec.id}-1")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"runs_per_job": 4}, sort_keys=True))
    text = " ".join(attnctl("why", spec.id).out.split())
    assert "Other runs may have shared the GPU: it was busy, and took energy, for all of them." in text
    assert "--runs-per-gpu" not in text


def test_a_traceback_keeps_its_indentation_on_a_terminal_too(
    past: Past, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,) = past.specs(1)
    lines = [
        '  File "x.py", line 1, in build',
        "    raise RuntimeError",
        f"{' ' * 90}deep",
        "RuntimeError: broke",
    ]
    past.attempt(spec, "FAILED", exit=left("error", "broke", traceback="\n".join(["Traceback", *lines])))
    expected = ["  Traceback", *(f"  {line}" for line in lines[:2]), f"{' ' * 40}deep", "  RuntimeError: broke"]

    def shown() -> list[str]:
        printed = attnctl("why", spec.id).out.splitlines()
        start = printed.index("last lines") + 1
        return printed[start : start + len(expected)]

    assert shown() == expected
    monkeypatch.setattr("attnctl.cli.output.is_terminal", lambda _stream=None: True)
    assert shown() == expected


def test_the_gpu_time_of_a_run_with_uncounted_gpus_is_unknown(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", exit=left("error", "broke", max_gpu=5 << 30), device="cuda")
    (used,) = json.loads(attnctl("why", spec.id, "--json").out)["resources"]
    assert (used["gpus"], used["gpu_seconds"]) == (0, None)
    assert "unknown" in attnctl("why", spec.id).out


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
    assert any("caused by another rank" in row["words"] for row in found["history"])


def test_a_cancelled_a_waiting_and_a_new_run_have_no_error(past: Past, attnctl: Run) -> None:
    cancelled, waiting = past.specs(2)
    past.attempt(cancelled, "CANCELLED")
    record = Cancel(at=5.0, user="bob", host="login")
    write_atomic(past.config.workspace.run(cancelled.id).attempt(1).cancel, record.encode())
    past.attempt(waiting, "PENDING", reason="PartitionTimeLimit")
    told = json.loads(attnctl("why", cancelled.id, "--json").out)
    assert told["error"] == []
    assert "cancelled by bob on login" in [row["words"] for row in told["history"]]
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


def test_what_slurm_does_not_show_is_told_in_words(past: Past, attnctl: Run, fake: Fake) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    fake.says("squeue", "7_0|RUNNING|node1|None|renamed\n")
    out = " ".join(attnctl("why", spec.id).out.split())
    assert "state unconfirmed for 0 s: squeue lists job 7_0 under the name 'renamed'" in out
    assert "UNSEEN" not in out
    assert "Its job may still run: check with `squeue -a -j 7_0`, `sacct -j 7_0`" in out
    fake.says("squeue", "")
    assert "SLURM does not know the job" in attnctl("why", spec.id).out
