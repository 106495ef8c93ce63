"""Notifies the user that a sweep has ended: by a command, a webhook, or both, once per end.

The notification is sent by whoever notices the end: usually the job that ends last; if that job was killed, or may be
restarted, the next command that queries the scheduler. A file that is created exclusively ensures that only one of them
does. Text from users is passed to the command as arguments, variables and JSON, never through a shell.
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

from attnctl.files import cannot_write, create_exclusive, reason, write_atomic
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State, Verdict
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Notice, RecordError, Request, Sweep

log = logging.getLogger(__name__)

RECENT = 86400.0
"""Seconds after an end in which it is announced, so that new settings do not announce all earlier sweeps."""

TIMEOUT = 30.0
"""Seconds until the command or the webhook is given up."""

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
    State.ENVIRONMENT_MISSING,
    State.DATA_MISSING,
    State.BASE_UNFINISHED,
    State.CANCELLED,
    State.REFUSED,
}
"""States after which a job can be sure that the scheduler does not restart the run."""


def announce(config: Config, sweep: str, verdicts: Mapping[str, Verdict], attempts: int) -> str | None:
    """Announce that the sweep has ended, unless this was done before; returns a message if it failed, else None.

    verdicts: of all its runs, all of which have ended. attempts: the total number of their attempts.
    """
    if not verdicts or time.time() - max(verdict.since for verdict in verdicts.values()) > RECENT:
        return None
    summary = summarise(verdicts)
    notice = Notice(sweep=sweep, at=time.time(), host=socket.gethostname(), pid=os.getpid(), summary=summary)
    path = config.workspace.notice(sweep, attempts)
    try:
        if path.exists() or not create_exclusive(path, notice.encode()):
            return None
    except OSError as error:
        if not cannot_write(error):
            raise
        return None  # a reader's command, or a full disk: whoever can write it down announces it
    failed = "; ".join(filter(None, (_command(config, notice, verdicts), _webhook(config, notice, verdicts))))
    if failed:
        write_atomic(path, Notice(**(vars(notice) | {"failed": failed})).encode())
    return failed or None


def after_run(config: Config, run: str) -> None:
    """Called by a job when its run has ended: announce those of its sweeps that have ended with it.

    Errors are only logged, because they must not change the outcome of the run.
    """
    try:
        for path in sorted(config.workspace.sweeps.glob("[!.]*.json")):
            sweep = Sweep.read(path)
            if sweep is None or run not in sweep.runs:
                continue
            result = _verdicts(config.workspace, sweep)
            if result is not None:
                failed = announce(config, sweep.name, *result)
                if failed:
                    log.warning("notify: %s", failed)
    except (OSError, RecordError) as error:
        log.warning("notify: %s", error)


def _verdicts(workspace: Workspace, sweep: Sweep) -> tuple[dict[str, Verdict], int] | None:
    """The verdicts of a sweep's runs and the number of their attempts; None unless all runs have ended for good.

    The last runs come first: they are the most likely to be active, and then no further runs are read.
    """
    head_of = submissions.cached_heads(workspace)
    verdicts, count = {}, 0
    for run in reversed(dict.fromkeys(sweep.runs)):
        attempts = workspace.run(run).attempts()
        request = Request.read(attempts[-1].request) if attempts else None
        if request is None:
            return None
        verdict = evidence.verdict_of_exits(attempts[-1], request) or evidence.verdict(attempts[-1], request, head_of)
        if verdict.state not in _FINAL:
            return None
        verdicts[run] = verdict
        count += attempts[-1].number
    return verdicts, count


def summarise(verdicts: Mapping[str, Verdict]) -> str:
    """A summary such as `40 runs: 38 completed, 2 code error`."""
    states = Counter(str(verdict.state) for verdict in verdicts.values())
    order = sorted(states, key=lambda state: (state != State.COMPLETED, -states[state], state))
    counts = ", ".join(f"{states[state]} {state}" for state in order)
    return f"{quantity(len(verdicts), 'run')}: {counts}"


def document(config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The notification as JSON values. Chat services display `text`."""
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
        part.replace("{sweep}", notice.sweep).replace("{summary}", notice.summary) for part in config.notify.command
    ]
    variables = {"ATTNCTL_SWEEP": notice.sweep, "ATTNCTL_SUMMARY": notice.summary}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(document(config, notice, verdicts)) + "\n",
            env=os.environ | variables,
            cwd=config.workspace.root,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} was stopped after {TIMEOUT:g} s"
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror}"
    if done.returncode:
        text = " ".join((done.stderr or done.stdout).split())[:300]
        return f"{command[0]} failed with exit code {done.returncode}{f': {text}' if text else ''}"
    return None


def _webhook(config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> str | None:
    if not config.notify.webhook:
        return None
    request = urllib.request.Request(  # noqa: S310 - the settings allow only http and https
        config.notify.webhook,
        data=json.dumps(document(config, notice, verdicts)).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        return f"the webhook cannot be reached: {reason(error)}"
