"""A snapshot of the runs' states: refresh the index, query the scheduler once, and record its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from time import sleep, time
from typing import TYPE_CHECKING, Any

from attnctl.cli import context
from attnctl.lifecycle import launch_failures
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.db import Index, RunRow
    from attnctl.lifecycle.packing import Sharing

SHORTEST, LONGEST, GROWTH = 1.0, 20.0, 1.3
"""Seconds between two looks: more and more of them while nothing changes, so that a scheduler is not hammered."""


@dataclass(frozen=True)
class Snapshot:
    """rows: the runs, in the order of the sweep or by age. unavailable: the error of the scheduler. at: Unix time.

    bad_nodes: a sentence for each node on which runs failed to launch. sharing: the active runs that share jobs.
    """

    rows: Sequence[RunRow]
    unavailable: str | None
    at: float
    bad_nodes: Sequence[str] = ()
    sharing: Sequence[Sharing] = ()

    @property
    def active(self) -> int:
        """The number of active runs."""
        return sum(row.active for row in self.rows)

    def narrowed(self, rows: Sequence[RunRow]) -> Snapshot:
        """The same with only these of its rows."""
        ids = {row.id for row in rows}
        kept = ((item, [run for run in item.runs if run in ids]) for item in self.sharing)
        return replace(self, rows=rows, sharing=tuple(replace(item, runs=runs) for item, runs in kept if runs))

    def row(self, run_id: str) -> RunRow:
        """The run of that id; raises SpecError when the index does not have it, as before it has a spec."""
        for row in self.rows:
            if row.id == run_id:
                return row
        raise SpecError(f"run {run_id} has no spec yet: the command that adds it has not finished, or was killed")


def take(
    config: Config,
    index: Index,
    ids: Sequence[str] | None,
    *,
    alone: bool = False,
    metrics: Collection[str] | None = None,
) -> Snapshot:
    """The current states of these runs (None: all).

    alone: no other run's folder is looked into, so that the index may lack what other runs have become. metrics: the
    rows have no others, and only what a list shows (`Index.listed`); None: all.
    """
    index.refresh(ids if alone else None)
    chosen = None if ids is None else set(ids)
    placed = [item for item in index.placed() if chosen is None or item.run in chosen]
    unavailable = None
    if placed:
        from attnctl.jobs.slurm.observe import observe

        unavailable, changed = observe(config.workspace, placed)
        if changed:
            index.refresh(changed)
    rows = index.runs(ids) if metrics is None else index.listed(ids, metrics)
    if ids is None:
        rows.sort(
            key=lambda row: (
                row.created or row.since,
                row.network,
                row.dataset,
                row.module != NO_MODULE,
                row.label,
                row.seed,
            )
        )
    bad_nodes = launch_failures.by_node(
        {row.id: row.verdict for row in rows if row.state == State.LAUNCH_FAILED}, config.workspace.root
    )
    shared = [item for item in index.shared() if chosen is None or item[0] in chosen]
    return Snapshot(rows, unavailable, time(), tuple(bad_nodes), _sharing(config, shared))


def _sharing(config: Config, attempts: Sequence[tuple[str, int, int]]) -> tuple[Sharing, ...]:
    """What is known of the runs that share jobs. attempts: run, number of the attempt, places of its job."""
    if not attempts:
        return ()
    from attnctl.lifecycle import packing

    return tuple(packing.sharing(config.workspace, attempts))


def announce_ends(config: Config) -> None:
    """Do what attnctl.toml asks for when a sweep has ended, if no job has done it: only a command that acts may."""
    if not config.notify.wanted or context.is_repeated():
        return
    with context.index() as index:
        index.refresh()
        _announce_ends(config, index)


def _announce_ends(config: Config, index: Index) -> None:
    from attnctl.jobs import notify

    for sweep in index.sweeps():
        states = index.states(sweep.runs)
        if len(states) == len(set(sweep.runs)) and not any(item.state.active for item in states.values()):
            attempts = len(states) + index.further_attempts(sweep.runs)
            failed = notify.announce(config, sweep.name, states, attempts)
            if failed:
                from attnctl.cli import output

                output.note(f"notify: {failed}")


def until_all_end(config: Config, ids: Sequence[str] | None) -> Iterator[Snapshot]:
    """Snapshots until no run is on its way, the last one too."""
    wait, before = SHORTEST, None
    with context.index() as index:
        while True:
            now = take(config, index, ids)
            yield now
            if not now.active:
                return
            essence = [(row.id, row.verdict.state, row.step) for row in now.rows]
            wait = SHORTEST if essence != before else min(LONGEST, wait * GROWTH)
            before = essence
            sleep(wait)


def row_json(row: RunRow) -> dict[str, Any]:
    """A run for JSON."""
    return {
        "id": row.id,
        "label": row.label,
        "module": row.module,
        "model": row.model,
        "backbone": row.backbone,
        "placement": row.placement,
        "dataset": row.dataset,
        "seed": row.seed,
        "state": row.state,
        "reason": row.reason,
        "since": row.since,
        "attempt": row.attempt,
        "job_id": row.job_id,
        "step": row.step,
        "steps": row.steps,
        "epoch": row.epoch,
        "seconds_left": seconds_left(row),
        "images_per_s": row.images_per_s,
        "metrics": dict(row.metrics),
        "params": row.params,
        "macs": row.macs,
        "device": row.device,
        "node": row.node,
        "problem": row.problem,
        "alarm": row.alarm,
        "created": row.created,
        "started": row.started,
        "ended": row.ended,
    }


def seconds_left(row: RunRow) -> float | None:
    """The time that a running run still needs at its present speed; None when that is not known."""
    if not row.active or not row.step or not row.steps or not row.images_per_s:
        return None
    batch = row.batch
    return (row.steps - row.step) * batch / row.images_per_s if batch is not None else None
