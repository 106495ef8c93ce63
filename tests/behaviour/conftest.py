"""Each test has a cache folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def separate_cache(own_cache: None) -> None:
    """For every test here."""
