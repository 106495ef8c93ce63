"""Which runs a command's words mean, told by the folders alone: the names of sweeps, or the beginnings of ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attnctl.cli import completion, sweep_records
from attnctl.spec import ID_LENGTH
from attnctl.values import SpecError, did_you_mean
from attnctl.workspace.layout import Workspace

_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")


def chosen(workspace: Workspace, words: Sequence[str]) -> list[str]:
    """The ids, each once, in the order of the words; without words all runs. A sweep's name goes before an id.

    Raises SpecError, also when there are no runs.
    """
    there = [name for name in workspace.run_ids() if _ID.fullmatch(name)]
    if not there:
        raise SpecError("this workspace has no runs yet; attnctl sweep starts some")
    known = completion.sweep_names(workspace)
    found: dict[str, None] = {}
    for word in words:
        if word in known:
            found.update(dict.fromkeys(run for run in sweep_records.read(workspace, word).runs if run in there))
        else:
            found[_run(word, there, known)] = None
    if words and not found:
        raise SpecError(f"sweep {words[0]} has no runs in this workspace")
    return list(found) if words else there


def _run(word: str, there: Sequence[str], known: Sequence[str]) -> str:
    found = [run for run in there if word and run.startswith(word)]
    if len(found) > 1:
        more = " ..." if len(found) > 3 else ""
        raise SpecError(f"{word!r} begins the ids of several runs: {', '.join(found[:3])}{more}; give more of it")
    if not found:
        nearest = did_you_mean(word[:100], [*known, *(run[: max(4, len(word))] for run in there)])
        words = nearest if "did you mean" in nearest else "; attnctl status lists the runs"
        raise SpecError(f"there is no sweep and no run {word[:100]!r}{words}")
    return found[0]
