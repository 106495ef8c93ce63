"""The last step of `resume`: submit the runs of its plan, one submission for each destination, and train local ones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attnctl.cli import output
from attnctl.cli.resuming.candidates import Case, ResumePlan
from attnctl.cli.resuming.resources import next_destination
from attnctl.cli.sweeping.destination import Destination, check, check_partition
from attnctl.cli.sweeping.launch import submit, warn_no_requeue
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cli.sweeping.submitted import Job, say_skipped, say_waiting
from attnctl.cost import CostModel
from attnctl.lifecycle import base_run
from attnctl.lifecycle.evidence import newest_verdict
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.values import SpecError


def destinations(
    config: Config, resume_plan: ResumePlan, given: ResourceOptions
) -> list[tuple[Destination, list[Case]]]:
    """The runs that start, by where their next attempt goes. Raises SpecError, before anything is submitted."""
    groups: dict[str, tuple[Destination, list[Case]]] = {}
    specs = {case.row.id: case.spec for case in resume_plan.cases}
    model = functools.cache(lambda: CostModel.of(config.workspace))
    for case in sorted(resume_plan.cases, key=lambda case: base_run.depth(case.spec, specs)):  # a base comes first
        if case.decision.starts:
            made = next_destination(config, case.request, case.spec, case.decision, given, model, case.left)
            groups.setdefault(made.key, (made, []))[1].append(case)
    for made, cases in groups.values():
        check(config, [case.spec for case in cases], made)
        if made.where == "slurm":
            check_partition(made.options)
    return list(groups.values())


def act(
    config: Config, groups: Sequence[tuple[Destination, list[Case]]], *, as_json: bool
) -> tuple[dict[str, Job], int]:
    """Submit; the jobs by run id, and the exit code: 1 when a run that was trained here failed again.

    What SLURM refuses of one submission does not stop the others. Raises SpecError when all were refused.
    """
    jobs: dict[str, Job] = {}
    refused: list[SpecError] = []
    here, unattended = [], []
    for made, cases in groups:
        specs = [case.spec for case in cases]
        # What --force resumes although it may still run counts as ended.
        forced = {case.row.id: case.history.newest.number for case in cases if case.state is State.UNCONFIRMED}
        forced |= {case.row.id: case.ended for case in cases if case.ended is not None}
        try:
            told, batches = submit(config, specs, made, forced)
        except SpecError as error:
            refused.append(error)
            continue
        jobs |= told
        unattended += batches
        if made.where == "local" and batches:
            here.append((made, cases, batches))
    if refused and not jobs:
        raise refused[0]
    for refusal in refused:
        output.note(str(refusal))
    warn_no_requeue(unattended, None, config.workspace)
    if not as_json:
        _say(jobs)
    for made, cases, batches in here:
        _train(config, made, cases, batches)
    trained = [case for _, cases, _ in here for case in cases]
    verdicts = [newest_verdict(config.workspace, case.row.id) for case in trained]
    failed = sum(verdict is not None and verdict.state.unsuccessful for verdict in verdicts)
    if trained and not as_json:
        output.line(f"trained {quantity(len(trained), 'run')} on this machine, {failed} failed; see attnctl status")
    return jobs, 1 if failed or refused else 0


def _say(jobs: dict[str, Job]) -> None:
    say_skipped(jobs)
    say_waiting(jobs)
    on_slurm = [job.job_id for job in jobs.values() if job.tag and ":" not in job.job_id]
    for array in dict.fromkeys(job.partition("_")[0] for job in on_slurm):
        count = sum(job.partition("_")[0] == array for job in on_slurm)
        runs = quantity(count, "run")
        output.line(
            f"submitted: {runs}, SLURM job {array}" if array else f"submitted: {runs}; SLURM has not confirmed it yet"
        )


def _train(config: Config, made: Destination, cases: Sequence[Case], batches: Sequence[Any]) -> None:
    from attnctl.cli.sweeping.progress import display
    from attnctl.jobs.local import runner

    submitted = {run for batch in batches for run, _ in batch.tasks}
    try:
        with display([case.spec for case in cases if case.row.id in submitted]) as report:
            runner.run(config, batches, made.resources, made.options.parallel, report, report.interrupted)
    except KeyboardInterrupt:
        again = "attnctl resume --state cancelled"
        raise KeyboardInterrupt(f"stopped; to continue from the checkpoints, run: {again}") from None
