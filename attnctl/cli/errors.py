"""The one place where errors end: a line on standard error, and an exit code that tells whose fault it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from attnctl.cli.output import one_line
from attnctl.values import SpecError

OK, OURS, THEIRS, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
"""Exit codes. THEIRS: the request, or the machine, has to change. OURS: a fault of attnctl, or runs that failed."""

_LONGEST = 600
_VARIABLE = "ATTNCTL_DEBUG"


def guarded(call: Callable[[], object], *, debug: bool = False) -> int:
    """Call it; the exit code. With `debug`, or ATTNCTL_DEBUG=1, an error that is ours shows its traceback."""
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except SpecError as error:
        return _say(str(error))
    except typer.TyperException as error:
        return _say(error.format_message())
    except typer.Abort:
        return _say("not done", OURS)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as error:  # Typer's, when the reader of our output has gone
        _close_output()
        return error.code if isinstance(error.code, int) else OURS
    except BrokenPipeError:
        _close_output()
        return PIPE_CLOSED
    except Exception as error:
        return _unexpected(error, debug or os.environ.get(_VARIABLE, "0") not in {"", "0"})


def _unexpected(error: Exception, debug: bool) -> int:
    import traceback  # not on the way to what goes well

    from attnctl.workspace.records import RecordError

    if isinstance(error, RecordError):
        return _say(str(error))
    if debug:
        traceback.print_exception(error)
        return THEIRS if isinstance(error, OSError) else OURS
    if isinstance(error, OSError):
        return _say(_of_system(error))
    return _say(f"a fault of attnctl: {type(error).__name__}: {error}; {_saved(error)}", OURS)


def _say(message: str, code: int = THEIRS) -> int:
    text = one_line(" ".join(message.split("\n")).strip())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 2 // 3]} ... {text[-_LONGEST // 3 :]}"
    sys.stderr.write(f"attnctl: {text}\n")
    return code


def _of_system(error: OSError) -> str:
    """The file and what the system said of it."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename is not None else words


def _saved(error: Exception) -> str:
    """Keep the traceback in a file of its own; words that say where."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="attnctl-", suffix=".txt", delete=False) as stream:
            traceback.print_exception(error, file=stream)
    except OSError:
        return f"{_VARIABLE}=1 shows where"
    return f"the traceback is in {stream.name}"


def _close_output() -> None:
    """Give the interpreter nothing to flush into the closed pipe at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
