"""What the tests ask of the real cluster."""

import dataclasses
import subprocess
import time
from collections.abc import Callable

from attnctl.jobs.slurm import observe
from attnctl.jobs.submission.submit import Submitted, submit
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import Verdict
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import Placed, Request, Resources

PATIENCE = 300.0
"""Seconds for what surely comes, on a machine however busy."""


def wait(true: Callable[[], object], told: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Until it is true. told: what is known of it, for when it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, told()
        time.sleep(0.2)


@dataclasses.dataclass
class Cluster:
    """A workspace of a test, and the real cluster."""

    config: Config

    def submit(self, specs: list[RunSpec], resources: Resources | None = None, **options: object) -> Submitted:
        chosen = dataclasses.replace(self.config.slurm, **options)  # type: ignore[arg-type]
        (done,) = submit(self.config, specs, resources or Resources(minutes=30), chosen, "slurm")
        return done

    def attempt(self, run: str) -> Attempt:
        return self.config.workspace.run(run).attempts()[-1]

    def placed(self, submitted: Submitted) -> list[Placed]:
        workspace = self.config.workspace
        head = submissions.head(workspace.submission(submitted.tag))
        assert head is not None
        return [
            Placed(
                run=run,
                attempt=number,
                tag=head.tag,
                where="slurm",
                job_id=submissions.job_of_task(workspace, head, task, run, number),
                created=head.created,
            )
            for task, (run, number) in enumerate(submitted.tasks)
        ]

    def observe(self, submitted: Submitted) -> str | None:
        return observe.observe(self.config.workspace, self.placed(submitted)).unavailable

    def verdicts(self, submitted: Submitted) -> list[Verdict]:
        found = []
        for run, _ in submitted.tasks:
            attempt = self.attempt(run)
            request = Request.read(attempt.request)
            assert request is not None
            found.append(
                evidence.verdict(attempt, request, lambda tag: submissions.head(self.config.workspace.submission(tag)))
            )
        return found

    def states(self, submitted: Submitted) -> list[str]:
        return [str(verdict.state) for verdict in self.verdicts(submitted)]

    def until(self, submitted: Submitted, wanted: Callable[[list[str]], bool], seconds: float = PATIENCE) -> list[str]:
        """Observe until the states are as wanted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.observe(submitted) is None
            states = self.states(submitted)
            if wanted(states):
                return states
            time.sleep(0.5)
        raise AssertionError(f"still {states}; {self.logs(submitted)}")

    def logs(self, submitted: Submitted) -> str:
        folders = [self.config.workspace.submission_logs(submitted.tag)]
        folders += [self.attempt(run).path for run, _ in submitted.tasks]
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in {".out", ".txt"}]
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-2000:]}" for path in files)


def slurm(*command: str) -> str:
    """What a command of SLURM prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
