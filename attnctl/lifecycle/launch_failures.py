"""Failed launches, told once for each node: one without the workspace's file system ends every job that it gets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attnctl.lifecycle.state import State, Verdict
from attnctl.units import plural, quantity

_NAMED = 4
"""More runs than this are not named one by one."""


def bad_nodes(verdicts: Iterable[tuple[State, Iterable[str]]], limit: int) -> tuple[str, ...]:
    """The nodes on which at least `limit` of these runs failed to launch (0: none), by name.

    verdicts: the state of each run's last attempt, and the nodes that are to blame for it.
    """
    counts = Counter(node for state, nodes in verdicts if state is State.LAUNCH_FAILED for node in nodes if node)
    return tuple(sorted(node for node, count in counts.items() if 0 < limit <= count))


def by_node(verdicts: Mapping[str, Verdict], folder: Path) -> Iterator[str]:
    """A sentence for each node and reason, with the runs that failed to launch there.

    verdicts: by run id. folder: the workspace, which the node may lack.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run, verdict in verdicts.items():
        if verdict.state is State.LAUNCH_FAILED:
            groups[verdict.node, verdict.reason].append(run)
    for (node, reason), runs in groups.items():
        ended = f"ended before the first line of {plural(len(runs), 'its script', 'their scripts')}"
        yield f"{name_runs(runs)} {ended}: {explain(reason, node, folder)}"


def name_runs(runs: Sequence[str]) -> str:
    """Such as `2 runs (3fa29c01, 77b0a1e2)`; of many only the first."""
    ids = ", ".join(run[:8] for run in runs[:_NAMED])
    return f"{quantity(len(runs), 'run')} ({ids}{' ...' if len(runs) > _NAMED else ''})"


def explain(reason: str, node: str, folder: Path) -> str:
    """Why a launch failed, and what is wrong with the node."""
    if not reason.endswith("the job's log"):
        return f"{reason}; its administrators have to repair it"
    return f"{reason} in {folder}: {node or 'the node'} does not see that folder, or may not write there"
