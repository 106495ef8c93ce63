"""Which words `scancel` is called with."""

from attnctl.jobs.slurm.cancel import array_expressions


def test_array_tasks_are_cancelled_by_ranges() -> None:
    assert list(array_expressions(["9_3", "9_1", "9_2", "9_7", "10_0", "9_3"])) == ["9_[1-3,7]", "10_[0]"]
    pieces = list(array_expressions(f"9_{2 * k}" for k in range(1100)))
    assert [piece.count(",") for piece in pieces] == [499, 499, 99]
