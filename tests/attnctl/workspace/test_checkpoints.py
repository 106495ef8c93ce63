"""Files of checkpoints, as whoever has no torch sees them."""

from __future__ import annotations

from attnctl.workspace import checkpoints
from tests.attnctl.cli.finished_runs import good
from tests.attnctl.cli.past_runs import Past


def test_a_digest_is_checked_without_torch(past: Past) -> None:
    (spec,) = past.specs(1)
    path = good(past, spec, 10)
    assert checkpoints.is_whole(path)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:40] + b"?" + data[41:], b"", b"x" * 10):
        path.write_bytes(damaged)
        assert not checkpoints.is_whole(path)
    path.unlink()
    assert not checkpoints.is_whole(path)
