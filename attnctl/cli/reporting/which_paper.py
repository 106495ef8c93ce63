"""Which paper a table or figure is of when only its number is typed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import typer

from attnctl import papers
from attnctl.cli import output
from attnctl.papers import Figure, Paper, PaperTable
from attnctl.values import SpecError, comma_join
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

Part = Literal["table", "figure"]


@dataclass(frozen=True)
class _Swept:
    """The papers that the runs of a workspace belong to.

    papers: name that loads a paper -> paper. reasons: name -> why it is used. summary: what was swept.
    """

    papers: Mapping[str, Paper]
    reasons: Mapping[str, str]
    summary: str


def choose(part: Part, number: str, workspace: Workspace, swept: Mapping[str, Paper]) -> Paper:
    """The paper of a number without a paper, named on standard error unless the user chose it.

    Papers that were swept count first, else the papers of swept modules: ela's is ELA. When several of them have that
    number, or nothing swept belongs to a paper, a terminal asks; elsewhere the candidates are listed and SpecError is
    raised.

    swept: name that loads a paper -> paper, for those swept in the workspace
    """
    swept_papers = _of_papers(swept) if swept else _of_modules(workspace)
    candidates = swept_papers.papers or {name: papers.load(name) for name in papers.names()}
    captions = {
        name: parts[number].caption for name, paper in candidates.items() if number in (parts := _parts(paper, part))
    }
    if not captions:
        raise SpecError(_in_none(part, number, swept_papers))
    if len(captions) == 1 and swept_papers.papers:
        (name,) = captions
        output.note(f"{part} {number} of {candidates[name].name}, {swept_papers.reasons[name]}")
        return candidates[name]
    question = f"{part} {number} of which paper? {swept_papers.summary}"
    if output.is_terminal(sys.stdin) and output.is_terminal(sys.stderr):
        return candidates[_ask(question, captions, candidates)]
    for line in output.aligned([(f"{name}:{number}", caption) for name, caption in captions.items()]):
        output.note(line)
    raise SpecError(f"{question}; instead of {number} type {' or '.join(f'{name}:{number}' for name in captions)}")


def _of_papers(swept: Mapping[str, Paper]) -> _Swept:
    if len(swept) == 1:
        reason = "the only paper swept in this workspace"
    else:
        reason = "the only paper with one of those swept in this workspace"
    names = comma_join(paper.name for paper in swept.values())
    return _Swept(swept, dict.fromkeys(swept, reason), f"{names} {'was' if len(swept) == 1 else 'were'} swept here")


def _of_modules(workspace: Workspace) -> _Swept:
    modules = _modules(workspace)
    swept = {name: papers.load(name) for name in papers.names() if name in modules}
    reasons = {name: f"whose module {name} was swept in this workspace" for name in swept}
    if not swept:
        return _Swept({}, {}, "no paper, and no module of a paper, was swept here")
    single = len(swept) == 1
    return _Swept(
        swept,
        reasons,
        f"{'module' if single else 'modules'} {comma_join(swept)} {'was' if single else 'were'} swept here",
    )


def _modules(workspace: Workspace) -> set[str]:
    """The modules of the workspace's runs; `attnctl status` names runs whose spec is damaged."""
    names = set()
    for run_id in workspace.run_ids():
        with suppress(RecordError):
            names.add(workspace.run(run_id).read_spec().module)
    return names


def _parts(paper: Paper, part: Part) -> Mapping[str, PaperTable] | Mapping[str, Figure]:
    return paper.tables if part == "table" else paper.figures


def _in_none(part: Part, number: str, swept: _Swept) -> str:
    """The message that no swept paper has the number, with the numbers that they have and other papers that have it."""
    loaded = {name: papers.load(name) for name in papers.names()}
    others = [f"{name}:{number}" for name, paper in loaded.items() if number in _parts(paper, part)]
    if not others:
        return f"no paper has a {part} {number!r}; attnctl papers lists the tables and figures"
    names = " and ".join(paper.name for paper in swept.papers.values())
    has = comma_join(
        f"{name}:{other_number}" for name, paper in swept.papers.items() for other_number in _parts(paper, part)
    )
    return (
        f"{swept.summary}, but no {part} {number!r} is in {names} ({has or f'no {part}'}); "
        f"other papers have one: {comma_join(others)}"
    )


def _ask(question: str, captions: Mapping[str, str], candidates: Mapping[str, Paper]) -> str:
    """The name of the paper that the user chooses at the terminal, by its position in the list or its name."""
    output.note(question)
    width = shutil.get_terminal_size().columns
    for line in output.aligned([(f"{position}.", *item) for position, item in enumerate(captions.items(), 1)]):
        output.note(line if len(line) < width else f"{line[: width - 4]} ...")
    answers = {str(position): name for position, name in enumerate(captions, 1)}
    answers |= {answer.lower(): name for name in captions for answer in (name, candidates[name].name)}
    while True:
        sys.stderr.write("paper: ")  # not by typer.prompt, which writes a blank on standard output
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise typer.Abort
        if answer.strip().lower() in answers:
            return answers[answer.strip().lower()]
        output.note(f"type a number from 1 to {len(captions)}, or one of {comma_join(captions)}")
