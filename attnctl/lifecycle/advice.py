"""One sentence of advice for a run, computed from its state and a few facts about it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attnctl.lifecycle.launch_failures import explain
from attnctl.lifecycle.state import State, Verdict
from attnctl.units import plural, quantity
from attnctl.values import comma_join

LAUNCH_HELD = "launch failed requeued held"
"""SLURM's pending reason for a job that failed to launch on a node and is held since (squeue(1), JOB REASON CODES)."""

_NEVER: tuple[tuple[str, str], ...] = (
    (LAUNCH_HELD, "SLURM could not start it and holds it: fix its node, then `attnctl resume` releases it"),
    (r"JobHeldAdmin", "an administrator holds it: contact them"),
    (r"JobHeldUser|requeued in held state", "it is held: `scontrol release {job}` releases it"),
    (r"PartitionTimeLimit", "its time limit exceeds the partition's: cancel it, then resume with a shorter --time"),
    (
        r"PartitionNodeLimit",
        "it asks for more nodes than the partition has, or they are down (`sinfo -R`): cancel it, then resume with "
        "fewer --nodes",
    ),
    (r"DependencyNeverSatisfied", "the job it depends on has failed: cancel it, then resume it"),
    (r"BadConstraints", "no node satisfies its constraint: cancel it, then resume with another --constraint"),
    (r"InvalidAccount", "its account is not valid: cancel it, then resume it with another account in attnctl.toml"),
    (r"InvalidQOS", "its QOS is not valid: cancel it, then resume it with another qos in attnctl.toml"),
    (
        r"(Assoc|QOS)Max\w*Per(Job|Node)|QOSMin\w+|MaxMemPerLimit",
        "it asks for more or less than a job may have (`sacctmgr show assoc`, `sacctmgr show qos`): cancel it, then "
        "resume it with other resources",
    ),
)
"""Patterns of pending reasons that last until somebody acts, and what to do."""

_LATER: tuple[tuple[str, str], ...] = (
    (
        r"Grp\w*(?<!Run)(Minutes|Billing|Wall)",
        "the time budget of its account or QOS is used up; it starts when the budget is renewed (`sshare`)",
    ),
    (
        r"^\W*(Assoc|QOS|MaxJobs)\w+|^\W*Max\w+Per(User|Account)",
        "a limit of its account or QOS is reached; it starts when other jobs have ended",
    ),
    (
        r"ReqNodeNotAvail|Nodes required for job are DOWN|NodeDown|[Mm]aintenance",
        "the nodes it needs are down, drained or reserved; it starts when they are back (`sinfo -R`, "
        "`scontrol show reservation`)",
    ),
    (r"Partition(Down|Inactive)", "its partition is closed at present; it starts when the partition is up again"),
    (r"Licenses", "it waits for a license"),
    (r"Reservation", "it starts with its reservation"),
)
"""Patterns of pending reasons that pass by themselves, and what they wait for (squeue(1), JOB REASON CODES;
job_reason_string in slurm_protocol_defs.c). Limits whose names do not end in PerJob or PerNode count what all jobs of
a user, an account or a QOS use at the same time."""

_SENTENCES: Mapping[State, str] = {
    State.NEW: "It was never submitted: `attnctl resume` starts it.",
    State.WAITING: "A job of this workspace submits it when it ends, if SLURM has a place then: `attnctl feed` tries "
    "now, `attnctl feed --watch` until it is submitted.",
    State.SUBMITTING: "It is being submitted: check again in a minute.",
    State.QUEUED: "It waits in the queue.",
    State.RUNNING: "It is running: `attnctl logs -f {run}` follows its log.",
    State.SUSPENDED: "SLURM has suspended it and continues it later; an administrator can: `scontrol resume {job}`.",
    State.UNCONFIRMED: "Its job may still run: check with `squeue -a -j {job}`, `sacct -j {job}` and "
    "`attnctl logs {run}`; only if it has ended, `attnctl resume --force {run}` continues from {checkpoint}.",
    State.COMPLETED: "It is complete: `attnctl report` shows its results.",
    State.PREEMPTED: "Another job preempted it: `attnctl resume {run}` continues from {checkpoint}.",
    State.NODE_FAILURE: "Its node failed: `attnctl resume {run}` continues from {checkpoint} on another node.",
    State.LAUNCH_FAILED: "Nothing of it ran: {launch}. `attnctl resume {run}` continues from {checkpoint} on another "
    "node.",
    State.TIMEOUT: "It reached its time limit: `attnctl resume {run}` continues from {checkpoint}; a longer "
    "--time saves restarts.",
    State.OUT_OF_MEMORY: "It needs more than {memory}: `attnctl resume {run}` gives it more; set the amount with "
    "--mem.",
    State.CUDA_OUT_OF_MEMORY: "One forward of {norm_batch} images does not fit: `attnctl resume {run}` tries more "
    "processes if its batch allows; a larger GPU (--partition, --constraint) is safer; a smaller --norm-batch makes it "
    "another run.",
    State.DIVERGED: "The loss became NaN or inf: sweep it again with a lower --lr, --clip-grad-norm or "
    "--precision fp32.",
    State.STALLED: "Its training loop stopped advancing: check the data's file system and the node, then "
    "`attnctl resume {run}`.",
    State.ERROR: "Fix the error above, then `attnctl resume --force {run}`.{own}",
    State.KILLED: "A user, or the system when memory ran out, killed it: `attnctl resume {run}` continues from "
    "{checkpoint}.",
    State.SETUP: "Fix `setup` in attnctl.toml, then `attnctl resume {run}`.",
    State.HELD: "Other runs failed with this error at their start: fix it, then `attnctl resume` starts them all.{own}",
    State.CANCELLED: "It was cancelled: to continue from {checkpoint}, run `attnctl resume {run}`.",
    State.REFUSED: "Change what SLURM refused (in attnctl.toml or with options), then `attnctl resume {run}`.",
    State.DISK_FULL: "The disk was full: `df` and `quota` show where; free space (`attnctl gc`), then "
    "`attnctl resume {run}` continues from {checkpoint}.",
    State.ENVIRONMENT_MISSING: "Python or a package was missing on its node: restore the environment, then "
    "`attnctl resume {run}` continues from {checkpoint}.",
    State.DATA_MISSING: "Its data set was missing: restore it, or set its folder under [data] in attnctl.toml, then "
    "`attnctl resume {run}` continues from {checkpoint}.",
    State.DATA_ERROR: "Repair the file (`attnctl data check` names all of them), then `attnctl resume --force {run}`; "
    "your own images are other data once they change: sweep those again.",
    State.BASE_UNFINISHED: "The run whose weights it starts from is not completed: `attnctl resume` of that run starts "
    "this one after it.",
    State.UNKNOWN: "It is unknown how it ended: `attnctl resume {run}` continues from {checkpoint}.",
}


@dataclass(frozen=True, kw_only=True)
class AdviceContext:
    """Facts that the advice may mention.

    checkpoint: step of the newest checkpoint file
    gone: step of the newest checkpoint written, when no checkpoint file is left
    memory: MB per node
    folder: the workspace
    own_files: the user's files that it was submitted with
    """

    run: str
    job: str = ""
    checkpoint: int | None = None
    gone: int | None = None
    memory: int | None = None
    norm_batch: int = 0
    folder: Path = Path()
    own_files: Sequence[Path] = ()


def advise(verdict: Verdict, context: AdviceContext) -> str:
    """One sentence that says what to do about the run."""
    pending = queue_blocker(verdict, context.job) or _delay(verdict)
    if pending is not None:
        return f"{pending[0].upper()}{pending[1:]}."
    if context.gone is not None and not verdict.state.active and verdict.state is not State.COMPLETED:
        return (
            f"Its checkpoint of step {context.gone} is gone: `attnctl resume --yes {context.run[:8]}` "
            f"restarts it from the beginning."
        )
    return _SENTENCES[verdict.state].format(
        run=context.run[:8],
        job=context.job or "JOB",
        checkpoint=f"step {context.checkpoint}" if context.checkpoint is not None else "the start",
        memory=f"{context.memory} MB" if context.memory else "the memory it had",
        norm_batch=context.norm_batch or "norm_batch",
        launch=explain(verdict.reason, verdict.node, context.folder),
        own=_about_own(context.own_files),
    )


MUCH = 0.2
"""A larger part of the time spent waiting for data is worth advice."""

_BUSY = 0.7
"""Cores of which a larger part is busy are the limit; else the files are slow to read."""


def about_data(waited: float | None, busy: float | None, cores: int) -> str:
    """One sentence on a training that waits for its data; empty if it hardly does, or if that is not known.

    waited: the part of the time, from 0 to 1. busy: the cores of its first process that work, of so many cores.
    """
    if waited is None or waited < MUCH:
        return ""
    found = f"It waits for data {round(100 * waited)} % of the time"
    if busy is not None and busy < _BUSY * cores:
        return (
            f"{found}, and {busy:.1f} of its {quantity(cores, 'core')} {plural(cores, 'works', 'work')}: its files are "
            "slow to read; stage = true in [data] copies them to the node."
        )
    needed = math.ceil(cores / max(1 - waited, 0.1))
    return f"{found}: {needed - cores} more cores would load it faster (--cpus-per-task {needed}, now {cores})."


_IDLE = 0.5
"""A GPU that computes for less of the time has room for more runs."""

_MOST_RUNS = 8
"""Runs that are proposed for one GPU at most; each takes cores and memory of the node, too."""


def about_gpu(busy: float | None, used: int | None, total: int | None, *, shared: bool) -> str:
    """One sentence on a GPU that could train several such runs; empty if it could not, or if that is not known.

    busy: the part of the time in which it computed, from 0 to 1. used, total: bytes, of the run and of the GPU. shared:
    other runs used it at the same time.
    """
    if busy is None or not used or not total or shared or busy >= _IDLE:
        return ""
    runs = min(int(0.9 * total / used), int(0.9 / max(busy, 0.01)), _MOST_RUNS)
    if runs < 2:
        return ""
    return (
        f"The GPU was {100 * busy:.0f} % busy, and {used / 1e9:.3g} of its {total / 1e9:.3g} GB were used: "
        f"--runs-per-gpu {runs} trains {runs} such runs on it at a time."
    )


def _about_own(files: Sequence[Path]) -> str:
    """That an edit makes new runs; empty if the run has no code of the user's."""
    if not files:
        return ""
    names = comma_join(map(str, files))
    return f" If the fault is in {names}: resume runs the code as it was; edit it and run `attnctl sweep` again."


def launch_held(verdict: Verdict) -> bool:
    """Whether SLURM failed to launch the run's job and now holds it."""
    return verdict.state is State.QUEUED and LAUNCH_HELD in verdict.reason


def queue_blocker(verdict: Verdict, job: str = "") -> str | None:
    """Why a queued run cannot start without help, and what to do; None when it only has to wait."""
    return _matching(_NEVER, verdict, job)


def _delay(verdict: Verdict) -> str | None:
    """What a queued run waits for, if SLURM gives a reason that passes by itself."""
    return _matching(_LATER, verdict)


def _matching(table: tuple[tuple[str, str], ...], verdict: Verdict, job: str = "") -> str | None:
    if verdict.state is not State.QUEUED:
        return None
    for pattern, advice in table:
        if re.search(pattern, verdict.reason):
            return f"{verdict.reason}: {advice.format(job=job or 'JOB')}"
    return None
