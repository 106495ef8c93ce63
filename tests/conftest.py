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
