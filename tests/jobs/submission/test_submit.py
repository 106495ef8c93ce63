"""Reservations and intents, without a scheduler; tests/slurm submits to a real one."""

import multiprocessing
import re
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm import configuration
from attnctl.jobs.submission.submit import SubmitError, starts_again, submit
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Resources, Submission
from tests.jobs.submission.submitted import Specs, here, requested


def test_a_submission_is_on_disk_when_submit_returns(config: Config, make_specs: Specs) -> None:
    specs = make_specs(3)
    (done,) = submit(config, [*specs, specs[0]], Resources(tasks_per_node=2), config.slurm, "local")
    record = Submission.read(config.workspace.submission(done.tag))
    assert record is not None
    assert record.tasks == [[spec.id, 1] for spec in specs]
    assert [RunSpec.from_json(record.specs[run_id]) for run_id, _ in record.tasks] == specs
    assert record.job_id == done.job_id == f"{record.host}:{record.pid}"
    for spec in specs:
        assert config.workspace.run(spec.id).read_spec() == spec
        assert requested(config, spec).resources["tasks_per_node"] == 2
    assert sorted(config.workspace.run_ids()) == sorted(spec.id for spec in specs)
    assert not list(config.workspace.root.rglob(".*"))  # nothing that was written aside is left


def test_an_active_run_is_not_submitted_again(config: Config, make_specs: Specs) -> None:
    specs = make_specs(2)
    here(config, specs[:1])
    (again,) = here(config, specs)
    request = requested(config, specs[0])
    assert again.tasks == [(specs[1].id, 1)]
    reason = again.skipped.pop(specs[0].id)
    assert re.fullmatch(rf"queued by {re.escape(f'{request.user} on {request.host}')} \d+ s ago", reason)
    assert not again.skipped
    (nothing,) = here(config, specs)
    assert (nothing.tasks, nothing.job_id) == ([], None)
    assert len(list(config.workspace.submissions.glob("*.json"))) == 2


def test_a_failed_run_gets_a_second_attempt_and_a_completed_one_none(config: Config, make_specs: Specs) -> None:
    specs = make_specs(2)
    here(config, specs)
    for spec, outcome in zip(specs, ("error", "completed"), strict=True):
        record = Exit(rank=0, at=time.time(), outcome=outcome)
        write_atomic(config.workspace.run(spec.id).attempt(1).incarnation(0).exit(0), record.encode())
    (again,) = here(config, specs)
    assert again.tasks == [(specs[0].id, 2)]
    assert again.skipped == {specs[1].id: "completed"}


def submit_at_once(root: Path, specs: list[RunSpec], start: Event, results: Any) -> None:
    config = Config(workspace=Workspace(root))
    start.wait()
    (done,) = here(config, specs)
    results.put((done.tasks, done.skipped))


def test_two_simultaneous_commands_reserve_each_run_once(config: Config, make_specs: Specs) -> None:
    specs = make_specs(60)
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    commands = [
        context.Process(target=submit_at_once, args=(config.workspace.root, order, start, results))
        for order in (specs, specs[::-1], specs[30:] + specs[:30])
    ]
    for command in commands:
        command.start()
    start.set()
    found = [results.get(timeout=60) for _ in commands]
    for command in commands:
        command.join(60)
    taken = [run_id for tasks, _ in found for run_id, _ in tasks]
    assert sorted(taken) == sorted(spec.id for spec in specs)
    for tasks, skipped in found:
        assert len(tasks) + len(skipped) == len(specs)
        assert all(words.startswith("queued by ") for words in skipped.values())


def test_a_number_of_processes_that_does_not_fit_writes_nothing(config: Config, make_specs: Specs) -> None:
    with pytest.raises(SpecError, match="3 processes cannot share batch 128"):
        submit(config, make_specs(1), Resources(tasks_per_node=3), config.slurm, "local")
    assert not config.workspace.root.exists()


def test_a_workspace_that_is_a_file_is_a_one_line_error(tmp_path: Path, make_specs: Specs) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SubmitError, match=r"cannot write in .*file"):
        here(Config(workspace=Workspace(tmp_path / "file" / "below")), make_specs(1))


@pytest.mark.parametrize("preempt_mode", ["OFF", "REQUEUE", "CANCEL", "GANG,SUSPEND"])
@pytest.mark.parametrize(
    ("extra", "job_requeue", "again"),
    [
        ({}, True, True),
        ({}, False, True),
        ({"requeue": "true"}, False, True),
        ({"no-requeue": "true"}, True, False),
        ({"no-requeue": "false"}, True, True),
        ({"no-requeue": "false"}, False, False),
    ],
)
def test_only_the_settings_and_the_default_decide_whether_jobs_are_requeued(
    extra: dict[str, str], job_requeue: bool, again: bool, preempt_mode: str
) -> None:
    limits = configuration.Limits(
        cluster="c",
        version="22.05",
        max_array=1001,
        requeue=job_requeue,
        preempt_mode=preempt_mode,
        accounting=True,
        gather="",
        private=False,
    )
    assert starts_again(limits, SlurmOptions(extra=extra)) is again
