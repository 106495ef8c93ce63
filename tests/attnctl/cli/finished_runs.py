"""Runs that have ended, with checkpoints as the training writes them."""

from __future__ import annotations

from pathlib import Path

from attnctl.jobs.training import checkpoint
from attnctl.spec import RunSpec
from tests.attnctl.cli.past_runs import Past, left


def good(past: Past, spec: RunSpec, step: int) -> Path:
    """A checkpoint as the training writes it."""
    run = past.config.workspace.run(spec.id)
    name = checkpoint.Name((1, 0), step)
    data = checkpoint.encode({"format": checkpoint.FORMAT, "spec": run.id, "step": step})
    return past.checkpoint(spec, str(name), data)


def completed(past: Past, spec: RunSpec) -> None:
    past.attempt(spec, "COMPLETED", exit=left("completed", step=40))
