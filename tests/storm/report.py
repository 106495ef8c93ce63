"""What a storm did and what must hold after it, against the same sweep in calm weather."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from attnctl.workspace.checkpoints import stored
from attnctl.workspace.records import Event, read_events
from tests.storm.cluster import until
from tests.storm.harness import Hit, Sweep, queued

Token = tuple[int, int]
MOST = 1.3
"""Steps trained over steps needed."""

_OF_THE_MACHINE = {"images_per_s"}
"""Of another value each time; a start that trains no step of an epoch, as it only evaluates it again, has none."""

_VIEWS = {
    "runs": "id",
    "hyperparameters": "run, name",
    "metrics": "run, name, step, attempt, incarnation",
    "results": "run, name",
    "sweep_runs": "sweep, position",
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """A storm in numbers. lost: steps trained more than once; problems: what did not hold."""

    seed: int
    runs: int
    faults: dict[str, int]
    live_hits: dict[str, int]
    attempts: int
    incarnations: int
    steps_needed: int
    steps_trained: int
    lost: int
    seconds: float
    calm_seconds: float
    problems: list[str]
    log: list[dict[str, Any]]

    def text(self) -> str:
        """For a terminal."""
        ratio = self.steps_trained / self.steps_needed
        lines = [
            f"storm {self.seed}: {self.runs} runs, {sum(self.faults.values())} faults",
            *(f"  {kind:20} {count:3}  live runs hit {self.live_hits[kind]:3}" for kind, count in self.faults.items()),
            f"attempts {self.attempts}, starts {self.incarnations}",
            f"steps trained {self.steps_trained} of {self.steps_needed} needed: {ratio:.3f}, {self.lost} twice",
            f"wall time {self.seconds:.0f} s, calm {self.calm_seconds:.0f} s: {self.seconds / self.calm_seconds:.2f}",
            *(f"PROBLEM: {words}" for words in self.problems),
        ]
        return "\n".join([*lines, "everything holds"] if not self.problems else lines)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def judge(storm: Sweep, calm: Sweep, hits: Sequence[Hit], seed: int, kinds: dict[str, int], stuck: str = "") -> Report:
    """What the storm was, and what did not hold. kinds: how many live hits each must have had."""
    steps = traces(storm)
    trained = sum(len(found) for tokens in steps.values() for found in tokens.values())
    needed = sum(len(found) for tokens in traces(calm).values() for found in tokens.values())
    counted = Counter(hit.kind for hit in hits)
    live = Counter({kind: sum(bool(hit.runs) for hit in hits if hit.kind == kind) for kind in counted})
    problems = [stuck] if stuck else []
    problems += unfinished(storm)
    problems += twice_at_once(storm, steps)
    if not problems:
        problems += numbers(storm, calm) + weights(storm, calm) + rebuilt(storm)
    if not stuck and not until(lambda: not queued(storm)):
        problems.append(f"the queue still has {', '.join(queued(storm))}")
    problems += [f"{kind}: {live[kind]} live hits of {wanted}" for kind, wanted in kinds.items() if live[kind] < wanted]
    if trained > MOST * needed:
        problems.append(f"{trained} steps were trained where {needed} were needed")
    attempts = [attempt for run in storm.workspace.run_ids() for attempt in storm.workspace.run(run).attempts()]
    return Report(
        seed=seed,
        runs=storm.total,
        faults=dict(sorted(counted.items())),
        live_hits={kind: sum(len(hit.runs) for hit in hits if hit.kind == kind) for kind in counted},
        attempts=len(attempts),
        incarnations=sum(len(attempt.incarnations()) for attempt in attempts),
        steps_needed=needed,
        steps_trained=trained,
        lost=trained - needed,
        seconds=storm.ended - storm.began,
        calm_seconds=calm.ended - calm.began,
        problems=problems,
        log=[asdict(hit) for hit in hits],
    )


def traces(sweep: Sweep) -> dict[str, dict[Token, list[tuple[int, float]]]]:
    """Run -> token -> (step, when) of each step that was trained; a torn line was none."""
    found: dict[str, dict[Token, list[tuple[int, float]]]] = defaultdict(dict)
    for path in sweep.trace.iterdir():
        run, _, token = path.name.partition("-")
        number, _, restart = token.partition(".")
        lines = [line.split() for line in path.read_text().splitlines()]
        found[run][int(number), int(restart)] = [(int(line[0]), float(line[1])) for line in lines if len(line) == 2]
    return found


def unfinished(storm: Sweep) -> list[str]:
    """Runs that are not completed, or raise an alarm."""
    states = storm.states()
    problems = [f"{run} is {state}" for run, state in sorted(states.items()) if state != "completed"]
    problems += [f"{storm.total - len(states)} runs are not there"] * (len(states) != storm.total)
    return problems + [f"{run}: {words}" for run, words in query(storm, "SELECT id, alarm FROM runs") if words]


def twice_at_once(storm: Sweep, steps: dict[str, dict[Token, list[tuple[int, float]]]]) -> list[str]:
    """Runs that two processes trained at once: a lower token wrote after a higher one had begun, or trained on for
    more than the epoch after which it has to notice."""
    problems = []
    for run, tokens in steps.items():
        begun = {token: found[0][1] for token, found in tokens.items() if found}
        for token, found in tokens.items():
            over = min((at for other, at in begun.items() if other > token), default=None)
            if over is None:
                continue
            late = sum(at > over for _, at in found)
            number, restart = token
            events = storm.workspace.run(run).attempt(number).incarnation(restart).events
            data = events.read_bytes() if events.exists() else b""
            written = [
                f"{event['kind']} of step {event['step']}"
                for event in read_events(data)
                if event["kind"] in {Event.CHECKPOINT, Event.METRICS} and event["t"] > over
            ]
            if written:
                problems.append(f"{run}: {number}.{restart} wrote beside its successor: {', '.join(written[:4])}")
            elif late > steps_per_epoch(data):
                problems.append(f"{run}: {number}.{restart} trained {late} steps beside its successor")
    return problems


def steps_per_epoch(data: bytes) -> int:
    """What the log of events says."""
    return next((event["steps_per_epoch"] for event in read_events(data) if event["kind"] == Event.MODEL), 0)


def query(sweep: Sweep, text: str) -> list[tuple[Any, ...]]:
    """Rows of the database, past the product."""
    connection = sqlite3.connect(sweep.root / "attnctl.sqlite")
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def numbers(storm: Sweep, calm: Sweep) -> list[str]:
    """Metric rows that are lost, double or of another value."""
    problems = []
    found = query(storm, "SELECT run, step, name, value FROM metrics ORDER BY run, step, name")
    expected = query(calm, "SELECT run, step, name, value FROM metrics ORDER BY run, step, name")
    counted = Counter(row[:3] for row in found)
    double = [key for key, count in counted.items() if count > 1]
    wanted = {row[:3]: row[3] for row in expected}
    there = {row[:3]: row[3] for row in found}
    if double:
        problems.append(f"{len(double)} metric rows are double: {double[0]}")
    if missing := {key for key in wanted.keys() - there.keys() if key[2] not in _OF_THE_MACHINE}:
        problems.append(f"{len(missing)} metric rows are lost: {min(missing)}")
    if surplus := there.keys() - wanted.keys():
        problems.append(f"{len(surplus)} metric rows are of nothing: {min(surplus)}")
    shared = [key for key in wanted.keys() & there.keys() if key[2] not in _OF_THE_MACHINE]
    if other := [key for key in shared if wanted[key] != there[key]]:
        first = min(other)
        problems.append(f"{len(other)} metrics differ: {first} is {there[first]!r}, calm {wanted[first]!r}")
    return problems


def digest(sweep: Sweep, run: str) -> str:
    """SHA-256 of a run's final weights."""
    (path,) = stored(sweep.workspace.run(run))
    network = torch.load(path, weights_only=True)["network"]
    hashed = hashlib.sha256()
    for name, tensor in sorted(network.items()):
        hashed.update(name.encode() + str(tensor.dtype).encode() + tensor.contiguous().numpy().tobytes())
    return hashed.hexdigest()


def weights(storm: Sweep, calm: Sweep) -> list[str]:
    """Runs whose weights differ."""
    runs = calm.workspace.run_ids()
    return [f"{run}: other weights than calm" for run in runs if digest(storm, run) != digest(calm, run)]


def rebuilt(storm: Sweep) -> list[str]:
    """Views that differ once the database has been made anew from the folders."""
    before = {view: query(storm, f"SELECT * FROM {view} ORDER BY {order}") for view, order in _VIEWS.items()}
    done = storm.attnctl("db", "rebuild")
    if done.returncode:
        return [f"db rebuild: {done.stderr}"]
    problems = []
    for view, order in _VIEWS.items():
        after = query(storm, f"SELECT * FROM {view} ORDER BY {order}")
        if after != before[view]:
            rows = [(old, new) for old, new in zip(before[view], after, strict=False) if old != new]
            changed = [(old, new) for old, new in zip(*rows[0], strict=True) if old != new] if rows else len(after)
            problems.append(f"the database's {view} differ from its rebuild: {changed} in {rows[:1] and rows[0][0][0]}")
    return problems
