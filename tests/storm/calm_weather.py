"""The runs of a storm without a storm: what its end is compared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.storm.harness import Size, Sweep, end_jobs

SHORT = Size(single=7, four=1, parallel=4, pace=0.5)
LONG = Size(single=30, four=10, epochs=6, parallel=6, pace=1.0, disk="1g")


@contextmanager
def calm_sweep(folder: Path, size: Size) -> Iterator[Sweep]:
    """Runs without a storm, as fast as they go."""
    sweep = Sweep(folder / "workspace", folder / "aside", size)
    try:
        sweep.submit()
        sweep.settle()
        yield sweep
    finally:
        end_jobs(sweep)
