"""What was measured about runs that share a job, and the room that the next job asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import FIRST, MOST, Packing, Sharing
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Request, Resources


def specs(*backbones: str) -> list[RunSpec]:
    return expand(Axes(modules=("none", "se"), backbones=backbones, datasets=("digits",))).specs


def measured(number: int, asked: int) -> Packing:
    reason = "one more does not pay"
    return Packing(number=number, asked=asked, gains=[1.8, 1.02], reason=reason, device="cpu", at=1.0)


def test_runs_of_one_network_share_a_record_whatever_their_module_and_seed() -> None:
    plain, se = specs("resnet20")
    assert packing.key(plain, Resources()) == packing.key(se, Resources(minutes=5))
    others = {
        packing.key(specs("resnet56")[0], Resources()),
        packing.key(plain, Resources(cpus_per_task=2)),
        packing.key(plain, Resources(gpus_per_node=1)),
        packing.key(plain, Resources(gpus_per_node=1), "a100"),
    }
    assert len(others | {packing.key(plain, Resources())}) == 5


@pytest.mark.parametrize(("number", "asked", "room"), [(2, 4, 2), (4, 4, 8), (1, 4, 1), (12, 12, MOST), (1, 1, 2)])
def test_the_next_job_has_room_for_what_pays_and_for_more_where_all_have_paid(
    tmp_path: Path, number: int, asked: int, room: int
) -> None:
    workspace, (plain, se) = Workspace(tmp_path), specs("resnet20")
    assert packing.room(workspace, [plain, se], Resources()) == FIRST
    packing.write(workspace, packing.key(plain, Resources()), measured(number, asked))
    assert packing.room(workspace, [plain, se], Resources()) == room
    assert packing.room(workspace, [plain, *specs("resnet56")], Resources()) == min(room, FIRST)


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    workspace, (plain, _) = Workspace(tmp_path), specs("resnet20")
    name = packing.key(plain, Resources())
    for content in (b"{", b"{}", measured(0, 4).encode(), measured(99, 99).encode()):
        workspace.packing_folder.mkdir(exist_ok=True)
        write_atomic(workspace.packing(name), content)
        assert packing.read(workspace, name) is None


def test_an_attempt_that_left_the_number_to_measurement_is_told_it(tmp_path: Path) -> None:
    workspace, (plain, _) = Workspace(tmp_path), specs("resnet20")
    packing.write(workspace, packing.key(plain, Resources(gpus_per_node=1), "a100"), measured(2, 4))
    options = {"runs_per_gpu": "auto", "gpu_type": "a100"}
    common = {"tag": "t", "created": 1.0, "host": "login", "pid": 1, "user": "ada", "nonce": "n", "where": "slurm"}
    request = Request.decode(Request(**common, resources={"gpus_per_node": 1}, options=options).encode())  # type: ignore[arg-type]
    found = packing.of_attempt(workspace, plain, request)
    assert found is not None
    assert found.words() == "2 at a time on cpu: gains x1.80, x1.02; one more does not pay"
    fixed = Request(**common, resources={"gpus_per_node": 1}, options=options | {"runs_per_gpu": 2})  # type: ignore[arg-type]
    assert packing.of_attempt(workspace, plain, fixed) is None


def test_runs_that_share_jobs_are_told_together_by_what_is_known_of_them() -> None:
    runs = ["a", "b"]
    told = [
        Sharing(runs=runs, places=4).words(),
        Sharing(runs=runs, places=4, auto=True).words(),
        Sharing(runs=runs[:1], places=4, auto=True, measured=measured(2, 4)).words(),
    ]
    assert told == [
        "2 runs share jobs, up to 4 at a time",
        "2 runs share jobs, up to 4 at a time; the best number is not measured yet",
        "1 run shares jobs: 2 at a time on cpu: gains x1.80, x1.02; one more does not pay",
    ]


def test_a_run_without_a_readable_request_is_not_told_to_share_a_job(tmp_path: Path) -> None:
    workspace, (plain, _) = Workspace(tmp_path), specs("resnet20")
    write_atomic(workspace.run(plain.id).attempt(1).request, b"{")
    assert packing.sharing(workspace, [(plain.id, 1, 4), ("0" * 16, 1, 4)]) == []
