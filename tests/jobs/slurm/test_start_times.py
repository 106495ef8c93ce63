"""When SLURM expects waiting jobs to start."""

from __future__ import annotations

import time

from attnctl.jobs.slurm.start_times import expected
from attnctl.units import slurm_time
from tests.fixtures.fake_slurm import Fake


def test_known_times_are_sorted_and_jobs_without_one_are_left_out(fake: Fake) -> None:
    soon = float(int(time.time()) + 600)
    fake.says("squeue", f"7_[1-3]|{slurm_time(soon + 60)}\n7_0|{slurm_time(soon)}\n8_0|N/A\n")
    assert expected(["7_0", "7_1", "8_0"]) == [soon, soon + 60]
    assert fake.calls("squeue") == ["--start --noheader --format=%i|%S --jobs=7,8"]


def test_without_an_answer_nothing_is_expected(fake: Fake) -> None:
    fake.does("squeue", "exit 1")
    assert expected(["7_0"]) == []
    assert expected([]) == []
