"""Telling that a sweep has ended: a command, a webhook, or both, once for each end of it.

Who sees the end tells it: the job that ends last, or, where that was killed or may be started again, the next command
that asks the scheduler. A file created exclusively makes it one of them. What users wrote reaches the command as
arguments, variables and JSON, never through a shell.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attnctl.files import create_exclusive, write_atomic
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State, Verdict
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Notice, RecordError, Request, Sweep

log = logging.getLogger(__name__)

RECENT = 86400.0
"""Seconds for which an end is news: settings that come later do not tell of all that was before."""

TIMEOUT = 30.0
"""Seconds that a command or a webhook may take."""

_FINAL = {
    State.COMPLETED,
    State.OUT_OF_MEMORY,
    State.CUDA_OUT_OF_MEMORY,
    State.DIVERGED,
    State.STALLED,
    State.ERROR,
    State.SETUP,
    State.HELD,
    State.DISK_FULL,
    State.CANCELLED,
    State.REFUSED,
}
"""States of which a job can be sure that the scheduler does not start the run again."""


def tell(config: Config, sweep: str, verdicts: Mapping[str, Verdict], attempts: int) -> str | None:
    """Tell that the sweep has ended, unless that was done; the words of what failed in it, else None.

    verdicts: of all its runs, which have ended. attempts: how many they have had together.
    """
    if not verdicts or time.time() - max(verdict.since for verdict in verdicts.values()) > RECENT:
        return None
    summary = in_words(verdicts)
    notice = Notice(sweep=sweep, at=time.time(), host=socket.gethostname(), pid=os.getpid(), summary=summary)
    path = config.workspace.notice(sweep, attempts)
    if path.exists() or not create_exclusive(path, notice.encode()):
        return None
    failed = "; ".join(filter(None, (_command(config, notice, verdicts), _webhook(config, notice, verdicts))))
    if failed:
        write_atomic(path, Notice(**(vars(notice) | {"failed": failed})).encode())
    return failed or None


def after_run(config: Config, run: str) -> None:
    """Called by a job when its run has ended: tell the end of those of its sweeps that have ended with it.

    What goes wrong here is logged: it must not change how the run ended.
    """
    try:
        for path in sorted(config.workspace.sweeps.glob("[!.]*.json")):
            sweep = Sweep.read(path)
            if sweep is None or run not in sweep.runs:
                continue
            ended = _ended(config.workspace, sweep)
            if ended is not None:
                failed = tell(config, sweep.name, *ended)
                if failed:
                    log.warning("notify: %s", failed)
    except (OSError, RecordError) as error:
        log.warning("notify: %s", error)


def _ended(workspace: Workspace, sweep: Sweep) -> tuple[dict[str, Verdict], int] | None:
    """The verdicts and attempts of a sweep of which every run has ended for good, else None.

    The last runs are looked at first: they are the likeliest to be still under way, and then the look is short.
    """
    head_of = submissions.cached_heads(workspace)
    verdicts, attempts = {}, 0
    for run in reversed(dict.fromkeys(sweep.runs)):
        tried = workspace.run(run).attempts()
        request = Request.read(tried[-1].request) if tried else None
        if request is None:
            return None
        verdict = evidence.verdict_of_exits(tried[-1], request) or evidence.verdict(tried[-1], request, head_of)
        if verdict.state not in _FINAL:
            return None
        verdicts[run] = verdict
        attempts += tried[-1].number
    return verdicts, attempts


def in_words(verdicts: Mapping[str, Verdict]) -> str:
    """Such as `40 runs: 38 completed, 2 code error`."""
    states = Counter(str(verdict.state) for verdict in verdicts.values())
    order = sorted(states, key=lambda state: (state != State.COMPLETED, -states[state], state))
    counted = ", ".join(f"{states[state]} {state}" for state in order)
    return f"{quantity(len(verdicts), 'run')}: {counted}"


def document(config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What is told, as JSON values. `text` is what chat services show."""
    return {
        "text": f"attnctl: sweep {notice.sweep} has ended, {notice.summary}",
        "sweep": notice.sweep,
        "summary": notice.summary,
        "workspace": str(config.workspace.root.absolute()),
        "states": dict(Counter(str(verdict.state) for verdict in verdicts.values())),
        "failed": {run: str(item.state) for run, item in verdicts.items() if item.state is not State.COMPLETED},
    }


def _command(config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> str | None:
    if not config.notify.command:
        return None
    command = [
        word.replace("{sweep}", notice.sweep).replace("{summary}", notice.summary) for word in config.notify.command
    ]
    told = {"ATTNCTL_SWEEP": notice.sweep, "ATTNCTL_SUMMARY": notice.summary}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(document(config, notice, verdicts)) + "\n",
            env=os.environ | told,
            cwd=config.workspace.root,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {TIMEOUT:g} s"
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror}"
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        return f"{command[0]} ended with code {done.returncode}{f': {said}' if said else ''}"
    return None


def _webhook(config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> str | None:
    if not config.notify.webhook:
        return None
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
        config.notify.webhook,
        data=json.dumps(document(config, notice, verdicts)).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        return f"the webhook was not reached: {error}"
