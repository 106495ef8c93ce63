"""The top-level error handler: one line on standard error, and the exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

import typer

from attnctl.cli.output import one_line
from attnctl.files import reason
from attnctl.values import SpecError, comma_join, nearest

OK, OURS, THEIRS, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
"""Exit codes. THEIRS: the user must change the request or the machine. OURS: an internal error, or runs that failed."""

_LONGEST = 600
_NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"
_CHOICE = re.compile(r"Invalid value for '([^']+)': (?:Value error, )?'(.*)' is not one of (.*)\.", re.DOTALL)
"""Typer's words."""
_GPU_TYPE = 'to choose a type of GPU, write gpus_per_node = "a100:1" in [slurm] of attnctl.toml'
_VARIABLE = "ATTNCTL_DEBUG"


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """Ctrl-C, as an exception that Typer lets through; of a KeyboardInterrupt it makes an exit code without words."""


def guarded(call: Callable[[], object], *, debug: bool = False) -> int:
    """Call it and return the exit code. With `debug`, or ATTNCTL_DEBUG=1, an internal error prints its traceback."""
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except SpecError as error:
        return _print_error(str(error))
    except typer.TyperException as error:
        return _print_error(_usage_message(error))
    except typer.Abort:
        return _print_error("cancelled", OURS)
    except (KeyboardInterrupt, Interrupted) as error:
        return _print_error(str(error) or "interrupted", INTERRUPTED)
    except SystemExit as error:  # Typer exits when the reader of standard output has closed it
        _close_output()
        return error.code if isinstance(error.code, int) else OURS
    except BrokenPipeError:
        _close_output()
        return PIPE_CLOSED
    except Exception as error:
        return _unexpected(error, debug or os.environ.get(_VARIABLE, "0") not in {"", "0"})


def _usage_message(error: typer.TyperException) -> str:
    """What is wrong with the command line, in the command's own words if it has an `explain_usage`."""
    ctx = getattr(error, "ctx", None)
    command = getattr(ctx, "command", None)
    explain = getattr(getattr(command, "callback", None), "explain_usage", None)
    own: str | None = explain(error) if explain is not None else None
    if own is not None:
        return own
    message = error.format_message() if getattr(error, "option_name", None) is None else str(error)
    if similar := similar_option(error):
        message = f"{error}; did you mean {similar}?"
    if choice := _CHOICE.fullmatch(message):
        name, value, choices = choice[1], choice[2], re.findall(r"'([^']+)'", choice[3])
        near = nearest(value, choices)
        hint = f"; did you mean {near!r}?" if near else ""
        return f"{name} is {value!r}; it must be one of {comma_join(choices)}{hint}"
    if _NO_INTEGER in message:
        hint = f"; {_GPU_TYPE}" if "'--gpus-per-node'" in message else ""
        return message.replace(_NO_INTEGER, "must be a whole number") + hint
    _, found, words = message.partition("Got unexpected extra argument(s) (")
    if ctx is None or not found:
        return message
    return f"unexpected {words.removesuffix(')')!r}; `{ctx.command_path} --help` shows what the command takes"


def similar_option(error: Exception) -> str | None:
    """The option that may have been meant by an unknown one; its dashes make no name similar."""
    names = {name.lstrip("-"): name for name in getattr(error, "possibilities", None) or ()}
    near = nearest((getattr(error, "option_name", None) or "").lstrip("-"), names)
    return names[near] if near is not None else None


def _unexpected(error: Exception, debug: bool) -> int:
    import traceback  # only loaded when something fails

    from attnctl.workspace.records import RecordError

    if isinstance(error, RecordError):
        return _print_error(str(error))
    if debug:
        traceback.print_exception(error)
        return THEIRS if isinstance(error, OSError) else OURS
    if isinstance(error, OSError):
        return _print_error(reason(error))
    return _print_error(f"internal error: {type(error).__name__}: {error}; {_save_traceback(error)}", OURS)


def _print_error(message: str, code: int = THEIRS) -> int:
    text = one_line(" ".join(message.split("\n")).strip())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 2 // 3]} ... {text[-_LONGEST // 3 :]}"
    sys.stderr.write(f"attnctl: {text}\n")
    return code


def _save_traceback(error: Exception) -> str:
    """Write the traceback to a new file; the advice that names it."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="attnctl-", suffix=".txt", delete=False) as stream:
            traceback.print_exception(error, file=stream)
    except OSError:
        return f"set {_VARIABLE}=1 to see the traceback"
    return f"the traceback is in {stream.name}"


def _close_output() -> None:
    """Redirect standard output, so that the interpreter does not flush into the closed pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
