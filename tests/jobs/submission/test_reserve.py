"""Reservations of runs."""

import json
import multiprocessing

from attnctl.files import write_atomic
from attnctl.jobs.slurm.adopt import close_orphan
from attnctl.jobs.submission.reserve import reserve
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Request, Resources, Submission
from tests.jobs.submission.submitted import Specs, here, requested


def reserved_by(config: Config, spec: RunSpec, pid: int, host: str | None = None) -> Request:
    """A reservation of a command that then was killed."""
    reserve(config.workspace, "attnctl-killed", [(spec.id, spec.to_json())], Resources(), "slurm")
    path = config.workspace.run(spec.id).attempt(1).request
    document = json.loads(path.read_bytes()) | {"pid": pid} | ({"host": host} if host else {})
    write_atomic(path, json.dumps(document).encode())
    return requested(config, spec)


def dead() -> int:
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


def test_the_reservation_of_a_killed_command_is_freed(config: Config, make_specs: Specs) -> None:
    (spec,) = make_specs(1)
    reserved_by(config, spec, dead())
    (again,) = here(config, [spec])
    assert again.tasks == [(spec.id, 2)]
    closed = submissions.head(config.workspace.submission("attnctl-killed"))
    assert closed is not None
    assert closed.failed == "the command that reserved these runs ended before it submitted them"


def test_the_reservation_of_a_live_command_or_of_another_machine_remains(config: Config, make_specs: Specs) -> None:
    living, elsewhere = make_specs(2)
    reserved_by(config, living, multiprocessing.current_process().pid or 0)
    assert not close_orphan(config.workspace, reserved_by(config, elsewhere, dead(), host="another-machine"))
    (again,) = here(config, [living, elsewhere])
    assert again.tasks == []


def test_a_command_whose_runs_were_released_does_not_submit(config: Config, make_specs: Specs) -> None:
    (spec,) = make_specs(1)
    assert close_orphan(config.workspace, reserved_by(config, spec, dead()))
    late = Submission(tag="attnctl-killed", created=0, where="slurm", host="h", pid=1, tasks=[[spec.id, 1]], specs={})
    assert not submissions.create(config.workspace, late)
