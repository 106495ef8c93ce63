"""Merging one run's attempts and checkpoints into a workspace; a kill at any point leaves the run intact.

A new run is copied to a temporary folder and renamed. For an existing run, a new `attempts` folder is built from hard
links to the existing files, and replaces the old one in two renames:

    .attempts.merged    the new folder while it is built; `.merged.json` in it holds the new names of the checkpoints
    checkpoints/.merged the checkpoints under those names
    .attempts.before    the old folder, from the first rename until the end

`recover` finishes a merge interrupted after the renames, and undoes one interrupted before them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnctl.files import is_regular, sync_folder
from attnctl.merge.attempts import MergedAttempt
from attnctl.merge.files import copy_file, copy_folder
from attnctl.workspace import checkpoints, evaluations, untrusted_json
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError

MERGED, BEFORE, JOURNAL, STAGED = ".attempts.merged", ".attempts.before", ".merged.json", ".merged"
ASIDE = ".merge-"
"""The prefix of a new run's folder while it is copied."""


def copy_new(ours: Workspace, theirs: RunDir) -> None:
    """Copy a new run, with its checkpoints, detections and evaluations."""
    target, aside = ours.run(theirs.id), ours.runs / f"{ASIDE}{theirs.id}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    copy_file(theirs.spec, aside / theirs.spec.name)
    if is_regular(theirs.detections):
        copy_file(theirs.detections, aside / theirs.detections.name)
    for folder in (theirs.attempts_folder, theirs.path / evaluations.FOLDER):
        if folder.is_dir() and not folder.is_symlink():
            copy_folder(folder, aside / folder.name)
    internal = target.checkpoints.is_relative_to(target.path)
    folder = aside / target.checkpoints.relative_to(target.path) if internal else target.checkpoints
    for path in _regular_checkpoints(theirs):
        folder.mkdir(parents=True, exist_ok=True)
        copy_file(path, folder / path.name)
    aside.rename(target.path)
    sync_folder(ours.runs)


def extend(ours: RunDir, theirs: RunDir, joined: Sequence[MergedAttempt]) -> None:
    """Replace the attempts of an existing run by the merged ones, numbered from 1, and add the new ones' checkpoints.

    Raises RecordError if the run changed in the meantime; it is then left unchanged.
    """
    attempts, merged, before = ours.attempts_folder, ours.path / MERGED, ours.path / BEFORE
    merged.mkdir()
    for number, item in enumerate(joined, 1):
        _build(merged / str(number), item, ours.path)
    checkpoint_names = _stage(ours, theirs, joined)
    (merged / JOURNAL).write_text(json.dumps({"checkpoints": checkpoint_names}))
    reserved = _reserved(attempts)
    if attempts.exists():
        attempts.rename(before)
    if reserved != {str(item.ours) for item in joined if item.ours is not None} or _reserved(before) != reserved:
        recover(ours)
        raise RecordError(f"{ours.path} was changed while it was being merged; merge again")
    merged.rename(attempts)
    _finish(ours)


def unfinished(run: RunDir) -> bool:
    """Whether a merge of this run was interrupted."""
    return any(path.exists() for path in (run.path / MERGED, run.path / BEFORE, run.attempts_folder / JOURNAL))


def recover(run: RunDir) -> None:
    """Finish or undo an interrupted merge. Raises RecordError if neither is safe."""
    attempts, merged, before = run.attempts_folder, run.path / MERGED, run.path / BEFORE
    if (attempts / JOURNAL).exists():
        _finish(run)
    elif before.exists():
        if attempts.exists():
            raise RecordError(
                f"{run.path} has both attempts and {BEFORE}: it was started while a merge of it was broken off; "
                f"add the folders of {BEFORE} to attempts by hand, under numbers that are free"
            )
        before.rename(attempts)
    shutil.rmtree(merged, ignore_errors=True)
    shutil.rmtree(run.checkpoints / STAGED, ignore_errors=True)


def _build(folder: Path, item: MergedAttempt, our_run: Path) -> None:
    """Build an attempt's folder: files of our own run are hard-linked, others are copied."""
    folder.mkdir()
    for name in sorted(item.content.folders):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, path in item.content.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (_link if path.is_relative_to(our_run) else copy_file)(path, folder / name)


def _stage(ours: RunDir, theirs: RunDir, joined: Sequence[MergedAttempt]) -> list[str]:
    """Place the checkpoints under their new names: all of ours, and theirs of attempts with anything new."""
    our_numbers = {item.ours: number for number, item in enumerate(joined, 1) if item.ours is not None}
    their_numbers = {
        item.theirs: number for number, item in enumerate(joined, 1) if item.theirs is not None and item.changed
    }
    our_names = {_renamed(path, our_numbers) or path.name: path for path in ours.checkpoints.glob("*.pt")}
    their_names = {name: path for path in _regular_checkpoints(theirs) if (name := _renamed(path, their_numbers))}
    staged = ours.checkpoints / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    for name, path in {**their_names, **our_names}.items():
        staged.mkdir(parents=True, exist_ok=True)
        (_link if name in our_names else copy_file)(path, staged / name)
    return sorted({*our_names, *their_names})


def _renamed(path: Path, numbers: dict[int, int]) -> str | None:
    """A checkpoint's name with the attempt's new number; None if the attempt has none."""
    name = checkpoints.Name.parse(path)
    number = numbers.get(name.token[0]) if name is not None else None
    return str(replace(name, token=(number, name.token[1]))) if name is not None and number is not None else None


def _finish(run: RunDir) -> None:
    """The steps after the renames; repeating them from any point gives the same result."""
    journal = run.attempts_folder / JOURNAL
    names: Any = (untrusted_json.read_object(journal) or {}).get("checkpoints")
    if not untrusted_json.fits(names, list[str]):
        raise RecordError(
            f"{journal} does not list the run's checkpoints: put {BEFORE} in place of attempts, then merge again"
        )
    staged = run.checkpoints / STAGED
    if staged.is_dir():
        for path in list(staged.iterdir()):
            path.replace(run.checkpoints / path.name)
        for path in {*run.checkpoints.glob("*.pt")} - {run.checkpoints / name for name in names}:
            path.unlink()
        sync_folder(run.checkpoints)
        shutil.rmtree(staged)  # rename(2) does nothing if both names are links to the same file
    shutil.rmtree(run.path / BEFORE, ignore_errors=True)
    journal.unlink()
    sync_folder(run.path)


def _reserved(attempts: Path) -> set[str]:
    """The reserved attempts in a folder, by number."""
    return {path.parent.name for path in attempts.glob("*/request.json")}


def _link(source: Path, target: Path) -> None:
    """A hard link if possible, since these files never change; else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _regular_checkpoints(run: RunDir) -> list[Path]:
    """The checkpoints of another workspace's run that are no links."""
    return [] if run.checkpoints.is_symlink() else [path for path in run.checkpoints.glob("*.pt") if is_regular(path)]
