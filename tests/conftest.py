"""What tests of every part use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = [
    "tests.fixtures.command_line",
    "tests.fixtures.fake_slurm",
    "tests.fixtures.forked_processes",
    "tests.fixtures.lab",
    "tests.fixtures.requests",
    "tests.fixtures.small_disk",
    "tests.fixtures.unprivileged",
]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks are no faster with more, on a busy machine much slower; and the sums are the same everywhere."""
    import torch  # not for the tests that never need it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def separate_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests trust is recorded in a folder of their own, and not in that of the user who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


SLURM = ("tests/slurm/", "tests/storm/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the real SLURM come first: they wait more than they compute."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLURM))


class OneWorkerForSlurm(LoadFileScheduling):  # type: ignore[misc]
    """As `--dist loadfile`, with all tests of the one real SLURM on one worker: some of them stop its daemons."""

    def _split_scope(self, nodeid: str) -> str:
        return SLURM[0] if nodeid.startswith(SLURM) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerForSlurm:
    """The scheduler of `pytest -n`."""
    return OneWorkerForSlurm(config, log)
