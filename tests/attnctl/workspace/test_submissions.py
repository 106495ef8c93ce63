"""Records of submissions."""

import pytest

from attnctl.files import write_atomic
from attnctl.settings.config import Config
from attnctl.workspace import submissions
from attnctl.workspace.records import RecordError, Submission
from tests.jobs.submission.submitted import Specs, here


def test_the_head_of_a_submission_is_changed_and_its_specs_are_not(config: Config, make_specs: Specs) -> None:
    specs = make_specs(40)
    (done,) = here(config, specs)
    before = Submission.read(config.workspace.submission(done.tag))
    hostile = 'a "quoted", "script": \\ word\n' * 30
    submissions.change(config.workspace, done.tag, failed=hostile[:1000], job_id="7")
    after = Submission.read(config.workspace.submission(done.tag))
    assert before is not None
    assert after is not None
    assert (after.specs, after.tasks, after.failed, after.job_id) == (before.specs, before.tasks, hostile[:1000], "7")
    head = submissions.head(config.workspace.submission(done.tag))
    assert head is not None
    assert (head.job_id, head.failed, head.tag) == ("7", hostile[:1000], done.tag)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"job_id": 1}', b"\xff\x00"])
def test_a_broken_submission_is_named(config: Config, data: bytes) -> None:
    path = config.workspace.submission("broken")
    write_atomic(path, data)
    with pytest.raises(RecordError, match=r"broken\.json"):
        submissions.head(path)
