"""What `attnctl resume` does with an unfinished run: pure functions of the run's history and the rules.

Each end state has a mode, which [resume.actions] in attnctl.toml can change:

| mode | the run is resumed |
|---|---|
| always | always |
| if_progressed | if its last attempt wrote a checkpoint, or the next one has more time |
| once | once; again only after a newer checkpoint |
| more_memory | with more memory, up to a cap |
| more_processes | with more processes if its batch allows; if that did not help, as other_gpu |
| other_gpu | when the command names a partition, constraint, profile or more GPUs |
| if_available | when what was missing is there again |
| if_named | when the command names it or its state |
| if_forced | with --force |
| never | never |

Runs that are queued, running or suspended are left alone: SLURM continues them.
The run's attempt budget and `attnctl.lifecycle.resume_batch` limit this further. --force overrules all but `never`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, get_args

from attnctl.lifecycle.state import State
from attnctl.units import quantity
from attnctl.values import comma_join

Mode = Literal[
    "always",
    "if_progressed",
    "once",
    "more_memory",
    "more_processes",
    "other_gpu",
    "if_available",
    "if_named",
    "if_forced",
    "never",
]
MODES: tuple[str, ...] = get_args(Mode)

DEFAULT_MODES: Mapping[State, Mode] = {
    State.NEW: "always",
    State.PREEMPTED: "always",
    State.NODE_FAILURE: "always",
    State.LAUNCH_FAILED: "always",
    State.UNKNOWN: "always",
    State.REFUSED: "always",
    State.SETUP: "always",
    State.HELD: "always",
    State.DISK_FULL: "always",
    State.TIMEOUT: "if_progressed",
    State.OUT_OF_MEMORY: "more_memory",
    # Never a smaller norm_batch: that would be another run. With more processes, each does fewer forwards per step, and
    # with a single one accumulates no gradients. A forward still has norm_batch images, so this is tried only once.
    State.CUDA_OUT_OF_MEMORY: "more_processes",
    State.KILLED: "once",
    State.STALLED: "once",
    State.ERROR: "if_forced",
    State.DIVERGED: "never",
    State.ENVIRONMENT_MISSING: "if_available",
    State.DATA_MISSING: "if_available",
    State.DATA_ERROR: "if_forced",
    State.BASE_UNFINISHED: "if_available",
    State.CANCELLED: "if_named",
    State.UNCONFIRMED: "if_forced",
}
"""The default mode of each state in which a run can be resumed."""

HELD = re.compile(r"the same error in \d+ runs?: (.*)", re.DOTALL)
"""Matches a message of `held_message`; group 1 is the error."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_TRAILING = 300
_MOST_NODES = 3
"""On so many nodes a run may fail to launch before it needs --force: then the folder is missing on all of them."""
_EXCEEDED = re.compile(r"exceeded memory limit \((\d{1,18}) > (\d{1,18})\)")
"""In what slurmstepd writes under JobAcctGatherParams=OverMemoryKill: what a step used, and its limit."""
_MARGIN = 1.2
_MOST_AT_ONCE = 16.0
"""How many times the memory that it had a run gets at most, whatever its log says."""
_NAME_GPU = "name a --partition, --constraint or --profile with larger GPUs"


class Action(StrEnum):
    """What `attnctl resume` does with a run."""

    START = "start"
    CONTINUE = "continue"
    MORE_MEMORY = "more memory"
    MORE_RANKS = "more ranks"
    OTHER_NODE = "another node"
    FORCE = "needs --force"
    NEEDS_NAME = "must be named"
    HELD = "held"
    WAITS = "waits"
    BUDGET = "budget spent"
    NEVER = "never"

    @property
    def starts(self) -> bool:
        """Whether the run is submitted."""
        return self in {
            Action.START,
            Action.CONTINUE,
            Action.MORE_MEMORY,
            Action.MORE_RANKS,
            Action.OTHER_NODE,
        }


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The section [resume]: see `attnctl.settings.template.TEMPLATE`. memory_cap: MB, None for no limit."""

    attempts: int = 20
    sweep_attempts: int = 1000
    memory_factor: float = 1.5
    memory_cap: int | None = None
    same_error: int = 3
    actions: Mapping[State, Mode] = field(default_factory=dict)

    def mode(self, state: State) -> Mode:
        """The mode of an end state."""
        return self.actions.get(state, DEFAULT_MODES[state])


@dataclass(frozen=True, kw_only=True)
class ResumeScope:
    """What one `attnctl resume` command covers.

    named: runs named individually. states: states named with --state. memory: the command sets --mem.
    other_gpu: the command names another partition, constraint, profile or GPU count.
    """

    force: bool = False
    named: Collection[str] = ()
    states: Collection[State] = ()
    max_attempts: int | None = None
    memory: bool = False
    other_gpu: bool = False


@dataclass(frozen=True, kw_only=True)
class EndedAttempt:
    """How an attempt ended.

    error: the last line of its error. began: the step it resumed from. saved: the step of the newest checkpoint that it
    wrote. trained: it completed a step. memory: MB per node that it requested.
    """

    number: int = 1
    state: State
    reason: str = ""
    error: str = ""
    began: int = 0
    saved: int = 0
    trained: bool = False
    memory: int | None = None
    world: int = 1
    nodes: tuple[str, ...] = ()

    @property
    def advanced(self) -> bool:
        """Whether it wrote a newer checkpoint than it resumed from."""
        return self.saved > self.began


@dataclass(frozen=True, kw_only=True)
class History:
    """The past of a run that is neither active nor completed. attempts: oldest first.

    checkpoint: step of the newest checkpoint file; None without one
    gone: step of the newest checkpoint written, when no checkpoint file is left
    worlds: the numbers of processes that can share its batch
    more_time: the next attempt has a longer time limit than the last
    missing: what its last attempt lacked and still is not there; empty if it is there now
    """

    run: str
    attempts: Sequence[EndedAttempt] = ()
    checkpoint: int | None = None
    gone: int | None = None
    worlds: Sequence[int] = (1,)
    more_time: bool = False
    missing: str = ""

    @property
    def newest(self) -> EndedAttempt:
        """The last attempt; for a run without attempts, one in the state NEW."""
        return self.attempts[-1] if self.attempts else EndedAttempt(number=0, state=State.NEW)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do with one run, and why.

    consent: its checkpoint is gone, so restarting from the beginning needs --yes. memory (MB), world, exclude (nodes):
    what changes from its last attempt.
    """

    run: str
    action: Action
    reason: str = ""
    consent: bool = False
    memory: int | None = None
    world: int | None = None
    exclude: tuple[str, ...] = ()

    @property
    def starts(self) -> bool:
        """Whether the run is submitted without further consent."""
        return self.action.starts and not self.consent


def held_message(runs: int, error: str) -> str:
    """The message of an exit record whose outcome is `held`."""
    return f"the same error in {quantity(runs, 'run')}: {error}"


def normalised(text: str) -> str:
    """An error's last line with numbers, ids and addresses masked, so that one error compares equal in all runs."""
    held = HELD.fullmatch(text.strip())
    lines = (held[1] if held else text).strip().splitlines()
    return _VARYING.sub("#", lines[-1].strip())[:_TRAILING] if lines else ""


def decide(history: History, rules: Rules, scope: ResumeScope, held: Collection[str] = ()) -> Decision:
    """The decision for a run by its own history.

    held: normalised errors for which other runs are held. A run that failed with one of these before its first step is
    resumed together with the held runs.
    """
    newest = history.newest
    mode = rules.mode(newest.state)
    if mode == "if_forced" and not newest.trained and normalised(newest.error) in held:
        mode = "always"
    decision = _by_mode(mode, history, rules, scope)
    allowed = scope.max_attempts if scope.max_attempts is not None else rules.attempts
    if decision.action.starts and len(history.attempts) >= allowed and not scope.force:
        tried = quantity(len(history.attempts), "attempt")
        return Decision(run=history.run, action=Action.BUDGET, reason=f"{tried} of {allowed} are spent")
    if decision.action.starts and history.gone is not None:
        return replace(
            decision,
            consent=True,
            reason=f"its checkpoint of step {history.gone} is gone: it restarts from the beginning",
        )
    return decision


def _by_mode(mode: Mode, history: History, rules: Rules, scope: ResumeScope) -> Decision:
    newest, run = history.newest, history.run
    if mode == "never":
        reason = "it would diverge again; use another recipe, which is another run"
        return Decision(run=run, action=Action.NEVER, reason=reason)
    if mode == "if_named" and not (scope.force or run in scope.named or newest.state in scope.states):
        reason = f"name the run, or use --state {str(newest.state).replace(' ', '-')}"
        return Decision(run=run, action=Action.NEEDS_NAME, reason=reason)
    if mode == "if_available" and history.missing and not scope.force:
        return Decision(run=run, action=Action.WAITS, reason=history.missing)
    refusal = None if scope.force else _refusal(mode, history, scope)
    if refusal is not None:
        return Decision(run=run, action=Action.FORCE, reason=refusal)
    if mode == "more_memory" and not scope.memory:
        return _more_memory(history, rules, scope)
    if mode == "more_processes" and not scope.other_gpu:
        return _more_ranks(history, scope)
    bad_nodes = failed_nodes(history)
    if bad_nodes:
        return excluding(Decision(run=run, action=Action.OTHER_NODE), bad_nodes)
    return _again(history)


def _again(history: History) -> Decision:
    if history.checkpoint is None:
        return Decision(run=history.run, action=Action.START, reason="from the start")
    return Decision(run=history.run, action=Action.CONTINUE, reason=f"from step {history.checkpoint}")


def failed_nodes(history: History) -> tuple[str, ...]:
    """The nodes that the next attempt avoids: the one that failed, or those of the failed launches since a start.

    Of more nodes than a run may try by itself only the newest: --force means that the others are repaired.
    """
    newest = history.newest
    if newest.state is State.NODE_FAILURE:
        return newest.nodes if len(newest.nodes) == 1 else ()
    nodes = _launch_nodes(history)
    return nodes if len(nodes) < _MOST_NODES else nodes[-1:]


def excluding(decision: Decision, nodes: Sequence[str]) -> Decision:
    """The same decision for the other nodes."""
    exclude = tuple(dict.fromkeys((*decision.exclude, *nodes)))
    if exclude == decision.exclude:
        return decision
    before = decision.reason if not decision.exclude else ""
    return replace(
        decision, exclude=exclude, reason=", ".join(filter(None, (before, f"without {comma_join(exclude)}")))
    )


def _launch_nodes(history: History) -> tuple[str, ...]:
    """The nodes that failed to launch the run since it last started, oldest first."""
    since = itertools.takewhile(lambda attempt: attempt.state is State.LAUNCH_FAILED, reversed(history.attempts))
    return tuple(dict.fromkeys(node for attempt in reversed(list(since)) for node in attempt.nodes))


def _refusal(mode: Mode, history: History, scope: ResumeScope) -> str | None:
    """Why the run needs --force; None when it does not."""
    newest = history.newest
    if newest.state is State.UNCONFIRMED:
        return f"its job may still run: `attnctl why {history.run[:8]}` says how to find out"
    launch_nodes = _launch_nodes(history)
    if len(launch_nodes) >= _MOST_NODES:
        return f"it failed to launch on {comma_join(launch_nodes)}; check that the nodes see the workspace"
    if mode == "if_forced":
        return "it would fail the same way unless the error was fixed"
    if mode == "if_progressed" and not newest.advanced and not history.more_time:
        return f"no checkpoint after step {newest.began}: give it more --time"
    if mode == "once" and fruitless(history) > 1:
        return f"twice in a row without a checkpoint after step {newest.began}"
    if mode == "other_gpu" and not scope.other_gpu:
        return f"it needs a GPU with more memory: {_NAME_GPU}"
    return None


def fruitless(history: History) -> int:
    """How many attempts in a row ended in the newest state without writing a newer checkpoint."""
    count = 0
    for attempt in reversed(history.attempts):
        if attempt.state is not history.newest.state or attempt.advanced:
            break
        count += 1
    return count


def _more_memory(history: History, rules: Rules, scope: ResumeScope) -> Decision:
    had = history.newest.memory
    if had is None:
        if scope.force:
            return _again(history)
        return Decision(run=history.run, action=Action.FORCE, reason="its memory is unknown: set --mem")
    more = int(had * max(rules.memory_factor, _needed(history.newest.reason)))
    if rules.memory_cap is not None:
        more = min(more, rules.memory_cap)
    if more <= had:
        if scope.force:
            return _again(history)
        return Decision(run=history.run, action=Action.FORCE, reason=f"it had {had} MB, which is the limit")
    reason = f"{had} to {more} MB"
    return Decision(run=history.run, action=Action.MORE_MEMORY, reason=reason, memory=more)


def _needed(reason: str) -> float:
    """Of the memory that it had, how much the run needs at least, where SLURM says by how much it exceeded its limit.

    Where the kernel ends a process at its limit, nobody knows how much it would have used.
    """
    exceeded = _EXCEEDED.search(reason)
    used, limit = (int(exceeded[1]), int(exceeded[2])) if exceeded is not None else (0, 1)
    return min(_MARGIN * used / max(limit, 1), _MOST_AT_ONCE)


def _more_ranks(history: History, scope: ResumeScope) -> Decision:
    newest, had = history.newest, history.newest.world
    more = [world for world in sorted(history.worlds) if world > had]
    fewer = history.attempts[-2] if fruitless(history) > 1 else newest
    if not more or fewer.world < had:
        if scope.force:
            return _again(history)
        reason = f"with {quantity(had, 'process')} instead of {fewer.world} it failed again: {_NAME_GPU}"
        if fewer.world >= had:
            reason = f"it had {quantity(had, 'process')}, and its batch allows no more: {_NAME_GPU}"
        return Decision(run=history.run, action=Action.FORCE, reason=reason)
    reason = f"{had} to {more[0]} processes"
    return Decision(run=history.run, action=Action.MORE_RANKS, reason=reason, world=more[0])
