"""Jobs that SLURM could not start, and holds for that, are let go."""

from __future__ import annotations

from attnctl.jobs.slurm.release import cancel_surplus, release
from attnctl.settings.config import Config
from attnctl.workspace.records import Exit, Placed
from tests.fixtures.fake_slurm import Fake, rows


def test_only_jobs_held_after_a_failed_launch_are_released(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    first, second = rows(items, "PENDING").splitlines(keepends=True)
    held = first.replace("|None|", "|launch failed requeued held|")
    fake.says("squeue", held + second.replace("|None|", "|JobHeldUser|"))
    fake.says("scontrol", "")
    assert release(config.workspace, items) is None
    assert fake.calls("scontrol") == ["release 7_[0]"]
    fake.does("scontrol", "echo 'Access/permission denied' >&2; exit 1")
    assert release(config.workspace, items) == "could not release all held jobs: Access/permission denied"


def test_a_held_job_of_a_completed_run_is_cancelled(fake: Fake, placed: tuple[Config, list[Placed]]) -> None:
    config, items = placed
    first, second = items
    held = "".join(f"7_{task}|launch failed requeued held|{item.tag}\n" for task, item in enumerate(items))
    fake.says("squeue", held + f"7_0|JobHeldUser|{first.tag}\n8_0|launch failed requeued held|another\n")
    fake.says("scancel", "")
    assert cancel_surplus(config.workspace) is None
    assert fake.calls("scancel") == []

    incarnation = config.workspace.run(second.run).attempt(second.attempt).incarnation(0)
    incarnation.path.mkdir(parents=True)
    exit_record = Exit(rank=0, outcome="completed", step=4, at=0.0)
    incarnation.exit(0).write_bytes(exit_record.encode())
    assert config.workspace.run(second.run).completed
    assert cancel_surplus(config.workspace) is None
    assert fake.calls("scancel") == ["7_[1]"]
    fake.does("squeue", "exit 1")
    assert cancel_surplus(config.workspace) is None
    assert fake.calls("scancel") == ["7_[1]"]
