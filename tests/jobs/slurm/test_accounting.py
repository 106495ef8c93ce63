"""What SLURM's accounts say that a job used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attnctl.jobs.slurm.accounting import parse, query
from attnctl.jobs.slurm.job import Job
from tests.fixtures.fake_slurm import Fake

SACCT = """\
7_0|60||8000Mn|billing=2,cpu=2,gres/gpu=4,mem=16000M,node=2|01:00.500|2|attnctl-a|ada|100|/w
7_0.batch|60||12424K|cpu=1|00:00.002|1|batch||100|
7_0.0|60|||cpu=2|00:59|2|python||100|
7_0|30|16000M||cpu=2,gres/gpu=4,mem=16000M,node=2|1-00:00:30|2|attnctl-a|ada|160|/w
7_0.0|30||832M|cpu=2|00:38.147|2|python||160|
8_0|38|1500M||cpu=1|00:38|1|somebody's|eve|100|/w
8_0.0|38||9999M|cpu=1|00:38|1|python||100|
9_0|12|1500M||cpu=1|00:12|1|renamed|ada|100|/w
"""
JOBS = [Job(id=f"{k}_0", tag=f"attnctl-{tag}", owner="ada", created=90.0) for k, tag in ((7, "a"), (8, "b"), (9, "c"))]


@pytest.mark.parametrize(
    ("allocated", "gpus"),
    [
        ("cpu=2,gres/gpu=4,gres/gpu:a100=4,mem=8G", 4),
        ("cpu=2,gres/gpu:a100=2,gres/gpu:v100=1,mem=8G", 3),
        ("cpu=2,mem=8G,node=1", None),  # without gres/gpu in AccountingStorageTRES nothing is known
    ],
)
def test_gpus_that_accounting_does_not_record_are_unknown(allocated: str, gpus: int | None) -> None:
    (usage,) = parse(f"7_0|60|8000M||{allocated}|01:00|1|attnctl-a|ada|100|/w\n", JOBS).values()
    assert usage.gpus == gpus


def test_the_usage_of_all_starts_of_a_job_is_added_up_without_other_jobs() -> None:
    found = {job.id: used for job, used in parse(SACCT.replace("60||8000Mn|", "60|8000Mn||"), JOBS).items()}
    assert list(found) == ["7_0", "9_0"], "also one that the site renamed"
    used = found["7_0"]
    assert (used.seconds, used.gpus, used.memory_requested, used.memory_used) == (90, 4, 8000, 832)
    assert used.cpu_seconds == pytest.approx(60.5 + 86430)


def test_a_run_that_shares_its_job_is_charged_for_its_own_steps() -> None:
    text = (
        "7_0|60|8000M||cpu=2,gres/gpu=1,mem=8000M|02:00|1|attnctl-a|ada|100|/w\n"
        "7_0.batch|60||64M|cpu=2|00:01|1|batch||100|\n"
        "7_0.0|40||900M|cpu=1|00:39|1|run-a||100|\n"
        "7_0.1|50||2000M|cpu=1|00:49|1|run-b||100|\n"
        "7_0|30|8000M||cpu=2,gres/gpu=1,mem=8000M|01:00|1|attnctl-a|ada|160|/w\n"
        "7_0.0|20||800M|cpu=1|00:19|1|run-a||160|\n"
    )
    (used,) = parse(text, [replace(JOBS[0], step="run-a")]).values()
    assert (used.seconds, used.cpu_seconds, used.memory_used, used.gpus) == (60, 58, 900, 1)
    assert used.memory_requested is None, "that of the job is for all its runs"


def test_each_job_is_looked_up_on_its_own_cluster(fake: Fake) -> None:
    local, remote = JOBS[0], replace(JOBS[2], cluster="second")
    first, second = SACCT.splitlines()[0], SACCT.splitlines()[-1]
    fake.does("sacct", f"case \"$*\" in '-M second '*) echo '{second}';; *) echo '{first}';; esac")
    assert {job.id: used.seconds for job, used in query([local, remote]).items()} == {"7_0": 60, "9_0": 12}
    fake.does("sacct", "exit 1")
    assert query([local, remote]) == {}
