"""Bringing one run's attempts and checkpoints into a workspace, so that a kill at any point leaves it whole.

A new run is made aside and renamed into place. Of a run that is here the folder `attempts` is made anew aside, with
hard links to what is here, and takes the place of the old one by two renames:

    .attempts.merged    the new folder while it is made; in it `.merged.json`, the names of the checkpoints to be
    checkpoints/.merged the checkpoints under those names
    .attempts.before    the old folder, from the first rename until all is done

`recover` finishes what was broken off after the renames, and undoes what was broken off before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnctl.files import sync_folder
from attnctl.merge.attempts import Joined
from attnctl.workspace import checkpoints, untrusted_json
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError

MERGED, BEFORE, JOURNAL, STAGED = ".attempts.merged", ".attempts.before", ".merged.json", ".merged"
ASIDE = ".merge-"
"""What the folder of a new run's name begins with while it is copied."""


def copy_new(ours: Workspace, theirs: RunDir) -> None:
    """Copy a run that is not here, with its checkpoints and what it found."""
    target, aside = ours.run(theirs.id), ours.runs / f"{ASIDE}{theirs.id}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    shutil.copy2(theirs.spec, aside / theirs.spec.name)
    if theirs.detections.is_file():
        shutil.copy2(theirs.detections, aside / theirs.detections.name)
    attempts = theirs.attempts_folder
    if attempts.is_dir():
        shutil.copytree(attempts, aside / attempts.name, ignore=shutil.ignore_patterns(".*"))
    inside = target.checkpoints.is_relative_to(target.path)
    place = aside / target.checkpoints.relative_to(target.path) if inside else target.checkpoints
    for path in theirs.checkpoints.glob("*.pt"):
        place.mkdir(parents=True, exist_ok=True)
        _copy(path, place / path.name)
    aside.rename(target.path)
    sync_folder(ours.runs)


def extend(ours: RunDir, theirs: RunDir, joined: Sequence[Joined]) -> None:
    """Give a run that is here the attempts in this order, numbered from 1, and the checkpoints of those from there.

    Raises RecordError when the run was changed here meanwhile; then it is as it was.
    """
    attempts, merged, before = ours.attempts_folder, ours.path / MERGED, ours.path / BEFORE
    merged.mkdir()
    for number, item in enumerate(joined, 1):
        _build(merged / str(number), item, ours.path)
    names = _stage(ours, theirs, joined)
    (merged / JOURNAL).write_text(json.dumps({"checkpoints": names}))
    there = _reserved(attempts)
    if attempts.exists():
        attempts.rename(before)
    if there != {str(item.ours) for item in joined if item.ours is not None} or _reserved(before) != there:
        recover(ours)
        raise RecordError(f"{ours.path} was changed while it was being merged; merge again")
    merged.rename(attempts)
    _finish(ours)


def unfinished(run: RunDir) -> bool:
    """Whether a merge of this run was broken off."""
    return any(path.exists() for path in (run.path / MERGED, run.path / BEFORE, run.attempts_folder / JOURNAL))


def recover(run: RunDir) -> None:
    """Finish or undo a merge that was broken off. Raises RecordError when neither can be done safely."""
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


def _build(folder: Path, item: Joined, own: Path) -> None:
    """Make the folder of an attempt; what lies in our own run's folder is linked, what lies elsewhere is copied."""
    folder.mkdir()
    for name in sorted(item.content.folders):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, path in item.content.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (_link if path.is_relative_to(own) else _copy)(path, folder / name)


def _stage(ours: RunDir, theirs: RunDir, joined: Sequence[Joined]) -> list[str]:
    """Put the checkpoints under the names they get: ours all, theirs those of attempts of which something is new."""
    own = {item.ours: number for number, item in enumerate(joined, 1) if item.ours is not None}
    other = {item.theirs: number for number, item in enumerate(joined, 1) if item.theirs is not None and item.changed}
    mine = {_renamed(path, own) or path.name: path for path in ours.checkpoints.glob("*.pt")}
    its = {name: path for path in theirs.checkpoints.glob("*.pt") if (name := _renamed(path, other))}
    staged = ours.checkpoints / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    for name, path in {**its, **mine}.items():
        staged.mkdir(parents=True, exist_ok=True)
        (_link if name in mine else _copy)(path, staged / name)
    return sorted({*mine, *its})


def _renamed(path: Path, numbers: dict[int, int]) -> str | None:
    """A checkpoint's name with the attempt's new number; None: it has none."""
    name = checkpoints.Name.parse(path)
    number = numbers.get(name.token[0]) if name is not None else None
    return str(replace(name, token=(number, name.token[1]))) if name is not None and number is not None else None


def _finish(run: RunDir) -> None:
    """What comes after the renames; doing it again from any point ends alike."""
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
        shutil.rmtree(staged)  # of two links to one file, a rename leaves both: rename(2)
    shutil.rmtree(run.path / BEFORE, ignore_errors=True)
    journal.unlink()
    sync_folder(run.path)


def _reserved(attempts: Path) -> set[str]:
    """The attempts in a folder that are reserved, by number."""
    return {path.parent.name for path in attempts.glob("*/request.json")}


def _link(source: Path, target: Path) -> None:
    """A hard link where it can be one: nothing is written to these files any more. Else a copy."""
    try:
        os.link(source, target)
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.merge")
    shutil.copy2(source, aside)
    aside.replace(target)
