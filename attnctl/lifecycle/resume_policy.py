"""What `attnctl resume` does with a run that ended before its time: pure functions of the run's history and the rules.

Each class of end has a mode, which the settings may change:

| mode | the run goes on |
|---|---|
| always | always |
| if_progressed | if its last attempt left a newer checkpoint than it began with, or it gets more time now |
| once | one time more, then only after a newer checkpoint |
| more_memory | with more memory, up to a cap |
| more_processes | with more processes that can share its batch; where that did not help, when another place is named |
| other_gpu | when another place is named: a partition, a profile or more GPUs |
| if_named | when it is named, or its class is |
| if_forced | with --force |
| never | not at all |

Over these stand the budget of a run's attempts and what `attnctl.lifecycle.resume_batch` sees in many runs. --force
overrules all but `never`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, get_args

from attnctl.lifecycle.state import State
from attnctl.units import quantity

Mode = Literal[
    "always", "if_progressed", "once", "more_memory", "more_processes", "other_gpu", "if_named", "if_forced", "never"
]
MODES: tuple[str, ...] = get_args(Mode)

DEFAULT_MODES: Mapping[State, Mode] = {
    State.NEW: "always",
    State.PREEMPTED: "always",
    State.NODE_FAILURE: "always",
    State.UNKNOWN: "always",
    State.REFUSED: "always",
    State.SETUP: "always",
    State.HELD: "always",
    State.DISK_FULL: "always",
    State.TIMEOUT: "if_progressed",
    State.OUT_OF_MEMORY: "more_memory",
    # Never a smaller norm_batch, which is another run. With more processes each has fewer forwards a step, and with
    # one alone holds no gradients beside it; but that one is of norm_batch images, so this is tried only once.
    State.CUDA_OUT_OF_MEMORY: "more_processes",
    State.KILLED: "once",
    State.STALLED: "once",
    State.ERROR: "if_forced",
    State.DIVERGED: "never",
    State.CANCELLED: "if_named",
}
"""Every state that is neither active nor completed."""

HELD = re.compile(r"the same error in \d+ runs?: (.*)", re.DOTALL)
"""What `held_message` writes, and the error in it."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_TRAILING = 300
_PLACE = "name a --partition, --constraint or --profile with larger GPUs"


class Action(StrEnum):
    """What becomes of a run."""

    START = "start"
    CONTINUE = "continue"
    MORE_MEMORY = "more memory"
    MORE_RANKS = "more ranks"
    OTHER_NODE = "another node"
    FORCE = "needs --force"
    ASKED = "must be named"
    HELD = "held"
    BUDGET = "budget spent"
    NEVER = "never"

    @property
    def starts(self) -> bool:
        """It is submitted."""
        return self in {
            Action.START,
            Action.CONTINUE,
            Action.MORE_MEMORY,
            Action.MORE_RANKS,
            Action.OTHER_NODE,
        }


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The section [resume]: see `attnctl.settings.config.TEMPLATE`. memory_cap: in MB, None for none."""

    attempts: int = 20
    sweep_attempts: int = 1000
    memory_factor: float = 1.5
    memory_cap: int | None = None
    same_error: int = 3
    actions: Mapping[State, Mode] = field(default_factory=dict)

    def mode(self, state: State) -> Mode:
        """What is done with this class of end."""
        return self.actions.get(state, DEFAULT_MODES[state])


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one command asks for.

    named: the runs that are named one by one. states: classes that were named. memory, place: it was given an
    amount of memory, or another place than the runs had.
    """

    force: bool = False
    named: Collection[str] = ()
    states: Collection[State] = ()
    max_attempts: int | None = None
    memory: bool = False
    place: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """An attempt, and how it ended. error: its last line. began, saved: the steps of the checkpoint that it went on
    from and of the newest that it wrote. trained: it took a step. memory: MB a node that it asked for.
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
        """It left a newer checkpoint than it began with."""
        return self.saved > self.began


@dataclass(frozen=True, kw_only=True)
class History:
    """A run that is neither active nor completed. attempts: oldest first; none before the first.

    checkpoint: step of the newest file, None without. gone: step of the newest checkpoint that was written, when no
    file is left of it. worlds: the numbers of processes that can share its batch. more_time: the next attempt has a
    later time limit than the last.
    """

    run: str
    attempts: Sequence[Ended] = ()
    checkpoint: int | None = None
    gone: int | None = None
    worlds: Sequence[int] = (1,)
    more_time: bool = False

    @property
    def newest(self) -> Ended:
        """The last attempt; a run without one is new."""
        return self.attempts[-1] if self.attempts else Ended(number=0, state=State.NEW)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of one run, with the reason. consent: its checkpoint is gone, and starting anew has to be agreed to.

    memory (MB), world, exclude (a node): what changes against its last attempt.
    """

    run: str
    action: Action
    words: str = ""
    consent: bool = False
    memory: int | None = None
    world: int | None = None
    exclude: str | None = None

    @property
    def starts(self) -> bool:
        """It is submitted as things stand."""
        return self.action.starts and not self.consent


def held_message(runs: int, error: str) -> str:
    """The message of an exit record whose outcome is `held`."""
    return f"the same error in {quantity(runs, 'run')}: {error}"


def normalised(text: str) -> str:
    """An error's last line without what differs between runs that meet the same one: numbers, ids, addresses."""
    held = HELD.fullmatch(text.strip())
    lines = (held[1] if held else text).strip().splitlines()
    return _VARYING.sub("#", lines[-1].strip())[:_TRAILING] if lines else ""


def decide(history: History, rules: Rules, asked: Asked, held: Collection[str] = ()) -> Decision:
    """What becomes of a run by its own history.

    held: errors (normalised) for which other runs are held. One that had failed with it at its start goes with those.
    """
    newest = history.newest
    mode = rules.mode(newest.state)
    if mode == "if_forced" and not newest.trained and normalised(newest.error) in held:
        mode = "always"
    decision = _by_mode(mode, history, rules, asked)
    allowed = asked.max_attempts if asked.max_attempts is not None else rules.attempts
    if decision.action.starts and len(history.attempts) >= allowed and not asked.force:
        tried = quantity(len(history.attempts), "attempt")
        return Decision(run=history.run, action=Action.BUDGET, words=f"{tried} of {allowed} are spent")
    if decision.action.starts and history.gone is not None:
        return replace(
            decision,
            consent=True,
            words=f"its checkpoint of step {history.gone} is gone: it restarts from the beginning",
        )
    return decision


def _by_mode(mode: Mode, history: History, rules: Rules, asked: Asked) -> Decision:
    newest, run = history.newest, history.run
    if mode == "never":
        words = "it would diverge again; use another recipe, which is another run"
        return Decision(run=run, action=Action.NEVER, words=words)
    if mode == "if_named" and not (asked.force or run in asked.named or newest.state in asked.states):
        words = f"name the run, or use --state {str(newest.state).replace(' ', '-')}"
        return Decision(run=run, action=Action.ASKED, words=words)
    refusal = None if asked.force else _refusal(mode, history, asked)
    if refusal is not None:
        return Decision(run=run, action=Action.FORCE, words=refusal)
    if mode == "more_memory" and not asked.memory:
        return _more_memory(history, rules, asked)
    if mode == "more_processes" and not asked.place:
        return _more_ranks(history, asked)
    if newest.state is State.NODE_FAILURE and len(newest.nodes) == 1:
        node = newest.nodes[0]
        return Decision(run=run, action=Action.OTHER_NODE, words=f"without {node}", exclude=node)
    return _again(history)


def _again(history: History) -> Decision:
    if history.checkpoint is None:
        return Decision(run=history.run, action=Action.START, words="from the start")
    return Decision(run=history.run, action=Action.CONTINUE, words=f"from step {history.checkpoint}")


def _refusal(mode: Mode, history: History, asked: Asked) -> str | None:
    """Why the run does not go on by itself."""
    newest = history.newest
    if mode == "if_forced":
        return "it would fail the same way unless the error was fixed"
    if mode == "if_progressed" and not newest.advanced and not history.more_time:
        return f"no checkpoint after step {newest.began}: give it more --time"
    if mode == "once" and fruitless(history) > 1:
        return f"twice in a row without a checkpoint after step {newest.began}"
    if mode == "other_gpu" and not asked.place:
        return f"it needs a GPU with more memory: {_PLACE}"
    return None


def fruitless(history: History) -> int:
    """How many of the last attempts ended in the same state, and left no newer checkpoint than they began with."""
    count = 0
    for attempt in reversed(history.attempts):
        if attempt.state is not history.newest.state or attempt.advanced:
            break
        count += 1
    return count


def _more_memory(history: History, rules: Rules, asked: Asked) -> Decision:
    had = history.newest.memory
    if had is None:
        if asked.force:
            return _again(history)
        return Decision(run=history.run, action=Action.FORCE, words="its memory is unknown: set --mem")
    more = int(had * rules.memory_factor)
    if rules.memory_cap is not None:
        more = min(more, rules.memory_cap)
    if more <= had:
        if asked.force:
            return _again(history)
        return Decision(run=history.run, action=Action.FORCE, words=f"it had {had} MB, which is the limit")
    words = f"{had} to {more} MB"
    return Decision(run=history.run, action=Action.MORE_MEMORY, words=words, memory=more)


def _more_ranks(history: History, asked: Asked) -> Decision:
    newest, had = history.newest, history.newest.world
    more = [world for world in sorted(history.worlds) if world > had]
    fewer = history.attempts[-2] if fruitless(history) > 1 else newest
    if not more or fewer.world < had:
        if asked.force:
            return _again(history)
        words = f"with {quantity(had, 'process')} instead of {fewer.world} it failed again: {_PLACE}"
        if fewer.world >= had:
            words = f"it had {quantity(had, 'process')}, and its batch allows no more: {_PLACE}"
        return Decision(run=history.run, action=Action.FORCE, words=words)
    words = f"{had} to {more[0]} processes"
    return Decision(run=history.run, action=Action.MORE_RANKS, words=words, world=more[0])
