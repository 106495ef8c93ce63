"""What SLURM's accounts say that a job used."""

from __future__ import annotations

import pytest

from attnctl.jobs.slurm.accounting import parse

SACCT = """\
7_0|attnctl-a|60||8000Mn|billing=2,cpu=2,gres/gpu=4,mem=16000M,node=2|01:00.500|2
7_0.batch|batch|60||12424K|cpu=1|00:00.002|1
7_0.0|python|60|||cpu=2|00:59|2
7_0|attnctl-a|30|16000M||cpu=2,gres/gpu=4,mem=16000M,node=2|1-00:00:30|2
7_0.0|python|30||832M|cpu=2|00:38.147|2
8_0|somebody's|38|1500M||cpu=1|00:38|1
8_0.0|python|38||9999M|cpu=1|00:38|1
"""


@pytest.mark.parametrize(
    ("allocated", "gpus"),
    [
        ("cpu=2,gres/gpu=4,gres/gpu:a100=4,mem=8G", 4),
        ("cpu=2,gres/gpu:a100=2,gres/gpu:v100=1,mem=8G", 3),
        ("cpu=2,mem=8G,node=1", None),  # without gres/gpu in AccountingStorageTRES nothing is known
    ],
)
def test_gpus_that_accounting_does_not_record_are_unknown(allocated: str, gpus: int | None) -> None:
    assert parse(f"7_0|tag|60|8000M||{allocated}|01:00|1\n", {"7_0": "tag"})["7_0"].gpus == gpus


def test_the_usage_of_all_starts_of_a_job_is_added_up_without_other_jobs() -> None:
    found = parse(SACCT.replace("60||8000Mn|", "60|8000Mn||"), {"7_0": "attnctl-a", "8_0": "attnctl-b"})
    assert list(found) == ["7_0"]
    used = found["7_0"]
    assert (used.seconds, used.gpus, used.memory_requested, used.memory_used) == (90, 4, 8000, 832)
    assert used.cpu_seconds == pytest.approx(60.5 + 86430)
