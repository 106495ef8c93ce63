"""What tests of every part use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.fixtures.command_line",
    "tests.fixtures.fake_slurm",
    "tests.fixtures.requests",
    "tests.fixtures.small_disk",
]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks are no faster with more, on a busy machine much slower; and the sums are the same everywhere."""
    import torch  # not for the tests that never need it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in parallel, those of a file share a worker, and so their fixtures.

    All that need the one real SLURM share a worker too, since some of them stop its daemons. They wait more than they
    compute, and come first.
    """
    for item in items:
        group = "slurm" if item.get_closest_marker("slurm") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("slurm") is None)
