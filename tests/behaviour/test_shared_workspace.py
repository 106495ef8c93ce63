"""Two users of a group in one workspace: each reads and writes what the other has made."""

from __future__ import annotations

import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fixtures.lab import Lab

SMALL = ["--epochs", "1", "--batch", "256", "--norm-batch", "256", "--input-size", "8", "--run-on", "local"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_both_users_sweep_and_look_and_write_one_database(lab: Lab) -> None:
    lab.share()
    ada, bob = lab.users
    assert lab.run(ada, "sweep", "none", *SMALL, "--device", "cpu").returncode == 0
    assert lab.run(ada, "status").returncode == 0
    database = lab.folder / "attnctl.sqlite"
    assert (database.owner(), database.group(), mode(database)) == (ada, lab.group, 0o660)

    swept = lab.run(bob, "sweep", "none", "--seed", "0,1", *SMALL, "--device", "cpu")
    assert swept.returncode == 0, swept.stderr
    for user in (bob, ada):
        status = lab.run(user, "status", "--json")
        assert status.returncode == 0, status.stderr
        assert [row["state"] for row in json.loads(status.stdout)["runs"]] == ["completed"] * 2
    assert database.owner() == ada, "the same file"
    assert {path.group() for path in lab.folder.rglob("*") if path.name != "attnctl.toml"} == {lab.group}


def test_a_database_that_a_colleague_cannot_write_is_replaced(lab: Lab) -> None:
    lab.share()
    ada, bob = lab.users
    for user in lab.users:
        (lab.folder / "sweeps").mkdir(exist_ok=True)  # a workspace in which something was requested
        assert lab.run(user, "status").returncode == 0
        database = lab.folder / "attnctl.sqlite"
        assert (database.group(), mode(database)) == (lab.group, 0o660)
    database.chmod(0o640)
    assert database.owner() == ada
    assert lab.run(bob, "status").returncode == 0
    assert (database.owner(), mode(database)) == (bob, 0o660)


def test_a_folder_that_does_not_pass_on_its_group_is_refused_with_the_command_that_repairs_it(lab: Lab) -> None:
    lab.share()
    lab.folder.chmod(0o770)
    ada, bob = lab.users
    repair = f"ask root to run: chgrp {lab.group} {lab.folder} && chmod g+rwxs {lab.folder}"
    problem = f"{lab.folder} gives new files the group of their writer, not {lab.group}"
    refused = lab.run(bob, "sweep", "none", *SMALL, "--device", "cpu")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (f"attnctl: the workspace is shared ([paths] group = true), but {problem}; {repair}\n")
    doctor = lab.run(ada, "doctor")
    assert doctor.returncode == 1
    assert problem in doctor.stdout
    assert repair in doctor.stdout
    lab.folder.chmod(0o2770)
    assert f"{lab.group} shares all files" in lab.run(ada, "doctor").stdout


def only_row(lab: Lab, user: str, *, hide_processes: bool = False) -> dict[str, object]:
    status = lab.run(user, "status", "--json", hide_processes=hide_processes)
    assert status.returncode == 0, status.stderr
    document = json.loads(status.stdout)
    (row,) = document["runs"]
    assert isinstance(row, dict)
    return {**row, "unavailable": document["unavailable"]}


def test_a_local_run_of_a_colleague_is_seen_as_running_and_can_be_cancelled(lab: Lab) -> None:
    lab.share()
    ada, bob = lab.users
    long = [*SMALL[2:], "--epochs", "100000", "--device", "cpu", "--name", "long"]
    with ThreadPoolExecutor() as pool:
        training = pool.submit(lab.run, ada, "sweep", "none", *long)
        try:
            while not list((lab.folder / "runs").glob("*/attempts/1/0/events.jsonl")):
                assert not training.done(), training.result()
                time.sleep(0.2)
            for _ in range(2):  # two absences would be a loss
                row = only_row(lab, bob, hide_processes=True)
                assert row["state"] == "running"
                assert f"only {ada} can check the runs of {ada}" in str(row["unavailable"])
            assert only_row(lab, bob)["unavailable"] is None
            cancelled = lab.run(bob, "cancel", "long", "--yes")
        finally:
            lab.run(ada, "cancel", "long", "--yes")
        assert (cancelled.returncode, cancelled.stdout) == (0, "cancelling 1 of 1 run\n"), cancelled.stderr
        training.result()
    assert only_row(lab, ada)["state"] == "cancelled"
