"""Whether what an unfinished run lacked is there again: its data set, a package of Python, or its base's weights."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from attnctl.cli.sweeping.destination import missing_data
from attnctl.lifecycle import base_run
from attnctl.lifecycle.resume_policy import EndedAttempt
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec

_PACKAGE = re.compile(r"No module named '?([A-Za-z_]\w*)")
_PYTHON = re.compile(r"there is no Python at (.+) on \S+")


def still_missing(config: Config, spec: RunSpec, newest: EndedAttempt) -> str:
    """What the run's last attempt lacked and the next one would lack too; empty if it may start.

    The next attempt runs the interpreter of this process. Another machine than this one may lack what is here.
    """
    if newest.state is State.DATA_MISSING:
        return next(missing_data(config, [spec]), "")
    if newest.state is State.ENVIRONMENT_MISSING:
        return _environment(newest.error)
    if newest.state is State.BASE_UNFINISHED:
        base = base_run.unfinished(config.workspace, spec)
        return f"{base}: resume that run" if base is not None and not base.continues else ""
    return ""


def _environment(error: str) -> str:
    package = _PACKAGE.search(error)
    if package is not None and find_spec(package[1]) is None:
        return f"the package {package[1]} is not installed in {sys.executable}"
    python = _PYTHON.search(error)
    if python is not None and python[1] == sys.executable and not Path(python[1]).exists():
        return f"there is no Python at {python[1]}"
    return ""
