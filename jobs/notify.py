"""Notifies the user that a sweep has ended: by a command, a webhook, or both, once per end.

The notification is sent by whoever notices the end: usually the job that ends last; if that job was killed, or may be
restarted, the next `attnctl sweep` or `attnctl resume`. Commands that only look at runs send nothing. A file that is
created exclusively ensures that only one of them does. Text from users is passed to the command as arguments, variables
and JSON, never through a shell.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attnctl.files import cannot_write, create_exclusive, reason, write_atomic
from attnctl.jobs.submission import next_rounds
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

CLOCK_SKEW = 600.0
"""Seconds by which the clock of the machine that recorded an end may be ahead; later ends are not announced."""

TIMEOUT = 30.0
"""Seconds until the command or the webhook is given up."""

_LONGEST = 300
"""Letters of a message from elsewhere that are kept."""

_BLOCK = 4096

Sending = Callable[[Config, Notice, Mapping[str, Verdict]], str | None]
"""Sends a notice; a message if that failed."""

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
    State.DATA_ERROR,
    State.BASE_UNFINISHED,
    State.CANCELLED,
    State.REFUSED,
}
"""States after which a job can be sure that the scheduler does not restart the run."""


def announce(config: Config, sweep: str, verdicts: Mapping[str, Verdict], attempts: int) -> str | None:
    """Announce that the sweep has ended, unless this was done before; returns a message if it failed, else None.

    Without the user's trust in the settings, nothing is announced, nor while a search has trainings to choose.

    verdicts: of all its runs, all of which have ended. attempts: the total number of their attempts.
    """
    if not verdicts or not config.may_act or next_rounds.goes_on(config.workspace, sweep):
        return None
    if not -CLOCK_SKEW <= time.time() - max(verdict.since for verdict in verdicts.values()) <= RECENT:
        return None
    summary = summarise(verdicts)
    notice = Notice(sweep=sweep, at=time.time(), host=socket.gethostname(), pid=os.getpid(), summary=summary)
    path = config.workspace.notice(sweep, attempts)
    try:
        if path.exists() or not create_exclusive(path, notice.encode()):
            return None
    except OSError as error:
        # A reader's command, or a full disk: whoever can write it down announces it.
        return None if cannot_write(error) else _printable(reason(error))
    failed = "; ".join(filter(None, (_tried(sending, config, notice, verdicts) for sending in (_command, _webhook))))
    if failed:
        with contextlib.suppress(OSError):
            write_atomic(path, Notice(**(vars(notice) | {"failed": failed})).encode())
    return failed or None


def after_run(config: Config, run: str) -> None:
    """Called by a job when its run has ended: announce those of its sweeps that have ended with it.

    Errors are only logged, because they must not change the outcome of the run.
    """
    try:
        for path in sorted(config.workspace.sweeps.glob("[!.]*.json")):
            failed = _announce_if_ended(config, path, run)
            if failed:
                log.warning("notify: %s", failed)
    except Exception as error:  # whatever it is, the run has ended as it has
        log.warning("notify: %s", _printable(reason(error)))


def _announce_if_ended(config: Config, path: Path, run: str) -> str | None:
    """Announce a sweep of this run if it has ended; a message if that failed, or if the sweep cannot be read."""
    try:
        sweep = Sweep.read(path)
        result = _verdicts(config.workspace, sweep) if sweep is not None and run in sweep.runs else None
        return announce(config, sweep.name, *result) if sweep is not None and result is not None else None
    except (OSError, RecordError) as error:
        return _printable(reason(error))


def _tried(sending: Sending, config: Config, notice: Notice, verdicts: Mapping[str, Verdict]) -> str | None:
    """A message if it fails, whatever the command or the other side does, for a notice changes no outcome.

    It has its time from start to end: a server that sends its answer letter by letter never exceeds one of a read.
    """
    answers: list[str | None] = []

    def send() -> None:
        try:
            answers.append(sending(config, notice, verdicts))
        except Exception as error:  # such as http.client's, for an answer that is not HTTP
            answers.append(f"{sending.__name__.strip('_')}: {type(error).__name__}: {error}")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(TIMEOUT + 1)
    message = answers[0] if answers else f"the {sending.__name__.strip('_')} was given up after {TIMEOUT:g} s"
    return _printable(message) if message else None


def _printable(text: str) -> str:
    """A text from elsewhere on one line, without control characters, and not too long."""
    line = " ".join(text.split())[:_LONGEST]
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


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
        if verdict.state not in _FINAL or _is_waiting(workspace, run, attempts[-1].number, verdict):
            return None
        verdicts[run] = verdict
        count += attempts[-1].number
    return verdicts, count


def _is_waiting(workspace: Workspace, run: str, number: int, verdict: Verdict) -> bool:
    """Whether the run is submitted again without a further command. Raises RecordError."""
    found = evidence.with_waiting(workspace, run, number, verdict)
    return found is not None and found.state is State.WAITING


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
    with tempfile.TemporaryFile() as given:
        given.write(json.dumps(document(config, notice, verdicts)).encode() + b"\n")
        given.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | variables,
                cwd=config.workspace.root,
                start_new_session=True,  # so that all that it has started can be stopped with it
            )
        except OSError as error:
            return f"{command[0]} cannot be started: {error.strerror}"
    printed: deque[bytes] = deque(maxlen=2)
    reader = threading.Thread(target=_read_last, args=(process, printed), daemon=True)
    reader.start()
    try:
        code = process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"{command[0]} was stopped after {TIMEOUT:g} s"
    except KeyboardInterrupt:
        _stop(process)
        raise
    reader.join(1)  # what it has started in the background may keep its output open
    text = " ".join(b"".join(printed).decode(errors="replace").split())[-_LONGEST // 2 :]
    return f"{command[0]} failed with exit code {code}{f': {text}' if text else ''}" if code else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command and all that it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read_last(process: subprocess.Popen[bytes], printed: deque[bytes]) -> None:
    """Read all that the command prints, so that it never waits, and keep the last blocks, however much it is."""
    assert process.stdout is not None
    with process.stdout as stream:
        while block := os.read(stream.fileno(), _BLOCK):
            printed.append(block)


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
