"""`attnctl name`, `tag` and `note`: what users write about runs and sweeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from attnctl.cli import completion, context, output, run_selection, sweep_records
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import user_name
from attnctl.workspace.user_notes import Annotation

Subject = Annotated[
    str,
    typer.Argument(
        metavar="RUN|SWEEP", help="A run's id or name, or a sweep's name.", autocompletion=completion.runs_and_sweeps
    ),
]


def name(
    target: Subject,
    new: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The new name (default: a run loses its name).")
    ] = None,
) -> None:
    """Give a run a name, or a sweep another one.

    A run's name stands for its id in every command. A sweep keeps its runs, tags and notes under its new name.

    Examples:
        attnctl name 3fa2 best-ela
        attnctl name ela-digits first-try
    """
    workspace = context.config().workspace
    found = run_selection.target(workspace, target)
    if found.sweep:
        if new is None:
            raise SpecError(f"missing NAME: a sweep needs a name; type attnctl name {found.sweep} NAME")
        _check_free(workspace, new, "")
        sweep_records.rename(workspace, found.sweep, new)
        output.line(f"sweep {found.sweep} is now called {new}")
        return
    (run,) = found.runs
    if new is not None:
        _check_free(workspace, user_notes.check_run_name(new), run)
    _change(user_notes.of_run(workspace, run), lambda item: replace(item, name=new or ""))
    output.line(f"run {run} is now called {new}" if new is not None else f"run {run} has no name")


def tag(
    target: Subject,
    tags: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TAG", help="Tags to add (default: print the tags).", autocompletion=completion.run_tags
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove these tags.")] = False,
) -> None:
    """Add tags to runs or sweeps, or remove them.

    The tags of a sweep count for its runs. `attnctl status --tag` and `attnctl report --tag` show runs with a tag.

    Examples:
        attnctl tag 3fa2 baseline
        attnctl tag ela-digits camera-ready
        attnctl tag 3fa2 baseline --remove
    """
    workspace = context.config().workspace
    found = run_selection.target(workspace, target)
    given = [user_notes.check_tag(item) for item in tags or ()]
    path = _path(workspace, found)
    before = user_notes.read(path).tags
    if remove:
        _check_there(given, before, target)
    if given:
        left = sorted(set(before) - set(given)) if remove else sorted({*before, *given})
        _change(path, lambda item: replace(item, tags=left))
    output.line(f"{_subject(found)}: {comma_join(user_notes.read(path).tags) or 'no tags'}")


def note(
    target: Subject,
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The note (default: print it).", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the note.")] = False,
) -> None:
    """Write a note on a run or sweep.

    `attnctl show` and `attnctl sweeps` print it.

    Examples:
        attnctl note 3fa2 diverged with lr 0.2, fine with 0.1
        attnctl note ela-digits
    """
    workspace = context.config().workspace
    found = run_selection.target(workspace, target)
    path = _path(workspace, found)
    words = user_notes.check_note(" ".join(text or ()))
    if remove and words:
        raise SpecError("--remove takes no text")
    if remove or words:
        _change(path, lambda item: replace(item, note=words))
    output.line(f"{_subject(found)}: {user_notes.read(path).note or 'no note'}")


def _path(workspace: Workspace, found: run_selection.Target) -> Path:
    if found.sweep:
        return user_notes.of_sweep(workspace, found.sweep)
    return user_notes.of_run(workspace, found.runs[0])


def _subject(found: run_selection.Target) -> str:
    return f"sweep {found.sweep}" if found.sweep else f"run {found.runs[0]}"


def _change(path: Path, change: Callable[[Annotation], Annotation]) -> None:
    changed = change(user_notes.read(path))
    user_notes.write(path, replace(changed, at=time.time(), user=user_name()))


def _check_free(workspace: Workspace, new: str, run: str) -> None:
    """Raise SpecError if a sweep or another run has the name."""
    if new in workspace.sweep_names():
        raise SpecError(f"a sweep is called {new!r}; choose another name")
    owner = next((other for other, item in user_notes.runs(workspace).items() if item.name == new), run)
    if owner != run:
        raise SpecError(f"run {owner} is called {new!r}; choose another name")


def _check_there(given: Sequence[str], before: Sequence[str], target: str) -> None:
    if not given:
        raise SpecError("--remove needs the tags to remove")
    for item in given:
        if item not in before:
            hint = did_you_mean(item, before) if before else "; it has none"
            raise SpecError(f"{target} does not have the tag {item!r}{hint}")
