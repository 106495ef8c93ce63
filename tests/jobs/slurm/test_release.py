"""Jobs that SLURM could not start, and holds for that, are let go."""

from __future__ import annotations

from attnctl.jobs.slurm.release import release
from attnctl.settings.config import Config
from attnctl.workspace.records import Placed
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
