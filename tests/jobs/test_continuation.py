"""A job that SLURM does not start again submits the run's next attempt itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from attnctl.jobs.continuation import NoContinuation, submit_continuation
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir
from attnctl.workspace.records import Request, Resources
from tests.fixtures.fake_slurm import Fake

Specs = Callable[[int], list[RunSpec]]


@pytest.fixture
def run(config: Config, make_specs: Specs) -> RunDir:
    """A run whose first attempt asked for two nodes."""
    (spec,) = make_specs(1)
    submit(config, [spec], Resources(nodes=2, minutes=90), config.slurm, "local")
    return config.workspace.run(spec.id)


def test_the_next_attempt_requests_the_same_as_the_last_one(config: Config, run: RunDir, fake: Fake) -> None:
    fake.does("sbatch", '[ "$1" = --test-only ] || echo 12')
    words = submit_continuation(config, run, run.attempt(1))
    assert "12_0" in words
    request = Request.read(run.attempt(2).request)
    assert request is not None
    assert (request.where, request.resources["nodes"], request.resources["minutes"]) == ("slurm", 2, 90)


def test_a_run_that_has_used_its_attempts_is_not_continued(config: Config, run: RunDir) -> None:
    spent = replace(config, resume=replace(config.resume, attempts=1))
    with pytest.raises(NoContinuation, match="1 of 1 attempt"):
        submit_continuation(spent, run, run.attempt(1))


def test_without_its_request_a_run_is_not_continued(config: Config, run: RunDir, fake: Fake) -> None:
    run.attempt(1).request.unlink()
    with pytest.raises(NoContinuation, match="missing"):
        submit_continuation(config, run, run.attempt(1))
    run.attempt(1).request.write_text("{")
    with pytest.raises(NoContinuation, match=r"request\.json"):
        submit_continuation(config, run, run.attempt(1))


def test_if_slurm_does_not_answer_the_run_is_not_continued_and_the_reason_is_given(
    config: Config, run: RunDir, fake: Fake
) -> None:
    fake.does("sbatch", "echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(NoContinuation, match="Unable to contact"):
        submit_continuation(config, run, run.attempt(1))
