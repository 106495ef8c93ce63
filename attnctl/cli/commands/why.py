"""`attnctl why`: the history of a run over all its attempts, the resources it used, and advice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnctl.cli import context, output, run_selection
from attnctl.cli.commands.logs import newest_log
from attnctl.cli.resuming.requirements import Requirements
from attnctl.cli.table_layout import Column
from attnctl.files import read_end
from attnctl.lifecycle import packing, usage
from attnctl.lifecycle.advice import AdviceContext, about_data, about_gpu, advise
from attnctl.lifecycle.resume_policy import ResumeScope, decide
from attnctl.lifecycle.state import ABSENT, UNSEEN, State, first_failure, requested, rules_of
from attnctl.settings.config import Config
from attnctl.sources import store
from attnctl.sources.digest import VERSION_PREFIX
from attnctl.spec import RunSpec
from attnctl.units import clock, duration, energy, memory, quantity
from attnctl.values import SpecError
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Cancel, Placed, RecordError

if TYPE_CHECKING:
    from attnctl.jobs.slurm.accounting import Usage
    from attnctl.lifecycle.attempts import AttemptHistory
    from attnctl.workspace.submissions import HeadOf

_LINES = 12
"""Of a log or a traceback that are shown."""
_DEEPEST = 40
"""Blanks before a line of a traceback at most, so that there is room for it."""
_RESOURCES = (
    Column("attempt"),
    Column("requested", wrap=16),
    Column("time"),
    Column("memory"),
    Column("GPU memory", optional=True),
    Column("GPU time", optional=True),
    Column("GPU busy", optional=True),
    Column("energy", optional=True),
    Column("waits for data", optional=True),
    Column("busy cores", optional=True),
    Column("runs per GPU", free=True, optional=True),
    Column("rules", free=True, optional=True),
)


def why(
    run: run_selection.RunArgument,
    as_json: context.AsJson = False,
) -> None:
    """Explain why a run is in its state, and what to do.

    Examples:
        attnctl why 3fa2
    """
    from attnctl.lifecycle import attempts
    from attnctl.workspace import submissions

    opened = run_selection.open_run(run)
    config, now, row, folder, spec = opened.config, opened.now, opened.row, opened.folder, opened.spec
    head_of = submissions.cached_heads(config.workspace)
    histories = _attempts(folder, head_of)
    past = attempts.history(folder, spec, histories)
    past = replace(past, missing=Requirements(config).still_missing(spec, past.newest))
    used = _usage(config.workspace, histories)
    known = AdviceContext(
        run=row.id,
        job=row.job_id or "",
        checkpoint=past.checkpoint,
        gone=past.gone,
        memory=_memory_asked(histories, used),
        norm_batch=spec.recipe.norm_batch,
        folder=config.workspace.root,
        own_files=_own_files(config.workspace, spec),
    )
    resources = [_resources(item, used.get(item.attempt.number), head_of) for item in histories]
    for item, entry in zip(histories, resources, strict=True):
        measured = packing.of_attempt(config.workspace, spec, item.request)
        entry["packing"] = measured.words() if measured is not None else None
    advice = " ".join(filter(None, (advise(row.verdict, known), _about_use(resources))))
    failing = row.verdict.state not in {State.COMPLETED, State.NEW} and not row.verdict.state.active
    planned = decide(past, config.resume, ResumeScope(named={row.id})) if failing and histories else None
    timeline = [(moment, item.attempt.number, words) for item in histories for moment, words in _story(item)]
    lines = _error(config, histories[-1]) if histories and failing else []
    if as_json:
        output.document(
            {
                "id": row.id,
                "label": row.label,
                "state": row.state,
                "reason": row.reason,
                "since": row.since,
                "checkpoint": past.checkpoint,
                "checkpoint_gone": past.gone,
                "steps": row.steps,
                "history": [{"at": at, "attempt": number, "words": words} for at, number, words in timeline],
                "action": str(planned.action) if planned is not None else None,
                "action_words": planned.reason if planned is not None else None,
                "error": lines,
                "resources": resources,
                "advice": advice,
                "problem": row.problem,
                "unavailable": now.unavailable,
            }
        )
        return
    for words in filter(None, (now.unavailable, row.problem)):
        output.note(words)
    state = f"{row.state} for {duration(max(0.0, now.at - row.since))}"
    state += f": {row.reason}" if row.reason not in {"", row.state} else ""
    there = "none" if past.checkpoint is None else f"step {past.checkpoint}" + (f" of {row.steps}" if row.steps else "")
    facts = {"run": f"{row.id} {row.label} {row.network} seed {row.seed}", "state": state, "checkpoint": there}
    if planned is not None:
        facts["resume"] = ": ".join(filter(None, (str(planned.action), planned.reason)))
    output.pairs(facts)
    _print(timeline, lines, resources)
    output.line()
    output.prose(advice)


def _own_files(workspace: Workspace, spec: RunSpec) -> list[Path]:
    """The user's files that a run was submitted with, where they were then."""
    files = []
    for version in filter(store.is_own, spec.code_versions):
        with contextlib.suppress(SpecError):  # a damaged copy is another command's to report
            manifest = store.read_manifest(workspace.sources / str(version).removeprefix(VERSION_PREFIX))
            files.append(Path(manifest.origin, manifest.entry))
    return list(dict.fromkeys(files))


def _attempts(folder: RunDir, head_of: HeadOf) -> Sequence[AttemptHistory]:
    """All attempts; none when a reservation is broken, which the run's own problem tells."""
    from attnctl.lifecycle import attempts

    try:
        return attempts.read(folder, head_of)
    except RecordError:
        return ()


def _print(
    timeline: Sequence[tuple[float, int, str]], lines: Sequence[str], resources: Sequence[dict[str, Any]]
) -> None:
    for number in dict.fromkeys(number for _, number, _ in timeline):
        output.line(f"\nattempt {number}")
        for moment, attempt, words in timeline:
            if attempt == number:
                moment_words = f"  {clock(moment)}  "
                output.hanging(moment_words, words, len(moment_words))
    if lines:
        output.line("\nlast lines")
        for line in lines:
            indent = 2 + len(line) - len(line.lstrip(" "))
            output.hanging("", line.lstrip(" "), min(indent, _DEEPEST))
    if resources:
        output.line()
        output.table(_RESOURCES, [_row(item) for item in resources])
        if "gpu_busy" in resources[-1]["unread"]:
            output.prose(f"GPU busy: not known, since {resources[-1]['unread']['gpu_busy']}.")
        if resources[-1]["runs_per_job"] and resources[-1]["gpu_memory_used"]:
            output.prose("Other runs may have shared the GPU: it was busy, and took energy, for all of them.")


# ----------------------------------------------------------------------------------------------------------- history


def _story(history: AttemptHistory) -> list[tuple[float, str]]:
    """What happened to one attempt, oldest first."""
    return sorted(_moments(history), key=lambda item: item[0])


def _moments(history: AttemptHistory) -> Iterator[tuple[float, str]]:
    request = history.request
    yield request.created, f"requested by {request.user} on {request.host}, as {request.tag}"
    for item in history.observed:
        if item.word in {ABSENT, UNSEEN}:
            unknown = "the process no longer exists" if item.source == "local" else "SLURM does not know the job"
            yield item.at, item.reason or unknown
            continue
        reason = f"({item.reason})" if item.reason else ""
        said = " ".join(filter(None, (item.word, reason, f"on {item.nodes}" if item.nodes else "")))
        code = f", exit code {item.exit_code}" if item.exit_code and item.exit_code != "0:0" else ""
        yield item.at, f"{item.source or 'the scheduler'}: {said}{code}"
    cancel = None
    with contextlib.suppress(RecordError, OSError):
        cancel = Cancel.read(history.attempt.cancel)
    if cancel is not None:
        confirmed = "" if cancel.accepted else ", but SLURM has not confirmed it"
        yield cancel.at, f"cancelled by {cancel.user} on {cancel.host}{confirmed}"
    for incarnation in history.attempt.incarnations():
        number = incarnation.token[1]
        start = f"start {number + 1}: " if number or len(history.logs) > 1 else ""
        log = history.logs.get(number)
        if log is not None and log.started is not None:
            lost = f"; its checkpoint of step {log.lost} was gone" if log.lost else ""
            yield log.started, f"{start}training starts at step {log.began}{lost}"
            if log.saved and log.saved_at is not None:
                yield log.saved_at, f"{start}last checkpoint: step {log.saved}"
        for record in incarnation.exits():
            whose = f"rank {record.rank}: " if history.ended.world > 1 else ""
            second = " (caused by another rank)" if record.secondary else ""
            words = f": {record.message}" if record.message else ""
            yield record.at, f"{start}{whose}{record.outcome} at step {record.step}{words}{second}"


def _error(config: Config, history: AttemptHistory) -> list[str]:
    """The last lines of the rank that failed first: of its traceback, else of its log."""
    cause = first_failure(history.exits)
    if cause is not None and cause.outcome in {"diverged", "data missing", "data error"}:
        return []  # where the loop noticed it tells nothing
    if cause is not None and cause.traceback:
        return cause.traceback.strip().splitlines()[-_LINES:]
    silent = sorted(set(range(history.ended.world)) - {item.rank for item in history.exits})
    rank = cause.rank if cause is not None else silent[0] if silent else 0
    path = newest_log(config.workspace, history.attempt, rank) or newest_log(config.workspace, history.attempt, 0)
    if path is None:
        return []
    return read_end(path).decode(errors="replace").strip().splitlines()[-_LINES:]


# --------------------------------------------------------------------------------------------------------- resources


def _usage(workspace: Workspace, histories: Sequence[AttemptHistory]) -> dict[int, Usage]:
    """What SLURM's accounting says of the attempts, by number."""
    from attnctl.workspace import submissions
    from attnctl.workspace.records import Submission

    placed: list[Placed] = []
    for item in histories:
        if item.request.where != "slurm":
            continue
        submission = None
        with contextlib.suppress(RecordError, OSError):
            submission = Submission.read(workspace.submission(item.request.tag))
        run, number = item.attempt.path.parent.parent.name, item.attempt.number
        if submission is not None and submission.job_id and [run, number] in submission.tasks:
            task = submission.tasks.index([run, number])
            job_id = submissions.job_of_task(workspace, submission, task, run, number)
            placed.append(
                Placed(
                    run=run,
                    attempt=number,
                    tag=submission.tag,
                    where="slurm",
                    job_id=job_id,
                    created=submission.created,
                )
            )
    if not placed:
        return {}
    from attnctl.jobs.slurm import accounting, job

    jobs = job.of(workspace, placed)
    answers = accounting.query(list(jobs.values()))
    return {item.attempt: answers[jobs[item]] for item in placed if jobs[item] in answers}


def _memory_asked(histories: Sequence[AttemptHistory], used: dict[int, Usage]) -> int | None:
    if not histories:
        return None
    newest = used.get(histories[-1].attempt.number)
    return histories[-1].ended.memory or (newest.memory_requested if newest is not None else None)


def _resources(history: AttemptHistory, used: Usage | None, head_of: HeadOf) -> dict[str, Any]:
    """The requested and used resources of one attempt, by SLURM's accounting, else by the records of its last start."""
    request = history.request
    gpus, minutes = (
        requested(request, "nodes", 1) * requested(request, "gpus_per_node", 0),
        requested(request, "minutes", 0),
    )
    starts = usage.of_attempt(history.attempt, history.logs)
    newest = starts[-1] if starts else usage.Usage()
    joules = [start.joules for start in starts if start.joules is not None]
    log = [item for item in history.logs.values() if item.started is not None and item.heartbeat is not None]
    seconds = sum((item.heartbeat or 0.0) - (item.started or 0.0) for item in log)
    began = min((item.started for item in history.exits if item.started), default=None)
    if began is not None and len(history.logs) == 1:
        seconds = max(item.at for item in history.exits) - began
    memory = max((item.max_rss for item in history.exits), default=0) or None
    if used is not None:
        seconds = used.seconds or seconds
        memory = max(memory or 0, (used.memory_used or 0) << 20) or None
    return {
        "attempt": history.attempt.number,
        "where": history.request.where,
        "rules": rules_of(request.options),
        "nodes": requested(request, "nodes", 1),
        "processes": history.ended.world,
        "gpus": gpus,
        "minutes": minutes or None,
        "memory_asked": (history.ended.memory or (used.memory_requested if used is not None else None) or 0) << 20
        or None,
        "seconds": seconds,
        "cpu_seconds": used.cpu_seconds if used is not None else None,
        "gpu_seconds": _gpu_seconds(history, used, gpus, seconds),
        "memory_used": memory,
        "gpu_memory_used": max((item.max_gpu for item in history.exits), default=0) or None,
        **_mean_and_most("waited", newest.waited),
        **_mean_and_most("cores_busy", newest.cores),
        "cores": requested(request, "cpus_per_task", 1),
        **_mean_and_most("gpu_busy", newest.gpu_busy),
        "gpu_memory": newest.gpu_total,
        "joules": sum(joules) if joules else None,
        "unread": dict(newest.unread),
        "runs_per_job": _runs_per_job(request.tag, head_of),
        "source": "sacct" if used is not None else "records",
    }


def _mean_and_most(name: str, spread: usage.Spread | None) -> dict[str, float | None]:
    """A value of the processes: its mean, and the largest of one."""
    return {name: spread.mean if spread else None, f"{name}_most": spread.most if spread else None}


def _runs_per_job(tag: str, head_of: HeadOf) -> int:
    """How many runs shared each job of a submission; 0 if each had its own, or if that cannot be read."""
    head = None
    with contextlib.suppress(RecordError, OSError):
        head = head_of(tag)
    return head.runs_per_job if head is not None else 0


def _gpu_seconds(history: AttemptHistory, used: Usage | None, requested_gpus: int, seconds: float) -> float | None:
    """GPU-seconds by accounting, else by the request; None if the run used GPUs that neither of them counts."""
    gpus = (used.gpus if used is not None else None) or requested_gpus
    if not gpus and any(item.max_gpu for item in history.exits):
        return None
    return gpus * seconds


def _gpu_time(item: dict[str, Any]) -> str:
    if item["gpu_seconds"] is None:
        return "unknown"
    return duration(item["gpu_seconds"]) if item["gpus"] or item["gpu_seconds"] else ""


def _row(item: dict[str, Any]) -> list[str]:
    """`2 nodes, 4 processes, 4 GPUs, on SLURM`, then used of asked."""
    nouns = {"nodes": "node", "processes": "process", "gpus": "GPU"}
    counted = [quantity(item[name], noun) for name, noun in nouns.items() if item[name]]
    limit = f" of {duration(60 * item['minutes'])}" if item["minutes"] else ""
    asked = f" of {memory(item['memory_asked'])}" if item["memory_asked"] else ""
    return [
        str(item["attempt"]),
        ", ".join(counted) + (", on SLURM" if item["where"] == "slurm" else ", local"),
        duration(item["seconds"]) + limit,
        (memory(item["memory_used"]) if item["memory_used"] else "?") + asked,
        memory(item["gpu_memory_used"]) if item["gpu_memory_used"] else "",
        _gpu_time(item),
        _several(item, "gpu_busy", lambda value: f"{100 * value:.0f} %"),
        energy(item["joules"]) if item["joules"] is not None else "",
        _several(item, "waited", lambda value: f"{100 * value:.0f} %"),
        _several(item, "cores_busy", "{:.1f}".format),
        f"{item['packing']}" if item["packing"] else "",
        "; ".join(item["rules"]),
    ]


def _several(item: dict[str, Any], name: str, text: Callable[[float], str]) -> str:
    """The mean of the processes, and the largest value if it differs: `45 % (most: 60 %)`."""
    if item[name] is None:
        return ""
    mean, most = text(item[name]), text(item[f"{name}_most"])
    return mean if mean == most else f"{mean} (most: {most})"


def _about_use(resources: Sequence[dict[str, Any]]) -> str:
    """Advice on the newest attempt, if it waits for its data, or else leaves a part of its GPU unused."""
    if not resources:
        return ""
    newest = resources[-1]
    waits = about_data(newest["waited"], newest["cores_busy"], newest["cores"])
    if waits or newest["where"] != "slurm" or newest["processes"] > 1:
        return waits
    shared = newest["runs_per_job"] > 0
    return about_gpu(newest["gpu_busy"], newest["gpu_memory_used"], newest["gpu_memory"], shared=shared)
