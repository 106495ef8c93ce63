"""If SLURM does not restart an interrupted job, the job submits the run's next attempt itself before it exits."""

from __future__ import annotations

from attnctl.jobs.submission import previous_request
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import Attempt, RunDir
from attnctl.workspace.records import RecordError, Request


class NoContinuation(Exception):  # noqa: N818 - it names the condition
    """The run does not continue by itself; the message says why."""


def submit_continuation(config: Config, run: RunDir, attempt: Attempt) -> str:
    """Submit the next attempt of a run with the request of this one, which is ending; returns a name for its job.

    Raises NoContinuation.
    """
    allowed = config.resume.attempts
    if attempt.number >= allowed:
        raise NoContinuation(f"the run has used {attempt.number} of {quantity(allowed, 'attempt')}")
    try:
        request = Request.read(attempt.request)
        if request is None:
            raise NoContinuation(f"{attempt.request} is missing")
        spec = run.read_spec()
        options = previous_request.unchanged(config, request.options, spec)
        (done,) = submit(
            config,
            [spec],
            previous_request.resources(request),
            options,
            "slurm",
            ended={run.id: attempt.number},
        )
    except (SpecError, RecordError) as error:
        raise NoContinuation(str(error)) from error
    if run.id in done.waiting:
        return f"a job that is submitted later: {done.waiting[run.id]}"
    if run.id in done.skipped:
        return f"the next attempt is {done.skipped[run.id]}"
    return f"SLURM job {done.job_id}_0" if done.job_id else "a job that SLURM has not confirmed yet"
