"""The README.txt of an archive: what is in it, and the commands that show it and train it again."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from attnctl import __version__
from attnctl.reports.exchange.rerun_commands import Again
from attnctl.units import plural

_FILES = {
    "table.md, table.json": "the table as it was",
    "lock.json": "the table with the ids and the metrics of its runs",
    "runs/": "of each run its spec; of each attempt the request, what the scheduler said, the machine and software, "
    "all metrics, and how it ended",
    "submissions/": "what was submitted together; the job scripts only if archive was called with --scripts",
    "sweeps/": "what was asked for",
    "sources/": "users' own modules and backbones, as they were trained",
    "datasets/": "users' own data sets: their sizes and digests, and where they were; not their images",
    "imports/, bench/": "numbers from elsewhere, and measured speeds of networks",
    "trials/": "training speeds that attnctl try measured; estimates of costs use them",
    "software.json, software/": "for each start of a run the commit, versions and packages",
    "checkpoints.json": "the SHA-256 of each run's newest checkpoint",
    "manifest.json": "the SHA-256 of every other file: attnctl archive --check compares them",
}


def render(title: str, runs: str, asked: Sequence[str], commits: Sequence[str], cells: Sequence[Again]) -> str:
    """The text. runs: how many, in words. asked: the commands of the sweeps. commits: of attnctl, where known."""
    parts = [
        f"{title}\n{'=' * len(title)}",
        f"{runs}; packed by attnctl {__version__}.",
        "\n".join(_file(name, words) for name, words in _FILES.items()),
        "This folder is a workspace. To look at it, run inside it:",
        "    attnctl report --lock lock.json\n    attnctl status",
        *_listed("It was asked for by:", asked),
        *_listed("It was trained with these commits of attnctl (+ means with local changes):", commits),
        "To train it again, cell by cell, in this folder or in another one with its sources and weights:",
        *(f"    # {_words(cell)}\n    {cell.command}" for cell in cells),
    ]
    return "\n\n".join(parts) + "\n"


def _listed(words: str, lines: Sequence[str]) -> Sequence[str]:
    return [words, "\n".join(f"    {line}" for line in lines)] if lines else []


def _file(name: str, words: str) -> str:
    return textwrap.fill(words, 118, initial_indent=f"{name:<26}", subsequent_indent=" " * 26)


def _words(cell: Again) -> str:
    rows = f"{', '.join(cell.rows)}: " if cell.rows else ""
    return f"{rows}{cell.label}, {plural(len(cell.runs), 'run')} {', '.join(cell.runs)}"
