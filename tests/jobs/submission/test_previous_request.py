"""What an earlier attempt had asked for."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.jobs.submission.previous_request import resources
from attnctl.workspace.records import Request, Resources


def request(**asked: Any) -> Request:
    return Request(tag="t", created=1.0, host="login", pid=1, user="ada", nonce="n", where="slurm", resources=asked)


def test_the_requested_resources_are_read_back() -> None:
    asked: dict[str, Any] = {
        "nodes": 2,
        "tasks_per_node": 4,
        "gpus_per_node": 4,
        "cpus_per_task": 8,
        "minutes": 90,
        "device": "cuda",
    }
    assert resources(request(**asked)) == Resources(**asked)


def test_a_missing_time_limit_is_none() -> None:
    assert resources(request(nodes=2, minutes=None)).minutes is None


@pytest.mark.parametrize("asked", [{}, {"nodes": "many"}, {"nodes": True}, {"minutes": "long"}, {"newer": 5}])
def test_missing_and_invalid_values_become_defaults(asked: dict[str, Any]) -> None:
    assert resources(request(**asked)) == Resources(minutes=None)
