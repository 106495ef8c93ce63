"""What a job of a run asks SLURM for. Runs whose jobs ask for the same share a job array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from attnctl.settings.config import SlurmOptions
from attnctl.spec import RunSpec
from attnctl.workspace.records import Resources


@dataclass(frozen=True)
class JobShape:
    """The resources and the options of sbatch."""

    resources: Resources
    options: SlurmOptions

    @cached_property
    def key(self) -> str:
        """Equal for equal shapes."""
        return repr((self.resources, self.options))


def grouped(
    specs: Iterable[RunSpec], shapes: Mapping[str, JobShape], default: JobShape
) -> list[tuple[JobShape, list[RunSpec]]]:
    """The runs of each shape, in the order of its first run. shapes: by run id; default: that of all other runs."""
    groups: dict[str, tuple[JobShape, list[RunSpec]]] = {}
    for spec in specs:
        shape = shapes.get(spec.id, default)
        groups.setdefault(shape.key, (shape, []))[1].append(spec)
    return list(groups.values())
