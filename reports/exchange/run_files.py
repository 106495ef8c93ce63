"""Which files of a workspace are behind some runs, and what is told of those too large or too private to go along.

What a process printed, and where its ranks met, stays behind: it is no evidence of a number.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attnctl import sources
from attnctl.datasets import own
from attnctl.files import open_regular
from attnctl.sources.digest import VERSION_PREFIX
from attnctl.spec import RunSpec, Start
from attnctl.values import SpecError
from attnctl.workspace import checkpoints, user_notes
from attnctl.workspace.layout import RELATIVE, RunDir, Workspace
from attnctl.workspace.records import RecordError, Request

Named = tuple[str, Path]
"""A file's name in the archive, and where it is."""

_TOLD = ("commit", "python", "torch", "cuda", "gpus", "cpu", "platform")


def with_ancestors(workspace: Workspace, runs: Sequence[str]) -> dict[str, RunSpec]:
    """The runs, and those from whose weights they start. Raises SpecError when one of these cannot be read."""
    found: dict[str, RunSpec] = {}
    waiting = list(runs)
    while waiting:
        run = waiting.pop(0)
        if run in found:
            continue
        try:
            found[run] = workspace.run(run).read_spec()
        except RecordError as error:
            raise SpecError(f"{error}; a run behind the table is missing") from error
        if base := found[run].base:
            waiting.append(base)
    return dict(sorted(found.items()))


def files(workspace: Workspace, specs: Mapping[str, RunSpec], *, weights: bool) -> Iterator[Named]:
    """What the runs are made of and what they left. weights: also the newest checkpoints, and what they start from."""
    tags: set[str] = set()
    for run, spec in specs.items():
        folder = workspace.run(run)
        packed = RELATIVE.run(run)
        yield packed.spec.as_posix(), folder.spec
        yield from _attempts(folder, tags)
        newest = checkpoints.newest(folder)
        if weights and newest is not None:
            yield (packed.checkpoints / newest.name).as_posix(), newest
        digest = Start.of(spec.init).file
        if weights and digest:
            yield RELATIVE.weights(digest).as_posix(), workspace.weights(digest)
        path = user_notes.of_run(workspace, run)
        if os.path.lexists(path):
            yield path.relative_to(workspace.root).as_posix(), path
    for tag in sorted(tags):
        if os.path.lexists(workspace.submission(tag)):
            yield RELATIVE.submission(tag).as_posix(), workspace.submission(tag)
    versions = {version for spec in specs.values() for version in spec.code_versions}
    for version in sorted(str(version) for version in versions if sources.is_own(version)):
        yield from _below(workspace.sources / version.removeprefix(VERSION_PREFIX), workspace.root)
    for name in sorted({spec.dataset for spec in specs.values() if spec.data}):
        path = own.record_path(workspace.datasets, name)
        if os.path.lexists(path):
            yield path.relative_to(workspace.root).as_posix(), path
    for shared in (workspace.imports_folder, workspace.bench, workspace.packing_folder):
        yield from _below(shared, workspace.root)
    for path in sorted(workspace.trials_folder.glob("[!.]*.json")):  # not the folders of trials that still run
        yield path.relative_to(workspace.root).as_posix(), path


def _attempts(run: RunDir, tags: set[str]) -> Iterator[Named]:
    for attempt in run.attempts():
        request = Request.read(attempt.request)
        if request is not None:
            tags.add(request.tag)
        paths = [attempt.request, attempt.owner, attempt.cancel, *attempt.observation_files()]
        for start in attempt.incarnations():
            paths += [start.env, start.events, *start.exit_files()]
        for path in paths:
            if os.path.lexists(path):
                yield (RELATIVE.run(run.id).path / path.relative_to(run.path)).as_posix(), path


def _below(folder: Path, root: Path) -> Iterator[Named]:
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(root)
        if (path.is_symlink() or not path.is_dir()) and not any(part.startswith(".") for part in inner.parts):
            yield inner.as_posix(), path


def digests(workspace: Workspace, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each run with a checkpoint, the newest one's name, bytes and SHA-256."""
    found = {}
    for run in runs:
        path = checkpoints.newest(workspace.run(run))
        if path is not None:
            with open_regular(path) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[run] = {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
    return found


def software(workspace: Workspace, runs: Sequence[str]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What the runs were trained with: lists of packages as pip freeze prints them, by file; and who used which.

    The second is run -> attempt.incarnation -> file of the list, commit, Python, torch, CUDA, GPUs and machine.
    """
    lists: dict[str, bytes] = {}
    used: dict[str, Any] = {}
    for run in runs:
        starts = [start for attempt in workspace.run(run).attempts() for start in attempt.incarnations()]
        for start in starts:
            try:
                machine = start.machine() or {}
            except RecordError:
                machine = {}  # the broken file itself goes along as it is
            packages = machine.pop("packages", None)
            told = {name: machine.get(name) for name in _TOLD}
            if isinstance(packages, dict):
                lines = "".join(f"{name}=={packages[name]}\n" for name in sorted(packages, key=str.lower)).encode()
                name = f"software/{hashlib.sha256(lines).hexdigest()[:12]}.txt"
                lists[name] = lines
                told["packages"] = name
            used.setdefault(run, {})[f"{start.token[0]}.{start.token[1]}"] = told
    return lists, used
