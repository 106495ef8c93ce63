"""Samples of metrics as the tests of statistics draw them."""

from __future__ import annotations

from hypothesis import strategies as st

from attnctl.reports.statistics.means import Summary, summary

samples = st.lists(st.floats(0, 100).map(lambda value: round(value, 3)), min_size=2, max_size=8)


def summarised(values: list[float]) -> Summary:
    """The summary of values, of which there are some."""
    found = summary(values)
    assert found is not None
    return found
