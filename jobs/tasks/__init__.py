"""What networks are trained for: classify, detect, instance and segment, behind one small interface.

A batch is (images, targets), of which the loop knows no more than that. A task knows what is in them, the loss of a
forward, what a training counts, and how an evaluation scores: so checkpoints, resume, events and reports are the same
for all tasks.
"""

from __future__ import annotations

from pathlib import Path

from attnctl import models
from attnctl.jobs.data import TrainingData
from attnctl.jobs.tasks.task import Arithmetic, Task
from attnctl.spec import RunSpec


def open_task(spec: RunSpec, data: TrainingData, arithmetic: Arithmetic, kept: Path) -> Task:
    """The task of a run. kept: the file for what an evaluation of a detector finds."""
    from attnctl.jobs.tasks.classify import Classify

    task = models.task(spec.model)
    if task == "classify":
        return Classify(spec.recipe, arithmetic)
    if task == "segment":
        from attnctl.jobs.tasks.segment import Segment

        return Segment(spec, arithmetic)
    from attnctl.jobs.tasks.detect import Detect, Instance

    return (Detect if task == "detect" else Instance)(spec, data, arithmetic, kept)
