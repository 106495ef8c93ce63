"""What helps a run in its state, in one sentence: pure functions of the state and what is known beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.lifecycle.state import State, Verdict

LAUNCH_HELD = "launch failed requeued held"
"""SLURM's reason for a job that it could not start on a node, and holds since."""

_NEVER: tuple[tuple[str, str], ...] = (
    (LAUNCH_HELD, "SLURM could not start it and holds it: `attnctl resume` releases it, once its node is well"),
    (r"JobHeldAdmin", "an administrator holds it: ask them"),
    (r"JobHeldUser|requeued in held state", "it is held: `scontrol release {job}` lets it go"),
    (r"PartitionTimeLimit", "its time limit is above the partition's: cancel it, then resume with a shorter --time"),
    (r"PartitionNodeLimit", "it asks for more nodes than the partition has: cancel it, then resume with fewer --nodes"),
    (r"DependencyNeverSatisfied", "what it waits for has failed: cancel it, then resume it"),
    (r"BadConstraints", "no node has what it asks for: cancel it, then resume with another --constraint"),
    (
        r"(Assoc|QOS)\w*Limit|QOSMax\w+|AssocGrp\w+",
        "it waits for a limit of your account; `sacctmgr show assoc` tells it",
    ),
    (
        r"ReqNodeNotAvail|Nodes required for job are DOWN",
        "the nodes that it needs are down or reserved: `sinfo -R` says why",
    ),
)

_SENTENCES: Mapping[State, str] = {
    State.NEW: "It was never submitted: `attnctl resume` starts it.",
    State.SUBMITTING: "Its submission is under way: look again in a minute.",
    State.QUEUED: "It waits for its turn.",
    State.RUNNING: "It runs: `attnctl logs -f {run}` follows it.",
    State.COMPLETED: "It has all its results: `attnctl report` shows them.",
    State.PREEMPTED: "Another job took its place: `attnctl resume {run}` goes on from {checkpoint}.",
    State.NODE_FAILURE: "The node broke, not the run: `attnctl resume {run}` goes on from {checkpoint} on another one.",
    State.TIMEOUT: "Its time was up: `attnctl resume {run}` goes on from {checkpoint}; a longer --time saves starts.",
    State.OUT_OF_MEMORY: "It needs more than {memory}: `attnctl resume {run}` gives it more, --mem says how much.",
    State.CUDA_OUT_OF_MEMORY: "One forward of {norm_batch} images does not fit: `attnctl resume {run}` tries more "
    "processes where its batch allows; a larger GPU (--partition, --constraint) is surer, and a smaller --norm-batch "
    "is another run.",
    State.DIVERGED: "Its loss is no number any more: a lower --lr, --clip-norm or fp32 is another run to sweep.",
    State.STALLED: "Its loop stood still: look at the data's file system and the node, then `attnctl resume {run}`.",
    State.ERROR: "Mend what the error says, then `attnctl resume --force {run}`.",
    State.KILLED: "Somebody, or the system for want of memory, killed it: `attnctl resume {run}` goes on from "
    "{checkpoint}.",
    State.SETUP: "Mend the setup in attnctl.toml, then `attnctl resume {run}`.",
    State.HELD: "Other runs met this error at their start: mend it, then `attnctl resume` runs them all.",
    State.CANCELLED: "It was cancelled: `attnctl resume {run}` goes on from {checkpoint}, if it is wanted after all.",
    State.REFUSED: "Change what SLURM refuses (attnctl.toml, or the options of resume), then `attnctl resume {run}`.",
    State.DISK_FULL: "There was no space for its files: `df` and `quota` say where; `attnctl gc` frees some, then "
    "`attnctl resume {run}` goes on from {checkpoint}.",
    State.UNKNOWN: "Nobody knows its end: `attnctl resume {run}` goes on from {checkpoint}.",
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
        return f"Its checkpoint of step {known.gone} is gone: `attnctl resume --yes {known.run[:8]}` starts it anew."
    return _SENTENCES[verdict.state].format(
        run=known.run[:8],
        checkpoint=f"step {known.checkpoint}" if known.checkpoint is not None else "the start",
        memory=f"{known.memory} MB" if known.memory else "the memory that it had",
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
