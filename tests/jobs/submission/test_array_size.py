"""How many runs SLURM takes in one array, by the words in which it refuses more."""

from __future__ import annotations

import pytest

from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable
from attnctl.jobs.submission.array_size import ArraySize, SubmitError, find, uncertain
from tests.fixtures.fake_slurm import Fake

REFUSALS = {
    "array": "Batch job submission failed: Invalid job array specification",
    "user": "QOSMaxSubmitJobPerUserLimit",
    "full": "Resource temporarily unavailable",
}


def script(size: int) -> str:
    return f"#!/bin/bash\n#SBATCH --array=0-{size - 1}\n"


def takes(fake: Fake, most: int, words: str) -> None:
    """sbatch that takes arrays of no more than so many."""
    fake.does(
        "sbatch",
        f"last=$(sed -n 's/.*--array=0-//p')\n"
        f"[ \"$last\" -lt {most} ] || {{ echo 'sbatch: error: {words}' >&2; exit 1; }}",
    )


def test_an_array_that_slurm_accepts_needs_one_test(fake: Fake) -> None:
    takes(fake, 1000, REFUSALS["array"])
    assert find(script, 900) == ArraySize(900)
    assert fake.calls("sbatch") == ["--test-only"]


@pytest.mark.parametrize("limit", REFUSALS)
@pytest.mark.parametrize("most", [1, 2, 37, 99])
def test_the_largest_accepted_number_and_the_kind_of_limit_are_found(limit: str, most: int, fake: Fake) -> None:
    takes(fake, most, REFUSALS[limit])
    assert find(script, 100) == ArraySize(most, limit == "array")
    assert len(fake.calls("sbatch")) < 12


DRAINED = "Requested node configuration is not available"


def test_what_only_test_only_rejects_is_left_to_sbatch_with_a_warning(fake: Fake) -> None:
    fake.does("sbatch", f"echo 'allocation failure: {DRAINED}' >&2; exit 1")
    assert find(script, 10) == ArraySize(10, warning=DRAINED)
    assert fake.calls("sbatch") == ["--test-only"]


def test_a_limit_is_found_though_no_node_is_available(fake: Fake) -> None:
    fake.does(
        "sbatch",
        f"last=$(sed -n 's/.*--array=0-//p'); words='allocation failure: {DRAINED}'\n"
        f"[ \"$last\" -lt 37 ] || words='sbatch: error: {REFUSALS['user']}'\n"
        'echo "$words" >&2; exit 1',
    )
    assert find(script, 100) == ArraySize(37, warning=DRAINED)


@pytest.mark.parametrize(
    "message",
    [
        "invalid partition specified: gpuu",
        "Invalid account or account/partition combination specified",
        "Invalid qos specification",
        "Invalid feature specification",
        "Requested reservation is invalid",
        "QOSMaxWallDurationPerJobLimit; Job violates accounting/QOS policy",
        "unrecognized option '--nonsense'",
    ],
)
def test_what_sbatch_rejects_too_is_refused_before_anything_is_written(message: str, fake: Fake) -> None:
    fake.does("sbatch", f'echo "sbatch: error: {message}" >&2; exit 1')
    with pytest.raises(SubmitError, match="SLURM rejected the job"):
        find(script, 10)


def test_a_request_that_is_always_rejected_is_an_error_with_slurms_message(fake: Fake) -> None:
    fake.does("sbatch", "echo 'sbatch: error: invalid partition specified: gpuu' >&2; exit 1")
    with pytest.raises(SubmitError, match="invalid partition specified: gpuu"):
        find(script, 10)


def test_if_not_even_one_run_is_accepted_the_error_says_so(fake: Fake) -> None:
    takes(fake, 0, REFUSALS["user"])
    with pytest.raises(SubmitError, match="QOSMaxSubmitJobPerUserLimit"):
        find(script, 10)


def test_an_unreachable_slurm_is_not_a_rejection(fake: Fake) -> None:
    fake.does("sbatch", "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1")
    with pytest.raises(SlurmUnavailable):
        find(script, 10)


@pytest.mark.parametrize(
    ("words", "timed_out", "expected"),
    [
        ("Socket timed out on send/recv operation", False, True),
        ("anything", True, True),
        ("Unable to contact slurm controller (connect failure)", False, False),
        ("invalid partition specified", False, False),
    ],
)
def test_after_some_errors_the_job_may_still_exist(words: str, timed_out: bool, expected: bool) -> None:
    assert uncertain(CommandError(words, timed_out=timed_out)) is expected
