"""Submissions and reservations of commands that were killed."""

from collections.abc import Callable
from typing import Any

from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace.records import Request, Resources

Specs = Callable[[int], list[RunSpec]]


def requested(config: Config, spec: RunSpec, attempt: int = 1) -> Request:
    request = Request.read(config.workspace.run(spec.id).attempt(attempt).request)
    assert request is not None
    return request


def here(config: Config, specs: list[RunSpec]) -> Any:
    return submit(config, specs, Resources(), config.slurm, "local")
