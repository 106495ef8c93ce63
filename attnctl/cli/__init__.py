"""The command line: one file a command. The only part that prints or exits."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    from attnctl.cli.errors import guarded

    gc.set_threshold(100_000)  # thousands of rows are no cycles: looking for some costs a tenth of `status`
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _invoke(words), debug="--debug" in words)


def _invoke(words: list[str]) -> object:
    from typer.main import get_command

    from attnctl.cli import context
    from attnctl.cli.app import build
    from attnctl.cli.output import is_terminal

    completing = context.completed_words()
    context.begin(words, quiet=bool(completing))
    workspace, rest = without_globals(words)
    context.choose(workspace)
    try:
        app = build([*rest, *completing], rich=is_terminal() and not completing, completing=bool(completing))
        return get_command(app)(args=rest, prog_name="attnctl", standalone_mode=False)
    finally:
        context.tell_passed_by()


def without_globals(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The folder of --workspace, and the other words with --debug first: both may stand before or after the command.

    They are taken out before Typer, which would load Pydantic (0.1 s) to look at the one, even for a command's help.
    """
    end = words.index("--") if "--" in words else len(words)
    workspace: str | None = None
    front: list[str] = []
    rest: list[str] = []
    head = iter(words[:end])
    for word in head:
        if word == "--workspace":
            workspace = next(head, "")
        elif word.startswith("--workspace="):
            workspace = word.partition("=")[2]
        else:
            (front if word == "--debug" else rest).append(word)
    return workspace, [*front, *rest, *words[end:]]
