"""Whether what an unfinished run lacked is there again: its data set, a package of Python, or its base's weights."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from attnctl import datasets, models
from attnctl.cli.sweeping.destination import missing_data
from attnctl.lifecycle import base_run
from attnctl.lifecycle.resume_policy import EndedAttempt
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec

_PACKAGE = re.compile(r"No module named '?([A-Za-z_]\w*)")
_PYTHON = re.compile(r"there is no Python at (.+) on \S+")


class Requirements:
    """What the unfinished runs of a workspace need. The files of each data set are checked once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._faults: dict[tuple[str, bool], str] = {}

    def still_missing(self, spec: RunSpec, newest: EndedAttempt) -> str:
        """What the run's last attempt lacked and the next one would lack too; empty if it may start.

        The next attempt runs the interpreter of this process. Another machine than this one may lack what is here.
        """
        if newest.state is State.DATA_MISSING:
            return next(missing_data(self._config, [spec]), "") or self._fault_in_files(spec)
        if newest.state is State.ENVIRONMENT_MISSING:
            return _environment(newest.error)
        if newest.state is State.BASE_UNFINISHED:
            base = base_run.unfinished(self._config.workspace, spec)
            return f"{base}: resume that run" if base is not None and not base.continues else ""
        return ""

    def _fault_in_files(self, spec: RunSpec) -> str:
        """What is wrong with the files of the run's data set: a single image may be missing."""
        from attnctl.jobs.data.checking import fault_in_files

        key = spec.dataset, bool(spec.model) and models.describe(spec.model).maps
        if key not in self._faults:
            self._faults[key] = fault_in_files(datasets.describe(spec.dataset), self._config.data, maps=key[1])
        return self._faults[key]


def _environment(error: str) -> str:
    package = _PACKAGE.search(error)
    if package is not None and find_spec(package[1]) is None:
        return f"the package {package[1]} is not installed in {sys.executable}"
    python = _PYTHON.search(error)
    if python is not None and python[1] == sys.executable and not Path(python[1]).exists():
        return f"there is no Python at {python[1]}"
    return ""
