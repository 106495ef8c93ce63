"""The steps of `sweep`: plan, record the sweep, submit, and train if it runs on this machine."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from attnctl.cli import context, output, status_table, sweep_records
from attnctl.cli.refresh import announce_ends
from attnctl.cli.sweeping import bases, data_notes, dry_run, feeding, init_weights, what_loads
from attnctl.cli.sweeping.bases import Bases
from attnctl.cli.sweeping.cost import SweepCost, estimate, model_for
from attnctl.cli.sweeping.destination import (
    Destination,
    by_rules,
    check,
    choose_destination,
    excluding,
    planned_destination,
)
from attnctl.cli.sweeping.plan import Action, Planned, in_json, plan, planned_again, summary
from attnctl.cli.sweeping.queue_notes import cron_line, not_started_notes, time_limit_note
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cli.sweeping.selection import Selection
from attnctl.cli.sweeping.submitted import Job, say_search, say_skipped, say_waiting
from attnctl.cli.sweeping.time_limit import limited
from attnctl.grid import warn_frozen_untrained_norms
from attnctl.lifecycle.launch_failures import bad_nodes, by_node
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import plural
from attnctl.values import SpecError, comma_join
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.networks.weights.planned import Counted


@dataclass(frozen=True, kw_only=True)
class Order:
    """The options of a sweep besides its runs and resources."""

    name: str | None
    command: Sequence[str]
    retry_failed: bool
    wait: bool
    as_json: bool
    with_bases: bool = False


def preview(config: Config, selected: Selection, asked: ResourceOptions, order: Order) -> int:
    """Print the plan and missing data. Writes nothing and does not query SLURM for states."""
    destination = planned_destination(config, asked, selected.specs)
    planned = plan(config.workspace, selected.specs, retry_failed=order.retry_failed)
    needed = _bases(config, planned, destination, selected, order)
    selected = with_bases(selected, needed.train)
    destination = by_rules(config, asked, destination, needed.train)
    planned = [*plan(config.workspace, needed.train, retry_failed=order.retry_failed), *planned]
    lacking = [words for words in (needed.missing, init_weights.missing(selected.specs)) if words]
    loads = _loads(config, planned, selected)
    warn_ignored_variables(destination)
    destination = excluding(destination, _failed_nodes(planned))
    starting = [item.spec for item in planned if item.action.starts]
    model = model_for(config, starting)
    destination, limit = limited(model, destination, starting)
    cost = estimate(config, starting, destination, model)
    dry_run.show(
        config,
        planned,
        selected,
        destination,
        loads,
        cost,
        lacking,
        as_json=order.as_json,
        base=needed.waits_for[0] if needed.waits_for else None,
        limit=limit,
    )
    return 0


def _bases(
    config: Config, planned: Sequence[Planned], destination: Destination, selected: Selection, order: Order
) -> Bases:
    """The bases of the runs that are to start; raises SpecError for one that cannot be used."""
    starts = [item.spec for item in planned if item.action.starts]
    return bases.find(
        config.workspace,
        starts,
        destination.where,
        with_bases=order.with_bases,
        retry_failed=order.retry_failed,
        rows=selected.rows,
    )


def with_bases(selected: Selection, train: Sequence[RunSpec]) -> Selection:
    """The selection with the bases that are trained first, before the runs that start from them."""
    if not train:
        return selected
    rows = {spec.id: "(base)" for spec in train} | dict(selected.rows) if selected.rows else {}
    return replace(selected, specs=[*train, *selected.specs], rows=rows)


def launch(config: Config, selected: Selection, asked: ResourceOptions, order: Order) -> int:
    """Submit the missing runs, and train them if local. The exit code: 1 if a run that was trained here failed."""
    from attnctl.jobs.submission import next_rounds

    specs = selected.specs
    destination = by_rules(config, asked, choose_destination(config, asked), specs)
    if lacking := init_weights.missing(specs):
        raise SpecError(lacking)
    check(config, specs, destination)
    if destination.where == "slurm":
        feeding.feed_before(config.workspace, as_json=order.as_json)
    planned = _current(config, specs, retry_failed=order.retry_failed)
    needed = _bases(config, planned, destination, selected, order)
    if needed.missing:
        raise SpecError(needed.missing)
    destination = by_rules(config, asked, destination, needed.train)
    check(config, needed.train, destination)
    selected, specs = with_bases(selected, needed.train), [*needed.train, *specs]
    planned = [*plan(config.workspace, needed.train, retry_failed=order.retry_failed), *planned]
    loads = _loads(config, planned, selected)
    destination = excluding(destination, _failed_nodes(planned))
    runs = [spec.id for spec in specs]
    starting = [item.spec for item in planned if item.action.starts]
    model = model_for(config, starting)
    destination, limit = limited(model, destination, starting)
    cost = estimate(config, starting, destination, model)
    about_data = list(data_notes.notes(config, specs))  # before the submission records the new data
    goes_on = selected.search if destination.where == "slurm" and not context.is_repeated() else None
    with (
        sweep_records.recorded(
            config.workspace, order.name, selected.name, runs, order.command, selected.of, selected.search
        ) as name,
        next_rounds.remembered(config, name, goes_on, order.command),
    ):
        init_weights.keep(config.workspace, specs, selected.files)
        jobs, batches = submit(config, starting, destination)
    for cell in selected.invalid:
        output.note(f"skipped: {cell.label}: {cell.reason}")
    for words in filter(
        None, dict.fromkeys(warn_frozen_untrained_norms(item.spec) for item in planned if item.action.starts)
    ):
        output.note(words)
    for words in (*what_loads.notes(selected.specs, loads), *about_data):
        output.note(words)
    warn_no_requeue(batches, name, config.workspace)
    started = {item.spec.id: item.verdict for item in planned if item.verdict is not None and item.action.starts}
    for words in by_node(started, config.workspace.root):
        output.note(f"{words}; this sweep excludes the node")
    if not order.as_json:
        if selected.summary:
            output.line(selected.summary)
        _say_begin(planned, jobs, name, destination, needed, selected)
        if any(job.tag for job in jobs.values()):
            output.line(cost.words())
            if limit:
                output.line(limit)
    if destination.where == "local" and batches:
        _train(config, batches, destination, planned, name, order)
    elif order.wait:
        status_table.follow(config, [spec.id for spec in specs])
    announce_ends(config)
    ended = destination.where == "local" or order.wait
    return _end(config, planned, jobs, selected, name, order, cost, ended=ended)


def repeat(config: Config, selected: Selection, asked: ResourceOptions, order: Order) -> int:
    """Submit these runs for the user, whose command a job repeats: it retries nothing, and does not wait."""
    if not selected.specs:
        output.line("no further trainings are due")
        return 0
    return launch(config, selected, asked, replace(order, retry_failed=False, wait=False, as_json=False))


def _loads(config: Config, planned: Sequence[Planned], selected: Selection) -> Mapping[str, Counted]:
    """What loads into the runs that are to start; raises SpecError for weights that do not fit."""
    starts = [item.spec for item in planned if item.action.starts]
    return what_loads.count(config.workspace, starts, selected.files)


def _failed_nodes(planned: Sequence[Planned]) -> tuple[str, ...]:
    """The nodes on which a run that starts now failed to launch."""
    last = [item.verdict for item in planned if item.verdict is not None and item.action.starts]
    return bad_nodes(((verdict.state, filter(None, (verdict.node,))) for verdict in last), limit=1)


def _current(config: Config, specs: Sequence[RunSpec], *, retry_failed: bool) -> list[Planned]:
    """The plan, after querying the scheduler for runs that seem active, or that SLURM may have started again."""
    there = {spec.id for spec in specs} & set(config.workspace.run_ids())
    if not there:
        return plan(config.workspace, specs, retry_failed=retry_failed)
    with context.index() as index:
        index.refresh(there)
        planned = plan(config.workspace, specs, retry_failed=retry_failed, known=index.proven(there))
        asked = {Action.QUEUED, Action.CONTINUES, Action.RETRIED}
        active = {item.spec.id for item in planned if item.action in asked}
        placed = [item for item in index.placed() if item.run in active]
    if not active:
        return planned
    from attnctl.jobs.slurm.observe import observe

    words, changed = observe(config.workspace, placed)
    if words:
        output.note(words)
    return planned_again(config.workspace, planned, changed, retry_failed=retry_failed)


def submit(
    config: Config, specs: Sequence[RunSpec], destination: Destination, ended: Mapping[str, int] | None = None
) -> tuple[dict[str, Job], list[Any]]:
    """What was submitted, by run id, and the batches as `attnctl.jobs.local.runner.run` takes them.

    ended: run id to the number of an attempt that counts as ended, whatever the scheduler says.
    """
    if not specs:
        return {}, []
    from attnctl.jobs.submission.feed import feed_missed
    from attnctl.jobs.submission.submit import submit as hand_over

    warn_ignored_variables(destination)
    for part, _ in destination.groups(specs):
        if note := time_limit_note(part):
            output.note(note)
    batches = hand_over(
        config,
        specs,
        destination.resources,
        destination.options,
        destination.where,
        ended=ended,
        shapes=destination.shapes,
    )
    for note in not_started_notes(specs, destination, batches):
        output.note(note)
    jobs: dict[str, Job] = {}
    for batch in batches:
        jobs |= {run: Job(refusal=reason) for run, reason in batch.skipped.items()}
        jobs |= {run: Job(waits=reason) for run, reason in batch.waiting.items()}
        for task, (run, _) in enumerate(batch.tasks):
            array = destination.where == "slurm" and batch.job_id is not None
            jobs[run] = Job(batch.tag, batch.job_of(task) if array else batch.job_id or "")
    if put_off := [run for run, job in jobs.items() if job.waits]:
        fed = feed_missed(config.workspace, put_off)
        jobs |= {run: Job(fed.tags[run], job) for run, job in fed.submitted.items() if run in jobs}
    return jobs, [batch for batch in batches if batch.tasks]


def _train(
    config: Config,
    batches: Sequence[Any],
    destination: Destination,
    planned: Sequence[Planned],
    name: str,
    order: Order,
) -> None:
    from attnctl.cli.sweeping.progress import display
    from attnctl.jobs.local import runner

    submitted = {run for batch in batches for run, _ in batch.tasks}
    try:
        with display([item.spec for item in planned if item.spec.id in submitted]) as report:
            runner.run(config, batches, destination.resources, destination.options.parallel, report, report.interrupted)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; to continue from the checkpoints, run: {_again(config.workspace, planned, name, order)}"
        ) from None


def _again(workspace: Workspace, planned: Sequence[Planned], name: str, order: Order) -> str:
    """What continues a sweep that Ctrl-C stopped: `resume`, or the same command if it also trains bases."""
    members = set(sweep_records.read(workspace, name).runs)
    if any(item.spec.id not in members for item in planned):
        return shlex.join(["attnctl", *order.command, *([] if order.name else ["--name", name])])
    return f"attnctl {_workspace_option(workspace, order.command)}resume {shlex.quote(name)}"


def _say_begin(
    planned: Sequence[Planned],
    jobs: Mapping[str, Job],
    name: str,
    destination: Destination,
    needed: Bases,
    selected: Selection,
) -> None:
    output.line(f"sweep {name}: {summary(planned)}")
    for item in planned:
        if item.action in {Action.FAILED, Action.QUEUED}:
            output.line(f"{item.action}: {item.spec.id} {item.spec.label()}: {item.reason}")
    if any(item.action is Action.FAILED for item in planned):
        output.line("add --retry-failed to run the failed runs again")
    say_skipped(jobs)
    say_waiting(jobs)
    if destination.where == "slurm":
        for array in dict.fromkeys(job.job_id.partition("_")[0] for job in jobs.values() if job.tag):
            output.line(f"submitted: SLURM job {array}" if array else "submitted, but SLURM has not confirmed it yet")
        say_search(name, selected.search, jobs)
    for base in needed.waits_for if any(job.tag for job in jobs.values()) else ():
        output.line(f"they start when run {base.id} is completed, which is {base.state}")


def warn_no_requeue(batches: Sequence[Any], sweep: str | None, workspace: Workspace) -> None:
    """Say how runs continue whose jobs are not requeued, before the first of them is interrupted."""
    if all(batch.starts_again for batch in batches):
        return
    again = ["resume", *([sweep] if sweep is not None else []), "--state", "timeout,preempted", "--yes"]
    output.note(
        "SLURM does not requeue these jobs. They resubmit themselves if sbatch works on the nodes; otherwise add to "
        f"cron: {cron_line(workspace, again, os.environ)}"
    )


def warn_ignored_variables(destination: Destination) -> None:
    """Name the variables SBATCH_* of the user's shell that do not reach the jobs."""
    from attnctl.jobs.slurm.sbatch import ignored

    names = ignored(os.environ) if destination.where == "slurm" else []
    if names:
        output.note(
            f"{comma_join(names)} in your shell {plural(len(names), 'does', 'do')} not apply to these jobs; "
            "use attnctl's options, or [slurm.extra] in attnctl.toml"
        )


def _end(
    config: Config,
    planned: Sequence[Planned],
    jobs: Mapping[str, Job],
    selected: Selection,
    name: str,
    order: Order,
    cost: SweepCost,
    *,
    ended: bool,
) -> int:
    """Print the result and the next command; the exit code."""
    now = list(planned)
    if (ended or order.as_json) and (jobs or order.wait):  # else nothing has happened since the plan
        rest = {item.spec.id for item in planned if item.action is not Action.DONE}
        now = planned_again(config.workspace, planned, rest, retry_failed=False)
    failed = [item for item in now if item.verdict is not None and item.verdict.state.unsuccessful] if ended else []
    if order.as_json:
        runs = [_run_json(before, item, jobs) for before, item in zip(planned, now, strict=True)]
        invalid = [vars(cell) for cell in selected.invalid]
        document = {"sweep": name, **selected.document, "runs": runs, "invalid": invalid}
        output.document(document | {"cost": cost.in_json()})
        return 1 if failed else 0
    for item in failed:
        output.line(f"{item.spec.id} {item.spec.label()}: {item.reason}")
    option = _workspace_option(config.workspace, order.command)
    shows = selected.shows or f"report {name}"
    if ended:
        output.line(f"{summary(now)}; next: attnctl {option}{shows}")
    else:
        output.line(f"next: attnctl {option}status {name} --watch, then attnctl {option}{shows}")
    return 1 if failed else 0


def _workspace_option(workspace: Workspace, command: Sequence[str]) -> str:
    """What the next command needs, to mean the same workspace."""
    chosen = any(word.startswith("--workspace") for word in command)
    return f"--workspace {shlex.quote(str(workspace.root))} " if chosen else ""


def _run_json(before: Planned, now: Planned, jobs: Mapping[str, Job]) -> dict[str, Any]:
    spec, job = before.spec, jobs.get(before.spec.id, Job())
    return {
        **in_json(spec),
        "action": str(before.action),
        "state": str(now.verdict.state) if now.verdict is not None else "new",
        "reason": now.verdict.reason if now.verdict is not None else "",
        "tag": job.tag or None,
        "job_id": job.job_id or None,
        "skipped": job.refusal or None,
        "waiting": job.waits or None,
    }
