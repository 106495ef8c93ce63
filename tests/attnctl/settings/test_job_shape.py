"""Runs whose jobs ask SLURM for the same are one group."""

from __future__ import annotations

from attnctl.grid import Axes, expand
from attnctl.settings.config import SlurmOptions
from attnctl.settings.job_shape import JobShape, grouped
from attnctl.workspace.records import Resources

SPECS = expand(Axes(modules=("none", "se", "ela"), datasets=("digits",))).specs


def test_runs_are_grouped_by_what_their_jobs_ask_for_in_the_order_of_the_request() -> None:
    default = JobShape(Resources(), SlurmOptions(mem="1G"))
    large = JobShape(Resources(minutes=5), SlurmOptions(mem="1G", extra={"comment": "x"}))
    same = JobShape(Resources(minutes=5), SlurmOptions(mem="1G", extra={"comment": "x"}))
    groups = grouped(SPECS, {SPECS[0].id: large, SPECS[2].id: same}, default)
    assert groups == [(large, [SPECS[0], SPECS[2]]), (default, [SPECS[1]])]
    assert grouped(SPECS, {SPECS[1].id: JobShape(Resources(), SlurmOptions(mem="1G"))}, default) == [(default, SPECS)]
