"""Trials on compute nodes, for `attnctl try --run-on slurm`: one job array, with a task for each run.

A task runs `python -P -m attnctl.jobs.trial_array --workspace ROOT --tag TAG`, which reads its run from
trials/<tag>/request.json and writes trials/<tag>/<task>.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attnctl import sources
from attnctl.datasets import own
from attnctl.files import private_folder, read_regular, write_atomic
from attnctl.jobs.slurm import queries
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT
from attnctl.jobs.slurm.commands import CommandError, on_cluster, run
from attnctl.jobs.slurm.job import Job, login_name
from attnctl.jobs.slurm.sbatch import submit_script
from attnctl.jobs.submission.reserve import new_tag
from attnctl.jobs.submission.script import compose
from attnctl.jobs.submission.submit import SubmitError
from attnctl.settings.config import Config, SlurmOptions, find
from attnctl.sources import blame, isolated
from attnctl.spec import RunSpec
from attnctl.units import duration
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources

JOB_MINUTES = 15
"""The time limit of a trial; it takes about two minutes, of which most are imports and the first steps."""

_POLL_INTERVAL = 1.0
_LATE = 30.0
"""Seconds that a shared folder may take to show the answer of a job that has ended."""

Result = dict[str, Any] | str
"""The answer of a trial, or an error message."""


def run_trials(
    config: Config,
    specs: Sequence[RunSpec],
    resources: Resources,
    options: SlurmOptions,
    report: Callable[[str], None],
) -> Iterator[tuple[RunSpec, Result]]:
    """Submit one array, and yield the result of each run as it arrives. What has not ended is cancelled at the end.

    report: called with a line of text about the job. Raises SubmitError and SlurmUnavailable, and SpecError when the
    settings are not trusted.
    """
    config.check_may_act()
    workspace, tag = config.workspace, new_tag()
    folder = _folder(workspace, tag)
    each = dataclasses.replace(resources, minutes=JOB_MINUTES)
    _keep_sources(workspace, specs)
    workspace.submission_logs(tag).mkdir(parents=True, exist_ok=True)
    request = {"specs": [spec.to_json() for spec in specs], "resources": dataclasses.asdict(each)}
    write_atomic(folder / "request.json", json.dumps(request).encode())
    script = compose(config, options, each, len(specs), tag, module="attnctl.jobs.trial_array")
    created = time.time()
    try:
        try:
            accepted = submit_script(script, SBATCH_TIMEOUT)
            if accepted is None:
                raise CommandError("sbatch printed no job id")
        except CommandError as error:
            raise SubmitError(f"SLURM rejects the job: {error.message}") from error
        report(f"job {accepted.job_id}: {len(specs)} trials")
        owner, cluster = login_name(), accepted.cluster
        jobs = [
            Job(id=f"{accepted.job_id}_{task}", tag=tag, owner=owner, created=created, cluster=cluster)
            for task in range(len(specs))
        ]
        try:
            yield from _results(workspace, tag, specs, jobs)
        finally:
            run(["scancel", *on_cluster(cluster), "--quiet", accepted.job_id])
    finally:
        shutil.rmtree(workspace.submission_logs(tag), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _results(
    workspace: Workspace, tag: str, specs: Sequence[RunSpec], jobs: Sequence[Job]
) -> Iterator[tuple[RunSpec, Result]]:
    waiting = dict(enumerate(specs))
    ended: dict[int, float] = {}
    while waiting:
        for task in list(waiting):
            result = _read(workspace, tag, task)
            if result is None and time.monotonic() - ended.get(task, time.monotonic()) > _LATE:
                result = _last_line(workspace, tag, task)
            if result is not None:
                yield waiting.pop(task), result
        if waiting:
            time.sleep(_POLL_INTERVAL)
            _note_ended(jobs, waiting, ended)


def _note_ended(jobs: Sequence[Job], waiting: dict[int, RunSpec], ended: dict[int, float]) -> None:
    """Note when SLURM first said that the job of a waiting trial has ended."""
    answers = queries.query([jobs[task] for task in waiting])
    for task in waiting:
        answer = answers[jobs[task]]
        if isinstance(answer, queries.Absent) or (isinstance(answer, queries.JobStatus) and not answer.active):
            ended.setdefault(task, time.monotonic())


def _read(workspace: Workspace, tag: str, task: int) -> Result | None:
    document = untrusted_json.read_object(_folder(workspace, tag) / f"{task}.json")
    if document is None:
        return None
    answer = document.get("answer")
    return answer if isinstance(answer, dict) else str(document.get("error"))


def _last_line(workspace: Workspace, tag: str, task: int) -> str:
    """Why a job left no answer, by the last line of its log."""
    lines: list[str] = []
    for path in sorted(workspace.submission_logs(tag).glob(f"*_{task}_*")):
        lines += read_regular(path).decode(errors="replace").strip().splitlines()
    return f"its job ended without a result: {lines[-1] if lines else 'its log is empty'}"


def _keep_sources(workspace: Workspace, specs: Sequence[RunSpec]) -> None:
    for version in {version for spec in specs for version in spec.code_versions}:
        if sources.is_own(version):
            private_folder(workspace.sources, workspace.private)
            sources.keep(str(version), workspace.sources)
    own.keep([spec.dataset for spec in specs], workspace.datasets, workspace.private)


def _folder(workspace: Workspace, tag: str) -> Path:
    return workspace.trials_folder / tag


# ---------------------------------------------------------------------------------------------- on the compute node


def main() -> None:
    """Run the trial of this array task."""
    parser = argparse.ArgumentParser(prog="python -m attnctl.jobs.trial_array", description="One task of attnctl try.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    arguments = parser.parse_args()
    config = find(arguments.workspace, Path.cwd(), os.environ)
    folder = _folder(config.workspace, arguments.tag)
    task = int(os.environ["SLURM_ARRAY_TASK_ID"])
    request = untrusted_json.read_object(folder / "request.json")
    if request is None:
        raise SystemExit(f"{folder} has no request: the command that submitted this job has ended")
    document: dict[str, Any]
    try:
        spec = RunSpec.from_json(request["specs"][task])
        document = {"answer": _attempt(config, spec, untrusted_json.decode(Resources, request["resources"]))}
    except SpecError as error:
        document = {"error": str(error)}
    except Exception as error:  # whatever users' code raises
        document = {"error": blame.describe(error)}
    write_atomic(folder / f"{task}.json", json.dumps(document).encode())


def _attempt(config: Config, spec: RunSpec, resources: Resources) -> dict[str, Any]:
    from attnctl.jobs import trial

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attnctl-") as name:
        (Path(name) / isolated.SOURCES).symlink_to(config.workspace.sources.absolute())
        answer = trial.attempt(spec, Path(name), config.data, resources)
    print(f"the trial took {duration(time.monotonic() - started)}")  # noqa: T201 - into the job's log
    return answer


if __name__ == "__main__":
    main()
