"""Reading the requests of attempts: the runs of a submission have the same one, which is decoded once."""

from __future__ import annotations

from functools import lru_cache

from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Attempt
from attnctl.workspace.records import RecordError, Request


def read(attempt: Attempt) -> Request | None:
    """The request of an attempt; None before it is written. Raises RecordError."""
    data = untrusted_json.content(attempt.request)
    if data is None:
        return None
    try:
        return _decoded(data)
    except RecordError:
        return Request.decode(data, attempt.request)  # whose error names the file


@lru_cache(maxsize=64)
def _decoded(data: bytes) -> Request:
    return Request.decode(data)
