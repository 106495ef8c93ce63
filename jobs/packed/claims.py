"""Which runs of a submission a job trains that it shares among them.

A job takes the runs that are meant for it, then any run of the submission that no job has taken: those last whose own
job starts first. A run belongs to the job that created the file `owner` of its attempt. A job that finds all its runs
taken ends at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from attnctl.files import create_exclusive
from attnctl.jobs.slurm.observe import ended
from attnctl.lifecycle.state import STEP
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Submission


class Claims:
    """The runs of a submission as one of its jobs sees them. job_id: `<array>_<element>`."""

    def __init__(self, workspace: Workspace, submission: Submission, job_id: str) -> None:
        self._workspace, self._submission, self._job_id = workspace, submission, job_id
        size, count = max(1, submission.runs_per_job), len(submission.tasks)
        first = int(job_id.rpartition("_")[2]) * size
        own = list(range(first, min(first + size, count)))
        self._own = own
        self._others = [task for task in reversed(range(count)) if task not in own]

    def attempt(self, task: int) -> Attempt:
        """The attempt of a task."""
        run, number = self._submission.tasks[task]
        return self._workspace.run(run).attempt(number)

    def again(self) -> Iterator[int]:
        """The tasks that this job has taken in an earlier start, and whose runs have not ended."""
        for task in (*self._own, *self._others):
            if submissions.owner(self.attempt(task)) == self._job_id and not _has_ended(self.attempt(task)):
                yield task

    def may_take(self, *, others: bool) -> bool:
        """Whether there are runs that this job has not looked at yet."""
        return bool(self._own or (others and self._others))

    def take(self, *, others: bool) -> int | None:
        """Take the next run; None if none is left. others: also one that is meant for another job."""
        for tasks in (self._own, self._others) if others else (self._own,):
            while tasks:
                task = tasks.pop(0)
                if self._is_free(task, meant_for_us=tasks is self._own) and self._claim(task):
                    return task
        return None

    def _claim(self, task: int) -> bool:
        return create_exclusive(self.attempt(task).owner, self._job_id.encode())

    def _is_free(self, task: int, *, meant_for_us: bool) -> bool:
        """Whether the run still waits for a job: nobody has taken, cancelled or held it, or submitted it again.

        One whose own job has ended without it is left to `attnctl resume`, which may be submitting it just now.
        """
        run, number = self._submission.tasks[task]
        attempt = self.attempt(task)
        if attempt.owner.exists() or attempt.cancel.exists() or attempt.incarnations():
            return False
        newest = max(item.number for item in self._workspace.run(run).attempts())
        return newest == number and (meant_for_us or not any(ended(item) for item in attempt.observations()[-1:]))


def _has_ended(attempt: Attempt) -> bool:
    """Whether the run has ended in an earlier start of its job, so that it does not start with the job again."""
    if any(item.source == STEP and ended(item) for item in attempt.observations()[-1:]):
        return True
    starts = attempt.incarnations()
    exits = starts[-1].exits() if starts else []
    return any(item.rank == 0 for item in exits) and not any(item.requeued for item in exits)
