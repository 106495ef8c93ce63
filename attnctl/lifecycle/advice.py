"""What helps a run in its state, in one sentence: pure functions of the state and what is known beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.lifecycle.state import State, Verdict

LAUNCH_HELD = "launch failed requeued held"
"""SLURM's reason for a job that it could not start on a node, and holds since."""

_NEVER: tuple[tuple[str, str], ...] = (
    (LAUNCH_HELD, "SLURM could not start it and holds it: fix its node, then `attnctl resume` releases it"),
    (r"JobHeldAdmin", "an administrator holds it: contact them"),
    (r"JobHeldUser|requeued in held state", "it is held: `scontrol release {job}` releases it"),
    (r"PartitionTimeLimit", "its time limit exceeds the partition's: cancel it, then resume with a shorter --time"),
    (r"PartitionNodeLimit", "it asks for more nodes than the partition has: cancel it, then resume with fewer --nodes"),
    (r"DependencyNeverSatisfied", "the job it depends on has failed: cancel it, then resume it"),
    (r"BadConstraints", "no node satisfies its constraint: cancel it, then resume with another --constraint"),
    (
        r"(Assoc|QOS)\w*Limit|QOSMax\w+|AssocGrp\w+",
        "a limit of your account blocks it; `sacctmgr show assoc` shows the limits",
    ),
    (
        r"ReqNodeNotAvail|Nodes required for job are DOWN",
        "the nodes it needs are down or reserved: `sinfo -R` shows why",
    ),
)

_SENTENCES: Mapping[State, str] = {
    State.NEW: "It was never submitted: `attnctl resume` starts it.",
    State.SUBMITTING: "It is being submitted: check again in a minute.",
    State.QUEUED: "It waits in the queue.",
    State.RUNNING: "It is running: `attnctl logs -f {run}` follows its log.",
    State.COMPLETED: "It is complete: `attnctl report` shows its results.",
    State.PREEMPTED: "Another job preempted it: `attnctl resume {run}` continues from {checkpoint}.",
    State.NODE_FAILURE: "Its node failed: `attnctl resume {run}` continues from {checkpoint} on another node.",
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
    State.ERROR: "Fix the error above, then `attnctl resume --force {run}`.",
    State.KILLED: "A user, or the system when memory ran out, killed it: `attnctl resume {run}` continues from "
    "{checkpoint}.",
    State.SETUP: "Fix `setup` in attnctl.toml, then `attnctl resume {run}`.",
    State.HELD: "Other runs failed with this error at their start: fix it, then `attnctl resume` starts them all.",
    State.CANCELLED: "It was cancelled: to continue from {checkpoint}, run `attnctl resume {run}`.",
    State.REFUSED: "Change what SLURM refused (in attnctl.toml or with options), then `attnctl resume {run}`.",
    State.DISK_FULL: "The disk was full: `df` and `quota` show where; free space (`attnctl gc`), then "
    "`attnctl resume {run}` continues from {checkpoint}.",
    State.UNKNOWN: "It is unknown how it ended: `attnctl resume {run}` continues from {checkpoint}.",
}


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a sentence may need. checkpoint: step of the newest file; gone: of one that is no more; memory: MB."""

    run: str
    job: str = ""
    checkpoint: int | None = None
    gone: int | None = None
    memory: int | None = None
    norm_batch: int = 0


def advise(verdict: Verdict, known: Known) -> str:
    """One sentence."""
    stuck = queue_words(verdict, known.job)
    if stuck is not None:
        return f"{stuck[0].upper()}{stuck[1:]}."
    if known.gone is not None and not verdict.state.active and verdict.state is not State.COMPLETED:
        return (
            f"Its checkpoint of step {known.gone} is gone: `attnctl resume --yes {known.run[:8]}` "
            f"restarts it from the beginning."
        )
    return _SENTENCES[verdict.state].format(
        run=known.run[:8],
        checkpoint=f"step {known.checkpoint}" if known.checkpoint is not None else "the start",
        memory=f"{known.memory} MB" if known.memory else "the memory it had",
        norm_batch=known.norm_batch or "norm_batch",
    )


def held_back(verdict: Verdict) -> bool:
    """Whether SLURM could not start the job of a run, and holds it."""
    return verdict.state is State.QUEUED and LAUNCH_HELD in verdict.reason


def queue_words(verdict: Verdict, job: str = "") -> str | None:
    """What a run waits for that does not come by itself; None for one that has only to wait."""
    if verdict.state is not State.QUEUED:
        return None
    for pattern, words in _NEVER:
        if re.search(pattern, verdict.reason):
            return f"{verdict.reason}: {words.format(job=job or 'JOB')}"
    return None
