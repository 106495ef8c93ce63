"""Merging everything except runs: sweeps, submissions, sources, weights, imports, own data sets and measurements.

Each file is written to a temporary name and renamed, and is identified by name or content, so repeating is harmless.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attnctl.datasets import own
from attnctl.files import is_regular, made_aside, open_regular, write_atomic
from attnctl.lifecycle import packing
from attnctl.merge.attempts import requests
from attnctl.merge.files import copy_file, copy_folder
from attnctl.workspace import untrusted_json, user_notes
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Speed, Submission, Sweep, Trial


@dataclass(frozen=True)
class SweepChange:
    """A sweep to write. renamed: its original name, if this workspace has another sweep of that name."""

    record: Sweep
    renamed: str = ""


def sweeps(ours: Workspace, theirs: Workspace) -> tuple[list[SweepChange], dict[str, str]]:
    """The sweeps to write, and error messages for damaged ones, by name.

    Sweeps created at the same moment are the same sweep; the merged one has the runs of both.
    """
    changes: list[SweepChange] = []
    broken: dict[str, str] = {}
    for path in _records(theirs.sweeps):
        try:
            sweep = Sweep.read(path)
            if sweep is None:
                continue
            name = _free_name(ours, sweep)
            existing = Sweep.read(ours.sweep(name))
        except RecordError as error:
            broken[path.stem] = str(error)
            continue
        runs = list(dict.fromkeys([*(existing.runs if existing else []), *sweep.runs]))
        if existing is None or runs != existing.runs:
            record = replace(existing or sweep, name=name, runs=runs)
            if existing is not None and existing.search is not None and sweep.search is not None:
                record = replace(record, search=existing.search.united(sweep.search))
            changes.append(SweepChange(record, sweep.name if name != sweep.name and existing is None else ""))
    return changes, broken


def _free_name(ours: Workspace, sweep: Sweep) -> str:
    """The name of their sweep in this workspace: its own, or a new one if another sweep has that name."""
    digest = hashlib.sha256(repr(sweep.created).encode()).hexdigest()
    for name in (sweep.name, *(f"{sweep.name[:80]}-{digest[:length]}" for length in (4, 8, 16))):
        existing = Sweep.read(ours.sweep(name))
        if existing is None or existing.created == sweep.created:
            return name
    raise RecordError(f"{ours.sweep(sweep.name)} is another sweep, and so is every name that it could have here")


def write_sweeps(ours: Workspace, changes: Iterable[SweepChange]) -> None:
    """Write the changed sweeps."""
    for change in changes:
        write_atomic(ours.sweep(change.record.name), change.record.encode())


def notes(ours: Workspace, theirs: Workspace, runs: Collection[str]) -> dict[str, str]:
    """Unite the names, tags and notes of these runs, and of the sweeps in both; errors for damaged ones, by file."""
    broken: dict[str, str] = {}
    if theirs.annotations.is_symlink():
        return broken
    pairs = [(path, user_notes.of_run(ours, path.stem)) for path in _records(user_notes.of_run(theirs, "").parent)]
    pairs = [(path, target) for path, target in pairs if path.stem in runs]
    for path in _records(user_notes.of_sweep(theirs, "").parent):
        with contextlib.suppress(RecordError):  # a damaged sweep was told with the sweeps
            sweep = Sweep.read(theirs.sweep(path.stem))
            if sweep is not None:
                pairs.append((path, user_notes.of_sweep(ours, _free_name(ours, sweep))))
    for path, target in pairs:
        try:
            before = user_notes.read(target)
            united = before.united(user_notes.read(path))
        except RecordError as error:
            broken[f"annotations/{path.parent.name}/{path.name}"] = str(error)
            continue
        if united != before:
            user_notes.write(target, united)
    return broken


def submissions(ours: Workspace, theirs: Workspace, runs: Sequence[str]) -> None:
    """Merge the submissions of these runs' attempts; each lists its tasks with the new attempt numbers.

    runs: those in both workspaces.
    """
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    for run in runs:
        for number, request in requests(ours.run(run)).items():
            numbers[request.tag][run] = number
    for tag, attempts in numbers.items():
        path = ours.submission(tag)
        document = _newest(path, theirs.submission(tag))
        if document is None:
            continue
        document["tasks"] = [[run, attempts.get(run, number)] for run, number in document["tasks"]]
        data = json.dumps(document, sort_keys=True).encode() + b"\n"
        if _document(path) != document:
            write_atomic(path, data, durable=True)
        _copy_missing(theirs.submission_logs(tag), ours.submission_logs(tag))


def _newest(*paths: Path) -> dict[str, Any] | None:
    """The first of these submissions with a job id or an error, else the first readable one; None if there is none."""
    submissions = [document for document in map(_document, paths) if document is not None]
    return next(
        (item for item in submissions if item.get("job_id") or item.get("failed")),
        submissions[0] if submissions else None,
    )


def _document(path: Path) -> dict[str, Any] | None:
    """A submission with all its keys, including unknown ones; None if it is missing, a link or damaged."""
    if path.is_symlink():
        return None
    with contextlib.suppress(RecordError):  # the other copy may be readable; the run's folder needs neither
        return untrusted_json.read_object(path) if Submission.read(path) is not None else None
    return None


def contents(ours: Workspace, theirs: Workspace) -> dict[str, str]:
    """Merge sources, weights, imports, measurements and own data sets; return errors for damaged ones, by file."""
    for folder in _entries(theirs.sources):
        target = ours.sources / folder.name
        if folder.is_dir() and not target.exists():
            ours.sources.mkdir(parents=True, exist_ok=True)
            with made_aside(target) as aside:
                copy_folder(folder, aside, hidden=True)
    broken: dict[str, str] = {}
    for path in _entries(theirs.weights_folder):
        if not is_regular(path):
            continue
        with open_regular(path, follow=False) as stream:
            intact = hashlib.file_digest(stream, "sha256").hexdigest() == path.stem
        if intact:
            _copy_file(path, ours.weights(path.stem))
        else:
            broken[path.name] = f"{path} is not what its name says"
    for path in filter(is_regular, _records(theirs.imports_folder)):
        _copy_file(path, ours.imports_folder / path.name)
    for name in own.recorded(theirs.datasets):
        path = own.record_path(theirs.datasets, name)
        if is_regular(path):
            _copy_file(path, own.record_path(ours.datasets, name))
    for speed in theirs.speeds():
        _keep_newer(ours.speed(speed), speed)
    for path in filter(is_regular, _records(theirs.trials_folder)):
        with contextlib.suppress(RecordError):  # estimates skip a damaged one too
            _keep_newer(ours.trials_folder / path.name, Trial.read(path))
    for path in filter(is_regular, _records(theirs.packing_folder)):
        _keep_packing(ours, theirs, path.stem)
    return broken


def _keep_packing(ours: Workspace, theirs: Workspace, name: str) -> None:
    """Take in how many runs are worth training together, unless that was measured here later or on another device."""
    existing, measured = packing.read(ours, name), packing.read(theirs, name)
    if measured is None or (existing is not None and existing.device != measured.device):
        return
    if existing is None or existing.at < measured.at:
        packing.write(ours, name, measured)


def _keep_newer(target: Path, measured: Speed | Trial | None) -> None:
    """Write a measurement, unless there is a newer one; a damaged one is replaced."""
    if measured is None:
        return
    existing = None
    with contextlib.suppress(RecordError):
        existing = type(measured).read(target)
    if existing is None or existing.at < measured.at:
        write_atomic(target, measured.encode())


def _copy_missing(source: Path, target: Path) -> None:
    for path in _entries(source):
        if is_regular(path):
            _copy_file(path, target / path.name)


def _copy_file(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source, target)


def _records(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.suffix == ".json"]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder of another workspace, without links and unfinished files."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and not path.is_symlink())
