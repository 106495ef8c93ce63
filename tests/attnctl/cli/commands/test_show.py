"""`attnctl show`: everything that is known of one run."""

from __future__ import annotations

import json

from attnctl.files import write_atomic
from attnctl.units import clock
from attnctl.workspace.records import Cancel
from tests.attnctl.cli.cli_run import Run, assert_refused
from tests.attnctl.cli.past_runs import Past, left


def test_attempts_are_shown_in_order_with_their_records(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "TIMEOUT", saved=(10, 20))
    past.attempt(spec, "FAILED", number=2, exit=left("error", "KeyError: 'x'", step=21, traceback="a\nb"), minutes=90)
    run = past.config.workspace.run(spec.id)
    write_atomic(run.attempt(2).owner, b"7_0\n")
    write_atomic(run.attempt(2).cancel, Cancel(at=5.0, user="bob", host="login").encode())
    past.checkpoint(spec, "20-1.0.pt", b"12345")
    found = json.loads(attnctl("show", spec.id[:8], "--json").out)
    assert found["state"] == "code error"
    assert found["spec"]["module"] == "se"
    first, second = found["attempts"]
    assert (first["attempt"], first["observed"][0]["word"], first["owner"]) == (1, "TIMEOUT", None)
    assert (second["owner"], second["cancel"]["user"], second["request"]["resources"]["minutes"]) == ("7_0", "bob", 90)
    (start,) = second["incarnations"]
    assert (start["exits"][0]["outcome"], start["exits"][0]["step"]) == ("error", 21)
    assert found["files"]["checkpoints/20-1.0.pt"] == 5
    text = attnctl("show", spec.id).out
    for words in ("attempt 1", "attempt 2", "KeyError: 'x'", "by bob", "20-1.0.pt"):
        assert words in text
    assert text.endswith(f"folder: {run.path}\n")


def test_a_broken_record_is_left_out_and_the_rest_is_shown(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", exit=left("error", "KeyError"))
    attempt = past.config.workspace.run(spec.id).attempt(1)
    attempt.cancel.write_text("{")
    write_atomic(attempt.incarnation(0).env, b"[[[")
    result = attnctl("show", spec.id, "--json")
    assert result.code == 0
    (found,) = json.loads(result.out)["attempts"]
    assert (found["cancel"], found["incarnations"][0]["environment"]) == (None, {})
    assert attnctl("show", spec.id).code == 0


def test_control_characters_of_a_record_do_not_reach_the_terminal(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", exit=left("error", "red \x1b[31m", traceback="x\x1b[2J"))
    assert "\x1b" not in attnctl("show", spec.id).out


def test_an_unknown_run_is_refused(past: Past, attnctl: Run) -> None:
    past.attempt(past.specs(1)[0], "RUNNING")
    assert_refused(attnctl("show", "zzzz"), "zzzz")


def test_the_record_of_a_start_is_whole_and_its_times_are_local(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "FAILED", exit=left("error", "KeyError"))
    packages = {f"package-{number}": "1.2.3" for number in range(40)}
    record = {"started": 1795981450.57, "gpus": [], "cuda": None, "packages": packages, "code": {"of": {"a": 1}}}
    write_atomic(past.config.workspace.run(spec.id).attempt(1).incarnation(0).env, json.dumps(record).encode())
    text = attnctl("show", spec.id).out
    begin = "  start 0          "
    assert f"{begin}started: {clock(1795981450.57)}\n" in text
    listed = ", ".join(f"{name} {version}" for name, version in packages.items())
    assert f"{' ' * len(begin)}packages: {listed}\n{' ' * len(begin)}code: of a 1\n" in text
    for odd in ("1795981450", "...", "{", "null", "cuda", "gpus:"):
        assert odd not in text


def test_a_learning_curve_of_the_main_metric_is_drawn(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "COMPLETED", exit=left("completed", step=40), saved=(10,))
    path = past.config.workspace.run(spec.id).attempt(1).incarnation(0).events
    metrics = [{"kind": "metrics", "step": 10 * k, "epoch": k, "values": {"top1": 20.0 * k}} for k in (1, 2, 3, 4)]
    assert "top-1" not in attnctl("show", spec.id).out, "nothing is drawn before there are two epochs"
    path.write_bytes(path.read_bytes() + b"".join(json.dumps(event).encode() + b"\n" for event in metrics))
    lines = attnctl("show", spec.id).out.splitlines()
    top = lines.index(" top-1 (%)") + 1
    assert lines[top].startswith(" 80 |")
    assert lines[top].endswith("*")
    assert lines[top + 7] == " 20 |*"
    assert lines[top + 9].endswith("epoch 4")
    assert max(map(len, lines[top : top + 10])) <= 80
