"""Seeds that are derived from others."""

from __future__ import annotations

from attnctl.jobs.data.seeding import derive


def test_a_seed_is_the_same_in_every_release() -> None:
    assert derive(0, "order", 0) == 8407243675484231436
    assert derive(1, 23) != derive(12, 3)
    assert all(0 <= derive(n, "x") < 2**63 for n in range(200))
